package views

import (
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A diffScreen is a tcell.Screen that forwards only what changed. tview clears the
// screen before each draw, after which tcell takes every cell for changed; here a draw
// goes into a buffer of our own and Show forwards the cells that differ from the last
// one. A draw without a difference sends nothing at all.
//
// Drawing and Show belong to one goroutine; PollEvent and Fini may be called by others.
type diffScreen struct {
	tcell.Screen
	w, h     int
	inks     *inks
	next     []cell         // what is being drawn
	sent     []cell         // what the terminal holds
	nextComb map[int]string // runes that combine with those of the cells which have some
	sentComb map[int]string
	stale    atomic.Bool
	cursor   point
	shownAt  point // the cursor as forwarded

	canvas  canvas
	showing sync.Mutex // held while the terminal takes a draw
	ended   bool       // it is to get no more of them
	initErr error
	sync    bool   // the next Show is to send everything
	rescue  func() // frees a write that the terminal does not take
	end     sync.Once
	onShow  func()      // after each Show, also one that had nothing to send
	onError func(error) // the terminal failed
}

type point struct{ x, y int }

type cell struct {
	main  rune
	ink   ink
	width int8 // 1 or 2; covered: the right half of a wide rune
	comb  bool // others combine with it
}

const covered = -1

func newDiffScreen(inner tcell.Screen) *diffScreen {
	return &diffScreen{
		Screen: inner, inks: newInks(), nextComb: map[int]string{}, sentComb: map[int]string{}, cursor: point{-1, -1}, shownAt: point{-1, -1},
	}
}

// Init keeps the error that tview's SetScreen drops. A second Init is tview's own and
// does nothing.
func (s *diffScreen) Init() error {
	if s.next != nil {
		return s.initErr
	}
	s.initErr = s.Screen.Init()
	if s.initErr == nil {
		s.next = []cell{}
		s.canvas = canvasOf(s.Screen, s.inks)
		s.Size()
	}
	return s.initErr
}

// Size follows the terminal, and forgets what was sent when it changed.
func (s *diffScreen) Size() (int, int) {
	w, h := s.Screen.Size()
	if w != s.w || h != s.h {
		s.w, s.h = w, h
		s.next = make([]cell, w*h)
		s.sent = make([]cell, w*h)
		s.Clear()
	}
	return w, h
}

// Fini restores the terminal. It takes no longer than the terminal deserves, and may be
// called by anyone, any number of times.
func (s *diffScreen) Fini() {
	s.end.Do(func() {
		within(func() {
			s.showing.Lock()
			s.ended = true
			s.showing.Unlock()
			s.Screen.Fini()
		}, s.rescue)
	})
}

// PollEvent hides failures of the terminal from tview, which would stop itself under
// the feet of whoever is queueing a draw, and marks every resize: a terminal that
// shrank and grew again has lost cells although its size is what it was.
func (s *diffScreen) PollEvent() tcell.Event {
	switch ev := s.Screen.PollEvent().(type) {
	case *tcell.EventError:
		if s.onError != nil {
			s.onError(ev)
		}
		return tcell.NewEventInterrupt(nil)
	case *tcell.EventResize:
		s.stale.Store(true)
		return ev
	default:
		return ev
	}
}

// EnableMouse asks for buttons and drags only: reports of every motion would cost
// traffic on a slow line for nothing.
func (s *diffScreen) EnableMouse(...tcell.MouseFlags) {
	s.Screen.EnableMouse(tcell.MouseButtonEvents | tcell.MouseDragEvents)
}

// Clear blanks the buffer that is drawn into.
func (s *diffScreen) Clear() { s.Fill(' ', tcell.StyleDefault) }

// Fill fills the buffer that is drawn into.
func (s *diffScreen) Fill(r rune, style tcell.Style) {
	if s.inks.many() {
		s.inks.clear()
		s.forget()
	}
	c := cell{main: r, ink: s.inks.of(style), width: 1}
	for i := range s.next {
		s.next[i] = c
	}
}

// SetContent draws a rune with what combines with it.
func (s *diffScreen) SetContent(x, y int, main rune, comb []rune, style tcell.Style) {
	if x < 0 || y < 0 || x >= s.w || y >= s.h {
		return
	}
	i := y*s.w + x
	c := cell{main: main, ink: s.inks.of(style), width: 1}
	if main < ' ' {
		c.main = ' '
	} else if (main >= 0x7f || len(comb) > 0) && !drawing(main) {
		text := string(main) + string(comb)
		switch n := uniseg.StringWidth(text); {
		case n == 0 || n == 2 && x == s.w-1: // nothing to be seen, or half of it would fall off
			c.main = ' '
		default:
			c.width = int8(min(n, 2))
			if c.comb = len(comb) > 0; c.comb {
				s.nextComb[i] = text[utf8.RuneLen(main):]
			}
		}
	}
	s.next[i] = c
}

// drawing reports whether r is a line, a block or a braille pattern: one cell wide, as
// nearly all that is not ASCII here.
func drawing(r rune) bool { return r >= 0x2500 && r < 0x25A0 || r >= 0x2800 && r < 0x2900 }

// Put draws the first grapheme of str.
func (s *diffScreen) Put(x, y int, str string, style tcell.Style) (string, int) {
	g, rest, width, _ := uniseg.FirstGraphemeClusterInString(str, -1)
	runes := []rune(g)
	if len(runes) > 0 {
		s.SetContent(x, y, runes[0], runes[1:], style)
	}
	return rest, width
}

// PutStrStyled draws str, clipped to the screen.
func (s *diffScreen) PutStrStyled(x, y int, str string, style tcell.Style) {
	for str != "" && x < s.w {
		rest, width := s.Put(x, y, str, style)
		str, x = rest, x+width
	}
}

// PutStr draws str in the default style.
func (s *diffScreen) PutStr(x, y int, str string) { s.PutStrStyled(x, y, str, tcell.StyleDefault) }

// SetCell is the old name of SetContent.
func (s *diffScreen) SetCell(x, y int, style tcell.Style, ch ...rune) {
	if len(ch) == 0 {
		ch = []rune{' '}
	}
	s.SetContent(x, y, ch[0], ch[1:], style)
}

// GetContent is what has been drawn, shown or not.
func (s *diffScreen) GetContent(x, y int) (rune, []rune, tcell.Style, int) {
	if x < 0 || y < 0 || x >= s.w || y >= s.h {
		return 0, nil, tcell.StyleDefault, 0
	}
	c := &s.next[y*s.w+x]
	var comb []rune
	if c.comb {
		comb = []rune(s.nextComb[y*s.w+x])
	}
	return c.main, comb, s.inks.styles[c.ink], int(c.width)
}

// Get is GetContent as a string.
func (s *diffScreen) Get(x, y int) (string, tcell.Style, int) {
	r, comb, style, width := s.GetContent(x, y)
	if width == 0 {
		return "", style, 0
	}
	return string(r) + string(comb), style, width
}

// ShowCursor places the cursor with the next Show.
func (s *diffScreen) ShowCursor(x, y int) { s.cursor = point{x, y} }

// HideCursor hides the cursor with the next Show.
func (s *diffScreen) HideCursor() { s.cursor = point{-1, -1} }

// Show forwards what changed since the last Show and returns when the terminal has
// taken it.
func (s *diffScreen) Show() {
	s.forward()
	if s.onShow != nil {
		s.onShow()
	}
}

// Sync sends everything again.
func (s *diffScreen) Sync() {
	s.Size()
	s.sync = true
	s.Show()
}

func (s *diffScreen) forget() { clear(s.sent) }

// forward hands on each cell that differs.
func (s *diffScreen) forward() {
	s.showing.Lock()
	defer s.showing.Unlock()
	if s.ended {
		return
	}
	if s.stale.Swap(false) || s.sync {
		s.forget()
	}
	s.canvas.begin(s.w, s.sync)
	changed := s.sync || s.cursor != s.shownAt
	for y := 0; y < s.h; y++ {
		first := y * s.w
		for i := first; i < first+s.w; i++ {
			c := s.next[i]
			if c != s.sent[i] || c.comb && s.nextComb[i] != s.sentComb[i] {
				s.canvas.put(i-first, y, c, s.combining(i))
				s.sent[i] = c
				changed = true
			}
			if c.width == 2 {
				i++
				s.sent[i] = cell{width: covered}
			}
		}
	}
	if changed {
		s.canvas.show(s.cursor)
	}
	s.sync, s.shownAt = false, s.cursor
}

// combining is what combines with the rune of cell i, which is sent now.
func (s *diffScreen) combining(i int) string {
	if !s.next[i].comb {
		return ""
	}
	s.sentComb[i] = s.nextComb[i]
	return s.nextComb[i]
}
