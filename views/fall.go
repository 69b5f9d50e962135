package views

import (
	"slices"
	"time"

	"argos/spectrum"
)

const (
	fallRows  = 2400         // kept rows: 20 minutes at the default pace, at most 10 MB
	fallMost  = 2 * fallRows // while they are looked back at, with what was asked for
	fallCells = 2048         // of a row at most; wider frames keep their peaks
	firstRow  = 1 << 40      // number of the first row that came by itself; those before it were asked for
)

// A fall is the waterfall's memory: a ring of rows, each with its own axis and
// colour window, so that a retune leaves the past where it was. Storage grows to the
// rows that are kept and is used again then.
type fall struct {
	rows    []fallRow
	tail    uint64  // number of the oldest row
	head    uint64  // and of the next; the newest is head-1
	changed uint64  // rows from this one on are not as followed last,
	dropped uint64  // nor those before this one
	spare   []int16 // cells of a row that is gone
	life    int     // of the server, of which the newest row is
}

// A fallRow is the peaks of a stretch of time, or a gap.
type fallRow struct {
	start, cell float64 // on the axis: Hz, or seconds in the sweep of zero span
	zeroHz      float64 // the frequency in zero span, else 0
	stepDB      float64
	low, high   float64 // the colour window when it was made
	generation  uint64
	bins, per   int           // of the frame; bins in a cell
	last        time.Time     // on the server's clock, for people
	from, to    time.Duration // of the first and the last sample, by the clock that nobody sets
	whole       span          // all that was measured, where bins lie along frequency,
	finest      float64       // in bins of so many Hz
	first, end  uint64        // frames in it, end not included
	life        int           // of the server, which numbers its frames
	asked       span          // for which the server was asked for more of it
	merged      bool          // came merged over the link
	marked      bool          // overload, or samples lost
	cells       []int16

	line  int  // where two rows make a line: which line it is in
	lower bool // and whether it is the later one there

	gap               bool
	gapFirst, gapLast uint64 // the frames that are missing; 0: nobody knows
	pending           bool   // they may still come
}

func (r *fallRow) gapFrames() uint64 {
	if r.gapFirst == 0 {
		return 0
	}
	return r.gapLast - r.gapFirst + 1
}

func newFall() fall { return fall{rows: make([]fallRow, fallMost), tail: firstRow, head: firstRow} }

// row is the i-th newest row, or nil.
func (f *fall) row(i int) *fallRow {
	if uint64(i) >= f.head-f.tail {
		return nil
	}
	return f.at(f.head - 1 - uint64(i))
}

// at is the row with a number from tail to head-1.
func (f *fall) at(number uint64) *fallRow { return &f.rows[number%uint64(len(f.rows))] }

// drop forgets the oldest row, but for its memory.
func (f *fall) drop() {
	r := f.at(f.tail)
	f.spare = r.cells
	*r = fallRow{}
	f.tail++
	f.dropped = f.tail
}

// forget drops the rows that are kept for looking back alone.
func (f *fall) forget() {
	for f.head-f.tail > fallRows {
		f.drop()
	}
}

// blank makes r an empty row, with memory if there is some.
func (f *fall) blank(r *fallRow) {
	if r.cells == nil {
		r.cells, f.spare = f.spare, nil
	}
	*r = fallRow{cells: r.cells[:0], life: f.life}
}

// insert makes room for a row that has i newer ones.
func (f *fall) insert(i int) *fallRow {
	if f.head-f.tail == uint64(len(f.rows)) {
		f.drop()
	}
	f.head++
	r := f.row(0)
	cells := r.cells
	for k := range i {
		newer := f.row(k + 1)
		*r = *newer
		r = newer
	}
	r.cells = cells
	f.blank(r)
	f.changed = min(f.changed, f.head-1-uint64(i))
	return r
}

// add raises the newest row by fr, or begins another one when pace has gone by or the
// grid is another. A sweep that takes longer than pace fills its row first.
func (f *fall) add(fr *spectrum.Frame, pace time.Duration, low, high float64) {
	r := f.row(0)
	if r == nil || !r.like(fr) || fr.Mono.Last-r.from >= pace && r.ends(fr) || fr.Mono.Last < r.from {
		r = f.insert(0)
		r.begin(fr, low, high)
		f.place(0)
	}
	r.last, r.to = fr.Last, fr.Mono.Last
	r.raise(fr)
	f.changed = min(f.changed, f.head-1)
}

// fill puts fr where a gap is, of which it is a part; without one it is too old to be
// shown.
func (f *fall) fill(fr *spectrum.Frame, pace time.Duration, low, high float64) {
	i := 0
	g := f.row(i)
	for ; g != nil; g = f.row(i) {
		if g.gap && g.gapFirst > 0 && g.gapFirst <= fr.FirstSeq && fr.LastSeq <= g.gapLast {
			break
		}
		i++
	}
	if g == nil || i+2 >= len(f.rows) { // it and its parts must not be the first to go
		return
	}
	f.changed = min(f.changed, f.head-1-uint64(i))
	newer, older := g.gapLast > fr.LastSeq, g.gapFirst < fr.FirstSeq
	if !newer && older && i > 0 {
		if n := f.row(i - 1); n.like(fr) && n.to-fr.Mono.First < pace {
			n.from = fr.Mono.First
			n.raise(fr)
			g.gapLast, g.last, g.to = fr.FirstSeq-1, fr.First, fr.Mono.First
			return
		}
	}
	if newer {
		n := f.insert(i)
		i++
		g = f.row(i)
		cells := n.cells
		*n = *g
		n.cells, n.gapFirst, n.from = cells, fr.LastSeq+1, fr.Mono.Last
	}
	r := g
	if older {
		r = f.insert(i)
		g = f.row(i + 1)
		g.gapLast, g.last, g.to = fr.FirstSeq-1, fr.First, fr.Mono.First
	}
	r.begin(fr, low, high)
	r.last, r.to = fr.Last, fr.Mono.Last
	r.raise(fr)
	f.place(i + 1)
}

