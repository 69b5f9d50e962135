package spectrum

import "math"

// hopsInFilter is how often a bandFilter looks in its length. A burst of one and a quarter lengths
// then reads its full level.
const hopsInFilter = 4

// Bounds of a hop: with twelve points every window has the ENBW that it is said to have, and at
// the most tables are 1.5 MB.
const (
	leastHop = 3
	mostHop  = 1 << 16
)

// A bandFilter passes what lies around one frequency: it is one bin of a transform that slides
// by a quarter of its window, y(m) = Σ w(n)·x(n+m·hop)·e^(-jωn). Each sample counts at once into
// the four windows that it lies in, so none is kept.
type bandFilter struct {
	taps  []tap        // of a hop
	turns [3]complex64 // the phase of ω after one, two and three hops

	at         int        // in the hop
	sums       [8]float32 // of the hop for each quarter of the window, real and imaginary
	p0, p1, p2 complex64  // windows of three, two and one hops
	hops       int        // since the start; enough are hopsInFilter
}

// A tap is what a sample is multiplied by: its place in each quarter of the window, and the
// phase of ω there in the hop.
type tap struct {
	cos, sin float32
	window   [hopsInFilter]float32
}

// newBandFilter returns a filter of four hops for the frequency off, a share of the rate.
func newBandFilter(hop int, w Window, off float64) *bandFilter {
	coefficients := make([]float64, hopsInFilter*hop)
	w.Coefficients(coefficients)
	f := &bandFilter{taps: make([]tap, hop)}
	for n := range f.taps {
		t := &f.taps[n]
		sin, cos := math.Sincos(-2 * math.Pi * off * float64(n))
		t.cos, t.sin = float32(cos), float32(sin)
		for q := range t.window {
			t.window[q] = float32(coefficients[q*hop+n])
		}
	}
	for i := range f.turns {
		sin, cos := math.Sincos(-2 * math.Pi * off * float64((i+1)*hop))
		f.turns[i] = complex(float32(cos), float32(sin))
	}
	return f
}

// restart forgets all samples.
func (f *bandFilter) restart() {
	f.at, f.hops = 0, 0
	clear(f.sums[:])
}

// next takes samples up to the end of the hop and says how many; where that fills a window,
// it returns the power in it.
func (f *bandFilter) next(x []complex64) (taken int, power float32, full bool) {
	x = x[:min(len(x), len(f.taps)-f.at)]
	f.sum(x, f.taps[f.at:][:len(x)])
	if f.at += len(x); f.at < len(f.taps) {
		return len(x), 0, false
	}
	s := &f.sums
	f.turn(&f.p0, f.turns[2], s[6], s[7])
	f.turn(&f.p1, f.turns[1], s[4], s[5])
	f.turn(&f.p2, f.turns[0], s[2], s[3])
	y := f.p0
	f.p0, f.p1, f.p2 = f.p1, f.p2, complex(s[0], s[1])
	f.at = 0
	clear(s[:])
	f.hops = min(f.hops+1, hopsInFilter)
	return len(x), real(y)*real(y) + imag(y)*imag(y), f.hops == hopsInFilter
}

// turn adds what a hop has of a window to what the hops before it have.
func (*bandFilter) turn(window *complex64, by complex64, re, im float32) {
	*window = complex(real(*window)+re*real(by)-im*imag(by), imag(*window)+re*imag(by)+im*real(by))
}

// sum adds samples to the sums, one after the other, so that it does not matter in how many
// pieces they come.
func (f *bandFilter) sum(x []complex64, taps []tap) {
	s := &f.sums
	ar, ai, br, bi, cr, ci, dr, di := s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]
	taps = taps[:len(x)]
	for i, v := range x {
		t := &taps[i]
		zr := real(v)*t.cos - imag(v)*t.sin
		zi := real(v)*t.sin + imag(v)*t.cos
		ar += zr * t.window[0]
		ai += zi * t.window[0]
		br += zr * t.window[1]
		bi += zi * t.window[1]
		cr += zr * t.window[2]
		ci += zi * t.window[2]
		dr += zr * t.window[3]
		di += zi * t.window[3]
	}
	s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7] = ar, ai, br, bi, cr, ci, dr, di
}
