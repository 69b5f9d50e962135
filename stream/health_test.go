package stream

import (
	"slices"
	"testing"
	"time"
)

var epoch = time.Unix(1_700_000_000, 0)

func TestRoundTrips(t *testing.T) {
	var r roundTrips
	if s := r.snapshot(); s.Now != 0 || s.Recent != nil || r.clockOffset() != 0 {
		t.Errorf("of nothing: %+v", s)
	}
	// The peer's clock is 3 s ahead; the way back takes longer on slow pings.
	for i := range 100 {
		took := time.Duration(i+1) * time.Millisecond
		sent := epoch.Add(time.Duration(i) * time.Second)
		r.add(sent, sent.Add(3*time.Second+time.Millisecond/2), sent.Add(took))
	}
	s := r.snapshot()
	if s.Now != 100*time.Millisecond || s.P50 != 51*time.Millisecond || s.P95 != 96*time.Millisecond || s.P99 != 100*time.Millisecond ||
		s.Min != time.Millisecond || s.ClockOffset != 3*time.Second || len(s.Recent) != 60 || s.Recent[59] != s.Now {
		t.Errorf("%+v", s)
	}
	// Each differs by 1 ms from the one before.
	if s.Jitter < 990*time.Microsecond || s.Jitter > time.Millisecond {
		t.Errorf("jitter %s", s.Jitter)
	}
	// A clock that was set is followed, at the latest when older pings are forgotten.
	for i := range roundTripsKept {
		sent := epoch.Add(time.Duration(i) * time.Second)
		r.add(sent, sent.Add(time.Hour+time.Millisecond), sent.Add(2*time.Millisecond))
	}
	if s := r.snapshot(); s.ClockOffset != time.Hour || s.Min != 2*time.Millisecond || len(r.pings) != roundTripsKept {
		t.Errorf("%+v of %d", s, len(r.pings))
	}
}

func TestMeter(t *testing.T) {
	type count struct {
		second int64
		n      float64
	}
	for _, c := range []struct {
		name   string
		counts []count
		at     int64
		now    float64
		recent []float64
	}{
		{"nothing", nil, 5, 0, nil},
		{"the second under way does not count", []count{{5, 1}}, 5, 0, nil},
		{"a whole second", []count{{5, 1}, {5, 2}}, 6, 3, []float64{3}},
		{"quiet seconds", []count{{5, 1}, {8, 2}}, 10, 0, []float64{1, 0, 0, 2, 0}},
		{"clock set back", []count{{100, 1}, {50, 2}}, 52, 0, []float64{3, 0}},
	} {
		var m meter
		for _, n := range c.counts {
			m.add(epoch.Add(time.Duration(n.second)*time.Second), n.n)
		}
		got := m.snapshot(epoch.Add(time.Duration(c.at) * time.Second))
		if got.Now != c.now || !slices.Equal(got.Recent, c.recent) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	var m meter
	m.add(epoch, 1)
	if got := m.snapshot(epoch.Add(time.Hour)); len(got.Recent) != meterSeconds || got.Now != 0 {
		t.Errorf("after an hour: %+v", got)
	}
}

func TestBackoff(t *testing.T) {
	for range 200 {
		var b backoff
		if w := b.next(false); w != 0 {
			t.Fatalf("first wait %s", w)
		}
		for _, most := range []time.Duration{250, 500, 1000, 2000, 4000, 5000, 5000} {
			if w := b.next(false); w <= 0 || w > most*time.Millisecond+time.Millisecond {
				t.Fatalf("attempt %d waits %s", b.attempt, w)
			}
		}
		if w := b.next(true); w > backoffMostBusy {
			t.Fatalf("busy: %s", w)
		}
	}
	spread := map[time.Duration]bool{}
	for range 50 {
		b := backoff{attempt: 10}
		spread[b.next(true)/time.Second] = true
	}
	if len(spread) < 10 {
		t.Errorf("waits lie in %d seconds of %s", len(spread), backoffMostBusy)
	}
	busy := backoff{}
	if w := busy.next(true); w == 0 {
		t.Error("a busy server is asked again at once")
	}
}
