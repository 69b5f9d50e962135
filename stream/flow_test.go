package stream

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// aLink plays a flow over a link of so many bytes a second and a round trip, to a screen
// that takes its time to draw.
type aLink struct {
	flow      flow
	rate      float64
	roundTrip time.Duration
	draws     time.Duration
	idle      time.Time // when the link has taken what was sent
}

// send sends a message, and acknowledges it as received and as shown.
func (l *aLink) send(bytes int) {
	now := time.Now()
	l.flow.send(bytes, now)
	if l.idle.Before(now) {
		l.idle = now
	}
	l.idle = l.idle.Add(time.Duration(float64(bytes) / l.rate * float64(time.Second)))
	time.Sleep(time.Until(l.idle.Add(l.roundTrip)))
	l.flow.acknowledge(l.flow.arrived+1, l.flow.shown, time.Now(), nothing)
	time.Sleep(l.draws)
	l.flow.acknowledge(l.flow.arrived, l.flow.shown+1, time.Now(), nothing)
}

func nothing(time.Duration) {}

func TestWindowFollowsTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(100*time.Millisecond, time.Now())
		roundTrip := func(took time.Duration) {
			f.send(1000, time.Now())
			time.Sleep(took)
			f.acknowledge(f.shown+1, f.shown+1, time.Now(), nothing)
		}
		roundTrip(100 * time.Millisecond)
		for _, want := range []int{16, 8, 4, 2, 2} {
			if roundTrip(400 * time.Millisecond); f.window != want {
				t.Fatalf("window %d after a late acknowledgement, want %d", f.window, want)
			}
		}
		for range 100 {
			roundTrip(300 * time.Millisecond)
		}
		if f.window != windowMost {
			t.Errorf("window %d after acknowledgements in time", f.window)
		}
		f.send(1, time.Now())
		f.acknowledge(1<<62, 1<<62, time.Now(), nothing) // of what was never sent
		f.acknowledge(3, 2, time.Now(), nothing)         // of what was before
		if len(f.sent) != 0 || f.shown != 107 || f.arrived != 107 {
			t.Errorf("%d under way, %d received, %d shown", len(f.sent), f.arrived, f.shown)
		}
	})
}

// frame sends a frame of so many cells or fewer, at three bytes a cell.
func (l *aLink) frame(cells int) (sent int) {
	lowest, now := bits.Len(uint(cells/tierCells))-1, time.Now()
	size := func(tier int) int { return 3 * cells >> tier }
	rise := l.flow.mayRise(now)
	tier := l.flow.choose(rise, lowest, size)
	l.flow.settle(tier, rise, now)
	l.send(size(tier))
	return cells >> tier
}

// A message takes at most 250 ms of the link, however slow that is, and the tier rises
// again when it gets better.
func TestTierFitsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &aLink{flow: newFlow(50*time.Millisecond, time.Now()), rate: 20_000, roundTrip: 50 * time.Millisecond}
		if got := l.frame(4096); got != 4096 {
			t.Errorf("%d cells before anything is known", got)
		}
		for n := range 200 {
			if got := l.frame(4096); got != 1024 { // 3,072 bytes: 154 ms; twice as many would take 307
				t.Fatalf("%d cells in message %d", got, n)
			}
		}
		l.rate = 5_000
		for range 3 {
			l.frame(4096)
		}
		if got := l.frame(4096); got != tierCells {
			t.Errorf("%d cells over 5 kB/s", got)
		}
		l.rate = 1e6
		began := time.Now()
		for l.frame(4096) != 4096 {
			if time.Since(began) > time.Minute {
				t.Fatal("the tier does not rise again")
			}
		}
		if took := time.Since(began); took < tierHolds/2 || took > 2*tierHolds {
			t.Errorf("back to all bins after %s", took)
		}
	})
}

// Of a link that is not known yet not much is taken, but for one message only.
func TestFirstMessageIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &aLink{flow: newFlow(50*time.Millisecond, time.Now()), rate: 1e7, roundTrip: 50 * time.Millisecond}
		if got := l.frame(65536); got != 4096 {
			t.Errorf("%d cells at first", got)
		}
		if got := l.frame(65536); got != 65536 {
			t.Errorf("%d cells of a quick link", got)
		}
	})
}

// A screen that draws slowly gets fewer frames, merged, and no coarser ones.
func TestSlowScreenKeepsItsTier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &aLink{flow: newFlow(time.Millisecond, time.Now()), rate: 1e7, roundTrip: time.Millisecond, draws: time.Second}
		for n := range 100 {
			if got := l.frame(4096); got != 4096 {
				t.Fatalf("%d cells in message %d", got, n)
			}
		}
		if l.flow.window != windowLeast {
			t.Errorf("window %d", l.flow.window)
		}
	})
}

// Jitter on a link that is far from busy tells nothing of its rate, and on one that is it
// is averaged out.
func TestTierOverAJitteryLink(t *testing.T) {
	for _, tt := range []struct {
		rate  float64
		cells int
		most  int // changes of tier
	}{{1e6, 4096, 1}, {20_000, 1024, 6}} {
		synctest.Test(t, func(t *testing.T) {
			l := &aLink{flow: newFlow(100*time.Millisecond, time.Now()), rate: tt.rate}
			r := rand.New(rand.NewPCG(1, 1))
			changes, last := 0, 4096
			for n := range 600 {
				l.roundTrip = 100*time.Millisecond + time.Duration(r.IntN(100))*time.Millisecond
				got := l.frame(4096)
				if got != last {
					changes++
				}
				last = got
				if n > 5 && got > 2*tt.cells {
					t.Fatalf("%g B/s: %d cells in message %d", tt.rate, got, n)
				}
			}
			if changes > tt.most || last > tt.cells || last < tt.cells/2 {
				t.Errorf("%g B/s: %d changes of tier, %d cells at the end", tt.rate, changes, last)
			}
		})
	}
}
