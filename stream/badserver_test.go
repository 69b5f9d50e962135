package stream

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"argos/stream/wire"
)

// connectedClient is one that was welcomed, without a network.
func connectedClient(sink Sink) *Client {
	c := NewClient("ws://rig", sink, nil)
	c.welcome(welcomeMessage.GetWelcome(), "", func(error) {})
	return c
}

// event is the next of a server's log, behind after.
func event(t testing.TB, after *place, text string) *wire.ServerMessage {
	stored := mustMarshal(t, &wire.Event{Kind: "te\x07st", Severity: 77, Text: text})
	offset := after.offset + 1
	*after = place{offset, after.hash.next(offset, stored)}
	return eventMessage(*after, stored)
}

func eventMessage(at place, stored []byte) *wire.ServerMessage {
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Event{Event: &wire.Event{Offset: at.offset, H: at.hash[:], Stored: stored}}}
}

func passedMessage(at place) *wire.ServerMessage {
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Passed{Passed: &wire.Passed{Offset: at.offset, H: at.hash[:]}}}
}

func gapMessage(first uint64, at place, reason string) *wire.ServerMessage {
	return &wire.ServerMessage{Kind: &wire.ServerMessage_EventGap{EventGap: &wire.EventGap{First: first, Last: at.offset, H: at.hash[:], Reason: reason}}}
}

func frameFrom(t testing.TB, first, last uint64) *wire.ServerMessage {
	f := proto.CloneOf(validFrame(t))
	f.FirstSeq, f.LastSeq = first, last
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Frame{Frame: f}}
}

func TestFramesOutOfOrderAreLeftOut(t *testing.T) {
	rec := new(recorder)
	c := connectedClient(rec)
	rec.client = c
	for _, r := range [][2]uint64{{5, 5}, {5, 5}, {3, 4}, {4, 9}, {6, 6}, {9, 12}, {1, 20}, {8, 8}, {8, 8}, {7, 9}, {13, 13}} {
		if err := c.take(frameFrom(t, r[0], r[1])); err != nil {
			t.Fatal(err)
		}
	}
	frames, _ := rec.taken()
	var got []uint64
	for _, f := range frames {
		got = append(got, f.FirstSeq, f.LastSeq)
	}
	if !slices.Equal(got, []uint64{5, 5, 6, 6, 9, 12, 8, 8, 13, 13}) {
		t.Errorf("frames %v", got)
	}
	for _, gap := range [][2]uint64{{7, 8}, {7, 7}, {7, 7}, {0, 0}, {13, 13}, {20, 30}, {9, 2}} {
		if err := c.take(&wire.ServerMessage{Kind: &wire.ServerMessage_Gap{Gap: &wire.Gap{First: gap[0], Last: gap[1]}}}); err != nil {
			t.Fatal(err)
		}
	}
	if l := c.Link(); l.Missing != 1 || l.Pending != 0 || l.Merged != 4 || l.LastSeq != 13 {
		t.Errorf("missing %d, pending %d, merged %d, at %d", l.Missing, l.Pending, l.Merged, l.LastSeq)
	}
	// Acknowledgements of what was never received mean nothing.
	c.Rendered(14)
	c.Rendered(math.MaxUint64)
	if a := c.ack().GetAck(); a.GetFrames() != 11 || a.GetReceived() != 11 {
		t.Errorf("acknowledged %v", a)
	}
}

func TestEventsAreCleaned(t *testing.T) {
	rec := new(recorder)
	c := connectedClient(rec)
	at := place{0, firstHash("e")}
	first := event(t, &at, "\x1b[2Jscreen\ngone")
	for _, m := range []*wire.ServerMessage{first, first, event(t, &at, strings.Repeat("x", 1<<20)), first} {
		if err := c.take(m); err != nil {
			t.Fatal(err)
		}
	}
	_, events := rec.taken()
	if len(events) != 2 || events[0].Text != "[2Jscreen gone" || events[0].Kind != "test" || events[0].Severity != Alarm || len(events[1].Text) != maxText {
		t.Errorf("%+v", events)
	}
}

