package views

import (
	"testing"
	"time"
)

// BenchmarkDraw is one whole draw of a new frame, from the board to the terminal's
// bytes, at 160 by 45.
func BenchmarkDraw(b *testing.B) {
	tty := newTty(160, 45)
	screen := newDiffScreen(terminfoScreen(b, tty))
	if err := screen.Init(); err != nil {
		b.Fatal(err)
	}
	defer screen.Fini()
	d := newDesk(newLook(surfaceOf(screen.Screen), Appearance{}, false))
	s, live := newScene(4096), newBoard()
	now := time.Now()
	d.link, d.now = newSource(now).link, now
	b.ReportAllocs()
	before := tty.count()
	for b.Loop() {
		now = now.Add(50 * time.Millisecond)
		b.StopTimer()
		f := s.next(now)
		b.StartTimer()
		live.take(f, defaultPace, nil)
		d.board.follow(live)
		d.SetRect(0, 0, 160, 45)
		screen.Clear()
		d.Draw(screen)
		screen.Show()
	}
	b.ReportMetric(float64(tty.count()-before)/float64(b.N), "B/draw")
}
