package spectrum

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"argos/device"
)

func turning(n int, share, amplitude float64) []complex128 {
	x := make([]complex128, n)
	for i := range x {
		sin, cos := math.Sincos(2 * math.Pi * share * float64(i))
		x[i] = complex(amplitude*cos, amplitude*sin)
	}
	return x
}

func TestZeroSpanReadsATone(t *testing.T) {
	const rate = 2e6
	for w := range windows {
		for _, test := range []struct {
			format         device.Format
			offHz, rbw, dB float64
		}{
			{device.CI8, 500e3, 100e3, 20 * math.Log10(127./128)},
			{device.CI8, 500e3, 10e3, -6},
			{device.CI8, 0, 30e3, -6},
			{device.CU8, -500e3, 100e3, -12},
			{device.CI16, 123456.7, 1e3, -40},
			{device.CF32, 500e3, 1e9, 0},
			{device.CF32, 500e3, 100, -20},
		} {
			s := zeroAt(rate, test.rbw, 20*time.Millisecond, 20)
			s.Window = Window(w)
			x := turning(rate*0.13, test.offHz/rate, math.Pow(10, test.dB/20))
			for _, f := range levels(t, s, x, test.offHz, test.format, 0.01)[:1] {
				if f.Grid.RBWHz > test.rbw || f.Grid.StartHz != 100e6 || !f.Grid.ZeroSpan() {
					t.Errorf("%v: rbw %g at %g, want at most %g", s.Window, f.Grid.RBWHz, f.Grid.StartHz, test.rbw)
				}
				for i := range f.Mean {
					for _, q := range []int16{f.Mean[i], f.Max[i]} {
						if got := f.Grid.DB(q); !(math.Abs(got-test.dB) <= 0.1) {
							t.Fatalf("%v %v %g Hz off in rbw %g: point %d reads %.2f dBFS, want %.2f", s.Window, test.format, test.offHz, test.rbw, i, got, test.dB)
						}
					}
				}
			}
		}
	}
}

func TestZeroSpanReadsNoiseInItsRBW(t *testing.T) {
	const rate, sigma = 2e6, 0.05
	const seconds = 0.25
	x := noise(rate*seconds, sigma, 11)
	for w := range windows {
		for _, rbw := range []float64{1e6, 200e3, 20e3} {
			s := zeroAt(rate, rbw, 100*time.Millisecond, 1)
			s.Window = Window(w)
			f := levels(t, s, x, 500e3, device.CI16, 0.01)[0]
			mean := 0.0
			for _, q := range f.Mean {
				mean += math.Pow(10, f.Grid.DB(q)/10) / float64(len(f.Mean))
			}
			want := 10 * math.Log10(2*sigma*sigma*f.Grid.RBWHz/rate)
			// The mean of so many independent powers is off by their root: five of those.
			within := 10*math.Log10(1+5/math.Sqrt(f.Grid.RBWHz*seconds)) + 0.01
			if got := 10 * math.Log10(mean); math.Abs(got-want) > within {
				t.Errorf("%v in rbw %g: noise reads %.3f dBFS, want %.3f within %.3f", s.Window, f.Grid.RBWHz, got, want, within)
			}
		}
	}
}

func TestZeroSpanIsDeafBesideItsFrequency(t *testing.T) {
	const rate = 8e6
	for _, off := range []float64{-2e6, -1.1e6, 1e6} {
		x := turning(rate*0.01, (2e6+off)/rate, 1)
		f := levels(t, zeroAt(rate, 10e3, 10*time.Millisecond, 1), x, 2e6, device.CF32, 0.01)[0]
		if got := f.Grid.DB(slices.Max(f.Max)); got > -90 {
			t.Errorf("a tone %g Hz off reads %.1f dBFS", off, got)
		}
	}
}

func TestZeroSpanAgreesWithReference(t *testing.T) {
	const rate = 1e6
	x := noise(30000, 0.1, 4)
	s := zeroAt(rate, 37e3, 5*time.Millisecond, 5)
	s.Window = BlackmanHarris
	f := levels(t, s, x, 123e3, device.CF32, 0.01)[0]
	p, err := s.pointsAt(rate)
	if err != nil {
		t.Fatal(err)
	}
	w := make([]float64, p.taps())
	s.Window.Coefficients(w)
	sum, top, n := make([]float64, p.points), make([]float64, p.points), make([]float64, p.points)
	for at := 0; at+len(w) <= len(x); at += p.hop {
		var y complex128
		for i := range w {
			sin, cos := math.Sincos(-2 * math.Pi * 0.123 * float64(at+i))
			y += x[at+i] * complex(w[i]*cos, w[i]*sin)
		}
		power := real(y)*real(y) + imag(y)*imag(y)
		k := at / p.length % p.points
		sum[k], top[k], n[k] = sum[k]+power, max(top[k], power), n[k]+1
	}
	for k := range sum {
		mean, most := 10*math.Log10(sum[k]/n[k]), 10*math.Log10(top[k])
		if math.Abs(f.Grid.DB(f.Mean[k])-mean) > 0.02 || math.Abs(f.Grid.DB(f.Max[k])-most) > 0.02 {
			t.Errorf("point %d reads %.2f and %.2f, want %.2f and %.2f", k, f.Grid.DB(f.Mean[k]), f.Grid.DB(f.Max[k]), mean, most)
		}
	}
}

func BenchmarkZeroSpan(b *testing.B) {
	for _, rbw := range []float64{1e3, 10e3, 100e3, 1e6} {
		b.Run(fmt.Sprintf("rbw=%g", rbw), func(b *testing.B) {
			s := zeroAt(8e6, rbw, 50*time.Millisecond, 20)
			a, err := NewAnalyzer(s, device.Info{}, 1, nil)
			if err != nil {
				b.Fatal(err)
			}
			block := device.Block{Tuning: s.Tuning, CenterHz: 98e6, Time: epoch, Format: device.CI8, Samples: encode(noise(80000, 0.1, 1), device.CI8)}
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Add(&block, func(*Frame) {}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/80000, "ns/sample")
		})
	}
}

func TestZeroSpanReadsShortBurstsLow(t *testing.T) {
	const rate, taps = 1e6, 240
	for _, test := range []struct {
		window Window
		worst  [5]float64 // dB, for bursts of these parts of the filter's length
	}{
		{Hann, [5]float64{0, 0, -0.8, -2.8, -7.7}},
		{BlackmanHarris, [5]float64{0, 0, -0.3, -1.8, -6.6}},
		{FlatTop, [5]float64{0, 0, 0, -0.3, -5.2}},
	} {
		for i, share := range []float64{1.25, 1, 0.75, 0.5, 0.25} {
			s := zeroAt(rate, test.window.ENBW()*rate/taps, 4*time.Millisecond, 20)
			s.Window = test.window
			worst := 0.0
			for phase := range taps / hopsInFilter {
				x := make([]complex128, 4000)
				for n := range int(share * taps) {
					x[1000+phase+n] = 1
				}
				f := levels(t, s, x, 0, device.CF32, 0.01)[0]
				worst = min(worst, f.Grid.DB(slices.Max(f.Max)))
			}
			if math.Abs(worst-test.worst[i]) > 0.1 {
				t.Errorf("%v: a burst of %g of the filter's length reads %.1f dB at worst, want %.1f", test.window, share, worst, test.worst[i])
			}
		}
	}
}
