package stream

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"argos/stream/wire"
)

func tell(conn *websocket.Conn, e encoding, m *wire.ClientMessage) error {
	b, err := e.marshal(nil, m)
	if err != nil {
		return err
	}
	return conn.Write(context.Background(), e.messageType(), b)
}

// Each of these viewers is sent away with a reason or survived, and the one beside it
// does not notice.
func TestBadClients(t *testing.T) {
	raw := func(kind websocket.MessageType, data string) func(*websocket.Conn) {
		return func(conn *websocket.Conn) { _ = conn.Write(context.Background(), kind, []byte(data)) }
	}
	afterHello := func(next func(*websocket.Conn)) func(*websocket.Conn) {
		return func(conn *websocket.Conn) {
			if tell(conn, encodingPB, helloMessage) == nil {
				next(conn)
			}
		}
	}
	for _, c := range []struct {
		name string
		talk func(conn *websocket.Conn)
		code websocket.StatusCode // 0: it may stay
		want string
	}{
		{"says nothing", func(*websocket.Conn) {}, websocket.StatusPolicyViolation, "the first message must be Hello"},
		{"no Hello", func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: new(wire.Ack)}})
		}, websocket.StatusPolicyViolation, "the first message must be Hello"},
		{"empty", raw(websocket.MessageBinary, ""), websocket.StatusPolicyViolation, "the first message must be Hello"},
		{"garbage", raw(websocket.MessageBinary, "\xff\xff\xff"), websocket.StatusPolicyViolation, "not an argos.v1 message"},
		{"text", raw(websocket.MessageText, `{"hello":{}}`), websocket.StatusPolicyViolation, "not an argos.v1 message"},
		{"too long", raw(websocket.MessageBinary, strings.Repeat("x", maxClientMessage+1)), websocket.StatusMessageTooBig, ""},
		{"garbage later", afterHello(raw(websocket.MessageBinary, "\xff\xff\xff")), websocket.StatusPolicyViolation, "not an argos.v1 message"},
		{"text later", afterHello(raw(websocket.MessageText, "{}")), websocket.StatusPolicyViolation, "not an argos.v1 message"},
		{"too long later", afterHello(raw(websocket.MessageBinary, strings.Repeat("x", maxClientMessage+1))), websocket.StatusMessageTooBig, ""},
		{"Hello twice", afterHello(func(conn *websocket.Conn) { _ = tell(conn, encodingPB, helloMessage) }), 0, ""},
		{"unknown kind", afterHello(raw(websocket.MessageBinary, "\xFA\x07\x01x")), 0, ""},
		{"acknowledges the future", afterHello(func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: math.MaxUint64, Offset: math.MaxUint64}}})
		}), 0, ""},
		{"asks for many columns", afterHello(func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_View{View: &wire.View{Columns: math.MaxUint32}}})
		}), 0, ""},
		{"asks for one column", afterHello(func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_View{View: &wire.View{Columns: 1}}})
		}), 0, ""},
		{"a filter that nothing can pass", func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Filter: &wire.Filter{LowHz: 2, HighHz: 1}}}})
		}, websocket.StatusPolicyViolation, "not an argos.v1 message: a filter that nothing can pass"},
		{"a filter that nothing can pass later", afterHello(func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Filter{Filter: &wire.Filter{Kinds: make([]string, kindsAtMost+1)}}})
		}), websocket.StatusPolicyViolation, "not an argos.v1 message: a filter of more than 32 kinds"},
		{"a long name", func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Client: strings.Repeat("x", keyLength+1)}}})
		}, websocket.StatusPolicyViolation, "not an argos.v1 message: a client of more than 64 bytes"},
		{"asks for the past again and again", afterHello(func(conn *websocket.Conn) {
			for range 300 {
				_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Past{Past: &wire.PastRequest{Before: math.MaxUint64, Limit: math.MaxUint32}}})
			}
		}), 0, ""},
		{"asks for all rows again and again", afterHello(func(conn *websocket.Conn) {
			ask := new(wire.RowsRequest)
			for range 100 {
				ask.Ranges = append(ask.Ranges, &wire.Range{Last: math.MaxUint64})
			}
			for range 20 {
				_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Rows{Rows: ask}})
			}
		}), 0, ""},
		{"too many messages", afterHello(func(conn *websocket.Conn) {
			for range 1000 {
				_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_View{View: new(wire.View)}})
			}
		}), websocket.StatusPolicyViolation, "too many messages"},
		{"resumes what never was", func(conn *websocket.Conn) {
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{
				Resume: &wire.Position{Epoch: "?", Seq: math.MaxUint64, Offset: math.MaxUint64},
			}}})
		}, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				good, rec, leave := r.watch(t)
				<-good.Connected()
				conn := r.dialRaw(t, protocolPB)
				ended := make(chan websocket.CloseError)
				go func() { ended <- readToEnd(conn) }()
				c.talk(conn)
				frames := 50
				if c.name == "says nothing" {
					frames += int(helloTimeout / framePeriod)
				}
				r.feed(frames)
				select {
				case how := <-ended:
					if how.Code != c.code || c.want != "" && how.Reason != c.want {
						t.Errorf("ended by %d %q", how.Code, how.Reason)
					}
				default:
					if c.code != 0 {
						t.Error("still there")
					}
					_ = conn.CloseNow()
					<-ended
				}
				synctest.Wait()
				taken, _ := rec.taken()
				if missing := checkLaws(t, r.produced, taken); missing != 0 || len(taken) != frames {
					t.Errorf("the viewer beside it got %d frames, %d missing", len(taken), missing)
				}
				leave()
				r.close(t)
			})
		})
	}
}

