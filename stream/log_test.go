package stream

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
)

func TestMemoryLog(t *testing.T) {
	l := newMemoryLog()
	if l.Head() != 0 {
		t.Errorf("head %d of nothing", l.Head())
	}
	grown := l.Grown()
	for n := range logEntries + 1 {
		l.Append(Event{Kind: "test", Text: fmt.Sprintf("line\n%d\xff", n+1)})
	}
	select {
	case <-grown:
	default:
		t.Error("nobody was woken")
	}
	const first = logEntries/2 + 1
	for _, c := range []struct {
		from    uint64
		limit   int
		offsets []uint64
		gone    uint64
	}{
		{1, 2, []uint64{first, first + 1}, first - 1},
		{first, 1, []uint64{first}, 0},
		{logEntries, 5, []uint64{logEntries, logEntries + 1}, 0},
		{logEntries + 2, 5, nil, 0},
	} {
		events, gone := l.ReadFrom(nil, c.from, c.limit)
		if len(events) != len(c.offsets) || gone != c.gone {
			t.Fatalf("from %d: %d events, %d gone", c.from, len(events), gone)
		}
		for i, e := range events {
			if e.Offset != c.offsets[i] || e.Text != fmt.Sprint("line ", e.Offset) || e.Time.IsZero() {
				t.Errorf("from %d: %+v", c.from, e)
			}
		}
	}
}

// What fell out of the log while a viewer was away is a gap that it is told of.
func TestEventsNoLongerHeldAreAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.server.events.Append(Event{Kind: "test", Text: "first"})
		synctest.Wait()
		r.network.refuseAll(true)
		r.network.cut()
		for range logEntries + 1000 {
			r.server.events.Append(Event{Kind: "test"})
		}
		r.network.refuseAll(false)
		c.Retry()
		time.Sleep(10 * time.Second)
		_, events := rec.taken()
		gap := texts(events, "gap")
		if len(gap) != 1 || !strings.HasSuffix(gap[0], " events are no longer held") {
			t.Fatalf("gaps %q", gap)
		}
		var gone int
		_, _ = fmt.Sscan(gap[0], &gone)
		if got := len(texts(events, "test")); got+gone != logEntries+1001 {
			t.Errorf("%d events and %d gone of %d", got, gone, logEntries+1001)
		}
		leave()
		r.close(t)
	})
}

func TestChanges(t *testing.T) {
	base := func() spectrum.Status {
		return newFakeSource().Status()
	}
	at := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		name   string
		before func(s *spectrum.Status)
		now    func(s *spectrum.Status)
		want   []Event // kind, severity and part of the text
	}{
		{"nothing", nil, func(s *spectrum.Status) { s.Frames, s.SamplesPerSec = 9, 1 }, nil},
		{
			"failed", nil,
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Failed, "usb:\x1b gone" },
			[]Event{{Kind: "device", Severity: Alarm, Text: "Fake: failed: usb: gone"}},
		},
		{
			"lost", nil,
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Interrupted, "unplugged" },
			[]Event{{Kind: "device", Severity: Alarm, Text: "Fake: interrupted: unplugged"}},
		},
		{
			"lost for another reason",
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Interrupted, "unplugged" },
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Interrupted, "access denied" },
			[]Event{{Kind: "device", Severity: Alarm, Text: "Fake: interrupted: access denied"}},
		},
		{
			"back",
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Interrupted, "unplugged" },
			func(s *spectrum.Status) { s.State, s.Reason = spectrum.Capturing, "" },
			[]Event{{Kind: "device", Text: "Fake: capturing"}},
		},
		{
			"tuned", nil,
			func(s *spectrum.Status) { s.Settings.Tuning.CenterHz, s.Settings.Tuning.LNADB = 433.92e6, 8 },
			[]Event{{Kind: "tuned", Text: "lna 24 -> 8"}},
		},
		{
			"another rate", nil,
			func(s *spectrum.Status) { s.Settings.Tuning.RateHz = 8e6 },
			[]Event{{Kind: "tuned", Text: "rate 0 -> 8M"}},
		},
		{
			"several ranges", nil,
			func(s *spectrum.Status) {
				s.Settings, _ = s.Settings.With(map[string]string{"range": "2400M:2500M,5150M:5850M", "lna": "8"})
			},
			[]Event{{Kind: "tuned", Text: " -> 2.4G:2.5G,5.15G:5.85G, lna 24 -> 8"}},
		},
		{
			"overload", nil,
			func(s *spectrum.Status) { s.LastOverload = at },
			[]Event{{Kind: "overload", Severity: Warning, Text: "lower LNA"}},
		},
		{
			"the same overload",
			func(s *spectrum.Status) { s.LastOverload = at },
			func(s *spectrum.Status) { s.LastOverload = at.Add(time.Second) }, nil,
		},
		{
			"the next overload",
			func(s *spectrum.Status) { s.LastOverload = at },
			func(s *spectrum.Status) { s.LastOverload = at.Add(time.Minute) },
			[]Event{{Kind: "overload", Severity: Warning}},
		},
		{
			"lost",
			func(s *spectrum.Status) { s.Lost = 10 },
			func(s *spectrum.Status) { s.Lost = 15 },
			[]Event{{Kind: "lost", Severity: Warning, Text: "5 samples lost"}},
		},
		{"counted anew", func(s *spectrum.Status) { s.Lost = 10 }, func(s *spectrum.Status) { s.Lost = 0 }, nil},
	} {
		before, now := base(), base()
		if c.before != nil {
			c.before(&before)
		}
		c.now(&now)
		got := changes(&before, &now)
		if len(got) != len(c.want) {
			t.Errorf("%s: %+v", c.name, got)
			continue
		}
		for i, e := range got {
			if e.Kind != c.want[i].Kind || e.Severity != c.want[i].Severity || !strings.Contains(e.Text, c.want[i].Text) {
				t.Errorf("%s: %+v, want %+v", c.name, e, c.want[i])
			}
		}
	}
}
