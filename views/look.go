package views

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// Glyphs says which characters a terminal is drawn with.
type Glyphs uint8

// The glyphs, poorest first.
const (
	AutoGlyphs Glyphs = iota // the richest that the terminal has
	ascii                    // LANG=C
	blocks                   // the Linux console: its font has █▄▀░▒▓, no braille and no eighths
	braille                  // UTF-8 with a real font
)

var glyphNames = []string{"auto", "ascii", "block", "braille"}

// ParseGlyphs reads "auto", "braille", "block" or "ascii".
func ParseGlyphs(s string) (Glyphs, error) { return among[Glyphs](s, "set of glyphs", glyphNames) }

func (g Glyphs) String() string { return glyphNames[g] }

// among finds s among the names of a choice.
func among[T ~uint8](s, what string, names []string) (T, error) {
	if i := slices.Index(names, s); i >= 0 {
		return T(i), nil
	}
	last := len(names) - 1
	return 0, fmt.Errorf("%q is not a %s: use %s or %s", clean(s), what, strings.Join(names[:last], ", "), names[last])
}

// An Appearance is what an operator chooses of a look.
type Appearance struct {
	Theme      Theme
	Background Background
	Glyphs     Glyphs
}

// A surface is what a terminal can show.
type surface struct {
	colors int    // 0: none
	utf8   bool   // else no more than ASCII is safe
	glyphs Glyphs // the richest it has
	light  bool
}

// surfaceOf asks s, TERM and COLORFGBG. The last is "15;0" or "0;default;15": the
// background comes last, as a number of the sixteen colours.
func surfaceOf(s tcell.Screen) surface {
	on := surface{colors: s.Colors(), glyphs: ascii}
	if on.utf8 = strings.Contains(strings.ReplaceAll(strings.ToLower(s.CharacterSet()), "-", ""), "utf8"); on.utf8 {
		on.glyphs = braille
		if strings.HasPrefix(os.Getenv("TERM"), "linux") {
			on.glyphs = blocks
		}
	}
	ground := os.Getenv("COLORFGBG")
	n, err := strconv.Atoi(ground[strings.LastIndexByte(ground, ';')+1:])
	on.light = err == nil && (n == 7 || n > 8)
	return on
}

// A look is how things are drawn on one terminal: by its glyphs and by its colours.
// Meaning never hangs on colour alone.
type look struct {
	glyphs  Glyphs
	colors  int
	light   bool
	thrifty bool          // fewer colours, for the bytes
	ramp    []tcell.Color // of the waterfall, quiet to strong; nil: shades
	greys   []tcell.Color // the same, once it is stale
	shades  []rune        // the same levels as glyphs, where there is no colour

	text, quiet, strong, accent      tcell.Style
	good, warn, alarm, label, cursor tcell.Style
	mean, max, hold, marker          tcell.Style

	spark  []rune
	vline  rune
	hline  rune
	peak   rune
	merged rune
}

// newLook is the look that was chosen, as far as the terminal has it.
func newLook(on surface, want Appearance, thrifty bool) *look {
	l := &look{glyphs: on.glyphs, colors: on.colors, light: on.light, thrifty: thrifty}
	if want.Glyphs != AutoGlyphs && (on.utf8 || want.Glyphs == ascii) {
		l.glyphs = want.Glyphs
	}
	if want.Background != AutoBackground {
		l.light = want.Background == Light
	}
	l.setGlyphs()
	l.setStyles()
	l.setScales(want)
	return l
}

func (l *look) setGlyphs() {
	l.shades = []rune(" .:-=+*#%@")
	l.spark, l.vline, l.hline, l.peak, l.merged = []rune(".,:;!|#"), '|', '-', 'v', 'm'
	switch l.glyphs {
	case braille:
		l.spark, l.vline, l.hline, l.peak = []rune("▁▂▃▄▅▆▇█"), '│', '─', '▼'
	case blocks:
		l.shades = []rune(" ░▒▓█")
		l.spark, l.vline, l.hline = []rune("_░▒▓█"), '│', '─'
	}
}

// halves reports whether a line of the waterfall holds two rows.
func (l *look) halves() bool { return l.ramp != nil }

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
