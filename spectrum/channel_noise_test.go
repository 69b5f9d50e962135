package spectrum

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"argos/device"

	"gonum.org/v1/gonum/dsp/fourier"
)

// A shape is a power spectral density by the distance from a frequency, per Hz.
type shape func(hz float64) float64

// flat has a power, spread evenly over a width around an offset.
func flat(power, offsetHz, widthHz float64) shape {
	return func(hz float64) float64 {
		if math.Abs(hz-offsetHz) > widthHz/2 {
			return 0
		}
		return power / widthHz
	}
}

// raised has a power, spread like a Hann window over a width.
func raised(power, widthHz float64) shape {
	return func(hz float64) float64 {
		if math.Abs(hz) > widthHz/2 {
			return 0
		}
		return power / widthHz * (1 + math.Cos(2*math.Pi*hz/widthHz))
	}
}

func (s shape) plus(other shape) shape {
	return func(hz float64) float64 { return s(hz) + other(hz) }
}

// noise is n samples of a signal around 0 Hz whose density is s when seen from fromHz. Its power is exactly that of
// the shape.
func (s shape) noise(n int, rateHz, fromHz float64, rng *rand.Rand) []complex128 {
	lines := make([]complex128, n)
	for k := range lines {
		hz := float64((k+n/2)%n-n/2) * rateHz / float64(n)
		if density := s(hz - fromHz); density > 0 {
			lines[k] = cmplx.Rect(math.Sqrt(density*rateHz/float64(n)), 2*math.Pi*rng.Float64())
		}
	}
	return fourier.NewCmplxFFT(n).Sequence(nil, lines)
}

// The signals lie around middleHz of a stream, which is not the middle of its band, and of a sweep,
// where they go over several joints.
const (
	streamMiddleHz = 100.05e6
	sweepMiddleHz  = 2419.1e6
)

// streamed is one frame of a stream of a shape whose widths are in units of 1 kHz.
func (s shape) streamed(t *testing.T, bins int, stepDB float64) *Frame {
	t.Helper()
	settings := settingsAt(1.024e6, bins)
	settings.Window = BlackmanHarris
	rng := rand.New(rand.NewPCG(1, uint64(bins)))
	wide := func(hz float64) float64 { return s(hz/1e3) / 1e3 }
	return measure(t, settings, shape(wide).noise(1<<19, 1.024e6, streamMiddleHz-100e6, rng), device.CF32, stepDB)
}

