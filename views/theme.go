package views

import (
	"slices"

	"github.com/gdamore/tcell/v2"
)

// A Theme is the scale of colours that levels are drawn in. Each goes from dark to light
// in equal steps of lightness, so that nothing hangs on telling red from green.
type Theme uint8

// The themes.
const (
	Viridis Theme = iota
	Cividis
	Grey
)

var themeNames = []string{"viridis", "cividis", "grey"}

// ParseTheme reads "viridis", "cividis" or "grey".
func ParseTheme(s string) (Theme, error) { return among[Theme](s, "theme", themeNames) }

func (t Theme) String() string { return themeNames[t] }

// A Background is what the terminal's own colours are drawn on.
type Background uint8

// The backgrounds. By itself one is dark unless COLORFGBG says otherwise.
const (
	AutoBackground Background = iota
	Dark
	Light
)

var backgroundNames = []string{"auto", "dark", "light"}

// ParseBackground reads "auto", "dark" or "light".
func ParseBackground(s string) (Background, error) {
	return among[Background](s, "background", backgroundNames)
}

func (b Background) String() string { return backgroundNames[b] }

// scales are the themes in sixteen steps: matplotlib's viridis, its cividis as d3 has
// it, and grey from one end that a black terminal shows to one that a white one does.
var scales = [...][]int32{
	Viridis: {
		0x440154, 0x481a6c, 0x472f7d, 0x414487, 0x39568c, 0x31688e, 0x2a788e, 0x23888e,
		0x1f988b, 0x22a884, 0x35b779, 0x54c568, 0x7ad151, 0xa5db36, 0xd2e21b, 0xfde725,
	},
	Cividis: {
		0x002051, 0x022c65, 0x14386d, 0x2b446e, 0x42506e, 0x575c6e, 0x696970, 0x787573,
		0x868276, 0x948f78, 0xa49d78, 0xb6ab73, 0xcaba6a, 0xe0c95d, 0xf2d950, 0xfdea45,
	},
	Grey: {
		0x141414, 0x232323, 0x323232, 0x414141, 0x505050, 0x5f5f5f, 0x6e6e6e, 0x7d7d7d,
		0x8c8c8c, 0x9b9b9b, 0xaaaaaa, 0xb9b9b9, 0xc8c8c8, 0xd7d7d7, 0xe6e6e6, 0xf5f5f5,
	},
}

// fewScales are the themes for 256 colours, and for where bytes are dear: fewer neighbours
// differ, and a colour of the palette takes half the bytes of one in 24 bits. The nearest
// in the palette to sixteen steps would go up and down in lightness.
var fewScales = [...][]int{
	Viridis: {53, 54, 24, 30, 36, 78, 148, 220},
	Cividis: {17, 24, 60, 242, 245, 144, 185, 227},
	Grey:    {233, 236, 239, 242, 245, 248, 251, 255},
}

// What a terminal of 8 or 16 colours has, in order of lightness, be they xterm's or the
// Linux console's.
var (
	eightScale   = []tcell.Color{tcell.ColorBlack, tcell.ColorNavy, tcell.ColorPurple, tcell.ColorGreen, tcell.ColorTeal, tcell.ColorSilver}
	sixteenScale = append(slices.Clone(eightScale), tcell.ColorWhite)
	sixteenGreys = []tcell.Color{tcell.ColorBlack, tcell.ColorGray, tcell.ColorSilver, tcell.ColorWhite}
)

// setScales chooses the colours of levels, those of quiet ones first: they are near the
// background's.
func (l *look) setScales(want Appearance) {
	switch {
	case l.glyphs == ascii || l.colors < 8:
		return // without half-blocks shades say more than a few colours
	case l.colors > 256 && !l.thrifty:
		l.ramp, l.greys = rgb(scales[want.Theme]), rgb(scales[Grey])
	case l.colors >= 256:
		l.ramp, l.greys = indexed(fewScales[want.Theme]), indexed(fewScales[Grey])
	case want.Theme == Grey && l.colors < 16:
		return // eight colours have no greys to spare
	case want.Theme == Grey:
		l.ramp, l.greys = sixteenGreys, sixteenGreys
	case l.colors >= 16:
		l.ramp, l.greys = sixteenScale, sixteenGreys
	default:
		l.ramp, l.greys = eightScale, eightScale
	}
	if l.light {
		l.ramp, l.greys = reversed(l.ramp), reversed(l.greys)
	}
}

