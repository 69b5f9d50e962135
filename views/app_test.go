package views

import (
	"bytes"
	"context"
	"errors"
	"math/rand"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

func contains(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// A ttyRig is an App on a terminal that counts bytes, behind the gate that New puts
// before the real one.
type ttyRig struct {
	tty   *fakeTty
	app   *App
	src   *fakeSource
	scene *scene
	ended chan error
	stop  context.CancelFunc
}

func startTty(t *testing.T, w, h int) *ttyRig { return startTtyWith(t, w, h, Options{}) }

func startTtyWith(t *testing.T, w, h int, o Options) *ttyRig {
	t.Helper()
	r := &ttyRig{tty: newTty(w, h), src: newSource(time.Now()), scene: newScene(512), ended: make(chan error, 1)}
	meter := &meter{}
	gate := newGate(r.tty, meter)
	o.Screen = terminfoScreen(t, gate)
	app, err := New(&o)
	if err != nil {
		t.Fatal(err)
	}
	app.gate, app.meter = gate, meter
	r.app = app
	var ctx context.Context
	ctx, r.stop = context.WithCancel(t.Context())
	go func() { r.ended <- app.Run(ctx, r.src) }()
	synctest.Wait()
	time.Sleep(200 * time.Millisecond)
	return r
}

func (r *ttyRig) feed(n int) {
	for range n {
		time.Sleep(50 * time.Millisecond)
		r.app.Frame(r.scene.next(time.Now()))
	}
	synctest.Wait()
	time.Sleep(20 * time.Millisecond)
	synctest.Wait()
}

func (r *ttyRig) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

// Frozen, clock and link pane go on once a second, with numbers that all move.
func TestFrozenBytes(t *testing.T) {
	t.Setenv("COLORTERM", "truecolor")
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 160, 45)
		defer r.end(t)
		r.feed(40)
		r.tty.input <- []byte("f")
		r.feed(20)
		time.Sleep(7 * time.Second) // the answer to the key goes away
		synctest.Wait()
		before, seconds := r.tty.count(), 20
		rng := rand.New(rand.NewSource(3))
		for range seconds {
			r.src.change(func(l *stream.Link) {
				l.In.Now, l.Out.Now, l.Frames.Now = 40_000+rng.Float64()*3000, 200+rng.Float64()*100, 19.5+rng.Float64()
				for _, rate := range []*stream.Rate{&l.In, &l.Out, &l.Frames} {
					rate.Recent = append(append([]float64(nil), rate.Recent[1:]...), rate.Now)
				}
				l.LastSeq += 20
				l.Age.Link = time.Duration(15+rng.Intn(10)) * time.Millisecond
				l.Age.Draw = time.Duration(1+rng.Intn(9)) * time.Millisecond
				if rng.Intn(5) == 0 {
					l.RTT.Now = time.Duration(30+rng.Intn(20)) * time.Millisecond
					l.RTT.Recent = append(append([]time.Duration(nil), l.RTT.Recent[1:]...), l.RTT.Now)
				}
				d := *l.Device
				d.Frames += 20
				d.SamplesPerSec = 2e6 + rng.Float64()*1e4
				l.Device = &d
			})
			r.feed(19)
		}
		perSecond := float64(r.tty.count()-before) / float64(seconds)
		t.Logf("frozen at 160x45: %.0f B/s", perSecond)
		if perSecond > 500 {
			t.Errorf("frozen at 160x45: %.0f B/s, want at most 500", perSecond)
		}
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("frozen, %d is acknowledged, want %d", got, r.scene.seq)
		}
	})
}

// A terminal that takes no bytes holds up itself and nothing else.
func TestBlockedTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		defer r.end(t)
		r.feed(20)
		if got := r.src.newest(); got != r.scene.seq {
			t.Fatalf("%d is acknowledged, want %d", got, r.scene.seq)
		}
		unblock := r.tty.block()
		r.feed(2)
		if !r.tty.isStuck() {
			t.Fatal("no write is stuck: the test tests nothing")
		}
		acked := r.src.newest()
		r.feed(200)
		for range 20 {
			r.app.Event(stream.Event{Time: time.Now(), Text: "an event"})
		}
		if got := r.src.newest(); got != acked {
			t.Errorf("%d was acknowledged while the terminal took nothing", got)
		}
		unblock()
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("%d is on the screen, want %d", got, r.scene.seq)
		}
	})
}

// The end comes in bounded time although a draw hangs.
func TestEndWhileBlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		r.feed(5)
		r.tty.block()
		r.feed(5)
		began := time.Now()
		r.stop()
		err := <-r.ended
		if took := time.Since(began); took > 3*patience {
			t.Errorf("the end took %v", took)
		}
		t.Logf("ended after %v with %v", time.Since(began), err)
	})
}

// The terminal gets back what it was, on every way out.
func TestTerminalIsRestored(t *testing.T) {
	ways := map[string]func(r *ttyRig){
		"q":       func(r *ttyRig) { r.tty.input <- []byte("q") },
		"Ctrl-C":  func(r *ttyRig) { r.tty.input <- []byte{3} },
		"context": func(r *ttyRig) { r.stop() },
		"palette": func(r *ttyRig) { r.tty.input <- []byte(":q\r") },
	}
	for name, leave := range ways {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startTty(t, 80, 24)
				r.tty.keep = true
				r.feed(3)
				leave(r)
				if err := <-r.ended; err != nil {
					t.Error(err)
				}
				r.stop()
				if !bytes.Contains(r.tty.written, []byte("\x1b[?1049l")) {
					t.Errorf("the alternate screen was not left: %q", r.tty.written[max(len(r.tty.written)-200, 0):])
				}
			})
		})
	}
}

