package spectrum

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"argos/device"
)

func TestStepSetting(t *testing.T) {
	for text, want := range map[string]string{"0.5": "0.5", "0.25": "0.25", "3": "3", "0.01": "0.01", "matched": "matched", "Matched": "matched", "0.125": "0.125"} {
		s, err := DefaultSettings().With(map[string]string{"step": text})
		if got := FindParam("step").Get(&s); err != nil || got != want {
			t.Errorf("%s: %s (%v), want %s", text, got, err, want)
		}
	}
	if s := DefaultSettings(); FindParam("step").Get(&s) != "0.5" {
		t.Error("the default is not 0.5")
	}
	for _, bad := range []string{"", "0", "0.001", "0.0125", "4", "-1", "NaN", "auto"} {
		if _, err := DefaultSettings().With(map[string]string{"step": bad}); err == nil || !strings.HasPrefix(err.Error(), "step: ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	s := settingsAt(1e6, 1024)
	s.StepDB = 5
	if _, err := NewAnalyzer(s, device.Info{}, 1, nil); err == nil {
		t.Error("a step of 5 dB was taken")
	}
}

// TestMatchedStep holds the step that frames come to have against the spread that their noise
// has.
func TestMatchedStep(t *testing.T) {
	const bins = 512
	rng := rand.New(rand.NewPCG(21, 22))
	samples := make([]byte, 2*bins*800)
	for i := range samples {
		samples[i] = byte(int8(math.Round(rng.NormFloat64() * 20)))
	}
	for _, test := range []struct {
		averages int
		overlap  float64
		sweeps   bool
		want     float64
	}{
		{1, 0, false, 2},
		{1, 0.5, false, 2},
		{8, 0, false, 1},
		{8, 0.5, false, 1},
		{8, 0.75, false, 1},
		{32, 0.5, false, 0.5},
		{128, 0.5, false, 0.25},
		{1, 0, true, 2},
	} {
		s := settingsAt(bins*(1-test.overlap)*float64(test.averages)*50, bins)
		s.Overlap, s.FPS, s.StepDB = test.overlap, 50, StepMatched
		if test.sweeps {
			s.Tuning = device.Tuning{CenterHz: 1e9, SpanHz: 100e6, RateHz: 20e6}
			s.Bins = 8192
		}
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		step := a.Grid().StepDB
		if step != test.want || a.Settings().StepDB != step {
			t.Errorf("%+v: %g dB, settings %g dB", test, step, a.Settings().StepDB)
		}
		if test.sweeps {
			continue
		}
		b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Samples: samples}
		var sum, squares, n float64
		if err := a.Add(&b, func(f *Frame) {
			if f.Averages() == test.averages {
				for _, q := range f.Mean {
					sum, squares, n = sum+f.Grid.DB(q), squares+f.Grid.DB(q)*f.Grid.DB(q), n+1
				}
			}
		}); err != nil {
			t.Fatal(err)
		}
		variance := squares/n - sum/n*sum/n
		if added := step * step / 12; !(n > bins) || added > 0.06*(variance-added) {
			t.Errorf("%+v: rounding adds %.1f %% to the variance of %g levels", test, 100*added/(variance-added), n)
		}
	}
}

// A step that is to match does so again when the rest changes.
func TestMatchedStepFollowsSettings(t *testing.T) {
	c, err := NewCapture(newFakeRadio(), NewHistory(0), wish(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range []struct{ name, value, want string }{
		{"fps", "20", "0.5"},
		{"bins", "4096", "0.5"},
		{"rate", "2M", "0.5"},
		{"step", "matched", "0.25"}, // 48 windows
		{"bins", "65536", "1"},      // 3
		{"window", "blackman-harris", "1"},
		{"fps", "100", "2"},
		{"bins", "256", "0.125"},
		{"step", "0.25", "0.25"},
		{"fps", "20", "0.25"},
	} {
		s, err := c.Change(t.Context(), map[string]string{change.name: change.value})
		if err != nil {
			t.Fatal(err)
		}
		if got := FindParam("step").Get(&s); got != change.want {
			t.Errorf("%s %s: %s, want %s", change.name, change.value, got, change.want)
		}
	}
}

// TestErrorBound merges and reduces what was rounded, and holds the bound that the frame has
// against the mean of what was not.
func TestErrorBound(t *testing.T) {
	const bins, frames, stepDB = 64, 70, 2.0
	rng := rand.New(rand.NewPCG(23, 24))
	h := NewHistory(0)
	exact := make([][bins]float64, frames) // in dB
	for i := range exact {
		f := new(Frame)
		noiseFrame(f, rng, 1, bins)
		f.Grid.StepDB, f.ErrorDB = stepDB, stepDB/2
		f.Segments[0].Windows = 1
		for k := range bins {
			exact[i][k] = -100 + 30*rng.Float64()
			f.Mean[k] = int16(math.Round(exact[i][k] / stepDB))
			f.Max[k] = f.Mean[k]
		}
		h.Append(f)
	}
	var merged, reduced Frame
	worst := 0.0
	for range 300 {
		a := uint64(1 + rng.IntN(frames))
		b := a + 1 + uint64(rng.IntN(frames))
		if !h.Merge(&merged, a, b) {
			t.Fatalf("nothing from %d to %d", a, b)
		}
		cell := 1 << rng.IntN(4)
		Reduce(&reduced, &merged, Slice{Bins: bins, Cell: cell})
		for c, q := range reduced.Mean {
			sum := 0.0
			for i := merged.FirstSeq; i <= merged.LastSeq; i++ {
				for _, db := range exact[i-1][c*cell : (c+1)*cell] {
					sum += ratio(db)
				}
			}
			want := 10 * math.Log10(sum/float64(cell)/float64(merged.Merged()))
			off := math.Abs(reduced.Grid.DB(q) - want)
			worst = max(worst, off)
			if off > reduced.ErrorDB+1e-4 {
				t.Fatalf("%d to %d in cells of %d: off by %g dB, bound %g dB", merged.FirstSeq, merged.LastSeq, cell, off, reduced.ErrorDB)
			}
		}
		if least := stepDB / 2; merged.Merged() == 1 && merged.ErrorDB != least || reduced.ErrorDB > 8*least {
			t.Fatalf("a bound of %g dB over %d frames", reduced.ErrorDB, merged.Merged())
		}
	}
	t.Logf("off by %.2f dB at most", worst)
}
