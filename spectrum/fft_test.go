package spectrum

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// reference is the power of each point of a windowed transform in double precision, the
// point k of the transform at index k.
func reference(x []complex128, w Window) []float64 {
	n := len(x)
	c := make([]float64, n)
	w.Coefficients(c)
	y := make([]complex128, n)
	for i := range x {
		y[i] = x[i] * complex(c[i], 0)
	}
	p := make([]float64, n)
	for i, v := range fourier.NewCmplxFFT(n).Coefficients(nil, y) {
		p[i] = real(v)*real(v) + imag(v)*imag(v)
	}
	return p
}

// tone is a complex tone at a frequency in points of the transform.
func tone(n int, at, amplitude float64) []complex128 {
	x := make([]complex128, n)
	for i := range x {
		x[i] = cmplx.Rect(amplitude, 2*math.Pi*at*float64(i)/float64(n))
	}
	return x
}

func noise(n int, sigma float64, seed uint64) []complex128 {
	rng := rand.New(rand.NewPCG(seed, 1))
	x := make([]complex128, n)
	for i := range x {
		x[i] = complex(rng.NormFloat64()*sigma, rng.NormFloat64()*sigma)
	}
	return x
}

func sum(parts ...[]complex128) []complex128 {
	x := make([]complex128, len(parts[0]))
	for _, p := range parts {
		for i := range p {
			x[i] += p[i]
		}
	}
	return x
}

func TestFFTAgreesWithDoublePrecision(t *testing.T) {
	signals := []struct {
		name string
		make func(n int) []complex128
	}{
		{"noise", func(n int) []complex128 { return noise(n, 0.1, 7) }},
		{"faint noise", func(n int) []complex128 { return noise(n, 1e-4, 8) }},
		{"tone on a bin", func(n int) []complex128 { return tone(n, 17, 1) }},
		{"tone between bins", func(n int) []complex128 { return tone(n, -33.4, 1) }},
		{"strong and weak tone", func(n int) []complex128 {
			return sum(tone(n, 40, 1), tone(n, float64(n/2-9), 3e-5))
		}},
		{"dc", func(n int) []complex128 { return tone(n, 0, 1.4) }},
		{"impulse", func(n int) []complex128 {
			x := make([]complex128, n)
			x[n/2-3] = complex(1, -1)
			return x
		}},
		{"rails", func(n int) []complex128 {
			rng := rand.New(rand.NewPCG(9, 9))
			x := make([]complex128, n)
			for i := range x {
				x[i] = complex(float64(2*rng.IntN(2)-1), float64(2*rng.IntN(2)-1))
			}
			return x
		}},
		{"nyquist", func(n int) []complex128 { return tone(n, float64(n)/2, 1) }},
		{"chirp", func(n int) []complex128 {
			x := make([]complex128, n)
			for i := range x {
				x[i] = cmplx.Rect(1, math.Pi*float64(i)*float64(i)/float64(n))
			}
			return x
		}},
	}
	worst := 0.0
	// Rounding errors are alike in all points; fewer points get more each.
	least := func(n int) float64 {
		if n < 4096 {
			return 2e-9
		}
		return 1e-10
	}
	for n := MinBins; n <= MaxBins; n *= 2 {
		for w := range windows {
			if n > 8192 && Window(w) != Hann {
				continue // the reference is slow
			}
			f := newFFT(n, Window(w))
			cells := make([]cell, n)
			x := make([]complex64, n)
			for _, s := range signals {
				exact := make([]complex128, n)
				for i, v := range s.make(n) {
					x[i] = complex64(v)
					exact[i] = complex128(x[i])
				}
				clear(cells)
				f.power(x, cells)
				for k, p := range reference(exact, Window(w)) {
					c := cells[f.order[k]]
					if math.Float32bits(c.sum) != c.max {
						t.Fatalf("n=%d %v %s: sum and max of one window differ at %d", n, Window(w), s.name, k)
					}
					if p < least(n) {
						if float64(c.sum) > 1.1*least(n) {
							t.Fatalf("n=%d %v %s: point %d reads %g, want %g", n, Window(w), s.name, k, c.sum, p)
						}
						continue
					}
					off := math.Abs(10 * math.Log10(float64(c.sum)/p))
					worst = max(worst, off)
					if !(off <= 0.004) {
						t.Fatalf("n=%d %v %s: point %d is %.5f dB off at %.1f dBFS", n, Window(w), s.name, k, off, 10*math.Log10(p))
					}
				}
			}
		}
	}
	t.Logf("worst error: %.5f dB", worst)
}

func TestFFTSumsAndKeepsTheLargest(t *testing.T) {
	const n = 512
	f := newFFT(n, Hann)
	cells := make([]cell, n)
	x := make([]complex64, n)
	for _, amplitude := range []float64{0.25, 1, 0.5} {
		for i, v := range tone(n, 5, amplitude) {
			x[i] = complex64(v)
		}
		f.power(x, cells)
	}
	c := cells[f.order[5]]
	if want := 1.0/16 + 1 + 1.0/4; math.Abs(float64(c.sum)-want) > 1e-5 {
		t.Errorf("sum is %g, want %g", c.sum, want)
	}
	if got := math.Float32frombits(c.max); math.Abs(float64(got)-1) > 1e-5 {
		t.Errorf("max is %g, want 1", got)
	}
}

// BenchmarkPower is the way from int8 samples to averaged power, without overlap, in both
// precisions.
func BenchmarkPower(b *testing.B) {
	for n := 1024; n <= 16384; n *= 2 {
		raw := make([]byte, 16*n)
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range raw {
			raw[i] = byte(int8(rng.NormFloat64() * 20))
		}
		perSample := func(b *testing.B) {
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(8*n), "ns/sample")
		}
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			w := newWelch(n, Hann, 0)
			for b.Loop() {
				w.windows = 0
				for rest, full := w.take(raw, 0); full; rest, full = w.take(rest, 0) {
					w.transform()
				}
			}
			perSample(b)
		})
		b.Run(fmt.Sprintf("gonum/n=%d", n), func(b *testing.B) {
			f := fourier.NewCmplxFFT(n)
			x, y, p := make([]complex128, n), make([]complex128, n), make([]float64, n)
			c := make([]float64, n)
			Hann.Coefficients(c)
			for b.Loop() {
				for at := 0; at < len(raw); at += 2 * n {
					for i := range x {
						x[i] = complex(float64(int8(raw[at+2*i]))*c[i], float64(int8(raw[at+2*i+1]))*c[i])
					}
					for i, v := range f.Coefficients(y, x) {
						p[i] += real(v)*real(v) + imag(v)*imag(v)
					}
				}
			}
			perSample(b)
		})
	}
}
