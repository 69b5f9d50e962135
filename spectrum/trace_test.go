package spectrum

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"argos/device"
)

// framesOf makes n frames of noise and bursts over bins, one every 50 ms.
func framesOf(rng *rand.Rand, bins, n int) []Frame {
	t := device.Tuning{CenterHz: 100e6, SpanHz: 2e6, RateHz: 2.5e6}
	frames := make([]Frame, n)
	start := time.Unix(1000, 0)
	for i := range frames {
		f := &frames[i]
		f.Grid = Grid{Generation: 1, StartHz: t.StartHz(), BinHz: t.SpanHz / float64(bins), Bins: bins, StepDB: 0.5, RBWHz: 3e3, Tuning: t, TunedHz: t.CenterHz}
		f.FirstSeq, f.LastSeq = uint64(i+1), uint64(i+1)
		f.Mono.Last = time.Duration(i) * 50 * time.Millisecond
		f.First, f.Last = start.Add(f.Mono.Last-50*time.Millisecond), start.Add(f.Mono.Last)
		f.Segments = []Segment{{Bins: bins, Windows: 1 + rng.IntN(20), First: f.First, Last: f.Last}}
		for range bins {
			q := int16(-180 + rng.IntN(40))
			f.Mean, f.Max = append(f.Mean, q), append(f.Max, q+int16(rng.IntN(60)))
		}
	}
	return frames
}

func update(t *Trace, frames []Frame) {
	for i := range frames {
		t.Update(&frames[i])
	}
}

// The maths of each kind, on one bin.
func TestTraceKinds(t *testing.T) {
	type step struct{ mean, max float64 }
	steps := []step{{-80, -70}, {-60, -50}, {-90, -75}}
	power := func(dbs ...float64) float64 {
		sum := 0.0
		for _, db := range dbs {
			sum += math.Pow(10, db/10)
		}
		return 10 * math.Log10(sum/float64(len(dbs)))
	}
	for _, tc := range []struct {
		name  string
		trace Trace
		want  float64
	}{
		{"mean", Trace{Kind: LiveMean}, -90},
		{"max", Trace{Kind: LiveMax}, -75},
		{"max hold", Trace{Kind: MaxHold}, -50},
		{"max hold, 20 dB/s", Trace{Kind: MaxHold, DecayDB: 20}, -51},
		{"min hold", Trace{Kind: MinHold}, -90},
		{"average of all", Trace{Kind: Average}, power(-80, -60, -90)},
		{"average of one window", Trace{Kind: Average, Averages: 1}, 10 * math.Log10(
			(1-1/math.E)*math.Pow(10, -9)+1/math.E*((1-1/math.E)*math.Pow(10, -6)+1/math.E*math.Pow(10, -8)))},
		{"frozen", Trace{Kind: MaxHold, Frozen: true}, math.NaN()},
		{"stored", Trace{Kind: Stored}, math.NaN()},
	} {
		frames := framesOf(rand.New(rand.NewPCG(1, 1)), 1, len(steps))
		for i, s := range steps {
			frames[i].Mean[0], frames[i].Max[0], frames[i].Segments[0].Windows = int16(s.mean*2), int16(s.max*2), 1
		}
		update(&tc.trace, frames)
		got := tc.trace.At(100e6 - 1)
		if !(math.Abs(got-tc.want) <= TraceStepDB) && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("%s: %.3f dB, want %.3f", tc.name, got, tc.want)
		}
	}
}

