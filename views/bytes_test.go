package views

import (
	"bytes"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"
)

// A ptyScreen is a terminal that counts at its other end what it was sent.
type ptyScreen struct {
	tcell.Screen
	read atomic.Int64
	own  *os.File // our end
}

func openPty(t *testing.T, w, h int) *ptyScreen {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(master, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
		t.Fatal(err)
	}
	tty, err := tcell.NewDevTtyFromDev(slave.Name())
	if err != nil {
		t.Fatal(err)
	}
	p := &ptyScreen{Screen: terminfoScreen(t, tty), own: slave}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := master.Read(buf)
			if err != nil || bytes.HasSuffix(buf[:n], []byte(lastWord)) {
				return
			}
			p.read.Add(int64(n))
		}
	}()
	t.Cleanup(func() {
		if _, err := slave.WriteString(lastWord); err != nil {
			t.Error(err)
		}
		<-done
		slave.Close()
		master.Close()
	})
	return p
}

// sent is how many bytes f makes the terminal get. A mark behind them tells when all have
// come.
func (p *ptyScreen) sent(t *testing.T, f func()) int64 {
	t.Helper()
	mark := []byte("\x1b7\x1b8") // save and restore the cursor: nobody sees it
	settle := func() int64 {
		before := p.read.Load()
		if _, err := p.own.Write(mark); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); ; {
			now := p.read.Load()
			time.Sleep(2 * time.Millisecond)
			if now >= before+int64(len(mark)) && now == p.read.Load() {
				return now
			}
			if time.Now().After(deadline) {
				t.Fatal("the terminal does not get what it is sent")
			}
		}
	}
	before := settle()
	f()
	return settle() - before - int64(len(mark))
}

// On a real pseudo-terminal of 160 by 45 a draw without a changed cell sends nothing, and
// a sweeping waterfall's line, two rows in two draws, is cheap, also expanded to the whole
// screen; each beside tview alone, which clears the screen before it draws.
func TestBytesOnATerminal(t *testing.T) {
	const w, h, most, unchanged = 160, 45, 5000, 100
	t.Setenv("TERM", "xterm-256color")
	t.Setenv("COLORTERM", "truecolor")
	for _, tt := range []struct {
		name     string
		expanded bool
		motion   Motion
		most     int64
	}{{"sweep", false, Sweep, most}, {"sweep, expanded", true, Sweep, most}, {"scroll", false, Scroll, 1 << 20}} {
		t.Run(tt.name, func(t *testing.T) {
			ours, plain := openPty(t, w, h), openPty(t, w, h)
			screen := newDiffScreen(ours.Screen)
			if err := screen.Init(); err != nil {
				t.Fatal(err)
			}
			defer screen.Fini()
			if err := plain.Init(); err != nil {
				t.Fatal(err)
			}
			defer plain.Fini()
			d := newDesk(newLook(surfaceOf(ours.Screen), Appearance{}, tt.motion == Sweep))
			d.sweeping, d.expanded, d.focus = tt.motion == Sweep, tt.expanded, paneWaterfall
			now := time.Unix(1_700_000_000, 0)
			s, live := newScene(4096), newBoard()
			d.link, d.now = newSource(now).link, now
			row := func() { // frames of a row of the waterfall; the spectrum shows the first of them
				for range 2 {
					now = now.Add(defaultPace / 2)
					live.take(s.next(now), defaultPace, nil)
				}
				mean, top := d.board.mean, d.board.max
				kept := [2][]int16{append([]int16(nil), mean...), append([]int16(nil), top...)}
				d.board.follow(live)
				if len(kept[0]) > 0 {
					copy(d.board.mean, kept[0])
					copy(d.board.max, kept[1])
				}
			}
			draw := func(on tcell.Screen) {
				on.Clear()
				d.SetRect(0, 0, w, h)
				d.Draw(on)
				on.Show()
			}
			for range 100 {
				row()
			}
			draw(screen)
			draw(plain)
			same := ours.sent(t, func() { draw(screen) })
			samePlain := plain.sent(t, func() { draw(plain) })
			var line, linePlain int64
			const lines = 6
			for range lines {
				for range 2 {
					row()
					line += ours.sent(t, func() { draw(screen) })
					linePlain += plain.sent(t, func() { draw(plain) })
				}
			}
			t.Logf("%dx%d, bytes: unchanged %d (tview alone %d), a line of the waterfall %d (%d)", w, h, same, samePlain, line/lines, linePlain/lines)
			if same > unchanged {
				t.Errorf("a draw without a changed cell sent %d B, want %d at most", same, unchanged)
			}
			if line/lines > tt.most {
				t.Errorf("a line of the waterfall took %d B, want %d at most", line/lines, tt.most)
			}
		})
	}
}
