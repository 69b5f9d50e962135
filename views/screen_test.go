package views

import (
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gdamore/tcell/v2"
)

// A fakeTty is a terminal that counts what it is sent and can stop reading.
type fakeTty struct {
	mu      sync.Mutex
	w, h    int
	bytes   int
	written []byte // kept where wanted
	keep    bool
	blocked chan struct{} // closed: reads again; nil: reads
	stuck   bool          // a write waits
	wrote   func()        // called after each write
	closed  chan struct{}
	input   chan []byte
	drain   chan struct{}
	resized func()
}

func newTty(w, h int) *fakeTty {
	return &fakeTty{w: w, h: h, closed: make(chan struct{}), input: make(chan []byte), drain: make(chan struct{})}
}

func (f *fakeTty) Start() error { return nil }

func (f *fakeTty) Stop() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.closed:
	default:
		close(f.closed)
	}
	return nil
}

func (f *fakeTty) Drain() error { close(f.drain); return nil }
func (f *fakeTty) Close() error { return nil }

func (f *fakeTty) NotifyResize(cb func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.resized = cb
}

func (f *fakeTty) WindowSize() (tcell.WindowSize, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return tcell.WindowSize{Width: f.w, Height: f.h}, nil
}

func (f *fakeTty) Read(p []byte) (int, error) {
	select {
	case b := <-f.input:
		return copy(p, b), nil
	case <-f.drain:
		return 0, io.EOF
	}
}

func (f *fakeTty) Write(p []byte) (int, error) {
	f.mu.Lock()
	blocked := f.blocked
	f.stuck = blocked != nil
	f.mu.Unlock()
	if blocked != nil {
		select {
		case <-blocked:
		case <-f.closed:
			return 0, errors.New("closed")
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stuck = false
	f.bytes += len(p)
	if f.keep {
		f.written = append(f.written, p...)
	}
	if f.wrote != nil {
		f.wrote()
	}
	return len(p), nil
}

func (f *fakeTty) onWrite(wrote func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wrote = wrote
}

// block stops reading; what it returns reads on.
func (f *fakeTty) block() func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	ch := make(chan struct{})
	f.blocked = ch
	return func() {
		f.mu.Lock()
		f.blocked = nil
		f.mu.Unlock()
		close(ch)
	}
}

func (f *fakeTty) isStuck() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stuck
}

func (f *fakeTty) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

