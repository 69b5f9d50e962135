package spectrum

import (
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"argos/device"

	"gonum.org/v1/gonum/dsp/fourier"
)

// referenceFor makes what reference does, of one size and window.
func referenceFor(n int, w Window) func(x []complex128) []float64 {
	c, y, f := make([]float64, n), make([]complex128, n), fourier.NewCmplxFFT(n)
	w.Coefficients(c)
	return func(x []complex128) []float64 {
		for i := range y {
			y[i] = x[i] * complex(c[i], 0)
		}
		p := make([]float64, n)
		for i, v := range f.Coefficients(y, y) {
			p[i] = real(v)*real(v) + imag(v)*imag(v)
		}
		return p
	}
}

// reference is the power of each point of a windowed transform in double precision, the
// point k of the transform at index k.
func reference(x []complex128, w Window) []float64 { return referenceFor(len(x), w)(x) }

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

// signals are what a transform may find hard.
var signals = []struct {
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
	{"alternating rails", func(n int) []complex128 {
		x := make([]complex128, n)
		for i := range x {
			x[i] = complex(float64(1-i%2*2), float64(i%2*2-1))
		}
		return x
	}},
	{"nothing", func(n int) []complex128 { return make([]complex128, n) }},
}

// engines are the transforms that this processor can do.
func engines(n int, w Window) map[string]*fft {
	coefficients := make([]float64, n)
	w.Coefficients(coefficients)
	e := map[string]*fft{"plain Go": ordered(n, newRadix4(coefficients))}
	if t := quickest(coefficients); reflect.TypeOf(t) != reflect.TypeFor[*radix4]() {
		e["assembly"] = ordered(n, t)
	}
	return e
}

// compare holds c, in which are powers of as many windows as their sum is exact, against
// double precision. It returns the largest error in dB of those above least.
func compare(t *testing.T, name string, f *fft, c cells, exact []float64, least, within float64) (worst float64) {
	t.Helper()
	for k, p := range exact {
		got := float64(c.sum[f.order[k]])
		if p < least {
			if !(got <= 1.1*least) {
				t.Fatalf("%s: point %d reads %g, want %g", name, k, got, p)
			}
			continue
		}
		off := math.Abs(10 * math.Log10(got/p))
		worst = max(worst, off)
		if !(off <= within) {
			t.Fatalf("%s: point %d is %.5f dB off at %.1f dBFS", name, k, off, 10*math.Log10(p))
		}
	}
	return worst
}

// TestFFTAgreesWithDoublePrecision looks at one window of samples in floats. Rounding errors are alike
// in all points; where there are fewer points each gets more.
func TestFFTAgreesWithDoublePrecision(t *testing.T) {
	study(t)
	t.Parallel()
	worst := make(map[string]float64)
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
			c := newCells(n)
			x := make([]complex64, n)
			exact := make([]complex128, n)
			for _, s := range signals {
				for i, v := range s.make(n) {
					x[i] = complex64(v)
					exact[i] = complex128(x[i])
				}
				want := reference(exact, Window(w))
				for engine, f := range engines(n, Window(w)) {
					name := fmt.Sprintf("%s n=%d %v %s", engine, n, Window(w), s.name)
					c.clear()
					f.floats(x, c)
					if !slices.Equal(c.sum, c.max) {
						t.Fatalf("%s: sum and max of one window differ", name)
					}
					worst[engine] = max(worst[engine], compare(t, name, f, c, want, least(n), 0.005))
				}
			}
		}
	}
	t.Logf("worst error in dB: %v", worst)
}

// TestParseval: the powers of all points are those of all samples, times their number.
func TestParseval(t *testing.T) {
	for n := MinBins; n <= MaxBins; n *= 2 {
		w := make([]float64, n)
		Hann.Coefficients(w)
		for _, s := range signals {
			x := make([]complex64, n)
			want := 0.0
			for i, v := range s.make(n) {
				x[i] = complex64(v)
				a := cmplx.Abs(complex128(x[i])) * w[i]
				want += a * a * float64(n)
			}
			for engine, f := range engines(n, Hann) {
				c := newCells(n)
				f.floats(x, c)
				got := 0.0
				for _, p := range c.sum {
					got += float64(p)
				}
				if !(math.Abs(got-want) <= 1e-4*want) {
					t.Errorf("%s n=%d %s: power %g, want %g", engine, n, s.name, got, want)
				}
			}
		}
	}
}

