package spectrum

import (
	"math"
	"slices"
	"time"
)

// TraceStepDB is the step of a trace's levels: finer than that of frames, so that averages
// and what decays have room, and a power of two, so that the usual 0.5 dB stay exact.
const TraceStepDB = 1.0 / 64

// A TraceKind says what a Trace makes of frames.
type TraceKind uint8

// The kinds.
const (
	LiveMean TraceKind = iota // the newest mean power
	LiveMax                   // the newest maximum
	LiveMin                   // the newest minimum, where it is measured
	MaxHold                   // the greatest maximum so far
	MinHold                   // the least minimum so far; where that is not measured, mean power
	Average                   // the mean of mean powers, in linear power
	Stored                    // none: it is of a snapshot or a file
)

var traceKinds = [...]string{"mean", "max", "min", "max hold", "min hold", "average", "stored"}

func (k TraceKind) String() string { return traceKinds[k] }

// A Trace is a level in each bin, made of the frames that it takes. It follows their grid:
// what was kept outlives a change of tier or slice, as far as the new one reaches, and not
// one of generation. Bins in no segment of a frame stay as they are. A point of zero span
// that lost its samples is in a segment: it is absent in what is live, and stays elsewhere.
//
// An Average is exponential in linear power and counts windows, so that it is the same
// however frames were merged: until it has Averages of them each counts alike, from then on
// older ones fade. The zero value is a live mean, ready. It is for one goroutine, and
// allocates once a grid.
type Trace struct {
	Kind     TraceKind
	Averages int     // windows that an Average goes back over; 0: all
	DecayDB  float64 // that a MaxHold falls in a second; 0: it holds
	Frozen   bool    // takes no frames

	Frames      uint64    // that it is made of
	First, Last time.Time // capture time of the first and the last sample

	grid    Grid
	levels  []int16
	power   []float32 // of an Average
	windows []float32 // that are in it
	spare   []int16
	spares  [2][]float32
	mono    time.Duration // of the newest frame
	owed    float64       // steps of the decay that are due
}

// Grid is where the bins lie, in steps of TraceStepDB.
func (t *Trace) Grid() *Grid { return &t.grid }

// Levels has the level of each bin in steps of TraceStepDB. It is valid until the next
// change.
func (t *Trace) Levels() []int16 { return t.levels }

// Empty reports whether there is nothing in t.
func (t *Trace) Empty() bool { return t.Frames == 0 }

// At is the level of the bin over a place on the axis in dB, NaN where there is none.
func (t *Trace) At(place float64) float64 {
	i := t.grid.BinOver(place)
	if i < 0 || i >= len(t.levels) {
		return math.NaN()
	}
	return t.grid.DB(t.levels[i])
}

// Clear forgets all frames: those that follow are of another life of the server, or the
// operator wants to begin anew.
func (t *Trace) Clear() { t.grid, t.Frames, t.levels = Grid{}, 0, t.levels[:0] }

// Update takes the newest frame.
func (t *Trace) Update(f *Frame) {
	if t.Frozen || t.Kind == Stored {
		return
	}
	if t.Kind == LiveMin && !f.Grid.Min {
		t.Clear()
		return
	}
	t.follow(&f.Grid)
	t.decay(f.Mono.Last)
	scale := f.Grid.StepDB / TraceStepDB
	for _, s := range f.Segments {
		levels := t.levels[s.Bin:][:s.Bins]
		switch t.Kind {
		case LiveMean:
			rescale(levels, f.Mean[s.Bin:], scale)
		case LiveMax:
			rescale(levels, f.Max[s.Bin:], scale)
		case LiveMin:
			rescale(levels, f.Min[s.Bin:], scale)
		case MaxHold:
			t.raise(levels, f.Max[s.Bin:], scale)
		case MinHold:
			t.lower(levels, lowest(f)[s.Bin:], scale)
		case Average:
			t.average(s, f)
		}
	}
	if t.Frames == 0 {
		t.First = f.First
	}
	t.Last = f.Last
	t.Frames += uint64(f.Merged())
}