func terminfoScreen(t testing.TB, tty tcell.Tty) tcell.Screen {
	t.Helper()
	s, err := tcell.NewTerminfoScreenFromTty(tty)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestUnchangedDrawSendsNothing(t *testing.T) {
	for _, term := range []string{"xterm-256color", "linux", "tmux-256color"} {
		t.Setenv("TERM", term)
		t.Setenv("COLORTERM", "truecolor")
		tty := newTty(160, 45)
		s := newDiffScreen(terminfoScreen(t, tty))
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		draw := func(mark rune) int {
			before := tty.count()
			s.Clear()
			for y := range 45 {
				for x := range 160 {
					s.SetContent(x, y, rune('a'+(x+y)%26), nil, tcell.StyleDefault.Foreground(tcell.NewHexColor(int32(x))))
				}
			}
			s.SetContent(70, 20, mark, nil, tcell.StyleDefault)
			s.Show()
			return tty.count() - before
		}
		first := draw('x')
		same, one := draw('x'), draw('y')
		t.Logf("%s: first draw %d B, unchanged %d B, one cell %d B", term, first, same, one)
		if same > 100 {
			t.Errorf("%s: a draw without a changed cell sent %d B", term, same)
		}
		if one > 150 || one == 0 {
			t.Errorf("%s: one changed cell sent %d B", term, one)
		}
		s.Fini()
	}
}

// Whatever is drawn, in whatever sizes, the terminal ends up with what a full redraw
// would give: the wide runes, the cells beyond an old edge, the ones that went away.
func TestDiffingEqualsFullRedraw(t *testing.T) {
	rng := rand.New(rand.NewSource(7))
	sim := tcell.NewSimulationScreen("UTF-8")
	s := newDiffScreen(sim)
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer s.Fini()
	go func() {
		for s.PollEvent() != nil {
		}
	}()
	alphabet := []rune("abc .#日本ä▀▄█⣿⠁é")
	styles := []tcell.Style{tcell.StyleDefault, tcell.StyleDefault.Bold(true), tcell.StyleDefault.Foreground(tcell.ColorRed)}
	for round := range 600 {
		if rng.Intn(2) == 0 {
			sim.SetSize(1+rng.Intn(40), 1+rng.Intn(12))
			if rng.Intn(4) == 0 { // there and back between two draws
				sim.SetSize(1+rng.Intn(5), 1+rng.Intn(5))
				sim.SetSize(s.w, s.h)
			}
			s.stale.Store(true)
		}
		w, h := s.Size()
		full := tcell.NewSimulationScreen("UTF-8")
		reference := newDiffScreen(full)
		if err := reference.Init(); err != nil {
			t.Fatal(err)
		}
		full.SetSize(w, h)
		reference.Size()
		s.Clear()
		for range rng.Intn(200) {
			x, y := rng.Intn(w+2)-1, rng.Intn(h+2)-1
			r, st := alphabet[rng.Intn(len(alphabet))], styles[rng.Intn(len(styles))]
			var comb []rune
			if r == 'a' {
				comb = []rune{0x301}
			}
			s.SetContent(x, y, r, comb, st)
			reference.SetContent(x, y, r, comb, st)
		}
		s.Show()
		reference.sync = true
		reference.Show()
		compare(t, fmt.Sprintf("round %d, %dx%d", round, w, h), sim, full)
		full.Fini()
		if t.Failed() {
			return
		}
	}
}

// compare takes two simulated terminals and skips the hidden halves of wide runes.
func compare(t *testing.T, what string, a, b tcell.SimulationScreen) {
	t.Helper()
	ca, wa, ha := a.GetContents()
	cb, wb, hb := b.GetContents()
	if wa != wb || ha != hb {
		t.Fatalf("%s: sizes %dx%d and %dx%d", what, wa, ha, wb, hb)
	}
	for y := range ha {
		for x := 0; x < wa; x++ {
			i := y*wa + x
			if !slices.Equal(ca[i].Runes, cb[i].Runes) || ca[i].Style != cb[i].Style {
				t.Errorf("%s: cell %d,%d is %q, want %q", what, x, y, string(ca[i].Runes), string(cb[i].Runes))
				return
			}
			if len(ca[i].Runes) > 0 && ca[i].Runes[0] >= 0x2E80 && ca[i].Runes[0] < 0xA000 {
				x++
			}
		}
	}
}

type failingScreen struct{ tcell.SimulationScreen }

func (failingScreen) Init() error { return errors.New("no such terminal") }

func TestInitErrorIsKept(t *testing.T) {
	app, err := New(&Options{Screen: failingScreen{tcell.NewSimulationScreen("UTF-8")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Run(t.Context(), newSource(time.Now())); err == nil || !contains(err.Error(), "no such terminal", "--json") {
		t.Errorf("Run: %v", err)
	}
}

type mouseScreen struct {
	tcell.SimulationScreen
	flags tcell.MouseFlags
}

func (m *mouseScreen) EnableMouse(f ...tcell.MouseFlags) {
	for _, v := range f {
		m.flags |= v
	}
}

func TestMouseMotionIsNotAskedFor(t *testing.T) {
	m := &mouseScreen{SimulationScreen: tcell.NewSimulationScreen("UTF-8")}
	newDiffScreen(m).EnableMouse()
	if m.flags != tcell.MouseButtonEvents|tcell.MouseDragEvents {
		t.Errorf("mouse flags %b", m.flags)
	}
}