// A chain that does not close ends the link, and nothing of it is shown; what came before
// comes once.
func TestChainsThatDoNotClose(t *testing.T) {
	begin := place{0, firstHash("e")}
	one := begin
	first := event(t, &one, "first")
	two := one
	second := event(t, &two, "second")
	changed := func(m *wire.ServerMessage, change func(e *wire.Event)) *wire.ServerMessage {
		c := proto.CloneOf(m)
		change(c.GetEvent())
		return c
	}
	elsewhere := place{5, Hash{1, 2, 3}}
	further := elsewhere
	sixth := event(t, &further, "sixth")
	after := func(at place, m ...*wire.ServerMessage) []*wire.ServerMessage {
		return append(m, event(t, &at, "after"))
	}
	for _, c := range []struct {
		name string
		said []*wire.ServerMessage
		want string // of the error
		seen string // texts of the events
		lost uint64
	}{
		{"whole", after(two, first, second), "", "first second after", 0},
		{"twice", after(two, first, first, second, first), "", "first second after", 0},
		{"dropped", []*wire.ServerMessage{second}, "event 2 came after 0", "", 0},
		{"swapped", []*wire.ServerMessage{first, sixth, second}, "event 6 came after 1", "first", 0},
		{"a byte is changed", []*wire.ServerMessage{first, changed(second, func(e *wire.Event) { e.Stored[3] ^= 1 })}, "event 2", "first", 0},
		{"a byte of the hash is changed", []*wire.ServerMessage{changed(first, func(e *wire.Event) { e.H[15] ^= 1 })}, "event 1", "", 0},
		{"no hash", []*wire.ServerMessage{changed(first, func(e *wire.Event) { e.H = nil })}, "event 1", "", 0},
		{"offset of another", []*wire.ServerMessage{first, changed(first, func(e *wire.Event) { e.Offset = 2 })}, "event 2", "first", 0},
		{"left out", after(elsewhere, first, passedMessage(elsewhere)), "", "first after", 0},
		{"left out before", after(two, first, second, passedMessage(one)), "", "first second after", 0},
		{"left out to nowhere", []*wire.ServerMessage{{Kind: &wire.ServerMessage_Passed{Passed: &wire.Passed{Offset: 3}}}}, "no hash", "", 0},
		{"joined", after(elsewhere, gapMessage(1, elsewhere, "joined")), "", "after", 0},
		{"evicted", after(elsewhere, first, gapMessage(2, elsewhere, "evicted")), "", "first 4 events lost: the server no longer holds them after", 4},
		{"a reason of the future", after(elsewhere, gapMessage(1, elsewhere, "new\x07")), "", "5 events lost: new after", 5},
		{"diverged", after(one, first, second, gapMessage(1, one, "diverged")), "", "first second the server's log is not the one that was read: its 1 events before these are not known after", 1},
		{"diverged, and empty", after(begin, first, gapMessage(1, begin, "diverged")), "", "first the server's log is not the one that was read: its 0 events before these are not known after", 0},
		{"a gap with a hole before it", []*wire.ServerMessage{first, gapMessage(3, elsewhere, "evicted")}, "a gap from 3 to 5 came after 1", "first", 0},
		{"a gap of what was read", []*wire.ServerMessage{first, gapMessage(1, elsewhere, "evicted")}, "a gap from 1 to 5 came after 1", "first", 0},
		{"a gap of nothing", []*wire.ServerMessage{first, gapMessage(2, one, "evicted")}, "a gap from 2 to 1 came after 1", "first", 0},
		{"a gap without end", []*wire.ServerMessage{gapMessage(1, place{offset: math.MaxUint64}, "evicted")}, "a gap to", "", 0},
		{"after a gap with another hash", append([]*wire.ServerMessage{gapMessage(1, place{1, Hash{}}, "evicted")}, second), "event 2", "1 events lost: the server no longer holds them", 1},
		{"nothing that can be read", []*wire.ServerMessage{eventMessage(place{1, begin.hash.next(1, []byte{0xFF})}, []byte{0xFF})}, "not argos.v1", "", 0},
	} {
		rec := new(recorder)
		client := connectedClient(rec)
		var err error
		for _, m := range c.said {
			if err = client.take(m); err != nil {
				break
			}
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		var seen []string
		_, events := rec.taken()
		for _, e := range events {
			seen = append(seen, e.Text)
			if e.Restart() {
				t.Errorf("%s: %q is said to be a restart", c.name, e.Text)
			}
		}
		if got := strings.Join(seen, " "); got != c.seen || client.Link().EventsMissing != c.lost {
			t.Errorf("%s: %q, %d missing, want %q and %d", c.name, got, client.Link().EventsMissing, c.seen, c.lost)
		}
	}
}

func TestWelcomeIsCleaned(t *testing.T) {
	c := NewClient("ws://rig", nobody{}, nil)
	c.welcome(&wire.Welcome{
		Session: "a\x1b", Epoch: strings.Repeat("e", 1<<20), Role: "\nroot", Server: "\x07bell", Version: "\x9b1", Pid: -1,
	}, "", func(error) {})
	if s := c.Link().Server; s.Session != "a" || len(s.Epoch) > maxText || s.Role != " root" || s.Name != "bell" {
		t.Errorf("%+v", s)
	}
}

func TestTakeIgnoresWhatItDoesNotKnow(t *testing.T) {
	c := connectedClient(nobody{})
	for name, b := range map[string][]byte{
		"empty":              {},
		"unknown kind":       {0xFA, 0x07, 1, 'x'}, // field 127, bytes
		"reply to nobody":    mustMarshal(t, &wire.ServerMessage{Kind: &wire.ServerMessage_Reply{Reply: &wire.Reply{Key: "x"}}}),
		"second welcome":     mustMarshal(t, welcomeMessage),
		"pong of the future": mustMarshal(t, &wire.ServerMessage{Kind: &wire.ServerMessage_Pong{Pong: &wire.Pong{PingNs: math.MaxInt64}}}),
	} {
		m := new(wire.ServerMessage)
		if err := encodingPB.unmarshal(b, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := c.take(m); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l := c.Link(); l.RTT.Now != 0 {
		t.Errorf("round trip %s", l.RTT.Now)
	}
}

func mustMarshal(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := encodingPB.marshal(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A server that breaks the protocol after its welcome is left alone for longer and
// longer, and named.
func TestBadServerIsNotHammered(t *testing.T) {
	for name, c := range map[string]struct {
		talk func(conn *websocket.Conn)
		want string
	}{
		"garbage": {func(conn *websocket.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageBinary, []byte("\xff\xff"))
		}, "server sent what is not argos.v1"},
		"invalid UTF-8": {func(conn *websocket.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageBinary, []byte("\x22\x04\x2a\x02\xff\xfe"))
		}, "server sent what is not argos.v1"},
		"a bad frame": {func(conn *websocket.Conn) {
			say(conn, &wire.ServerMessage{Kind: &wire.ServerMessage_Frame{Frame: new(wire.Frame)}})
		}, "server sent what is not argos.v1: frame breaks the protocol: sequence 0 to 0"},
		"nothing": {func(*websocket.Conn) {}, "server is gone"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network, asked := new(pipeNet), new(atomic.Int64)
				end := serveFake(network, func(conn *websocket.Conn) {
					asked.Add(1)
					say(conn, welcomeMessage)
					go readToEnd(conn)
					c.talk(conn)
				})
				client := NewClient("ws://rig", nobody{}, &ClientOptions{Dial: network.dial})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error)
				go func() { done <- client.Run(ctx) }()
				time.Sleep(time.Minute)
				if n := asked.Load(); n < 5 || n > 100 {
					t.Errorf("asked %d times in a minute", n)
				}
				if l := client.Link(); l.State != Reconnecting || l.Reason != c.want {
					t.Errorf("state %s: %s", l.State, l.Reason)
				}
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
				end()
			})
		})
	}
}

func TestGoodbyeForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network, asked := new(pipeNet), new(atomic.Int64)
		end := serveFake(network, func(conn *websocket.Conn) {
			asked.Add(1)
			say(conn, welcomeMessage)
			say(conn, &wire.ServerMessage{Kind: &wire.ServerMessage_Goodbye{Goodbye: &wire.Goodbye{Reason: "your token was\nrevoked"}}})
			readToEnd(conn)
		})
		client := NewClient("ws://rig", nobody{}, &ClientOptions{Dial: network.dial})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- client.Run(ctx) }()
		time.Sleep(time.Hour)
		if l := client.Link(); l.State != Refused || l.Reason != "your token was revoked" || asked.Load() != 1 {
			t.Errorf("state %s: %s; asked %d times", l.State, l.Reason, asked.Load())
		}
		cancel()
		<-done
		end()
	})
}

// A proxy whose server is away says 502 until it is back.
func TestBadGatewayHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.close(t)
		end := serveHTTP(r.network, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusBadGateway) })
		time.Sleep(time.Minute)
		if l := c.Link(); l.State != Reconnecting || l.Attempt < 3 {
			t.Errorf("state %s: %s", l.State, l.Reason)
		}
		end()
		r.start(t)
		r.feed(200)
		if l := c.Link(); l.State != Live {
			t.Errorf("state %s: %s", l.State, l.Reason)
		}
		leave()
		r.close(t)
	})
}

