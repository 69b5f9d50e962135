package views

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

// A pencil writes cells to the terminal in place of tcell, whose own draw looks at every cell
// of the screen once more, works out anew how to say each style that it comes to, and says
// all of it even where one colour differs. In all else the terminal remains tcell's.
type pencil struct {
	tty    io.Writer
	colors int
	inks   *inks
	life   int   // of inks
	ways   []way // by ink

	open, close  string // before a draw and after it, so that all of it is seen at once
	wipe         string
	hide, unhide string // the cursor

	buf    []byte
	w      int
	x, y   int  // where the terminal writes next; x < 0: nobody knows
	ink    int  // that it writes with; < 0: nobody knows
	cursor bool // it shows one
}

// A way is how the terminal is told of a style.
type way struct {
	fg, bg tcell.Color
	attrs  tcell.AttrMask
	whole  string // whatever was before
	toFg   string // from a style that differs in that alone; empty: by no way
	toBg   string
	toBoth string
}

// newPencil is a pencil for the terminal of s, or nil where tcell knows better: where there
// are other characters than UTF-8, no colours, or other ways than ANSI's.
func newPencil(s tcell.Screen, k *inks) *pencil {
	tty, ok := s.Tty()
	on := surfaceOf(s)
	if !ok || !on.utf8 || on.colors == 0 {
		return nil
	}
	i, err := tcell.LookupTerminfo(os.Getenv("TERM"))
	if err != nil || i.SetCursor != "\x1b[%i%p1%d;%p2%dH" || !strings.Contains(i.AttrOff, "\x1b[") || !strings.Contains(i.SetFg, "\x1b[") {
		return nil
	}
	const delay = "$<"
	if strings.Contains(i.AttrOff+i.Clear+i.HideCursor+i.ShowCursor, delay) || i.AutoMargin && i.DisableAutoMargin == "" && i.InsertChar != "" {
		return nil
	}
	p := &pencil{tty: tty, colors: on.colors, inks: k, wipe: i.AttrOff + i.Clear, hide: i.HideCursor, unhide: i.ShowCursor}
	if i.XTermLike {
		p.open, p.close = "\x1b[?2026h", "\x1b[?2026l"
	}
	return p
}

func (p *pencil) begin(w int, wipe bool) {
	if p.life != p.inks.life {
		p.life, p.ways = p.inks.life, p.ways[:0]
	}
	p.w, p.x, p.ink = w, -1, -1
	p.buf = append(p.buf[:0], p.open...)
	if p.cursor {
		p.say(p.hide)
	}
	if wipe {
		p.say(p.wipe)
	}
}

func (p *pencil) put(x, y int, c cell, comb string) {
	p.move(x, y)
	p.dip(c.ink)
	if c.width == 2 && x+2 < p.w {
		p.say("  \b\b") // some terminals keep half of what was there
	}
	p.buf = utf8.AppendRune(p.buf, c.main)
	p.say(comb)
	p.x++
	if c.width == 2 || c.comb {
		p.x = -1 // not all terminals agree on how wide it is
	}
}

// show sends what was drawn. Whether the terminal fails is told by what reads from it.
func (p *pencil) show(cursor point) {
	p.cursor = cursor.x >= 0 && cursor.x < p.w && cursor.y >= 0
	if p.cursor {
		p.move(cursor.x, cursor.y)
		p.say(p.unhide)
	}
	p.say(p.close)
	_, _ = p.tty.Write(p.buf)
}

func (p *pencil) say(s string) { p.buf = append(p.buf, s...) }

func (p *pencil) move(x, y int) {
	if p.x == x && p.y == y {
		return
	}
	p.say("\x1b[")
	if right := x - p.x; p.x >= 0 && p.y == y && right > 0 { // the shorter way
		if right > 1 {
			p.buf = strconv.AppendInt(p.buf, int64(right), 10)
		}
		p.buf = append(p.buf, 'C')
	} else {
		p.buf = strconv.AppendInt(p.buf, int64(y)+1, 10)
		p.buf = append(p.buf, ';')
		p.buf = strconv.AppendInt(p.buf, int64(x)+1, 10)
		p.buf = append(p.buf, 'H')
	}
	p.x, p.y = x, y
}

// dip takes another ink.
func (p *pencil) dip(to ink) {
	if int(to) == p.ink {
		return
	}
	for len(p.ways) <= int(to) {
		p.ways = append(p.ways, wayTo(p.inks.styles[len(p.ways)], p.colors))
	}
	if way := &p.ways[to]; p.ink < 0 {
		p.say(way.whole)
	} else {
		p.say(way.from(&p.ways[p.ink]))
	}
	p.ink = int(to)
}

// wayTo is how a terminal with so many colours is told of a style.
func wayTo(s tcell.Style, colors int) way {
	fg, bg, attrs := s.Decompose()
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "\x1b[" + s[1:] + "m"
	}
	toFg, toBg := sgrColor(fg, colors, 30), sgrColor(bg, colors, 40)
	return way{fg: fg, bg: bg, attrs: attrs, whole: sgr(s, colors), toFg: code(toFg), toBg: code(toBg), toBoth: code(toFg + toBg)}
}

// from is the way from an old style: where one colour follows another, that alone.
func (w *way) from(old *way) string {
	newFg, newBg := w.fg != old.fg, w.bg != old.bg
	switch {
	case w.attrs != old.attrs, newFg && w.toFg == "", newBg && w.toBg == "":
		return w.whole
	case newFg && newBg:
		return w.toBoth
	case newFg:
		return w.toFg
	case newBg:
		return w.toBg
	default:
		return "" // they differ in what no terminal is told
	}
}
