package synth

import (
	"math"
	"slices"

	"argos/device"
)

// What the synthetic radio can be tuned to, as a HackRF One: Hz.
const (
	minHz = 1e6
	maxHz = 6e9

	minRateHz = 2e6
	maxRateHz = 20e6
)

// A sweep visits 20 MHz in two tunings 5 MHz apart. The parts from 2.5 to 7.5 MHz
// either side of their centres tile the 20 MHz and leave out the DC spikes.
const (
	sweepStepHz  = 20e6
	sweepFirstHz = 7.5e6
	sweepOtherHz = 12.5e6

	// Of 24 chunks at 20 Msps the last 8 are handed over, the time before goes to
	// retuning: 814 blocks of 8192 samples a second.
	sweepStride = 24
	sweepLength = 8
)

// A plan is how the blocks of a tuning follow each other.
type plan struct {
	centers []float64 // Hz, visited in turn
	stride  int64     // chunks from block to block
	length  int64     // chunks in a block, the last ones of stride
}

func planFor(t device.Tuning) plan {
	if !t.Sweeps() {
		n := int64(min(t.RateHz/100, maxBlock)) / chunkLen
		return plan{centers: []float64{middleHz(t)}, stride: n, length: n}
	}
	p := plan{stride: sweepStride, length: sweepLength}
	parts := t.Parts()
	for hz := t.StartHz(); hz < t.StopHz()-1; hz += sweepStepHz {
		if slices.ContainsFunc(parts, func(r device.Range) bool { return r.LowHz < hz+sweepStepHz-1 && hz+1 < r.HighHz }) {
			p.centers = append(p.centers, hz+sweepFirstHz, hz+sweepOtherHz)
		}
	}
	return p
}

// middleHz is the centre of the blocks of a tuning that does not sweep. In zero span it is
// a quarter of the rate off, so that DC is out of sight.
func middleHz(t device.Tuning) float64 {
	if t.ZeroSpan() {
		return t.CenterHz - t.RateHz/4
	}
	return t.CenterHz
}

// offset is where hz lies from the centre of the block that shows it.
func offset(t device.Tuning, hz float64) float64 {
	if !t.Sweeps() {
		return hz - middleHz(t)
	}
	in := math.Mod(hz-t.StartHz(), sweepStepHz)
	if in < 5e6 || in >= 10e6 && in < 15e6 {
		return in - sweepFirstHz
	}
	return in - sweepOtherHz
}

// resolve turns a wish into what the radio does.
func resolve(t device.Tuning) (device.Tuning, error) {
	const rangeHint = "the synthetic radio receives 1M to 6G"
	switch {
	case !(t.CenterHz >= minHz && t.CenterHz <= maxHz):
		return t, device.OutOfRange(t, "the frequency", rangeHint)
	case !(t.SpanHz >= 0 && t.SpanHz <= maxHz):
		return t, device.OutOfRange(t, "span "+device.FormatHz(t.SpanHz, 6), rangeHint)
	case t.RateHz != 0 && !(t.RateHz >= minRateHz && t.RateHz <= maxRateHz):
		return t, device.OutOfRange(t, "rate "+device.FormatHz(t.RateHz, 6), "use 2M to 20M, or leave it out")
	}
	t, err := t.StepGains()
	if err != nil {
		return t, err
	}
	if t.SpanHz <= maxRateHz {
		t.RateHz = min(max(t.RateHz, t.SpanHz, minRateHz), maxRateHz)
		return t, nil
	}
	t.RateHz = maxRateHz
	start := t.StartHz()
	if t.Ranges.Several() {
		if t.StopHz() > maxHz {
			return t, device.OutOfRange(t, "range "+t.Parts()[len(t.Parts())-1].String(), rangeHint)
		}
		return t, nil
	}
	// A span that is a multiple but for the rounding of floats stays what it is.
	t.SpanHz = math.Ceil(t.SpanHz/sweepStepHz-1e-9) * sweepStepHz
	start = max(0, min(start, maxHz-t.SpanHz))
	t.CenterHz = start + t.SpanHz/2
	return t, nil
}
