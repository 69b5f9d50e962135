package spectrum

import (
	"math"
	"math/bits"
)

// A twiddle holds e^(-2πi·jk/n) for k = 1, 2, 3.
type twiddle struct{ w1, w2, w3 complex64 }

// A radix4 is the transform in plain Go: decimation in frequency by radix 4 in single
// precision, ending in radix 4 or 8 (Cooley and Tukey, Math. Comp. 19, 1965).
//
// Samples are complex64 for storage only: the compiler multiplies complex64 in double
// precision, so the arithmetic is written out.
type radix4 struct {
	n      int
	window []float32
	work   []complex64
	stages [][]twiddle // of the radix 4 passes, each a quarter of its size
}

// lastOf is the radix of the last pass.
func lastOf(n int) int { return 4 << (bits.TrailingZeros(uint(n)) & 1) }

func newRadix4(coefficients []float64) *radix4 {
	n := len(coefficients)
	f := &radix4{n: n, window: make([]float32, n), work: make([]complex64, n)}
	for i, c := range coefficients {
		f.window[i] = float32(c)
	}
	for size := n; size > lastOf(n); size /= 4 {
		f.stages = append(f.stages, twiddles(size))
	}
	return f
}

func (f *radix4) cell(k int) int {
	at, size := 0, f.n
	for ; size > lastOf(f.n); size /= 4 {
		at += k % 4 * (size / 4)
		k /= 4
	}
	return at + k
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

func (f *radix4) bytes(x []byte, c cells) {
	q := f.n / 4
	x = x[:2*f.n]
	var part [4][atOnce]complex64
	for at := 0; at < q; at += atOnce {
		for i := range part {
			convert8(part[i][:], x[2*(i*q+at):][:2*atOnce], &signed8)
		}
		f.first(part[0][:], part[1][:], part[2][:], part[3][:], at)
	}
	f.others(c)
}

func (f *radix4) floats(x []complex64, c cells) {
	q := f.n / 4
	f.first(x[:q], x[q:][:q], x[2*q:][:q], x[3*q:][:q], 0)
	f.others(c)
}

// atOnce is how many samples are converted at a time: they stay in the first cache.
const atOnce = 64

// others does the passes after the first.
func (f *radix4) others(c cells) {
	q := f.n / 4
	for at := 0; at < f.n; at += q {
		f.rest(f.work[at:at+q], c.part(at, q), 1)
	}
}

// inCache is how many points are transformed breadth first: they fit the first cache.
const inCache = 2048

// rest does the passes from a stage on; large parts go depth first, so that they
// come from memory once.
func (f *radix4) rest(x []complex64, c cells, stage int) {
	if len(x) > inCache {
		pass(x, f.stages[stage])
		q := len(x) / 4
		for at := 0; at < len(x); at += q {
			f.rest(x[at:at+q], c.part(at, q), stage+1)
		}
		return
	}
	for _, tw := range f.stages[stage:] {
		for size, y := 4*len(tw), x; len(y) >= size; y = y[size:] {
			pass(y, tw)
		}
	}
	f.last(x, c)
}

// first is a pass out of place that applies the window on the way, to the points of a
// quarter from at on.
func (f *radix4) first(a, b, c, d []complex64, at int) {
	q, m := len(f.stages[0]), len(a)
	tw := f.stages[0][at:][:m]
	b, c, d = b[:m], c[:m], d[:m]
	wa, wb, wc, wd := f.window[at:][:m], f.window[at+q:][:m], f.window[at+2*q:][:m], f.window[at+3*q:][:m]
	y0, y1, y2, y3 := f.work[at:][:m], f.work[at+q:][:m], f.work[at+2*q:][:m], f.work[at+3*q:][:m]
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
func (f *radix4) last(x []complex64, c cells) {
	sum, top := c.sum, c.max
	if lastOf(f.n) == 8 {
		for len(x) >= 8 && len(sum) >= 8 && len(top) >= 8 {
			power8((*[8]complex64)(x), (*[8]float32)(sum), (*[8]float32)(top))
			x, sum, top = x[8:], sum[8:], top[8:]
		}
		return
	}
	for len(x) >= 4 && len(sum) >= 4 && len(top) >= 4 {
		v, s, t := (*[4]complex64)(x), (*[4]float32)(sum), (*[4]float32)(top)
		power4(real(v[0]), imag(v[0]), real(v[1]), imag(v[1]), real(v[2]), imag(v[2]), real(v[3]), imag(v[3]),
			&s[0], &s[1], &s[2], &s[3], &t[0], &t[1], &t[2], &t[3])
		x, sum, top = x[4:], sum[4:], top[4:]
	}
}

// gather adds a power to a cell. Powers are never negative, so their bits order as they
// do: the larger bits are found without a branch.
func gather(p float32, sum, top *float32) {
	*sum += p
	*top = math.Float32frombits(max(math.Float32bits(*top), math.Float32bits(p)))
}

// power4 transforms four points a to d and gathers their powers.
func power4(ar, ai, br, bi, cr, ci, dr, di float32, s0, s1, s2, s3, t0, t1, t2, t3 *float32) {
	sr, si, ur, ui := ar+cr, ai+ci, ar-cr, ai-ci
	vr, vi, wr, wi := br+dr, bi+di, bi-di, dr-br
	pr, pi := sr+vr, si+vi
	gather(pr*pr+pi*pi, s0, t0)
	pr, pi = ur+wr, ui+wi
	gather(pr*pr+pi*pi, s1, t1)
	pr, pi = sr-vr, si-vi
	gather(pr*pr+pi*pi, s2, t2)
	pr, pi = ur-wr, ui-wi
	gather(pr*pr+pi*pi, s3, t3)
}

// power8 transforms eight points: the even ones of the result from the sums of halves,
// the odd ones from the differences turned by eighths.
func power8(x *[8]complex64, s, t *[8]float32) {
	power4(real(x[0])+real(x[4]), imag(x[0])+imag(x[4]), real(x[1])+real(x[5]), imag(x[1])+imag(x[5]),
		real(x[2])+real(x[6]), imag(x[2])+imag(x[6]), real(x[3])+real(x[7]), imag(x[3])+imag(x[7]),
		&s[0], &s[2], &s[4], &s[6], &t[0], &t[2], &t[4], &t[6])
	const h = math.Sqrt2 / 2
	br, bi := real(x[1])-real(x[5]), imag(x[1])-imag(x[5])
	dr, di := real(x[3])-real(x[7]), imag(x[3])-imag(x[7])
	power4(real(x[0])-real(x[4]), imag(x[0])-imag(x[4]), h*(br+bi), h*(bi-br),
		imag(x[2])-imag(x[6]), real(x[6])-real(x[2]), h*(di-dr), -h*(dr+di),
		&s[1], &s[3], &s[5], &s[7], &t[1], &t[3], &t[5], &t[7])
}
