package spectrum

import (
	"fmt"
	"slices"
	"strings"
)

// A DC says what becomes of the bins around the radio's centre, where a receiver without
// an offset hears itself: those of the window's main lobe, its nulls included.
type DC uint8

// What can become of it. It is kept unless somebody says otherwise: a signal may be there.
const (
	DCKeep        DC = iota
	DCMask           // the bins are not measured
	DCInterpolate    // they lie on a line in dB between the medians of the bins beside them
)

var dcNames = [...]string{"keep", "mask", "interpolate"}

// ParseDC finds one by name; no name is that of DCKeep, too.
func ParseDC(s string) (DC, error) {
	for i, name := range dcNames {
		if strings.EqualFold(s, name) {
			return DC(i), nil
		}
	}
	if s == "" {
		return DCKeep, nil
	}
	return 0, fmt.Errorf("%q is nothing that can become of DC: use %s", s, strings.Join(dcNames[:], ", "))
}

func (d DC) String() string {
	if int(d) >= len(dcNames) {
		return fmt.Sprintf("dc %d", d)
	}
	return dcNames[d]
}

// meets reports whether b and other share bins.
func (b band) meets(other band) bool { return b.low < other.high && other.low < b.high }

// outOf is what is left of bands without b.
func (b band) outOf(bands []band) []band {
	var left []band
	for _, part := range bands {
		for _, side := range [2]band{{part.low, min(part.high, b.low)}, {max(part.low, b.high), part.high}} {
			if side.low < side.high {
				left = append(left, side)
			}
		}
	}
	return left
}

// dcBeside is how many bins on each side tell what is in between: more than twice what a
// carrier fills through any window, so that one does not show in their median.
const dcBeside = 19

// interpolate bridges the bins of dc that are in segment s.
func (f *Frame) interpolate(s *Segment, dc band) {
	if !dc.meets(band{s.Bin, s.Bin + s.Bins}) {
		return
	}
	low, high := max(dc.low-s.Bin, 0), min(dc.high-s.Bin, s.Bins)
	bridge(f.Mean[s.Bin:][:s.Bins], low, high)
	bridge(f.Max[s.Bin:][:s.Bins], low, high)
	if f.Grid.Min {
		bridge(f.Min[s.Bin:][:s.Bins], low, high)
	}
}

// bridge lays the powers from low up to high on a line from those below to those above.
// Where there are none on one side it is level.
func bridge(powers []int16, low, high int) {
	from, to := median(powers[max(low-dcBeside, 0):low]), median(powers[high:min(high+dcBeside, len(powers))])
	switch {
	case from == Absent && to == Absent:
		return // a range that is all DC
	case from == Absent:
		from = to
	case to == Absent:
		to = from
	}
	for i := low; i < high; i++ {
		powers[i] = int16(int(from) + (int(to)-int(from))*(i-low+1)/(high-low+1))
	}
}

// median is the middle one of up to dcBeside powers, the lower of two; Absent of none.
func median(powers []int16) int16 {
	if len(powers) == 0 {
		return Absent
	}
	var sorted [dcBeside]int16
	n := copy(sorted[:], powers)
	slices.Sort(sorted[:n])
	return sorted[(n-1)/2]
}