// A panic anywhere restores the terminal before it is printed.
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		r.tty.keep = true
		var out bytes.Buffer
		code := make(chan int, 1)
		r.app.stderr, r.app.exit = &out, func(c int) { code <- c }
		go func() {
			defer r.app.Guard()
			panic("the roof is on fire")
		}()
		if c := <-code; c != 1 {
			t.Errorf("exit code %d", c)
		}
		if !bytes.Contains(r.tty.written, []byte("\x1b[?1049l")) {
			t.Error("the alternate screen was not left")
		}
		first, rest, _ := strings.Cut(out.String(), "\n")
		if first != "argos-tui: internal error: the roof is on fire" || !strings.Contains(rest, "app_test.go") {
			t.Errorf("printed:\n%s", out.String())
		}
		r.end(t)
	})
}

func TestTerminalGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		defer r.stop()
		_ = r.app.inner.PostEvent(tcell.NewEventError(errors.New("input/output error")))
		if err := <-r.ended; err == nil || !strings.Contains(err.Error(), "input/output error") {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestNoTerminal(t *testing.T) {
	for _, term := range []string{"", "dumb"} {
		t.Setenv("TERM", term)
		_, err := New(nil)
		if err == nil || !contains(err.Error(), "TERM="+term, "--json") || strings.Contains(err.Error(), "\n") {
			t.Errorf("TERM=%q: %v", term, err)
		}
	}
	t.Setenv("TERM", "xterm")
	if _, err := New(nil); err == nil || !contains(err.Error(), "--json") {
		t.Errorf("without a terminal: %v", err)
	}
}

// Hundreds of sizes, keys and clicks, with frames and states in between: no panic,
// and after each the terminal shows, cell by cell, what a full draw on a new one would.
func TestResizeStorm(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 50 // as in a study
	}
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewSource(11))
		r := startRig(t, 80, 24, "UTF-8", 1<<24, Options{})
		defer r.stop()
		r.scene = newScene(256)
		full := tcell.NewSimulationScreen("UTF-8")
		s := newDiffScreen(full)
		if err := s.Init(); err != nil {
			t.Fatal(err)
		}
		defer s.Fini()
		keys := []rune("mhdfedrTaf[]{}+-<>?:xlzZnNpcHvs()012DDs")
		for range rounds {
			r.sim.SetSize(1+rng.Intn(200), 1+rng.Intn(60))
			w, h := r.sim.Size()
			_ = r.sim.PostEvent(tcell.NewEventResize(w, h))
			if rng.Intn(3) == 0 {
				r.src.change(func(l *stream.Link) { l.State = stream.LinkState(rng.Intn(8)) })
			}
			switch k := keys[rng.Intn(len(keys))]; rng.Intn(4) {
			case 0:
				r.sim.InjectKey(tcell.KeyRune, k, tcell.ModNone)
			case 1:
				r.sim.InjectKey([]tcell.Key{tcell.KeyTab, tcell.KeyEscape, tcell.KeyEnter, tcell.KeyPgDn, tcell.KeyUp}[rng.Intn(5)], 0, tcell.ModNone)
			case 2:
				x, y := rng.Intn(w), rng.Intn(h)
				r.sim.InjectMouse(x, y, tcell.ButtonPrimary, tcell.ModNone)
				r.sim.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
			}
			if rng.Intn(10) == 0 {
				g := &r.scene.frame.Grid
				g.Generation++
				g.Tuning.CenterHz += 1e6
				g.StartHz += 1e6
			}
			if rng.Intn(20) == 0 {
				r.app.tv.QueueUpdate(func() { r.app.setMotion(Motion(rng.Intn(3))) })
			}
			r.feed(1)
			r.settle(80 * time.Millisecond) // tview's second draw after a resize
			r.peek(func() { checkAgainstFull(t, r, full, s) })
			if t.Failed() {
				return
			}
		}
	})
}

// checkAgainstFull compares what the terminal holds with what another does after a draw
// of everything.
func checkAgainstFull(t *testing.T, r *rig, full tcell.SimulationScreen, s *diffScreen) {
	t.Helper()
	full.SetSize(r.sim.Size())
	s.Size()
	s.Clear()
	r.app.desk.Draw(s)
	s.Sync()
	compare(t, "storm", r.sim, full)
}

// However fast frames come, draws are no more than 60 a second, and the newest wins.
func TestDrawsAreThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(1)
		r.src.change(func(*stream.Link) { r.src.rendered = nil })
		for range 1000 {
			time.Sleep(time.Millisecond)
			r.app.Frame(r.scene.next(time.Now()))
		}
		r.settle(50 * time.Millisecond)
		r.src.change(func(*stream.Link) {
			if n := len(r.src.rendered); n < 40 || n > 62 {
				t.Errorf("%d draws in a second", n)
			}
		})
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("%d is on the screen, want %d", got, r.scene.seq)
		}
	})
}
