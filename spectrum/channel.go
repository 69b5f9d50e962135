package spectrum

import "math"

// This file measures parts of a trace: the Mean or the Max of a frame, or what was made
// of them. A trace of noise has in each bin the power in RBWHz, so the power of a band
// is the sum of its bins times BinHz/RBWHz; for a tone that takes back what the window
// spreads over several bins. Both hold for tiers, too, whose cells have the mean of
// their bins.

// ChannelPower is the power from lowHz to highHz in dB; edge bins count by the share of
// them that lies within. It is NaN unless all of the channel was measured and the RBW is
// known.
func (g *Grid) ChannelPower(trace []int16, lowHz, highHz float64) float64 {
	sum, ok := g.power(trace, lowHz, highHz)
	if !ok {
		return math.NaN()
	}
	return max(10*math.Log10(sum), FloorDB)
}

// NoiseDensity is the mean power from lowHz to highHz in dB/Hz: dBm/Hz where calibrated.
// Only the mean trace tells a density of noise; maxima lie above it.
func (g *Grid) NoiseDensity(trace []int16, lowHz, highHz float64) float64 {
	return g.ChannelPower(trace, lowHz, highHz) - 10*math.Log10(highHz-lowHz)
}

// AdjacentPower is the power in channels widthHz wide that are centred offsetHz below
// and above the channel at centerHz, in dB relative to its power (dBc).
func (g *Grid) AdjacentPower(trace []int16, centerHz, widthHz, offsetHz float64) (lower, upper float64) {
	at := func(hz float64) float64 { return g.ChannelPower(trace, hz-widthHz/2, hz+widthHz/2) }
	carrier := at(centerHz)
	return at(centerHz-offsetHz) - carrier, at(centerHz+offsetHz) - carrier
}

// OccupiedBandwidth is where a share of the power from lowHz to highHz lies, such as
// 0.99: equal parts of the rest are below fromHz and above toHz (ITU-R SM.443, the β/2
// method). Both are NaN where ChannelPower would be.
func (g *Grid) OccupiedBandwidth(trace []int16, lowHz, highHz, share float64) (fromHz, toHz float64) {
	total, ok := g.power(trace, lowHz, highHz)
	if !ok || !(total > 0) {
		return math.NaN(), math.NaN()
	}
	tail := total * (1 - share) / 2
	return g.reach(trace, lowHz, highHz, tail), g.reach(trace, lowHz, highHz, total-tail)
}

// power is the linear power from lowHz to highHz, and whether all of it was measured.
func (g *Grid) power(trace []int16, lowHz, highHz float64) (sum float64, ok bool) {
	if !(lowHz < highHz) || !(g.RBWHz > 0) || lowHz < g.StartHz || highHz > g.StopHz() {
		return 0, false
	}
	table := powers(g.StepDB)
	for i := g.BinAt(lowHz); i < len(trace); i++ {
		hz := g.within(i, lowHz, highHz)
		if hz <= 0 {
			break
		}
		if trace[i] == Absent {
			return 0, false
		}
		sum += float64(table.linear(trace[i])) * hz
	}
	return sum / g.RBWHz, true
}

// reach is the frequency below which so much of the power from lowHz on lies. Within a
// bin power is spread evenly.
func (g *Grid) reach(trace []int16, lowHz, highHz, want float64) float64 {
	table := powers(g.StepDB)
	want *= g.RBWHz
	for i := g.BinAt(lowHz); i < len(trace); i++ {
		hz := g.within(i, lowHz, highHz)
		if hz <= 0 {
			break
		}
		p := float64(table.linear(trace[i])) * hz
		if p >= want {
			return max(lowHz, g.StartHz+float64(i)*g.BinHz) + hz*want/p
		}
		want -= p
	}
	return highHz
}

// within is how much of bin i lies from lowHz to highHz.
func (g *Grid) within(i int, lowHz, highHz float64) float64 {
	start := g.StartHz + float64(i)*g.BinHz
	return min(highHz, start+g.BinHz) - max(lowHz, start)
}
