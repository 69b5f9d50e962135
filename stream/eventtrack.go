package stream

import (
	"errors"
	"fmt"
	"math"

	"argos/stream/wire"
)

// An eventTrack is how far a client is in the event log of the server's epoch. It is
// guarded by the client's mutex.
type eventTrack struct {
	at      place
	ackSent uint64
}

var errChain = errors.New("the chain of events does not close")

// event applies what the server says in the event lane: once, in order, and only where
// the chain closes. e is what is to be shown of it, nil for nothing.
func (c *Client) event(m *wire.ServerMessage) (e *Event, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &c.events
	switch kind := m.GetKind().(type) {
	case *wire.ServerMessage_Event:
		e, err = t.event(kind.Event)
	case *wire.ServerMessage_Passed:
		err = t.passed(kind.Passed)
	case *wire.ServerMessage_EventGap:
		e, err = t.gap(kind.EventGap)
		if e != nil {
			c.link.EventsMissing += e.Gap.Count()
		}
	}
	return e, err
}

func (t *eventTrack) event(m *wire.Event) (*Event, error) {
	offset := m.GetOffset()
	if offset <= t.at.offset {
		return nil, nil // it came before
	}
	if offset != t.at.offset+1 {
		return nil, fmt.Errorf("%w: event %d came after %d", errChain, offset, t.at.offset)
	}
	hash, _ := hashOf(m.GetH())
	at := place{offset, t.at.hash.next(offset, m.GetStored())}
	if at.hash != hash {
		return nil, fmt.Errorf("%w: event %d", errChain, offset)
	}
	e, err := eventAt(at, m.GetStored())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errGarbage, err)
	}
	t.at = at
	return &e, nil
}

func (t *eventTrack) passed(m *wire.Passed) error {
	hash, ok := hashOf(m.GetH())
	switch {
	case m.GetOffset() <= t.at.offset:
		return nil
	case !ok || m.GetOffset() > math.MaxInt64:
		return fmt.Errorf("%w: no hash after event %d", errChain, m.GetOffset())
	}
	t.at = place{m.GetOffset(), hash}
	return nil
}

// gap goes on behind a gap. What was before one who joins is none to show.
func (t *eventTrack) gap(m *wire.EventGap) (*Event, error) {
	hash, ok := hashOf(m.GetH())
	g := &EventGap{First: m.GetFirst(), Last: m.GetLast(), Reason: cleanText(m.GetReason())}
	switch {
	case !ok || g.Last > math.MaxInt64:
		return nil, fmt.Errorf("%w: a gap to %d without a hash", errChain, g.Last)
	case g.Reason == gapDiverged && g.First == 1: // what was read before is not of this log
	case g.First != t.at.offset+1 || g.Last < g.First:
		return nil, fmt.Errorf("%w: a gap from %d to %d came after %d", errChain, g.First, g.Last, t.at.offset)
	}
	if g.Reason == gapDiverged {
		t.ackSent = 0
	}
	t.at = place{g.Last, hash}
	if g.Reason == gapJoined {
		return nil, nil
	}
	e := gapEvent(t.at, g)
	return &e, nil
}
