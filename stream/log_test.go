package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
)

// testEventLog is what every eventLog owes its users. open returns an empty one that
// holds at most so many entries.
func testEventLog(t *testing.T, open func(t *testing.T, epoch string, most int) eventLog) {
	t.Helper()
	const most, epoch = 100, "an epoch"
	stored := func(offset uint64) []byte { return bytes.Repeat([]byte{byte(offset)}, int(offset%5)) } // some are empty
	chain := map[uint64]Hash{0: Hash(sum([]byte(epoch)))}
	hashAt := func(offset uint64) Hash {
		for n := uint64(len(chain)); n <= offset; n++ {
			h := chain[n-1]
			chain[n] = Hash(sum(h[:], binary.BigEndian.AppendUint64(nil, n), stored(n)))
		}
		return chain[offset]
	}
	fill := func(t *testing.T, l eventLog, entries uint64) {
		t.Helper()
		for n := range entries {
			if err := l.Append(stored(n + 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(t *testing.T, l eventLog, offset uint64, limit int) []entry {
		t.Helper()
		before := []entry{{stored: []byte("kept")}}
		got, err := l.ReadFrom(before, offset, limit)
		if err != nil || len(got) == 0 || string(got[0].stored) != "kept" {
			t.Fatalf("from %d: %v, %v", offset, got, err)
		}
		got = got[1:]
		for i, e := range got {
			if i > 0 && e.offset != got[i-1].offset+1 || e.prev != hashAt(e.offset-1) || e.hash != hashAt(e.offset) || !bytes.Equal(e.stored, stored(e.offset)) {
				t.Fatalf("from %d: entry %d is %+v", offset, i, e)
			}
		}
		return got
	}
	head := func(t *testing.T, l eventLog, offset uint64) {
		t.Helper()
		if got, want := l.Head(), (place{offset, hashAt(offset)}); got != want {
			t.Fatalf("head at %+v, want %+v", got, want)
		}
	}

	t.Run("empty", func(t *testing.T) {
		l := open(t, epoch, most)
		head(t, l, 0)
		if got := read(t, l, 1, 10); len(got) != 0 || l.Epoch() != epoch {
			t.Errorf("%v in epoch %q", got, l.Epoch())
		}
	})
	t.Run("another epoch", func(t *testing.T) {
		if l := open(t, "another", most); l.Head().hash == hashAt(0) {
			t.Error("begins as this one")
		}
	})
	t.Run("reads", func(t *testing.T) {
		l := open(t, epoch, most)
		fill(t, l, 50)
		head(t, l, 50)
		for _, c := range []struct {
			offset      uint64
			limit       int
			first, last uint64 // 0: none
		}{
			{1, 50, 1, 50},
			{1, 1000, 1, 50},
			{1, 1, 1, 1},
			{7, 3, 7, 9},
			{50, 3, 50, 50},
			{0, 2, 1, 2},
			{51, 3, 0, 0},
			{math.MaxUint64, 3, 0, 0},
			{10, 0, 0, 0},
		} {
			got := read(t, l, c.offset, c.limit)
			if c.first == 0 && len(got) != 0 || c.first > 0 && (len(got) == 0 || got[0].offset != c.first || got[len(got)-1].offset != c.last) {
				t.Errorf("from %d at most %d: %v", c.offset, c.limit, got)
			}
		}
	})
	t.Run("full", func(t *testing.T) {
		l := open(t, epoch, most)
		fill(t, l, 10*most+7)
		head(t, l, 10*most+7)
		all := read(t, l, 1, math.MaxInt)
		if n := len(all); n < most/2 || n > most || all[n-1].offset != 10*most+7 {
			t.Errorf("holds %d entries", n)
		}
		if got := read(t, l, all[0].offset-1, 2); got[0].offset != all[0].offset {
			t.Errorf("what is gone is followed by %d, not by %d", got[0].offset, all[0].offset)
		}
	})
	t.Run("many at once", func(t *testing.T) {
		l := open(t, epoch, 1000)
		var writers sync.WaitGroup
		for range 4 {
			writers.Go(func() {
				for range 100 {
					if err := l.Append([]byte("same")); err != nil {
						t.Error(err)
					}
				}
			})
		}
		h, seen := hashAt(0), uint64(0)
		for seen < 400 {
			got, err := l.ReadFrom(nil, seen+1, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range got {
				seen++
				h = Hash(sum(h[:], binary.BigEndian.AppendUint64(nil, seen), []byte("same")))
				if e.offset != seen || e.hash != h {
					t.Fatalf("entry %d is %+v", seen, e)
				}
			}
		}
		writers.Wait()
		if l.Head() != (place{400, h}) {
			t.Errorf("head at %+v", l.Head())
		}
	})
}

// sum is the chain's hash, made here from what docs/PROTOCOL.md says.
func sum(parts ...[]byte) []byte {
	all := sha256.Sum256(bytes.Join(parts, nil))
	return all[:16]
}

func TestMemoryLog(t *testing.T) {
	testEventLog(t, func(_ *testing.T, epoch string, most int) eventLog { return newMemoryLog(epoch, most) })
}

// What fell out of the log while a viewer was away is a gap that it is told of.
func TestEventsNoLongerHeldAreAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.server.Event(Event{Kind: "test", Text: "first"})
		synctest.Wait()
		r.network.refuseAll(true)
		r.network.cut()
		for range logEntries + 1000 {
			r.server.Event(Event{Kind: "test"})
		}
		r.network.refuseAll(false)
		c.Retry()
		time.Sleep(10 * time.Second)
		_, events := rec.taken()
		gap := texts(events, "gap")
		if len(gap) != 1 || !strings.HasSuffix(gap[0], " events lost: the server no longer holds them") {
			t.Fatalf("gaps %q", gap)
		}
		var gone int
		_, _ = fmt.Sscan(gap[0], &gone)
		if got := len(texts(events, "test")); got+gone != logEntries+1001 {
			t.Errorf("%d events and %d gone of %d", got, gone, logEntries+1001)
		}
		if missing := c.Link().EventsMissing; missing != uint64(gone) {
			t.Errorf("the link counts %d", missing)
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
			func(s *spectrum.Status) {
				t := &s.Settings.Tuning
				t.CenterHz, t.SpanHz, t.LNADB = 433.92e6, 2e6, 8
			},
			[]Event{{Kind: "tuned", Text: "lna 24 -> 8", LowHz: 432.92e6, HighHz: 434.92e6}},
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
			"the calibration lacks something", nil,
			func(s *spectrum.Status) { s.Correction.Missing = "no level for LNA 16 VGA 20 amp off" },
			[]Event{{Kind: "calibration", Severity: Warning, Text: "the calibration has no level for LNA 16 VGA 20 amp off"}},
		},
		{
			"the calibration lacks it no more",
			func(s *spectrum.Status) { s.Correction.Missing = "no level" },
			func(s *spectrum.Status) { s.Correction.Missing = "" }, nil,
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
			if e.Kind != c.want[i].Kind || e.Severity != c.want[i].Severity || !strings.Contains(e.Text, c.want[i].Text) ||
				c.want[i].LowHz > 0 && (e.LowHz != c.want[i].LowHz || e.HighHz != c.want[i].HighHz) || (e.HighHz > 0) == (e.Kind == "device") {
				t.Errorf("%s: %+v, want %+v", c.name, e, c.want[i])
			}
		}
	}
}