// What is held and averaged does not depend on how frames were merged on the way, nor, in
// the cells of the lowest tier, on the tiers they came in.
func TestTraceAtAnyTier(t *testing.T) {
	const bins, low = 256, 32
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 7))
		frames := framesOf(rng, bins, 40)
		hold, average := Trace{Kind: MaxHold}, Trace{Kind: Average}
		var lowest Frame
		Reduce(&lowest, &frames[0], Slice{Bins: bins, Cell: bins / low})
		for _, tr := range []*Trace{&hold, &average} {
			tr.Update(&lowest)
		}
		history := NewHistory(0)
		first := history.Append(&frames[0])
		for i := range frames[1:] {
			history.Append(&frames[i+1])
		}
		var merged, got Frame
		for at := 1; at < len(frames); {
			n := min(1+rng.IntN(6), len(frames)-at)
			history.Merge(&merged, first+uint64(at), first+uint64(at+n))
			Reduce(&got, &merged, Slice{Bins: bins, Cell: 1 << rng.IntN(4)})
			hold.Update(&got)
			average.Update(&got)
			at += n
		}
		var top, want [low]int16
		sums, windows := [low]float64{}, 0.0
		for c := range low {
			top[c] = Absent
		}
		for i := range frames {
			f := &frames[i]
			w := float64(f.Segments[0].Windows)
			windows += w
			for b := range bins {
				c := b * low / bins
				top[c] = max(top[c], f.Max[b])
				sums[c] += w * math.Pow(10, float64(f.Mean[b])/20) / (bins / low)
			}
		}
		g := &lowest.Grid
		Peaks(want[:], g.StartHz, g.BinHz, hold.Levels(), hold.Grid().StartHz, hold.Grid().BinHz)
		for c := range low {
			if want[c] != top[c]*32 {
				t.Fatalf("seed %d: cell %d is held at %d, the frames had %d", seed, c, want[c], top[c]*32)
			}
		}
		average.follow(g)
		for c := range low {
			db := 10 * math.Log10(sums[c]/windows)
			if got := average.Grid().DB(average.Levels()[c]); math.Abs(got-db) > 0.3 {
				t.Fatalf("seed %d: cell %d averages %.2f dB, want %.2f", seed, c, got, db)
			}
		}
	}
}

func TestTraceOverSweeps(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(2, 2)), 8, 2)
	frames[0].Segments = []Segment{{Bin: 0, Bins: 4, Windows: 1}}
	frames[1].Segments = []Segment{{Bin: 4, Bins: 4, Windows: 1}}
	for _, kind := range []TraceKind{LiveMean, LiveMax, MaxHold, MinHold, Average} {
		tr := Trace{Kind: kind}
		tr.Update(&frames[0])
		first := slices.Clone(tr.Levels()[:4])
		if tr.Levels()[5] != Absent {
			t.Errorf("%v: a bin that was not visited has a level", kind)
		}
		tr.Update(&frames[1])
		if !slices.Equal(first, tr.Levels()[:4]) || tr.Levels()[5] == Absent {
			t.Errorf("%v: %v became %v", kind, first, tr.Levels())
		}
	}
}

// A hold takes what comes late; a retune ends it, and so does another life of the server.
func TestTraceFillAndClear(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(3, 3)), 64, 3)
	hold, low, live := Trace{Kind: MaxHold}, Trace{Kind: MinHold}, Trace{}
	for _, tr := range []*Trace{&hold, &low, &live} {
		tr.Update(&frames[2])
	}
	before := slices.Clone(live.Levels())
	frames[0].Max[10], frames[0].Mean[20], frames[0].Mean[21] = -8, -400, -400
	var reduced Frame
	Reduce(&reduced, &frames[0], Slice{Bins: 64, Cell: 2})
	for _, tr := range []*Trace{&hold, &low, &live} {
		tr.Fill(&reduced)
	}
	if hold.Levels()[10] != -8*32 || low.Levels()[20] != -400*32 || !slices.Equal(before, live.Levels()) {
		t.Errorf("after a row of a hole: %d, %d", hold.Levels()[10], low.Levels()[20])
	}
	frames[1].Grid.Generation++
	hold.Fill(&frames[1])
	hold.Update(&frames[1])
	if hold.Levels()[10] == -8*32 || hold.Frames != 1 {
		t.Error("a hold outlived a retune")
	}
	hold.Clear()
	if !hold.Empty() || !math.IsNaN(hold.At(100e6)) {
		t.Error("what is cleared has levels")
	}
}

