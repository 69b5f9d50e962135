package stream

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/reflect/protoreflect"

	"argos/stream/wire"
)

var helloMessage = &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Agent: "test"}}}

var welcomeMessage = &wire.ServerMessage{Kind: &wire.ServerMessage_Welcome{Welcome: &wire.Welcome{
	Session: "s", Epoch: "e", Role: "operator", Server: "fake", Version: "0", Head: new(wire.Position),
}}}

// dialRaw connects with nothing said yet.
func (r *rig) dialRaw(t *testing.T, subprotocol string) *websocket.Conn {
	t.Helper()
	transport := &http.Transport{DialContext: r.network.dial, DisableKeepAlives: true}
	conn, _, err := websocket.Dial(context.Background(), "ws://rig"+linkPath, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{subprotocol},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(maxMessage)
	return conn
}

// readToEnd reads until the link ends and says how.
func readToEnd(conn *websocket.Conn) websocket.CloseError {
	for {
		if _, _, err := conn.Read(context.Background()); err != nil {
			var closed websocket.CloseError
			if !errors.As(err, &closed) {
				closed.Reason = err.Error()
			}
			return closed
		}
	}
}

// serveFake is a server of whatever talk says on each link after it has heard Hello. It
// returns its end.
func serveFake(n *pipeNet, talk func(conn *websocket.Conn)) func() {
	return serveHTTP(n, func(w http.ResponseWriter, q *http.Request) {
		conn, err := websocket.Accept(w, q, &websocket.AcceptOptions{Subprotocols: []string{protocolPB}})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		if _, _, err := conn.Read(context.Background()); err == nil {
			talk(conn)
		}
	})
}

func serveHTTP(n *pipeNet, handle http.HandlerFunc) func() {
	server := &http.Server{Handler: handle}
	listener := n.listen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	return func() {
		_ = server.Close()
		<-done
	}
}

// say sends m as a server would.
func say(conn *websocket.Conn, m *wire.ServerMessage) {
	b, err := encodingPB.marshal(nil, m)
	if err == nil {
		_ = conn.Write(context.Background(), websocket.MessageBinary, b)
	}
}

// addUnknown adds fields that do not exist yet to m and to all messages within.
func addUnknown(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				addUnknown(v.List().Get(i).Message())
			}
		default:
			addUnknown(v.Message())
		}
		return true
	})
	m.SetUnknown(protoreflect.RawFields(unknown))
}
