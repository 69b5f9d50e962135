package views

import (
	"sync"
	"sync/atomic"

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
	w, h    int
	next    []cell // what is being drawn
	sent    []cell // what the inner screen holds
	stale   atomic.Bool
	cursor  point
	shownAt point // the cursor as forwarded

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
	comb  string // combining runes, nearly always empty
	style tcell.Style
	width int8 // 1 or 2; covered: the right half of a wide rune
}

const covered = -1

func newDiffScreen(inner tcell.Screen) *diffScreen {
	return &diffScreen{Screen: inner, cursor: point{-1, -1}, shownAt: point{-1, -1}}
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
	s.end.Do(func() { within(s.Screen.Fini, s.rescue) })
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
	c := cell{main: r, style: style, width: 1}
	for i := range s.next {
		s.next[i] = c
	}
}

// SetContent draws a rune with what combines with it.
func (s *diffScreen) SetContent(x, y int, main rune, comb []rune, style tcell.Style) {
	if x < 0 || y < 0 || x >= s.w || y >= s.h {
		return
	}
	c := cell{main: main, style: style, width: 1}
	if main < ' ' {
		c.main = ' '
	} else if (main >= 0x300 || len(comb) > 0) && !drawing(main) {
		c.width = int8(min(max(uniseg.StringWidth(string(main)+string(comb)), 1), 2))
		c.comb = string(comb)
	}
	if c.width == 2 && x == s.w-1 {
		c = cell{main: ' ', style: style, width: 1} // half of it would fall off
	}
	s.next[y*s.w+x] = c
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
	if c.comb != "" {
		comb = []rune(c.comb)
	}
	return c.main, comb, c.style, int(c.width)
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
	if s.stale.Swap(false) {
		s.forget()
	}
	if changed := s.forward(); s.sync {
		s.sync = false
		s.Screen.Sync()
	} else if changed {
		s.Screen.Show()
	}
	if s.onShow != nil {
		s.onShow()
	}
}

// Sync sends everything again.
func (s *diffScreen) Sync() {
	s.Size()
	s.forget()
	s.forward()
	s.Screen.Sync()
}

func (s *diffScreen) forget() {
	for i := range s.sent {
		s.sent[i] = cell{}
	}
}

// forward hands the inner screen each cell that differs and reports whether any did.
func (s *diffScreen) forward() bool {
	changed := s.cursor != s.shownAt
	if changed {
		s.Screen.ShowCursor(s.cursor.x, s.cursor.y)
		s.shownAt = s.cursor
	}
	for y := 0; y < s.h; y++ {
		next, sent := s.next[y*s.w:(y+1)*s.w], s.sent[y*s.w:(y+1)*s.w]
		for x := 0; x < s.w; x++ {
			c := &next[x]
			wide := c.width == 2
			if !c.is(&sent[x]) || wide && sent[x+1].width != covered {
				s.Screen.Put(x, y, c.text(), c.style)
				sent[x] = *c
				changed = true
			}
			if wide {
				x++
				sent[x] = cell{width: covered}
			}
		}
	}
	return changed
}

// is reports whether both are the same. Most cells are: what differs most is asked first.
func (c *cell) is(other *cell) bool {
	return c.main == other.main && c.width == other.width && c.style == other.style && c.comb == other.comb
}

func (c *cell) text() string {
	if c.comb == "" {
		return glyphString(c.main)
	}
	return string(c.main) + c.comb
}

// glyphString saves an allocation for each cell of a trace or a waterfall.
func glyphString(r rune) string {
	switch {
	case r < 0x80:
		return asciiStrings[r]
	case r >= 0x2580 && r < 0x25A0:
		return blockStrings[r-0x2580]
	case r >= 0x2800 && r < 0x2900:
		return brailleStrings[r-0x2800]
	default:
		return string(r)
	}
}

var (
	asciiStrings   = stringsFrom(0, 0x80)
	blockStrings   = stringsFrom(0x2580, 0x20)
	brailleStrings = stringsFrom(0x2800, 0x100)
)

func stringsFrom(first rune, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = string(first + rune(i))
	}
	return s
}
