package spectrum

import "math"

// OwnLineBins is how far from the tuned centre, in bins as measured, no signal is looked
// for: there a receiver without an offset hears itself.
const OwnLineBins = 2

// A PeakCriterion says what counts as a peak: a bin that is so far above the noise in it,
// and from which the level falls by ExcursionDB on both sides before it is as high again.
// Beyond an edge, and where nothing was measured, it counts as fallen. The receiver's own
// line is none.
type PeakCriterion struct {
	AboveNoiseDB float64
	ExcursionDB  float64
}

// DefaultPeaks leaves out what noise alone reaches in a max hold of some hours.
var DefaultPeaks = PeakCriterion{AboveNoiseDB: 12, ExcursionDB: 6}

// A Peak is a local maximum.
type Peak struct {
	Bin     int
	At, DB  float64 // At is a place on the axis: Hz, or seconds in zero span
	NoiseDB float64 // mean noise in the bin, NaN where it is not known
}

// Find appends the peaks of levels to dst in order of the axis. noise has the floor of each
// bin in dB; where that is not known, only the excursion counts.
func (c PeakCriterion) Find(dst []Peak, g *Grid, levels []int16, noise []float32) []Peak {
	excursion := c.excursion(g)
	ownLow, ownHigh := g.ownLine()
	top, valley := Absent, Absent // top is Absent on the way down
	at := 0
	end := func() {
		if top == Absent || at >= ownLow && at < ownHigh {
			return
		}
		p := Peak{Bin: at, At: g.Middle(at), DB: g.DB(int16(top)), NoiseDB: math.NaN()}
		if at < len(noise) {
			p.NoiseDB = float64(noise[at])
		}
		if !(p.DB < p.NoiseDB+c.AboveNoiseDB) {
			dst = append(dst, p)
		}
	}
	for i, level := range levels {
		q := int(level)
		switch {
		case level == Absent:
			end()
			top, valley = Absent, Absent
		case top == Absent && q >= valley+excursion:
			top, at = q, i
		case top == Absent:
			valley = min(valley, q)
		case q > top:
			top, at = q, i
		case q <= top-excursion:
			end()
			top, valley = Absent, q
		}
	}
	end()
	return dst
}

// excursion is ExcursionDB in steps, one at least.
func (c PeakCriterion) excursion(g *Grid) int {
	return max(int(math.Ceil(min(c.ExcursionDB, -FloorDB)/g.StepDB)), 1)
}

// A Direction is where the next peak is looked for.
type Direction uint8

// The directions.
const (
	Lower    Direction = iota // on the axis
	Higher                    // on the axis
	Stronger                  // the least strong of those that are stronger
	Weaker                    // the strongest of those that are weaker
)

// Next is the next of peaks from bin from, -1 if there is none. What belongs to the same
// peak as that bin, by the excursion, is not the next.
func (c PeakCriterion) Next(peaks []Peak, g *Grid, levels []int16, from int, to Direction) int {
	level := math.Inf(-1)
	if from >= 0 && from < len(levels) && levels[from] != Absent {
		level = g.DB(levels[from])
	}
	best := -1
	for i := range peaks {
		p := &peaks[i]
		if c.same(g, levels, p.Bin, from) {
			continue
		}
		switch to {
		case Lower:
			if p.Bin < from {
				best = i
			}
		case Higher:
			if p.Bin > from && best < 0 {
				best = i
			}
		case Stronger:
			if p.DB > level && (best < 0 || p.DB < peaks[best].DB) {
				best = i
			}
		case Weaker:
			if p.DB < level && (best < 0 || p.DB > peaks[best].DB) {
				best = i
			}
		}
	}
	return best
}

// same reports whether the level does not fall by the excursion from a peak to a bin.
func (c PeakCriterion) same(g *Grid, levels []int16, peak, bin int) bool {
	if bin < 0 || bin >= len(levels) {
		return false
	}
	fallen := int(levels[peak]) - c.excursion(g)
	for i := min(peak, bin); i <= max(peak, bin); i++ {
		if int(levels[i]) <= fallen {
			return false
		}
	}
	return true
}

// Strongest is the bin with the most power of those centred from low to high on the axis,
// the receiver's own line left out, or -1 where none has any.
func (g *Grid) Strongest(levels []int16, low, high float64) int {
	ownLow, ownHigh := g.ownLine()
	best, most := -1, quantise(0, 1/g.StepDB)
	for i, v := range levels {
		if at := g.Middle(i); v > most && (i < ownLow || i >= ownHigh) && at >= low && at <= high {
			best, most = i, v
		}
	}
	return best
}

// ownLine is the bins from low up to high in which the receiver hears itself.
func (g *Grid) ownLine() (low, high int) {
	t := g.Tuning
	if !(t.RateHz > 0) || t.Sweeps() || g.ZeroSpan() {
		return 0, 0
	}
	raw := g.BinHz
	if enbw := g.Window.ENBW(); g.RBWHz > 0 && enbw > 0 {
		raw = math.Min(raw, g.RBWHz/enbw)
	}
	reach := (OwnLineBins + 0.5) * raw
	// The nearest edge rounds inwards by a hair, so that a bin that only touches
	// the zone stays in.
	return g.BinAt(g.TunedHz - reach + raw/100), g.BinAt(g.TunedHz+reach-raw/100) + 1
}
