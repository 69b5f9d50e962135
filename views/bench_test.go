package views

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/sys/unix"
)

// BenchmarkDraw is one whole draw of a new frame, from the board to the terminal's
// bytes, with the CPU time that it takes of one core. Beside it, the same desk on tview alone, which clears the screen before it draws.
func BenchmarkDraw(b *testing.B) {
	b.Setenv("TERM", "xterm-256color")
	b.Setenv("COLORTERM", "truecolor")
	for _, size := range [][2]int{{160, 45}, {200, 60}} {
		for _, kind := range []string{"scroll", "sweep", "tview-alone"} {
			b.Run(fmt.Sprintf("%dx%d/%s", size[0], size[1], kind), func(b *testing.B) {
				tty := newTty(size[0], size[1])
				inner := terminfoScreen(b, tty)
				screen := newDiffScreen(inner)
				if err := screen.Init(); err != nil {
					b.Fatal(err)
				}
				defer screen.Fini()
				on := tcell.Screen(screen)
				if kind == "tview-alone" {
					on = inner
				}
				d := newDesk(newLook(surfaceOf(inner), Appearance{}, kind == "sweep"))
				d.sweeping = kind == "sweep"
				s, live := newScene(4096), newBoard()
				now := time.Now()
				d.link, d.now = newSource(now).link, now
				var took []time.Duration
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				next := func() *spectrum.Frame { now = now.Add(50 * time.Millisecond); return s.next(now) }
				draw := func() {
					d.board.follow(live)
					d.SetRect(0, 0, size[0], size[1])
					on.Clear()
					d.Draw(on)
					on.Show()
				}
				for range 400 { // a waterfall that is full
					live.take(next(), defaultPace, nil)
					draw()
				}
				b.ReportAllocs()
				before := tty.count()
				for b.Loop() {
					b.StopTimer()
					live.take(next(), defaultPace, nil)
					b.StartTimer()
					began := threadTime(b)
					draw()
					took = append(took, threadTime(b)-began)
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "cpu-p50-us")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "cpu-p99-us")
				b.ReportMetric(float64(tty.count()-before)/float64(b.N), "B/draw")
			})
		}
	}
}

// threadTime is the CPU time of this thread: what other programs take is not counted.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// BenchmarkReaction is the time from a key on a terminal to the write of what it changes,
// while frames come at 60 a second, without a budget and with one that is always owed.
func BenchmarkReaction(b *testing.B) {
	for _, budget := range []int{0, 5000} {
		b.Run(fmt.Sprintf("budget=%d", budget), func(b *testing.B) {
			for b.Loop() {
				reportPercentiles(b, "key", reactions(b, budget))
				b.ReportMetric(0, "ns/op")
			}
		})
	}
}

// reactions is how long each of some keys took.
func reactions(b *testing.B, budget int) (took []time.Duration) {
	const keys = 300
	tty := newTty(200, 60)
	meter := &meter{}
	gate := newGate(tty, meter)
	app, err := New(&Options{Screen: terminfoScreen(b, gate), TTYBudget: budget})
	if err != nil {
		b.Fatal(err)
	}
	app.gate, app.meter = gate, meter
	src := newSource(time.Now())
	ended := make(chan error, 1)
	stop := make(chan struct{})
	fed := make(chan struct{})
	go func() { ended <- app.Run(b.Context(), src) }()
	go func() {
		defer close(fed)
		s := newScene(4096)
		tick := time.NewTicker(time.Second / 60)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				app.Frame(s.next(time.Now()))
			case <-stop:
				return
			}
		}
	}()
	time.Sleep(2 * time.Second)
	shown := make(chan time.Time, 1)
	shows := Mean
	tty.onWrite(func() { // within a draw, so that the desk stands still
		if d := app.desk.detector; d != shows {
			shows = d
			shown <- time.Now()
		}
	})
	for i := range keys {
		time.Sleep(time.Duration(20+i%17) * time.Millisecond)
		began := time.Now()
		tty.input <- []byte("d")
		took = append(took, (<-shown).Sub(began))
	}
	tty.onWrite(nil)
	close(stop)
	<-fed
	tty.input <- []byte("q")
	if err := <-ended; err != nil {
		b.Error(err)
	}
	return took
}
