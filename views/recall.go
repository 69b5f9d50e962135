package views

import (
	"context"
	"fmt"
	"slices"
	"time"

	"argos/spectrum"
	"argos/stream"
)

const (
	recallRows  = 64               // asked for at once
	recallPause = time.Second      // until the next, where the server is busy
	recallRests = 10 * time.Second // and where it did not answer
)

// A recall is how the waterfall comes by what this screen never got: rows from before it
// was there, rows that were of another part of the spectrum, and what was lost on the way.
// What is in sight is asked for, one request at a time, apart from drawing.
type recall struct {
	under  bool          // a request is under way
	oldest uint64        // frame that the server holds; 0: not known
	holds  time.Duration // how far back that is
	life   int           // of the server, of which that is so
	err    error         // why there was no answer
	after  time.Time     // nothing is asked for before
}

// A wish is ranges of frames for a span, the most wanted first.
type wish struct {
	ranges []stream.Range
	span   span
	life   int
}

// lookFor has what is lacking asked for, unless something is already.
func (a *App) lookFor(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f, c := &a.live.fall, &a.recall
	if c.life != f.life {
		*c = recall{under: c.under, life: f.life}
	}
	if !c.under && !a.live.anew && f.head > f.tail && a.desk.current() && !now.Before(c.after) {
		if w := a.wish(); len(w.ranges) > 0 {
			c.under = true
			a.wishes <- w
		}
	}
	a.desk.recalled = *c
}

// wish is what is lacking in sight, or behind the oldest row where somebody looks back.
func (a *App) wish() wish {
	d, f, c := a.desk, &a.live.fall, &a.recall
	w := wish{span: d.span(), life: f.life}
	frames := uint64(1) // in a row
	if st := d.status(); st != nil {
		frames = max(uint64(d.pace.Seconds()*st.Settings.FPS), 1)
	}
	p := d.panes[paneWaterfall].(*waterfallPane)
	columns := 0
	if d.view.on() { // else rows come no finer than they are
		columns = len(p.upper)
	}
	bottom := f.head
	for i := range p.lines {
		line := &p.lines[i]
		if line.upper == nil {
			continue
		}
		bottom = line.row
		w.lacking(f, bottom, frames, columns, c.oldest)
		if line.lower != nil {
			bottom--
			w.lacking(f, bottom, frames, columns, c.oldest)
		}
	}
	if r := f.at(f.tail); d.past.on && bottom < f.tail+recallRows && r.life == f.life && f.head-f.tail < uint64(len(f.rows)) {
		w.before(r.begins(), max(c.oldest, 1), frames)
	}
	return w
}

// lacking adds what may be had of a row, for n columns: all of one on another axis, and
// of a gap, whose newest go first, as many rows as there is room for.
func (w *wish) lacking(f *fall, number, frames uint64, n int, oldest uint64) {
	if number < f.tail || number+1 >= f.head { // the newest is under way
		return
	}
	switch r := f.at(number); {
	case r.life != f.life || r.asked == w.span || r.pending:
	case r.gap && r.gapFirst > 0:
		w.before(r.gapLast+1, max(r.gapFirst, oldest), frames)
	case !r.gap && r.first >= oldest && r.lacks(w.span, n) && len(w.ranges) < recallRows:
		w.ranges = append(w.ranges, stream.Range{First: r.first, Last: r.end - 1})
	}
}

// before adds rows of so many frames, from before end down to least.
func (w *wish) before(end, least, frames uint64) {
	for end > least && len(w.ranges) < recallRows {
		first := end - min(frames, end-least)
		w.ranges = append(w.ranges, stream.Range{First: first, Last: end - 1})
		end = first
	}
}

// begins is the first frame that r stands for, 0 if nobody knows.
func (r *fallRow) begins() uint64 {
	if r.gap {
		return r.gapFirst
	}
	return r.first
}

// lacks reports whether more was measured of s than r has, or finer, as far as n columns
// show it.
func (r *fallRow) lacks(s span, n int) bool {
	low, high := max(s.start, r.whole.start), min(s.stop, r.whole.stop)
	if r.zeroHz != 0 || low >= high {
		return false
	}
	stop := r.start + float64(len(r.cells))*r.cell
	return low < r.start-r.finest || high > stop+r.finest || r.cell > r.finest && (s.stop-s.start)/r.cell < float64(n)
}

// fulfil asks for what is wished for until ctx ends.
func (a *App) fulfil(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case w := <-a.wishes:
			rows, err := a.src.Rows(ctx, w.ranges)
			a.recalled(w, &rows, err)
			a.wake()
		}
	}
}