// place says which lines the rows from the i-th newest on are in: two rows a line, and a
// gap alone. A row stays in its line while newer ones come.
func (f *fall) place(i int) {
	for ; i >= 0; i-- {
		r, before := f.row(i), f.row(i+1)
		if r == nil || before == nil {
			continue
		}
		r.line, r.lower = before.line+1, false
		if !r.gap && !before.gap && !before.lower {
			r.line, r.lower = before.line, true
		}
	}
}

// lose says that the frames first to last will not come.
func (f *fall) lose(first, last uint64) {
	for i := 0; ; i++ {
		r := f.row(i)
		if r == nil {
			return
		}
		if r.gap && r.gapFirst <= last && first <= r.gapLast {
			r.pending = false
			f.changed = min(f.changed, f.head-1-uint64(i))
		}
	}
}

// like reports whether fr has the cells of r.
func (r *fallRow) like(fr *spectrum.Frame) bool {
	start, _ := fr.Grid.Axis()
	return !r.gap && r.generation == fr.Grid.Generation && r.bins == fr.Grid.Bins && r.start == start
}

// begin makes r an empty row for what has the grid of fr.
func (r *fallRow) begin(fr *spectrum.Frame, low, high float64) {
	per := max((len(fr.Max)+fallCells-1)/fallCells, 1)
	cells := slices.Grow(r.cells[:0], fallCells)[:(len(fr.Max)+per-1)/per]
	for i := range cells {
		cells[i] = spectrum.Absent
	}
	start, step := fr.Grid.Axis()
	measured := fr.Grid.Measured()
	*r = fallRow{
		life: r.life, first: fr.FirstSeq, end: fr.LastSeq + 1, whole: span{measured.StartHz, measured.StopHz()}, finest: measured.BinHz,
		start: start, cell: step * float64(per), zeroHz: zeroHz(&fr.Grid), stepDB: fr.Grid.StepDB, low: low, high: high,
		generation: fr.Grid.Generation, bins: fr.Grid.Bins, per: per, from: fr.Mono.First, cells: cells,
	}
}

// zeroHz is the frequency that zero span looks at, or 0.
func zeroHz(g *spectrum.Grid) float64 {
	if g.ZeroSpan() {
		return g.StartHz
	}
	return 0
}

// ends reports whether fr is not to be in a row that has lasted long enough. Rows of zero span
// begin where a sweep does.
func (r *fallRow) ends(fr *spectrum.Frame) bool {
	return r.seen(fr) && (!fr.Grid.ZeroSpan() || len(fr.Segments) > 0 && fr.Segments[0].Bin == 0)
}

// seen reports whether r has most of the cells of fr already.
func (r *fallRow) seen(fr *spectrum.Frame) bool {
	have, all := 0, 0
	for i := range fr.Segments {
		s := &fr.Segments[i]
		for _, q := range r.cells[s.Bin/r.per : (s.Bin+s.Bins-1)/r.per+1] {
			all++
			if q != spectrum.Absent {
				have++
			}
		}
	}
	return 2*have >= all
}

func (r *fallRow) raise(fr *spectrum.Frame) {
	r.first, r.end = min(r.first, fr.FirstSeq), max(r.end, fr.LastSeq+1)
	r.merged = r.merged || fr.Merged() > 1
	r.marked = r.marked || fr.Lost > 0 || fr.Overload > spectrum.OverloadShare
	for _, s := range fr.Segments {
		for i := s.Bin; i < s.Bin+s.Bins; {
			c := &r.cells[i/r.per]
			for end := min((i/r.per+1)*r.per, s.Bin+s.Bins); i < end; i++ {
				*c = max(*c, fr.Max[i])
			}
		}
	}
}

// gap draws what is missing before fr as a row of its own: the frames first to last, 0 if
// nobody knows which; it began at from.
func (f *fall) gap(from time.Duration, fr *spectrum.Frame, first, last uint64) {
	if first == 0 {
		f.life++
	}
	r := f.insert(0)
	r.gap, r.last, r.from, r.to = true, fr.First, from, fr.Mono.First
	r.gapFirst, r.gapLast, r.pending = first, last, first > 0
	f.place(0)
}

// follow copies the rows that are not as they were the last time.
func (f *fall) follow(live *fall) {
	for f.tail < min(live.tail, f.head) {
		f.drop()
	}
	f.tail = max(f.tail, live.tail)
	f.head = max(f.head, f.tail)
	f.followBack(live)
	f.copy(live, max(min(f.head, live.changed), f.tail), live.head)
	f.head, f.life = live.head, live.life
	live.changed, live.dropped = live.head, 0
}

// followBack copies the rows that were asked for, and nothing else.
func (f *fall) followBack(live *fall) {
	f.copy(live, live.tail, min(max(f.tail, live.dropped), f.head))
	f.tail = min(f.tail, live.tail)
}

// copy copies the rows from one number up to another.
func (f *fall) copy(live *fall, from, to uint64) {
	for ; from < to; from++ {
		r := f.at(from)
		f.blank(r)
		cells := append(r.cells, live.at(from).cells...)
		*r = *live.at(from)
		r.cells = cells
	}
}
