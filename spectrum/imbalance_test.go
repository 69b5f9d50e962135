package spectrum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"argos/device"
)

// unbalanced is x as a receiver with an imbalance hands it over.
func unbalanced(x []complex128, m Imbalance) []complex128 {
	g, sin, cos := m.parts()
	y := make([]complex128, len(x))
	for i, v := range x {
		y[i] = complex(real(v), g*(imag(v)*cos+real(v)*sin))
	}
	return y
}

func TestImbalanceIsTakenOut(t *testing.T) {
	const n = 4096
	rng := rand.New(rand.NewPCG(5, 6))
	for _, f := range []device.Format{device.CI8, device.CU8, device.CI16, device.CF32} {
		for range 5 {
			m := Imbalance{GainDB: 2*rng.Float64() - 1, PhaseDeg: 10*rng.Float64() - 5}
			s := settingsAt(2e6, n)
			s.Window = BlackmanHarris
			x := unbalanced(sum(tone(8*n, 8*700, 0.5), noise(8*n, 0.01, rng.Uint64())), m)
			b := device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: f, Samples: encode(x, f)}
			levels := func(c *Calibration) (signal, image float64) {
				got := corrected(t, s, c, b)
				return got.Grid.DB(got.Mean[n/2+700]), got.Grid.DB(got.Mean[n/2-700])
			}
			signal, image := levels(nil)
			if off := signal - image - m.ImageDB(); math.Abs(off) > 0.3 {
				t.Errorf("%v %+v: the image is %.2f dB below, want %.2f", f, m, signal-image, m.ImageDB())
			}
			signal, image = levels(&Calibration{IQ: m})
			// That of the noise, 0.02² in 8192 points.
			if math.Abs(signal+6.02) > 0.02 || image > -66 {
				t.Errorf("%v %+v: signal %.2f, image %.2f dBFS", f, m, signal, image)
			}
		}
	}
}

func TestMomentsTellTheImbalance(t *testing.T) {
	const n = 1 << 18
	m := Imbalance{GainDB: -0.8, PhaseDeg: 3}
	for name, x := range map[string][]complex128{
		"noise":           noise(n, 0.1, 1),
		"a tone":          sum(tone(n, 12345.6, 0.5), noise(n, 0.002, 2)),
		"beside a spike":  sum(tone(n, -12345.6, 0.3), tone(n, 0, 0.3)),
		"stronger noise":  noise(n, 0.25, 3),
		"one at the edge": sum(tone(n, n/2-100, 0.4), noise(n, 0.01, 4)),
	} {
		c := &moments{some: make([]complex64, MaxBins)}
		raw := encode(unbalanced(x, m), device.CI16)
		for cut := 12340 * 4; len(raw) > 0; raw = raw[min(cut, len(raw)):] {
			_ = c.add(&device.Block{Format: device.CI16, Samples: raw[:min(cut, len(raw))]}, nil)
		}
		// Noise tells no better than 1/√n, which is 0.02 dB and 0.1°.
		got, err := c.imbalance()
		if err != nil || math.Abs(got.GainDB-m.GainDB) > 0.08 || math.Abs(got.PhaseDeg-m.PhaseDeg) > 0.5 {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, m)
		}
	}
	for _, test := range []struct {
		want string
		x    []complex128
	}{
		{"too weak", noise(n, 0.001, 1)},
		{"overloaded", noise(n, 2, 1)},
		{"no receiver's", unbalanced(noise(n, 0.1, 1), Imbalance{GainDB: 10})},
		{"no receiver's", sum(tone(n, 100, 0.2), tone(n, -100, 0.2))}, // all in I
	} {
		c := &moments{some: make([]complex64, MaxBins)}
		_ = c.add(&device.Block{Format: device.CF32, Samples: encode(test.x, device.CF32)}, nil)
		if _, err := c.imbalance(); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}

// What an imbalance costs: int8 samples are converted before the transform, not within.
func BenchmarkImbalance(b *testing.B) {
	const n = 8192
	raw := make([]byte, 32*n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range raw {
		raw[i] = byte(int8(rng.NormFloat64() * 20))
	}
	for _, c := range []*Calibration{nil, {IQ: Imbalance{GainDB: 0.1, PhaseDeg: 1}}} {
		b.Run(fmt.Sprintf("corrected=%t", c != nil), func(b *testing.B) {
			s := settingsAt(20e6, n)
			s.Overlap, s.FPS = 0, 20
			a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{Calibration: c})
			if err != nil {
				b.Fatal(err)
			}
			block := device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Samples: raw}
			emit := func(*Frame) {}
			b.ReportAllocs()
			for b.Loop() {
				if err := a.Add(&block, emit); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(16*n), "ns/sample")
		})
	}
}
