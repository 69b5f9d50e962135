package spectrum

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// zeroAt are settings of zero span at 100 MHz.
func zeroAt(rateHz, rbwHz float64, sweep time.Duration, fps float64) Settings {
	return Settings{
		Tuning: device.Tuning{CenterHz: 100e6, RateHz: rateHz}, RBWHz: rbwHz, SweepTime: sweep, FPS: fps,
	}
}

// levels measures x, which is centred offHz below the frequency of s, in one block, and returns
// copies of the frames.
func levels(t *testing.T, s Settings, x []complex128, offHz float64, f device.Format, step float64) []*Frame {
	t.Helper()
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: step})
	if err != nil {
		t.Fatal(err)
	}
	var frames []*Frame
	keep := func(f *Frame) {
		c := new(Frame)
		c.CopyFrom(f)
		frames = append(frames, c)
	}
	b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz - offHz, Time: epoch, Format: f, Samples: encode(x, f)}
	if err := a.Add(&b, keep); err != nil {
		t.Fatal(err)
	}
	a.Flush(keep)
	if len(frames) == 0 {
		t.Fatal("no frame")
	}
	return frames
}

// turning is a complex tone of a frequency, given as a share of the rate.
// A signal that a filter must not let through: a hundred RBW off, and the receiver's DC.
func TestZeroSpanTimesABurst(t *testing.T) {
	const rate, level = 8e6, -10
	for _, length := range []time.Duration{200 * time.Microsecond, 1100 * time.Microsecond} {
		for _, from := range []time.Duration{3 * time.Millisecond, 3*time.Millisecond + 37*time.Microsecond} {
			x := noise(rate*0.05, 1e-3, 2)
			start, stop := int(from.Seconds()*rate), int((from+length).Seconds()*rate)
			for i, v := range turning(stop-start, 0.25, math.Pow(10, level/20.)) {
				x[start+i] += v
			}
			f := levels(t, zeroAt(rate, 100e3, 50*time.Millisecond, 20), x, 2e6, device.CI8, 0.5)[0]
			if f.Grid.PointSec != 100e-6 || f.Grid.Bins != 500 {
				t.Fatalf("%d points of %g s", f.Grid.Bins, f.Grid.PointSec)
			}
			if got := f.Grid.DB(slices.Max(f.Max)); math.Abs(got-level) > 0.3 {
				t.Errorf("a burst of %d dBFS reads %.1f", level, got)
			}
			// Points above half the power hold the burst; times count from the middle of the first window.
			first, last := -1, 0
			for i, q := range f.Max {
				if f.Grid.DB(q) > level-6 {
					if first < 0 {
						first = i
					}
					last = i
				}
			}
			lead := 60. / rate
			begins, ends := float64(first)*f.Grid.PointSec+lead, float64(last+1)*f.Grid.PointSec+lead
			if math.Abs(begins-from.Seconds()) > f.Grid.PointSec+lead || math.Abs(ends-(from+length).Seconds()) > f.Grid.PointSec+lead {
				t.Errorf("a burst of %v from %v is seen from %.0f to %.0f µs", length, from, begins*1e6, ends*1e6)
			}
		}
	}
}

