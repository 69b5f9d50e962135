package stream

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"argos/device"
	"argos/stream/wire"
)

// A Filter says which events are wanted. Each part lets all through where it is zero.
type Filter struct {
	Kinds    []string
	Severity Severity // at least so grave
	LowHz    float64  // events about a band that overlaps this one, and those about none
	HighHz   float64
}

// kindsAtMost bounds what a server compares for each event.
const kindsAtMost = 32

// ParseFilter reads what people write: severities, kinds and LOW:HIGH bands, separated
// by commas, such as "warning" or "tuned,overload,433M:435M". Empty: all events.
func ParseFilter(text string) (Filter, error) {
	var f Filter
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		low, high, band := strings.Cut(part, ":")
		severity := slices.IndexFunc([]Severity{Info, Warning, Alarm}, func(s Severity) bool { return s.String() == part })
		switch {
		case part == "" && text == "":
		case part == "":
			return Filter{}, errors.New("an empty part: separate severities, kinds and bands by single commas")
		case band:
			var lowErr, highErr error
			f.LowHz, lowErr = device.ParseHz(low)
			f.HighHz, highErr = device.ParseHz(high)
			if lowErr != nil || highErr != nil || f.LowHz < 0 || f.HighHz <= f.LowHz {
				return Filter{}, fmt.Errorf("%q is not a band: use LOW:HIGH, such as 433M:435M", part)
			}
		case severity >= 0:
			f.Severity = Severity(severity)
		case cleanText(part) != part || len(f.Kinds) == kindsAtMost:
			return Filter{}, fmt.Errorf("%q cannot be a kind of event", part)
		default:
			f.Kinds = append(f.Kinds, part)
		}
	}
	return f, nil
}

// passes reports whether an event is wanted.
func (f *Filter) passes(e *wire.Event) bool {
	switch {
	case e.GetSeverity() < uint32(f.Severity):
		return false
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.GetKind()):
		return false
	case f.HighHz == 0 || e.GetLowHz() == 0 && e.GetHighHz() == 0:
		return true
	}
	return e.GetLowHz() <= f.HighHz && e.GetHighHz() >= f.LowHz
}

// All reports whether every event passes.
func (f *Filter) All() bool { return len(f.Kinds) == 0 && f.Severity == Info && f.HighHz == 0 }

func (f *Filter) message() *wire.Filter {
	return &wire.Filter{Kinds: f.Kinds, Severity: uint32(f.Severity), LowHz: f.LowHz, HighHz: f.HighHz}
}

// filterOf reads a viewer's filter. One that cannot be meant breaks the protocol:
// guessing would leave events out silently.
func filterOf(m *wire.Filter) (Filter, error) {
	low, high := m.GetLowHz(), m.GetHighHz()
	switch {
	case len(m.GetKinds()) > kindsAtMost:
		return Filter{}, fmt.Errorf("%w: a filter of more than %d kinds", errMessage, kindsAtMost)
	case m.GetSeverity() > math.MaxUint8 || !within(low, 0, mostHz) || !within(high, 0, mostHz) || high < low:
		return Filter{}, fmt.Errorf("%w: a filter that nothing can pass", errMessage)
	}
	return Filter{Kinds: m.GetKinds(), Severity: Severity(m.GetSeverity()), LowHz: low, HighHz: high}, nil
}
