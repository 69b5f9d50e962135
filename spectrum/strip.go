package spectrum

import (
	"cmp"
	"slices"
)

// A strip is a frame as a History keeps it: Mean, Max and Min hold nothing but the bins of its
// Segments, one after the other. So a frame of a wide survey takes as much as was
// measured, and where a frame has one segment that covers its grid, a strip is the same.
type strip struct{ Frame }

// measuredBins is how many bins the segments have.
func measuredBins(segments []Segment) int {
	n := 0
	for i := range segments {
		n += segments[i].Bins
	}
	return n
}

// load makes s what f is. There is room in s for its bins.
func (s *strip) load(f *Frame) {
	s.head(f)
	s.Segments = append(s.Segments[:0], f.Segments...)
	s.Mean, s.Max, s.Min = s.Mean[:0], s.Max[:0], s.Min[:0]
	for i := range f.Segments {
		low, high := f.Segments[i].Bin, f.Segments[i].Bin+f.Segments[i].Bins
		s.Mean = append(s.Mean, f.Mean[low:high]...)
		s.Max = append(s.Max, f.Max[low:high]...)
		if f.Grid.Min {
			s.Min = append(s.Min, f.Min[low:high]...)
		}
	}
}

// unload makes f what s is.
func (s *strip) unload(f *Frame) {
	f.head(&s.Frame)
	f.ready(s.Grid.Bins, len(s.Mean))
	f.Segments = append(f.Segments, s.Segments...)
	at := 0
	for i := range s.Segments {
		low, n := s.Segments[i].Bin, s.Segments[i].Bins
		copy(f.Mean[low:low+n], s.Mean[at:at+n])
		copy(f.Max[low:low+n], s.Max[at:at+n])
		if f.Grid.Min {
			copy(f.Min[low:low+n], s.Min[at:at+n])
		}
		at += n
	}
}

// head copies all of src but its segments and powers.
func (f *Frame) head(src *Frame) {
	segments, mean, peak, least := f.Segments, f.Mean, f.Max, f.Min
	*f = *src
	f.Segments, f.Mean, f.Max, f.Min = segments, mean, peak, least
}

// Reset makes f a frame of bins powers, with Min if its Grid has it, of which none is
// measured yet, in the memory that it has. Of a frame that had as many, it touches only
// what was measured.
func (f *Frame) Reset(bins int) {
	if len(f.Mean) != bins || f.Grid.Min != (len(f.Min) == bins) {
		f.resize(bins)
		blank(f.Mean)
		blank(f.Max)
		blank(f.Min)
	} else {
		for i := range f.Segments {
			s := &f.Segments[i]
			blank(f.Mean[s.Bin:][:s.Bins])
			blank(f.Max[s.Bin:][:s.Bins])
			if f.Grid.Min {
				blank(f.Min[s.Bin:][:s.Bins])
			}
		}
	}
	f.Segments = f.Segments[:0]
}

// ready makes room for bins powers, of which so many will be measured.
func (f *Frame) ready(bins, measured int) {
	if measured < bins {
		f.Reset(bins)
		return
	}
	f.resize(bins)
	f.Segments = f.Segments[:0]
}

func blank(powers []int16) {
	for i := range powers {
		powers[i] = Absent
	}
}

// A merger makes one of several strips: the greatest Max, the least Min and the mean Mean,
// weighted by windows, of each bin. It keeps its memory for the next time. The zero value is ready.
type merger struct {
	pieces   []piece
	segments int // that pieces make
	bins     int // of those
	gathered int // bins of the pieces
	sum      []float32
	weight   []float32 // of each bin, in zero span
}

// A piece is a segment of a strip.
type piece struct {
	segment        *Segment
	mean, max, min []int16
	order          int // of the strip
}

// gather takes the pieces of strips, in order of frequency.
func (m *merger) gather(strips []*strip) {
	m.pieces, m.segments, m.bins, m.gathered = m.pieces[:0], 0, 0, 0
	for order, s := range strips {
		at := 0
		for i := range s.Segments {
			n := s.Segments[i].Bins
			p := piece{segment: &s.Segments[i], mean: s.Mean[at : at+n], max: s.Max[at : at+n], order: order}
			if s.Grid.Min {
				p.min = s.Min[at : at+n]
			}
			m.pieces = append(m.pieces, p)
			at += n
		}
	}
	slices.SortFunc(m.pieces, func(a, b piece) int {
		return cmp.Or(cmp.Compare(a.segment.Bin, b.segment.Bin), cmp.Compare(a.order, b.order))
	})
	for i := range m.pieces {
		m.gathered += m.pieces[i].segment.Bins
		if i == 0 || m.pieces[i].segment.Bin != m.pieces[i-1].segment.Bin {
			m.segments++
			m.bins += m.pieces[i].segment.Bins
		}
	}
}

