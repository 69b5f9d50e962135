package views

import (
	"fmt"
	"math/rand"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A sheet is what a terminal shows of what it was sent: as much of ANSI as tcell and a pencil
// write. What it does not know it takes for a mistake.
type sheet struct {
	t            *testing.T
	w, h         int
	cells        []string // text and style; "" covered by what is left of it
	x, y         int
	fg, bg, attr string
	cursor       bool
}

func newSheet(t *testing.T, w, h int) *sheet {
	s := &sheet{t: t, w: w, h: h, cells: make([]string, w*h)}
	s.clear()
	return s
}

func (s *sheet) clear() {
	for i := range s.cells {
		s.cells[i] = " "
	}
}

func (s *sheet) write(b []byte) {
	s.t.Helper()
	text := string(b)
	for text != "" {
		switch c := text[0]; {
		case strings.HasPrefix(text, "\x1b["):
			n := 2 + strings.IndexFunc(text[2:], func(r rune) bool { return r >= '@' && r <= '~' })
			s.sequence(text[2:n], text[n])
			text = text[n+1:]
		case strings.HasPrefix(text, "\x1b("), strings.HasPrefix(text, "\x1b)"):
			text = text[3:]
		case strings.HasPrefix(text, "\x1b]"):
			_, text, _ = strings.Cut(text, "\x1b\\")
		case strings.HasPrefix(text, "\x1b=") || strings.HasPrefix(text, "\x1b>"):
			text = text[2:]
		case c == '\b':
			s.x--
			text = text[1:]
		case c == 0x0f:
			text = text[1:]
		case c < ' ':
			s.t.Fatalf("%q is sent", text[:min(len(text), 10)])
		default:
			var g string
			g, text, _, _ = uniseg.FirstGraphemeClusterInString(text, -1)
			s.put(g)
		}
	}
}

func (s *sheet) put(text string) {
	if s.y >= s.h || s.x >= s.w {
		return // of a size that is no more
	}
	i, width := s.y*s.w+s.x, uniseg.StringWidth(text)
	if s.cells[i] == "" { // half of it went
		s.cells[i-1] = " "
	}
	if i+1 < len(s.cells) && s.cells[i+1] == "" {
		s.cells[i+1] = " "
	}
	s.cells[i] = text + s.fg + s.bg + s.attr
	if width == 2 && s.x+1 < s.w {
		s.cells[i+1] = ""
	}
	s.x += width
}

func (s *sheet) sequence(parameters string, final byte) {
	s.t.Helper()
	var n []int
	for _, v := range strings.Split(parameters, ";") {
		k, _ := strconv.Atoi(v)
		n = append(n, k)
	}
	switch final {
	case 'H':
		s.x, s.y = 0, 0
		if len(n) == 2 {
			s.x, s.y = n[1]-1, n[0]-1
		}
	case 'C':
		s.x += max(n[0], 1)
	case 'J':
		s.clear()
	case 'm':
		s.dip(n)
	case 'h', 'l':
		if parameters == "?25" {
			s.cursor = final == 'h'
		}
	case 'c', 'q', 't', 'u': // shapes of cursors, titles, keyboards
	default:
		s.t.Fatalf("\\e[%s%c is sent", parameters, final)
	}
}

// dip takes a style; of attributes it knows each by its number.
func (s *sheet) dip(n []int) {
	for len(n) > 0 {
		took := 1
		switch v := n[0]; {
		case v == 0:
			s.fg, s.bg, s.attr = "", "", ""
		case v == 38 || v == 48:
			took = map[int]int{2: 5, 5: 3}[n[1]]
			color := fmt.Sprint(n[1:took])
			if v == 38 {
				s.fg = " fg" + color
			} else {
				s.bg = " bg" + color
			}
		case v >= 100:
			s.bg = fmt.Sprintf(" bg[5 %d]", v-100+8)
		case v >= 90:
			s.fg = fmt.Sprintf(" fg[5 %d]", v-90+8)
		case v >= 40:
			s.bg = fmt.Sprintf(" bg[5 %d]", v-40)
		case v >= 30:
			s.fg = fmt.Sprintf(" fg[5 %d]", v-30)
		default:
			all := append(strings.Fields(s.attr), strconv.Itoa(v))
			slices.Sort(all)
			s.attr = " " + strings.Join(slices.Compact(all), " ")
		}
		n = n[took:]
	}
}

// Whatever is drawn with a pencil, a terminal shows in the end what it would if tcell had
// drawn all of it at once.
func TestPencilShowsWhatTcellDoes(t *testing.T) {
	study(t)
	alphabet := []rune("abc .#日本ä▀▄█⣿⠁é°\u0301\u00ad\x9b\x7f\x00─")
	colors := []tcell.Color{
		tcell.ColorDefault, tcell.ColorNavy, tcell.ColorRed, tcell.ColorWhite, tcell.PaletteColor(220), tcell.NewHexColor(0x440154), tcell.NewHexColor(0xfde725),
	}
	for _, term := range []string{"xterm-256color truecolor", "xterm-256color", "tmux-256color", "screen-256color", "xterm", "linux"} {
		t.Run(term, func(t *testing.T) {
			name, depth, _ := strings.Cut(term, " ")
			t.Setenv("TERM", name)
			t.Setenv("COLORTERM", depth)
			if depth == "" {
				t.Setenv("TCELL_TRUECOLOR", "disable") // a terminal keeps the colours that it was given once
			}
			rng := rand.New(rand.NewSource(5))
			const w, h = 9, 4
			on := func() (*diffScreen, *sheet) {
				tty, shown := newTty(w, h), newSheet(t, w, h)
				tty.keep = true
				s := newDiffScreen(terminfoScreen(t, tty))
				if err := s.Init(); err != nil {
					t.Fatal(err)
				}
				s.onShow = func() {
					tty.mu.Lock()
					defer tty.mu.Unlock()
					shown.write(tty.written)
					tty.written = nil
				}
				return s, shown
			}
			ours, shown := on()
			defer ours.Fini()
			if _, ok := ours.canvas.(*pencil); !ok {
				t.Fatal("there is no pencil")
			}
			for round := range 120 {
				plain, want := on()
				plain.canvas = &tcellCanvas{screen: plain.Screen, inks: plain.inks}
				ours.Clear()
				for range rng.Intn(60) {
					x, y, r := rng.Intn(w), rng.Intn(h), alphabet[rng.Intn(len(alphabet))]
					style := tcell.StyleDefault.Foreground(colors[rng.Intn(len(colors))]).Background(colors[rng.Intn(len(colors))])
					if rng.Intn(3) == 0 {
						style = style.Bold(rng.Intn(2) == 0).Dim(rng.Intn(2) == 0).Reverse(rng.Intn(2) == 0)
					}
					var comb []rune
					if r == 'a' {
						comb = []rune{0x300 + rune(rng.Intn(3))}
					}
					for _, s := range []*diffScreen{ours, plain} {
						s.SetContent(x, y, r, comb, style)
					}
				}
				for _, s := range []*diffScreen{ours, plain} { // nothing changes but what combines
					s.SetContent(0, 0, 'a', []rune{0x300 + rune(round%3)}, tcell.StyleDefault)
				}
				cursor := point{rng.Intn(w+4) - 2, rng.Intn(h)}
				ours.ShowCursor(cursor.x, cursor.y)
				plain.ShowCursor(cursor.x, cursor.y)
				switch rng.Intn(8) {
				case 0:
					ours.Sync()
				case 1:
					ours.stale.Store(true)
					ours.Show()
				default:
					ours.Show()
				}
				plain.Show()
				plain.Fini()
				for i := range shown.cells {
					if shown.cells[i] != want.cells[i] {
						t.Fatalf("round %d: cell %d,%d is %q, want %q", round, i%w, i/w, shown.cells[i], want.cells[i])
					}
				}
				if shown.cursor != want.cursor || want.cursor && (shown.x != want.x || shown.y != want.y) {
					t.Fatalf("round %d: the cursor is at %d,%d (%t), want %d,%d (%t)", round, shown.x, shown.y, shown.cursor, want.x, want.y, want.cursor)
				}
			}
		})
	}
}

// Where a terminal is none for a pencil, tcell writes.
func TestNoPencil(t *testing.T) {
	for _, env := range [][2]string{{"LANG", "C"}, {"LANG", "de_DE.ISO-8859-1"}, {"NO_COLOR", "1"}, {"TERM", "vt100"}, {"TERM", "wy50"}} {
		t.Run(env[0]+"="+env[1], func(t *testing.T) {
			t.Setenv(env[0], env[1])
			s := newDiffScreen(terminfoScreen(t, newTty(80, 24)))
			if err := s.Init(); err != nil {
				t.Fatal(err)
			}
			defer s.Fini()
			if _, ok := s.canvas.(*pencil); ok {
				t.Error("there is a pencil")
			}
		})
	}
}

// Through sizes and frames a terminal that keeps nothing right when its size changes shows
// what was drawn: tcell, which draws then, too, has no cells of its own to draw.
func TestPencilFollowsSizes(t *testing.T) {
	t.Setenv("COLORTERM", "truecolor")
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewSource(9))
		r := startTty(t, 80, 24)
		defer r.end(t)
		r.tty.keep = true
		for range 60 {
			r.tty.mu.Lock()
			if rng.Intn(4) > 0 {
				r.tty.w, r.tty.h = 1+rng.Intn(120), 1+rng.Intn(40)
			}
			shown := newSheet(t, r.tty.w, r.tty.h)
			for i := range shown.cells {
				shown.cells[i] = "?"
			}
			r.tty.written = nil
			r.tty.mu.Unlock()
			r.tty.resized()
			r.feed(1 + rng.Intn(4))
			time.Sleep(200 * time.Millisecond) // tview draws once more 50 ms later
			synctest.Wait()
			shown.write(r.tty.written)
			for i, got := range shown.cells {
				if want, _, _ := r.app.screen.Get(i%shown.w, i/shown.w); !strings.HasPrefix(got, want) {
					t.Fatalf("%dx%d: cell %d,%d is %q, want %q", shown.w, shown.h, i%shown.w, i/shown.w, got, want)
				}
			}
		}
	})
}

