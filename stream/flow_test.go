package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
)

// aLink plays a flow over a link of so many bytes a second and a round trip.
type aLink struct {
	flow      flow
	rate      float64
	roundTrip time.Duration
	idle      time.Time // when the link has taken what was sent
}

// send sends a message and acknowledges all that have come through until then.
func (l *aLink) send(bytes, cells int) {
	now := time.Now()
	l.flow.send(bytes, cells, now)
	if l.idle.Before(now) {
		l.idle = now
	}
	l.idle = l.idle.Add(time.Duration(float64(bytes) / l.rate * float64(time.Second)))
	time.Sleep(time.Until(l.idle.Add(l.roundTrip)))
	l.flow.acknowledge(l.flow.count+1, time.Now(), func(time.Duration) {})
}

func TestWindowFollowsTheLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFlow(100*time.Millisecond, time.Now())
		roundTrip := func(took time.Duration) {
			f.send(1000, 1000, time.Now())
			time.Sleep(took)
			f.acknowledge(f.count+1, time.Now(), func(time.Duration) {})
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
		f.send(1, 1, time.Now())
		f.acknowledge(1<<62, time.Now(), func(time.Duration) {}) // of what was never sent
		if len(f.sent) != 0 || f.count != 107 {
			t.Errorf("%d under way, %d acknowledged", len(f.sent), f.count)
		}
	})
}

// A message takes at most 250 ms of the link, however slow that is, and the tier rises
// again when it gets better.
func TestTierFitsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		grid := spectrum.Grid{BinHz: 1, Bins: 4096}
		asked := grid.Slice(0, 0, 0)
		l := &aLink{flow: newFlow(50*time.Millisecond, time.Now()), rate: 20_000, roundTrip: 50 * time.Millisecond}
		one := func() int {
			cells := l.flow.fit(asked, time.Now()).Cells()
			l.send(cells*3, cells)
			return cells
		}
		if got := one(); got != 4096 {
			t.Errorf("%d cells before anything is known", got)
		}
		for n := range 200 {
			if got := one(); got != 1024 { // 3,072 bytes: 154 ms; twice as many would take 307
				t.Fatalf("%d cells in message %d", got, n)
			}
		}
		l.rate = 5_000
		for range 3 {
			one()
		}
		if got := one(); got != tierCells {
			t.Errorf("%d cells over 5 kB/s", got)
		}
		l.rate = 1e6
		began := time.Now()
		for one() != 4096 {
			if time.Since(began) > time.Minute {
				t.Fatal("the tier does not rise again")
			}
		}
		if took := time.Since(began); took < tierHolds/2 || took > 2*tierHolds {
			t.Errorf("back to all bins after %s", took)
		}
		// Who asks for less gets no less than that.
		if got := l.flow.fit(grid.Slice(0, 0, 64), time.Now()).Cells(); got != 64 {
			t.Errorf("%d cells where 64 were asked for", got)
		}
	})
}

// Jitter on a link that is far from busy tells nothing of its rate.
func TestTierStaysOverAJitteryLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		grid := spectrum.Grid{BinHz: 1, Bins: 4096}
		asked := grid.Slice(0, 0, 0)
		f := newFlow(100*time.Millisecond, time.Now())
		for n := range 400 {
			cells := f.fit(asked, time.Now()).Cells()
			if cells != 4096 {
				t.Fatalf("%d cells in message %d", cells, n)
			}
			f.send(12_000, cells, time.Now())
			time.Sleep(100*time.Millisecond + time.Duration(n%10)*10*time.Millisecond)
			f.acknowledge(f.count+1, time.Now(), func(time.Duration) {})
		}
	})
}
