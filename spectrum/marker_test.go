package spectrum

import (
	"math"
	"slices"
	"testing"

	"argos/device"
)

// traceOf is a stored trace of levels in dB, NaN where nothing was measured, 1 kHz bins
// from 100 MHz on.
func traceOf(levels ...float64) *Trace {
	t := &Trace{Kind: Stored, Frames: 1}
	t.grid = Grid{StartHz: 100e6, BinHz: 1e3, Bins: len(levels), StepDB: TraceStepDB, RBWHz: 1.5e3}
	for _, db := range levels {
		if math.IsNaN(db) {
			t.levels = append(t.levels, Absent)
			continue
		}
		t.levels = append(t.levels, int16(db/TraceStepDB))
	}
	return t
}

func TestPeakCriterion(t *testing.T) {
	no := math.NaN()
	noise := func(n int) []float32 { return slices.Repeat([]float32{-90}, n) }
	for _, tc := range []struct {
		name   string
		c      PeakCriterion
		levels []float64
		noise  []float32
		want   []int
	}{
		{"one", DefaultPeaks, []float64{-90, -50, -90}, noise(3), []int{1}},
		{"too near the noise", DefaultPeaks, []float64{-90, -79, -90}, noise(3), nil},
		{"at the threshold", DefaultPeaks, []float64{-90, -78, -90}, noise(3), []int{1}},
		{"noise not known", DefaultPeaks, []float64{-90, -79, -90}, nil, []int{1}},
		{"a dent of 5 dB is none", DefaultPeaks, []float64{-90, -50, -55, -49, -90}, noise(5), []int{3}},
		{"a dent of 6 dB is one", DefaultPeaks, []float64{-90, -50, -56, -50, -90}, noise(5), []int{1, 3}},
		{"a dent of 5 dB, excursion 3", PeakCriterion{12, 3}, []float64{-90, -50, -55, -49, -90}, noise(5), []int{1, 3}},
		{"shoulders", DefaultPeaks, []float64{-90, -60, -57, -50, -53, -55, -90}, noise(7), []int{3}},
		{"at the edges", DefaultPeaks, []float64{-40, -90, -90, -45}, noise(4), []int{0, 3}},
		{"beside what was not measured", DefaultPeaks, []float64{no, -40, no, -41, no}, noise(5), []int{1, 3}},
		{"a plateau is at its begin", DefaultPeaks, []float64{-90, -50, -50, -50, -90}, noise(5), []int{1}},
		{"no excursion at all", PeakCriterion{}, []float64{-90, -90, -90}, noise(3), []int{0}},
		{"nothing", DefaultPeaks, nil, nil, nil},
	} {
		tr := traceOf(tc.levels...)
		var got []int
		for _, p := range tc.c.Find(nil, tr.Grid(), tr.Levels(), tc.noise) {
			got = append(got, p.Bin)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: peaks in %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestNextPeak(t *testing.T) {
	//                0    1    2    3    4    5    6    7    8    9
	tr := traceOf(-90, -40, -90, -60, -62, -90, -50, -90, -30, -90)
	g, levels := tr.Grid(), tr.Levels()
	peaks := DefaultPeaks.Find(nil, g, levels, nil)
	if len(peaks) != 4 {
		t.Fatalf("%d peaks", len(peaks))
	}
	if n := testing.AllocsPerRun(20, func() { peaks = DefaultPeaks.Find(peaks[:0], g, levels, nil) }); n != 0 {
		t.Errorf("%v allocations to find peaks", n)
	}
	for _, tc := range []struct {
		from int
		to   Direction
		want int // bin; -1: none
	}{
		{3, Lower, 1},
		{4, Lower, 1}, // the shoulder is of the peak in 3
		{3, Higher, 6},
		{2, Higher, 3},
		{8, Higher, -1},
		{1, Lower, -1},
		{3, Stronger, 6},
		{6, Stronger, 1},
		{8, Stronger, -1},
		{8, Weaker, 1},
		{3, Weaker, -1},
		{-5, Higher, 1},
		{99, Lower, 8},
	} {
		got := DefaultPeaks.Next(peaks, g, levels, tc.from, tc.to)
		if got >= 0 {
			got = peaks[got].Bin
		}
		if got != tc.want {
			t.Errorf("from %d in direction %d: %d, want %d", tc.from, tc.to, got, tc.want)
		}
	}
}

// The receiver's own line is neither a peak nor the strongest.
func TestOwnLine(t *testing.T) {
	tr := traceOf(-90, -60, -90, -90, -90, -20, -90, -90, -90)
	g := tr.Grid()
	g.Tuning, g.TunedHz = device.Tuning{CenterHz: g.BinCenterHz(4), SpanHz: 9e3, RateHz: 20e3}, g.BinCenterHz(5)
	if got := g.Strongest(tr.Levels(), g.StartHz, g.StopHz()); got != 1 {
		t.Errorf("the strongest is %d", got)
	}
	if p := DefaultPeaks.Find(nil, g, tr.Levels(), nil); len(p) != 1 || p[0].Bin != 1 {
		t.Errorf("peaks %+v", p)
	}
	g.Tuning.RateHz = 0
	if got := g.Strongest(tr.Levels(), g.StartHz, g.StopHz()); got != 5 {
		t.Errorf("where levels were measured by another, the strongest is %d", got)
	}
}

// Silence has no strongest bin, in steps of any size.
func TestNoPower(t *testing.T) {
	g := Grid{StartHz: 1e6, BinHz: 1e3, Bins: 3}
	for _, step := range []float64{TraceStepDB, 0.01, 0.5, 3} {
		g.StepDB = step
		none := quantise(0, 1/step)
		if got := g.Strongest([]int16{none, Absent, none}, g.StartHz, g.StopHz()); got != -1 {
			t.Errorf("in steps of %g dB the strongest is %d", step, got)
		}
		if got := g.Strongest([]int16{none, none + 1, none}, g.StartHz, g.StopHz()); got != 1 {
			t.Errorf("in steps of %g dB the strongest is %d, want 1", step, got)
		}
	}
}

func TestMarkers(t *testing.T) {
	levels := slices.Repeat([]float64{-90}, 40)
	levels[10], levels[30] = -40, -60
	tr := traceOf(levels...)
	ms := Markers{
		{On: true},
		{On: true, Fixed: true, At: 100.0302e6},
		{On: true, Fixed: true, At: 100.0305e6, Relative: 1},
		{On: true, Fixed: true, At: 100.0205e6, Function: NoiseAt, WidthHz: 4e3},
		{On: true, Fixed: true, At: 100.0205e6, Function: NoiseAt, WidthHz: 4e3, Relative: 1},
		{On: true, Fixed: true, At: 100.0305e6, Function: BandPower, WidthHz: 9e3},
		{On: true, Fixed: true, At: 200e6},
		{Fixed: true},
	}
	sight := &Sight{Trace: tr, Mean: tr, Low: tr.Grid().StartHz, High: tr.Grid().StopHz()}
	density := -90 - 10*math.Log10(1500)
	for n, want := range []Reading{
		{10, 100.0105e6, -40, "dBFS"},
		{30, 100.0305e6, -60, "dBFS"},
		{30, 20e3, -20, "dB"},
		{20, 100.0205e6, density, "dBFS/Hz"},
		{20, 10e3, density + 40, "dBc/Hz"},
		{30, 100.0305e6, 10 * math.Log10((1e-6+8e-9)*1e3/1.5e3), "dBFS"},
		{100_000, 200e6, math.NaN(), "dBFS"},
		{},
	} {
		got, ok := ms.Read(n+1, sight)
		if ok != (want.Unit != "") {
			t.Errorf("marker %d: on is %v", n+1, ok)
		}
		if got.Bin != want.Bin || math.Abs(got.At-want.At) > 1e-3 || got.Unit != want.Unit ||
			!(math.Abs(got.DB-want.DB) < 0.02) && math.IsNaN(got.DB) != math.IsNaN(want.DB) {
			t.Errorf("marker %d reads %+v, want %+v", n+1, got, want)
		}
	}
	if r, ok := ms.Place(4, sight); !ok || r.DB != -90 || r.Unit != "dBFS" {
		t.Errorf("the place of a noise marker: %+v", r)
	}
	sight.Low = 100.011e6
	if r, _ := ms.Read(1, sight); r.Bin != 30 {
		t.Errorf("of what is seen, bin %d is the strongest", r.Bin)
	}
	if _, ok := ms.Read(1, &Sight{Trace: &Trace{}}); ok {
		t.Error("a marker reads a trace of nothing")
	}
}

func TestParseMarkerFunction(t *testing.T) {
	for _, f := range []MarkerFunction{LevelAt, NoiseAt, BandPower} {
		if got, err := ParseMarkerFunction(f.String()); got != f || err != nil {
			t.Errorf("%v: %v, %v", f, got, err)
		}
	}
	if _, err := ParseMarkerFunction("volume"); err == nil {
		t.Error("volume is a function")
	}
}
