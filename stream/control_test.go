package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"

	"argos/stream/wire"
)

func commandMessage(key string, waitMs uint32, set map[string]string) *wire.ClientMessage {
	return &wire.ClientMessage{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: key, WaitMs: waitMs, Set: set}}}
}

// hearReply reads on to the next reply.
func hearReply(t *testing.T, conn *websocket.Conn, e encoding) *wire.Reply {
	t.Helper()
	for {
		if r := hear(t, conn, e).GetReply(); r != nil {
			return r
		}
	}
}

// A key has its effect once and one answer, whoever of its owner asks, and for five
// minutes.
func TestCommandKeys(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		ask := func(client, key, lna, want string) {
			t.Helper()
			conn, _ := r.open(t, subprotocol, &wire.Hello{Client: client})
			if err := tell(conn, e, commandMessage(key, 0, map[string]string{"lna": lna})); err != nil {
				t.Fatal(err)
			}
			if a := hearReply(t, conn, e); a.GetKey() != key || a.GetError() != want {
				t.Errorf("%s asks %q by %q: %v", client, lna, key, a)
			}
			_ = conn.CloseNow()
		}
		times := func(want int) {
			t.Helper()
			if n := len(r.source.applications()); n != want {
				t.Errorf("applied %d times, want %d", n, want)
			}
		}
		no := `lna: "7" is not a gain: use 0 to 40 dB in steps of 8`
		ask("a", "1", "8", "")
		ask("a", "1", "8", "")
		times(1)
		ask("a", "1", "16", errKeyUsed.Error())
		ask("a", "2", "7", no)
		ask("a", "2", "7", no)
		times(1)
		ask("b", "1", "16", "") // of another
		times(2)
		ask("", "1", "24", "") // of this link alone
		ask("", "1", "24", "")
		times(4)
		ask("a", "", "8", "") // no key: each is a new one
		ask("a", "", "8", "")
		times(6)
		ask("a", strings.Repeat("k", keyLength+1), "8", errKey.Error())
		wantMetrics(t, r.server, map[string]float64{
			"argos_commands_total outcome=done":     6,
			"argos_commands_total outcome=failed":   1,
			"argos_commands_total outcome=repeated": 2,
			"argos_commands_total outcome=refused":  2,
			"argos_commands_total outcome=late":     0,
		})
		time.Sleep(keysKept - time.Second)
		ask("a", "1", "8", "")
		times(6)
		time.Sleep(time.Second)
		ask("a", "1", "8", "") // forgotten
		times(7)
	})
}

// While a command is carried out, who asks again waits for the same end of it.
func TestCommandAskedAgainWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.source.delay(time.Minute)
		r.source.fail(errors.New("usb: gone"))
		for range 3 {
			conn, _ := r.open(t, protocolPB, &wire.Hello{Client: "a"})
			go readToEnd(conn)
			_ = tell(conn, encodingPB, commandMessage("k", 0, map[string]string{"lna": "8"}))
			time.Sleep(time.Second)
			_ = conn.CloseNow()
		}
		conn, _ := r.open(t, protocolPB, &wire.Hello{Client: "a"})
		_ = tell(conn, encodingPB, commandMessage("k", 0, map[string]string{"lna": "8"}))
		began := time.Now()
		if a := hearReply(t, conn, encodingPB); a.GetError() != "usb: gone" || time.Since(began) != 57*time.Second {
			t.Errorf("%v after %s", a, time.Since(began))
		}
		_ = conn.CloseNow()
		r.close(t)
	})
}

// A command is not begun once it has waited for as long as it may.
func TestCommandDeadlines(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		r.source.delay(3 * time.Second)
		for n, c := range []struct {
			waitMs uint32
			late   bool
		}{
			{0, false}, // begun at once
			{2000, true},
			{3500, false}, // 3 s later
			{5000, true},
			{6500, false}, // 6 s
			{0, false},    // 9 s
			{0, true},     // 12 s, and 10 is usual
		} {
			conn, _ := r.open(t, subprotocol, new(wire.Hello))
			_ = tell(conn, e, commandMessage("k", c.waitMs, map[string]string{"freq": fmt.Sprintf("%dM", 100+n)}))
			synctest.Wait()
			go func() {
				want := ""
				if c.late {
					want = errLate.Error()
				}
				if a := hearReply(t, conn, e); a.GetError() != want {
					t.Errorf("command %d: %v", n, a)
				}
				_ = conn.CloseNow()
			}()
		}
		time.Sleep(time.Minute)
		var done []string
		for _, s := range r.source.applications() {
			done = append(done, fmt.Sprint(s.Tuning.CenterHz/1e6))
		}
		if got := strings.Join(done, " "); got != "100 102 104 105" {
			t.Errorf("done: %s", got)
		}
		wantMetrics(t, r.server, map[string]float64{"argos_commands_total outcome=late": 3})
	})
}

