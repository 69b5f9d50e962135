package stream

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"argos/stream/wire"
)

// bothEncodings runs test for viewers of either subprotocol.
func bothEncodings(t *testing.T, test func(t *testing.T, r *rig, subprotocol string, e encoding)) {
	t.Helper()
	for _, subprotocol := range []string{protocolPB, protocolJSON} {
		t.Run(subprotocol, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				e, _ := encodingOf(subprotocol)
				test(t, r, subprotocol, e)
				r.close(t)
			})
		})
	}
}

// open connects a viewer that says hello, and hears its welcome.
func (r *rig) open(t *testing.T, subprotocol string, hello *wire.Hello) (*websocket.Conn, *wire.Welcome) {
	t.Helper()
	e, _ := encodingOf(subprotocol)
	conn := r.dialRaw(t, subprotocol)
	if err := tell(conn, e, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	m := hear(t, conn, e)
	if m.GetWelcome() == nil {
		t.Fatalf("welcomed by %v", m)
	}
	return conn, m.GetWelcome()
}

// log fills the event log with so many, every tenth of which is an alarm about a band.
func (r *rig) log(events int) {
	for n := range events {
		e := Event{Kind: "test", Text: fmt.Sprint("number ", n+1)}
		if (n+1)%10 == 0 {
			e.Kind, e.Severity, e.LowHz, e.HighHz = "signal", Alarm, 433e6, 434e6
		}
		r.server.Event(e)
	}
}

// Whoever has docs/PROTOCOL.md alone can check the chain: over the bytes as they came, or,
// as JSON, that each link begins where the last ended.
func TestChainAsAViewerSeesIt(t *testing.T) {
	for name, filter := range map[string]*wire.Filter{"all": nil, "some": {Severity: 2, LowHz: 433.5e6, HighHz: 440e6}} {
		t.Run(name, func(t *testing.T) {
			bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
				r.log(250) // 150 of which are from before
				conn, welcome := r.open(t, subprotocol, &wire.Hello{Filter: filter})
				if welcome.GetEventsResumed() || len(welcome.GetHead().GetH()) != hashBytes {
					t.Errorf("%v", welcome)
				}
				h, at, seen, kinds := sum([]byte(welcome.GetEpoch())), uint64(0), 0, map[string]int{}
				for at < welcome.GetHead().GetOffset() {
					switch m := hear(t, conn, e); {
					case m.GetEventGap() != nil:
						g := m.GetEventGap()
						if g.GetFirst() != 1 || g.GetLast() != 150 || g.GetReason() != "joined" {
							t.Errorf("%v", g)
						}
						h, at = g.GetH(), g.GetLast()
						kinds["gap"]++
					case m.GetPassed() != nil:
						h, at = m.GetPassed().GetH(), m.GetPassed().GetOffset()
						kinds["passed"]++
					case m.GetEvent() != nil:
						event, stored := m.GetEvent(), m.GetEvent().GetStored()
						if event.GetOffset() != at+1 {
							t.Fatalf("event %d after %d", event.GetOffset(), at)
						}
						if e == encodingJSON {
							if string(event.GetPrev()) != string(h) || stored != nil {
								t.Fatalf("%v does not follow %x", event, h)
							}
						} else {
							if string(sum(h, []byte{0, 0, 0, 0, 0, 0, 0, byte(event.GetOffset())}, stored)) != string(event.GetH()) || event.GetPrev() != nil || event.GetText() != "" {
								t.Fatalf("%v does not follow %x", event, h)
							}
							offset := event.GetOffset()
							event = new(wire.Event)
							if err := proto.Unmarshal(stored, event); err != nil || event.GetOffset() != 0 {
								t.Fatalf("stored %v, %v", event, err)
							}
							event.Offset, event.H = offset, m.GetEvent().GetH()
						}
						if want := fmt.Sprint("number ", event.GetOffset()); event.GetText() != want || event.GetTimeNs() == 0 || filter != nil && event.GetHighHz() != 434e6 {
							t.Errorf("%v", event)
						}
						h, at = event.GetH(), event.GetOffset()
						seen++
					}
					if seen%16 == 0 {
						_ = tell(conn, e, &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Offset: at}}})
					}
				}
				if string(h) != string(welcome.GetHead().GetH()) || kinds["gap"] != 1 {
					t.Errorf("ends at %x, %v", h, kinds)
				}
				if filter == nil && (seen != 100 || kinds["passed"] > 0) || filter != nil && (seen != 10 || kinds["passed"] < 10 || kinds["passed"] > 12) {
					t.Errorf("%d events, %v", seen, kinds)
				}
				_ = conn.CloseNow()
			})
		})
	}
}