// Fill takes a frame that was due before the newest one. It goes into what is held; an
// average and what is live go on without it.
func (t *Trace) Fill(f *Frame) {
	if t.Frozen || t.Frames == 0 || f.Grid.Generation != t.grid.Generation {
		return
	}
	t.spare = slices.Grow(t.spare[:0], len(t.levels))[:len(t.levels)]
	scale := f.Grid.StepDB / TraceStepDB
	start, step := t.grid.Axis()
	from, every := f.Grid.Axis()
	switch t.Kind {
	case MaxHold:
		Peaks(t.spare, start, step, f.Max, from, every)
		t.raise(t.levels, t.spare, scale)
	case MinHold:
		Troughs(t.spare, start, step, lowest(f), from, every)
		t.lower(t.levels, t.spare, scale)
	default:
		return
	}
	t.Frames += uint64(f.Merged())
}

// follow makes room for the bins of another grid.
func (t *Trace) follow(of *Grid) {
	g := *of
	g.StepDB = TraceStepDB
	if g == t.grid {
		return
	}
	same := t.Frames > 0 && g.Generation == t.grid.Generation && g.Tuning == t.grid.Tuning
	old := t.grid
	t.grid = g
	if !same {
		t.Frames, t.owed = 0, 0
	}
	if t.Kind == Average {
		t.followPower(&old, same)
	}
	t.levels, t.spare = resized(t.spare, g.Bins), t.levels
	if !same {
		return
	}
	start, step := g.Axis()
	from, every := old.Axis()
	switch t.Kind {
	case MaxHold:
		Peaks(t.levels, start, step, t.spare, from, every)
	case MinHold:
		Troughs(t.levels, start, step, t.spare, from, every)
	case Average:
		t.quantise(0, g.Bins)
	}
}

// followPower does for the powers of an average what follow does for levels.
func (t *Trace) followPower(old *Grid, same bool) {
	t.power, t.spares[0] = slices.Grow(t.spares[0][:0], t.grid.Bins)[:t.grid.Bins], t.power
	t.windows, t.spares[1] = slices.Grow(t.spares[1][:0], t.grid.Bins)[:t.grid.Bins], t.windows
	if !same {
		clear(t.power)
		clear(t.windows)
		return
	}
	start, step := t.grid.Axis()
	from, every := old.Axis()
	resample(t.power, start, step, t.spares[0], from, every, mean)
	resample(t.windows, start, step, t.spares[1], from, every, mean)
}

// decay lets a hold fall for the time that went by.
func (t *Trace) decay(now time.Duration) {
	since := now - t.mono
	t.mono = now
	if t.Kind != MaxHold || t.DecayDB <= 0 || t.Frames == 0 || since <= 0 {
		return
	}
	t.owed += min(t.DecayDB*since.Seconds(), -FloorDB) / TraceStepDB
	steps := int(t.owed)
	t.owed -= float64(steps)
	for i, q := range t.levels {
		if q != Absent {
			t.levels[i] = int16(max(int(q)-steps, Absent+1))
		}
	}
}

func (t *Trace) raise(levels, by []int16, scale float64) {
	for i := range levels {
		levels[i] = max(levels[i], rescaled(by[i], scale))
	}
}

func (t *Trace) lower(levels, by []int16, scale float64) {
	for i := range levels {
		if q := rescaled(by[i], scale); levels[i] == Absent || q != Absent && q < levels[i] {
			levels[i] = q
		}
	}
}

// average moves each bin of s towards its mean power in f.
func (t *Trace) average(s Segment, f *Frame) {
	table := powers(f.Grid.StepDB)
	w := float32(max(s.Windows, 1))
	fade := float32(0)
	if t.Averages > 0 {
		fade = float32(-math.Expm1(-float64(w) / float64(t.Averages)))
	}
	for i := s.Bin; i < s.Bin+s.Bins; i++ {
		if f.Mean[i] == Absent {
			continue
		}
		t.windows[i] += w
		t.power[i] += max(w/t.windows[i], fade) * (table.linear(f.Mean[i]) - t.power[i])
	}
	t.quantise(s.Bin, s.Bins)
}

// quantise makes levels of the powers in bins from bin on.
func (t *Trace) quantise(bin, bins int) {
	for i := bin; i < bin+bins; i++ {
		if t.windows[i] > 0 {
			t.levels[i] = quantise(float64(t.power[i]), 1/TraceStepDB)
		}
	}
}