// A viewer that resumes with a resume of this epoch it cannot have gets what there is.
func TestResumeBeyondTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.feed(10)
		for _, p := range []*wire.Position{
			{Epoch: r.server.epoch, Seq: 11}, {Epoch: r.server.epoch, Seq: math.MaxUint64}, {},
		} {
			conn := r.dialRaw(t, protocolPB)
			_ = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Resume: p}}})
			m := hear(t, conn, encodingPB)
			if w := m.GetWelcome(); w.GetResumed() || w.GetHead().GetSeq() != 10 {
				t.Errorf("%v: %v", p, m)
			}
			for m.GetFrame() == nil {
				m = hear(t, conn, encodingPB)
			}
			if m.GetFrame().GetFirstSeq() != 10 {
				t.Errorf("%v: begins at %d", p, m.GetFrame().GetFirstSeq())
			}
			_ = conn.CloseNow()
		}
		r.close(t)
	})
}

// hear reads one message of the server.
func hear(t *testing.T, conn *websocket.Conn, e encoding) *wire.ServerMessage {
	t.Helper()
	kind, data, err := conn.Read(context.Background())
	m := new(wire.ServerMessage)
	if err != nil || kind != e.messageType() || e.unmarshal(data, m) != nil {
		t.Fatalf("kind %d, %v", kind, err)
	}
	return m
}

func TestCommandsWithoutReadingReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		good, rec, leave := r.watch(t)
		<-good.Connected()
		conn := r.dialRaw(t, protocolPB)
		told := make(chan int)
		go func() {
			n := 0
			err := tell(conn, encodingPB, helloMessage)
			for ; err == nil && n < 1_000_000; n++ {
				err = tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Command{Command: &wire.Command{
					Key: fmt.Sprint(n), Set: map[string]string{"lna": "8"},
				}}})
			}
			told <- n
		}()
		r.feed(400)
		if n := <-told; n > 2*(repliesWaiting+commandsAtOnce) {
			t.Errorf("%d commands were taken", n)
		}
		frames, _ := rec.taken()
		if missing := checkLaws(t, r.produced, frames); missing != 0 || len(frames) != 400 {
			t.Errorf("the viewer beside it got %d frames, %d missing", len(frames), missing)
		}
		_ = conn.CloseNow()
		leave()
		r.close(t)
	})
}

// A viewer that is gone without a word is noticed and forgotten.
func TestViewerInABlackHoleIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conn := r.dialRaw(t, protocolPB)
		go readToEnd(conn)
		_ = tell(conn, encodingPB, helloMessage)
		time.Sleep(time.Second)
		r.network.swallow()
		time.Sleep(deadAfter + pingEvery)
		idle := make(chan struct{})
		go func() {
			r.stop()
			<-r.served
			close(idle)
		}()
		synctest.Wait()
		select {
		case <-idle: // at once: nobody was left to say goodbye to
		default:
			t.Error("the session still lives")
			<-idle
		}
		_ = conn.CloseNow()
	})
}

func TestJSONViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conn := r.dialRaw(t, protocolJSON)
		send := func(text string) {
			if err := conn.Write(context.Background(), websocket.MessageText, []byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		send(`{"hello":{"agent":"wscat","view":{"columns":16},"fromTheFuture":1}}`)
		if w := hear(t, conn, encodingJSON).GetWelcome(); w.GetEpoch() != r.server.epoch || w.GetRole() != "operator" {
			t.Errorf("%v", w)
		}
		if d := hear(t, conn, encodingJSON).GetDevice(); d.GetName() != "Fake" {
			t.Errorf("%v", d)
		}
		r.append(testFrame(1))
		f := hear(t, conn, encodingJSON).GetFrame()
		if f.GetGrid().GetBins() != 16 || len(f.GetMeanDb()) != 16 || len(f.GetMaxDb()) != 16 || f.GetPacked() != nil {
			t.Errorf("%v", f)
		}
		send(`{"command":{"key":"k","set":{"lna":"7"}}}`)
		if a := hear(t, conn, encodingJSON).GetReply(); a.GetKey() != "k" || !strings.Contains(a.GetError(), "lna") {
			t.Errorf("%v", a)
		}
		_ = conn.CloseNow()
		r.close(t)
	})
}
