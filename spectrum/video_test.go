package spectrum

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// expect integrates what the greatest and the least of a number of means, each of k
// powers of noise of mean 1, are on average, and how far they spread.
func expect(groups, k int) (most, mostSpread, least, leastSpread float64) {
	const step = 1e-3
	var most2, least2 float64
	for x := step / 2; x < 20; x += step {
		// Powers of noise are exponential, so the mean of k is above x with this probability (Erlang).
		above, term := 0.0, math.Exp(-float64(k)*x)
		for j := range k {
			above += term
			term *= float64(k) * x / float64(j+1)
		}
		high, low := 1-math.Pow(1-above, float64(groups)), math.Pow(above, float64(groups))
		most += high * step
		most2 += 2 * x * high * step
		least += low * step
		least2 += 2 * x * low * step
	}
	return most, math.Sqrt(most2 - most*most), least, math.Sqrt(least2 - least*least)
}

// The theory above agrees with what is known in closed form for single powers.
func TestExpect(t *testing.T) {
	for n, harmonic := range map[int]float64{1: 1, 2: 1.5, 8: 2.717857, 64: 4.743891} {
		most, _, least, spread := expect(n, 1)
		if math.Abs(most-harmonic) > 1e-4 || math.Abs(least-1/float64(n)) > 1e-4 || math.Abs(spread-1/float64(n)) > 1e-3 {
			t.Fatalf("of %d powers the greatest is %g and the least %g ± %g", n, most, least, spread)
		}
	}
}

// Noise reads through every detector what theory says: the mean whatever the video
// bandwidth, the greatest and the least closer to it the narrower that is. Bounds are 4.5
// standard errors, so that chance alone breaks them once in 150,000 checks.
func TestDetectorsOfNoise(t *testing.T) {
	const (
		bins, windows, trials = 1024, 64, 12
		apart                 = 3 // bins of a Hann window that do not correlate
		sigma                 = 0.1
	)
	var recordings [trials][]complex128
	for trial := range recordings {
		recordings[trial] = noise(bins*windows, sigma, uint64(trial))
	}
	last := math.Inf(1)
	for _, k := range []int{1, 2, 8, 32} {
		s := settingsAt(bins*1e3, bins)
		s.Overlap, s.Min, s.VBWHz = 0, true, 500/float64(k)
		if k == 1 {
			s.VBWHz = 0
		}
		var mean, most, least, n float64
		for _, x := range recordings {
			f := measure(t, s, x, device.CF32, 0.01)
			if f.Grid.VBWHz != s.VBWHz || f.Averages() != windows {
				t.Fatalf("vbw %g, %d averages", f.Grid.VBWHz, f.Averages())
			}
			truth := 2 * sigma * sigma / bins * Hann.ENBW()
			for i := 0; i+apart <= bins; i += apart {
				mean += math.Pow(10, f.Grid.DB(f.Mean[i])/10) / truth
				most += math.Pow(10, f.Grid.DB(f.Max[i])/10) / truth
				least += math.Pow(10, f.Grid.DB(f.Min[i])/10) / truth
				n++
			}
		}
		wantMost, mostSpread, wantLeast, leastSpread := expect(windows/k, k)
		for _, c := range []struct {
			name              string
			got, want, spread float64
		}{
			{"mean", mean / n, 1, 1 / math.Sqrt(windows)},
			{"max", most / n, wantMost, mostSpread},
			{"min", least / n, wantLeast, leastSpread},
		} {
			within := 4.5 * c.spread / math.Sqrt(n)
			t.Logf("%2d windows a group: %s %.4f, theory %.4f ± %.4f (%.2f dB)", k, c.name, c.got, c.want, within, 10*math.Log10(c.got))
			if !(math.Abs(c.got-c.want) <= within) {
				t.Errorf("%d windows a group: %s is %.4f of the noise, want %.4f ± %.4f", k, c.name, c.got, c.want, within)
			}
		}
		if most >= last {
			t.Errorf("%d windows a group raise the greatest", k)
		}
		last = most
	}
}