// CopyFrom makes t a deep copy of src, in the memory that t has.
func (t *Trace) CopyFrom(src *Trace) {
	levels, power, windows, spare, spares := t.levels, t.power, t.windows, t.spare, t.spares
	*t = *src
	t.levels = append(levels[:0], src.levels...)
	t.power = append(power[:0], src.power...)
	t.windows = append(windows[:0], src.windows...)
	t.spare, t.spares = spare, spares
}

// Store makes t a snapshot of src, which no frame changes.
func (t *Trace) Store(src *Trace) {
	t.CopyFrom(src)
	t.Kind = Stored
}

// Subtract makes t what a is above b, in dB, over the grid of a.
func (t *Trace) Subtract(a, b *Trace) {
	t.grid, t.Kind, t.Frames, t.First, t.Last = a.grid, Stored, a.Frames, a.First, a.Last
	t.levels = resized(t.levels, len(a.levels))
	if b.Empty() || a.grid.ZeroSpan() != b.grid.ZeroSpan() {
		return
	}
	start, step := a.grid.Axis()
	from, every := b.grid.Axis()
	Peaks(t.levels, start, step, b.levels, from, every)
	for i, q := range a.levels {
		if q == Absent || t.levels[i] == Absent {
			t.levels[i] = Absent
			continue
		}
		t.levels[i] = int16(min(max(int(q)-int(t.levels[i]), Absent+1), math.MaxInt16))
	}
}

// Peaks fills each cell of dst with the largest of the src bins centred in it, or with the
// bin that covers its middle where bins are wider than cells. A point sample instead would
// sparkle and lose carriers.
func Peaks(dst []int16, dstStart, dstStep float64, src []int16, srcStart, srcStep float64) {
	resample(dst, dstStart, dstStep, src, srcStart, srcStep, most)
}

// Troughs fills each cell of dst with the smallest of the src bins in it.
func Troughs(dst []int16, dstStart, dstStep float64, src []int16, srcStart, srcStep float64) {
	resample(dst, dstStart, dstStep, src, srcStart, srcStep, least)
}

// lowest is the lowest that f has of each bin.
func lowest(f *Frame) []int16 {
	if f.Grid.Min {
		return f.Min
	}
	return f.Mean
}

// resample is Peaks for another way to make one value of several.
func resample[T int16 | float32](dst []T, dstStart, dstStep float64, src []T, srcStart, srcStep float64, of func([]T) T) {
	scale, offset := dstStep/srcStep, (dstStart-srcStart)/srcStep
	for i := range dst {
		a := offset + float64(i)*scale
		low, high := int(math.Ceil(a-0.5)), int(math.Ceil(a+scale-0.5))
		if low >= high {
			low = int(math.Floor(a + scale/2))
			high = low + 1
		}
		low, high = min(max(low, 0), len(src)), min(max(high, 0), len(src))
		dst[i] = of(src[low:high])
	}
}

func most(bins []int16) int16 {
	top := int16(Absent)
	for _, q := range bins {
		top = max(top, q)
	}
	return top
}

func least(bins []int16) int16 {
	low := int16(Absent)
	for _, q := range bins {
		if q != Absent && (low == Absent || q < low) {
			low = q
		}
	}
	return low
}

func mean(powers []float32) float32 {
	if len(powers) == 0 {
		return 0
	}
	sum := float32(0)
	for _, p := range powers {
		sum += p
	}
	return sum / float32(len(powers))
}

// resized is s with n bins, all absent.
func resized(s []int16, n int) []int16 {
	s = slices.Grow(s[:0], n)[:n]
	blank(s)
	return s
}

// rescale brings levels to steps that are as many times finer.
func rescale(dst, src []int16, scale float64) {
	for i := range dst {
		dst[i] = rescaled(src[i], scale)
	}
}

func rescaled(q int16, scale float64) int16 {
	if q == Absent {
		return Absent
	}
	const most = math.MaxInt16
	steps := int(float64(q)*scale + (most + 0.5)) // truncated: of what is above 0, the floor
	return int16(min(max(steps, 0), 2*most) - most)
}
