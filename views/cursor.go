package views

import (
	"fmt"
	"math"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// A cursor is one place in all panes: a frequency, and a time in the waterfall.
type cursor struct {
	on   bool
	hz   float64
	at   time.Duration // of the row, by the clock that nobody sets; 0: the newest
	time time.Time     // the same on the server's clock
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

// moveCursorInTime moves it by rows of the waterfall, older ones being positive.
func (a *App) moveCursorInTime(rows int) {
	d := a.desk
	i := d.cursorRow() + rows
	r := d.board.fall.row(max(i, 0))
	if r == nil {
		return
	}
	d.cursor.at, d.cursor.time = r.to, r.last
	if i <= 0 {
		d.cursor.at = 0
	}
}

// cursorRow is the row of the waterfall that the cursor is in, the newest being 0.
func (d *desk) cursorRow() int {
	if d.cursor.at == 0 {
		return 0
	}
	for i := 0; ; i++ {
		r := d.board.fall.row(i)
		if r == nil {
			return max(i-1, 0)
		}
		if r.to <= d.cursor.at {
			return i
		}
	}
}

// mark puts the marker where the cursor is.
func (a *App) mark() {
	d := a.desk
	d.putMarker(d.cursor.hz)
	d.cursor = cursor{}
	d.say(d.markerWords(), false)
}

// words is what is under the cursor: "98.1004 MHz -80.1 dBFS  14:03:21 -76.5 dBFS  FM".
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
	if r := d.board.fall.row(d.cursorRow()); r != nil && c.at > 0 {
		then := math.NaN()
		if i := int(math.Floor((c.hz - r.start) / r.cell)); !r.gap && i >= 0 && i < len(r.cells) {
			then = g.DB(r.cells[i])
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

// drawCursor marks the cursor's place in a row of the waterfall.
func (p *waterfallPane) drawCursor(screen tcell.Screen, first, last, x, y, n int) {
	d := p.desk
	col := d.span().column(d.cursor.hz, n)
	if !d.cursor.on || col < 0 || col >= n {
		return
	}
	style := d.look.accent
	if row := d.cursorRow(); row >= first && row <= last {
		style = d.look.cursor
	}
	screen.SetContent(x+col, y, d.look.vline, nil, style)
}

// touches reports whether an event is about what is under the cursor: its band, or, where
// the cursor is in a row of the past, its time.
func (d *desk) touches(e *stream.Event) bool {
	c := &d.cursor
	if !c.on {
		return false
	}
	if c.at > 0 {
		r := d.board.fall.row(d.cursorRow())
		return r != nil && !e.Time.After(r.last) && !e.Time.Before(r.last.Add(-max(r.to-r.from, d.pace)))
	}
	return e.HighHz > 0 && c.hz >= e.LowHz && c.hz <= e.HighHz
}

// clickCursor moves the cursor to where a click is.
func (d *desk) clickCursor(id paneID, x, y int) {
	r := d.plan.rects[id]
	switch id {
	case paneSpectrum, paneWaterfall:
		if n := r.w - margin; x >= r.x+margin && n > 0 {
			d.cursor.hz = d.span().at(x-r.x-margin, n)
		}
		if id == paneWaterfall {
			if row := d.board.fall.row(d.panes[paneWaterfall].(*waterfallPane).rowAt(y - r.y)); row != nil {
				d.cursor.at, d.cursor.time = row.to, row.last
			}
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
	for i := 0; ; i++ {
		r := d.board.fall.row(i)
		if r == nil {
			return
		}
		if !r.last.After(e.Time) {
			newer := d.board.fall.row(max(i-1, 0))
			d.cursor.at, d.cursor.time = newer.to, newer.last
			return
		}
	}
}
