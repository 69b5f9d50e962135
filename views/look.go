package views

import (
	"strings"

	"github.com/gdamore/tcell/v2"
)

// glyphs says which characters a terminal can draw.
type glyphs uint8

const (
	ascii   glyphs = iota // LANG=C
	blocks                // the Linux console: its font has █▄▀░▒▓, no braille and no eighths
	braille               // UTF-8 with a real font
)

// A look is how things are drawn on one terminal: by its glyphs and by its colours.
// Meaning never hangs on colour alone.
type look struct {
	glyphs glyphs
	colors int           // 0: none
	ramp   []tcell.Color // of the waterfall, dark to light
	greys  []tcell.Color // the same, once it is stale
	shades []rune        // the same levels as glyphs, where there is no colour

	text, quiet, strong, accent      tcell.Style
	good, warn, alarm, label, cursor tcell.Style
	mean, max, hold, marker          tcell.Style
	floor, average, stored           tcell.Style // of min hold, average and snapshots
	bar                              tcell.Style // header and footer

	spark  []rune
	vline  rune
	hline  rune
	tick   rune
	peak   rune
	merged rune
	lines  [8]rune // of the traces that are lines, by the bits of plot.kinds
}

func newLook(s tcell.Screen, term string) *look {
	l := &look{colors: s.Colors()}
	utf8 := strings.Contains(strings.ReplaceAll(strings.ToLower(s.CharacterSet()), "-", ""), "utf8")
	switch {
	case !utf8:
		l.glyphs = ascii
	case strings.HasPrefix(term, "linux"):
		l.glyphs = blocks
	default:
		l.glyphs = braille
	}
	l.setGlyphs()
	l.setStyles()
	return l
}

func (l *look) setGlyphs() {
	l.shades = []rune(" .:-=+*#%@")
	l.spark, l.vline, l.hline, l.tick, l.peak, l.merged = []rune(".,:;!|#"), '|', '-', '+', 'v', 'm'
	l.lines = [8]rune{2: '=', 3: '~', 5: '_', 6: '-'} // limit, stored, min hold, average
	if l.glyphs != ascii {
		l.lines[6] = '─'
	}
	switch l.glyphs {
	case braille:
		l.spark, l.vline, l.hline, l.tick, l.peak = []rune("▁▂▃▄▅▆▇█"), '│', '─', '┬', '▼'
	case blocks:
		l.shades = []rune(" ░▒▓█")
		l.spark, l.vline, l.hline, l.tick = []rune("_░▒▓█"), '│', '─', '┬'
	}
}

func (l *look) setStyles() {
	d := tcell.StyleDefault
	l.text, l.quiet, l.label, l.strong, l.accent = d, d, d, d.Bold(true), d.Bold(true)
	l.good, l.warn, l.alarm = d, d.Bold(true), d.Bold(true).Reverse(true)
	l.mean, l.max, l.hold, l.marker, l.cursor = d, d, d, d.Bold(true), d.Reverse(true)
	l.floor, l.average, l.stored = d, d.Bold(true), d
	l.bar = d
	switch {
	case l.colors >= 256:
		rgb := func(v int32) tcell.Style { return d.Foreground(tcell.NewHexColor(v)) }
		l.quiet, l.label = rgb(0x8a8a8a), rgb(0x8a8a8a)
		l.accent = rgb(0x5fd7ff).Bold(true)
		l.good = rgb(0x87d787)
		l.warn = rgb(0xffd75f).Bold(true)
		l.alarm = d.Foreground(tcell.NewHexColor(0xffffff)).Background(tcell.NewHexColor(0xd70000)).Bold(true)
		l.mean, l.max, l.hold = rgb(0x5fafd7), rgb(0xffaf5f), rgb(0xff5faf)
		l.floor, l.average, l.stored = rgb(0x5fd787), rgb(0xffffaf), rgb(0xd7afff)
		l.marker = rgb(0xffffff).Bold(true)
		for i, v := range viridis {
			l.ramp = append(l.ramp, tcell.NewHexColor(v))
			g := int32(20 + 8*i)
			l.greys = append(l.greys, tcell.NewRGBColor(g, g, g))
		}
	case l.colors >= 8:
		c := func(c tcell.Color) tcell.Style { return d.Foreground(c) }
		l.accent, l.good = c(tcell.ColorTeal).Bold(true), c(tcell.ColorGreen)
		l.warn = c(tcell.ColorOlive).Bold(true)
		l.alarm = d.Foreground(tcell.ColorSilver).Background(tcell.ColorMaroon).Bold(true)
		l.mean, l.max, l.hold = c(tcell.ColorTeal), c(tcell.ColorOlive), c(tcell.ColorPurple)
		l.floor, l.average, l.stored = c(tcell.ColorGreen), c(tcell.ColorSilver).Bold(true), c(tcell.ColorNavy)
		l.ramp = []tcell.Color{tcell.ColorBlack, tcell.ColorNavy, tcell.ColorPurple, tcell.ColorTeal, tcell.ColorOlive, tcell.ColorSilver}
		l.greys = l.ramp // eight colours have no greys to spare
	}
	if l.glyphs == ascii {
		l.ramp = nil // without half-blocks shades say more than six colours
	}
}

// keptStyle is how a trace that is kept is drawn.
func (l *look) keptStyle(id keptID) tcell.Style {
	return [keptCount]tcell.Style{l.hold, l.floor, l.average}[id]
}

// halves reports whether a line of the waterfall holds two rows.
func (l *look) halves() bool { return l.ramp != nil }

// viridis is matplotlib's perceptually uniform map in sixteen steps: dark to light in
// equal steps of lightness, readable without red or green.
var viridis = []int32{
	0x440154, 0x481a6c, 0x472f7d, 0x414487, 0x39568c, 0x31688e, 0x2a788e, 0x23888e,
	0x1f988b, 0x22a884, 0x35b779, 0x54c568, 0x7ad151, 0xa5db36, 0xd2e21b, 0xfde725,
}

// pulse draws values as a sparkline, newest right, each cell the mean of `each` of them.
// phase is how many of the newest belong to the last cell. The scale is a round number,
// so that bars stand still while values wander.
func (l *look) pulse(p *pen, values []float64, each, phase int, style tcell.Style) {
	n := p.to - p.x
	if n <= 0 || len(values) == 0 {
		return
	}
	most := 0.0
	for _, v := range values {
		most = max(most, v)
	}
	top := len(l.spark) - 1
	for i, end := n-1, len(values); i >= 0 && end > 0; i-- {
		begin := max(end-phase, 0)
		sum := 0.0
		for _, v := range values[begin:end] {
			sum += v
		}
		level := 0
		if most > 0 {
			level = int(sum / float64(end-begin) / niceStep(most) * float64(top+1))
		}
		p.screen.SetContent(p.x+i, p.y, l.spark[min(max(level, 0), top)], nil, style)
		end, phase = begin, each
	}
}
