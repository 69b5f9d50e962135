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
	min      []float32 // nil unless the grid has it
	counts   []int     // of zero span: windows in each bin's mean; else nil, and as the segments say
	perDB    float64   // steps
	dc       band      // bins that are interpolated
	known    []float32 // by what the power of each bin is to be multiplied; nil: by nothing
}

func newRow(g Grid) *row {
	r := &row{
		frame: Frame{Grid: g, ErrorDB: g.StepDB / 2, Mean: make([]int16, g.Bins), Max: make([]int16, g.Bins)},
		mean:  make([]float64, g.Bins),
		max:   make([]float32, g.Bins),
		perDB: 1 / g.StepDB,
	}
	blank(r.frame.Mean)
	blank(r.frame.Max)
	if g.Min {
		r.frame.Min, r.min = make([]int16, g.Bins), make([]float32, g.Bins)
		blank(r.frame.Min)
		unbound(r.min)
	}
	return r
}

// calibrate makes levels what c says of the gain state of the grid and, where the bins all
// come from one tuning, of its slope.
func (r *row) calibrate(c *Calibration) {
	g := &r.frame.Grid
	level := c.level(g.Tuning)
	var slope Curve
	if !g.Tuning.Sweeps() {
		slope = c.slope(g)
	}
	if level == nil && slope == nil {
		return
	}
	r.known = make([]float32, g.Bins)
	for i := range r.known {
		hz, db := g.BinCenterHz(i), 0.0
		if level != nil {
			db += level.Points.At(hz)
		}
		if slope != nil {
			db += slope.At(hz - g.TunedHz)
		}
		r.known[i] = float32(ratio(db))
	}
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
	if r.min == nil {
		return
	}
	least := r.min[bin:][:len(order)]
	for i, at := range order {
		least[i] = min(least[i], c.min[at])
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
		if r.known != nil {
			for k, gain := range r.known[s.Bin:][:s.Bins] {
				sums[k] *= float64(gain)
				tops[k] *= gain
			}
		}
		share := 1 / float64(s.Windows)
		for k := range mean {
			mean[k], peak[k] = quantise(sums[k]*share, r.perDB), quantise(float64(tops[k]), r.perDB)
		}
		if r.min != nil {
			least, lows := f.Min[s.Bin:][:s.Bins], r.min[s.Bin:][:s.Bins]
			if r.known != nil {
				for k, gain := range r.known[s.Bin:][:s.Bins] {
					lows[k] *= gain
				}
			}
			for k := range least {
				least[k] = quantise(float64(lows[k]), r.perDB)
			}
			unbound(lows)
		}
		if r.counts != nil {
			r.points(f, s)
		}
		clear(sums)
		clear(tops)
		f.interpolate(s, r.dc)
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

// points makes the mean of f that of as many windows as there were in each bin of s; a bin
// without any was not measured.
func (r *row) points(f *Frame, s *Segment) {
	counts := r.counts[s.Bin:][:s.Bins]
	for i, n := range counts {
		k := s.Bin + i
		if n > 0 {
			f.Mean[k] = quantise(r.mean[k]/float64(n), r.perDB)
			continue
		}
		if f.Mean[k], f.Max[k] = Absent, Absent; r.min != nil {
			f.Min[k] = Absent
		}
	}
	clear(counts)
}
