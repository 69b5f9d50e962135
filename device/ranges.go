package device

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// MaxRanges is the most ranges of a tuning: what libhackrf sweeps.
const MaxRanges = 10

// A Range is a stretch of frequencies in Hz.
type Range struct{ LowHz, HighHz float64 }

func (r Range) String() string { return FormatHz(r.LowHz, 6) + ":" + FormatHz(r.HighHz, 6) }

// Ranges are the parts of a span that are wanted, in order and apart. The zero value is
// the whole span. Ranges that are equal by == are the same.
type Ranges struct {
	n    int
	list [MaxRanges]Range
}

// Several reports whether there is a part of the span that is not wanted.
func (r *Ranges) Several() bool { return r.n > 1 }

// Slice is the ranges themselves, empty where the whole span is wanted.
func (r *Ranges) Slice() []Range { return r.list[:r.n] }

func (r Ranges) String() string {
	var parts []string
	for _, part := range r.Slice() {
		parts = append(parts, part.String())
	}
	return strings.Join(parts, ",")
}

var (
	errRangeEmpty   = errors.New("the lower edge comes first")
	errRangeOverlap = errors.New("ranges overlap")
	errRangesMany   = fmt.Errorf("use at most %d ranges", MaxRanges)
)

// Over is t, tuned to the ranges, in whatever order they come. More than MaxRanges are
// refused, and those that overlap or have no width.
func (t Tuning) Over(ranges ...Range) (Tuning, error) {
	if len(ranges) == 0 || len(ranges) > MaxRanges {
		return t, errRangesMany
	}
	var r Ranges
	r.n = copy(r.list[:], ranges)
	sorted := r.Slice()
	slices.SortFunc(sorted, func(a, b Range) int { return cmp.Compare(a.LowHz, b.LowHz) })
	for i, s := range sorted {
		if !(s.LowHz >= 0 && s.HighHz > s.LowHz) {
			return t, fmt.Errorf("%q is not a range: %w", s, errRangeEmpty)
		}
		if i > 0 && s.LowHz < sorted[i-1].HighHz {
			return t, fmt.Errorf("%w: %s and %s; write them as one", errRangeOverlap, sorted[i-1], s)
		}
	}
	low, high := sorted[0].LowHz, sorted[r.n-1].HighHz
	t.CenterHz, t.SpanHz, t.Ranges = (low+high)/2, high-low, Ranges{}
	if r.n > 1 {
		t.Ranges = r
	}
	return t, nil
}

// Parts are the ranges of t, one where the whole span is wanted.
func (t Tuning) Parts() []Range {
	if t.Ranges.Several() {
		return t.Ranges.Slice()
	}
	return []Range{{t.StartHz(), t.StopHz()}}
}