// Events stop when the viewer does not acknowledge them, and nothing is lost by it.
func TestEventWindow(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		conn, _ := r.open(t, subprotocol, new(wire.Hello))
		offsets := make(chan uint64, 1000)
		go func() {
			defer close(offsets)
			for {
				_, data, err := conn.Read(context.Background())
				m := new(wire.ServerMessage)
				if err != nil || e.unmarshal(data, m) != nil {
					return
				}
				if m.GetEvent() != nil {
					offsets <- m.GetEvent().GetOffset()
				}
			}
		}()
		r.log(200)
		synctest.Wait()
		if len(offsets) != eventWindow {
			t.Errorf("%d events came", len(offsets))
		}
		wantMetrics(t, r.server, map[string]float64{"argos_viewer_max_lag_events": 200})
		ack := func(offset uint64) {
			if err := tell(conn, e, &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Offset: offset}}}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		ack(10)
		if len(offsets) != eventWindow+10 {
			t.Errorf("%d events came after 10 were acknowledged", len(offsets))
		}
		wantMetrics(t, r.server, map[string]float64{"argos_viewer_max_lag_events": 190})
		ack(eventWindow + 10)
		ack(2*eventWindow + 10)
		ack(200)
		wantMetrics(t, r.server, map[string]float64{"argos_viewer_max_lag_events": 0})
		_ = conn.CloseNow()
		n := uint64(0)
		for offset := range offsets {
			if n++; offset != n {
				t.Fatalf("event %d came as number %d", offset, n)
			}
		}
		if n != 200 {
			t.Errorf("%d events came", n)
		}
	})
}

// However a viewer comes back, it learns whether events go on where it left off.
func TestEventResume(t *testing.T) {
	type at struct {
		epoch  string // empty: this one
		offset uint64
		h      int // the offset that the hash is of, with hashes of so many bytes
		bytes  int
	}
	for _, c := range []struct {
		name    string
		resume  *at
		resumed bool
		reason  string // of the gap that begins
		next    uint64 // offset of the first event
	}{
		{"new here", nil, false, "joined", 151},
		{"where it was", &at{"", 40, 40, 16}, true, "", 41},
		{"at the head", &at{"", 250, 250, 16}, true, "", 251},
		{"before any", &at{"", 0, 0, 0}, true, "", 1},
		{"before any, with a hash", &at{"", 0, 0, 16}, true, "", 1},
		{"another hash", &at{"", 40, 41, 16}, false, "diverged", 151},
		{"another hash at the head", &at{"", 250, 0, 16}, false, "diverged", 151},
		{"another hash before any", &at{"", 0, 1, 16}, false, "diverged", 151},
		{"half a hash", &at{"", 40, 40, 8}, false, "diverged", 151},
		{"no hash", &at{"", 40, 40, 0}, false, "diverged", 151},
		{"the future", &at{"", 251, 250, 16}, false, "diverged", 151},
		{"the end of time", &at{"", 1<<64 - 1, 0, 16}, false, "diverged", 151},
		{"another epoch", &at{"?", 40, 40, 16}, false, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
				r.log(250)
				chain := []Hash{firstHash(r.server.epoch)}
				entries, err := r.server.events.ReadFrom(nil, 1, 250)
				if err != nil {
					t.Fatal(err)
				}
				for _, one := range entries {
					chain = append(chain, one.hash)
				}
				hello := new(wire.Hello)
				if p := c.resume; p != nil {
					hello.Resume = &wire.Position{Epoch: cmp.Or(p.epoch, r.server.epoch), Offset: p.offset, H: chain[p.h][:p.bytes]}
				}
				conn, welcome := r.open(t, subprotocol, hello)
				if welcome.GetEventsResumed() != c.resumed {
					t.Errorf("%v", welcome)
				}
				reason := ""
				var next *wire.Event
				r.server.Event(Event{Kind: "test", Text: "one more"})
				for next == nil {
					m := hear(t, conn, e)
					if g := m.GetEventGap(); g != nil {
						reason = g.GetReason()
						if g.GetFirst() != 1 || g.GetLast() != 150 || string(g.GetH()) != string(chain[150][:]) {
							t.Errorf("%v", g)
						}
					}
					next = m.GetEvent()
				}
				if reason != c.reason || next.GetOffset() != c.next {
					t.Errorf("gap %q, then event %d", reason, next.GetOffset())
				}
				_ = conn.CloseNow()
			})
		})
	}
}