// sameSpectrum holds transforms transforms against each other, of int8 and of the same as floats. The
// amplitude of no point differs by more than a millionth of that of all: -120 dB.
func sameSpectrum(t *testing.T, n int, raw []byte) {
	t.Helper()
	x := make([]complex64, n)
	convert(x, raw, device.CI8)
	var first []float64 // amplitudes, in order
	var all float64
	for engine, f := range engines(n, Hann) {
		for way, transform := range map[string]func(c cells){
			"bytes":  func(c cells) { f.bytes(raw, c) },
			"floats": func(c cells) { f.floats(x, c) },
		} {
			c := newCells(n)
			transform(c)
			amplitudes := make([]float64, n)
			for k := range amplitudes {
				amplitudes[k] = math.Sqrt(float64(c.sum[f.order[k]]))
			}
			if first == nil {
				first = amplitudes
				for _, a := range first {
					all += a * a
				}
				all = math.Sqrt(all)
			}
			for k, a := range amplitudes {
				if !(math.Abs(a-first[k]) <= 1e-6*all) {
					t.Fatalf("%s of %s, n=%d: point %d has amplitude %g, elsewhere %g, all %g", engine, way, n, k, a, first[k], all)
				}
			}
		}
	}
}

func FuzzFFT(f *testing.F) {
	f.Add(uint8(0), []byte{127, 128})
	f.Add(uint8(5), []byte{1, 2, 3, 250, 128, 0, 127})
	f.Add(uint8(3), []byte{})
	f.Fuzz(func(t *testing.T, size uint8, pattern []byte) {
		n := MinBins << (size % 7) // up to 16384
		raw := make([]byte, 2*n)
		if len(pattern) > 0 {
			for i := range raw {
				raw[i] = pattern[i%len(pattern)]
			}
		}
		sameSpectrum(t, n, raw)
	})
}

func TestEnginesAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 5))
	for n := MinBins; n <= MaxBins; n *= 2 {
		raw := make([]byte, 2*n)
		for i := range raw {
			raw[i] = byte(rng.Uint32())
		}
		sameSpectrum(t, n, raw)
	}
}

// TestWindowsOverlap cuts samples into pieces of all sizes: the windows are the same.
func TestWindowsOverlap(t *testing.T) {
	src := make([]int, 100)
	for i := range src {
		src[i] = i
	}
	for _, hop := range []int{2, 3, 8} {
		for piece := 1; piece < 40; piece++ {
			o := newOverlap[int](8, hop)
			next := 0
			for at := 0; at < len(src); at += piece {
				for x, end := range o.windows(src[at:min(at+piece, len(src))]) {
					if !slices.Equal(x, src[next:next+8]) || at+end != next+8 {
						t.Fatalf("hop %d in pieces of %d: window %v ends at %d, want that from %d", hop, piece, x, at+end, next)
					}
					next += hop
				}
			}
			if next+8 <= len(src) {
				t.Fatalf("hop %d in pieces of %d: no window from %d", hop, piece, next)
			}
		}
	}
}

func TestFFTSumsAndKeepsTheLargest(t *testing.T) {
	const n = 512
	for engine, f := range engines(n, Hann) {
		c := newCells(n)
		x := make([]complex64, n)
		for _, amplitude := range []float64{0.25, 1, 0.5} {
			for i, v := range tone(n, 5, amplitude) {
				x[i] = complex64(v)
			}
			f.floats(x, c)
		}
		at := f.order[5]
		if want := 1.0/16 + 1 + 1.0/4; math.Abs(float64(c.sum[at])-want) > 1e-5 {
			t.Errorf("%s: sum is %g, want %g", engine, c.sum[at], want)
		}
		if got := c.max[at]; math.Abs(float64(got)-1) > 1e-5 {
			t.Errorf("%s: max is %g, want 1", engine, got)
		}
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
		for engine, f := range engines(n, Hann) {
			b.Run(fmt.Sprintf("%s/n=%d", engine, n), func(b *testing.B) {
				w := newWelch(Settings{Bins: n}, 1)
				w.fft = f
				for b.Loop() {
					for range w.full(raw, device.CI8) {
						w.transform()
					}
				}
				perSample(b)
			})
		}
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