// What is remembered is bounded, and what is over is refused, not forgotten.
func TestCommandsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		applied := 0
		c := newControl(func(context.Context, map[string]string) error { applied++; return nil }, newMetrics())
		ctx, cancel := context.WithCancel(t.Context())
		take := func(key int) error {
			_, err := c.take("a", &wire.Command{Key: fmt.Sprint(key), Set: map[string]string{"lna": "8"}})
			return err
		}
		for n := range ordersWaiting {
			if err := take(n); err != nil {
				t.Fatal(err)
			}
		}
		if err := take(ordersWaiting); !errors.Is(err, errOrders) {
			t.Errorf("%v", err)
		}
		ended := make(chan struct{})
		go func() { c.run(ctx); close(ended) }()
		synctest.Wait()
		for n := ordersWaiting; n < keysMost; n++ {
			if err := take(n); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		if err := take(keysMost); !errors.Is(err, errBusyKeys) {
			t.Errorf("%v", err)
		}
		if err := take(5); err != nil || applied != keysMost {
			t.Errorf("%d applied, %v", applied, err)
		}
		time.Sleep(keysKept)
		if err := take(keysMost); err != nil || len(c.known) != 1 || len(c.old) != 1 {
			t.Errorf("%d known, %d old, %v", len(c.known), len(c.old), err)
		}
		cancel()
		<-ended
	})
}

// Only absolute values: what is done twice must come to the same.
func TestCommandsAreAbsolute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		before := r.source.Settings()
		for _, set := range []map[string]string{{"freq": "+=1M"}, {"freq": "*2"}, {"lna": "++8"}, {"lna": "up"}, {"amp": "toggle"}, {"bias": "!"}, {"window": "next"}} {
			if err := c.Do(t.Context(), set); err == nil {
				t.Errorf("%v was done", set)
			}
		}
		if r.source.Settings() != before {
			t.Error("something was done")
		}
		leave()
		r.close(t)
	})
}

// However much there is to send, at most one data message goes before a reply.
func TestRepliesGoFirst(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		conn, _ := r.open(t, subprotocol, new(wire.Hello))
		for round := range 20 {
			for n := range 3 * eventsAtOnce {
				r.server.Event(Event{Kind: "test"})
				r.append(testFrame(n))
			}
			synctest.Wait() // the server is in the middle of a message
			var m *wire.ClientMessage
			if round%2 == 0 {
				m = commandMessage(fmt.Sprint(round), 0, map[string]string{"lna": "8"})
			} else {
				m = &wire.ClientMessage{Kind: &wire.ClientMessage_Ping{Ping: &wire.Ping{Id: uint64(round)}}}
			}
			if err := tell(conn, e, m); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			ahead := 0
			for {
				m := hear(t, conn, e)
				if m.GetReply() != nil || m.GetPong() != nil {
					break
				}
				ahead++
			}
			if ahead > 1 {
				t.Errorf("round %d: %d messages before the reply", round, ahead)
			}
			_ = tell(conn, e, &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: 1 << 40, Offset: 1 << 40}}})
		}
		_ = conn.CloseNow()
	})
}

// unknown is what a version to come may add to any message: fields of each wire type.
const unknown = "\xD2\x3E\x03new" + "\xD8\x3E\x07" + "\xE1\x3E12345678" + "\xED\x3E1234"

