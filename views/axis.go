package views

import (
	"fmt"
	"math"
	"strconv"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// A span is what a row of cells stands for: frequencies, or times in a sweep of zero span.
type span struct{ start, stop float64 }

// column is the cell of n that shows what is at v; it may lie outside.
func (s span) column(v float64, n int) int {
	return int(math.Floor((v - s.start) / (s.stop - s.start) * float64(n)))
}

// at is the middle of cell i of n.
func (s span) at(i, n int) float64 {
	return s.start + (float64(i)+0.5)/float64(n)*(s.stop-s.start)
}

// span is what the axis shows.
func (d *desk) span() span {
	g := &d.board.grid
	start, step := g.Axis()
	return span{start, start + float64(g.Bins)*step}
}

// binAt is the bin of g that covers a place on its axis; it may lie outside of g.
func binAt(g *spectrum.Grid, v float64) int {
	start, step := g.Axis()
	return int(math.Floor((v - start) / step))
}

// binCenter is where the middle of bin i of g lies on its axis.
func binCenter(g *spectrum.Grid, i int) float64 {
	start, step := g.Axis()
	return start + (float64(i)+0.5)*step
}

// niceStep is the smallest of 1, 2, 5 times a power of ten that is at least v.
func niceStep(v float64) float64 {
	p := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*p >= v*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

// drawAxis writes the axis, in MHz or the unit of a sweep, under n cells that begin at x.
func (d *desk) drawAxis(screen tcell.Screen, x, y, n int) {
	l := d.look
	unit := pen{screen: screen, x: x - margin, y: y, to: x}
	s, name, scale := d.span(), "MHz", 1e6
	if d.board.grid.ZeroSpan() {
		name, scale = sweepUnit(s.stop)
	}
	unit.put(fmt.Sprintf("%8s", name), l.label)
	width := s.stop - s.start
	if n < 8 || !(width > 0) {
		return
	}
	digits := len(strconv.FormatFloat(s.stop/scale, 'f', 0, 64)) + 1
	var step float64
	dec := 0
	for spare := 3; ; spare++ { // the finer the step the longer the labels
		step = niceStep(width / float64(n) * float64(digits+dec+spare))
		next := max(0, int(math.Ceil(-math.Log10(step/scale)-1e-9)))
		if next <= dec {
			break
		}
		dec = next
	}
	taken := x
	for k := math.Ceil(s.start/step - 1e-6); k*step <= s.stop*(1+1e-12); k++ {
		label := strconv.FormatFloat(k*step/scale+0, 'f', dec, 64) // +0: no minus before zero
		at := min(x+s.column(k*step, n)-(len(label)-1)/2, x+n-len(label))
		at = max(at, x)
		if at < taken {
			continue
		}
		p := pen{screen: screen, x: at, y: y, to: x + n}
		p.put(label, l.label)
		taken = at + len(label) + 1
	}
}

// drawDecibels writes the level axis right-aligned before x, with its unit on the
// first row.
func (d *desk) drawDecibels(screen tcell.Screen, x, y, rows int) {
	l := d.look
	top, bottom := d.board.levels.top, d.board.levels.bottom
	if rows <= 0 || !(top > bottom) {
		return
	}
	perRow := (top - bottom) / float64(rows)
	step := math.Max(niceStep(perRow*1.5), 5)
	for row := range rows {
		p := pen{screen: screen, x: x - 1, y: y + row, to: x}
		p.rune(l.vline, l.quiet)
	}
	for v := math.Floor(top/step) * step; v > bottom; v -= step {
		row := int((top - v) / perRow)
		if row >= rows {
			break
		}
		label := strconv.FormatFloat(v+0, 'f', 0, 64) // +0: no minus before zero
		p := pen{screen: screen, x: x - 1 - len(label), y: y + row, to: x - 1}
		p.put(label, l.label)
	}
	p := pen{screen: screen, x: x - margin, y: y, to: x - 5}
	p.put(d.board.grid.Unit(), l.label)
}
