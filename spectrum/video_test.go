package spectrum

import (
	"math/rand/v2"
	"testing"

	"argos/device"
)

// BenchmarkDetectors is the way from int8 samples to power without overlap: with the
// detectors that there always are, with min, and with groups of eight windows.
func BenchmarkDetectors(b *testing.B) {
	const n = 8192
	raw := make([]byte, 16*n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range raw {
		raw[i] = byte(int8(rng.NormFloat64() * 20))
	}
	for _, test := range []struct {
		name  string
		min   bool
		every int
	}{{"mean+max", false, 1}, {"min", true, 1}, {"vbw", false, 8}} {
		b.Run(test.name, func(b *testing.B) {
			w := newWelch(Settings{Bins: n, Min: test.min}, test.every)
			for b.Loop() {
				for range w.full(raw, device.CI8) {
					w.transform()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(8*n), "ns/sample")
		})
	}
}
