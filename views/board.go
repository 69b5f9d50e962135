package views

import (
	"time"

	"argos/spectrum"
)

// A board holds what was measured: the traces and the waterfall. There are two: one that
// frames are written to under the App's lock, and one that is drawn from, brought up to
// date before each draw and left alone while frozen.
type board struct {
	grid      spectrum.Grid
	mean, max spectrum.Trace // live
	min       spectrum.Trace // the same; empty unless the grid has it
	kept      [keptCount]kept
	noise     spectrum.NoiseFloor
	floor     []float32     // of noise in dB, as noise has it
	seq       uint64        // newest frame
	takes     uint64        // frames and rows of holes taken so far
	taken     uint64        // the last of the frame taken last, which may be of a hole
	first     time.Time     // of the newest frame
	last      time.Time     // of the newest frame
	mono      time.Duration // the same as last, by the clock that nobody sets
	averages  int
	merged    int
	overload  float32
	lost      uint64
	frames    uint64 // taken so far; 0: nothing to show
	upTo      int    // bin that the newest segment ends at
	anew      bool   // the next frame is of another life of the server

	limits limits
	levels levels
	fall   fall
}

func newBoard() *board {
	b := &board{max: spectrum.Trace{Kind: spectrum.LiveMax}, min: spectrum.Trace{Kind: spectrum.LiveMin}, fall: newFall()}
	for id := range b.kept {
		b.kept[id].Kind = keptTraces[id].kind
	}
	return b
}

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
		b.regrid(&f.Grid)
	}
	b.anew = false
	b.mean.Update(f)
	b.max.Update(f)
	b.min.Update(f)
	for id := range b.kept {
		if b.kept[id].on {
			b.kept[id].Update(f)
		}
	}
	if n := len(f.Segments); n > 0 {
		b.upTo = f.Segments[n-1].Bin + f.Segments[n-1].Bins
	}
	b.limits.update(b, f)
	b.seq, b.first, b.last, b.mono = f.LastSeq, f.First, f.Last, f.Mono.Last
	b.averages, b.merged, b.overload, b.lost = f.Averages(), f.Merged(), f.Overload, f.Lost
	b.frames++
	b.noise.Update(f)
	b.floor = b.noise.Levels()
	b.levels.update(b.lowest(), b.max.Levels(), spectrum.TraceStepDB, b.mono, ref)
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

// fillIn takes a row of a hole: into the waterfall, and into what is held of what it is of.
func (b *board) fillIn(f *spectrum.Frame, pace time.Duration) {
	b.fall.fill(f, pace, b.levels.low, b.levels.high)
	for id := range b.kept {
		if b.kept[id].on {
			b.kept[id].Fill(f)
		}
	}
}

// regrid goes over to another grid. Traces do so by themselves, but for another life of the
// server, which counts generations anew.
func (b *board) regrid(g *spectrum.Grid) {
	sameView := b.frames > 0 && g.Generation == b.grid.Generation && g.Tuning == b.grid.Tuning && !b.anew
	b.grid, b.upTo = *g, g.Bins
	if b.anew {
		b.mean.Clear()
		b.max.Clear()
		b.min.Clear()
		for id := range b.kept {
			b.kept[id].Clear()
		}
	}
	if !sameView {
		b.levels.settle()
	}
}

// relevel chooses the level axis anew.
func (b *board) relevel(ref *float64) {
	if b.frames > 0 {
		b.levels.settle()
		b.levels.update(b.lowest(), b.max.Levels(), spectrum.TraceStepDB, b.mono, ref)
	}
}

// lowest is the lowest of the traces, which has to fit on the level axis.
func (b *board) lowest() []int16 {
	if b.grid.Min {
		return b.min.Levels()
	}
	return b.mean.Levels()
}

// follow brings b up to date with live.
func (b *board) follow(live *board) {
	b.mean.CopyFrom(&live.mean)
	b.max.CopyFrom(&live.max)
	b.min.CopyFrom(&live.min)
	for id := range b.kept {
		if b.kept[id].on = live.kept[id].on; live.kept[id].on {
			b.kept[id].CopyFrom(&live.kept[id].Trace)
		}
	}
	mean, peak, least, kept, floor, fall := b.mean, b.max, b.min, b.kept, b.floor, b.fall
	*b = *live
	b.mean, b.max, b.min, b.kept, b.noise = mean, peak, least, kept, spectrum.NoiseFloor{}
	b.floor = append(floor[:0], live.floor...)
	b.fall = fall
	b.fall.follow(&live.fall)
}
