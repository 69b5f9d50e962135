package views

import (
	"slices"
	"time"

	"argos/spectrum"
)

// A board holds what was measured: the newest trace, the max hold and the waterfall.
// There are two: one that frames are written to under the App's lock, and one that is
// drawn from, brought up to date before each draw and left alone while frozen.
type board struct {
	grid            spectrum.Grid
	mean, max, hold []int16
	min             []int16 // empty unless the grid has it
	scratch         []int16
	noise           spectrum.NoiseFloor
	floor           []float32     // of noise in dB, as noise has it
	seq             uint64        // newest frame
	takes           uint64        // frames and rows of holes taken so far
	taken           uint64        // the last of the frame taken last, which may be of a hole
	first, last     time.Time     // of the newest frame
	mono            time.Duration // the same as last, by the clock that nobody sets
	averages        int
	merged          int
	overload        float32
	lost            uint64
	frames          uint64 // taken so far; 0: nothing to show
	upTo            int    // bin that the newest segment ends at
	anew            bool   // the next frame is of another life of the server

	holding bool
	levels  levels
	fall    fall
}

func newBoard() *board { return &board{fall: newFall()} }

// take copies f, whose memory is the link's.
func (b *board) take(f *spectrum.Frame, pace time.Duration, ref *float64) {
	b.taken = f.LastSeq
	b.takes++
	if b.frames > 0 && !b.anew && f.LastSeq <= b.seq {
		b.fillIn(f, pace)
		return
	}
	if b.frames > 0 {
		b.noteGap(f)
	}
	// Another life counts its generations from the beginning: the number alone says
	// nothing.
	if b.frames == 0 || f.Grid != b.grid {
		b.regrid(&f.Grid, len(f.Mean))
	}
	b.anew = false
	// In a sweep a frame holds only what was visited since the one before.
	for _, s := range f.Segments {
		copy(b.mean[s.Bin:][:s.Bins], f.Mean[s.Bin:])
		copy(b.max[s.Bin:][:s.Bins], f.Max[s.Bin:])
		if f.Grid.Min {
			copy(b.min[s.Bin:][:s.Bins], f.Min[s.Bin:])
		}
		if b.holding {
			raise(b.hold[s.Bin:][:s.Bins], f.Max[s.Bin:])
		}
		b.upTo = s.Bin + s.Bins
	}
	b.seq, b.first, b.last, b.mono = f.LastSeq, f.First, f.Last, f.Mono.Last
	b.averages, b.merged, b.overload, b.lost = f.Averages(), f.Merged(), f.Overload, f.Lost
	b.frames++
	b.noise.Update(f)
	b.floor = b.noise.Levels()
	b.levels.update(b.lowest(), b.max, b.grid.StepDB, b.mono, ref)
	b.fall.add(f, pace, b.levels.low, b.levels.high)
}

// noteGap draws a line across the waterfall where frames are missing. Nobody knows
// what was missed between two lives of the server, and their numbers do not tell.
func (b *board) noteGap(f *spectrum.Frame) {
	switch {
	case b.anew:
		// Each life has a clock of its own.
		b.fall.gap(f.Mono.First-max(f.First.Sub(b.last), 0), f, 0, 0)
	case f.FirstSeq > b.seq+1:
		b.fall.gap(b.mono, f, b.seq+1, f.FirstSeq-1)
	}
}

// fillIn takes a row of a hole: into the waterfall, and its peaks into a hold of what
// they are of.
func (b *board) fillIn(f *spectrum.Frame, pace time.Duration) {
	b.fall.fill(f, pace, b.levels.low, b.levels.high)
	if !b.holding || f.Grid.Generation != b.grid.Generation {
		return
	}
	b.scratch = resized(b.scratch, len(b.hold))
	start, step := b.grid.Axis()
	from, every := f.Grid.Axis()
	peaks(b.scratch, start, step, f.Max, from, every)
	raise(b.hold, b.scratch)
}

