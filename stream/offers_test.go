package stream

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// Offers that do not exist yet, and ones that never will, do not keep a server from
// speaking what it can.
func TestUnknownOffers(t *testing.T) {
	for _, c := range []struct {
		offer []string
		want  string // empty: refused
	}{
		{[]string{"argos.v2.pb", "argos.v1.pb"}, protocolPB},
		{[]string{"argos.v9.cbor", "chat", "argos.v1.json"}, protocolJSON},
		{[]string{"argos.v1.pbx", "argos.v1.json"}, protocolJSON},
		{[]string{"argos.v1.json", "argos.v1.pb"}, protocolPB},
		{[]string{"argos.v2.pb"}, ""},
		{[]string{"argos.v1.pbx"}, ""},
		{nil, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			r.feed(1)
			transport := &http.Transport{DialContext: r.network.dial, DisableKeepAlives: true}
			conn, _, err := websocket.Dial(context.Background(), "ws://rig"+linkPath, &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: transport}, Subprotocols: c.offer,
			})
			switch {
			case c.want == "" && err == nil:
				if how := readToEnd(conn); how.Code != websocket.StatusPolicyViolation {
					t.Errorf("%q: taken, and ended by %v", c.offer, how)
				}
			case c.want == "":
			case err != nil:
				t.Errorf("%q: %v", c.offer, err)
			default:
				conn.SetReadLimit(maxMessage)
				e, _ := encodingOf(conn.Subprotocol())
				if conn.Subprotocol() != c.want || tell(conn, e, helloMessage) != nil {
					t.Errorf("%q: speaks %q", c.offer, conn.Subprotocol())
				} else if kind, _, err := conn.Read(context.Background()); err != nil || kind != e.messageType() {
					t.Errorf("%q: %v, %v", c.offer, kind, err)
				}
			}
			if conn != nil {
				_ = conn.CloseNow()
			}
			r.close(t)
		})
	}
}

// A server that answers with what was not offered is not spoken to.
func TestUnknownAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(pipeNet)
		end := serveHTTP(n, func(w http.ResponseWriter, q *http.Request) {
			q.Header.Set("Sec-WebSocket-Protocol", "argos.v2.pb")
			conn, err := websocket.Accept(w, q, &websocket.AcceptOptions{Subprotocols: []string{"argos.v2.pb"}})
			if err == nil {
				_ = conn.CloseNow()
			}
		})
		defer end()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := NewClient("ws://other", nobody{}, &ClientOptions{Dial: n.dial}).Run(ctx)
		var refused *refusal
		if !errors.As(err, &refused) || !errors.Is(err, ErrNotArgos) {
			t.Errorf("%v", err)
		}
	})
}
