package spectrum

import (
	"errors"
	"slices"
	"time"

	"argos/device"
)

// errUneven is a part of the band that covers another in part only, so that neither
// can be a Segment.
var errUneven = errors.New("pieces of the sweep overlap unevenly")

// A row gathers linear power over a grid and makes frames of it.
type row struct {
	frame    Frame // the one that emit hands out, over and over
	segments []Segment
	mean     []float64 // sum of powers of a bin since the last frame
	max      []float32
	counts   []int   // of zero span: windows in each bin's mean; else nil, and as the segments say
	perDB    float64 // steps
}

func newRow(g Grid) *row {
	r := &row{
		frame: Frame{Grid: g, Mean: make([]int16, g.Bins), Max: make([]int16, g.Bins)},
		mean:  make([]float64, g.Bins),
		max:   make([]float32, g.Bins),
		perDB: 1 / g.StepDB,
	}
	blank(r.frame.Mean)
	blank(r.frame.Max)
	return r
}

// segment finds the segment with these borders or makes it.
func (r *row) segment(bin, bins int) (*Segment, error) {
	i, found := slices.BinarySearchFunc(r.segments, bin, func(s Segment, bin int) int { return s.Bin - bin })
	if found {
		if r.segments[i].Bins != bins {
			return nil, errUneven
		}
		return &r.segments[i], nil
	}
	if i > 0 && r.segments[i-1].Bin+r.segments[i-1].Bins > bin || i < len(r.segments) && bin+bins > r.segments[i].Bin {
		return nil, errUneven
	}
	r.segments = slices.Insert(r.segments, i, Segment{Bin: bin, Bins: bins})
	r.frame.Segments = slices.Grow(r.frame.Segments, len(r.segments)-len(r.frame.Segments))
	return &r.segments[i], nil
}

// note counts what a block says of itself.
func (r *row) note(b *device.Block) {
	r.frame.Lost += b.Lost
	if len(b.Samples) > 0 {
		r.frame.Overload = max(r.frame.Overload, railed(b.Samples, b.Format))
	}
}

// measured adds windows, taken from first to last, to a segment.
func (s *Segment) measured(windows int, first, last time.Time) {
	if s.Windows == 0 {
		s.First = first
	}
	s.Last = last
	s.Windows += windows
}

// fold adds cells to the bins from bin on; order says which cell belongs to which.
func (r *row) fold(bin int, order []uint32, c cells) {
	mean, peak := r.mean[bin:][:len(order)], r.max[bin:][:len(order)]
	for i, at := range order {
		mean[i] += float64(c.sum[at])
		peak[i] = max(peak[i], c.max[at])
	}
}

// empty reports whether nothing was measured since the last frame.
func (r *row) empty() bool {
	for i := range r.segments {
		if r.segments[i].Windows > 0 {
			return false
		}
	}
	return true
}

// emit hands out what was measured since the last frame, if anything was, and starts
// the next.
func (r *row) emit(emit func(*Frame)) {
	f := &r.frame
	f.Reset(f.Grid.Bins)
	for i := range r.segments {
		s := &r.segments[i]
		if s.Windows == 0 {
			continue
		}
		mean, peak := f.Mean[s.Bin:][:s.Bins], f.Max[s.Bin:][:s.Bins]
		sums, tops := r.mean[s.Bin:][:s.Bins], r.max[s.Bin:][:s.Bins]
		share := 1 / float64(s.Windows)
		for k := range mean {
			mean[k], peak[k] = quantise(sums[k]*share, r.perDB), quantise(float64(tops[k]), r.perDB)
		}
		if r.counts != nil {
			r.points(s, mean, peak)
		}
		clear(sums)
		clear(tops)
		if len(f.Segments) == 0 || s.First.Before(f.First) {
			f.First = s.First
		}
		if len(f.Segments) == 0 || s.Last.After(f.Last) {
			f.Last = s.Last
		}
		f.Segments = append(f.Segments, *s)
		s.Windows = 0
	}
	if len(f.Segments) > 0 {
		emit(f)
		f.Lost, f.Overload = 0, 0
	}
}

// points makes mean that of as many windows as there were in each bin; one without any was
// not measured.
func (r *row) points(s *Segment, mean, peak []int16) {
	counts := r.counts[s.Bin:][:s.Bins]
	for k, n := range counts {
		if n == 0 {
			mean[k], peak[k] = Absent, Absent
		} else {
			mean[k] = quantise(r.mean[s.Bin+k]/float64(n), r.perDB)
		}
	}
	clear(counts)
}
