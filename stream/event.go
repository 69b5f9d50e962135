package stream

import (
	"fmt"
	"time"

	"argos/stream/wire"
)

// An Event is one line of what happened.
type Event struct {
	Offset   uint64 // in the server's log of this epoch; 0 for the client's own
	Hash     Hash   // of that log's chain, after this event
	Time     time.Time
	Kind     string // "link", "restart", "device", "tuned", "overload", "lost", "gap", "clock", "calibration"
	Severity Severity
	Text     string // one line, no control characters
	LowHz    float64
	HighHz   float64   // the band that it is about; both 0: none
	Gap      *EventGap // which events will not come; nil: this is no such gap
}

// Restart reports whether e says that the frames that follow are of another epoch:
// their sequence and generation numbers have nothing to do with those before.
func (e *Event) Restart() bool { return e.Kind == kindRestart && e.Offset == 0 }

const kindRestart = "restart"

// Severity says how loud an event is.
type Severity uint8

// The severities.
const (
	Info Severity = iota
	Warning
	Alarm
)

func (s Severity) String() string { return [...]string{"info", "warning", "alarm"}[s] }

// An EventGap is a stretch of the event log that will not come.
type EventGap struct {
	First, Last uint64 // offsets; none where Last is below First
	Reason      string // of docs/PROTOCOL.md, "Events"
}

// Count is how many events are in the gap.
func (g *EventGap) Count() uint64 { return g.Last + 1 - min(g.First, g.Last+1) }

// Why events do not come.
const (
	gapJoined   = "joined"   // they are older than the viewer, or gapEvicted, or
	gapDiverged = "diverged" // what the viewer has is not what this log has
)

// gapEvent is a gap as an operator reads it.
func gapEvent(at place, g *EventGap) Event {
	e := Event{Offset: at.offset, Hash: at.hash, Time: time.Now(), Kind: "gap", Severity: Warning, Gap: g}
	switch g.Reason {
	case gapEvicted:
		e.Text = fmt.Sprintf("%d events lost: the server no longer holds them", g.Count())
	case gapDiverged:
		e.Text = fmt.Sprintf("the server's log is not the one that was read: its %d events before these are not known", g.Count())
	default:
		e.Text = fmt.Sprintf("%d events lost: %s", g.Count(), g.Reason)
	}
	return e
}

// storedEvent is e as a log keeps it, stamped if it has no time, its text safe to send.
func storedEvent(e *Event) ([]byte, error) {
	at := e.Time
	if at.IsZero() {
		at = time.Now()
	}
	return encodingPB.marshal(nil, &wire.Event{
		TimeNs: nanos(at), Kind: cleanText(e.Kind), Severity: uint32(e.Severity), Text: cleanText(e.Text),
		LowHz: finite(e.LowHz), HighHz: finite(e.HighHz),
	})
}

// wireEvent is a log's entry for a viewer.
func wireEvent(e *entry, as encoding) (*wire.Event, error) {
	if as == encodingJSON {
		return plainEvent(e)
	}
	return &wire.Event{Offset: e.offset, H: e.hash[:], Stored: e.stored}, nil
}

// plainEvent is a log's entry with all that is stored of it to be read.
func plainEvent(e *entry) (*wire.Event, error) {
	m := new(wire.Event)
	if err := encodingPB.unmarshal(e.stored, m); err != nil {
		return nil, fmt.Errorf("event %d as stored: %w", e.offset, err)
	}
	m.Offset, m.H, m.Prev = e.offset, e.hash[:], e.prev[:]
	return m, nil
}

// eventAt reads an event as it is stored, which came with this place in the chain. Its
// text is made safe to show.
func eventAt(at place, stored []byte) (Event, error) {
	m := new(wire.Event)
	if err := encodingPB.unmarshal(stored, m); err != nil {
		return Event{}, fmt.Errorf("event %d: %w", at.offset, err)
	}
	return Event{
		Offset: at.offset, Hash: at.hash, Time: timeOf(m.GetTimeNs()), Kind: cleanText(m.GetKind()),
		Severity: Severity(min(m.GetSeverity(), uint32(Alarm))), Text: cleanText(m.GetText()),
		LowHz: finite(m.GetLowHz()), HighHz: finite(m.GetHighHz()),
	}, nil
}
