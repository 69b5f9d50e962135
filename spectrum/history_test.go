package spectrum

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// noiseFrame fills f with random powers on a grid of the generation.
func noiseFrame(f *Frame, rng *rand.Rand, generation uint64, bins int) {
	f.Grid = Grid{Generation: generation, StartHz: 100e6, BinHz: 1e3, Bins: bins, StepDB: 0.5}
	f.resize(bins)
	f.First = time.Unix(int64(rng.IntN(1000)), 0)
	f.Last = f.First.Add(time.Second)
	f.Lost = uint64(rng.IntN(3))
	f.Segments = append(f.Segments[:0], Segment{Bins: bins, Windows: 1 + rng.IntN(8), First: f.First, Last: f.Last})
	for i := range bins {
		f.Mean[i] = int16(-200 + rng.IntN(100))
		f.Max[i] = f.Mean[i] + int16(rng.IntN(20))
	}
}

// addMin gives f the least powers, too.
func addMin(f *Frame, rng *rand.Rand) {
	f.Grid.Min = true
	f.Min = absent(f.Grid.Bins)
	for i, q := range f.Mean {
		if q != Absent {
			f.Min[i] = q - int16(rng.IntN(30))
		}
	}
}

func TestHistoryAnswersAnyRange(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	h := NewHistory(0)
	var all []*Frame
	generation := uint64(1)
	for range 200 {
		if rng.IntN(40) == 0 {
			generation++
		}
		f := new(Frame)
		noiseFrame(f, rng, generation, 64+int(generation))
		if generation%2 == 0 {
			addMin(f, rng)
		}
		if seq := h.Append(f); seq != uint64(len(all)+1) {
			t.Fatalf("frame %d got sequence number %d", len(all)+1, seq)
		}
		all = append(all, f)
	}
	var got Frame
	for range 2000 {
		a := uint64(1 + rng.IntN(200))
		b := a + 1 + uint64(rng.IntN(60))
		if !h.Merge(&got, a, b) {
			t.Fatalf("nothing held of %d to %d", a, b)
		}
		if got.FirstSeq != a {
			t.Fatalf("asked from %d, got from %d", a, got.FirstSeq)
		}
		grid := all[a-1].Grid
		stop := a
		for stop < min(b, 201) && all[stop-1].Grid.Generation == grid.Generation {
			stop++
		}
		if got.LastSeq+1 != stop {
			t.Fatalf("%d to %d ends at %d, want %d", a, b, got.LastSeq+1, stop)
		}
		checkMerge(t, &got, all[a-1:stop-1])
	}
}

// checkMerge holds a merge against the plain sum over its frames.
func checkMerge(t *testing.T, got *Frame, frames []*Frame) {
	t.Helper()
	windows, lost := 0, uint64(0)
	for _, f := range frames {
		windows += f.Segments[0].Windows
		lost += f.Lost
	}
	if got.Averages() != windows || got.Lost != lost || got.Merged() != len(frames) {
		t.Fatalf("averages %d lost %d merged %d, want %d %d %d",
			got.Averages(), got.Lost, got.Merged(), windows, lost, len(frames))
	}
	if want := frames[0].Grid.Bins; got.Grid.Min && len(got.Min) != want || !got.Grid.Min && len(got.Min) != 0 {
		t.Fatalf("%d least powers of %d bins", len(got.Min), want)
	}
	for i := range got.Max {
		top, low, sum := int16(Absent), int16(math.MaxInt16), 0.0
		for _, f := range frames {
			top = max(top, f.Max[i])
			if f.Grid.Min {
				low = min(low, f.Min[i])
			}
			sum += float64(f.Segments[0].Windows) * math.Pow(10, float64(f.Mean[i])*0.05)
		}
		if got.Max[i] != top {
			t.Fatalf("bin %d: max %d, want %d", i, got.Max[i], top)
		}
		if got.Grid.Min && got.Min[i] != low {
			t.Fatalf("bin %d: min %d, want %d", i, got.Min[i], low)
		}
		// Each level of the tree rounds to half a step.
		mean := 10 * math.Log10(sum/float64(windows))
		if d := math.Abs(got.Grid.DB(got.Mean[i]) - mean); d > 0.25*chunkLevels {
			t.Fatalf("bin %d: mean %.2f dB, want %.2f", i, got.Grid.DB(got.Mean[i]), mean)
		}
	}
}

// A retune for each frame costs more than the powers, and counts.
func TestHistoryOfManyGenerations(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const kept = 20
	h := NewHistory(kept * (chunkBytes + 4*256))
	var f Frame
	for g := range uint64(200) {
		noiseFrame(&f, rng, g+1, 256)
		h.Append(&f)
	}
	if held := h.Head() - h.Tail(); held < kept-1 || held > kept+2 {
		t.Fatalf("%d generations held where there is room for %d", held, kept)
	}
}

