package stream

import (
	"context"
	"fmt"
	"slices"

	"argos/stream/wire"
)

const (
	pastAtOnce = 100   // events in one answer
	pastLooked = 1_000 // entries of the log that are looked at for one answer
)

// A Past is a page of the event log.
type Past struct {
	Events []Event // oldest first
	From   uint64  // the oldest offset looked at: ask for what is before it next; 0: there is no more
}

// past answers a viewer that asks for older events.
func (c *eventCursor) past(ask *wire.PastRequest, as encoding) (*wire.Past, error) {
	c.mu.Lock()
	filter := c.filter
	c.mu.Unlock()
	head := c.feed.Head()
	before := head.offset + 1
	if b := ask.GetBefore(); b > 0 {
		before = min(before, b)
	}
	limit := pastAtOnce
	if n := ask.GetLimit(); n > 0 {
		limit = int(min(n, pastAtOnce))
	}
	answer := &wire.Past{Key: ask.GetKey()}
	from := before - min(before-1, pastLooked)
	read, err := c.feed.ReadFrom(nil, from, int(before-from))
	if err != nil {
		return nil, fmt.Errorf("event log: %w", err)
	}
	// What is no longer held makes the first entry a later one.
	read = slices.DeleteFunc(read, func(e entry) bool { return e.offset >= before })
	if len(read) > 0 && read[0].offset == from && from > 1 {
		answer.From = from
	}
	for i := len(read) - 1; i >= 0; i-- {
		plain, err := plainEvent(&read[i])
		if err != nil {
			return nil, err
		}
		if !filter.passes(plain) {
			continue
		}
		if len(answer.GetEvents()) == limit {
			answer.From = read[i].offset + 1
			break
		}
		e, err := wireEvent(&read[i], as)
		if err != nil {
			return nil, err
		}
		answer.Events = append(answer.Events, e)
	}
	slices.Reverse(answer.Events)
	return answer, nil
}

// Past asks for events of this epoch that pass the client's filter, older than the
// offset before (0: the newest there are), at most limit, and at most 100 (0: 100). It
// waits for the answer, at most 10 s. A page may hold fewer than there are, even none:
// its From says where to go on.
func (c *Client) Past(ctx context.Context, before uint64, limit int) (Past, error) {
	if limit < 0 || limit > pastAtOnce {
		limit = 0
	}
	m, err := c.ask(ctx, func(key string) *wire.ClientMessage {
		return &wire.ClientMessage{Kind: &wire.ClientMessage_Past{Past: &wire.PastRequest{Key: key, Before: before, Limit: uint32(limit)}}}
	})
	if err != nil {
		return Past{}, fmt.Errorf("past events: %w", err)
	}
	answer := m.GetPast()
	p := Past{From: answer.GetFrom()}
	for _, e := range answer.GetEvents() {
		hash, _ := hashOf(e.GetH())
		event, err := eventAt(place{e.GetOffset(), hash}, e.GetStored())
		if err != nil {
			return Past{}, fmt.Errorf("past events: %w", err)
		}
		p.Events = append(p.Events, event)
	}
	return p, nil
}
