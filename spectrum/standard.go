package spectrum

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"argos/device"
)

// What a frame must be like to calibrate by it.
const (
	minToneSNRDB = 20
	// nearCenter is how many bins from where the radio hears itself count as that.
	nearCenter = 8
	// slopePoints is how many points a slope has: as many as a person would look at.
	slopePoints = 33
)

var errOverload = errors.New("the radio is overloaded: lower the signal or the gain")

// A Tone is a line of a spectrum.
type Tone struct {
	Hz    float64 // between bins where the window is Hann, else that of the bin
	DB    float64 // without the noise in its bin
	SNRDB float64 // above the noise in its bin
}

// FindTone finds the strongest line within some hertz of a frequency and measures it by
// the means. The flat top window tells its level, the Hann window its frequency. A
// frame that is overloaded or in which there is no clear line is an error for a person.
func FindTone(f *Frame, nearHz, withinHz float64) (Tone, error) {
	g := &f.Grid
	if f.Overload > OverloadShare {
		return Tone{}, errOverload
	}
	low, high := max(g.BinAt(nearHz-withinHz), 1), min(g.BinAt(nearHz+withinHz), g.Bins-2)
	best := -1
	for i := low; i <= high; i++ {
		if f.Mean[i] == Absent || !g.Tuning.Sweeps() && math.Abs(g.BinCenterHz(i)-g.TunedHz) < nearCenter*g.BinHz {
			continue
		}
		// What only falls off from what lies at the centre is no line.
		if f.Mean[i] < max(f.Mean[i-1], f.Mean[i+1]) {
			continue
		}
		if best < 0 || f.Mean[i] > f.Mean[best] {
			best = i
		}
	}
	if best < 0 {
		return Tone{}, fmt.Errorf("there is no signal near %s, or it is where the radio hears itself: tune beside it", device.FormatHz(nearHz, 6))
	}
	noise := f.typical()
	power := func(i int) float64 { return max(ratio(g.DB(f.Mean[i]))-noise, 0) }
	t := Tone{Hz: g.BinCenterHz(best), DB: decibels(power(best))}
	t.SNRDB = t.DB - decibels(noise)
	if !(t.SNRDB >= minToneSNRDB) {
		return t, fmt.Errorf("the strongest signal near %s is %.0f dB above the noise, at %.6f MHz: it takes %d dB",
			device.FormatHz(nearHz, 6), max(t.SNRDB, 0), t.Hz/1e6, minToneSNRDB)
	}
	if g.Window == Hann {
		t.Hz += hannOffset(power(best-1), power(best), power(best+1)) * g.BinHz
	}
	return t, nil
}

// hannOffset is how many bins a line lies above the middle of the strongest, by the powers
// of that and its neighbours: the two greatest amplitudes are as 1+d to 2-d (D. C. Rife
// and G. A. Vincent, Bell Syst. Tech. J. 49, 1970).
func hannOffset(below, at, above float64) float64 {
	side := 1.0
	if below > above {
		side, above = -1, below
	}
	a := math.Sqrt(above / at)
	return side * max(2*a-1, 0) / (a + 1)
}

// typical is the median of the mean powers of f: the noise, where less than half of the
// bins have signals.
func (f *Frame) typical() float64 {
	q := make([]int16, 0, len(f.Mean))
	for _, v := range f.Mean {
		if v != Absent {
			q = append(q, v)
		}
	}
	slices.Sort(q)
	return ratio(f.Grid.DB(q[len(q)/2]))
}

// FindSlope is what makes f even, which is all noise: of a radio with its input
// terminated. It is 0 dB about the centre, and smooth. A frame with a signal in it is an
// error for a person.
func FindSlope(f *Frame) (Curve, error) {
	g := &f.Grid
	switch {
	case f.Overload > OverloadShare:
		return nil, errOverload
	case g.Tuning.RateHz == 0 || g.Tuning.Sweeps() || g.Tuning.Ranges.Several() || g.Bins < 8*slopePoints:
		return nil, errors.New("a slope is measured over one span at one tuning: use a smaller span or more bins")
	}
	if centerHz := g.TunedHz / g.clock(); math.Abs(g.Tuning.CenterHz-centerHz) > g.BinHz {
		return nil, fmt.Errorf("a slope is measured about the radio's centre: use --freq %s", device.FormatHz(centerHz, 6))
	}
	reach := g.reachHz()
	step := 2 * reach / (slopePoints - 1)
	var curve Curve
	for k := range slopePoints {
		at := -reach + float64(k)*step
		level, err := f.noiseAt(at, step/2)
		if err != nil {
			return nil, err
		}
		curve = append(curve, []float64{at, -level})
	}
	// The outermost were measured a quarter of a step inside of where they stand.
	n := len(curve)
	curve[0][1] += (curve[0][1] - curve[1][1]) / 3
	curve[n-1][1] += (curve[n-1][1] - curve[n-2][1]) / 3
	middle := curve.At(0)
	for _, p := range curve {
		p[1] -= middle
	}
	return curve, nil
}

// noiseAt is the mean power of the bins within some hertz of an offset from the centre in
// dB, where the radio hears itself left out.
func (f *Frame) noiseAt(offsetHz, withinHz float64) (float64, error) {
	g := &f.Grid
	low := max(g.BinAt(g.TunedHz+offsetHz-withinHz), 0)
	high := min(g.BinAt(g.TunedHz+offsetHz+withinHz), g.Bins-1)
	var sum, top, n float64
	for i := low; i <= high; i++ {
		if math.Abs(g.BinCenterHz(i)-g.TunedHz) < nearCenter*g.BinHz {
			continue
		}
		p := ratio(g.DB(f.Mean[i]))
		sum, top, n = sum+p, max(top, p), n+1
	}
	if n == 0 {
		return 0, errors.New("too few bins: use more, or a wider span")
	}
	mean := decibels(sum / n)
	// The mean of so many windows of noise spreads so far, and the slope within a part.
	spread := 5*4.34/math.Sqrt(float64(f.Averages())) + 2
	if above := decibels(top) - mean; above > spread {
		return 0, fmt.Errorf("there is a signal about %s, %.0f dB above the noise: terminate the input",
			device.FormatHz(g.TunedHz+offsetHz, 4), above)
	}
	return mean, nil
}
