package spectrum

import (
	"math"
	"math/bits"
)

// A cell gathers the power of one transform point over windows. Powers are never
// negative, so their bits order as they do: max keeps bits, which costs no branch.
type cell struct {
	sum float32
	max uint32 // math.Float32bits of the largest
}

// add takes one power into the cell.
func (c *cell) add(p float32) {
	c.sum += p
	c.max = max(c.max, math.Float32bits(p))
}

// A twiddle holds e^(-2πi·jk/n) for k = 1, 2, 3.
type twiddle struct{ w1, w2, w3 complex64 }

// An fft is a windowed power spectrum of n points, n a power of two from 64: decimation
// in frequency by radix 4 in single precision, ending in radix 4 or 8 (Cooley and Tukey, Math.
// Comp. 19, 1965). It never reorders: point k lands in cells[order[k]]. It is
// for one goroutine.
//
// Samples are complex64 for storage only: the compiler multiplies complex64 in double
// precision, so the arithmetic is written out.
type fft struct {
	n      int
	window []float32
	work   []complex64
	stages [][]twiddle // of the radix 4 passes, each a quarter of its size
	order  []uint32
}

func newFFT(n int, w Window) *fft {
	f := &fft{n: n, window: make([]float32, n), work: make([]complex64, n), order: make([]uint32, n)}
	coefficients := make([]float64, n)
	w.Coefficients(coefficients)
	for i, c := range coefficients {
		f.window[i] = float32(c)
	}
	last := 4 << (bits.TrailingZeros(uint(n)) & 1)
	for size := n; size > last; size /= 4 {
		f.stages = append(f.stages, twiddles(size))
	}
	for k := range f.order {
		at, rest, size := 0, k, n
		for ; size > last; size /= 4 {
			at += rest % 4 * (size / 4)
			rest /= 4
		}
		f.order[k] = uint32(at + rest)
	}
	return f
}

func twiddles(n int) []twiddle {
	t := make([]twiddle, n/4)
	for j := range t {
		at := func(k int) complex64 {
			s, c := math.Sincos(-2 * math.Pi * float64(j*k) / float64(n))
			return complex(float32(c), float32(s))
		}
		t[j] = twiddle{at(1), at(2), at(3)}
	}
	return t
}

// power adds |X[k]|² of the n samples of x times the window to cells[order[k]].
func (f *fft) power(x []complex64, cells []cell) {
	f.first(x)
	if len(f.stages) == 1 {
		f.last(f.work, cells)
		return
	}
	q := f.n / 4
	for at := 0; at < f.n; at += q {
		f.rest(f.work[at:at+q], cells[at:at+q], 1)
	}
}

// inCache is how many points are transformed breadth first: they fit the first cache.
const inCache = 2048

// rest does the passes from a stage on; large parts go depth first, so that they
// come from memory once.
func (f *fft) rest(x []complex64, cells []cell, stage int) {
	if len(x) > inCache {
		pass(x, f.stages[stage])
		q := len(x) / 4
		for at := 0; at < len(x); at += q {
			f.rest(x[at:at+q], cells[at:at+q], stage+1)
		}
		return
	}
	for _, tw := range f.stages[stage:] {
		for size, y := 4*len(tw), x; len(y) >= size; y = y[size:] {
			pass(y, tw)
		}
	}
	f.last(x, cells)
}

// first is a pass out of place that applies the window on the way.
func (f *fft) first(x []complex64) {
	tw := f.stages[0]
	q := len(tw)
	a, b, c, d := x[:q], x[q:][:q], x[2*q:][:q], x[3*q:][:q]
	wa, wb, wc, wd := f.window[:q], f.window[q:][:q], f.window[2*q:][:q], f.window[3*q:][:q]
	y0, y1, y2, y3 := f.work[:q], f.work[q:][:q], f.work[2*q:][:q], f.work[3*q:][:q]
	for i := range tw {
		t := &tw[i]
		w := wa[i]
		ar, ai := real(a[i])*w, imag(a[i])*w
		w = wc[i]
		cr, ci := real(c[i])*w, imag(c[i])*w
		w = wb[i]
		br, bi := real(b[i])*w, imag(b[i])*w
		w = wd[i]
		dr, di := real(d[i])*w, imag(d[i])*w

		sr, si, ur, ui := ar+cr, ai+ci, ar-cr, ai-ci
		vr, vi, wr, wi := br+dr, bi+di, bi-di, dr-br // w = -i(b-d)
		y0[i] = complex(sr+vr, si+vi)
		er, ei := ur+wr, ui+wi
		y1[i] = complex(er*real(t.w1)-ei*imag(t.w1), er*imag(t.w1)+ei*real(t.w1))
		er, ei = sr-vr, si-vi
		y2[i] = complex(er*real(t.w2)-ei*imag(t.w2), er*imag(t.w2)+ei*real(t.w2))
		er, ei = ur-wr, ui-wi
		y3[i] = complex(er*real(t.w3)-ei*imag(t.w3), er*imag(t.w3)+ei*real(t.w3))
	}
}

