package views

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// Palettes of sixteen colours as two terminals have them.
var (
	xterm = []int32{
		0x000000, 0xcd0000, 0x00cd00, 0xcdcd00, 0x0000ee, 0xcd00cd, 0x00cdcd, 0xe5e5e5,
		0x7f7f7f, 0xff0000, 0x00ff00, 0xffff00, 0x5c5cff, 0xff00ff, 0x00ffff, 0xffffff,
	}
	console = []int32{
		0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
		0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
	}
)

// luminance is WCAG's, of a colour as a terminal of so many colours shows it.
func luminance(c tcell.Color, colors int, palette []int32, bold bool) float64 {
	v := c.Hex()
	switch {
	case colors == 256 && c.IsRGB():
		v = tcell.FindColor(c, cube).Hex()
	case !c.IsRGB() && colors <= 16:
		n := int(c - tcell.PaletteColor(0))
		if bold && colors == 8 && n < 8 {
			n += 8
		}
		v = palette[n]
	}
	linear := func(shift int) float64 {
		s := float64(v>>shift&0xff) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(16) + 0.7152*linear(8) + 0.0722*linear(0)
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }

// Text can be read on every background of its kind, and traces be seen. What has no
// colour of its own has the terminal's.
func TestContrast(t *testing.T) {
	grounds := map[bool][]int32{
		false: {0x000000, 0x1e1e1e, 0x282828, 0x002b36, 0x2e3440}, // black, VS Code, gruvbox, solarized, nord
		true:  {0xffffff, 0xfafafa, 0xfdf6e3, 0xeff1f5, 0xeeeeee},
	}
	for _, tt := range []struct {
		colors  int
		palette []int32
		name    string
	}{
		{1 << 24, nil, "24 bits"}, {256, xterm, "256"}, {16, xterm, "xterm's 16"}, {16, console, "console's 16"}, {8, console, "console's 8"},
	} {
		for _, light := range []bool{false, true} {
			l := newLook(surface{colors: tt.colors, light: light, glyphs: braille}, Appearance{}, false)
			if light && tt.colors == 8 {
				continue // bold is bright there, and no such terminal is light
			}
			all := grounds[light]
			if tt.colors <= 16 { // who has sixteen colours has one of them behind
				all = all[:1]
			}
			for name, s := range map[string]struct {
				style tcell.Style
				least float64
			}{
				"text": {l.text, 4.5}, "quiet": {l.quiet, 4.5}, "label": {l.label, 4.5}, "strong": {l.strong, 4.5}, "accent": {l.accent, 4.5},
				"good": {l.good, 4.5}, "warn": {l.warn, 4.5}, "alarm": {l.alarm, 4.5}, "marker": {l.marker, 4.5},
				"mean": {l.mean, 3}, "max": {l.max, 3}, "hold": {l.hold, 3},
				"floor": {l.floor, 3}, "average": {l.average, 3}, "stored": {l.stored, 3},
			} {
				fg, bg, attr := s.style.Decompose()
				if fg == tcell.ColorDefault {
					continue
				}
				for _, ground := range all {
					on := luminance(tcell.NewHexColor(ground), 1<<24, nil, false)
					if bg != tcell.ColorDefault {
						on = luminance(bg, tt.colors, tt.palette, false)
					}
					if c := contrast(luminance(fg, tt.colors, tt.palette, attr&tcell.AttrBold != 0), on); c < s.least {
						t.Errorf("%s colours, light %t: %s on %06x has %.2f, want %.1f", tt.name, light, name, ground, c, s.least)
					}
				}
			}
		}
	}
}

// Levels go from what is near the background to what stands out, in every theme.
func TestScalesGoOneWay(t *testing.T) {
	for _, colors := range []int{8, 16, 256, 1 << 24} {
		for _, light := range []bool{false, true} {
			for theme := range Theme(len(themeNames)) {
				for _, thrifty := range []bool{false, true} {
					for _, palette := range [][]int32{xterm, console} {
						l := newLook(surface{colors: colors, light: light, glyphs: braille}, Appearance{Theme: theme}, thrifty)
						for _, scale := range [][]tcell.Color{l.ramp, l.greys} {
							for i := 1; i < len(scale); i++ {
								a, b := luminance(scale[i-1], colors, palette, false), luminance(scale[i], colors, palette, false)
								if light != (b < a) {
									t.Errorf("%v in %d colours, light %t, thrifty %t: level %d is not lighter than %d", theme, colors, light, thrifty, i, i-1)
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestBackgroundByItself(t *testing.T) {
	sim := tcell.NewSimulationScreen("UTF-8")
	for env, light := range map[string]bool{"": false, "15;0": false, "0;15": true, "0;default;15": true, "15;8": false, "0;7": true, "x": false, "15;default": false} {
		t.Setenv("COLORFGBG", env)
		if got := surfaceOf(sim).light; got != light {
			t.Errorf("COLORFGBG=%q: light %t", env, got)
		}
	}
}

func TestChoicesAreRead(t *testing.T) {
	for _, tt := range []struct {
		in, want, wrong string
		read            func(string) (fmt.Stringer, error)
	}{
		{"cividis", "cividis", `"x" is not a theme: use viridis, cividis or grey`, func(s string) (fmt.Stringer, error) { return ParseTheme(s) }},
		{"light", "light", `"x" is not a background: use auto, dark or light`, func(s string) (fmt.Stringer, error) { return ParseBackground(s) }},
		{"block", "block", `"x" is not a set of glyphs: use auto, ascii, block or braille`, func(s string) (fmt.Stringer, error) { return ParseGlyphs(s) }},
		{"sweep", "sweep", `"x" is not a motion: use auto, scroll or sweep`, func(s string) (fmt.Stringer, error) { return ParseMotion(s) }},
	} {
		if got, err := tt.read(tt.in); err != nil || got.String() != tt.want {
			t.Errorf("%q: %v, %v", tt.in, got, err)
		}
		if _, err := tt.read("x"); err == nil || err.Error() != tt.wrong {
			t.Errorf("%q: %v", "x", err)
		}
	}
}

// Whatever is told by colour is told without: in every state the screen says the same
// words with and without colours, and no two states the same.
func TestStatesInMono(t *testing.T) {
	wrong := map[string]func(*stream.Link){
		"nothing": func(*stream.Link) {},
		"overload": func(l *stream.Link) {
			d := *l.Device
			d.LastOverload = time.Now()
			l.Device = &d
		},
		"overload a while ago": func(l *stream.Link) {
			d := *l.Device
			d.LastOverload = time.Now().Add(-time.Minute)
			l.Device = &d
		},
		"lost": func(l *stream.Link) {
			d := *l.Device
			d.LastLost, d.Lost = time.Now(), 7
			l.Device = &d
		},
		"radio lost": func(l *stream.Link) {
			d := *l.Device
			d.State = spectrum.Interrupted
			l.Device = &d
		},
		"insecure": func(l *stream.Link) { l.Server.Insecure = true },
		"degraded": func(l *stream.Link) { l.Tier = 512 },
		"missing":  func(l *stream.Link) { l.Missing = 64 },
	}
	seen := map[string]string{}
	for state := range stream.Closed + 1 {
		for name, change := range wrong {
			var texts []string
			for _, colors := range []int{1 << 24, 0} {
				synctest.Test(t, func(t *testing.T) {
					r := startRig(t, 80, 24, "UTF-8", colors, Options{Appearance: Appearance{Glyphs: ascii}})
					defer r.stop()
					r.feed(5)
					r.src.change(func(l *stream.Link) {
						l.State, l.Since = state, time.Now()
						d := *l.Device
						d.LastOverload = time.Time{}
						l.Device = &d
						change(l)
					})
					r.feed(1)
					r.settle(20 * time.Millisecond)
					texts = append(texts, r.text())
				})
			}
			what := fmt.Sprintf("%v, %s", state, name)
			if texts[0] != texts[1] {
				t.Errorf("%s: in colour\n%s\nwithout\n%s", what, texts[0], texts[1])
			}
			if name == "degraded" && state != stream.Degraded {
				continue // the tier is told beside the rate alone, and without a link not at all
			}
			if other, ok := seen[texts[1]]; ok {
				t.Errorf("%s looks like %s:\n%s", what, other, texts[1])
			}
			seen[texts[1]] = what
		}
	}
}

// The terminal's colours and glyphs can be told on the way.
func TestLookChangesOnTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 1<<24, Options{})
		defer r.stop()
		r.feed(30)
		r.wants("⣿", "▀")
		r.keys(":glyphs ascii", tcell.KeyEnter)
		r.feed(1)
		if text := r.text(); strings.ContainsAny(text, "⣿▀│") {
			t.Errorf("with ASCII alone:\n%s", text)
		}
		r.keys(":glyphs block", tcell.KeyEnter)
		r.feed(1)
		r.wants("█", "▀", "│")
		r.keys(":theme grey", tcell.KeyEnter, ":background light", tcell.KeyEnter)
		r.feed(1)
		r.peek(func() {
			if l := r.app.desk.look; !l.light || l.ramp[0] != tcell.NewHexColor(scales[Grey][15]) {
				t.Errorf("a grey scale on light begins with %06x", l.ramp[0].Hex())
			}
		})
		r.keys(":theme pink", tcell.KeyEnter)
		r.wants("is not a theme: use viridis, ci")
	})
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "US-ASCII", 256, Options{Appearance: Appearance{Glyphs: braille}})
		defer r.stop()
		r.feed(2)
		r.wants("characters are US-ASCII: no braille")
		for _, c := range r.text() {
			if c > 0x7f {
				t.Fatalf("%q on a terminal that has no such thing", c)
			}
		}
		r.keys(":glyphs braille", tcell.KeyEnter)
		r.wants("characters are US-ASCII: no b")
	})
}