// What a viewer of a version to come says is understood as far as it can be.
func TestUnknownFieldsOfViewers(t *testing.T) {
	bothEncodings(t, func(t *testing.T, r *rig, subprotocol string, e encoding) {
		r.log(30)
		conn := r.dialRaw(t, subprotocol)
		say := func(m *wire.ClientMessage) {
			t.Helper()
			if err := conn.Write(context.Background(), e.messageType(), ofTheFuture(t, e, m)); err != nil {
				t.Fatal(err)
			}
		}
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{
			Client: "c", Filter: &wire.Filter{Severity: 2}, Resume: &wire.Position{Epoch: r.server.epoch},
		}}})
		if m := hear(t, conn, e); !m.GetWelcome().GetEventsResumed() {
			t.Errorf("%v", m)
		}
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Filter{Filter: &wire.Filter{Kinds: []string{"signal"}}}})
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Offset: 10}}})
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Past{Past: &wire.PastRequest{Key: "p", Limit: 2}}})
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Rows{Rows: &wire.RowsRequest{Key: "r", Ranges: []*wire.Range{{First: 1, Last: 2}}}}})
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: "k", Set: map[string]string{"lna": "8"}, WaitMs: 1000}}})
		// A kind that does not exist yet.
		strange := map[encoding]string{encodingPB: "\xD2\x3E\x01x", encodingJSON: `{"teleport":{"to":"Mars"}}`}
		if err := conn.Write(context.Background(), e.messageType(), []byte(strange[e])); err != nil {
			t.Fatal(err)
		}
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Ping{Ping: &wire.Ping{Id: 5}}})
		var past *wire.Past
		var rows *wire.Rows
		var reply *wire.Reply
		var offsets []uint64
		for answered := false; !answered || past == nil || rows == nil || reply == nil || len(offsets) < 3; {
			m := hear(t, conn, e)
			switch {
			case m.GetPast() != nil:
				past = m.GetPast()
			case m.GetRows() != nil:
				rows = m.GetRows()
			case m.GetReply() != nil:
				reply = m.GetReply()
			case m.GetPong() != nil:
				answered = true
			case m.GetEvent() != nil:
				offsets = append(offsets, m.GetEvent().GetOffset())
			}
		}
		if len(past.GetEvents()) != 2 || past.GetKey() != "p" || rows.GetKey() != "r" || rows.GetAnswered() != 1 || reply.GetError() != "" || fmt.Sprint(offsets) != "[10 20 30]" {
			t.Errorf("%v, %v, %v, %v", past, rows, reply, offsets)
		}
		_ = conn.CloseNow()
	})
}

// ofTheFuture is a message with fields in it, at each level, that do not exist yet.
func ofTheFuture(t *testing.T, e encoding, m proto.Message) []byte {
	t.Helper()
	if e == encodingJSON {
		b, err := e.marshal(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		const more = `{"new":{"a":[1,null,"x"],"b":-1.5e9},"newer":null,"`
		text := strings.NewReplacer(`{"`, more, `{}`, `{"new":true}`).Replace(string(b))
		return []byte(strings.ReplaceAll(text, `"set":`+more, `"set":{"`)) // a map, whose keys are no fields
	}
	m = proto.Clone(m)
	addUnknown(m.ProtoReflect())
	return mustMarshal(t, m)
}

// What a server of a version to come says is understood as far as it can be.
func TestUnknownFieldsOfServers(t *testing.T) {
	rec := new(recorder)
	c := connectedClient(rec)
	at := place{0, firstHash("e")}
	first := event(t, &at, "first")
	stored := append(mustMarshal(t, &wire.Event{Kind: "from the future", Text: "second"}), unknown...)
	at = place{2, at.hash.next(2, stored)}
	second := eventMessage(at, stored)
	at.offset, at.hash = 5, Hash{5}
	passed := passedMessage(at)
	at.offset, at.hash = 9, Hash{9}
	gap := gapMessage(6, at, "a reason of the future")
	for _, m := range []*wire.ServerMessage{
		first, second, passed, gap, event(t, &at, "last"),
		{Kind: &wire.ServerMessage_Past{Past: &wire.Past{Key: "?", Events: []*wire.Event{{Offset: 1}}}}},
		{Kind: &wire.ServerMessage_Rows{Rows: &wire.Rows{Key: "?", Rows: []*wire.Frame{{}}}}},
		{Kind: &wire.ServerMessage_Reply{Reply: &wire.Reply{Key: "?"}}},
		{Kind: &wire.ServerMessage_Gps{Gps: &wire.Gps{Fix: 3}}},
	} {
		heard := new(wire.ServerMessage)
		if err := encodingPB.unmarshal(ofTheFuture(t, encodingPB, m), heard); err != nil {
			t.Fatal(err)
		}
		if err := c.take(heard); err != nil {
			t.Fatalf("%v: %v", m, err)
		}
		// JSON viewers read the same with what a generated decoder gives them.
		heard = new(wire.ServerMessage)
		if err := encodingJSON.unmarshal(ofTheFuture(t, encodingJSON, m), heard); err != nil || !proto.Equal(heard, m) {
			t.Errorf("%v becomes %v, %v", m, heard, err)
		}
	}
	_, events := rec.taken()
	var seen []string
	for _, e := range events {
		seen = append(seen, e.Text)
	}
	if got := strings.Join(seen, ", "); got != "first, second, 4 events lost: a reason of the future, last" || events[1].Kind != "from the future" {
		t.Errorf("%s", got)
	}
	if l := c.Link(); l.EventsMissing != 4 || l.GPS.Fix != 3 {
		t.Errorf("%+v", l)
	}
}
