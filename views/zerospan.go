package views

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"argos/device"
	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// sweepUnit is what times in a sweep of so many seconds are written in.
func sweepUnit(seconds float64) (name string, scale float64) {
	if seconds > 1.5 {
		return "s", 1
	}
	return "ms", 1e-3
}

// sweepTime writes a time in a sweep of zero span so that it tells two points apart.
func sweepTime(at float64, g *spectrum.Grid) string {
	start, step := g.Axis()
	name, scale := sweepUnit(start + float64(g.Bins)*step)
	return fmt.Sprintf("%.*f %s", min(max(int(math.Ceil(math.Log10(scale/step)))+1, 0), 6), at/scale, name)
}

// lasts writes a length of time in the characters of a terminal.
func (l *look) lasts(seconds float64) string {
	text := lasts(seconds)
	if l.glyphs == ascii {
		text = strings.ReplaceAll(text, "µ", "u")
	}
	return text
}

// lasts writes a length of time in three digits: 100 µs, 50 ms, 2.5 s.
func lasts(seconds float64) string {
	unit, scale := "s", 1.0
	switch {
	case seconds < 0.9995e-3:
		unit, scale = "µs", 1e-6
	case seconds < 0.9995:
		unit, scale = "ms", 1e-3
	}
	v, decimals := seconds/scale, 2
	for most := 9.995; v >= most && decimals > 0; most *= 10 {
		decimals--
	}
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + " " + unit
}

// sweepWords are what no level against time can be read without.
func (d *desk) sweepWords(w int) []word {
	l, b := d.look, d.board
	g := &b.grid
	unit := ""
	if w >= wideWords {
		unit = "Hz"
	}
	measured := g.Measured()
	ws := []word{
		{"ZERO SPAN ", l.warn},
		{hz(g.StartHz) + unit, l.strong},
		{"  RBW ", l.label},
		{device.FormatHz(g.RBWHz, 1) + unit, l.text},
	}
	sweep := word{"  " + l.lasts(float64(measured.Bins)*measured.PointSec), l.text}
	if w < 70 {
		ws = append(ws, sweep)
	} else {
		ws = append(ws, word{"  sweep", l.label}, word{sweep.text[1:], l.text}, word{"  " + l.lasts(measured.PointSec) + "/pt", l.text})
	}
	if w >= wideWords {
		ws = append(ws, word{"  avg ", l.label}, word{strconv.Itoa(b.averages), l.text})
	}
	ws = append(ws, word{"  " + g.Unit(), l.text})
	if w < wideWords {
		w = min(w, 69) // no room for more gains than the least
	}
	return append(ws, d.gains(g.Tuning, w)...)
}

// drawSweep draws a line where a slow sweep of zero span has come to: right of it lies the
// sweep before.
func (p *spectrumPane) drawSweep(screen tcell.Screen, x, y, w, h int) {
	b := p.desk.board
	if !b.grid.ZeroSpan() || b.upTo == b.grid.Bins {
		return
	}
	col := b.upTo * w / b.grid.Bins
	for row := range h {
		if p.plot.dots[row*w+col] == 0 {
			screen.SetContent(x+col, y+row, p.desk.look.vline, nil, p.desk.look.quiet)
		}
	}
}

// zoomSweep halves or doubles the sweep time.
func (a *App) zoomSweep(now time.Duration, dir int) {
	if now == 0 {
		a.desk.say("the server has not told its sweep time yet", true)
		return
	}
	t := time.Duration(float64(now) * math.Pow(2, float64(dir))).Round(time.Microsecond)
	a.send(map[string]string{"sweep-time": t.String()})
}