// The ways to hand a group to the detectors agree to the bit.
func TestTake(t *testing.T) {
	const n = 256
	rng := rand.New(rand.NewPCG(6, 7))
	quick, plain := newCells(n), newCells(n)
	quick.min, plain.min = aligned(n), aligned(n)
	quick.clear()
	plain.clear()
	for range 20 {
		group, same := aligned(n), aligned(n)
		for i := range group {
			group[i] = float32(rng.ExpFloat64()) * float32(rng.IntN(3))
		}
		copy(same, group)
		quick.take(group, 1./7)
		plain.takeEach(same, 1./7)
		if slices.Max(group) != 0 || slices.Max(same) != 0 {
			t.Fatal("the group is not clear")
		}
	}
	if !slices.Equal(quick.sum, plain.sum) || !slices.Equal(quick.max, plain.max) || !slices.Equal(quick.min, plain.min) {
		t.Error("assembly and plain Go differ")
	}
	if slices.Max(quick.max) <= slices.Max(quick.min) || slices.Min(quick.min) != 0 {
		t.Error("the greatest or the least are not")
	}
}

// Groups run on over blocks and frames: each window is in one frame, and in one group,
// whose mean the detectors of the frame see in which it ends. What is left in the end
// counts for the mean alone.
func TestGroupsRunOn(t *testing.T) {
	const n, every, rate = 256, 7, 1e6
	x := noise(100_000, 0.1, 12)
	raw := encode(x, device.CI8)
	s := settingsAt(rate, n)
	s.FPS, s.Min, s.VBWHz = 33.3, true, rate/(2*every*n/2)
	windows := (len(x)-n)/(n/2) + 1
	mean, most, least := make([]float64, windows), make([]float64, windows/every), make([]float64, windows/every)
	exact := make([]complex64, len(x))
	convert(exact, raw, device.CI8)
	const point = 9
	for w := range windows {
		y := make([]complex128, n)
		for i := range y {
			y[i] = complex128(exact[w*n/2+i])
		}
		mean[w] = reference(y, Hann)[point]
		if g := w / every; g < len(most) {
			most[g] += mean[w] / every
			least[g] = most[g]
		}
	}
	for _, size := range []int{100_000, 8192, 333} {
		a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
		if err != nil {
			t.Fatal(err)
		}
		w, frames := 0, 0
		emit := func(f *Frame) {
			frames++
			from := w / every
			first, last := epoch.Add(time.Duration(w*n/2)*time.Microsecond), epoch.Add(time.Duration((w+f.Averages()-1)*n/2+n-1)*time.Microsecond)
			if !f.First.Equal(first) || !f.Last.Equal(last) {
				t.Fatalf("frame %d of blocks of %d is of %v to %v, want %v to %v", frames, size, f.First, f.Last, first, last)
			}
			sum := 0.0
			for range f.Averages() {
				sum += mean[w]
				w++
			}
			want := [3]float64{sum / float64(f.Averages()), slices.Max(most[from : w/every]), slices.Min(least[from : w/every])}
			at := f.Grid.BinAt(100e6 + point*rate/n)
			for i, q := range [3]int16{f.Mean[at], f.Max[at], f.Min[at]} {
				if got := f.Grid.DB(q); math.Abs(got-10*math.Log10(want[i])) > 0.02 {
					t.Errorf("frame %d of blocks of %d: detector %d reads %.2f dB, want %.2f", frames, size, i, got, 10*math.Log10(want[i]))
				}
			}
		}
		whole := func(f *Frame) {
			if f.Averages()%every != 0 {
				t.Errorf("a frame of %d windows", f.Averages())
			}
			emit(f)
		}
		for at := 0; at < len(x); at += size {
			end := min(at+size, len(x))
			b := device.Block{
				Tuning: s.Tuning, CenterHz: 100e6, Samples: raw[2*at : 2*end],
				Time: epoch.Add(time.Duration(end-1) * time.Microsecond),
			}
			if err := a.Add(&b, whole); err != nil {
				t.Fatal(err)
			}
		}
		if frames != 3 {
			t.Errorf("blocks of %d: %d frames in 0.1 s at 33.3 a second", size, frames)
		}
		a.Flush(emit)
		if w != windows {
			t.Errorf("blocks of %d: %d windows are in frames, want %d", size, w, windows)
		}
	}
}

