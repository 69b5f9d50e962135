package views

import (
	"math"
	"math/bits"
	"slices"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// A spectrumPane draws the traces over frequency, or over time in zero span.
type spectrumPane struct {
	pane
	plot  plot
	bands []spectrum.Band // still to be drawn
	taken []bool          // columns of their row
}

// A plot is a raster of cells, each with finer dots in it, that traces are set into.
// Its storage is kept from draw to draw.
type plot struct {
	w, h       int // cells
	perX, perY int // dots in a cell
	dots       []uint8
	kinds      []uint8 // of trace in the cell
	mean, peak []int16 // one value a column of dots; mean is min where that leads
	line       []int16
}

// Bits of plot.kinds. Those of lines come after those of what is live.
const (
	kindMean = 1 << iota
	kindMax
	kindLimit
	kindStored
	kindKept // and one more for each of keptCount
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
	p.line = slices.Grow(p.line[:0], n)[:n]
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

// columns brings a trace to the columns of s.
func (s span) columns(dst []int16, t *spectrum.Trace) {
	start, step := t.Grid().Axis()
	spectrum.Peaks(dst, s.start, (s.stop-s.start)/float64(len(dst)), t.Levels(), start, step)
}

// height is how many dots high a level of a trace is, 0 where nothing was measured.
func (p *plot) height(q int16, bottom, top float64) int {
	if q == spectrum.Absent {
		return 0
	}
	dots := float64(p.h * p.perY)
	return int(min(max((float64(q)*spectrum.TraceStepDB-bottom)*dots/(top-bottom), 0), dots))
}

// trace sets all traces of d into the raster.
func (p *plot) trace(d *desk) {
	b, s := d.board, d.span()
	bottom, top := d.axis()
	if d.compared.on() {
		p.difference(d, s, bottom, top)
		return
	}
	if d.detector == Min && b.grid.Min {
		start, step := b.min.Grid().Axis()
		spectrum.Troughs(p.mean, s.start, (s.stop-s.start)/float64(len(p.mean)), b.min.Levels(), start, step)
	} else {
		s.columns(p.mean, &b.mean)
	}
	s.columns(p.peak, &b.max)
	for x := range p.mean {
		mean, most := p.height(p.mean[x], bottom, top), p.height(p.peak[x], bottom, top)
		for y := range mean {
			p.set(x, y, kindMean)
		}
		if d.detector == Max {
			for y := mean; y < most; y++ {
				p.set(x, y, kindMax)
			}
		} else if most > mean {
			p.set(x, most-1, kindMax)
		}
	}
	for i := range d.stored {
		if d.stored[i].Grid().ZeroSpan() != b.grid.ZeroSpan() {
			continue
		}
		p.setLine(&d.stored[i], s, bottom, top, kindStored)
	}
	for id := range b.kept {
		if b.kept[id].on {
			p.setLine(&b.kept[id].Trace, s, bottom, top, kindKept<<id)
		}
	}
	p.limit(d, b.limits.mask.Upper, bottom, top)
	p.limit(d, b.limits.mask.Lower, bottom, top)
}

// setLine sets a trace as a line.
func (p *plot) setLine(t *spectrum.Trace, s span, bottom, top float64, kind uint8) {
	if t.Empty() {
		return
	}
	s.columns(p.line, t)
	for x, q := range p.line {
		p.set(x, p.height(q, bottom, top)-1, kind)
	}
}

// limit sets a limit line.
func (p *plot) limit(d *desk, points []spectrum.LimitPoint, bottom, top float64) {
	if len(points) == 0 {
		return
	}
	s, n := d.span(), len(p.line)
	for x := range n {
		hz := s.at(x, n)
		if d.board.grid.ZeroSpan() {
			hz = d.board.grid.StartHz
		}
		db := spectrum.Limit(points, hz)
		if db > bottom && db < top {
			p.set(x, int((db-bottom)*float64(p.h*p.perY)/(top-bottom)), kindLimit)
		}
	}
}

// difference fills from nothing to what one trace is above another.
func (p *plot) difference(d *desk, s span, bottom, top float64) {
	if d.compared.trace.Empty() {
		return
	}
	s.columns(p.line, &d.compared.trace)
	zero := p.h * p.perY / 2
	for x, q := range p.line {
		if q == spectrum.Absent {
			continue
		}
		y := p.height(q, bottom, top)
		for at := min(y, zero); at < max(y, zero); at++ {
			p.set(x, at, kindMean)
		}
		p.set(x, zero, kindMax)
	}
}

// brailleBits maps dots, column by column from the top, to the Unicode pattern.
var brailleBits = [8]rune{0x01, 0x02, 0x04, 0x40, 0x08, 0x10, 0x20, 0x80}

// glyph is the character of cell i.
func (p *plot) glyph(i int, l *look) rune {
	if kind := p.lineIn(i); kind != 0 {
		return l.lines[bits.TrailingZeros8(kind)]
	}
	dots, g := p.dots[i], l.glyphs
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
	case p.kinds[i]&kindMean == 0 && p.kinds[i]&(kindKept<<keptMax) != 0:
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

// lineIn is the kind of line that cell i shows instead of dots, 0 for none. A max hold
// lies above all and needs none.
func (p *plot) lineIn(i int) uint8 {
	const lines = kindLimit | kindStored | kindKept<<keptMin | kindKept<<keptAverage
	k := p.kinds[i] & lines
	return k & -k
}

// style is how cell i is drawn.
func (p *plot) style(i int, l *look) tcell.Style {
	k := p.kinds[i]
	switch line := p.lineIn(i); {
	case line == kindLimit:
		return l.warn
	case line == kindStored:
		return l.stored
	case line == kindKept<<keptMin:
		return l.keptStyle(keptMin)
	case line != 0:
		return l.keptStyle(keptAverage)
	case k&kindMean != 0:
		return l.mean
	case k&(kindKept<<keptMax) != 0:
		return l.hold
	default:
		return l.max
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
	p.plot.trace(d)
	for i, dots := range p.plot.dots {
		if dots != 0 {
			screen.SetContent(x+i%w, y+i/w, p.plot.glyph(i, d.look), nil, d.faded(p.plot.style(i, d.look)))
		}
	}
	p.drawSweep(screen, x, y, w, h)
	p.drawCursor(screen, x, y, w, h)
	p.drawChannel(screen, x, y, w, h)
	if row := bandRow; h > row+3 && !d.board.grid.ZeroSpan() {
		p.drawBands(screen, x, y+row, row, w)
	}
	if !d.board.limits.mask.Empty() && h > 3 {
		p.drawVerdict(screen, x, y+2, w)
	}
	p.drawMarkers(screen, x, y, w, h)
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

// bandRow is the row of the spectrum that has the names of bands: below readings.
const bandRow = 3

// drawMarkers points at the markers' bins and writes the active one's reading into the first
// row, after what the lines are.
func (p *spectrumPane) drawMarkers(screen tcell.Screen, x, y, w, h int) {
	d := p.desk
	text := d.readout(d.active, w)
	at := max(w-len(text)-1, 0)
	sight := d.sight()
	// The active one last: it is seen where two are in one column.
	for i := range spectrum.MarkerCount {
		n := (d.active+i)%spectrum.MarkerCount + 1
		r, ok := d.markers.Place(n, &sight)
		col := d.span().column(r.At, w)
		if !ok || col < 0 || col >= w {
			continue
		}
		row := 0
		if !math.IsNaN(r.DB) {
			bottom, top := d.axis()
			row = min(max(int((top-r.DB)/(top-bottom)*float64(h))-1, 0), h-1)
		}
		glyph := rune('0' + n)
		if n == d.active {
			glyph = d.look.peak
		}
		under := func() bool { return row == 0 && col >= at-1 && col <= at+len(text) }
		if under() {
			at = min(1, at)
		}
		if under() && h > 1 {
			row = 1
		}
		screen.SetContent(x+col, y+row, glyph, nil, d.look.marker)
	}
	if text != "" {
		pn := pen{screen: screen, x: x + at, y: y, to: x + w}
		pn.put(text, d.faded(d.look.strong))
	}
	p.drawLegend(screen, x, y, w, at, at+len(text))
}

// drawLegend names the lines beside the reading, which is from one column to another, or
// under it, where there is room.
func (p *spectrumPane) drawLegend(screen tcell.Screen, x, y, w, from, to int) {
	ws := p.desk.legend()
	room := 1
	for _, s := range ws {
		room += len(s.text)
	}
	at := 1
	if from < room+1 {
		at = to + 2
	}
	if at+room > w {
		if p.desk.channel.on() {
			return
		}
		at, y = max(w-room, 0), y+1
	}
	pn := pen{screen: screen, x: x + at, y: y, to: x + w}
	for _, s := range ws {
		pn.put(s.text, p.desk.faded(s.style))
	}
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
