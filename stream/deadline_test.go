package stream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// accepted is a server's end of a connection, of which the other end is handed to far.
func accepted(t testing.TB, listen net.Listener, dial func(ctx context.Context, network, addr string) (net.Conn, error), far func(conn net.Conn)) *websocket.Conn {
	t.Helper()
	conns := make(chan *websocket.Conn)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Error(err)
		}
		conns <- conn
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listen)
	}()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			far(conn)
		}
		return conn, err
	}}
	go func() {
		_, _, err := websocket.Dial(t.Context(), "ws://"+listen.Addr().String(), &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
		if err != nil {
			t.Error(err)
		}
	}()
	conn := <-conns
	t.Cleanup(func() {
		_ = conn.CloseNow()
		_ = server.Close()
		<-served
	})
	return conn
}

func TestWriteThatTakesTooLongEndsTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := new(pipeNet)
		var other net.Conn
		conn := accepted(t, network.listen(), network.dial, func(c net.Conn) { other = c })
		defer func() { _ = other.Close() }()
		w := newDeadlineWriter(conn)
		began := time.Now()
		err := w.write(websocket.MessageBinary, make([]byte, 1<<20)) // nobody reads
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != writeTimeout {
			t.Errorf("%v after %s", err, took)
		}
		if err := w.write(websocket.MessageBinary, []byte("more")); err == nil {
			t.Error("the link goes on")
		}
	})
}

// BenchmarkWrite compares ways to bound a write of 4 kB on loopback.
func BenchmarkWrite(b *testing.B) {
	message := make([]byte, 4096)
	for _, way := range []struct {
		name string
		with func(conn *websocket.Conn) func() error
	}{
		{"context", func(conn *websocket.Conn) func() error {
			session, cancel := context.WithCancel(context.Background())
			b.Cleanup(cancel)
			return func() error {
				ctx, cancel := context.WithTimeout(session, writeTimeout)
				defer cancel()
				return conn.Write(ctx, websocket.MessageBinary, message)
			}
		}},
		{"deadline", func(conn *websocket.Conn) func() error {
			w := newDeadlineWriter(conn)
			return func() error { return w.write(websocket.MessageBinary, message) }
		}},
		{"unbounded", func(conn *websocket.Conn) func() error {
			return func() error { return conn.Write(context.Background(), websocket.MessageBinary, message) }
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			var far net.Conn
			conn := accepted(b, ln, new(net.Dialer).DialContext, func(c net.Conn) { far = c })
			write := way.with(conn)
			if err := write(); err != nil { // the client's handshake is over
				b.Fatal(err)
			}
			go func() { _, _ = io.Copy(io.Discard, far) }() // ends with the server's end
			b.ReportAllocs()
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
