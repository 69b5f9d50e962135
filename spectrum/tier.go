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
		m.BinHz, m.PointSec = g.BinHz/float64(p.Cell), g.PointSec/float64(p.Cell)
		m.StartHz, m.Bins, m.Part = g.StartHz-float64(p.First)*m.BinHz, p.Of, Part{}
	}
	return m
}

// Slice chooses what shows lowHz to highHz (0 and 0: all of g) in at least so many
// cells, if there are as many bins, and in less than twice as many (0: all bins). The
// bins begin and end at multiples of a power of two of about a quarter of what is asked
// for. In zero span, where all bins are of one frequency, it is all of g. g is as measured.
func (g *Grid) Slice(lowHz, highHz float64, cells int) Slice {
	low, high := 0, g.Bins
	if lowHz < highHz && !g.ZeroSpan() {
		inside := func(hz float64) float64 { return min(max(hz, g.StartHz), g.StopHz()) } // what is far out is no int
		low = min(max(g.BinAt(inside(lowHz)), 0), g.Bins-1)
		high = min(max(g.BinAt(inside(highHz))+1, low+1), g.Bins)
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
// greatest Max, the least Min and the mean power, peaks whole. src is as measured.
func Reduce(dst, src *Frame, s Slice) {
	if s.Cell == 1 && s.Bins == src.Grid.Bins {
		dst.CopyFrom(src)
		return
	}
	dst.head(src)
	dst.Reset(s.Cells())
	g := &dst.Grid
	g.Part = Part{Cell: s.Cell, First: s.First, Of: src.Grid.Bins}
	g.Bins, g.StartHz, g.BinHz = s.Cells(), g.StartHz+float64(s.First)*g.BinHz, g.BinHz*float64(s.Cell)
	g.PointSec *= float64(s.Cell)
	if s.Cell > 1 {
		dst.ErrorDB += g.StepDB / 2
	}

	power := powers(src.Grid.StepDB)
	at, sum, n := -1, float32(0), 0 // of the cell whose bins are being summed
	for i := range src.Segments {
		low := max(src.Segments[i].Bin, s.First) - s.First
		high := min(src.Segments[i].Bin+src.Segments[i].Bins, s.First+s.Bins) - s.First
		for low < high {
			c := low / s.Cell
			if c != at {
				dst.setMean(at, sum, n, power)
				at, sum, n = c, 0, 0
			}
			end := min((c+1)*s.Cell, high)
			means, tops := src.Mean[s.First+low:s.First+end], src.Max[s.First+low:s.First+end]
			top := dst.Max[c]
			for k, q := range means {
				sum += power.linear(q)
				top = max(top, tops[k])
			}
			dst.Max[c] = top
			if g.Min {
				dst.lower(c, src.Min[s.First+low:s.First+end])
			}
			n += measured(means, g)
			low = end
		}
	}
	dst.setMean(at, sum, n, power)
	dst.Segments = append(dst.Segments, src.Segments...)
	dst.reduceSegments(s)
}

// lower makes the Min of a bin no more than powers, as leastOf does.
func (f *Frame) lower(bin int, powers []int16) {
	least := f.Min[bin] - 1
	for _, q := range powers {
		least = min(least, q-1)
	}
	f.Min[bin] = least + 1
}

// measured is how many of the powers of a segment of g there are.
func measured(powers []int16, g *Grid) int {
	n := len(powers)
	if g.ZeroSpan() {
		for _, q := range powers {
			if q == Absent {
				n--
			}
		}
	}
	return n
}

// setMean makes the mean of a bin that of n powers.
func (f *Frame) setMean(bin int, sum float32, n int, power *powerTable) {
	if n > 0 {
		f.Mean[bin] = power.quantise(sum / float32(n))
	}
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
