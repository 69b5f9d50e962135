package spectrum

import (
	"iter"
	"math"
	"time"

	"argos/device"
)

// A welch averages windowed power spectra of overlapping stretches of samples (P. D.
// Welch, IEEE Trans. AU-15, 1967).
//
// The detectors see the mean power of each group of windows in a row: a video filter.
type welch struct {
	fft     *fft
	cells   cells // of whole groups
	windows int   // that are in cells
	group   cells // where windows go first; the same as cells where the detectors see each
	every   int   // windows in a group
	grouped int   // that are in group and not in cells

	bytes  overlap[byte]
	floats overlap[complex64]
	some   []complex64 // samples converted

	balance *balance // of I and Q; nil: nothing is known

	// The window that is full: int8 as they came, others converted.
	asBytes  []byte
	asFloats []complex64
}

// newWelch is for settings whose Bins are resolved, and groups of so many windows.
func newWelch(s Settings, every int) *welch {
	n, hop := s.Bins, s.hop(s.Bins)
	w := &welch{
		fft: newFFT(n, s.Window), cells: newCells(n), every: every,
		bytes: newOverlap[byte](2*n, 2*hop), floats: newOverlap[complex64](n, hop), some: make([]complex64, n),
	}
	w.group = w.cells
	if every > 1 || s.Min {
		w.group, w.cells.min = newCells(n), aligned(n)
		unbound(w.cells.min)
	}
	return w
}

// restart forgets samples that have not filled a window.
func (w *welch) restart() { w.bytes.kept, w.floats.kept = 0, 0 }

// full ranges over the windows that samples fill, and tells of each how many samples of
// src it takes. The loop calls transform. What is left of src when it breaks is forgotten.
func (w *welch) full(src []byte, f device.Format) iter.Seq[int] {
	return func(yield func(end int) bool) {
		n, size := w.fft.n, f.Size()
		src = src[:len(src)-len(src)%size]
		if f == device.CI8 && w.balance == nil {
			w.asFloats, w.floats.kept = nil, 0
			for x, end := range w.bytes.windows(src) {
				w.asBytes = x
				if !yield(end / size) {
					return
				}
			}
			return
		}
		w.bytes.kept = 0
		for done := 0; len(src) > 0; done += n {
			some := w.some[:min(len(src)/size, n)]
			convert(some, src, f)
			if w.balance != nil {
				w.balance.apply(some)
			}
			for x, end := range w.floats.windows(some) {
				w.asFloats = x
				if !yield(done + end) {
					return
				}
			}
			src = src[len(some)*size:]
		}
	}
}

// transform measures the window that full is at, and reports whether its group is in the
// cells by that.
func (w *welch) transform() bool {
	if w.asFloats != nil {
		w.fft.floats(w.asFloats, w.group)
	} else {
		w.fft.bytes(w.asBytes, w.group)
	}
	w.grouped++
	if w.grouped < w.every {
		return false
	}
	w.close()
	return true
}

// close moves the group to the cells.
func (w *welch) close() {
	if w.cells.min != nil {
		w.cells.take(w.group.sum, 1/float32(w.grouped))
	}
	w.windows += w.grouped
	w.grouped = 0
}

// finish does so with a group that will not get full. The mean of fewer windows spreads
// wider, so that the detectors see it only where there is no other.
func (w *welch) finish(alone bool) {
	switch {
	case w.grouped == 0:
	case alone:
		w.close()
	default:
		w.cells.add(w.group.sum)
		w.windows += w.grouped
		w.grouped = 0
	}
}

// reset empties the cells.
func (w *welch) reset() {
	w.cells.clear()
	w.windows = 0
}

// order fills dst with the places in cells of the points from k on, where k may be
// negative: the lower half of the spectrum.
func (w *welch) order(dst []uint32, k int) {
	for i := range dst {
		dst[i] = w.fft.order[(k+i)&(w.fft.n-1)]
	}
}

// An overlap cuts what comes piece by piece into windows of n, a hop apart. Most lie in
// one piece, and are not copied.
type overlap[T any] struct {
	n, hop int
	tail   []T // from the start of the next window on, and then of the piece after it
	kept   int // of tail
}

func newOverlap[T any](n, hop int) overlap[T] {
	return overlap[T]{n: n, hop: hop, tail: make([]T, 2*n)}
}

// windows ranges over the windows that end in src, and says where.
func (o *overlap[T]) windows(src []T) iter.Seq2[[]T, int] {
	return func(yield func([]T, int) bool) {
		at := -o.kept
		if at < 0 {
			copy(o.tail[o.kept:], src[:min(len(src), o.n)])
		}
		for ; at+o.n <= len(src); at += o.hop {
			var x []T
			if at < 0 {
				x = o.tail[at+o.kept:][:o.n]
			} else {
				x = src[at:][:o.n]
			}
			if !yield(x, at+o.n) {
				o.kept = 0
				return
			}
		}
		if at < 0 {
			copy(o.tail, o.tail[at+o.kept:o.kept+len(src)])
		} else {
			copy(o.tail, src[at:])
		}
		o.kept = len(src) - at
	}
}

// lasting is how long samples at a rate last, to the nearest nanosecond.
func lasting(samples int64, rateHz float64) time.Duration {
	return time.Duration(math.Round(float64(samples) / rateHz * float64(time.Second)))
}
