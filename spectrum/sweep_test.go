package spectrum

import (
	"math"
	"math/cmplx"
	"testing"
	"time"

	"argos/device"
)

// sweepBlock is what a radio at 20 Msps that tunes to a centre hears of tones.
func sweepBlock(t device.Tuning, centerHz float64, tones map[float64]float64, sigma float64, seed uint64, at time.Time) device.Block {
	x := noise(8192, sigma, seed)
	for hz, amplitude := range tones {
		if off := hz - centerHz; math.Abs(off) < t.RateHz/2 {
			for i := range x {
				x[i] += cmplx.Rect(amplitude, 2*math.Pi*math.Mod(off/t.RateHz*float64(i), 1))
			}
		}
	}
	return device.Block{Tuning: t, CenterHz: centerHz, Time: at, Break: true, Format: device.CF32, Samples: encode(x, device.CF32)}
}

// centres are those of a sweep from 2400 to 2440 MHz: two tunes a step of 20 MHz, a
// quarter of the rate apart.
var centres = []float64{2407.5e6, 2412.5e6, 2427.5e6, 2432.5e6}

func TestSweepPutsTonesWhereTheyAre(t *testing.T) {
	tuning := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	// On bins of every transform size used, on both sides of each joint.
	tones := map[float64]float64{
		2400e6: 0.1, 2404.6875e6: 0.2, 2405e6: 0.3, 2409.6875e6: 0.05, 2410e6: 0.1, 2417.5e6: 0.02, 2420e6: 0.2, 2439.6875e6: 0.5,
	}
	for _, n := range []int{256, 4096, 8192} {
		for _, overlap := range []float64{0, 0.5} {
			s := Settings{Tuning: tuning, Bins: n, Window: BlackmanHarris, Overlap: overlap}
			a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
			if err != nil {
				t.Fatal(err)
			}
			for i, c := range centres {
				b := sweepBlock(tuning, c, tones, 0, 1, epoch.Add(time.Duration(i)*time.Millisecond))
				if err := a.Add(&b, nil); err != nil {
					t.Fatal(err)
				}
			}
			a.Flush(func(f *Frame) {
				g := f.Grid
				if g.Bins != 2*n || math.Abs(g.StartHz-(2400e6-g.BinHz/2)) > 1e-3 {
					t.Fatalf("grid is %d bins from %f", g.Bins, g.StartHz)
				}
				if len(f.Segments) != 8 {
					t.Fatalf("%d segments, want 8", len(f.Segments))
				}
				windows := (8192-n)/int(float64(n)*(1-overlap)) + 1
				for i, seg := range f.Segments {
					if seg.Bin != i*n/4 || seg.Bins != n/4 || seg.Windows != windows {
						t.Errorf("segment %d is %+v, want %d windows", i, seg, windows)
					}
				}
				// Piece 0 and 2 are of the first tune, 1 and 3 of the second.
				if f.Segments[1].Last.Sub(f.Segments[2].Last) != time.Millisecond || f.Segments[0].Last.Sub(f.Segments[0].First) != 409550*time.Nanosecond {
					t.Errorf("times are %+v", f.Segments[:3])
				}
				for hz, amplitude := range tones {
					i := g.BinAt(hz)
					want := 20 * math.Log10(amplitude)
					if got := g.DB(f.Mean[i]); math.Abs(got-want) > 0.1 || g.BinCenterHz(i) != hz {
						t.Errorf("n=%d: tone at %g reads %.2f dB in the bin at %g, want %.2f", n, hz, got, g.BinCenterHz(i), want)
					}
				}
				for i := range f.Mean {
					near := false
					for hz := range tones {
						near = near || math.Abs(g.BinCenterHz(i)-hz) < 4.5*g.BinHz
					}
					if !near && g.DB(f.Mean[i]) > -80 {
						t.Fatalf("n=%d: ghost of %.1f dB at %f", n, g.DB(f.Mean[i]), g.BinCenterHz(i))
					}
				}
			})
		}
	}
}