func FuzzServerMessage(f *testing.F) {
	f.Add(mustMarshal(f, welcomeMessage))
	f.Add(mustMarshal(f, frameFrom(f, 1, 1)))
	zero, err := new(frameEncoder).encode(nil, encodingPB, zeroFrame(rand.New(rand.NewPCG(1, 2))), time.Now())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(zero)
	at := place{0, firstHash("e")}
	f.Add(mustMarshal(f, event(f, &at, "text")))
	f.Add(mustMarshal(f, passedMessage(at)))
	f.Add(mustMarshal(f, gapMessage(1, at, "evicted")))
	f.Add(mustMarshal(f, gapMessage(1, at, "diverged")))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Past{Past: &wire.Past{Key: "k", From: 3, Events: []*wire.Event{{Offset: 4}}}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Rows{Rows: &wire.Rows{
		Key: "k", Answered: 2, Oldest: 3, OldestNs: -1, OldestMonoNs: math.MaxInt64, Rows: []*wire.Frame{frameFrom(f, 3, 5).GetFrame(), frameFrom(f, 6, 9).GetFrame()},
	}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Reply{Reply: &wire.Reply{Key: "k", Error: "no"}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Pong{Pong: &wire.Pong{Id: 1, PingNs: 2, TimeNs: 3}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Device{Device: &wire.Device{Name: "n", Fps: 20, Tuning: &wire.Tuning{CenterHz: 1}}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Gps{Gps: &wire.Gps{Fix: 3}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Viewers{Viewers: &wire.Viewers{Seen: []*wire.Seen{{Session: "s", Name: "n", Lag: 3}}}}}))
	f.Add(mustMarshal(f, &wire.ServerMessage{Kind: &wire.ServerMessage_Goodbye{Goodbye: &wire.Goodbye{RetryMs: math.MaxUint32}}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(wire.ServerMessage)
		if encodingPB.unmarshal(data, m) != nil {
			return
		}
		for _, row := range append(m.GetRows().GetRows(), m.GetFrame()) {
			if row.GetGrid().GetBins() > 1<<16 {
				return // only slow
			}
		}
		ranges := []Range{{1, 9}, {3, math.MaxInt64}}
		if past, err := rowsOf(m.GetRows(), ranges); err == nil && past.Answered > len(ranges) {
			t.Fatalf("%+v", past)
		}
		rec := new(recorder)
		c := connectedClient(rec)
		rec.client = c
		for range 2 {
			if err := c.take(m); err != nil && err.Error() != cleanText(err.Error()) {
				t.Fatalf("error %q", err)
			}
		}
		frames, events := rec.taken()
		if len(frames) > 1 {
			t.Fatal("one frame came twice")
		}
		for _, e := range events {
			if e.Text != cleanText(e.Text) || e.Severity > Alarm || e.Gap != nil && e.Gap.Last != e.Offset {
				t.Fatalf("event %+v", e)
			}
			_ = e.Severity.String()
		}
		for _, f := range frames {
			_, _ = f.Averages(), f.Merged()
		}
		_ = c.Link().State.String()
	})
}