// recalled takes what came of a wish.
func (a *App) recalled(w wish, rows *stream.Rows, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	c, f := &a.recall, &a.live.fall
	c.under, c.err = false, err
	switch {
	case err != nil:
		c.after = time.Now().Add(recallRests)
		return
	case w.life != f.life || a.live.anew:
		return // the numbers are of another life
	case rows.Answered == 0:
		c.after = time.Now().Add(recallPause)
	}
	c.oldest, c.holds = rows.Oldest, max(a.live.mono-rows.OldestMono, 0)
	frames := rows.Frames
	for _, r := range w.ranges[:rows.Answered] {
		n := 0
		for n < len(frames) && frames[n].FirstSeq >= r.First && frames[n].LastSeq <= r.Last {
			n++
		}
		for _, fr := range slices.Backward(frames[:n]) {
			f.recall(fr, a.pace, a.live.levels.low, a.live.levels.high)
		}
		f.settle(r, w.span)
		frames = frames[n:]
	}
}

// recall takes a row that was asked for: into the one that is of the same frames, into the
// gap that it is a part of, or under the oldest.
func (f *fall) recall(fr *spectrum.Frame, pace time.Duration, low, high float64) {
	if r := f.at(f.tail); r.life == f.life && fr.LastSeq < r.begins() {
		f.precede(fr, low, high)
		return
	}
	for i := 0; ; i++ {
		r := f.row(i)
		if r == nil || r.life != f.life {
			break
		}
		if !r.gap && r.first == fr.FirstSeq && r.end == fr.LastSeq+1 {
			r.redraw(fr)
			f.changed = min(f.changed, f.head-1-uint64(i))
			return
		}
	}
	f.fill(fr, pace, low, high)
}

// redraw draws r on the grid of fr, which is of the same frames.
func (r *fallRow) redraw(fr *spectrum.Frame) {
	was := *r
	r.begin(fr, was.low, was.high)
	r.raise(fr)
	r.last, r.from, r.to, r.line, r.lower = was.last, was.from, was.to, was.line, was.lower
	r.merged, r.marked = was.merged, was.marked
}

// precede puts fr under the oldest row, behind a gap where frames are missing.
func (f *fall) precede(fr *spectrum.Frame, low, high float64) {
	if newer := f.at(f.tail); newer.begins() > fr.LastSeq+1 {
		if g := f.under(); g != nil {
			g.gap, g.gapFirst, g.gapLast = true, fr.LastSeq+1, newer.begins()-1
			g.last, g.from, g.to = fr.Last, fr.Mono.Last, newer.from
			g.line, g.lower = newer.line-1, false
			f.place(int(f.head - 2 - f.tail)) // it has a line of its own
			f.changed = min(f.changed, f.tail)
		}
	}
	newer := f.at(f.tail)
	r := f.under()
	if r == nil {
		return
	}
	r.begin(fr, low, high)
	r.last, r.to = fr.Last, fr.Mono.Last
	r.raise(fr)
	r.line, r.lower = newer.line-1, true
	if newer.lower {
		r.line, r.lower = newer.line, false
	}
}

// under is a row under the oldest, nil where there is no room.
func (f *fall) under() *fallRow {
	if f.head-f.tail == uint64(len(f.rows)) {
		return nil
	}
	f.tail--
	r := f.at(f.tail)
	f.blank(r)
	return r
}

// settle keeps what was asked for from being asked for again: a row, or a gap that did not
// become one.
func (f *fall) settle(asked stream.Range, s span) {
	for i := 0; ; i++ {
		r := f.row(i)
		if r == nil || r.life != f.life {
			return
		}
		if !r.gap && r.first == asked.First && r.end == asked.Last+1 || r.gap && r.gapFirst <= asked.First && asked.Last <= r.gapLast {
			r.asked = s
		}
	}
}

// edge says what is behind the oldest row.
func (d *desk) edge() string {
	f, c := &d.board.fall, &d.recalled
	r := f.at(f.tail)
	switch {
	case f.head-f.tail == uint64(len(f.rows)):
		return fmt.Sprintf("the oldest row that is kept: %d of them", len(f.rows))
	case r.life != f.life || r.begins() == 0:
		return "no more: the server began anew"
	case c.oldest >= r.begins():
		return "no more: the server holds " + ago(c.holds)
	case !d.current():
		return "no link to ask for what was before"
	case c.err != nil:
		return "what was before did not come: " + c.err.Error()
	}
	return "what was before is on its way"
}

// loads reports whether what is behind the oldest row in sight is on its way.
func (p *waterfallPane) loads() bool {
	return p.desk.recalled.under && p.last() == p.desk.board.fall.tail
}
