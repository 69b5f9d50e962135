package views

import (
	"fmt"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// A past is what is looked at of the waterfall's past: a row under the cursor, and,
// scrolled back, a page that stays while frames come. Rows are counted from the first
// there was; a zero past is off.
type past struct {
	on     bool
	top    uint64 // the newest row in sight
	cursor bool
	row    uint64 // under the cursor
}

// clamp keeps to the rows that there still are.
func (p *past) clamp(f *fall) {
	p.row = min(max(p.row, f.tail), f.head-1)
	p.top = min(max(p.top, p.row), f.head-1)
}

// A spot is a row, whatever its number becomes.
type spot struct {
	number      uint64
	begins, end uint64 // frames in it
	life        int
}

// spot is where the row with a number is; of one that there is not it stays.
func (f *fall) spot(number uint64) spot {
	if number < f.tail || number >= f.head {
		return spot{number: number}
	}
	r := f.at(number)
	return spot{number, r.begins(), r.end, r.life}
}

// find is the number that s has, now that there may be more rows before it: then the
// rows behind them have others.
func (f *fall) find(s spot) uint64 {
	for n := max(s.number, f.tail); n < f.head && s.end > 0; n++ {
		if r := f.at(n); r.life == s.life && (r.begins() == s.begins || r.end == s.end) {
			return n
		}
	}
	return s.number
}

// lookBack moves the cursor by rows towards the past, and what is in sight with it.
func (a *App) lookBack(rows int) {
	d := a.desk
	f, p := &d.board.fall, &d.past
	if !p.on {
		p.on, p.top = true, f.head-1
	}
	if !p.cursor {
		p.cursor, p.row = true, p.top
	}
	p.clamp(f)
	switch {
	case rows > 0 && p.row-f.tail < uint64(rows):
		p.row = f.tail
		d.say(d.edge(), false)
	case rows > 0:
		p.row -= uint64(rows)
	default:
		p.row = min(p.row+uint64(-rows), f.head-1)
	}
	p.top = max(p.top, p.row)
}

// lookPage moves by as many rows as are in sight.
func (a *App) lookPage(dir int) {
	rows := 0
	for _, line := range a.desk.panes[paneWaterfall].(*waterfallPane).lines {
		if line.upper != nil {
			rows++
		}
		if line.lower != nil {
			rows++
		}
	}
	rows = max(rows-1, 1)
	a.lookBack(dir * rows)
	p, f := &a.desk.past, &a.desk.board.fall
	if dir > 0 {
		p.top -= min(uint64(rows), p.top-f.tail)
	}
}

// lookLive comes back to what is now.
func (a *App) lookLive(int) {
	a.desk.past = past{}
	a.desk.thaw()
}

// pointAt puts the cursor on the row in a line of the waterfall.
func (d *desk) pointAt(line int) {
	lines := d.panes[paneWaterfall].(*waterfallPane).lines
	if line < len(lines) && lines[line].upper != nil {
		d.past.cursor, d.past.row = true, lines[line].row
	}
}

// elsewhere is why a key of the waterfall does nothing in other panes.
const elsewhere = "not in this pane: Tab or a click goes to the waterfall"

func (d *desk) cannotLookBack() string {
	if d.focus != paneWaterfall && !d.cursor.on {
		return elsewhere
	}
	return d.cannotHold()
}

func (d *desk) cannotGoLive() string {
	if !d.past.on && !d.past.cursor && !d.frozen() {
		return "this is live"
	}
	return ""
}

// inPast reports whether a line has the row under the cursor.
func (d *desk) inPast(line *fallLine) bool {
	return d.past.cursor && line.upper != nil && (d.past.row == line.row || line.lower != nil && d.past.row+1 == line.row)
}

// drawCursor marks the frequency that is pointed at in the row under the cursor.
func (p *waterfallPane) drawCursor(screen tcell.Screen, x, y, n int) {
	d := p.desk
	p.drawThread(screen, x, y, n)
	for i := range p.lines {
		if !d.inPast(&p.lines[i]) {
			continue
		}
		if at, ok := d.pointed(); ok {
			if col := d.span().column(at, n); col >= 0 && col < n {
				screen.SetContent(x+col, y+i, '+', nil, d.look.cursor)
			}
		}
	}
}

// drawLabel says loudly that what is in sight is not what is now, and reads the cell
// under the cursor. It lies where the cursor is not.
func (p *waterfallPane) drawLabel(screen tcell.Screen, x, y, n int) {
	d := p.desk
	var text string
	style := d.look.alarm
	row := d.board.fall.row(int(d.board.fall.head - 1 - d.past.row))
	switch {
	case d.past.on && row != nil:
		text = fmt.Sprintf(" %s (%s back) ", row.last.UTC().Format("15:04:05"), ago(max(d.since(row.last), 0)))
		if p.loads() {
			text += "loading "
		}
		text += p.levelAt(row, n, n-len(text))
	case d.past.cursor && row != nil:
		text, style = " "+row.last.UTC().Format("15:04:05")+" ", d.look.strong.Reverse(true)
		text += p.levelAt(row, n, n-len(text))
	case d.frozen():
		text, style = " FROZEN ", d.look.warn
	case !d.current():
		text, style = " since "+d.board.last.UTC().Format("15:04:05")+" ", d.look.warn
	default:
		return
	}
	line := 0
	if h := len(p.lines); d.past.cursor {
		for i := range h / 2 {
			if d.inPast(&p.lines[i]) {
				line = h - 1
			}
		}
	}
	pn := pen{screen: screen, x: x + max(n-len(text), 0), y: y + line, to: x + n}
	pn.put(text, style)
}

// levelAt reads the marker's column of n in a row, as much of it as w columns take:
// "-41.5 dBFS at 98.300 MHz ".
func (p *waterfallPane) levelAt(r *fallRow, n, w int) string {
	d := p.desk
	at, ok := d.pointed()
	s, g := d.span(), &d.board.grid
	column := s.column(at, n)
	if !ok || column < 0 || column >= n {
		return ""
	}
	level := "n/a"
	if !r.gap {
		p.columns(p.upper, r, s)
		if q := p.upper[column]; q != spectrum.Absent {
			level = fmt.Sprintf("%.1f", float64(q)*r.stepDB)
		}
	}
	text := ""
	for _, more := range []string{level + " " + g.Unit() + " ", "at " + d.placeWords(at) + " "} {
		if len(text)+len(more) <= w {
			text += more
		}
	}
	return text
}
