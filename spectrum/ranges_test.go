package spectrum

import (
	"math"
	"testing"
	"time"

	"argos/device"
	"argos/device/synth"
)

func TestRangeSetting(t *testing.T) {
	for _, tt := range []struct{ set, want, wrong string }{
		{"2400M:2500M", "2.4G:2.5G", ""},
		{"2400M:2500M,5150M:5850M", "2.4G:2.5G,5.15G:5.85G", ""},
		{"5150M:5850M, 2400M:2500M", "2.4G:2.5G,5.15G:5.85G", ""},
		{"0:7250M", "0:7.25G", ""},
		{"2400M:2500M,", "", `range: "" is not a range: write it like 2400M:2500M`},
		{"2400M:2500M,2450M:2550M", "", "range: ranges overlap: 2.4G:2.5G and 2.45G:2.55G; write them as one"},
		{"2500M:2400M", "", `range: "2.5G:2.4G" is not a range: the lower edge comes first`},
		{"1:2,3:4,5:6,7:8,9:10,11:12,13:14,15:16,17:18,19:20,21:22", "", "range: use at most 10 ranges"},
	} {
		s, err := DefaultSettings().With(map[string]string{"range": tt.set})
		if tt.wrong != "" {
			if err == nil || err.Error() != tt.wrong {
				t.Errorf("%s: %v, want %s", tt.set, err, tt.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.set, err)
			continue
		}
		get := FindParam("range").Get
		if got := get(&s); got != tt.want {
			t.Errorf("%s reads %s, want %s", tt.set, got, tt.want)
		}
		// What it reads is what it is set by.
		again, err := DefaultSettings().With(map[string]string{"range": get(&s)})
		if err != nil || again != s {
			t.Errorf("%s reads %s, which is %+v, %v", tt.set, get(&s), again.Tuning, err)
		}
		for _, name := range []string{"freq", "span"} {
			if one, err := s.With(map[string]string{name: "1G"}); err != nil || one.Tuning.Ranges.Several() {
				t.Errorf("%s of %s leaves several ranges, %v", name, tt.set, err)
			}
		}
	}
}

func TestRateSetting(t *testing.T) {
	s, err := DefaultSettings().With(map[string]string{"rate": "10M"})
	if err != nil || s.Tuning.RateHz != 10e6 || FindParam("rate").Get(&s) != "10M" {
		t.Errorf("rate %g, %v", s.Tuning.RateHz, err)
	}
	if s, err = s.With(map[string]string{"rate": "auto"}); err != nil || s.Tuning.RateHz != 0 {
		t.Errorf("rate %g, %v", s.Tuning.RateHz, err)
	}
	for _, bad := range []string{"0", "-2M", "fast", "NaN"} {
		if _, err := s.With(map[string]string{"rate": bad}); err == nil {
			t.Errorf("a rate of %s was taken", bad)
		}
	}
}

// A sweep over several ranges measures those and nothing between, with tones where they
// are, also where a piece of the sweep lies across an edge.
func TestSweepOverRanges(t *testing.T) {
	tuning, err := device.Tuning{RateHz: 20e6}.Over(
		device.Range{LowHz: 2401e6, HighHz: 2409e6}, device.Range{LowHz: 2413e6, HighHz: 2414e6}, device.Range{LowHz: 2421e6, HighHz: 2440e6})
	if err != nil {
		t.Fatal(err)
	}
	tones := map[float64]float64{2402.5e6: 0.2, 2411.25e6: 0.5, 2413.75e6: 0.1, 2430e6: 0.05}
	a, err := NewAnalyzer(Settings{Tuning: tuning, Bins: 256}, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range append(centres, 2447.5e6) { // the last shows nothing that is wanted
		b := sweepBlock(tuning, c, tones, 0.001, 1, epoch.Add(time.Duration(i)*time.Millisecond))
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
	}
	a.Flush(func(f *Frame) { checkRanges(t, f, tones) })
}

// checkRanges holds a frame against the ranges of its tuning and the tones in them.
func checkRanges(t *testing.T, f *Frame, tones map[float64]float64) {
	t.Helper()
	g := &f.Grid
	// Edges lie in whole bins, which are half a bin low in a sweep.
	slack := 1.6 * g.BinHz
	inRange := func(hz, slack float64) bool {
		for _, r := range g.Tuning.Parts() {
			if hz > r.LowHz-slack && hz < r.HighHz+slack {
				return true
			}
		}
		return false
	}
	if g.StartHz < g.Tuning.StartHz()-slack || g.StopHz() > g.Tuning.StopHz()+slack {
		t.Errorf("the grid goes from %f to %f", g.StartHz, g.StopHz())
	}
	measured := absent(g.Bins)
	for _, s := range f.Segments {
		for i := s.Bin; i < s.Bin+s.Bins; i++ {
			measured[i] = 0
		}
	}
	for i := range f.Max {
		hz := g.BinCenterHz(i)
		is := f.Max[i] != Absent
		if is != (measured[i] != Absent) || !is && inRange(hz, -slack) || is && !inRange(hz, slack) {
			t.Fatalf("%f is in a range: %v; it reads %d", hz, inRange(hz, 0), f.Max[i])
		}
	}
	for hz, amplitude := range tones {
		i := g.BinAt(hz)
		if got, want := g.DB(f.Max[i]), 20*math.Log10(amplitude); inRange(hz, 0) && math.Abs(got-want) > 1.5 {
			t.Errorf("tone at %g reads %.1f dB, want %.1f", hz, got, want)
		}
	}
}

// Ranges that one tuning holds are captured at once; wider ones are swept, and nothing
// between is visited.
func TestRangesOfARadio(t *testing.T) {
	for _, tt := range []struct {
		ranges string
		sweeps bool
		blocks int // from the first block until it comes again
	}{
		{"97M:98M,98.5M:99M", false, 1},
		{"90M:100M,500M:510M,2400M:2440M", true, 2 + 2 + 3*2},
	} {
		s, err := DefaultSettings().With(map[string]string{"range": tt.ranges})
		if err != nil {
			t.Fatal(err)
		}
		r := synth.Open(&synth.Options{Unpaced: true})
		f, got, err := Once(t.Context(), r, s, 5*time.Millisecond, nil) // a sweep takes longer
		if err != nil {
			t.Fatalf("%s: %v", tt.ranges, err)
		}
		if got.Tuning.Sweeps() != tt.sweeps || got.Tuning.Ranges != s.Tuning.Ranges {
			t.Errorf("%s: %+v", tt.ranges, got.Tuning)
		}
		checkRanges(t, f, nil)
		var b device.Block
		if err := r.Read(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		first := b.CenterHz
		for n := 1; ; n++ {
			if err := r.Read(t.Context(), &b); err != nil {
				t.Fatal(err)
			}
			if b.CenterHz == first {
				if n != tt.blocks {
					t.Errorf("%s: %d blocks a sweep, want %d", tt.ranges, n, tt.blocks)
				}
				break
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}
