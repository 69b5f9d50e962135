package views

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// A peakTable is the overlay that lists markers and peaks; the peak under the bar can be
// marked or tuned to.
type peakTable struct {
	pane
	open   bool
	byHz   bool    // in order of frequency, not of level
	hz     float64 // of the row under the bar, wherever it moves to; 0: the first
	at     int     // of rows
	scroll int
	rows   []spectrum.Peak
}

// update finds the peaks anew.
func (p *peakTable) update() {
	p.rows = append(p.rows[:0], p.desk.findPeaks()...)
	if !p.byHz {
		slices.SortStableFunc(p.rows, func(a, b spectrum.Peak) int { return cmp.Compare(b.DB, a.DB) })
	}
	p.at = 0
	for i := range p.rows {
		if p.hz > 0 && math.Abs(p.rows[i].At-p.hz) < math.Abs(p.rows[p.at].At-p.hz) {
			p.at = i
		}
	}
}

// move moves the bar by so many rows.
func (p *peakTable) move(by int) {
	if len(p.rows) > 0 {
		p.at = min(max(p.at+by, 0), len(p.rows)-1)
		p.hz = p.rows[p.at].At
	}
}

// Draw draws the markers that are on, and under them the peaks.
func (p *peakTable) Draw(screen tcell.Screen) {
	p.DrawForSubclass(screen, p) // alone, it lies over others
	x, y, w, h := p.GetInnerRect()
	d, l := p.desk, p.desk.look
	p.update()
	line := func(row int, text string, style tcell.Style) {
		pn := pen{screen: screen, x: x + 2, y: y + row, to: x + w}
		pn.put(clip(text, w-2), style)
	}
	row := 0
	for n := 1; n <= spectrum.MarkerCount && row < h/3; n++ {
		if text := d.readout(n, w); text != "" {
			style := l.text
			if n == d.active {
				style = l.strong
			}
			line(row, text, style)
			row++
		}
	}
	order := "level"
	if p.byHz {
		order = "frequency"
	}
	line(row, fmt.Sprintf("%d peaks by %s: %g dB above noise, %g dB above what is around", len(p.rows), order, d.criterion.AboveNoiseDB, d.criterion.ExcursionDB), l.accent)
	row++
	room := max(h-row-1, 0)
	p.scroll = max(min(p.scroll, p.at), p.at-room+1, 0)
	for i := p.scroll; i < len(p.rows) && i < p.scroll+room; i++ {
		style := l.text
		if i == p.at {
			style = l.cursor
		}
		line(row, p.text(&p.rows[i], i), style)
		row++
	}
	pn := pen{screen: screen, x: x + 1, y: y + h - 1, to: x + w}
	pn.put(" Up Down choose, Enter tunes, m marks, s sorts, Esc closes ", l.strong)
}

// text is a row: "  1   98.300 MHz  -38.0 dBFS  S/N  47 dB  FM".
func (p *peakTable) text(peak *spectrum.Peak, i int) string {
	d := p.desk
	unit := d.board.grid.Unit()
	if d.compared.on() {
		unit = "dB"
	}
	text := fmt.Sprintf("%3d %11.*f MHz %6.1f %s", i+1, decimals(d.board.grid.BinHz), peak.At/1e6, peak.DB, unit)
	if !math.IsNaN(peak.NoiseDB) {
		text += fmt.Sprintf("  S/N %3.0f dB", peak.DB-peak.NoiseDB)
	}
	if b, ok := d.bands.At(peak.At); ok {
		text += "  " + clean(b.Name)
	}
	return text
}

// peakKey moves the bar, or does something with the peak under it.
func (a *App) peakKey(ev *tcell.EventKey) {
	p := a.desk.peakTable
	switch {
	case ev.Key() == tcell.KeyUp:
		p.move(-1)
	case ev.Key() == tcell.KeyDown:
		p.move(1)
	case ev.Key() == tcell.KeyPgUp:
		p.move(-10)
	case ev.Key() == tcell.KeyPgDn:
		p.move(10)
	case ev.Rune() == 's':
		p.byHz = !p.byHz
	case ev.Rune() == 'm' && p.at < len(p.rows):
		a.desk.putMarker(p.rows[p.at].At)
		p.open = false
	case ev.Key() == tcell.KeyEnter && p.at < len(p.rows):
		if why := a.desk.cannotTune(); why != "" {
			a.desk.say("tune: "+why, true)
			return
		}
		a.desk.putMarker(p.rows[p.at].At)
		a.sendFreq(p.rows[p.at].At)
		p.open = false
	default:
		p.open = false
	}
}

func (a *App) openPeaks(int) {
	p := a.desk.peakTable
	p.open, p.hz, p.scroll = true, 0, 0
	p.update()
}
