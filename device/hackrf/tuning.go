package hackrf

import (
	"math"

	"argos/device"
)

// What the radio can be told: Hz. It is specified from 1 MHz to 6 GHz, and receives
// from DC to 7.25 GHz with less and less of everything.
const (
	minHz = 0
	maxHz = 7.25e9

	minRateHz = 2e6
	maxRateHz = 20e6

	// autoRateHz is the least rate chosen for a span: at 2 Msps a transfer takes 65 ms,
	// and so long a change would not show.
	autoRateHz = 8e6
	// usable is the share of the rate that the baseband filter passes as it should.
	usable = 0.75
)

// A sweep visits stepHz in two tunings a quarter of it apart; the firmware adds
// offsetHz to the frequency that it writes into its blocks.
const (
	stepHz   = 20e6
	offsetHz = 7.5e6

	sweepFilterHz = 15e6
)

// filters are the widths of the baseband filter in Hz.
var filters = []float64{
	1.75e6, 2.5e6, 3.5e6, 5e6, 5.5e6, 6e6, 7e6, 8e6, 9e6, 10e6, 12e6, 14e6, 15e6, 20e6, 24e6, 28e6,
}

// middleHz is what the radio is tuned to where it does not sweep. In zero span that is a
// quarter of the rate off, so that its own line at DC is out of sight.
func middleHz(t device.Tuning) float64 {
	if !t.ZeroSpan() {
		return t.CenterHz
	}
	off := math.Round(t.RateHz / 4)
	if t.CenterHz < minHz+off {
		return t.CenterHz + off
	}
	return t.CenterHz - off
}

// filterHz is the filter for a tuning: the widest that lets no alias in, or, where the
// span is wider than that, the narrowest that passes it and not much else.
func filterHz(t device.Tuning) float64 {
	if t.Sweeps() {
		return sweepFilterHz
	}
	chosen := filters[0]
	for _, f := range filters {
		if f <= usable*t.RateHz+1 || chosen < t.SpanHz-1 && f <= t.RateHz {
			chosen = f
		}
	}
	return chosen
}

// sweepMHz are the edges that the firmware is told for a sweep, a low and a high one for
// each range, whole steps apart. All lie on one raster of quarter steps, so that one grid
// of bins holds all pieces. What it sees beyond the ranges, the reader leaves out; ranges
// that it would see twice are swept as one.
func sweepMHz(t device.Tuning) []uint16 {
	const stepMHz, rasterMHz = stepHz / 1e6, stepHz / 4e6
	var mhz []uint16
	origin := int(math.Floor(t.StartHz()/1e6 + 1e-9))
	for _, r := range t.Parts() {
		low := int(math.Floor(r.LowHz/1e6 + 1e-9))
		low -= (low - origin) % rasterMHz
		if n := len(mhz); n > 0 && low < int(mhz[n-1]) {
			low, mhz = int(mhz[n-2]), mhz[:n-2]
		}
		steps := max(1, int(math.Ceil((r.HighHz/1e6-float64(low))/stepMHz-1e-9)))
		mhz = append(mhz, uint16(low), uint16(low+steps*stepMHz))
	}
	return mhz
}

// resolve turns a wish into what the radio does.
//
// A span up to 20 MHz, and none, is captured whole: at 8 Msps or more, so that a change shows at
// once, and so fast that the filter's edges lie outside of it. From 15 to 20 MHz they
// cannot, and the outermost tenths read low; a sweep would be flat, but blind for two
// thirds of the time. A wider span is swept. A wished rate below the span is raised to
// it.
func resolve(t device.Tuning) (device.Tuning, error) {
	const rangeHint = "a HackRF receives 1M to 6G, and 0 to 7.25G with losses"
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
		t.CenterHz = math.Round(t.CenterHz)
		if t.RateHz == 0 {
			t.RateHz = min(max(t.SpanHz/usable, autoRateHz), maxRateHz)
		}
		t.RateHz = min(max(math.Ceil(t.RateHz), math.Ceil(t.SpanHz)), maxRateHz)
		return t, nil
	}
	t.RateHz = maxRateHz
	start := max(minHz, min(t.StartHz(), maxHz-t.SpanHz))
	if start != t.StartHz() && t.Ranges.Several() {
		return t, device.OutOfRange(t, "range "+t.Parts()[len(t.Parts())-1].String(), rangeHint)
	}
	t.CenterHz = start + t.SpanHz/2
	return t, nil
}