func TestZeroSpanTimings(t *testing.T) {
	for _, test := range []struct {
		rate, rbw  float64
		sweep      time.Duration
		point      float64 // µs
		points     int
		resolved   time.Duration
		resolvedHz float64
	}{
		{8e6, 0, 0, 100, 500, 50 * time.Millisecond, 100e3},
		{8e6, 0, 50 * time.Millisecond, 100, 500, 50 * time.Millisecond, 100e3},
		{2.048e6, 0, 50 * time.Millisecond, 205 / 2.048, 500, 50048828 * time.Nanosecond, 96e3},
		{2e6, 30e3, 100 * time.Second, 24414.5, 4096, 100001792 * time.Microsecond, 30e3},
		{8e6, 1e3, 50 * time.Millisecond, 375, 133, 49875 * time.Microsecond, 1e3},
		{8e6, 0, time.Millisecond, 100, 10, time.Millisecond, 100e3},
		{8e6, 5e6, time.Millisecond, 100, 10, time.Millisecond, 1e6},
		{1000, 0, 50 * time.Millisecond, 3000, 17, 51 * time.Millisecond, 125},
		{10, 0, 50 * time.Millisecond, 300e3, 1, 300 * time.Millisecond, 1.25},
	} {
		a, err := NewAnalyzer(zeroAt(test.rate, test.rbw, test.sweep, 20), device.Info{}, 1, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		s, m := a.Settings(), a.meter.(*zeroSpan)
		if g := a.Grid(); math.Abs(g.PointSec*1e6-test.point) > 1e-6 || m.points != test.points ||
			s.SweepTime != test.resolved || math.Abs(s.RBWHz-test.resolvedHz) > 0.01 {
			t.Errorf("%v: %d points of %g µs, %v, rbw %g", test, m.points, g.PointSec*1e6, s.SweepTime, s.RBWHz)
		}
	}
	for _, bad := range []struct {
		s    Settings
		want string
	}{
		{zeroAt(8e6, 40, 0, 20), "46"},
		{zeroAt(0, 0, 0, 20), "span above 0"},
		{zeroAt(8e6, 0, time.Microsecond, 20), "1ms"},
		{zeroAt(8e6, 0, time.Hour, 20), "1000s"},
	} {
		if _, err := NewAnalyzer(bad.s, device.Info{}, 1, nil); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%+v: %v", bad.s, err)
		}
	}
}

// cutUp measures x in blocks as cut says, with gaps of lost samples behind some of them.
func cutUp(t *testing.T, s Settings, raw []byte, f device.Format, cut func() int) []*Frame {
	t.Helper()
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var frames []*Frame
	keep := func(f *Frame) {
		c := new(Frame)
		c.CopyFrom(f)
		frames = append(frames, c)
	}
	for at, total := 0, len(raw)/f.Size(); at < total; {
		n := min(cut(), total-at)
		b := device.Block{
			Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz - 2e5, Format: f, Samples: raw[at*f.Size() : (at+n)*f.Size()],
			Time: epoch.Add(lasting(int64(at+n-1), s.Tuning.RateHz)),
		}
		if err := a.Add(&b, keep); err != nil {
			t.Fatal(err)
		}
		at += n
	}
	a.Flush(keep)
	return frames
}

func TestZeroSpanDoesNotDependOnBlocks(t *testing.T) {
	const rate = 1e6
	raw := encode(noise(700e3, 0.1, 9), device.CI8)
	rng := rand.New(rand.NewPCG(8, 1))
	for _, sweep := range []time.Duration{3 * time.Millisecond, 50 * time.Millisecond, 400 * time.Millisecond} {
		s := zeroAt(rate, 20e3, sweep, 20)
		want := cutUp(t, s, raw, device.CI8, func() int { return len(raw) })
		if sweep == 400*time.Millisecond && len(want) < 12 {
			t.Errorf("a sweep of %v travels in %d frames", sweep, len(want))
		}
		for range 4 {
			got := cutUp(t, s, raw, device.CI8, func() int { return 1 + rng.IntN(1<<(4+rng.IntN(14))) })
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%v: %d frames, want %d, or other ones", sweep, len(got), len(want))
			}
		}
	}
}

func TestZeroSpanTellsWhatItLacks(t *testing.T) {
	const rate = 1e6
	s := zeroAt(rate, 100e3, 10*time.Millisecond, 20)
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var f Frame
	add := func(n int, at, lost int) {
		b := device.Block{
			Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Format: device.CF32, Samples: encode(turning(n, 0, 1), device.CF32),
			Time: epoch.Add(lasting(int64(at+n-1), rate)), Lost: uint64(lost), Break: lost > 0,
		}
		if err := a.Add(&b, f.CopyFrom); err != nil {
			t.Fatal(err)
		}
	}
	add(3000, 0, 0)
	add(4000, 5000, 2000)
	a.Flush(f.CopyFrom)
	if f.Lost != 2000 || len(f.Segments) != 1 || f.Segments[0].Bins != 100 {
		t.Fatalf("%d lost, segments %v", f.Lost, f.Segments)
	}
	for i, q := range f.Max {
		if inside := i < 30 || i >= 50 && i < 90; inside != (q == 0) || inside != (q != Absent) || f.Mean[i] != q {
			t.Errorf("point %d reads %d and %d", i, f.Mean[i], q)
		}
	}
}

