package spectrum

import (
	"math"
	"testing"
)

func TestDecibels(t *testing.T) {
	worst := 0.0
	for e := -29.99; e < 38; e += 1e-4 {
		p := math.Pow(10, e)
		worst = max(worst, math.Abs(decibels(p)-10*math.Log10(p)))
	}
	for m := 0.5; m < 2; m += 1e-5 { // across the seams
		worst = max(worst, math.Abs(decibels(m)-10*math.Log10(m)))
	}
	t.Logf("worst error: %.2g dB", worst)
	if !(worst < 1e-6) {
		t.Errorf("%g dB off, want less than 1e-6", worst)
	}
	for _, p := range []float64{0, math.SmallestNonzeroFloat64, 1e-31, 1e-30} {
		if got := decibels(p); math.Abs(got-FloorDB) > 1e-6 {
			t.Errorf("power %g reads %g dB, want %d", p, got, FloorDB)
		}
	}
	if got := decibels(math.Inf(1)); !(got > 3000 && got < 3100) {
		t.Errorf("endless power reads %g dB", got)
	}
}

// TestQuantise: a step differs from that of math.Log10 only where the level lies on the border of two.
func TestQuantise(t *testing.T) {
	study(t)
	t.Parallel()
	for _, step := range []float64{minStepDB, DefaultStepDB} {
		for e := -16.0; e < 3; e += 3.1e-6 {
			p := math.Pow(10, e)
			exact := 10 * math.Log10(p) / step
			got := quantise(p, 1/step)
			if float64(got) != math.Round(exact) && math.Abs(exact-float64(got)) > 0.5+1e-6/step {
				t.Fatalf("power %g in steps of %g dB is %d, want %g", p, step, got, exact)
			}
		}
	}
}

func BenchmarkQuantise(b *testing.B) {
	powers := make([]float64, 4096)
	for i := range powers {
		powers[i] = math.Pow(10, -float64(i)/500)
	}
	levels := make([]int16, len(powers))
	for b.Loop() {
		for i, p := range powers {
			levels[i] = quantise(p, 1/DefaultStepDB)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(powers)), "ns/bin")
}