// A frame of less than a group is a group. In a sweep groups end with the block.
func TestShortGroups(t *testing.T) {
	const n = 256
	s := settingsAt(1e6, n)
	s.Overlap, s.VBWHz, s.Min = 0, 1e6/(2*n*8), true
	f := measure(t, s, noise(5*n, 0.1, 3), device.CF32, 0.01)
	if f.Averages() != 5 || !slices.Equal(f.Mean, f.Max) || !slices.Equal(f.Mean, f.Min) {
		t.Errorf("%d windows make a group, and the detectors differ", f.Averages())
	}

	s.Tuning = device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	s.VBWHz = 20e6 / (2 * n * 12)
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	x := noise(8192, 0.1, 5) // 32 windows: two groups of 12, and 8
	b := device.Block{Tuning: s.Tuning, CenterHz: centres[0], Time: epoch, Break: true, Format: device.CF32, Samples: encode(x, device.CF32)}
	if err := a.Add(&b, nil); err != nil {
		t.Fatal(err)
	}
	var powers [32]float64
	for w := range powers {
		powers[w] = reference(x[w*n:][:n], Hann)[n/8]
	}
	mean := func(p []float64) (sum float64) {
		for _, v := range p {
			sum += v / float64(len(p))
		}
		return 10 * math.Log10(sum)
	}
	a.Flush(func(f *Frame) {
		at := f.Segments[len(f.Segments)-1].Bin
		got := [3]float64{f.Grid.DB(f.Mean[at]), f.Grid.DB(f.Max[at]), f.Grid.DB(f.Min[at])}
		one, other := mean(powers[:12]), mean(powers[12:24])
		for i, want := range [3]float64{mean(powers[:]), max(one, other), min(one, other)} {
			if math.Abs(got[i]-want) > 0.02 {
				t.Errorf("detector %d reads %.2f dB, want %.2f", i, got[i], want)
			}
		}
		if f.Averages() != 32 {
			t.Errorf("%d averages", f.Averages())
		}
	})
}

func TestVideoBandwidth(t *testing.T) {
	for _, tt := range []struct {
		rateHz, spanHz float64
		bins           int
		overlap        float64
		vbw            string
		every          int
		vbwHz          float64
		wrong          string
	}{
		{2e6, 2e6, 4096, 0.5, "auto", 1, 0, ""},
		{2.048e6, 2e6, 4096, 0.5, "500", 1, 500, ""},
		{2.048e6, 2e6, 4096, 0.5, "1M", 1, 500, ""}, // of a window
		{2.048e6, 2e6, 4096, 0.5, "120", 4, 125, ""},
		{2.048e6, 2e6, 4096, 0, "125", 2, 125, ""},
		{2.048e6, 2e6, 4096, 0.5, "1", 500, 1, ""},
		{2.048e6, 2e6, 65536, 0, "1", 16, 15.625 / 16, ""},
		{20e6, 20e6, 256, 0.75, "39", 4006, 20e6 / 128 / 4006, ""},
		{20e6, 20e6, 256, 0.75, "38", 0, 0, "vbw 38 is too narrow at rbw 117.188k: use 39 or more"},
		{20e6, 100e6, 256, 0, "5k", 8, 20e6 / 2 / 256 / 8, ""},
		{20e6, 100e6, 256, 0, "1k", 0, 0, "vbw 1k is too narrow in a sweep at rbw 117.188k: use 1.221k or more"},
		{20e6, 100e6, 8192, 0, "1M", 1, 20e6 / 2 / 8192, ""},
	} {
		s := Settings{Tuning: device.Tuning{CenterHz: 1e9, SpanHz: tt.spanHz, RateHz: tt.rateHz}, Bins: tt.bins, Overlap: tt.overlap}
		s, err := s.With(map[string]string{"vbw": tt.vbw})
		if err != nil {
			t.Fatal(err)
		}
		every, vbwHz, err := s.video(tt.rateHz, tt.bins)
		if tt.wrong != "" {
			if err == nil || err.Error() != tt.wrong {
				t.Errorf("vbw %s: %v, want %s", tt.vbw, err, tt.wrong)
			}
			continue
		}
		if err != nil || every != tt.every || math.Abs(vbwHz-tt.vbwHz) > 1e-9 {
			t.Errorf("vbw %s: %d windows, %g Hz, %v; want %d, %g", tt.vbw, every, vbwHz, err, tt.every, tt.vbwHz)
			continue
		}
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil || a.Settings().VBWHz != vbwHz || a.Grid().VBWHz != vbwHz {
			t.Errorf("vbw %s: settings say %g, the grid %g, %v", tt.vbw, a.Settings().VBWHz, a.Grid().VBWHz, err)
		}
		// What came of it is asked for again to the same end.
		s.VBWHz = vbwHz
		if again, _, err := s.video(tt.rateHz, tt.bins); err != nil || again != every {
			t.Errorf("vbw %g: %d windows, want %d", vbwHz, again, every)
		}
	}
	for _, bad := range []string{"0", "0.5", "-5", "NaN", "narrow"} {
		if _, err := DefaultSettings().With(map[string]string{"vbw": bad}); err == nil || !strings.HasPrefix(err.Error(), "vbw: ") {
			t.Errorf("a vbw of %s: %v", bad, err)
		}
	}
}

