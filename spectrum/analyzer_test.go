package spectrum

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// encode makes samples of a format as a converter would: rounded and held at the rails.
func encode(x []complex128, f device.Format) []byte {
	var raw []byte
	code := func(v, least, most float64) float64 { return math.Round(min(max(v, least), most)) }
	for _, c := range x {
		for _, v := range [2]float64{real(c), imag(c)} {
			switch f {
			case device.CU8:
				raw = append(raw, byte(code(v*128+127.5, 0, 255)))
			case device.CI16:
				raw = binary.LittleEndian.AppendUint16(raw, uint16(int16(code(v*32768, -32768, 32767))))
			case device.CF32:
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(v)))
			default:
				raw = append(raw, byte(int8(code(v*128, -128, 127))))
			}
		}
	}
	return raw
}

var epoch = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// settingsAt are those of a radio that samples at a rate and shows all of it.
func settingsAt(rateHz float64, bins int) Settings {
	return Settings{
		Tuning: device.Tuning{CenterHz: 100e6, SpanHz: rateHz, RateHz: rateHz},
		Bins:   bins, Overlap: 0.5,
	}
}

// measure is one frame over all of x at the settings.
func measure(t *testing.T, s Settings, x []complex128, f device.Format, step float64) *Frame {
	t.Helper()
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: step})
	if err != nil {
		t.Fatal(err)
	}
	var got *Frame
	b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: f, Samples: encode(x, f)}
	if err := a.Add(&b, func(*Frame) { t.Error("a frame without being asked") }); err != nil {
		t.Fatal(err)
	}
	a.Flush(func(f *Frame) { got = new(*f) })
	if got == nil {
		t.Fatal("no frame")
	}
	return got
}

func strongest(q []int16) int {
	best := 0
	for i := range q {
		if q[i] > q[best] {
			best = i
		}
	}
	return best
}

func TestToneOnABinReadsItsLevel(t *testing.T) {
	const n = 1024
	for _, test := range []struct {
		format    device.Format
		amplitude float64
	}{
		{device.CI8, 127.0 / 128},
		{device.CI8, 0.5},
		{device.CU8, 127.0 / 128},
		{device.CU8, 0.25},
		{device.CI16, 32767.0 / 32768},
		{device.CI16, 0.01},
		{device.CF32, 1},
		{device.CF32, 1e-4},
	} {
		for w := range windows {
			s := settingsAt(1024e3, n)
			s.Window = Window(w)
			for _, at := range []float64{-400, 37, 300} {
				f := measure(t, s, tone(4*n, 4*at, test.amplitude), test.format, 0.01)
				want := 20 * math.Log10(test.amplitude)
				i := strongest(f.Mean)
				if got := f.Grid.BinCenterHz(i); got != 100e6+at*1000 {
					t.Errorf("%v %v: tone at %g kHz is seen at %g", test.format, Window(w), at, got)
				}
				for _, q := range []int16{f.Mean[i], f.Max[i]} {
					if got := f.Grid.DB(q); math.Abs(got-want) > 0.1 {
						t.Errorf("%v %v: reads %.2f dBFS, want %.2f", test.format, Window(w), got, want)
					}
				}
			}
		}
	}
}

// welchReference is the mean and the max of windows over x in double precision, in order
// of frequency.
func welchReference(x []complex128, n, hop int, w Window) (mean, most []float64, windows int) {
	mean, most = make([]float64, n), make([]float64, n)
	power := referenceFor(n, w)
	for at := 0; at+n <= len(x); at += hop {
		for k, p := range power(x[at : at+n]) {
			i := (k + n/2) % n
			mean[i] += p
			most[i] = max(most[i], p)
		}
		windows++
	}
	for i := range mean {
		mean[i] /= float64(windows)
	}
	return mean, most, windows
}

// agree checks the strongest bin and every level over a floor against the reference.
func agree(t *testing.T, f *Frame, mean, most []float64, within float64) {
	t.Helper()
	best := 0
	for i := range mean {
		if mean[i] > mean[best] {
			best = i
		}
	}
	got := strongest(f.Mean)
	if got != best && f.Mean[got] != f.Mean[best] {
		t.Errorf("strongest bin is %d, want %d", got, best)
	}
	for i := range mean {
		for _, p := range []struct {
			q    int16
			want float64
		}{{f.Mean[i], 10 * math.Log10(mean[i])}, {f.Max[i], 10 * math.Log10(most[i])}} {
			if off := math.Abs(f.Grid.DB(p.q) - p.want); p.want > -100 && off > within {
				t.Fatalf("bin %d reads %.2f, want %.2f", i, f.Grid.DB(p.q), p.want)
			}
		}
	}
}