func rgb(scale []int32) []tcell.Color {
	cs := make([]tcell.Color, len(scale))
	for i, v := range scale {
		cs[i] = tcell.NewHexColor(v)
	}
	return cs
}

func reversed(scale []tcell.Color) []tcell.Color {
	scale = slices.Clone(scale)
	slices.Reverse(scale)
	return scale
}

func indexed(scale []int) []tcell.Color {
	cs := make([]tcell.Color, len(scale))
	for i, v := range scale {
		cs[i] = tcell.PaletteColor(v)
	}
	return cs
}

// cube is the part of the palette of 256 colours that is the same on every terminal.
var cube = func() (cs []tcell.Color) {
	for i := 16; i < 256; i++ {
		cs = append(cs, tcell.PaletteColor(i))
	}
	return cs
}()

// setStyles chooses how text and traces are drawn. Text can be read on any background of
// its kind: 4.5 to 1 at least.
func (l *look) setStyles() {
	d := tcell.StyleDefault
	l.text, l.quiet, l.label, l.strong, l.accent = d, d, d, d.Bold(true), d.Bold(true)
	l.good, l.warn, l.alarm = d, d.Bold(true), d.Bold(true).Reverse(true)
	l.mean, l.max, l.hold, l.marker, l.cursor = d, d, d, d.Bold(true), d.Reverse(true)
	in := func(c tcell.Color) tcell.Style { return d.Foreground(c) }
	color := tcell.NewHexColor
	if l.thrifty {
		color = func(v int32) tcell.Color { return tcell.FindColor(tcell.NewHexColor(v), cube) }
	}
	hex := func(v int32) tcell.Style { return in(color(v)) }
	white := tcell.ColorSilver // bold makes it white where there are but eight
	if l.colors >= 16 {
		white = tcell.ColorWhite
	}
	switch {
	case l.colors >= 256 && l.light:
		l.quiet, l.label, l.accent = hex(0x5a5a5a), hex(0x5a5a5a), hex(0x005f87).Bold(true)
		l.good, l.warn = hex(0x005f00), hex(0x875f00).Bold(true)
		l.mean, l.max, l.hold, l.marker = hex(0x005faf), hex(0xaf5f00), hex(0xaf005f), hex(0x000000).Bold(true)
		l.alarm = hex(0xffffff).Background(color(0xd70000)).Bold(true)
	case l.colors >= 256:
		l.quiet, l.label, l.accent = hex(0xa8a8a8), hex(0xa8a8a8), hex(0x5fd7ff).Bold(true)
		l.good, l.warn = hex(0x87d787), hex(0xffd75f).Bold(true)
		l.mean, l.max, l.hold, l.marker = hex(0x5fafd7), hex(0xffaf5f), hex(0xff5faf), hex(0xffffff).Bold(true)
		l.alarm = hex(0xffffff).Background(color(0xd70000)).Bold(true)
	case l.colors >= 8 && l.light:
		l.accent, l.good, l.warn = in(tcell.ColorNavy).Bold(true), in(tcell.ColorNavy), in(tcell.ColorMaroon).Bold(true)
		l.mean, l.max, l.hold = in(tcell.ColorNavy), in(tcell.ColorMaroon), in(tcell.ColorPurple)
		l.alarm = in(white).Background(tcell.ColorMaroon).Bold(true)
	case l.colors >= 16:
		l.accent, l.good, l.warn = in(tcell.ColorAqua).Bold(true), in(tcell.ColorLime), in(tcell.ColorYellow).Bold(true)
		l.mean, l.max, l.hold = in(tcell.ColorTeal), in(tcell.ColorYellow), in(tcell.ColorFuchsia)
		l.alarm = in(white).Background(tcell.ColorMaroon).Bold(true)
	case l.colors >= 8:
		l.accent, l.good, l.warn = in(tcell.ColorTeal).Bold(true), in(tcell.ColorGreen), in(tcell.ColorOlive).Bold(true)
		l.mean, l.max, l.hold = in(tcell.ColorTeal), in(tcell.ColorOlive), in(tcell.ColorPurple)
		l.alarm = in(white).Background(tcell.ColorMaroon).Bold(true)
	}
}
