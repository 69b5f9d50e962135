package spectrum

import (
	"math"
	"unsafe"
)

// cells gather the power of the points of a transform over windows: the sums, the
// largest, and where asked for the smallest. They are not in the order of frequency.
type cells struct{ sum, max, min []float32 }

func newCells(n int) cells { return cells{sum: aligned(n), max: aligned(n)} }

func (c cells) part(at, n int) cells { return cells{sum: c.sum[at:][:n], max: c.max[at:][:n]} }

func (c cells) clear() {
	clear(c.sum)
	clear(c.max)
	unbound(c.min)
}

// unbound makes each of some powers more than any is.
func unbound(powers []float32) {
	for i := range powers {
		powers[i] = float32(math.Inf(1))
	}
}

// takeEach is take in plain Go. Powers are never negative, so their bits order as they do.
func (c cells) takeEach(group []float32, share float32) {
	sum, top, low := c.sum[:len(group)], c.max[:len(group)], c.min[:len(group)]
	for i, p := range group {
		sum[i] += p
		mean := math.Float32bits(p * share)
		top[i] = math.Float32frombits(max(math.Float32bits(top[i]), mean))
		low[i] = math.Float32frombits(min(math.Float32bits(low[i]), mean))
	}
	clear(group)
}

// add adds the sums of a group of windows alone; it clears the group.
func (c cells) add(group []float32) {
	sum := c.sum[:len(group)]
	for i, p := range group {
		sum[i] += p
	}
	clear(group)
}

// cacheLine is the size of a line in bytes.
const cacheLine = 64

// aligned returns n floats that begin with a line of the cache, so that no vector
// of them lies in two.
func aligned(n int) []float32 {
	const floats = cacheLine / 4
	s := make([]float32, n+floats-1)
	skip := -int(uintptr(unsafe.Pointer(&s[0]))/4) & (floats - 1) //nolint:gosec // G103: to know where it lies
	return s[skip:][:n]
}

// A transform adds |X[k]|² of n samples times the window to cell(k) of the cells. It is
// for one goroutine.
type transform interface {
	// bytes takes interleaved int8, where 128 would be full scale.
	bytes(x []byte, c cells)
	// floats takes samples where full scale is 1.
	floats(x []complex64, c cells)
	// cell is where point k is found.
	cell(k int) int
}

// An fft is the quickest transform that this processor has. It never reorders: who needs
// the order of frequency asks for it, once for many windows.
type fft struct {
	transform
	n     int // a power of two from MinBins to MaxBins
	order []uint32
}

func newFFT(n int, w Window) *fft {
	coefficients := make([]float64, n)
	w.Coefficients(coefficients)
	return ordered(n, quickest(coefficients))
}

func ordered(n int, t transform) *fft {
	f := &fft{transform: t, n: n, order: make([]uint32, n)}
	for k := range f.order {
		f.order[k] = uint32(t.cell(k))
	}
	return f
}