func TestHistoryKeepsToItsBudget(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const bins, chunk = 256, chunkBytes + (2*chunkFrames-1)*(4*256+segmentBytes)
	h := NewHistory(20 * chunk)
	var f, got Frame
	for range 5000 {
		noiseFrame(&f, rng, 1, bins)
		h.Append(&f)
		if used, budget := h.Memory(); used > budget {
			t.Fatalf("%d bytes used of %d", used, budget)
		}
	}
	if held := h.Head() - h.Tail(); held < 18*chunkFrames || held > 20*chunkFrames {
		t.Fatalf("%d frames held", held)
	}
	if !h.Merge(&got, 1, h.Head()) || got.FirstSeq != h.Tail() {
		t.Fatalf("the oldest frame is %d, want %d", got.FirstSeq, h.Tail())
	}
	if h.Merge(&got, 1, 2) {
		t.Fatal("a frame long gone was found")
	}
}

// A frame of a survey holds a part of its grid only, and that is what it costs: a second
// of all that a HackRF receives, in the finest bins, is held in 64 MB with all merges.
func TestHistoryOfASurvey(t *testing.T) {
	study(t)
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 4))
	const bins = 7250e6 / 20e6 * 8192
	h := NewHistory(0)
	frames := make([]Frame, 36)
	for i := range 120 {
		f := &frames[i%len(frames)]
		if i < len(frames) {
			surveyFrame(f, rng, i, bins)
		}
		h.Append(f)
		if used, budget := h.Memory(); used > budget {
			t.Fatalf("%d bytes used of %d", used, budget)
		}
	}
	held := h.Head() - h.Tail()
	t.Logf("%d frames held", held)
	if held < 70 {
		t.Fatalf("%d frames held", held)
	}
	// The same frame serves for many ranges: nothing of one may be left in the next.
	var got Frame
	for _, span := range []uint64{held, 1, 3, 19, 2, 40, 17} {
		a := h.Head() - span
		if !h.Merge(&got, a, h.Head()) || got.FirstSeq != a || got.LastSeq != h.Head()-1 {
			t.Fatalf("asked for %d to %d, got %d to %d", a, h.Head()-1, got.FirstSeq, got.LastSeq)
		}
		var parts []*Frame
		for seq := a; seq < h.Head(); seq++ {
			parts = append(parts, &frames[(seq-1)%uint64(len(frames))])
		}
		checkPeaks(t, &got, parts)
	}
}

// checkPeaks holds the maxima and the segments of a merge against its frames.
func checkPeaks(t *testing.T, got *Frame, frames []*Frame) {
	t.Helper()
	want, windows := absent(len(got.Max)), make([]int, len(got.Max))
	for _, f := range frames {
		for _, s := range f.Segments {
			for i := s.Bin; i < s.Bin+s.Bins; i++ {
				want[i] = max(want[i], f.Max[i])
				windows[i] += s.Windows
			}
		}
	}
	for _, s := range got.Segments {
		for i := s.Bin; i < s.Bin+s.Bins; i++ {
			if windows[i] != s.Windows {
				t.Fatalf("bin %d: %d windows, want %d", i, s.Windows, windows[i])
			}
		}
	}
	for i := range want {
		if got.Max[i] != want[i] || (got.Mean[i] == Absent) != (want[i] == Absent) {
			t.Fatalf("bin %d: max %d mean %d, want max %d", i, got.Max[i], got.Mean[i], want[i])
		}
	}
}

func absent(n int) []int16 {
	s := make([]int16, n)
	blank(s)
	return s
}

func TestHistoryRecent(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	h := NewHistory(0)
	var f Frame
	for g := range uint64(6) {
		for range 40 {
			noiseFrame(&f, rng, g+1, 32)
			h.Append(&f)
		}
	}
	for _, tt := range []struct {
		a, b        uint64
		generations int
		want        uint64
	}{{1, 241, 4, 81}, {1, 241, 1, 201}, {1, 241, 9, 1}, {100, 241, 4, 100}, {1, 241, 0, 241}, {1, 201, 1, 161}, {1, 170, 1, 161}, {165, 170, 2, 165}} {
		if got := h.Recent(tt.a, tt.b, tt.generations); got != tt.want {
			t.Errorf("Recent(%d, %d, %d) = %d, want %d", tt.a, tt.b, tt.generations, got, tt.want)
		}
	}
}

