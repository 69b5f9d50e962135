package views

import (
	"fmt"
	"strings"

	"github.com/gdamore/tcell/v2"
)

// A Finding is what is known of a part of the terminal, and what to do about it.
type Finding struct {
	Name string // "TERM", "colours", "locale", "speed"
	OK   bool
	Text string
	Hint string // where it could be better; may be empty
}

// Examine says what the environment, by its variables, promises of the terminal.
func Examine(env func(string) string) []Finding {
	return []Finding{examineTerm(env("TERM")), examineColors(env), examineLocale(env)}
}

func examineTerm(name string) Finding {
	f := Finding{Name: "TERM", Text: clean(name)}
	switch name {
	case "":
		f.Text, f.Hint = "not set", "no screen without it: ssh -t gives a terminal; --plain and --json need none"
	case "dumb":
		f.Hint = "no screen on it: use --plain or --json, or set TERM to what the terminal is, such as xterm-256color"
	default:
		if _, err := tcell.LookupTerminfo(name); err != nil {
			f.Text += " is not known here"
			f.Hint = "install ncurses-term, or set TERM to a relative, such as xterm-256color"
			return f
		}
		f.OK = true
	}
	return f
}

func examineColors(env func(string) string) Finding {
	f := Finding{Name: "colours", OK: true}
	colors := promisedColors(env)
	switch {
	case env("NO_COLOR") != "":
		f.Text = "none, as NO_COLOR says"
	case colors > 256:
		f.Text = "24-bit"
	case colors == 0:
		f.Text, f.Hint = "none", "where the terminal has some, TERM should say so: xterm-256color"
	case colors < 256:
		f.Text = fmt.Sprint(colors)
		f.Hint = "if the rows 256 and 24-bit below are smooth: export TERM=xterm-256color COLORTERM=truecolor"
	default:
		f.Text = fmt.Sprint(colors)
		f.Hint = "if the row 24-bit below is smooth: export COLORTERM=truecolor, which ssh passes on by SendEnv and AcceptEnv alone"
	}
	return f
}

// promisedColors is how many colours the terminal is said to have; more than 256 are
// 24-bit.
func promisedColors(env func(string) string) int {
	ti, err := tcell.LookupTerminfo(env("TERM"))
	if err != nil {
		return 0
	}
	direct := strings.Contains(env("COLORTERM"), "truecolor") || strings.Contains(env("COLORTERM"), "24bit")
	if ti.TrueColor || direct {
		return 1 << 24
	}
	return max(ti.Colors, 0)
}

func examineLocale(env func(string) string) Finding {
	f := Finding{Name: "locale", OK: true, Text: "not set"}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(name); v != "" {
			f.Text = name + "=" + clean(v)
			break
		}
	}
	if saysUTF8(f.Text) {
		f.Text += ": braille, blocks and lines"
		return f
	}
	f.Text += ": ASCII alone"
	f.Hint = "if the glyphs below are whole: export LC_ALL=C.UTF-8"
	return f
}

func saysUTF8(charset string) bool {
	return strings.Contains(strings.ReplaceAll(strings.ToLower(charset), "-", ""), "utf8")
}

// GlyphCard draws what screens are made of, so that one sees what the terminal lacks:
// the bars at both ends line up where each glyph is one cell wide. Colours are for
// terminals alone.
func GlyphCard(inColor bool) []string {
	const cells = 24
	rows := []struct{ name, glyphs string }{
		{"ASCII", " .:-=+*#%@,;!|'v"},
		{"lines", "─│┬┼├┤┌┐└┘"},
		{"eighths", "▁▂▃▄▅▆▇█"},
		{"halves", "▀▄█▌▐"},
		{"shades", "░▒▓█▓▒"},
		{"braille", "⠁⠃⠇⡇⣇⣧⣷⣿⣶⣤⣀"},
		{"marks", "▼"},
	}
	card := []string{fmt.Sprintf("      %-8s |%s|", "", strings.Repeat("-", cells))}
	for _, r := range rows {
		glyphs := []rune(r.glyphs)
		var b strings.Builder
		for i := range cells {
			b.WriteRune(glyphs[i%len(glyphs)])
		}
		card = append(card, fmt.Sprintf("      %-8s |%s|", r.name, b.String()))
	}
	if !inColor {
		return append(card, cardAdvice)
	}
	ramp := func(name string, colors int, color func(i int) tcell.Color) {
		var b strings.Builder
		for i := range cells {
			b.WriteString(sgr(tcell.StyleDefault.Background(color(i)), colors) + " ")
		}
		card = append(card, fmt.Sprintf("      %-8s |%s\x1b[0m|", name, b.String()))
	}
	ramp("8", 8, func(i int) tcell.Color { return tcell.PaletteColor(i * 8 / cells) })
	ramp("256", 256, func(i int) tcell.Color { return tcell.PaletteColor(232 + i) })
	ramp("24-bit", 1<<24, func(i int) tcell.Color { return tcell.NewHexColor(scales[Viridis][i*len(scales[Viridis])/cells]) })
	return append(card, cardAdvice)
}

const cardAdvice = "      a row of ? or boxes: the font lacks it; a right bar out of line: its width is wrong. Then LC_ALL=C draws in ASCII"
