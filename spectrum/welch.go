package spectrum

import (
	"math"
	"time"

	"argos/device"
)

// A welch averages windowed power spectra of overlapping stretches of samples (P. D.
// Welch, IEEE Trans. AU-15, 1967).
type welch struct {
	fft     *fft
	hop     int // samples from one window to the next
	cells   []cell
	windows int // that are in cells

	buf        []complex64
	start, end int // of the samples in buf that are still needed
}

func newWelch(n int, w Window, overlap float64) *welch {
	hop := max(1, int(float64(n)*(1-overlap)+0.5))
	return &welch{fft: newFFT(n, w), hop: hop, cells: make([]cell, n), buf: make([]complex64, 2*n)}
}

// restart forgets samples that have not filled a window.
func (w *welch) restart() { w.start, w.end = 0, 0 }

// take converts samples until a window is full and returns what is left of them, or
// false when they ran out first.
func (w *welch) take(src []byte, f device.Format) (rest []byte, full bool) {
	for w.end-w.start < w.fft.n {
		if w.start+w.fft.n > len(w.buf) {
			w.end = copy(w.buf, w.buf[w.start:w.end])
			w.start = 0
		}
		k := min(len(src)/f.Size(), len(w.buf)-w.end)
		if k == 0 {
			return src, false
		}
		convert(w.buf[w.end:w.end+k], src, f)
		src = src[k*f.Size():]
		w.end += k
	}
	return src, true
}

// transform adds the window that take has filled to the cells.
func (w *welch) transform() {
	w.fft.power(w.buf[w.start:w.start+w.fft.n], w.cells)
	w.start += w.hop
	w.windows++
}

// reset empties the cells.
func (w *welch) reset() {
	clear(w.cells)
	w.windows = 0
}

// order fills dst with the places in cells of the points from k on, where k may be
// negative: the lower half of the spectrum.
func (w *welch) order(dst []uint32, k int) {
	for i := range dst {
		dst[i] = w.fft.order[(k+i)&(w.fft.n-1)]
	}
}

// lasting is how long samples at a rate last, to the nearest nanosecond.
func lasting(samples int64, rateHz float64) time.Duration {
	return time.Duration(math.Round(float64(samples) / rateHz * float64(time.Second)))
}