func TestMergeOfSweepsKeepsSegments(t *testing.T) {
	grid := Grid{Generation: 1, BinHz: 1, Bins: 6, StepDB: 0.5, Min: true}
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	a := &Frame{
		Grid: grid, FirstSeq: 1, LastSeq: 1,
		Segments: []Segment{{Bin: 0, Bins: 2, Windows: 2, First: at(1), Last: at(2)}, {Bin: 4, Bins: 2, Windows: 2, First: at(3), Last: at(4)}},
		Mean:     []int16{-10, -10, Absent, Absent, -40, -40},
		Max:      []int16{-5, -5, Absent, Absent, -30, -30},
		Min:      []int16{-15, -15, Absent, Absent, -50, -50},
	}
	b := &Frame{
		Grid: grid, FirstSeq: 2, LastSeq: 2,
		Segments: []Segment{{Bin: 2, Bins: 2, Windows: 2, First: at(5), Last: at(6)}, {Bin: 4, Bins: 2, Windows: 2, First: at(7), Last: at(8)}},
		Mean:     []int16{Absent, Absent, -20, -20, -40, -40},
		Max:      []int16{Absent, Absent, -20, -20, -35, -25},
		Min:      []int16{Absent, Absent, -20, -20, -55, -45},
	}
	h := NewHistory(0)
	h.Append(a)
	h.Append(b)
	var got Frame
	if !h.Merge(&got, 1, 3) {
		t.Fatal("nothing held")
	}
	wantMax := []int16{-5, -5, -20, -20, -30, -25}
	wantMean := []int16{-10, -10, -20, -20, -40, -40}
	wantMin := []int16{-15, -15, -20, -20, -55, -50}
	for i := range wantMax {
		if got.Max[i] != wantMax[i] || got.Mean[i] != wantMean[i] || got.Min[i] != wantMin[i] {
			t.Errorf("bin %d: %d %d %d, want %d %d %d", i, got.Max[i], got.Mean[i], got.Min[i], wantMax[i], wantMean[i], wantMin[i])
		}
	}
	if len(got.Segments) != 3 || got.Segments[2].Windows != 4 || !got.Segments[2].First.Equal(at(3)) || !got.Segments[2].Last.Equal(at(8)) {
		t.Errorf("segments %+v", got.Segments)
	}
	if got.Averages() != 2 {
		t.Errorf("averages %d", got.Averages())
	}
}

func TestMergeAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	h := NewHistory(0)
	var f, got, small Frame
	for range 64 {
		noiseFrame(&f, rng, 1, 4096)
		h.Append(&f)
	}
	h.Merge(&got, 2, 63)
	slice := got.Grid.Slice(0, 0, 512)
	Reduce(&small, &got, slice)
	if n := testing.AllocsPerRun(100, func() {
		h.Merge(&got, 2, 63)
		Reduce(&small, &got, slice)
	}); n > 0 {
		t.Errorf("%v allocations a merge", n)
	}
}

// set is t as it is read when the system's clock was set by d meanwhile: only the wall
// clock's reading differs. Package time makes none such.
func set(t time.Time, d time.Duration) time.Time {
	seconds := (*uint64)(unsafe.Pointer(&t)) // flag, 33 bits of seconds, 30 of nanoseconds
	*seconds += uint64(int64(d/time.Second)) << 30
	return t
}

// Whatever becomes of the system's clock, frames and merges of them have their times by
// another that nobody sets.
func TestHistoryWhenTheClockIsSet(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	h := NewHistory(0)
	begun := time.Now()
	if back := set(begun, -time.Hour); back.Sub(begun) != 0 || begun.Unix()-back.Unix() != 3600 {
		t.Fatalf("%v was set to %v", begun, back)
	}
	const period = 50 * time.Millisecond
	var f, got Frame
	for i := range 40 {
		noiseFrame(&f, rng, 1, 64)
		f.First, f.Last = begun.Add(time.Duration(i)*period), begun.Add(time.Duration(i+1)*period)
		if i >= 10 {
			f.First, f.Last = set(f.First, -time.Hour), set(f.Last, -time.Hour)
		}
		if i >= 20 {
			f.First, f.Last = set(f.First, 3*time.Hour), set(f.Last, 3*time.Hour)
		}
		h.Append(&f)
	}
	origin := h.Mono(begun)
	for a := uint64(1); a <= 40; a++ {
		for b := a + 1; b <= 41; b++ {
			h.Merge(&got, a, b)
			if got.Mono.First-origin != time.Duration(a-1)*period || got.Mono.Last-origin != time.Duration(b-1)*period {
				t.Fatalf("frames %d to %d are of %v to %v", a, b-1, got.Mono.First-origin, got.Mono.Last-origin)
			}
		}
	}
}
