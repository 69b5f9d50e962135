package views

import (
	"time"

	"argos/spectrum"
)

const (
	fallRows  = 600  // kept rows: five minutes at the default pace
	fallCells = 2048 // of a row at most; wider frames keep their peaks
)

// A fall is the waterfall's memory: a ring of rows, each with its own frequencies and
// colour window, so that a retune leaves the past where it was. Storage is laid out
// once.
type fall struct {
	rows []fallRow
	head uint64 // rows begun since the start; the newest is head-1
}

// A fallRow is the peaks of a stretch of time, or a gap.
type fallRow struct {
	startHz, cellHz float64
	stepDB          float64
	low, high       float64 // the colour window when it was made
	generation      uint64
	bins, per       int // of the frame; bins in a cell
	first, last     time.Time
	merged          bool // came merged over the link
	marked          bool // overload, or samples lost
	cells           []int16

	gap       bool
	gapFor    time.Duration
	gapFrames uint64 // 0: nobody knows
}

func newFall() fall {
	f := fall{rows: make([]fallRow, fallRows)}
	slab := make([]int16, fallRows*fallCells)
	for i := range f.rows {
		f.rows[i].cells = slab[i*fallCells : i*fallCells : (i+1)*fallCells]
	}
	return f
}

// row is the i-th newest row, or nil.
func (f *fall) row(i int) *fallRow {
	if uint64(i) >= f.head || i >= len(f.rows) {
		return nil
	}
	return &f.rows[(f.head-1-uint64(i))%uint64(len(f.rows))]
}

func (f *fall) begin() *fallRow {
	r := &f.rows[f.head%uint64(len(f.rows))]
	f.head++
	*r = fallRow{cells: r.cells[:0]}
	return r
}

// add raises the newest row by fr, or begins another one when pace has gone by or the
// grid is another.
func (f *fall) add(fr *spectrum.Frame, pace time.Duration, low, high float64) {
	r := f.row(0)
	if r == nil || r.gap || r.generation != fr.Grid.Generation || r.bins != fr.Grid.Bins ||
		fr.Last.Sub(r.first) >= pace || fr.Last.Before(r.first) {
		per := max((len(fr.Max)+fallCells-1)/fallCells, 1)
		r = f.begin()
		r.first, r.generation, r.bins = fr.First, fr.Grid.Generation, fr.Grid.Bins
		r.startHz, r.cellHz, r.stepDB = fr.Grid.StartHz, fr.Grid.BinHz*float64(per), fr.Grid.StepDB
		r.low, r.high, r.per = low, high, per
		r.cells = r.cells[:(len(fr.Max)+per-1)/per]
		for i := range r.cells {
			r.cells[i] = spectrum.Absent
		}
	}
	r.last = fr.Last
	r.merged = r.merged || fr.Merged() > 1
	r.marked = r.marked || fr.Lost > 0 || fr.Overload > spectrum.OverloadShare
	for i, v := range fr.Max[:min(len(fr.Max), len(r.cells)*r.per)] {
		if c := &r.cells[i/r.per]; v > *c {
			*c = v
		}
	}
}

// gap draws what is missing as a row of its own.
func (f *fall) gap(at time.Time, d time.Duration, frames uint64) {
	r := f.begin()
	r.gap, r.first, r.last, r.gapFor, r.gapFrames = true, at, at, max(d, 0), frames
}

// follow copies the rows that are new or have grown since the last time.
func (f *fall) follow(live *fall) {
	from := f.head
	if from > 0 {
		from-- // may have grown
	}
	if n := uint64(len(f.rows)); live.head > n && from < live.head-n {
		from = live.head - n
	}
	for ; from < live.head; from++ {
		i := from % uint64(len(f.rows))
		cells := append(f.rows[i].cells[:0], live.rows[i].cells...)
		f.rows[i] = live.rows[i]
		f.rows[i].cells = cells
	}
	f.head = live.head
}