// The history, its merges and its tiers keep the peak of each point over the sweeps.
func TestZeroSpanMergesBySweeps(t *testing.T) {
	const rate = 1e6
	rng := rand.New(rand.NewPCG(2, 7))
	for _, sweep := range []time.Duration{20 * time.Millisecond, 300 * time.Millisecond} {
		s := zeroAt(rate, 50e3, sweep, 20)
		frames := cutUp(t, s, encode(noise(1.5e6, 0.1, 5), device.CI8), device.CI8, func() int { return 1 << 20 })
		h := NewHistory(0)
		for _, f := range frames {
			for range rng.IntN(3) { // points are missing here and there
				p := rng.IntN(len(f.Mean))
				f.Mean[p], f.Max[p] = Absent, Absent
			}
			h.Append(f)
		}
		for range 20 {
			a := 1 + rng.IntN(len(frames))
			b := a + 1 + rng.IntN(len(frames)-a+1)
			var got, half Frame
			h.Merge(&got, uint64(a), uint64(b))
			grid := frames[0].Grid
			Reduce(&half, &got, grid.Slice(98e6, 99e6, 0).Tier(1))
			if half.Grid.PointSec != 2*grid.PointSec || half.Grid.StartHz != 100e6 || half.Grid.Measured() != grid {
				t.Fatalf("a tier of %+v is %+v", grid, half.Grid)
			}
			for i := range got.Max {
				top, sum, weight := int16(Absent), 0.0, 0.0
				for _, f := range frames[a-1 : b-1] {
					top = max(top, f.Max[i])
					for _, s := range f.Segments {
						if i >= s.Bin && i < s.Bin+s.Bins && f.Mean[i] != Absent {
							sum += float64(s.Windows) * math.Pow(10, f.Grid.DB(f.Mean[i])/10)
							weight += float64(s.Windows)
						}
					}
				}
				mean := math.NaN()
				if weight > 0 {
					mean = 10 * math.Log10(sum/weight)
				}
				if got.Max[i] != top || math.IsNaN(mean) != (got.Mean[i] == Absent) || math.Abs(grid.DB(got.Mean[i])-mean) > 1 {
					t.Fatalf("%v, frames %d to %d, point %d: %d and %d, want %.1f dB and %d", sweep, a, b, i, got.Mean[i], got.Max[i], mean, top)
				}
				if half.Max[i/2] < top {
					t.Fatalf("the tier lost the peak of point %d", i)
				}
			}
		}
	}
}

func TestZeroSpanHasNoFrequencyAxis(t *testing.T) {
	f := levels(t, zeroAt(1e6, 50e3, 20*time.Millisecond, 20), noise(20e3, 0.1, 5), 0, device.CI8, 0.5)[0]
	g := &f.Grid
	if i := g.BinAt(100e6); i != -1 {
		t.Errorf("100 MHz is in bin %d", i)
	}
	if g.BinCenterHz(7) != 100e6 || g.StopHz() != 100e6 {
		t.Errorf("bin 7 is at %g, the last ends at %g", g.BinCenterHz(7), g.StopHz())
	}
	if p := g.ChannelPower(f.Mean, 99.9e6, 100.1e6); !math.IsNaN(p) {
		t.Errorf("a channel has %g dB", p)
	}
	if low, high := g.OccupiedBandwidth(f.Mean, 99.9e6, 100.1e6, 0.99); !math.IsNaN(low) || !math.IsNaN(high) {
		t.Errorf("a channel is occupied from %g to %g", low, high)
	}
	var n NoiseFloor
	n.Update(f)
	if !math.IsNaN(n.Level(3)) {
		t.Errorf("a noise floor of %g dB", n.Level(3))
	}
	if s := g.Slice(1, 2, 100); s.First != 0 || s.Bins != g.Bins || s.Cell != 2 {
		t.Errorf("the slice from 1 to 2 Hz is %+v", s)
	}
}

