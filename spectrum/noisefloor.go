package spectrum

import (
	"math"
	"slices"
	"time"
)

const (
	floorShare  = 8   // of a segment's bins are looked at for one
	floorLeast  = 64  // bins looked at, where there are so many
	floorSigma  = 3.1 // one in a thousand bins of noise reaches higher
	floorFollow = 2 * time.Second
	floorSlew   = 3.0 // dB a second at most, so that a burst over all bins lifts it little
)

// Standard normal quantiles.
const (
	normalQuarter = -0.6745
	normalMedian  = 0
)

// A NoiseFloor estimates the mean power of the noise in each bin. It follows slow
// change, and ignores signals that fill up to two thirds of the bins around.
//
// In each frame it takes, around each bin, the quartile of an eighth of the segment's
// mean powers, leaves out what noise of that level does not reach, and takes the median
// of the rest. Mean powers of K independent windows are Gamma distributed with shape K,
// whose quantiles relative to its mean are known (Wilson and Hilferty, PNAS 17, 1931);
// both estimates are put right by them. K counts overlapping windows and the bins of a
// tier's cell by the correlation that the window leaves between them (Welch, IEEE Trans.
// Audio Electroacoust. 15, 1967). Levels follow with a time constant of 2 s.
//
// The zero value is ready. It is for one goroutine, and allocates once a grid.
type NoiseFloor struct {
	grid   Grid
	level  []float32 // dB, NaN where nothing was measured yet
	at     []time.Time
	first  []float32 // estimates of the segment at hand
	second []float32
	kept   []int16
	counts []int32
}

// Update takes a frame as measured, merged or reduced. In zero span there are no bins beside a
// signal that would tell: no level is known.
func (n *NoiseFloor) Update(f *Frame) {
	if f.Grid != n.grid {
		n.grid = f.Grid
		n.level = slices.Grow(n.level[:0], f.Grid.Bins)[:f.Grid.Bins]
		for i := range n.level {
			n.level[i] = float32(math.NaN())
		}
		n.at = n.at[:0]
	}
	if f.Grid.ZeroSpan() {
		return
	}
	for len(n.at) < len(f.Segments) {
		n.at = append(n.at, time.Time{})
	}
	for at, s := range f.Segments {
		since := s.Last.Sub(n.at[at])
		n.at[at] = s.Last
		n.estimate(f.Mean[s.Bin:s.Bin+s.Bins], f.Grid.independent(s.Windows))
		n.follow(n.level[s.Bin:s.Bin+s.Bins], n.second, since)
	}
}

// Level is the mean noise power in bin i in dB, NaN where it is not known.
func (n *NoiseFloor) Level(i int) float64 {
	if i < 0 || i >= len(n.level) {
		return math.NaN()
	}
	return float64(n.level[i])
}

// Levels is Level of every bin; it is valid until the next Update.
func (n *NoiseFloor) Levels() []float32 { return n.level }

// estimate fills second with the floor of each of powers, each the mean of k.
func (n *NoiseFloor) estimate(powers []int16, k float64) {
	step := n.grid.StepDB
	width := min(max(len(powers)/floorShare, floorLeast), len(powers))
	n.kept = append(n.kept[:0], powers...)
	n.first = n.quantile(n.first[:0], n.kept, width, 0.25)
	reach := float32((quantileDB(floorSigma, k) - quantileDB(normalQuarter, k)) / step)
	for i, q := range powers {
		if float32(q) > n.first[i]+reach {
			n.kept[i] = Absent
		}
	}
	n.second = n.quantile(n.second[:0], n.kept, width, 0.5)
	median, quartile := float32(quantileDB(normalMedian, k)), float32(quantileDB(normalQuarter, k))
	for i, q := range n.second {
		if q == Absent { // signals all around
			n.second[i] = n.first[i]*float32(step) - quartile
		} else {
			n.second[i] = q*float32(step) - median
		}
	}
}

// follow moves levels towards an estimate made so long after the last.
func (n *NoiseFloor) follow(levels, estimate []float32, since time.Duration) {
	share := float32(1 - math.Exp(-max(since.Seconds(), 0)/floorFollow.Seconds()))
	most := float32(floorSlew * max(since.Seconds(), 0))
	for i, e := range estimate {
		if levels[i] != levels[i] { // NaN
			levels[i] = e
			continue
		}
		levels[i] += min(max(share*(e-levels[i]), -most), most)
	}
}

// quantile appends for each of powers the p-quantile of the width around it that are not
// Absent, interpolated between steps; Absent where less than a tenth is there.
func (n *NoiseFloor) quantile(dst []float32, powers []int16, width int, p float64) []float32 {
	low, high := int16(math.MaxInt16), int16(Absent)
	for _, q := range powers {
		if q != Absent {
			low, high = min(low, q), max(high, q)
		}
	}
	if low > high {
		for range powers {
			dst = append(dst, Absent)
		}
		return dst
	}
	n.counts = slices.Grow(n.counts[:0], int(high)-int(low)+1)[:int(high)-int(low)+1]
	clear(n.counts)
	total, below, at := 0, 0, 0 // counted, of these below bucket at
	count := func(q int16, by int) {
		if q == Absent {
			return
		}
		n.counts[q-low] += int32(by)
		total += by
		if int(q-low) < at {
			below += by
		}
	}
	from, to := 0, 0
	for i := range powers {
		start := min(max(i-width/2, 0), len(powers)-width)
		for ; to < start+width; to++ {
			count(powers[to], 1)
		}
		for ; from < start; from++ {
			count(powers[from], -1)
		}
		if total*10 < width || total == 0 {
			dst = append(dst, Absent)
			continue
		}
		want := p * float64(total)
		for float64(below) > want {
			at--
			below -= int(n.counts[at])
		}
		for float64(below)+float64(n.counts[at]) < want {
			below += int(n.counts[at])
			at++
		}
		within := 0.5
		if c := n.counts[at]; c > 0 {
			within = (want - float64(below)) / float64(c)
		}
		dst = append(dst, float32(float64(at)+float64(low)-0.5+within))
	}
	return dst
}

// quantileDB is a quantile, given as that of the standard normal, of the mean of k
// powers of noise, relative to their true mean.
func quantileDB(normal, k float64) float64 {
	root := 1 - 1/(9*k) + normal/(3*math.Sqrt(k))
	return 30 * math.Log10(max(root, 1e-3))
}

// independent is how many independent powers go into the mean of so many windows in one
// bin of g.
func (g *Grid) independent(windows int) float64 {
	k := float64(max(windows, 1))
	k = k / (1 + 2*correlation(k, func(m int) float64 { return g.Window.overlapped(float64(m) * (1 - g.Overlap)) }))
	if c := float64(g.Part.Cell); c > 1 {
		k *= c / (1 + 2*correlation(c, g.Window.leaked))
	}
	return max(k, 1)
}

// correlation is the sum of the squares of what of(m) says of values m apart, of so many.
func correlation(of float64, value func(m int) float64) (sum float64) {
	for m := 1; float64(m) < of; m++ {
		r := value(m)
		if r == 0 {
			break
		}
		sum += (1 - float64(m)/of) * r * r
	}
	return sum
}