// regrid makes room for another grid. A hold outlives a change of tier, not one of
// tuning.
func (b *board) regrid(g *spectrum.Grid, bins int) {
	sameView := b.frames > 0 && g.Generation == b.grid.Generation && g.Tuning == b.grid.Tuning && !b.anew
	old := b.hold
	oldStart, oldStep := b.grid.Axis()
	if sameView && b.holding {
		old = slices.Clone(old)
	}
	b.grid, b.upTo = *g, g.Bins
	b.mean, b.max, b.hold = resized(b.mean, bins), resized(b.max, bins), resized(b.hold, bins)
	if b.min = b.min[:0]; g.Min {
		b.min = resized(b.min, bins)
	}
	if sameView && b.holding {
		start, step := g.Axis()
		peaks(b.hold, start, step, old, oldStart, oldStep)
	}
	if !sameView {
		b.levels.settle()
	}
}

// setHolding begins a max hold at what is there now, or ends it.
func (b *board) setHolding(on bool) {
	b.holding = on
	if on {
		copy(b.hold, b.max)
	}
}

// relevel chooses the level axis anew.
func (b *board) relevel(ref *float64) {
	if b.frames > 0 {
		b.levels.settle()
		b.levels.update(b.lowest(), b.max, b.grid.StepDB, b.mono, ref)
	}
}

// lowest is the lowest of the traces, which has to fit on the level axis.
func (b *board) lowest() []int16 {
	if b.grid.Min {
		return b.min
	}
	return b.mean
}

// follow brings b up to date with live.
func (b *board) follow(live *board) {
	mean, max, min, hold, scratch, floor, fall := b.mean, b.max, b.min, b.hold, b.scratch, b.floor, b.fall
	*b = *live
	b.scratch, b.noise = scratch, spectrum.NoiseFloor{}
	b.floor = append(floor[:0], live.floor...)
	b.mean = append(mean[:0], live.mean...)
	b.max = append(max[:0], live.max...)
	b.min = append(min[:0], live.min...)
	b.hold = append(hold[:0], live.hold...)
	b.fall = fall
	b.fall.follow(&live.fall)
}

// resized is s with n bins, all absent.
func resized(s []int16, n int) []int16 {
	s = slices.Grow(s[:0], n)[:n]
	for i := range s {
		s[i] = spectrum.Absent
	}
	return s
}

func raise(dst, src []int16) {
	for i := range min(len(dst), len(src)) {
		dst[i] = max(dst[i], src[i])
	}
}

// peaks fills each cell of dst with the largest of the src bins in it. A point sample
// instead would sparkle and lose carriers.
func peaks(dst []int16, dstStart, dstStep float64, src []int16, srcStart, srcStep float64) {
	scale, offset := dstStep/srcStep, (dstStart-srcStart)/srcStep
	for i := range dst {
		most := int16(spectrum.Absent)
		for _, v := range binsIn(src, offset+float64(i)*scale, scale) {
			most = max(most, v)
		}
		dst[i] = most
	}
}

// troughs fills each cell of dst with the smallest of the src bins in it.
func troughs(dst []int16, dstStart, dstHz float64, src []int16, srcStart, srcHz float64) {
	scale, offset := dstHz/srcHz, (dstStart-srcStart)/srcHz
	for i := range dst {
		least := int16(spectrum.Absent)
		for _, v := range binsIn(src, offset+float64(i)*scale, scale) {
			if v != spectrum.Absent && (v < least || least == spectrum.Absent) {
				least = v
			}
		}
		dst[i] = least
	}
}

// binsIn are the bins of src that are centred in a cell from at on, or the one that
// covers its middle where bins are wider than cells.
func binsIn(src []int16, at, width float64) []int16 {
	low, high := ceil(at-0.5), ceil(at+width-0.5)
	if low >= high {
		low = floor(at + width/2)
		high = low + 1
	}
	return src[min(max(low, 0), len(src)):min(max(high, 0), len(src))]
}

func floor(v float64) int {
	n := int(v)
	if float64(n) > v {
		n--
	}
	return n
}

func ceil(v float64) int { return -floor(-v) }