func TestRandomScenesAgreeWithReference(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 14))
	for range 12 {
		n := MinBins << rng.IntN(5)
		x := noise(n*(2+rng.IntN(6))+rng.IntN(n), math.Pow(10, -1-2*rng.Float64()), rng.Uint64())
		for range 1 + rng.IntN(5) {
			x = sum(x, tone(len(x), (rng.Float64()-0.5)*float64(len(x)), 0.3*rng.Float64()))
		}
		s := settingsAt(2e6, n)
		s.Window, s.Overlap = Window(rng.IntN(len(windows))), []float64{0, 0.25, 0.5, 0.75}[rng.IntN(4)]
		for format := device.CI8; format <= device.CF32; format++ {
			raw := encode(x, format)
			exact := make([]complex64, len(x))
			convert(exact, raw, format)
			y := make([]complex128, len(x))
			for i := range y {
				y[i] = complex128(exact[i])
			}
			f := measure(t, s, x, format, 0.01)
			mean, most, windows := welchReference(y, n, int(float64(n)*(1-s.Overlap)), s.Window)
			agree(t, f, mean, most, 0.02)
			if f.Averages() != windows {
				t.Errorf("%d averages, want %d", f.Averages(), windows)
			}
		}
	}
}

func TestNoiseReadsItsDensityTimesRBW(t *testing.T) {
	const n, sigma = 1024, 0.05
	x := noise(400*n, sigma, 5)
	for w := range windows {
		s := settingsAt(1e6, n)
		s.Window = Window(w)
		f := measure(t, s, x, device.CI16, 0.01)
		mean := 0.0
		for _, q := range f.Mean {
			mean += math.Pow(10, f.Grid.DB(q)/10) / n
		}
		// Density over the whole rate is 2σ² in 1 MHz.
		want := 10 * math.Log10(2*sigma*sigma*f.Grid.RBWHz/1e6)
		if got := 10 * math.Log10(mean); math.Abs(got-want) > 0.05 {
			t.Errorf("%v: noise reads %.3f dBFS, want %.3f", s.Window, got, want)
		}
	}
}

func TestGridCoversTheSpan(t *testing.T) {
	for _, test := range []struct {
		name            string
		center, span    float64 // of the tuning
		blockCenter     float64
		start           float64
		bins            int
		firstBinIsPoint int
	}{
		{"all", 100e6, 1024e3, 100e6, 100e6 - 512.5e3, 1024, -512},
		{"half", 100e6, 512e3, 100e6, 100e6 - 256.5e3, 513, -256},
		{"edges of bins", 100e6 - 500, 512e3, 100e6, 100e6 - 256.5e3, 512, -256},
		{"part of a recording", 99.9e6, 100e3, 100e6, 99.8495e6, 101, -150},
		{"over the edge", 99.5e6, 100e3, 100e6, 100e6 - 512.5e3, 63, -512},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := settingsAt(1024e3, 1024)
			s.Tuning.CenterHz, s.Tuning.SpanHz = test.center, test.span
			a, err := NewAnalyzer(s, device.Info{Simulated: true}, 7, nil)
			if err != nil {
				t.Fatal(err)
			}
			point := float64(test.firstBinIsPoint + 3)
			b := device.Block{
				Tuning: s.Tuning, CenterHz: test.blockCenter, Time: epoch, Format: device.CF32,
				Samples: encode(tone(1024, point, 1), device.CF32),
			}
			if err := a.Add(&b, nil); err != nil {
				t.Fatal(err)
			}
			g := a.Grid()
			if math.Abs(g.StartHz-test.start) > 1e-3 || g.Bins != test.bins || g.BinHz != 1000 {
				t.Errorf("grid is %d bins from %f, want %d from %f", g.Bins, g.StartHz, test.bins, test.start)
			}
			if g.Generation != 7 || !g.Simulated || g.StepDB != 0.5 || g.RBWHz != 1500 {
				t.Errorf("grid is %+v", g)
			}
			a.Flush(func(f *Frame) {
				if i := strongest(f.Mean); i != 3 || f.Mean[3] != 0 {
					t.Errorf("tone in bin %d at %g dB, want bin 3 at 0", i, g.DB(f.Mean[i]))
				}
			})
		})
	}
	s := settingsAt(1e6, 1024)
	a, _ := NewAnalyzer(s, device.Info{}, 1, nil)
	b := device.Block{Tuning: s.Tuning, CenterHz: 200e6, Samples: make([]byte, 4096)}
	if err := a.Add(&b, nil); err == nil {
		t.Error("samples outside the span went through")
	}
}