// swept is the same of a sweep, in units of 20 kHz.
func (s shape) swept(t *testing.T, bins int, stepDB float64) *Frame {
	t.Helper()
	tuning := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	a, err := NewAnalyzer(Settings{Tuning: tuning, Bins: bins, Window: BlackmanHarris, Overlap: 0.75}, device.Info{}, 1, &AnalyzerOptions{StepDB: stepDB})
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(2, uint64(bins)))
	wide := func(hz float64) float64 { return s(hz/20e3) / 20e3 }
	for range 40 {
		for _, c := range centres {
			// Twice as many, so that the ends do not meet.
			x := shape(wide).noise(2*8192, tuning.RateHz, sweepMiddleHz-c, rng)[:8192]
			b := device.Block{Tuning: tuning, CenterHz: c, Time: epoch, Break: true, Format: device.CF32, Samples: encode(x, device.CF32)}
			if err := a.Add(&b, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	var got *Frame
	a.Flush(func(f *Frame) { got = f })
	return got
}

// eachWay measures a shape in a stream, in steps fine and usual, and in a sweep. A unit of its width is so many Hz.
func (s shape) eachWay(t *testing.T, test func(t *testing.T, f *Frame, middleHz, unitHz float64)) {
	t.Helper()
	t.Run("stream", func(t *testing.T) { test(t, s.streamed(t, 4096, 0.01), streamMiddleHz, 1e3) })
	t.Run("coarse stream", func(t *testing.T) { test(t, s.streamed(t, 4096, DefaultStepDB), streamMiddleHz, 1e3) })
	t.Run("sweep", func(t *testing.T) { test(t, s.swept(t, 4096, DefaultStepDB), sweepMiddleHz, 20e3) })
}

func TestBandOfNoise(t *testing.T) {
	study(t)
	t.Parallel()
	flat(1e-4, 0, 400).eachWay(t, func(t *testing.T, f *Frame, middle, unit float64) {
		g := &f.Grid
		near(t, "power of all of it", g.ChannelPower(f.Mean, middle-210*unit, middle+210*unit), -40, 0.1)
		near(t, "power of a quarter", g.ChannelPower(f.Mean, middle-150*unit, middle-50*unit), -40+10*math.Log10(0.25), 0.1)
		near(t, "density", g.NoiseDensity(f.Mean, middle-150*unit, middle+150*unit), -40-10*math.Log10(400*unit), 0.1)
		from, to := g.OccupiedBandwidth(f.Mean, middle-400*unit, middle+400*unit, 0.99)
		near(t, "99 % in bins", (to-from)/g.BinHz, 0.99*400*unit/g.BinHz, 1)
		near(t, "its middle in bins", ((from+to)/2-middle)/g.BinHz, 0, 1)
	})
}

func TestBandwidthOfARaisedCosine(t *testing.T) {
	study(t)
	t.Parallel()
	// Below a share u of the width, counted from the middle, lies ½ + u + sin(2πu)/2π of the power.
	low, high := -0.5, 0.0
	for range 60 {
		if u := (low + high) / 2; 0.5+u+math.Sin(2*math.Pi*u)/(2*math.Pi) < 0.005 {
			low = u
		} else {
			high = u
		}
	}
	share := -2 * low
	raised(1e-3, 400).eachWay(t, func(t *testing.T, f *Frame, middle, unit float64) {
		g := &f.Grid
		from, to := g.OccupiedBandwidth(f.Mean, middle-400*unit, middle+400*unit, 0.99)
		near(t, "99 % in bins", (to-from)/g.BinHz, share*400*unit/g.BinHz, 1)
		near(t, "its middle in bins", ((from+to)/2-middle)/g.BinHz, 0, 1)
		near(t, "power", g.ChannelPower(f.Mean, middle-200*unit, middle+200*unit), -30, 0.1)
	})
}

func TestTwoLevelsOfChannels(t *testing.T) {
	study(t)
	t.Parallel()
	flat(1e-2, 0, 80).plus(flat(1e-6, -100, 80)).plus(flat(1e-5, 100, 80)).eachWay(t, func(t *testing.T, f *Frame, middle, unit float64) {
		lower, upper := f.Grid.AdjacentPower(f.Mean, middle, 90*unit, 100*unit)
		near(t, "lower", lower, -40, 0.1)
		near(t, "upper", upper, -30, 0.1)
		near(t, "channel", f.Grid.ChannelPower(f.Mean, middle-45*unit, middle+45*unit), -20, 0.1)
	})
}

// A tone in a sweep has its power in a channel around it, wherever it lies between bins and
// even on a joint.
func TestSweptTone(t *testing.T) {
	tuning := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	for w := range Window(len(windows)) {
		for _, hz := range []float64{2402e6, 2405e6, 2407.123e6, 2409.999e6, 2420e6, 2431.415926e6} {
			a, err := NewAnalyzer(Settings{Tuning: tuning, Bins: 1024, Window: w, Overlap: 0.5}, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range centres {
				b := sweepBlock(tuning, c, map[float64]float64{hz: 0.1}, 0, 1, epoch)
				if err := a.Add(&b, nil); err != nil {
					t.Fatal(err)
				}
			}
			a.Flush(func(f *Frame) {
				near(t, w.String(), f.Grid.ChannelPower(f.Mean, hz-400e3, hz+400e3), -20, 0.1)
			})
		}
	}
}
