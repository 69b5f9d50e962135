package stream

import (
	"context"
	"fmt"
	"time"

	"argos/stream/wire"
)

const (
	eventsAtOnce = 64
	eventsOnJoin = 100
)

// An eventCursor is where one viewer is in the event log. It is of the viewer's writer
// alone.
type eventCursor struct {
	log    *memoryLog
	offset uint64 // newest event sent
	read   []Event
}

// place sets the cursor for a viewer that comes with resume, and returns the newest
// event there is. known says that the viewer was in this epoch and is no further.
func (c *eventCursor) place(resume *wire.Position, known bool) (head uint64) {
	head = c.log.Head()
	c.offset = head - min(head, eventsOnJoin)
	if known {
		c.offset = resume.GetOffset()
	} else if resume.GetEpoch() != "" {
		c.offset = 0 // it was here before the restart: all events since are owed to it
	}
	return head
}

// write sends v the next events, if there are any.
func (c *eventCursor) write(ctx context.Context, v *viewer) (busy bool, err error) {
	events, gone := c.log.ReadFrom(c.read[:0], c.offset+1, eventsAtOnce)
	c.read = events
	if gone > 0 {
		v.metrics.evictedEvents.Add(float64(gone))
		c.offset += gone
		events = append([]Event{{
			Offset: c.offset, Time: time.Now(), Kind: "gap", Severity: Warning,
			Text: fmt.Sprintf("%d events are no longer held", gone),
		}}, events...)
	}
	for _, e := range events {
		if err := v.send(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Event{Event: &wire.Event{
			Offset: e.Offset, TimeNs: nanos(e.Time), Kind: e.Kind, Severity: uint32(e.Severity), Text: e.Text,
		}}}); err != nil {
			return true, err
		}
		c.offset = e.Offset
	}
	return len(events) > 0, nil
}
