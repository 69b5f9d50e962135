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

// A Motion is how the waterfall goes on.
type Motion uint8

// The motions.
const (
	AutoMotion Motion = iota // sweep where bytes are dear
	Scroll                   // newest on top, all else moves down
	Sweep                    // a line that moves writes over the oldest; nothing else changes
)

var motionNames = []string{"auto", "scroll", "sweep"}

// ParseMotion reads "auto", "scroll" or "sweep".
func ParseMotion(s string) (Motion, error) { return among[Motion](s, "motion", motionNames) }

func (m Motion) String() string { return motionNames[m] }

// A waterfallPane draws the past of the spectrum over the same axis, two rows a
// line where the terminal has half-blocks and colours.
type waterfallPane struct {
	pane
	lines        []fallLine
	upper, lower []int16 // columns of the line being drawn
}

// A fallLine is what a line of the screen shows: one or two rows, the newer above when it
// scrolls, the older above when it sweeps.
type fallLine struct {
	upper, lower *fallRow // nil: nothing
	row          uint64   // the number of the newer one
	writes       bool     // the line that moves
}

// Draw draws one line of the screen after another, each with the time of its newest
// row.
func (p *waterfallPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	d := p.desk
	n := w - margin
	p.lines = p.lines[:0]
	if n < 4 || h < 1 || d.board.frames == 0 {
		return
	}
	p.upper = slices.Grow(p.upper[:0], n)[:n]
	p.lower = slices.Grow(p.lower[:0], n)[:n]
	p.arrange(h)
	for i := range p.lines {
		line := &p.lines[i]
		switch {
		case line.writes:
			p.drawWriteLine(screen, x, y+i, w)
		case line.upper == nil:
		default:
			p.drawStamp(screen, line, x, y+i)
			if line.upper.gap {
				p.drawGap(screen, line.upper, x+margin, y+i, n)
			} else {
				p.drawLine(screen, line.upper, line.lower, x+margin, y+i)
			}
		}
	}
	p.drawCursor(screen, x+margin, y, n)
	p.drawLabel(screen, x+margin, y, n)
}

// arrange decides what each of h lines shows.
func (p *waterfallPane) arrange(h int) {
	d := p.desk
	f := &d.board.fall
	p.lines = slices.Grow(p.lines[:0], h)[:h]
	switch {
	case d.past.on:
		d.past.clamp(f)
		p.scroll(int(f.head - 1 - d.past.top))
		for p.lines[h-1].upper == nil && d.past.top < f.head-1 { // no page is half empty
			d.past.top++
			p.scroll(int(f.head - 1 - d.past.top))
		}
		for d.past.row < p.last() && d.past.row < d.past.top {
			d.past.top--
			p.scroll(int(f.head - 1 - d.past.top))
		}
	case d.sweeping:
		p.sweep()
	default:
		p.scroll(0)
	}
}

// last is the number of the oldest row in sight, of lines in order of time.
func (p *waterfallPane) last() (oldest uint64) {
	for _, line := range p.lines {
		if line.upper != nil {
			if oldest = line.row; line.lower != nil {
				oldest--
			}
		}
	}
	return oldest
}

// scroll fills the lines from the i-th newest row on.
func (p *waterfallPane) scroll(i int) {
	f := &p.desk.board.fall
	clear(p.lines)
	for n := range p.lines {
		r := f.row(i)
		if r == nil {
			return
		}
		p.lines[n] = fallLine{upper: r, row: f.head - 1 - uint64(i)}
		i++
		if second := f.row(i); p.desk.look.halves() && !r.gap && second != nil && !second.gap {
			p.lines[n].lower = second
			i++
		}
	}
}

// sweep gives each row its own line for as long as it lasts, and the line after the
// newest to the one that moves. A row under way changes with each frame: it is left
// out until it is complete, unless no more is to come.
func (p *waterfallPane) sweep() {
	f := &p.desk.board.fall
	clear(p.lines)
	h := len(p.lines)
	i := 0
	if r := f.row(0); r != nil && !r.gap && p.desk.current() && f.row(1) != nil {
		i = 1
	}
	newest, first := 0, true
	for ; ; i++ {
		r := f.row(i)
		if r == nil {
			break
		}
		number := f.head - 1 - uint64(i)
		at := int(number - firstRow)
		if p.desk.look.halves() {
			at = r.line
		}
		if first {
			newest, first = at, false
		} else if newest-at+1 >= h {
			break
		}
		line := &p.lines[(at%h+h)%h] // of what was asked for they are below 0
		if line.upper == nil {
			line.row = number
		} else {
			line.lower = line.upper
		}
		line.upper = r
	}
	if h > 1 {
		p.lines[(newest+1)%h] = fallLine{writes: true}
	}
}

// drawWriteLine draws the line that moves, and why it does.
func (p *waterfallPane) drawWriteLine(screen tcell.Screen, x, y, w int) {
	l := p.desk.look
	text := " sweep "
	if b := p.desk.traffic.budgetWords(); b != "" && !p.desk.plan.shown(paneEvents) {
		text = " " + b + " "
	}
	pn := pen{screen: screen, x: x, y: y, to: x + w}
	for pn.x < x+margin-1 {
		pn.rune(l.hline, l.accent)
	}
	pn.put(text, l.label)
	for pn.x < pn.to {
		pn.rune(l.hline, l.accent)
	}
}

// drawStamp writes the time of a line's newer row and a mark where one is not as
// measured.
func (p *waterfallPane) drawStamp(screen tcell.Screen, line *fallLine, x, y int) {
	l := p.desk.look
	var buf [8]byte
	marked, merged, last := line.upper.marked, line.upper.merged, line.upper.last
	if r := line.lower; r != nil {
		marked, merged = marked || r.marked, merged || r.merged
		if r.last.After(last) {
			last = r.last
		}
	}
	style := l.label
	if p.desk.inPast(line) {
		style = l.cursor
	}
	t := last.UTC()
	for i, v := range [...]int{t.Hour(), t.Minute(), t.Second()} {
		buf[i*3], buf[i*3+1] = byte('0'+v/10), byte('0'+v%10)
		if i < 2 {
			buf[i*3+2] = ':'
		}
	}
	for i, c := range buf {
		screen.SetContent(x+i, y, rune(c), nil, style)
	}
	switch {
	case marked:
		screen.SetContent(x+margin-1, y, '!', nil, l.warn)
	case merged:
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
