package views

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
)

// plainBytes is what tview alone sends for a frame of r: it clears the screen before each
// draw, and tcell then takes every cell for changed.
func plainBytes(t *testing.T, r *ttyRig, w, h int) int {
	t.Helper()
	tty := newTty(w, h)
	s := terminfoScreen(t, tty)
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	defer s.Fini()
	var before int
	for range 2 { // the first draw of a screen is a full one anyway
		before = tty.count()
		s.Clear()
		r.app.desk.Draw(s)
		s.Show()
	}
	return tty.count() - before
}

// A budget is kept to within a tenth, and used, whatever the waterfall does.
func TestBudgetIsKept(t *testing.T) {
	t.Setenv("COLORTERM", "truecolor")
	for _, tt := range []struct {
		budget  int
		motion  Motion
		seconds int
	}{{20_000, AutoMotion, 30}, {20_000, Scroll, 20}, {5_000, AutoMotion, 20}, {60_000, AutoMotion, 10}} {
		synctest.Test(t, func(t *testing.T) {
			r := startTtyWith(t, 160, 45, Options{TTYBudget: tt.budget, Motion: tt.motion})
			defer r.end(t)
			r.feed(100)
			before, began := r.tty.count(), time.Now()
			drawn := len(r.src.rendered)
			for time.Since(began) < time.Duration(tt.seconds)*time.Second {
				time.Sleep(50 * time.Millisecond)
				r.app.Frame(r.scene.next(time.Now()))
			}
			synctest.Wait()
			perSecond := float64(r.tty.count()-before) / float64(tt.seconds)
			draws := float64(len(r.src.rendered)-drawn) / float64(tt.seconds)
			plain := plainBytes(t, r, 160, 45)
			t.Logf("budget %d B/s, %v: %.0f B/s, %.1f draws/s; tview alone %d B a draw", tt.budget, tt.motion, perSecond, draws, plain)
			if perSecond > 1.1*float64(tt.budget) {
				t.Errorf("%v: %.0f B/s of %d", tt.motion, perSecond, tt.budget)
			}
			if perSecond < 0.9*float64(tt.budget) && draws < 19 {
				t.Errorf("%v: %.0f B/s of %d, and only %.1f draws/s", tt.motion, perSecond, tt.budget, draws)
			}
			if want := math.Round(r.app.desk.traffic.perSecond); draws > 3 && (want < 0.7*perSecond || want > 1.5*perSecond) {
				t.Errorf("the screen says %.0f B/s", want)
			}
		})
	}
}

// However much is owed, a key's effect is on the terminal before any time goes by, and
// what arrived meanwhile is not.
func TestKeysDoNotWaitForTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startTtyWith(t, 160, 45, Options{TTYBudget: 5000})
		defer r.end(t)
		r.feed(100)
		for _, key := range []string{"m", "e", "e", "d", "?", "\x1b", "h", "m"} {
			for range 7 {
				r.app.Frame(r.scene.next(time.Now()))
			}
			before, now, acked := r.tty.count(), time.Now(), r.src.newest()
			owed := r.app.meter.wait()
			r.tty.input <- []byte(key)
			synctest.Wait()
			if key == "\x1b" { // it may be the beginning of another key
				time.Sleep(100 * time.Millisecond)
				synctest.Wait()
				now = time.Now()
			}
			if r.tty.count() == before || !time.Now().Equal(now) {
				t.Errorf("%q: nothing was drawn at once, with %v to wait", key, owed)
			}
			if owed > 0 && key != "\x1b" && r.src.newest() != acked {
				t.Errorf("%q brought a frame along", key)
			}
			time.Sleep(30 * time.Millisecond)
		}
		// However large a draw was, frames wait for it no longer than maxAsked.
		time.Sleep(maxAsked + maxGap)
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("%d is on the screen, want %d", got, r.scene.seq)
		}
	})
}

// Where bytes are dear the waterfall sweeps by itself and says so; where the terminal turns
// out to be slow, too.
func TestSweepsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{TTYBudget: 20_000})
		defer r.stop()
		r.feed(30)
		r.wants("─ sweep ─", "tty ", ", 20 kB/s budget: ", " draws/s ─")
		r.resize(60, 16)
		r.wants("── 20 kB/s budget: ")
		r.resize(80, 24)
		r.keys(":budget off", tcell.KeyEnter)
		r.feed(1)
		r.peek(func() {
			if r.app.desk.sweeping {
				t.Error("without a budget it sweeps")
			}
		})
		r.keys(":budget 1", tcell.KeyEnter)
		r.wants(`"1" is not a budget: use bytes`)
	})
	synctest.Test(t, func(t *testing.T) {
		r := startTty(t, 80, 24)
		defer r.end(t)
		r.tty.keep = true
		r.feed(20)
		for range 100 { // 100 ms in which the terminal takes nothing, 10 in which it does
			unblock := r.tty.block()
			r.app.Frame(r.scene.next(time.Now()))
			time.Sleep(100 * time.Millisecond)
			unblock()
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		if d := r.app.desk; !d.traffic.slow || !d.sweeping {
			t.Errorf("slow %t, sweeping %t after 11 s of a slow terminal", d.traffic.slow, d.sweeping)
		}
		if !contains(string(r.tty.written), "the terminal is slow: the waterfall sweeps") {
			t.Error("it was not said")
		}
	})
}

func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		wait := func(want time.Duration) {
			t.Helper()
			if got := m.wait(); (got - want).Abs() > time.Microsecond {
				t.Errorf("%v to wait, want %v", got, want)
			}
		}
		m.took(1e6, time.Second)
		wait(0) // there is no budget
		m.setBudget(1000)
		wait(0)
		m.took(500, 0)
		wait(500 * time.Millisecond)
		time.Sleep(200 * time.Millisecond)
		wait(300 * time.Millisecond)
		time.Sleep(time.Hour)
		m.took(500, 0)
		wait(500*time.Millisecond - maxSaved)
		m.took(9600, 0)
		wait(10 * time.Second)
		m.draws(true)
		m.took(50_000, 0)
		wait(10 * time.Second) // a key adds nothing to what is more than maxAsked
		time.Sleep(9 * time.Second)
		m.took(50_000, 0)
		wait(maxAsked)
		m.setBudget(0)
		wait(0)
		if taken, busy := m.read(); taken != 1_110_600 || busy != time.Second {
			t.Errorf("%d B taken in %v", taken, busy)
		}
	})
}

func TestBudgetIsRead(t *testing.T) {
	for _, tt := range []struct {
		in, ssh string
		want    int
	}{
		{"20k", "", 20_000},
		{"20K", "", 20_000},
		{"1.5M", "", 1_500_000},
		{"4000", "", 4000},
		{"off", "", 0},
		{"off", "10.0.0.1 5 10.0.0.2 22", 0},
		{"auto", "", 0},
		{"auto", "10.0.0.1 5 10.0.0.2 22", remoteBudget},
	} {
		t.Setenv("SSH_TTY", "")
		t.Setenv("SSH_CONNECTION", tt.ssh)
		if got, err := ParseBudget(tt.in); err != nil || got != tt.want {
			t.Errorf("%q: %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "k", "1k", "20 k", "-5k", "NaN", "1e12", "101M", "20kB"} {
		if _, err := ParseBudget(in); err == nil {
			t.Errorf("%q is a budget", in)
		}
	}
}
