package views

import (
	"fmt"
	"math"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// A cursor is one frequency in all panes. Its time is that of the row that past points at,
// or now.
type cursor struct {
	on bool
	hz float64
}

func (a *App) toggleCursor(int) {
	d := a.desk
	if d.cursor.on {
		d.cursor = cursor{}
		d.say("cursor off", false)
		return
	}
	s := d.span()
	d.cursor = cursor{on: true, hz: (s.start + s.stop) / 2}
	if r, ok := d.place(); ok && r.At > s.start && r.At < s.stop {
		d.cursor.hz = r.At
	}
	d.say("cursor: arrows or a click move it, Enter puts the marker there", false)
}

// moveCursor moves it by columns of the spectrum.
func (a *App) moveCursor(columns int) {
	d := a.desk
	s := d.span()
	n := max(d.plan.rects[paneSpectrum].w-margin, 1)
	step := (s.stop - s.start) / float64(n)
	d.cursor.hz = min(max(d.cursor.hz+float64(columns)*step, s.start+step/2), s.stop-step/2)
}

// pointed is the place on the axis that is pointed at: the cursor's, else the marker's.
func (d *desk) pointed() (at float64, ok bool) {
	if d.cursor.on {
		return d.cursor.hz, true
	}
	r, ok := d.place()
	return r.At, ok
}

// pointedRow is the row of the past that is pointed at, or nil.
func (d *desk) pointedRow() *fallRow {
	if !d.past.cursor {
		return nil
	}
	return d.board.fall.row(int(d.board.fall.head - 1 - d.past.row))
}

// mark puts the marker where the cursor is.
func (a *App) mark() {
	d := a.desk
	d.putMarker(d.cursor.hz)
	d.cursor = cursor{}
	d.say(d.markerWords(), false)
}

// cursorWords is what is under the cursor: "98.1004 MHz -80.1 dBFS  FM", and what was there
// at the time that is pointed at.
func (d *desk) cursorWords() string {
	g, c := &d.board.grid, &d.cursor
	t, _ := d.leading()
	level := func(db float64) string {
		if math.IsNaN(db) {
			return "n/a"
		}
		return fmt.Sprintf("%.1f", db)
	}
	text := fmt.Sprintf("%.*f MHz %s", decimals(g.BinHz), c.hz/1e6, level(t.At(c.hz)))
	if r := d.pointedRow(); r != nil {
		then := math.NaN()
		if i := int(math.Floor((c.hz - r.start) / r.cell)); !r.gap && i >= 0 && i < len(r.cells) && r.cells[i] != spectrum.Absent {
			then = float64(r.cells[i]) * r.stepDB
		}
		text += fmt.Sprintf("  %s %s", r.last.UTC().Format(time.TimeOnly), level(then))
	}
	text += " " + g.Unit()
	if b, ok := d.bands.At(c.hz); ok {
		text += "  " + clean(b.Name)
	}
	return text
}

// drawCursor draws the line through the spectrum where no trace is, and what is under it
// in place of the axis.
func (p *spectrumPane) drawCursor(screen tcell.Screen, x, y, w, h int) {
	d := p.desk
	if !d.cursor.on {
		return
	}
	if col := d.span().column(d.cursor.hz, w); col >= 0 && col < w {
		for row := range h {
			if p.plot.dots[row*w+col] == 0 {
				screen.SetContent(x+col, y+row, d.look.vline, nil, d.look.accent)
			}
		}
	}
	pn := pen{screen: screen, x: x, y: y + h, to: x + w}
	pn.put(clip(" "+d.cursorWords()+" ", w), d.look.cursor)
	for pn.x < x+w {
		pn.rune(' ', d.look.text)
	}
}

// drawThread draws the cursor's line through the rows.
func (p *waterfallPane) drawThread(screen tcell.Screen, x, y, n int) {
	d := p.desk
	col := d.span().column(d.cursor.hz, n)
	if !d.cursor.on || col < 0 || col >= n {
		return
	}
	for i, line := range p.lines {
		if line.upper != nil && !line.upper.gap {
			screen.SetContent(x+col, y+i, d.look.vline, nil, d.look.accent)
		}
	}
}

// touches reports whether an event is about what is under the cursor: the time that is
// pointed at, or else the band.
func (d *desk) touches(e *stream.Event) bool {
	if !d.cursor.on {
		return false
	}
	if r := d.pointedRow(); r != nil {
		return !e.Time.After(r.last) && !e.Time.Before(r.last.Add(-max(r.to-r.from, d.pace)))
	}
	return e.HighHz > 0 && d.cursor.hz >= e.LowHz && d.cursor.hz <= e.HighHz
}

// clickCursor moves the cursor to where a click is.
func (d *desk) clickCursor(id paneID, x, y int) {
	r := d.plan.rects[id]
	switch id {
	case paneSpectrum, paneWaterfall:
		if n := r.w - margin; x >= r.x+margin && n > 0 {
			d.cursor.hz = d.span().at(x-r.x-margin, n)
		}
	case paneEvents:
		if i := len(d.events) - (y - r.y); y > r.y && i >= 0 && i < len(d.events) {
			d.cursorTo(&d.events[i])
		}
	}
}

// cursorTo goes to the band and the time of an event.
func (d *desk) cursorTo(e *stream.Event) {
	if e.HighHz > 0 {
		d.cursor.hz = (e.LowHz + e.HighHz) / 2
	}
	f := &d.board.fall
	i := 0
	for older := f.row(1); older != nil && !older.last.Before(e.Time); older = f.row(i + 1) {
		i++
	}
	if f.row(i) != nil {
		row := f.head - 1 - uint64(i)
		d.past = past{on: i > 0, top: row, cursor: true, row: row}
	}
}