// pass is one radix 4 pass over the first 4·len(tw) points of x, in place: quarter r
// then holds the points k with k mod 4 = r.
func pass(x []complex64, tw []twiddle) {
	q := len(tw)
	a, b, c, d := x[:q], x[q:][:q], x[2*q:][:q], x[3*q:][:q]
	for i := range tw {
		t := &tw[i]
		ar, ai, cr, ci := real(a[i]), imag(a[i]), real(c[i]), imag(c[i])
		br, bi, dr, di := real(b[i]), imag(b[i]), real(d[i]), imag(d[i])
		sr, si, ur, ui := ar+cr, ai+ci, ar-cr, ai-ci
		vr, vi, wr, wi := br+dr, bi+di, bi-di, dr-br
		a[i] = complex(sr+vr, si+vi)
		er, ei := ur+wr, ui+wi
		b[i] = complex(er*real(t.w1)-ei*imag(t.w1), er*imag(t.w1)+ei*real(t.w1))
		er, ei = sr-vr, si-vi
		c[i] = complex(er*real(t.w2)-ei*imag(t.w2), er*imag(t.w2)+ei*real(t.w2))
		er, ei = ur-wr, ui-wi
		d[i] = complex(er*real(t.w3)-ei*imag(t.w3), er*imag(t.w3)+ei*real(t.w3))
	}
}

// last is the pass without twiddles, which leaves powers only.
func (f *fft) last(x []complex64, cells []cell) {
	if bits.TrailingZeros(uint(f.n))&1 == 1 {
		for len(x) >= 8 && len(cells) >= 8 {
			power8((*[8]complex64)(x), (*[8]cell)(cells))
			x, cells = x[8:], cells[8:]
		}
		return
	}
	for len(x) >= 4 && len(cells) >= 4 {
		v, c := (*[4]complex64)(x), (*[4]cell)(cells)
		power4(real(v[0]), imag(v[0]), real(v[1]), imag(v[1]), real(v[2]), imag(v[2]), real(v[3]), imag(v[3]),
			&c[0], &c[1], &c[2], &c[3])
		x, cells = x[4:], cells[4:]
	}
}

// power4 transforms four points a to d and adds their powers to c0 to c3.
func power4(ar, ai, br, bi, cr, ci, dr, di float32, c0, c1, c2, c3 *cell) {
	sr, si, ur, ui := ar+cr, ai+ci, ar-cr, ai-ci
	vr, vi, wr, wi := br+dr, bi+di, bi-di, dr-br
	pr, pi := sr+vr, si+vi
	c0.add(pr*pr + pi*pi)
	pr, pi = ur+wr, ui+wi
	c1.add(pr*pr + pi*pi)
	pr, pi = sr-vr, si-vi
	c2.add(pr*pr + pi*pi)
	pr, pi = ur-wr, ui-wi
	c3.add(pr*pr + pi*pi)
}

// power8 transforms eight points: the even ones of the result from the sums of halves,
// the odd ones from the differences turned by eighths.
func power8(x *[8]complex64, c *[8]cell) {
	power4(real(x[0])+real(x[4]), imag(x[0])+imag(x[4]), real(x[1])+real(x[5]), imag(x[1])+imag(x[5]),
		real(x[2])+real(x[6]), imag(x[2])+imag(x[6]), real(x[3])+real(x[7]), imag(x[3])+imag(x[7]),
		&c[0], &c[2], &c[4], &c[6])
	const h = math.Sqrt2 / 2
	br, bi := real(x[1])-real(x[5]), imag(x[1])-imag(x[5])
	dr, di := real(x[3])-real(x[7]), imag(x[3])-imag(x[7])
	power4(real(x[0])-real(x[4]), imag(x[0])-imag(x[4]), h*(br+bi), h*(bi-br),
		imag(x[2])-imag(x[6]), real(x[6])-real(x[2]), h*(di-dr), -h*(dr+di),
		&c[1], &c[3], &c[5], &c[7])
}
