package spectrum

import (
	"fmt"
	"math"
	"math/cmplx"
	"os"
	"strings"
	"testing"
)

// TestWindowFigures holds the windows against the figures of F. J. Harris, Proc. IEEE 66
// (1978), and of G. D'Antona and A. Ferrero, Digital Signal Processing for Measurement Systems
// (2006), for the flat top; docs/MEASUREMENT.md says what comes of it.
func TestWindowFigures(t *testing.T) {
	const n = 1024
	page, err := os.ReadFile("../docs/MEASUREMENT.md")
	if err != nil {
		t.Fatal(err)
	}
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
			for bins := tt.mainLobeTo; bins < tt.mainLobeTo+35; bins += 0.05 {
				highest = max(highest, level(bins))
			}
			near("highest side lobe", highest, tt.sideLobe, 0.6)
			if null := level(float64(tt.window.lobe())); null > -200 || float64(tt.window.lobe()) != tt.mainLobeTo {
				t.Errorf("the main lobe ends at %d bins with %.0f dB", tt.window.lobe(), null)
			}
			stated := fmt.Sprintf("| `%s` | %.2f | %.3f | %.2f | %.1f | %d |", tt.window, tt.window.ENBW(), sum/peak/n, -level(0.5), highest, tt.window.lobe())
			if !strings.Contains(string(page), stated) {
				t.Errorf("docs/MEASUREMENT.md lacks %s", stated)
			}
		})
	}
}