// A terminal that shrank and grew again before anyone looked has lost cells: all are sent
// again.
func TestTerminalIsDrawnAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		defer r.end(t)
		r.feed(20)
		r.src.change(func(l *stream.Link) { l.State = stream.Stale })
		time.Sleep(3 * time.Second)
		before := r.tty.count()
		r.tty.resized()
		time.Sleep(time.Second)
		synctest.Wait()
		if sent := r.tty.count() - before; sent < 80*24 {
			t.Errorf("%d B are sent when the terminal was resized", sent)
		}
	})
}

// What is drawn after the terminal was given back goes nowhere.
func TestNothingIsDrawnAfterTheEnd(t *testing.T) {
	tty := newTty(80, 24)
	s := newDiffScreen(terminfoScreen(t, tty))
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	s.Show()
	s.Fini()
	before := tty.count()
	s.Sync()
	if sent := tty.count() - before; sent != 0 {
		t.Errorf("%d B are sent", sent)
	}
}

// Styles of themes that were chosen long ago are forgotten, and what is seen stays.
func TestInks(t *testing.T) {
	tty := newTty(10, 1)
	tty.keep = true
	s := newDiffScreen(terminfoScreen(t, tty))
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer s.Fini()
	shown := newSheet(t, 10, 1)
	for i := range 3 * enoughInks {
		s.Clear()
		s.SetContent(i%10, 0, 'x', nil, tcell.StyleDefault.Foreground(tcell.PaletteColor(i%256)).Background(tcell.PaletteColor(i/256)))
		s.Show()
		shown.write(tty.written)
		tty.written = nil
		if want := fmt.Sprintf("x fg[5 %d] bg[5 %d]", i%256, i/256); shown.cells[i%10] != want {
			t.Fatalf("%d: %q is shown, want %q", i, shown.cells[i%10], want)
		}
		if n := len(s.inks.styles); n > enoughInks+1 {
			t.Fatalf("%d styles are kept", n)
		}
	}
}

// What a draw sends is made without allocating, though every cell changes and has a style
// of its own.
func TestShowAllocatesNothing(t *testing.T) {
	t.Setenv("COLORTERM", "truecolor")
	const w, h = 200, 60
	s := newDiffScreen(terminfoScreen(t, newTty(w, h)))
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer s.Fini()
	ramp, round := rgb(scales[Viridis]), 0
	draw := func() {
		round++
		s.Clear()
		for i := range w * h {
			style := tcell.StyleDefault.Foreground(ramp[(i+round)%16]).Background(ramp[(i/16+round)%16])
			s.SetContent(i%w, i/w, '▀', nil, style)
		}
		s.Show()
	}
	for range 17 { // all styles have been there
		draw()
	}
	if n := testing.AllocsPerRun(20, draw); n != 0 {
		t.Errorf("%v allocations a draw", n)
	}
}