// Where the least power is measured, it is what a min hold holds.
func TestTraceOfMin(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(8, 8)), 4, 2)
	live, hold := Trace{Kind: LiveMin}, Trace{Kind: MinHold}
	for i := range frames {
		f := &frames[i]
		f.Grid.Min, f.Min = true, []int16{-200, -210, Absent, int16(-220 + i)}
		live.Update(f)
		hold.Update(f)
	}
	if got := live.Levels(); !slices.Equal(got, []int16{-200 * 32, -210 * 32, Absent, -219 * 32}) {
		t.Errorf("the newest minima are %v", got)
	}
	if got := hold.Levels(); !slices.Equal(got, []int16{-200 * 32, -210 * 32, Absent, -220 * 32}) {
		t.Errorf("the least minima are %v", got)
	}
	frames[0].Grid.Min = false
	live.Update(&frames[0])
	if !live.Empty() {
		t.Error("there is a minimum that was not measured")
	}
}

func TestTraceStoreAndSubtract(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(4, 4)), 16, 2)
	frames[0].Mean[3], frames[1].Mean[3] = -100, -80
	frames[1].Mean[4] = Absent
	var live, stored, delta Trace
	live.Update(&frames[0])
	stored.Store(&live)
	live.Update(&frames[1])
	stored.Update(&frames[1])
	if got := stored.At(live.Grid().BinCenterHz(3)); got != -50 {
		t.Errorf("a snapshot moved to %v", got)
	}
	delta.Subtract(&live, &stored)
	if got := delta.At(live.Grid().BinCenterHz(3)); got != 10 {
		t.Errorf("-40 less -50 is %v dB", got)
	}
	if delta.Levels()[4] != Absent {
		t.Error("what was not measured has a difference")
	}
	delta.Subtract(&live, &Trace{})
	if delta.Levels()[3] != Absent {
		t.Error("there is a difference to nothing")
	}
}

func TestTraceAllocatesNothing(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(5, 5)), 1024, 4)
	var reduced Frame
	Reduce(&reduced, &frames[3], Slice{Bins: 1024, Cell: 4})
	for _, kind := range []TraceKind{LiveMean, LiveMax, LiveMin, MaxHold, MinHold, Average} {
		tr, shown, delta := Trace{Kind: kind, DecayDB: 1}, Trace{}, Trace{}
		step := func() {
			update(&tr, frames)
			tr.Update(&reduced)
			tr.Fill(&frames[0])
			shown.CopyFrom(&tr)
			delta.Subtract(&tr, &shown)
		}
		step()
		step()
		if n := testing.AllocsPerRun(50, step); n != 0 {
			t.Errorf("%v: %v allocations", kind, n)
		}
	}
}

func TestPeaksKeepsEveryCarrier(t *testing.T) {
	src := make([]int16, 1000)
	for i := range src {
		src[i] = -200
	}
	src[617] = -50
	for _, n := range []int{1, 7, 36, 500, 999, 1000, 1001, 4000} {
		dst := make([]int16, n)
		Peaks(dst, 100, 1000/float64(n), src, 100, 1)
		found := -1
		for i, v := range dst {
			if v == -50 && found < 0 {
				found = i
			}
			if v == Absent {
				t.Errorf("%d cells: cell %d has no bin", n, i)
			}
		}
		if at := (float64(found) + 0.5) / float64(n) * 1000; found < 0 || math.Abs(at-617.5) > 1000/float64(n)+1 {
			t.Errorf("%d cells: the carrier at 617 is at %.0f", n, at)
		}
	}
	dst := make([]int16, 4)
	Peaks(dst, 900, 100, src, 100, 1) // half of it was not measured
	if dst[0] != -200 || dst[1] != -200 || dst[2] != Absent || dst[3] != Absent {
		t.Errorf("beyond the edge: %v", dst)
	}
}

func TestTroughsKeepTheLeast(t *testing.T) {
	src := slices.Repeat([]int16{-100}, 1000)
	src[617] = -150
	for i := range src[:100] {
		src[i] = Absent
	}
	for _, n := range []int{1, 7, 36, 500, 999, 1000, 1001, 4000} {
		dst := make([]int16, n)
		Troughs(dst, 100, 1000/float64(n), src, 100, 1)
		if at := float64(slices.Index(dst, -150)) / float64(n) * 1000; at > 617.5 || at+1000/float64(n) < 617 {
			t.Errorf("%d cells: the least is at %.0f", n, at)
		}
		if n > 10 && (dst[0] != Absent || dst[n-1] != -100) {
			t.Errorf("%d cells: from %d to %d", n, dst[0], dst[n-1])
		}
	}
}
