package spectrum

import (
	"math"
	"testing"

	"argos/device"
)

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %.3f, want %.3f ± %.3f", what, got, want, within)
	}
}

// A tone has its power in a channel around it, on a bin or between two, through every
// window and tier.
func TestChannelPowerOfATone(t *testing.T) {
	const rate, amplitude = 1.024e6, 0.1
	for w := range Window(len(windows)) {
		for _, off := range []float64{0, 0.25, 0.5} {
			s := settingsAt(rate, 1024)
			s.Window = w
			hz := 100e6 + (200+off)*1000
			f := measure(t, s, tone(8192, (200+off)*8, amplitude), device.CF32, 0.01)
			near(t, w.String(), f.Grid.ChannelPower(f.Mean, hz-20e3, hz+20e3), -20, 0.05)
			var tier Frame
			Reduce(&tier, f, f.Grid.Slice(0, 0, 256))
			near(t, w.String()+" in a tier", tier.Grid.ChannelPower(tier.Mean, hz-40e3, hz+40e3), -20, 0.05)
		}
	}
}

func TestChannelPowerOfNoise(t *testing.T) {
	const rate = 1.024e6
	f := measure(t, settingsAt(rate, 1024), noise(1<<20, math.Sqrt(1e-4/2), 1), device.CF32, 0.01)
	// 1e-4 over 1.024 MHz. Some 2,000 averages over 100 bins: 0.01 dB.
	near(t, "all", f.Grid.ChannelPower(f.Mean, f.Grid.StartHz, f.Grid.StopHz()), -40, 0.03)
	near(t, "100 kHz", f.Grid.ChannelPower(f.Mean, 100e6, 100.1e6), -40+10*math.Log10(100e3/rate), 0.05)
	near(t, "a part of a bin", f.Grid.ChannelPower(f.Mean, 100e6, 100e6+100), -40+10*math.Log10(100/rate), 0.5)
	near(t, "density", f.Grid.NoiseDensity(f.Mean, 99.9e6, 100.2e6), -40-10*math.Log10(rate), 0.05)
}

func TestAdjacentPower(t *testing.T) {
	const rate = 1.024e6
	const n = 16384
	x := sum(tone(n, n*50e3/rate, 0.5), tone(n, n*25e3/rate, 0.005), tone(n, n*75e3/rate, 0.05))
	f := measure(t, settingsAt(rate, 1024), x, device.CF32, 0.01)
	lower, upper := f.Grid.AdjacentPower(f.Mean, 100.05e6, 20e3, 25e3)
	near(t, "lower", lower, -40, 0.05)
	near(t, "upper", upper, -20, 0.05)
}

func TestOccupiedBandwidth(t *testing.T) {
	const rate = 1.024e6
	// Seven tones: 99 % and more of the power lies from the first to the last.
	const n = 32768
	var x [][]complex128
	for k := -3.0; k <= 3; k++ {
		x = append(x, tone(n, n*(100e3+k*20e3)/rate, 0.1))
	}
	f := measure(t, settingsAt(rate, 4096), sum(x...), device.CF32, 0.01)
	from, to := f.Grid.OccupiedBandwidth(f.Mean, 99.9e6, 100.3e6, 0.99)
	near(t, "from", from, 100.04e6, 500)
	near(t, "to", to, 100.16e6, 500)
	// White noise fills 99 % of whatever is looked at.
	f = measure(t, settingsAt(rate, 1024), noise(1<<20, math.Sqrt(1e-4/2), 2), device.CF32, 0.01)
	from, to = f.Grid.OccupiedBandwidth(f.Mean, 99.8e6, 100.2e6, 0.99)
	near(t, "of noise", to-from, 0.99*400e3, 400)
	near(t, "its middle", (from+to)/2, 100e6, 400)
}

func TestChannelsThatWereNotMeasured(t *testing.T) {
	g := Grid{StartHz: 100, BinHz: 10, Bins: 4, StepDB: 1, RBWHz: 15}
	trace := []int16{-10, Absent, -10, -10}
	for name, c := range map[string][2]float64{
		"absent": {105, 125}, "below": {90, 110}, "above": {130, 141}, "empty": {130, 130}, "upside down": {135, 130}, "NaN": {math.NaN(), 135},
	} {
		if db := g.ChannelPower(trace, c[0], c[1]); !math.IsNaN(db) {
			t.Errorf("%s: %g", name, db)
		}
		if from, to := g.OccupiedBandwidth(trace, c[0], c[1], 0.99); !math.IsNaN(from) || !math.IsNaN(to) {
			t.Errorf("%s: %g to %g", name, from, to)
		}
	}
	if db := g.ChannelPower(trace, 120, 140); math.IsNaN(db) {
		t.Error("what was measured is not")
	}
	g.RBWHz = 0
	if db := g.ChannelPower(trace, 120, 140); !math.IsNaN(db) {
		t.Errorf("without an RBW: %g", db)
	}
}
