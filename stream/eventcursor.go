package stream

import (
	"context"
	"fmt"
	"sync"

	"argos/stream/wire"
)

const (
	eventWindow  = 64 // messages on their way to a viewer that have not been acknowledged
	eventsAtOnce = 64
	eventsOnJoin = 100

	eventsPerFrame = 16 // where there are many: a message of each lane takes about as much
)

// An eventCursor is where one viewer is in the event log.
type eventCursor struct {
	feed *eventFeed

	mu     sync.Mutex
	filter Filter
	sent   []uint64 // offsets of messages not yet acknowledged, oldest first
	acked  uint64   // newest event that the viewer says it has

	// Of the writer alone.
	at   place          // behind what was sent last
	gap  *wire.EventGap // to be sent before anything else
	read []entry        // from the log and not yet sent
}

// set makes f the filter of the events that follow.
func (c *eventCursor) set(f Filter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filter = f
}

// join sets the cursor for a viewer that comes with resume. It reports whether events go
// on behind that; if not, a gap says from where they do.
func (c *eventCursor) join(resume *wire.Position) (resumed bool, err error) {
	head, epoch := c.feed.Head(), c.feed.Epoch()
	switch resume.GetEpoch() {
	case epoch:
		resumed, err = c.resume(resume, head)
		if !resumed && err == nil {
			err = c.begin(head, gapDiverged)
		}
	case "":
		err = c.begin(head, gapJoined)
	default:
		c.at = place{0, firstHash(epoch)} // it was here before the restart: all events since are owed to it
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = c.at.offset
	return resumed, err
}

// resume goes on where the viewer left off, if it has what this log has up to there, or
// if that can no longer be known.
func (c *eventCursor) resume(resume *wire.Position, head place) (bool, error) {
	offset := resume.GetOffset()
	hash, ok := hashOf(resume.GetH())
	if offset == 0 && len(resume.GetH()) == 0 { // it has seen no event, so what it has is the beginning
		hash, ok = firstHash(c.feed.Epoch()), true
	}
	if !ok || offset > head.offset {
		return false, nil
	}
	same := offset == head.offset && hash == head.hash
	if offset < head.offset {
		next, err := c.feed.ReadFrom(nil, offset+1, 1)
		if err != nil {
			return false, err
		}
		same = len(next) == 0 || next[0].offset > offset+1 || next[0].prev == hash
	}
	if same {
		c.at = place{offset, hash}
	}
	return same, nil
}

// begin sets the cursor before the newest events, and plans to say so.
func (c *eventCursor) begin(head place, reason string) error {
	c.at = place{0, firstHash(c.feed.Epoch())}
	if head.offset > eventsOnJoin {
		c.at = head
		oldest, err := c.feed.ReadFrom(nil, head.offset-eventsOnJoin+1, 1)
		if err != nil {
			return err
		}
		if len(oldest) > 0 {
			c.at = place{oldest[0].offset - 1, oldest[0].prev}
		}
	}
	if c.at.offset > 0 || reason == gapDiverged {
		c.gap = &wire.EventGap{First: 1, Last: c.at.offset, H: c.at.hash[:], Reason: reason}
	}
	return nil
}

// acknowledge takes all events up to offset as applied.
func (c *eventCursor) acknowledge(offset uint64) (opened bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	done := 0
	for done < len(c.sent) && c.sent[done] <= offset {
		done++
	}
	if done > 0 {
		c.acked = c.sent[done-1]
		c.sent = c.sent[:copy(c.sent, c.sent[done:])]
	}
	return done > 0
}

// lag is how many events before head the viewer has acknowledged.
func (c *eventCursor) lag(head place) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return head.offset - min(head.offset, c.acked)
}

// write sends v the next message of the lane, if there is one and the window has room.
func (c *eventCursor) write(ctx context.Context, v *viewer) (busy bool, err error) {
	c.mu.Lock()
	filter, room := c.filter, len(c.sent) < eventWindow
	c.mu.Unlock()
	if !room {
		return false, nil
	}
	m, err := c.next(&filter, v.encoding)
	if m == nil || err != nil {
		return false, err
	}
	if gap := m.GetEventGap(); gap != nil {
		v.deviceSeen, v.gpsSeen = 0, 0 // what the lost events would have told
		if gap.GetReason() != gapJoined {
			v.metrics.gapEvents.WithLabelValues(gap.GetReason()).Add(float64(gap.GetLast() - gap.GetFirst() + 1))
		}
	}
	c.mu.Lock()
	c.sent = append(c.sent, c.at.offset)
	c.mu.Unlock()
	return true, v.send(ctx, m)
}

// next takes what comes next from the log: a gap, an event, or that some are left out.
func (c *eventCursor) next(filter *Filter, as encoding) (*wire.ServerMessage, error) {
	if c.gap == nil && len(c.read) == 0 {
		if err := c.readOn(); err != nil {
			return nil, err
		}
	}
	if gap := c.gap; gap != nil {
		c.gap = nil
		return &wire.ServerMessage{Kind: &wire.ServerMessage_EventGap{EventGap: gap}}, nil
	}
	passed := 0
	for passed < len(c.read) {
		if filter.All() {
			break
		}
		e, err := plainEvent(&c.read[passed])
		if err != nil {
			return nil, err
		}
		if filter.passes(e) {
			break
		}
		passed++
	}
	switch {
	case passed > 0:
		c.at = c.read[passed-1].place
		c.read = c.read[passed:]
		return &wire.ServerMessage{Kind: &wire.ServerMessage_Passed{Passed: &wire.Passed{Offset: c.at.offset, H: c.at.hash[:]}}}, nil
	case len(c.read) > 0:
		e, err := wireEvent(&c.read[0], as)
		c.at = c.read[0].place
		c.read = c.read[1:]
		return &wire.ServerMessage{Kind: &wire.ServerMessage_Event{Event: e}}, err
	}
	return nil, nil
}

// readOn reads from the log behind the cursor. What is no longer there is a gap.
func (c *eventCursor) readOn() error {
	// The head first: what is appended meanwhile must not look like a hole before it.
	before := c.feed.Head()
	read, err := c.feed.ReadFrom(nil, c.at.offset+1, eventsAtOnce)
	if err != nil {
		return fmt.Errorf("event log: %w", err)
	}
	to := before
	if len(read) > 0 {
		to = place{read[0].offset - 1, read[0].prev}
	}
	if to.offset > c.at.offset {
		c.gap = &wire.EventGap{First: c.at.offset + 1, Last: to.offset, H: to.hash[:], Reason: gapEvicted}
		c.at = to
	}
	c.read = read
	return nil
}
