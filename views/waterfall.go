package views

import (
	"fmt"
	"slices"
	"time"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// defaultPace is the time that a row of the waterfall stands for.
const defaultPace = 500 * time.Millisecond

// A waterfallPane draws the past of the spectrum over the same axis, newest
// first, two rows a line where the terminal has half-blocks and colours.
type waterfallPane struct {
	pane
	upper, lower []int16 // columns of the line being drawn
	lines        []int   // the newest row in each line drawn
}

// rowAt is the row of the fall that line shows.
func (p *waterfallPane) rowAt(line int) int {
	if line < 0 || line >= len(p.lines) {
		return fallRows
	}
	return p.lines[line]
}

// Draw draws one line of the screen after another, each with the time of its newest
// row.
func (p *waterfallPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.begin(screen, p)
	d := p.desk
	n := w - margin
	if n < 4 || h < 1 || d.board.frames == 0 {
		return
	}
	p.upper = slices.Grow(p.upper[:0], n)[:n]
	p.lower = slices.Grow(p.lower[:0], n)[:n]
	p.lines = p.lines[:0]
	for line, i := 0, 0; line < h; line++ {
		r := d.board.fall.row(i)
		if r == nil {
			return
		}
		p.lines = append(p.lines, i)
		i++
		p.drawStamp(screen, r, x, y+line)
		if r.gap {
			p.drawGap(screen, r, x+margin, y+line, n)
			continue
		}
		var second *fallRow
		if d.look.halves() {
			if second = d.board.fall.row(i); second != nil && second.gap {
				second = nil
			} else if second != nil {
				i++
			}
		}
		p.drawLine(screen, r, second, x+margin, y+line)
		p.drawCursor(screen, p.lines[line], i-1, x+margin, y+line, n)
	}
}

// drawStamp writes the time of a row and a mark where it is not as measured.
func (p *waterfallPane) drawStamp(screen tcell.Screen, r *fallRow, x, y int) {
	l := p.desk.look
	var buf [8]byte
	t := r.last.UTC()
	for i, v := range [...]int{t.Hour(), t.Minute(), t.Second()} {
		buf[i*3], buf[i*3+1] = byte('0'+v/10), byte('0'+v%10)
		if i < 2 {
			buf[i*3+2] = ':'
		}
	}
	for i, c := range buf {
		screen.SetContent(x+i, y, rune(c), nil, l.label)
	}
	switch {
	case r.marked:
		screen.SetContent(x+margin-1, y, '!', nil, l.warn)
	case r.merged:
		screen.SetContent(x+margin-1, y, l.merged, nil, l.warn)
	}
}

// drawGap draws what is missing; it is never bridged.
func (p *waterfallPane) drawGap(screen tcell.Screen, r *fallRow, x, y, n int) {
	l := p.desk.look
	lasted := ago(max(r.to-r.from, 0))
	frames := grouped(r.gapFrames()) + " frames"
	if r.gapFrames() == 1 {
		frames = "1 frame"
	}
	text := fmt.Sprintf(" gap %s, %s ", lasted, frames)
	switch {
	case r.gapFirst == 0:
		text = fmt.Sprintf(" gap %s, server began anew ", lasted)
	case r.pending:
		text = fmt.Sprintf(" gap %s, %s to come ", lasted, frames)
	}
	pn := pen{screen: screen, x: x, y: y, to: x + n}
	for range max((n-len(text))/2, 0) {
		pn.rune(l.hline, l.warn)
	}
	pn.put(text, l.warn)
	for pn.x < x+n {
		pn.rune(l.hline, l.warn)
	}
}

// drawLine draws one or two rows into one line.
func (p *waterfallPane) drawLine(screen tcell.Screen, r, second *fallRow, x, y int) {
	l := p.desk.look
	s := p.desk.span()
	p.columns(p.upper, r, s)
	if !l.halves() {
		for i, q := range p.upper {
			screen.SetContent(x+i, y, l.shades[r.level(q, len(l.shades))], nil, p.shadeStyle())
		}
		return
	}
	if second != nil {
		p.columns(p.lower, second, s)
	}
	ramp := l.ramp
	if !p.desk.current() {
		ramp = l.greys
	}
	for i, q := range p.upper {
		upper := color(ramp, r.level(q, len(ramp)), q)
		lower := tcell.ColorDefault
		if second != nil {
			lower = color(ramp, second.level(p.lower[i], len(ramp)), p.lower[i])
		}
		if upper == lower {
			screen.SetContent(x+i, y, ' ', nil, tcell.StyleDefault.Background(upper))
			continue
		}
		if upper == tcell.ColorDefault {
			screen.SetContent(x+i, y, '▄', nil, tcell.StyleDefault.Foreground(lower))
			continue
		}
		screen.SetContent(x+i, y, '▀', nil, tcell.StyleDefault.Foreground(upper).Background(lower))
	}
}

func (p *waterfallPane) shadeStyle() tcell.Style { return p.desk.faded(p.desk.look.text) }

// columns brings a row to the axis. What is of another frequency than zero span looks at, or
// of none, is not on it.
func (p *waterfallPane) columns(dst []int16, r *fallRow, s span) {
	if r.zeroHz != zeroHz(&p.desk.board.grid) {
		for i := range dst {
			dst[i] = spectrum.Absent
		}
		return
	}
	spectrum.Peaks(dst, s.start, (s.stop-s.start)/float64(len(dst)), r.cells, r.start, r.cell)
}

// level places a power among n colours.
func (r *fallRow) level(q int16, n int) int {
	if q == spectrum.Absent {
		return 0
	}
	v := (float64(q)*r.stepDB - r.low) / (r.high - r.low) * float64(n)
	return int(min(max(v, 0), float64(n-1)))
}

// color is a level's colour; where nothing was measured the terminal shows through.
func color(ramp []tcell.Color, level int, q int16) tcell.Color {
	if q == spectrum.Absent {
		return tcell.ColorDefault
	}
	return ramp[level]
}