func TestSweepIsFlatAcrossJoints(t *testing.T) {
	const n, sigma = 1024, 0.05
	tuning := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	a, err := NewAnalyzer(Settings{Tuning: tuning, Bins: n, Overlap: 0.5}, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 40 {
		for i, c := range centres {
			b := sweepBlock(tuning, c, nil, sigma, uint64(10*round+i), epoch)
			if err := a.Add(&b, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	a.Flush(func(f *Frame) {
		if f.Averages() != 40*15 {
			t.Errorf("%d averages, want 600", f.Averages())
		}
		want := 10 * math.Log10(2*sigma*sigma*f.Grid.RBWHz/20e6)
		for joint := 0; joint <= f.Grid.Bins; joint += n / 4 {
			mean, count := 0.0, 0.0
			for i := max(joint-8, 0); i < min(joint+8, f.Grid.Bins); i++ {
				mean += math.Pow(10, f.Grid.DB(f.Mean[i])/10)
				count++
			}
			// 600 half overlapped averages of 8 bins and more have a spread of about 0.1 dB.
			if got := 10 * math.Log10(mean/count); math.Abs(got-want) > 0.3 {
				t.Errorf("noise at joint %d reads %.2f dB, want %.2f", joint, got, want)
			}
		}
		for i, q := range f.Mean {
			if got := f.Grid.DB(q); math.Abs(got-want) > 1.2 { // 5 sigma
				t.Errorf("bin %d reads %.2f dB, want %.2f", i, got, want)
			}
		}
	})
}

func TestSweepFramesHoldWhatWasMeasured(t *testing.T) {
	tuning := device.Tuning{CenterHz: 2417e6, SpanHz: 30e6, RateHz: 20e6} // cuts the outer pieces
	s := Settings{Tuning: tuning, Bins: 256, FPS: 10}
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []Frame
	for i := range 12 {
		b := sweepBlock(tuning, centres[i%4], nil, 0.1, 1, epoch.Add(time.Duration(i)*50*time.Millisecond))
		if err := a.Add(&b, func(f *Frame) { got = append(got, clone(f)) }); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 5 {
		t.Fatalf("%d frames in 550 ms, want 5", len(got))
	}
	borders := map[int]int{}
	for k, f := range got {
		if want := []int{4, 3}[k%2]; len(f.Segments) != want {
			t.Errorf("frame %d has %d segments, want %d: %+v", k, len(f.Segments), want, f.Segments)
		}
		measured := make([]bool, f.Grid.Bins)
		for _, seg := range f.Segments {
			if old, ok := borders[seg.Bin]; ok && old != seg.Bins {
				t.Errorf("segment at %d moved its border", seg.Bin)
			}
			borders[seg.Bin] = seg.Bins
			for i := range seg.Bins {
				measured[seg.Bin+i] = true
			}
		}
		for i, m := range measured {
			if (f.Mean[i] != Absent) != m || (f.Max[i] != Absent) != m {
				t.Fatalf("frame %d bin %d: measured %v, reads %d", k, i, m, f.Mean[i])
			}
		}
	}
	off := sweepBlock(tuning, centres[0]+1e6, nil, 0.1, 1, epoch)
	if err := a.Add(&off, func(*Frame) {}); err == nil {
		t.Error("a tuning off the raster went through")
	}
}

// A system clock that is set neither stops the frames of a sweep nor makes one of every block.
func TestSweepClockIsSet(t *testing.T) {
	c, now := clock{period: 50 * time.Millisecond}, epoch
	for i, step := range []struct {
		after time.Duration
		due   bool
	}{
		{0, false},
		{49 * time.Millisecond, false},
		{time.Millisecond, true},
		{40 * time.Millisecond, false},
		{-time.Hour, true},
		{49 * time.Millisecond, false},
		{time.Millisecond, true},
		{1000 * time.Hour, true},
		{10 * time.Millisecond, false},
		{50 * time.Millisecond, true},
		{math.MinInt64, true},
		{49 * time.Millisecond, false},
		{time.Millisecond, true},
	} {
		now = now.Add(step.after)
		if got := c.due(now); got != step.due {
			t.Errorf("step %d: due %v", i, got)
		}
	}
}

func TestSweepRefusesWhatIsTooLarge(t *testing.T) {
	s := Settings{Tuning: device.Tuning{CenterHz: 6e9, SpanHz: 12e9, RateHz: 20e6}, Bins: 8192}
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := sweepBlock(s.Tuning, 7.5e6, nil, 0, 1, epoch)
	if err := a.Add(&b, nil); err == nil {
		t.Error("4.9 million bins went through")
	}
}

func TestSurveyTakesRowsAsTheyAre(t *testing.T) {
	s := Settings{Tuning: device.Tuning{CenterHz: 2410e6, SpanHz: 40e6}, FPS: 10, Bins: 4096}
	info := device.Info{MinHz: 2400e6, MaxHz: 2420e6}
	a, err := NewAnalyzer(s, info, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	row := func(startHz float64, db float32, at time.Duration) device.Block {
		b := device.Block{Tuning: s.Tuning, StartHz: startHz, BinHz: 1e6, RBWHz: 1.5e6, Power: make([]float32, 5), Time: epoch.Add(at)}
		for i := range b.Power {
			b.Power[i] = db - float32(i)
		}
		return b
	}
	var got []Frame
	add := func(b device.Block) error {
		return a.Add(&b, func(f *Frame) { got = append(got, clone(f)) })
	}
	for i, startHz := range []float64{2400e6, 2410e6, 2405e6, 2415e6} {
		if err := add(row(startHz, -50-float32(i), 0)); err != nil {
			t.Fatal(err)
		}
	}
	bad := row(2400e6, float32(math.NaN()), 200*time.Millisecond)
	bad.Power[1] = float32(math.Inf(-1))
	for _, b := range []device.Block{bad, row(2405e6, -40, 210*time.Millisecond), row(2405e6, -60, 220*time.Millisecond)} {
		if err := add(b); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) != 1 {
		t.Fatalf("%d frames, want 1: the first sweep", len(got))
	}
	f := &got[0]
	if g := f.Grid; g.StartHz != 2400e6 || g.BinHz != 1e6 || g.Bins != 20 || g.RBWHz != 1.5e6 || a.Settings().RBWHz != 1.5e6 {
		t.Errorf("grid is %+v", g)
	}
	for bin, want := range map[int]float64{0: -50, 4: -54, 5: -52, 10: -51, 19: -57} {
		if g := f.Grid.DB(f.Mean[bin]); g != want || f.Max[bin] != f.Mean[bin] {
			t.Errorf("bin %d reads %g, want %g", bin, g, want)
		}
	}
	if len(f.Segments) != 4 || f.Averages() != 1 {
		t.Errorf("segments are %+v", f.Segments)
	}
	a.Flush(func(f *Frame) {
		if len(f.Segments) != 2 || f.Segments[1].Windows != 2 || f.Mean[10] != Absent {
			t.Errorf("segments are %+v", f.Segments)
		}
		if f.Mean[0] != FloorDB*2 || f.Mean[1] != FloorDB*2 {
			t.Errorf("no number and no power read %d and %d", f.Mean[0], f.Mean[1])
		}
		if mean, top := f.Grid.DB(f.Mean[5]), f.Grid.DB(f.Max[5]); mean != -43 || top != -40 {
			t.Errorf("two rows average to %g with max %g", mean, top)
		}
	})
	other := row(2400e6, 0, 0)
	other.BinHz = 1.2e6
	for name, b := range map[string]device.Block{
		"width": other, "offset": row(2400.5e6, 0, 0), "overlap": row(2402e6, 0, 0),
		"samples": {Tuning: s.Tuning, Samples: make([]byte, 100)},
	} {
		if err := add(b); err == nil {
			t.Errorf("%s: a row that does not fit went through", name)
		}
	}
}
