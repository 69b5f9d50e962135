package spectrum

import (
	"math"
	"math/cmplx"
	"testing"
)

// TestWindowFigures holds the windows against the figures of F. J. Harris, Proc. IEEE 66
// (1978), and of G. D'Antona and A. Ferrero, Digital Signal Processing for Measurement Systems
// (2006), for the flat top.
func TestWindowFigures(t *testing.T) {
	const n = 4096
	for _, tt := range []struct {
		window     Window
		enbw       float64 // bins
		gain       float64 // of a constant, before the scaling of Coefficients
		scallop    float64 // dB, loss half way between two bins
		sideLobe   float64 // dB, the highest
		mainLobeTo float64 // bins, its first null
	}{
		{Hann, 1.50, 0.50, 1.42, -31.5, 2},
		{BlackmanHarris, 2.00, 0.36, 0.83, -92, 4},
		{FlatTop, 3.77, 0.22, 0.00, -93, 5},
	} {
		t.Run(tt.window.String(), func(t *testing.T) {
			c := make([]float64, n)
			tt.window.Coefficients(c)
			sum, squares, peak := 0.0, 0.0, 0.0
			for _, v := range c {
				sum += v
				squares += v * v
				peak = max(peak, v)
			}
			near := func(what string, got, want, within float64) {
				t.Helper()
				if !(math.Abs(got-want) <= within) {
					t.Errorf("%s is %.4f, want %.4f ± %g", what, got, want, within)
				}
			}
			near("sum", sum, 1, 1e-12)
			near("ENBW", n*squares/sum/sum, tt.enbw, 0.006)
			near("stated ENBW", tt.window.ENBW(), n*squares/sum/sum, 1e-9)
			near("coherent gain", sum/peak/n, tt.gain, 0.006)
			level := func(bins float64) float64 {
				var s complex128
				for i, v := range c {
					s += complex(v, 0) * cmplx.Rect(1, -2*math.Pi*bins*float64(i)/n)
				}
				return 20 * math.Log10(cmplx.Abs(s))
			}
			near("scalloping", -level(0.5), tt.scallop, 0.012)
			highest := math.Inf(-1)
			for bins := tt.mainLobeTo; bins < tt.mainLobeTo+10; bins += 0.05 {
				highest = max(highest, level(bins))
			}
			near("highest side lobe", highest, tt.sideLobe, 0.6)
		})
	}
}
