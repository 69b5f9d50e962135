package views

import (
	"math"
	"slices"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// A spectrumPane draws the traces over frequency, or over time in zero span.
type spectrumPane struct {
	pane
	plot plot
}

// A plot is a raster of cells, each with finer dots in it, that traces are set into.
// Its storage is kept from draw to draw.
type plot struct {
	w, h             int // cells
	perX, perY       int // dots in a cell
	dots             []uint8
	kinds            []uint8 // of trace in the cell
	mean, peak, hold []int16 // one value a column of dots; mean is min where that leads
}

// Bits of plot.kinds.
const (
	kindMean = 1 << iota
	kindMax
	kindHold
)

// reset clears the raster to w by h cells.
func (p *plot) reset(w, h int, g Glyphs) {
	p.w, p.h, p.perX, p.perY = w, h, 1, 2
	if g == braille {
		p.perX, p.perY = 2, 4
	}
	p.dots = slices.Grow(p.dots[:0], w*h)[:w*h]
	p.kinds = slices.Grow(p.kinds[:0], w*h)[:w*h]
	clear(p.dots)
	clear(p.kinds)
	n := w * p.perX
	p.mean = slices.Grow(p.mean[:0], n)[:n]
	p.peak = slices.Grow(p.peak[:0], n)[:n]
	p.hold = slices.Grow(p.hold[:0], n)[:n]
}

// set marks the dot in column x, y dots above the bottom.
func (p *plot) set(x, y int, kind uint8) {
	if y < 0 || y >= p.h*p.perY {
		return
	}
	up := p.h*p.perY - 1 - y
	i := up/p.perY*p.w + x/p.perX
	p.dots[i] |= 1 << (x%p.perX*p.perY + up%p.perY)
	p.kinds[i] |= kind
}

// trace sets all traces of b into the raster.
func (p *plot) trace(b *board, detector Detector) {
	n := len(p.mean)
	start, step := b.grid.Axis()
	cell := float64(b.grid.Bins) * step / float64(n)
	if detector == Min && b.grid.Min {
		troughs(p.mean, start, cell, b.min, start, step)
	} else {
		peaks(p.mean, start, cell, b.mean, start, step)
	}
	peaks(p.peak, start, cell, b.max, start, step)
	if b.holding {
		peaks(p.hold, start, cell, b.hold, start, step)
	}
	scale := float64(p.h*p.perY) / (b.levels.top - b.levels.bottom)
	height := func(q int16) int {
		if q == spectrum.Absent {
			return 0
		}
		v := (float64(q)*b.grid.StepDB - b.levels.bottom) * scale
		return int(min(max(v, 0), float64(p.h*p.perY)))
	}
	for x := range n {
		mean, most := height(p.mean[x]), height(p.peak[x])
		for y := range mean {
			p.set(x, y, kindMean)
		}
		if detector == Max {
			for y := mean; y < most; y++ {
				p.set(x, y, kindMax)
			}
		} else if most > mean {
			p.set(x, most-1, kindMax)
		}
		if b.holding {
			if top := height(p.hold[x]); top > most || top > mean && detector != Max {
				p.set(x, top-1, kindHold)
			}
		}
	}
}

// brailleBits maps dots, column by column from the top, to the Unicode pattern.
var brailleBits = [8]rune{0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80}

// glyph is the character of cell i.
func (p *plot) glyph(i int, g Glyphs) rune {
	dots := p.dots[i]
	if g == braille {
		r := rune(0x2800)
		for bit, v := range brailleBits {
			if dots&(1<<bit) != 0 {
				r |= v
			}
		}
		return r
	}
	upper, lower := dots&1 != 0, dots&2 != 0
	switch {
	case p.kinds[i]&kindMean == 0 && p.kinds[i]&kindHold != 0:
		if upper {
			return '-'
		}
		return '_'
	case p.kinds[i]&kindMean == 0:
		switch {
		case upper && lower:
			return ':'
		case upper:
			return '\''
		default:
			return '.'
		}
	case g == blocks && lower && !upper:
		return '▄'
	case g == blocks:
		return '█'
	case lower && !upper:
		return ':'
	default:
		return '#'
	}
}

// Draw draws axes, traces, marker and readout.
func (p *spectrumPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	d := p.desk
	w, h = w-margin, h-1
	if w < 4 || h < 1 {
		return
	}
	x += margin
	if d.board.frames == 0 {
		d.drawWaiting(screen, x, y+h/2, w)
		return
	}
	d.drawDecibels(screen, x, y, h)
	d.drawAxis(screen, x, y+h, w)
	p.plot.reset(w, h, d.look.glyphs)
	p.plot.trace(d.board, d.detector)
	mean, top, hold := d.faded(d.look.mean), d.faded(d.look.max), d.faded(d.look.hold)
	for i, dots := range p.plot.dots {
		if dots == 0 {
			continue
		}
		style := mean
		if k := p.plot.kinds[i]; k&kindMean == 0 && k&kindHold != 0 {
			style = hold
		} else if k&kindMean == 0 {
			style = top
		}
		screen.SetContent(x+i%w, y+i/w, p.plot.glyph(i, d.look.glyphs), nil, style)
	}
	p.drawSweep(screen, x, y, w, h)
	p.drawChannel(screen, x, y, w, h)
	p.drawMarker(screen, x, y, w, h)
	row := y
	if w < 60 && h > 1 {
		row++ // the marker's reading needs the first
	}
	d.drawStale(screen, x+1, row, w-1)
	if d.lacksMin() && h > 2 { // below the readings
		pn := pen{screen: screen, x: x + 1, y: y + 2, to: x + w}
		pn.put("min is not measured: type :min on", d.look.warn)
	}
}

// drawMarker points at the marker's bin and writes its reading into the first row.
func (p *spectrumPane) drawMarker(screen tcell.Screen, x, y, w, h int) {
	d := p.desk
	v, db, _, ok := d.reading()
	if !ok {
		return
	}
	text := d.readout(w)
	at := max(w-len(text)-1, 0)
	if col := d.span().column(v, w); col >= 0 && col < w {
		row := 0
		if !math.IsNaN(db) {
			lv := &d.board.levels
			row = min(max(int((lv.top-db)/(lv.top-lv.bottom)*float64(h))-1, 0), h-1)
		}
		under := func() bool { return row == 0 && col >= at-1 && col <= at+len(text) }
		if under() {
			at = min(1, at)
		}
		if under() && h > 1 {
			row = 1
		}
		screen.SetContent(x+col, y+row, d.look.peak, nil, d.look.marker)
	}
	pn := pen{screen: screen, x: x + at, y: y, to: x + w}
	pn.put(text, d.faded(d.look.strong))
}

// drawStale says since when the data is not what the radio hears.
func (d *desk) drawStale(screen tcell.Screen, x, y, w int) {
	var text string
	switch {
	case d.frozen():
		text = "FROZEN at " + d.frozenAt.UTC().Format("15:04:05")
	case !d.current():
		text = "since " + d.board.last.UTC().Format("15:04:05")
	default:
		return
	}
	pn := pen{screen: screen, x: x, y: y, to: x + w}
	pn.put(text, d.look.warn)
}

// drawWaiting says why there is nothing yet.
func (d *desk) drawWaiting(screen tcell.Screen, x, y, w int) {
	text := "no frame yet"
	if r := clean(d.link.Reason); r != "" {
		text = r
	} else if st := d.status(); st != nil && st.Reason != "" {
		text = clean(st.Reason)
	}
	for i, line := range wrap(text, w-1) {
		pn := pen{screen: screen, x: x, y: y + i, to: x + w}
		pn.put(line, d.look.warn)
		if i == 2 {
			break
		}
	}
}