// A video bandwidth is a wish that outlives what came of it.
func TestVideoBandwidthIsWishedFor(t *testing.T) {
	radio := newFakeRadio()
	s := DefaultSettings()
	s.Bins, s.VBWHz = 4096, 100
	c, err := NewCapture(radio, NewHistory(0), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := c.Settings()
	if want := 2e6 / 4096 / 5; math.Abs(got.VBWHz-want) > 1e-9 {
		t.Errorf("vbw %g, want %g", got.VBWHz, want)
	}
	got.Tuning.SpanHz = 8e6
	if got, err = c.Apply(t.Context(), got); err != nil || math.Abs(got.VBWHz-8e6/4096/20) > 1e-9 {
		t.Errorf("at 8 Msps vbw %g, %v", got.VBWHz, err)
	}
}

// Whatever is asked for of the detectors and however samples come, frames are whole.
func FuzzDetectors(f *testing.F) {
	f.Add(uint8(0), uint8(50), uint16(100), uint8(1), uint64(1))
	f.Add(uint8(2), uint8(75), uint16(2000), uint8(3), uint64(2))
	f.Add(uint8(1), uint8(0), uint16(1), uint8(0x4d), uint64(3))
	f.Add(uint8(0), uint8(10), uint16(9000), uint8(0x45), uint64(4))
	f.Fuzz(func(t *testing.T, size, overlap uint8, vbw uint16, flags uint8, seed uint64) {
		s := settingsAt(1e6, MinBins<<(size%4))
		s.Overlap, s.VBWHz, s.FPS = float64(overlap%76)/100, float64(vbw), 40
		s.Min, s.DC, s.Window = flags&1 > 0, DC(flags>>1%3), Window(flags>>3%3)
		if flags&0x40 > 0 {
			s.Tuning.SpanHz = 2e6 // swept
		}
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			if !strings.Contains(err.Error(), "use ") {
				t.Errorf("%v", err)
			}
			return
		}
		whole := func(f *Frame) {
			if f.Last.Before(f.First) || f.Averages() == 0 || s.Min != (len(f.Min) == f.Grid.Bins) {
				t.Errorf("a frame of %d windows from %v to %v with %d minima", f.Averages(), f.First, f.Last, len(f.Min))
			}
			for _, seg := range f.Segments {
				for i := seg.Bin; i < seg.Bin+seg.Bins; i++ {
					if f.Mean[i] == Absent || f.Max[i] == Absent || s.Min && (f.Min[i] == Absent || f.Min[i] > f.Max[i]) {
						t.Fatalf("bin %d lacks a power, or its least is its greatest", i)
					}
				}
			}
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		now := epoch
		for i := range 8 {
			b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Samples: make([]byte, 2*rng.IntN(20_000)), Format: device.CI8}
			if s.Tuning.Sweeps() {
				b.CenterHz += []float64{-0.625e6, -0.375e6, 0.375e6, 0.625e6}[i%4]
				b.Samples = make([]byte, 16384)
			} else if rng.IntN(4) == 0 {
				b.Lost, b.Break = uint64(rng.IntN(5000)), true
			}
			for k := range b.Samples {
				b.Samples[k] = byte(rng.Uint32())
			}
			now = now.Add(time.Duration(len(b.Samples)/2+int(b.Lost)) * time.Microsecond)
			b.Time = now
			if err := a.Add(&b, whole); err != nil {
				t.Fatal(err)
			}
		}
		a.Flush(whole)
	})
}

// BenchmarkDetectors is the way from int8 samples to power without overlap: with the
// detectors that there always are, with min, and with groups of eight windows.
func BenchmarkDetectors(b *testing.B) {
	const n = 8192
	raw := make([]byte, 16*n)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range raw {
		raw[i] = byte(int8(rng.NormFloat64() * 20))
	}
	perSample := func(b *testing.B, samples int) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(samples), "ns/sample")
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
			perSample(b, 8*n)
		})
	}
	for name, take := range map[string]func(cells, []float32, float32){"take": cells.take, "take in plain Go": cells.takeEach} {
		b.Run(name, func(b *testing.B) {
			c, group := newCells(n), aligned(n)
			c.min = aligned(n)
			for b.Loop() {
				take(c, group, 0.5)
			}
			perSample(b, n)
		})
	}
}