// saves reports whether what was gathered takes a good deal more than what it makes.
func (m *merger) saves() bool { return 4*m.bins <= 3*m.gathered }

// into makes f a strip, or else a whole frame, of what was gathered from strips.
func (m *merger) into(f *Frame, strips []*strip, asStrip bool) {
	first, last := &strips[0].Frame, &strips[len(strips)-1].Frame
	f.Grid = first.Grid
	if asStrip {
		f.ready(m.bins, m.bins)
	} else {
		f.ready(first.Grid.Bins, m.bins)
	}
	f.FirstSeq, f.LastSeq = first.FirstSeq, last.LastSeq
	f.First, f.Last, f.Measured = first.First, last.Last, last.Measured
	f.Mono = Mono{first.Mono.First, last.Mono.Last, last.Mono.Measured}
	f.Lost, f.Overload, f.ErrorDB = 0, 0, 0
	for _, s := range strips {
		f.Lost += s.Lost
		f.ErrorDB = max(f.ErrorDB, s.ErrorDB+f.Grid.StepDB/2) // means of what was rounded are rounded again
		f.Overload = max(f.Overload, s.Overload)
	}
	power := powers(f.Grid.StepDB)
	for rest, at := m.pieces, 0; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].segment.Bin == rest[0].segment.Bin {
			n++
		}
		s := *rest[0].segment
		if !asStrip {
			at = s.Bin
		}
		m.combine(&s, rest[:n], f.Mean[at:][:s.Bins], f.Max[at:][:s.Bins], power)
		if f.Grid.Min {
			leastOf(f.Min[at:][:s.Bins], rest[:n])
		}
		if n > 1 && f.Grid.ZeroSpan() {
			m.reweigh(rest[:n], f.Mean[at:][:s.Bins], power)
		}
		f.Segments = append(f.Segments, s)
		rest, at = rest[n:], at+s.Bins
	}
	clear(m.pieces) // holds on to no memory of the strips
}

// combine makes mean, peak and the segment s what pieces of the same bins say together.
func (m *merger) combine(s *Segment, pieces []piece, mean, peak []int16, power *powerTable) {
	if len(pieces) == 1 { // what one pass of a survey saw, no other frame has
		copy(mean, pieces[0].mean)
		copy(peak, pieces[0].max)
		return
	}
	m.sum = slices.Grow(m.sum[:0], s.Bins)[:s.Bins]
	sum := m.sum
	clear(sum)
	blank(peak)
	s.Windows = 0
	for i := range pieces {
		p := &pieces[i]
		s.include(p.segment)
		weight := float32(p.segment.Windows)
		from, top := p.mean[:len(sum)], p.max[:len(sum)]
		out := peak[:len(sum)]
		for k := range sum {
			sum[k] += weight * power.linear(from[k])
			out[k] = max(out[k], top[k])
		}
	}
	scale := 1 / float32(s.Windows)
	for k := range sum {
		mean[k] = power.quantise(sum[k] * scale)
	}
}

// leastOf makes least the least of pieces of the same bins. One less than Absent is the
// greatest int16, so that what was not measured counts for nothing.
func leastOf(least []int16, pieces []piece) {
	copy(least, pieces[0].min)
	for i := range pieces[1:] {
		low := pieces[1+i].min[:len(least)]
		for k := range least {
			least[k] = min(least[k]-1, low[k]-1) + 1
		}
	}
}

// reweigh makes mean right after combine where some pieces lack points.
func (m *merger) reweigh(pieces []piece, mean []int16, power *powerTable) {
	m.weight = slices.Grow(m.weight[:0], len(mean))[:len(mean)]
	clear(m.weight)
	for i := range pieces {
		for k, q := range pieces[i].mean {
			if q != Absent {
				m.weight[k] += float32(pieces[i].segment.Windows)
			}
		}
	}
	for k, weight := range m.weight {
		if mean[k] = Absent; weight > 0 {
			mean[k] = power.quantise(m.sum[k] / weight)
		}
	}
}

// include counts other, of the same bins, into s.
func (s *Segment) include(other *Segment) {
	s.Windows += other.Windows
	if other.First.Before(s.First) {
		s.First = other.First
	}
	if other.Last.After(s.Last) {
		s.Last = other.Last
	}
}
