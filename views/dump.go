package views

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gdamore/tcell/v2"
)

// A dump is where the screen is to be written with the next draw: as text, as text with
// the escape sequences that bring its colours back, or both.
type dump struct{ text, ansi string } // paths; empty: not that

// dumpTo reads what a person calls a dump: FILE.txt, FILE.ans, or FILE for both. Without
// a name it gets the time.
func dumpTo(name string, now time.Time) *dump {
	switch {
	case strings.HasSuffix(name, ".txt"):
		return &dump{text: name}
	case strings.HasSuffix(name, ".ans"):
		return &dump{ansi: name}
	case name == "":
		name = now.UTC().Format("argos-20060102-150405.000")
	}
	return &dump{text: name + ".txt", ansi: name + ".ans"}
}

// write writes the cells of screen on a terminal with so many colours. A file that is
// there already stays as it is.
func (d *dump) write(screen tcell.Screen, colors int) error {
	var made []string
	for _, w := range []struct {
		path  string
		style func(tcell.Style) string
	}{{d.text, nil}, {d.ansi, func(s tcell.Style) string { return sgr(s, colors) }}} {
		if w.path == "" {
			continue
		}
		f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			made = append(made, w.path)
			_, err = f.WriteString(cellsOf(screen, w.style))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			for _, path := range made {
				_ = os.Remove(path) // the first error tells
			}
			return err
		}
	}
	return nil
}

func (d *dump) String() string {
	switch {
	case d.ansi == "":
		return d.text
	case d.text == "":
		return d.ansi
	default:
		return d.text + " and " + d.ansi
	}
}

// cellsOf is the screen line by line; style, if there is one, says how to switch to a
// style.
func cellsOf(screen tcell.Screen, style func(tcell.Style) string) string {
	var b strings.Builder
	w, h := screen.Size()
	for y := range h {
		var line strings.Builder
		end, now := 0, tcell.StyleDefault
		for x := 0; x < w; {
			text, s, width := screen.Get(x, y)
			if style != nil && s != now {
				line.WriteString(style(s))
				now = s
			}
			line.WriteString(text)
			if text != " " || style != nil && s != tcell.StyleDefault {
				end = line.Len()
			}
			x += max(width, 1)
		}
		b.WriteString(line.String()[:end])
		if style != nil && strings.Contains(line.String()[:end], "\x1b") {
			b.WriteString("\x1b[0m")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// sgr is the escape sequence that switches to a style and nothing else.
func sgr(s tcell.Style, colors int) string {
	fg, bg, attrs := s.Decompose()
	seq := "\x1b[0"
	for _, a := range []struct {
		mask tcell.AttrMask
		code string
	}{{tcell.AttrBold, ";1"}, {tcell.AttrDim, ";2"}, {tcell.AttrItalic, ";3"}, {tcell.AttrUnderline, ";4"}, {tcell.AttrBlink, ";5"}, {tcell.AttrReverse, ";7"}} {
		if attrs&a.mask != 0 {
			seq += a.code
		}
	}
	return seq + sgrColor(fg, colors, 30) + sgrColor(bg, colors, 40) + "m"
}

// sgrColor is a colour as a terminal with so many of them gets it; base is 30 for the
// foreground, 40 for the background.
func sgrColor(c tcell.Color, colors, base int) string {
	if colors == 0 || !c.Valid() {
		return ""
	}
	if colors <= 256 {
		palette := make([]tcell.Color, colors)
		for i := range palette {
			palette[i] = tcell.PaletteColor(i)
		}
		if !slices.Contains(palette, c) {
			c = tcell.FindColor(c, palette)
		}
	}
	if c.IsRGB() {
		r, g, b := c.RGB()
		return fmt.Sprintf(";%d;2;%d;%d;%d", base+8, r, g, b)
	}
	switch i := int(c - tcell.ColorValid); {
	case i < 8:
		return fmt.Sprintf(";%d", base+i)
	case i < 16:
		return fmt.Sprintf(";%d", base+60+i-8)
	default:
		return fmt.Sprintf(";%d;5;%d", base+8, i)
	}
}

func (a *App) dumpScreen(int) { a.dumping = dumpTo("", time.Now()) }

// drew writes the dump that was asked for, from what has been drawn and is about to be
// shown.
func (a *App) drew(screen tcell.Screen) {
	d := a.dumping
	if d == nil {
		return
	}
	a.dumping = nil
	if err := d.write(screen, a.desk.look.colors); err != nil {
		a.desk.say("not written: "+err.Error(), true)
	} else {
		a.desk.say("the screen is in "+d.String(), false)
	}
	a.wake()
}
