package spectrum

import (
	"fmt"
	"math"
	"strings"
)

// A Window tapers samples before the transform.
type Window uint8

// The windows. ENBW is in bins.
const (
	Hann           Window = iota // ENBW 1.50, side lobes -31 dB
	BlackmanHarris               // 4 terms, ENBW 2.00, side lobes -92 dB
	FlatTop                      // 5 terms, ENBW 3.77, scalloping under 0.01 dB
)

var windows = [...]struct {
	name  string
	terms []float64 // cosine terms with alternating signs
}{
	Hann:           {"hann", []float64{0.5, 0.5}},
	BlackmanHarris: {"blackman-harris", []float64{0.35875, 0.48829, 0.14128, 0.01168}},
	FlatTop:        {"flattop", []float64{0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368}},
}

// WindowNames lists the names that ParseWindow takes.
func WindowNames() []string {
	names := make([]string, len(windows))
	for i := range windows {
		names[i] = windows[i].name
	}
	return names
}

// ParseWindow finds a window by name.
func ParseWindow(s string) (Window, error) {
	for i := range windows {
		if strings.EqualFold(s, windows[i].name) {
			return Window(i), nil
		}
	}
	return 0, fmt.Errorf("unknown window %q: use %s", s, strings.Join(WindowNames(), ", "))
}

func (w Window) String() string {
	if int(w) >= len(windows) {
		return fmt.Sprintf("window %d", w)
	}
	return windows[w].name
}

// Coefficients fills dst with the periodic (DFT-even) window of len(dst) points,
// scaled so that they sum to 1: a complex tone on a bin centre keeps its amplitude.
// Cosine terms: F. J. Harris, Proc. IEEE 66 (1978); flat top: IEC/HP as in SciPy.
func (w Window) Coefficients(dst []float64) {
	terms := windows[w].terms
	for i := range dst {
		v, sign := 0.0, 1.0
		for k, a := range terms {
			v += sign * a * math.Cos(2*math.Pi*float64(k)*float64(i)/float64(len(dst)))
			sign = -sign
		}
		dst[i] = v / (terms[0] * float64(len(dst)))
	}
}

// ENBW is the equivalent noise bandwidth in bins: N·Σw²/(Σw)². For cosine windows
// that is (a₀² + ½Σaₖ²)/a₀², whatever N.
func (w Window) ENBW() float64 {
	terms := windows[w].terms
	sum := terms[0] * terms[0]
	for _, a := range terms[1:] {
		sum += a * a / 2
	}
	return sum / (terms[0] * terms[0])
}

// lobe is how many bins the main lobe reaches on either side: to its first null.
func (w Window) lobe() int { return len(windows[w].terms) }

// at is the window at a share of its length, 0 outside of 0 to 1, in some scale.
func (w Window) at(share float64) float64 {
	if share <= 0 || share >= 1 {
		return 0
	}
	v, sign := 0.0, 1.0
	for k, a := range windows[w].terms {
		v += sign * a * math.Cos(2*math.Pi*float64(k)*share)
		sign = -sign
	}
	return v
}

// overlapped is the correlation of white noise through two windows, of which the second
// begins at a share of the first; 0 from 1 on.
func (w Window) overlapped(share float64) float64 {
	const points = 256
	var both, one float64
	for i := range points {
		x := (float64(i) + 0.5) / points
		both += w.at(x) * w.at(x+share)
		one += w.at(x) * w.at(x)
	}
	return both / one
}

// leaked is the correlation of white noise in two bins m apart; 0 where the window has
// no terms that reach so far.
func (w Window) leaked(m int) float64 {
	const points = 256
	if m >= 2*len(windows[w].terms)-1 {
		return 0
	}
	var both, one float64
	for i := range points {
		x := (float64(i) + 0.5) / points
		square := w.at(x) * w.at(x)
		both += square * math.Cos(2*math.Pi*float64(m)*x)
		one += square
	}
	return both / one
}