// clone keeps a frame that an Analyzer is about to reuse.
func clone(f *Frame) Frame {
	c := *f
	c.Segments, c.Mean, c.Max, c.Min = slices.Clone(f.Segments), slices.Clone(f.Mean), slices.Clone(f.Max), slices.Clone(f.Min)
	return c
}

func TestFramesDoNotDependOnBlocks(t *testing.T) {
	const rate, n = 1e6, 1024
	x := noise(300_000, 0.1, 11)
	raw := encode(x, device.CI8)
	for _, fps := range []float64{7, 33.3, 100} {
		s := settingsAt(rate, n)
		s.FPS = fps
		var want []Frame
		for _, size := range []int{300_000, 131_072, 1000, 37} {
			a, err := NewAnalyzer(s, device.Info{}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []Frame
			for at := 0; at < len(x); at += size {
				end := min(at+size, len(x))
				b := device.Block{
					Tuning: s.Tuning, CenterHz: 100e6, Samples: raw[2*at : 2*end],
					Time: epoch.Add(time.Duration(end-1) * time.Microsecond),
				}
				if err := a.Add(&b, func(f *Frame) { got = append(got, clone(f)) }); err != nil {
					t.Fatal(err)
				}
			}
			if want == nil {
				want = got
				if len(got) != int(0.3*fps) {
					t.Errorf("%d frames in 0.3 s at %g a second", len(got), fps)
				}
				if !got[0].First.Equal(epoch) {
					t.Errorf("first sample at %v, want %v", got[0].First, epoch)
				}
				last := int(math.Ceil(rate/fps)-n)/(n/2)*(n/2) + n - 1
				if at := int(got[0].Last.Sub(epoch) / time.Microsecond); at != last {
					t.Errorf("last sample of the first frame is %d, want %d", at, last)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%g fps: blocks of %d give %d other frames", fps, size, len(got))
			}
		}
	}
}

func TestFramesWaitForAWindow(t *testing.T) {
	s := settingsAt(1e6, 65536) // a window takes 65 ms, a tick 10
	s.FPS, s.Overlap = 100, 0
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	frames := 0
	for range 66 {
		b := device.Block{Tuning: s.Tuning, CenterHz: 100e6, Samples: make([]byte, 20_000), Time: epoch}
		if err := a.Add(&b, func(f *Frame) {
			frames++
			if f.Averages() != 1 || f.Mean[0] != int16(FloorDB/f.Grid.StepDB) {
				t.Errorf("%d windows, %d steps", f.Averages(), f.Mean[0])
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if frames != 10 {
		t.Errorf("%d frames of 660,000 samples, want 10", frames)
	}
}

func TestBreaksLossAndOverload(t *testing.T) {
	const n = 256
	s := settingsAt(1e6, n)
	s.Overlap = 0
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	quiet := make([]byte, 2*(n+n/2))
	loud := slices.Clone(quiet)
	for i := range 77 {
		loud[2*i] = 0x80
	}
	add := func(b device.Block) {
		b.Tuning, b.CenterHz, b.Time = s.Tuning, 100e6, epoch
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
	}
	add(device.Block{Samples: quiet})
	add(device.Block{Samples: loud})                         // three windows so far
	add(device.Block{Samples: quiet, Break: true, Lost: 50}) // a half window is left
	add(device.Block{Samples: quiet, Break: true})           // and dropped here
	a.Flush(func(f *Frame) {
		if f.Averages() != 5 || f.Lost != 50 || math.Abs(float64(f.Overload)-77.0/768) > 1e-6 {
			t.Errorf("averages %d lost %d overload %g", f.Averages(), f.Lost, f.Overload)
		}
	})
	add(device.Block{Samples: quiet})
	a.Flush(func(f *Frame) {
		if f.Lost != 0 || f.Overload != 0 {
			t.Errorf("lost %d, overload %g are from the frame before", f.Lost, f.Overload)
		}
	})
}

// Without a wish the resolution follows the span, as far as transforms go.
func TestResolutionFollowsTheSpan(t *testing.T) {
	for _, test := range []struct {
		rateHz, spanHz float64
		bins           int
	}{{2e6, 2e6, 4096}, {8e6, 2e6, 16384}, {8e6, 5e6, 8192}, {2e6, 1e3, MaxBins}, {20e6, 100e6, 4096}} {
		s := Settings{Tuning: device.Tuning{CenterHz: 100e6, SpanHz: test.spanHz, RateHz: test.rateHz}, FPS: 20}
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.Settings().Bins; got != test.bins {
			t.Errorf("%g Hz of %g: %d points, want %d", test.spanHz, test.rateHz, got, test.bins)
		}
	}
}

func TestAnalyzerRefuses(t *testing.T) {
	good := settingsAt(2e6, 4096)
	for _, test := range []struct {
		change func(*Settings)
		want   string
	}{
		{func(s *Settings) { s.Bins, s.RBWHz = 0, 1 }, "rbw 1 is too fine at 2M samples/s: use 46 or more"},
		{func(s *Settings) { s.Bins, s.RBWHz = 0, -1 }, "rbw -1 must be above 0"},
		{func(s *Settings) { s.Bins = 1000 }, "power of two"},
		{func(s *Settings) { s.Overlap = 0.9 }, "overlap"},
		{func(s *Settings) { s.FPS = 1000 }, "frame rate"},
		{func(s *Settings) { s.Window = 9 }, "window 9"},
		{func(s *Settings) { s.Tuning.SpanHz = math.NaN() }, "span"},
		{func(s *Settings) { s.Tuning.CenterHz = 1e300 }, "centre"},
		{func(s *Settings) { s.Tuning.RateHz = 1e-30 }, "the sample rate must be from 1 to 1e+12 Hz"},
		{func(s *Settings) { s.Tuning.RateHz = 1e30 }, "sample rate"},
		{func(s *Settings) { s.Tuning.SpanHz, s.Bins = 100e6, 16384 }, "16384 bins are too many in a sweep: use 8192 or fewer"},
		{func(s *Settings) { s.Tuning.SpanHz, s.Bins, s.RBWHz = 100e6, 0, 100 }, "too fine at 2M samples/s in a sweep"},
	} {
		s := good
		test.change(&s)
		_, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want %q", err, test.want)
		}
	}
	if _, err := NewAnalyzer(good, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.001}); err == nil {
		t.Error("a step that overflows went through")
	}
	// What was resolved from bins resolves to the same bins.
	for n := MinBins; n <= MaxBins; n *= 2 {
		for w := range windows {
			s := good
			s.Window, s.Bins = Window(w), 0
			s.RBWHz = s.Window.ENBW() * s.Tuning.RateHz / float64(n)
			if got, err := s.resolve(s.Tuning.RateHz); got != n || err != nil {
				t.Errorf("%v: rbw of %d bins gives %d bins, %v", s.Window, n, got, err)
			}
		}
	}
}

func TestAnalyzerDoesNotAllocate(t *testing.T) {
	s := settingsAt(2e6, 4096)
	s.FPS = 20
	sweep := s
	sweep.Tuning.SpanHz, sweep.Tuning.RateHz = 40e6, 20e6
	survey := s
	survey.Tuning.SpanHz, survey.Tuning.RateHz = 40e6, 0
	detectors := s
	detectors.Min, detectors.VBWHz, detectors.DC = true, 50, DCInterpolate
	raw := encode(noise(1<<15, 0.1, 1), device.CI8)
	floats := encode(noise(1<<15, 0.1, 1), device.CF32)
	power := make([]float32, 100)
	now := epoch
	for name, test := range map[string]struct {
		s     Settings
		block func(i int) device.Block
	}{
		"stream": {s, func(int) device.Block { return device.Block{CenterHz: 100e6, Samples: raw} }},
		"stream of floats": {s, func(int) device.Block {
			return device.Block{CenterHz: 100e6, Samples: floats, Format: device.CF32}
		}},
		"min, vbw and dc": {detectors, func(int) device.Block { return device.Block{CenterHz: 100e6, Samples: raw} }},
		"sweep": {sweep, func(i int) device.Block {
			return device.Block{CenterHz: 87.5e6 + 5e6*float64(i%8), Samples: raw[:16384]}
		}},
		"survey": {survey, func(i int) device.Block {
			return device.Block{StartHz: 80e6 + 5e6*float64(i%8), BinHz: 50e3, Power: power}
		}},
	} {
		a, err := NewAnalyzer(test.s, device.Info{MinHz: 0, MaxHz: 6e9}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		frames, i := 0, 0
		emit := func(*Frame) { frames++ }
		var b device.Block
		add := func() {
			b = test.block(i)
			now = now.Add(20 * time.Millisecond)
			b.Time = now
			i++
			if err := a.Add(&b, emit); err != nil {
				t.Fatal(name, err)
			}
		}
		for range 20 {
			add()
		}
		if n := testing.AllocsPerRun(50, add); n != 0 {
			t.Errorf("%s: %g allocations a block", name, n)
		}
		if frames == 0 {
			t.Errorf("%s: no frames", name)
		}
	}
}
