package spectrum

import (
	"math"
	"math/cmplx"
	"strings"
	"testing"

	"argos/device"
)

func TestFindToneTellsLevelAndFrequency(t *testing.T) {
	const n = 1024
	for _, off := range []float64{-0.5, -0.3, 0, 0.2, 0.49} {
		at := 200 + off
		x := sum(tone(16*n, 16*at, 0.1), tone(16*n, 0, 0.7), noise(16*n, 0.001, 3))
		s := settingsAt(2e6, n)
		hz := 100e6 + at*2e6/n
		for _, w := range []Window{Hann, FlatTop} {
			s.Window = w
			// 0.7 at the centre is the radio's own, and reaches to what is asked for.
			got, err := FindTone(measure(t, s, x, device.CF32, 0.01), hz, 500e3)
			if err != nil {
				t.Fatal(off, w, err)
			}
			if w == Hann && math.Abs(got.Hz-hz) > 0.01*2e6/n {
				t.Errorf("%g: %.1f Hz off, in bins of %.0f", off, got.Hz-hz, 2e6/n)
			}
			if w == FlatTop && math.Abs(got.DB+20) > 0.02 {
				t.Errorf("%g: %.3f dB, want -20", off, got.DB)
			}
		}
	}
}

// Noise that is a hundredth of the tone adds a hundredth to its bin, which is taken off.
func TestFindToneTakesNoiseOff(t *testing.T) {
	const n, windows = 256, 4096
	s := settingsAt(2e6, n)
	s.Window = FlatTop
	sigma := 0.1 * 0.1 * math.Sqrt(n/2/FlatTop.ENBW())
	f := measure(t, s, sum(tone(windows*n, windows*50, 0.1), noise(windows*n, sigma, 4)), device.CF32, 0.01)
	got, err := FindTone(f, 100e6+50*2e6/n, 10e3)
	if err == nil && (math.Abs(got.DB+20) > 0.02 || math.Abs(got.SNRDB-20) > 0.3) {
		t.Errorf("%+v", got)
	}
	if raw := f.Grid.DB(f.Mean[n/2+50]); math.Abs(raw+20-0.043) > 0.02 {
		t.Errorf("with its noise it reads %.3f dB", raw)
	}
}

func TestWhatTellsNoToneIsRefused(t *testing.T) {
	const n = 1024
	s := settingsAt(2e6, n)
	quiet := noise(16*n, 0.01, 1)
	for _, test := range []struct {
		want string
		x    []complex128
		hz   float64
	}{
		{"takes 20 dB", quiet, 100.3e6},
		{"takes 20 dB", sum(quiet, tone(16*n, 16*100, 0.003)), 100e6 + 100*2e6/n},
		{"there is no signal near", quiet, 105e6},
		{"overloaded", sum(quiet, tone(16*n, 16*100, 1.2)), 100e6 + 100*2e6/n},
	} {
		f := measure(t, s, test.x, device.CI16, 0.01)
		if _, err := FindTone(f, test.hz, 50e3); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// sloped is noise through a filter of which |H|² = 1 + |c|² + 2·Re(c·e^(-jω)).
func sloped(n int, c complex128, seed uint64) []complex128 {
	x := noise(n+1, 0.05, seed)
	y := make([]complex128, n)
	for i := range y {
		y[i] = x[i+1] + c*x[i]
	}
	return y
}

func TestFindSlopeIsTheFilterTurnedOver(t *testing.T) {
	const n, c = 4096, 0.15 + 0.2i
	s := settingsAt(2e6, n)
	x := sum(sloped(1<<21, c, 7), tone(1<<21, 0, 0.2)) // what the radio hears of itself is left out
	curve, err := FindSlope(measure(t, s, x, device.CF32, 0.01))
	if err != nil {
		t.Fatal(err)
	}
	if len(curve) != slopePoints || curve[0][0] != -1e6 || curve[slopePoints-1][0] != 1e6 || curve.At(0) != 0 {
		t.Fatalf("%v", curve)
	}
	filter := func(hz float64) float64 {
		return 20 * math.Log10(cmplx.Abs(1+c*cmplx.Exp(complex(0, -2*math.Pi*hz/2e6))))
	}
	for hz := -1e6; hz <= 1e6; hz += 1e4 {
		if off := curve.At(hz) + filter(hz) - filter(0); math.Abs(off) > 0.1 {
			t.Errorf("at %g Hz %.3f dB off", hz, off)
		}
	}
}

func TestWhatTellsNoSlopeIsRefused(t *testing.T) {
	const n = 4096
	s := settingsAt(2e6, n)
	quiet := noise(64*n, 0.02, 1)
	few := s
	few.Bins = MinBins
	for _, test := range []struct {
		want string
		s    Settings
		x    []complex128
	}{
		{"there is a signal about 100.375M", s, sum(quiet, tone(64*n, 64*0.2*n, 0.02))},
		{"overloaded", s, noise(16*n, 2, 1)},
		{"more bins", few, quiet},
	} {
		f := measure(t, test.s, test.x, device.CI16, 0.01)
		if _, err := FindSlope(f); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
	sweep := &Frame{Grid: Grid{Bins: 8192, Tuning: device.Tuning{RateHz: 20e6, SpanHz: 40e6}}}
	if _, err := FindSlope(sweep); err == nil {
		t.Error("a sweep went through")
	}
}
