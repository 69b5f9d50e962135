package stream

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// BenchmarkTransport is behind docs/adr/0007: what one frame of 4 kB to one viewer costs
// by the ways that get through HTTP. Frames go one at a time over TCP on loopback, as
// they do at 20 a second: the next is sent when the one before has been taken. CPU is
// that of both ends, bytes are those of TCP's payload.
func BenchmarkTransport(b *testing.B) {
	for _, tc := range []struct {
		name  string
		serve func(*transportRig) http.Handler
		view  func(ctx context.Context, r *transportRig, url string) error
	}{
		{"websocket", serveSocket, viewSocket},
		{"websocket+ack", serveSocket, viewSocketAndAck},
		{"sse", serveSSE, viewSSE},
		{"sse+post", serveSSE, viewSSEAndPost},
		{"longpoll", serveLongPoll, viewLongPoll},
	} {
		b.Run(tc.name, func(b *testing.B) { benchTransport(b, tc.serve, tc.view) })
	}
}

const transportFrame = 4096

// A transportRig hands frames to a server's handler and hears of their arrival.
type transportRig struct {
	frame    []byte
	send     chan struct{} // one token, one frame
	taken    chan struct{}
	client   *http.Client
	down, up atomic.Int64
}

func benchTransport(b *testing.B, serve func(*transportRig) http.Handler, view func(context.Context, *transportRig, string) error) {
	r := &transportRig{frame: make([]byte, transportFrame), send: make(chan struct{}), taken: make(chan struct{})}
	noise := rand.New(rand.NewPCG(1, 2))
	for i := range r.frame {
		r.frame[i] = byte(noise.Uint32())
	}
	transport := &http.Transport{DisableCompression: true}
	r.client = &http.Client{Transport: transport}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: serve(r), BaseContext: func(net.Listener) context.Context { return ctx }}
	var both sync.WaitGroup
	both.Go(func() { _ = server.Serve(countingListener{l, r}) })
	both.Go(func() {
		if err := view(ctx, r, l.Addr().String()); err != nil && ctx.Err() == nil {
			b.Error(err)
			panic(err) // nobody would take the frames
		}
	})
	deliver := func() {
		r.send <- struct{}{}
		<-r.taken
	}
	for range 100 { // connections and buffers are there
		deliver()
	}
	down, up, spent := r.down.Load(), r.up.Load(), processTime(b)
	b.ReportAllocs()
	for b.Loop() {
		deliver()
	}
	n := float64(b.N)
	b.ReportMetric(float64((processTime(b)-spent).Nanoseconds())/n, "cpu-ns/frame")
	b.ReportMetric(float64(r.down.Load()-down)/n, "down-B/frame")
	b.ReportMetric(float64(r.up.Load()-up)/n, "up-B/frame")
	cancel()
	_ = server.Close()
	transport.CloseIdleConnections()
	both.Wait()
}

func processTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type countingListener struct {
	net.Listener
	rig *transportRig
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.rig}, err
}

type countingConn struct {
	net.Conn
	rig *transportRig
}

func (c countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.rig.up.Add(int64(n))
	return n, err
}

func (c countingConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.rig.down.Add(int64(n))
	return n, err
}

// next waits for the token of the next frame.
func (r *transportRig) next(ctx context.Context) bool {
	select {
	case <-r.send:
		return true
	case <-ctx.Done():
		return false
	}
}

// took tells that a frame has been taken.
func (r *transportRig) took(ctx context.Context) {
	select {
	case r.taken <- struct{}{}:
	case <-ctx.Done():
	}
}

// WebSocket as the link uses it: binary messages one way, acknowledgements the other.
func serveSocket(r *transportRig) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		conn, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		var reader sync.WaitGroup
		defer reader.Wait()
		reader.Go(func() {
			for {
				if _, _, err := conn.Read(q.Context()); err != nil {
					return
				}
				r.took(q.Context())
			}
		})
		for r.next(q.Context()) {
			if conn.Write(context.Background(), websocket.MessageBinary, r.frame) != nil {
				return
			}
		}
	})
}

func viewSocket(ctx context.Context, r *transportRig, address string) error {
	return readSocket(ctx, address, func(*websocket.Conn) error {
		r.took(ctx)
		return nil
	})
}

func viewSocketAndAck(ctx context.Context, _ *transportRig, address string) error {
	ack := make([]byte, 22) // of a sequence number, an offset and a time
	return readSocket(ctx, address, func(conn *websocket.Conn) error {
		return conn.Write(context.Background(), websocket.MessageBinary, ack)
	})
}

func readSocket(ctx context.Context, address string, shown func(*websocket.Conn) error) error {
	conn, _, err := websocket.Dial(ctx, "ws://"+address, nil)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	data := make([]byte, transportFrame)
	for {
		_, message, err := conn.Reader(ctx)
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(message, data); err != nil {
			return err
		}
		// The end of the message is read, too, or the next Reader fails.
		if _, err := message.Read(data[:1]); err != io.EOF {
			return fmt.Errorf("a message of more than %d bytes: %w", transportFrame, err)
		}
		if err := shown(conn); err != nil {
			return err
		}
	}
}

// Server-Sent Events are text: a frame goes as base64.
func serveSSE(r *transportRig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /ack", func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		w.WriteHeader(http.StatusNoContent)
		r.took(q.Context())
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		out := http.NewResponseController(w)
		_ = out.Flush()
		var event []byte
		for seq := 0; r.next(q.Context()); seq++ {
			event = fmt.Appendf(event[:0], "id: %d\ndata: ", seq)
			event = base64.StdEncoding.AppendEncode(event, r.frame)
			event = append(event, "\n\n"...)
			if _, err := w.Write(event); err != nil || out.Flush() != nil {
				return
			}
		}
	})
	return mux
}

func viewSSE(ctx context.Context, r *transportRig, address string) error {
	return readSSE(ctx, r, address, func() error {
		r.took(ctx)
		return nil
	})
}

// With acknowledgements, which have to be requests of their own.
func viewSSEAndPost(ctx context.Context, r *transportRig, address string) error {
	ack := make([]byte, 22)
	return readSSE(ctx, r, address, func() error {
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/ack", bytes.NewReader(ack))
		if err != nil {
			return err
		}
		answer, err := r.client.Do(q)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
}

func readSSE(ctx context.Context, r *transportRig, address string, shown func() error) error {
	answer, err := r.get(ctx, "http://"+address+"/")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	var data []byte
	for lines.Scan() {
		text, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		if data, err = base64.StdEncoding.AppendDecode(data[:0], []byte(text)); err != nil || len(data) != transportFrame {
			return fmt.Errorf("%d bytes: %w", len(data), err)
		}
		if err := shown(); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Long polling: one request a frame on a connection that is kept alive. The next
// request is the acknowledgement.
func serveLongPoll(r *transportRig) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !r.next(q.Context()) {
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", fmt.Sprint(len(r.frame)))
		_, _ = w.Write(r.frame)
	})
}

func viewLongPoll(ctx context.Context, r *transportRig, address string) error {
	data := make([]byte, transportFrame)
	for seq := 0; ; seq++ {
		answer, err := r.get(ctx, fmt.Sprintf("http://%s/frame?after=%d", address, seq))
		if err != nil {
			return err
		}
		_, err = io.ReadFull(answer.Body, data)
		_ = answer.Body.Close()
		if err != nil {
			return err
		}
		r.took(ctx)
	}
}

func (r *transportRig) get(ctx context.Context, url string) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	return r.client.Do(q)
}
