package stream

import "argos/stream/wire"

// An eventTrack is how far a client is in the event log of the server's epoch. It is
// guarded by the client's mutex.
type eventTrack struct {
	offset uint64 // newest event applied
}

// event reports whether an event is newer than the last, as it is to be shown.
func (c *Client) event(e *wire.Event) (Event, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.GetOffset() <= c.events.offset {
		return Event{}, false
	}
	c.events.offset = e.GetOffset()
	return Event{
		Offset: e.GetOffset(), Time: timeOf(e.GetTimeNs()), Kind: cleanText(e.GetKind()),
		Severity: Severity(min(e.GetSeverity(), uint32(Alarm))), Text: cleanText(e.GetText()),
	}, true
}
