package spectrum

import "math/bits"

// A Part says what of a measured grid a Grid is. The zero Part is all of it, as
// measured.
type Part struct {
	Cell  int // measured bins in each bin, a power of two
	First int // the measured bin where bin 0 begins, a multiple of Cell
	Of    int // bins of the measured grid
}

// A Slice is an aligned part of a measured grid at a resolution: the bins from First
// on, Cell of them in each cell. Viewers that ask for about the same get the same.
type Slice struct {
	First, Bins int // measured bins
	Cell        int // a power of two
}

// Measured is the measured grid that g is a part of.
func (g *Grid) Measured() Grid {
	m := *g
	if p := g.Part; p != (Part{}) {
		m.BinHz = g.BinHz / float64(p.Cell)
		m.StartHz, m.Bins, m.Part = g.StartHz-float64(p.First)*m.BinHz, p.Of, Part{}
	}
	return m
}

// Slice chooses what shows lowHz to highHz (0 and 0: all of g) in at least so many
// cells, if there are as many bins, and in less than twice as many (0: all bins). The
// bins begin and end at multiples of a power of two of about a quarter of what is asked
// for. g is as measured.
func (g *Grid) Slice(lowHz, highHz float64, cells int) Slice {
	low, high := 0, g.Bins
	if lowHz < highHz {
		low = min(max(g.BinAt(lowHz), 0), g.Bins-1)
		high = min(max(g.BinAt(highHz)+1, low+1), g.Bins)
	}
	s := Slice{Cell: 1}
	if cells > 0 && high-low > cells {
		s.Cell = 1 << (bits.Len(uint((high-low)/cells)) - 1)
	}
	unit := max(1<<bits.Len(uint(high-low-1))/4, s.Cell)
	s.First = low / unit * unit
	s.Bins = min((high+unit-1)/unit*unit, g.Bins) - s.First
	return s
}

// Cells is the number of cells of s.
func (s Slice) Cells() int { return (s.Bins + s.Cell - 1) / s.Cell }

// Tier is s with half as many cells, that often.
func (s Slice) Tier(halved int) Slice {
	s.Cell <<= halved
	end := s.First + s.Bins
	s.First = s.First / s.Cell * s.Cell
	s.Bins = end - s.First
	return s
}

// Reduce makes dst what slice s of src looks like: of the bins of each cell the
// greatest Max and the mean power, peaks whole. src is as measured.
func Reduce(dst, src *Frame, s Slice) {
	if s.Cell == 1 && s.Bins == src.Grid.Bins {
		dst.CopyFrom(src)
		return
	}
	end, cells := s.First+s.Bins, s.Cells()
	segments := append(dst.Segments[:0], src.Segments...)
	dst.resize(cells)
	mean, peak := dst.Mean, dst.Max
	*dst = *src
	dst.Segments, dst.Mean, dst.Max = segments, mean, peak
	g := &dst.Grid
	g.Part = Part{Cell: s.Cell, First: s.First, Of: src.Grid.Bins}
	g.Bins, g.StartHz, g.BinHz = cells, g.StartHz+float64(s.First)*g.BinHz, g.BinHz*float64(s.Cell)

	power := powers(src.Grid.StepDB)
	for c := range cells {
		low := s.First + c*s.Cell
		high := min(low+s.Cell, end)
		top, sum, n := int16(Absent), float32(0), 0
		for i := low; i < high; i++ {
			top = max(top, src.Max[i])
			if q := src.Mean[i]; q != Absent {
				sum += power.linear(q)
				n++
			}
		}
		peak[c], mean[c] = top, Absent
		if n > 0 {
			mean[c] = power.quantise(sum / float32(n))
		}
	}
	dst.reduceSegments(s)
}

// reduceSegments moves segments from a measured grid to the cells of a slice of it. A
// cell across the border of two goes to the first.
func (f *Frame) reduceSegments(slice Slice) {
	next, kept := 0, f.Segments[:0]
	for _, s := range f.Segments {
		low := max(s.Bin, slice.First) - slice.First
		high := min(s.Bin+s.Bins, slice.First+slice.Bins) - slice.First
		if low >= high {
			continue
		}
		end := (high + slice.Cell - 1) / slice.Cell
		s.Bin = max(low/slice.Cell, next)
		s.Bins = end - s.Bin
		next = end
		if s.Bins > 0 {
			kept = append(kept, s)
		}
	}
	f.Segments = kept
}