// Who joins, and who has a gap, gets the state that the lost events would have told.
func TestSnapshotAfterAGap(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		r.server.GPS(&GPS{Fix: 3, Lat: 52.5, Lon: 13.4, Satellites: 9, Time: time.Now()})
		conn, welcome := r.open(t, subprotocol, new(wire.Hello))
		snapshot := func() {
			t.Helper()
			device, gps := hear(t, conn, e), hear(t, conn, e)
			if device.GetDevice().GetName() != "Fake" || gps.GetGps().GetLat() != 52.5 || gps.GetGps().GetSatellites() != 9 {
				t.Errorf("%v, %v", device, gps)
			}
		}
		snapshot()
		_ = conn.CloseNow()
		conn, _ = r.open(t, subprotocol, &wire.Hello{Resume: &wire.Position{Epoch: welcome.GetEpoch(), Offset: 7}})
		snapshot()
		if g := hear(t, conn, e).GetEventGap(); g.GetReason() != "diverged" || g.GetLast() != 0 {
			t.Errorf("%v", g)
		}
		snapshot()
		r.server.GPS(&GPS{Fix: 2})
		if m := hear(t, conn, e); m.GetGps().GetFix() != 2 {
			t.Errorf("%v", m)
		}
		_ = conn.CloseNow()
	})
}

// The pages of the past, put together, are the log.
func TestPastEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.log(3500)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		synctest.Wait()
		_, events := rec.taken()
		if len(events) != eventsOnJoin || events[0].Offset != 3401 {
			t.Fatalf("%d events, from %d", len(events), events[0].Offset)
		}
		for _, filter := range []Filter{{}, {Kinds: []string{"signal"}}, {Severity: Warning, LowHz: 1, HighHz: 2}} {
			c.SetFilter(filter)
			synctest.Wait()
			before, pages := events[0].Offset, 0
			var got []uint64
			for {
				page, err := c.Past(t.Context(), before, 0)
				if err != nil {
					t.Fatal(err)
				}
				pages++
				for _, e := range slices.Backward(page.Events) {
					got = append(got, e.Offset)
					if e.Text != fmt.Sprint("number ", e.Offset) || e.Hash == (Hash{}) || e.Time.IsZero() {
						t.Errorf("%+v", e)
					}
				}
				if page.From == 0 {
					break
				}
				if page.From >= before {
					t.Fatalf("from %d before %d", page.From, before)
				}
				before = page.From
			}
			var want []uint64
			for offset := uint64(3400); offset > 0; offset-- {
				if signal := offset%10 == 0; filter.All() || signal && filter.HighHz == 0 {
					want = append(want, offset)
				}
			}
			if !slices.Equal(got, want) || pages < 4 {
				t.Errorf("%+v: %d events in %d pages, want %d", filter, len(got), pages, len(want))
			}
		}
		c.SetFilter(Filter{})
		synctest.Wait()
		for _, q := range []struct {
			before      uint64
			limit       int
			first, last uint64 // 0: none
		}{{0, 3, 3498, 3500}, {2, 5, 1, 1}, {1, 5, 0, 0}, {1 << 63, 1, 3500, 3500}, {0, 1_000_000, 3401, 3500}, {0, -1, 3401, 3500}} {
			page, err := c.Past(t.Context(), q.before, q.limit)
			if err != nil || len(page.Events) != int(q.last-q.first)+min(int(q.first), 1) || q.first > 0 && (page.Events[0].Offset != q.first || page.Events[len(page.Events)-1].Offset != q.last) {
				t.Errorf("before %d at most %d: %+v, %v", q.before, q.limit, page, err)
			}
		}
		if _, err := c.Past(cancelled(), 0, 0); err == nil {
			t.Error("given up, and answered")
		}
		leave()
		if _, err := c.Past(t.Context(), 0, 0); err == nil || !strings.Contains(err.Error(), "no link") {
			t.Errorf("after the link: %v", err)
		}
		r.close(t)
	})
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// A page reaches no further back than the log does.
func TestPastOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.log(logEntries + 10)
		c, _, leave := r.watch(t)
		<-c.Connected()
		const oldest = logEntries/2 + 1
		for _, q := range []struct{ before, first, from uint64 }{{oldest + 50, oldest, 0}, {oldest, 0, 0}, {oldest + 150, oldest + 50, oldest + 50}, {100, 0, 0}} {
			page, err := c.Past(t.Context(), q.before, 0)
			if err != nil || page.From != q.from || q.first == 0 && len(page.Events) > 0 || q.first > 0 && (len(page.Events) == 0 || page.Events[0].Offset != q.first) {
				t.Errorf("before %d: from %d, %d events, %v", q.before, page.From, len(page.Events), err)
			}
		}
		leave()
		r.close(t)
	})
}