func TestZeroSpanAllocatesNothing(t *testing.T) {
	s := zeroAt(2e6, 0, 50*time.Millisecond, 20)
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: device.CI8, Samples: encode(noise(20000, 0.1, 1), device.CI8)}
	frames := 0
	emit := func(*Frame) { frames++ }
	if allocs := testing.AllocsPerRun(50, func() {
		b.Time = b.Time.Add(10 * time.Millisecond)
		if err := a.Add(&b, emit); err != nil {
			t.Fatal(err)
		}
	}); allocs > 0 || frames == 0 {
		t.Errorf("%g allocations a block, %d frames", allocs, frames)
	}
}

// FuzzZeroSpan holds that no settings panic, allocate without bound or make what is no level.
func FuzzZeroSpan(f *testing.F) {
	f.Add(2e6, 100e3, int64(50e6), 20.0, uint8(0), uint16(0), uint16(900))
	f.Add(8e6, 50.0, int64(1000e9), 100.0, uint8(2), uint16(4), uint16(7))
	f.Add(3.0, 1e9, int64(1e6), 0.1, uint8(1), uint16(8), uint16(333))
	f.Fuzz(func(t *testing.T, rate, rbw float64, sweep int64, fps float64, window uint8, bins, cut uint16) {
		s := zeroAt(rate, rbw, time.Duration(sweep), fps)
		s.Window = Window(window)
		if bins > 0 {
			s.Bins = 1 << (bins % 20)
		}
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			return
		}
		raw := encode(noise(5000, 0.3, uint64(cut)), device.CI8)
		check := func(f *Frame) {
			if f.Grid.Bins > mostPoints || f.Grid.Bins < 1 || !(f.Grid.PointSec > 0) || !(f.Grid.RBWHz > 0) {
				t.Errorf("%+v: grid %+v", s, f.Grid)
			}
			for i, q := range f.Max {
				if q != Absent && f.Mean[i] > q {
					t.Errorf("%+v: point %d has mean %d and max %d", s, i, f.Mean[i], q)
				}
			}
		}
		for len(raw) > 0 {
			n := min(2*(1+int(cut)), len(raw))
			b := device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: device.CI8, Samples: raw[:n], Lost: uint64(cut), Break: cut > 0}
			if err := a.Add(&b, check); err != nil {
				t.Fatal(err)
			}
			raw = raw[n:]
		}
		a.Flush(check)
	})
}

// What bursts shorter than the filter and a hop read at worst, as docs/MEASUREMENT.md has it.

// FramePeriod tells how often frames come of a radio.
func TestFramePeriod(t *testing.T) {
	zero := func(fps float64, sweep time.Duration) Settings {
		s := DefaultSettings()
		s.Tuning.SpanHz, s.Tuning.RateHz, s.FPS, s.SweepTime = 0, 2e6, fps, sweep
		return s
	}
	wide := DefaultSettings()
	wide.Tuning.RateHz = 2e6
	slow := wide
	slow.FPS = 0.1
	for _, c := range []struct {
		name string
		s    Settings
		want time.Duration
	}{
		{"a span", wide, 50 * time.Millisecond},
		{"a span, slowly", slow, 10 * time.Second},
		{"nothing told", Settings{}, 0},
		{"not a rate", Settings{FPS: math.NaN()}, 0},
		{"less than any rate", Settings{FPS: 1e-300}, math.MaxInt64 / 2},
		{"sweep by sweep", zero(20, 50*time.Millisecond), 50 * time.Millisecond},
		{"several sweeps a frame", zero(20, 5*time.Millisecond), 50 * time.Millisecond},
		{"a sweep in pieces", zero(20, time.Second), 50 * time.Millisecond},
		{"a sweep as slow as can be", zero(20, maxSweepTime), maxSweepTime / mostPieces},
		{"at a rate not known", Settings{FPS: 20, SweepTime: maxSweepTime}, 50 * time.Millisecond},
		{"at a rate that cannot be", Settings{FPS: 20, SweepTime: maxSweepTime, Tuning: device.Tuning{RateHz: math.MaxFloat64}}, 50 * time.Millisecond},
	} {
		got := c.s.FramePeriod()
		if diff := got - c.want; diff.Abs() > c.want/100 {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
