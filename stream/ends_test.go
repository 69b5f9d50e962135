package stream

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"argos/spectrum"
	"argos/stream/access"
)

// Ends are both ends of a link.
type ends struct {
	*deadlineWriter                 // the server's
	far             *websocket.Conn // the viewer's
	farWire         net.Conn        // below that, as it was dialled
	writes          *atomic.Int64   // calls to Write of the server's connection
}

// endsOptions says how a link is made. Nothing set: over TCP on loopback.
type endsOptions struct {
	listen net.Listener // where both are set: over that
	dial   func(ctx context.Context, network, address string) (net.Conn, error)

	tls   bool // as a Server has it
	stock bool // the library writes all by itself
	flate bool // offered and taken
}

// newEnds makes a link, which the test ends.
func newEnds(t testing.TB, o endsOptions) *ends {
	t.Helper()
	if o.listen == nil {
		var err error
		if o.listen, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		o.dial = new(net.Dialer).DialContext
	}
	e := &ends{writes: new(atomic.Int64)}
	url, accepts, dials := "ws://"+o.listen.Addr().String(), new(websocket.AcceptOptions), new(websocket.DialOptions)
	o.listen = tallied{o.listen, e.writes}
	if o.tls {
		o.listen, url = tls.NewListener(o.listen, doorTLS(t)), "wss"+url[len("ws"):]
	}
	if o.flate {
		accepts.CompressionMode, dials.CompressionMode = websocket.CompressionNoContextTakeover, websocket.CompressionNoContextTakeover
	}
	writers := make(chan *deadlineWriter, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.stock {
			w = wrapped{w}
		}
		conn, under, err := accept(w, r, accepts)
		if err != nil {
			t.Error(err)
		}
		writers <- newDeadlineWriter(conn, under, websocket.MessageBinary)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(o.listen)
	}()
	transport := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			e.farWire, err = o.dial(ctx, network, address)
			return e.farWire, err
		},
	}
	dials.HTTPClient = &http.Client{Transport: transport}
	far, _, err := websocket.Dial(t.Context(), url, dials)
	if err != nil {
		t.Fatal(err)
	}
	e.far, e.deadlineWriter = far, <-writers
	e.writes.Store(0)
	t.Cleanup(func() {
		e.stop()
		_ = e.farWire.Close()
		_ = far.CloseNow()
		_ = e.conn.CloseNow()
		_ = server.Close()
		<-served
	})
	return e
}

// doorTLS is the TLS of a server with a key of its own.
func doorTLS(t testing.TB) *tls.Config {
	t.Helper()
	door, err := access.NewEntrance(access.EntranceOptions{Address: "0.0.0.0:0", Dir: filepath.Join(t.TempDir(), "argos")})
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Prepare(); err != nil {
		t.Fatal(err)
	}
	return NewServer(newFakeSource(), spectrum.NewHistory(0), nil).bounded(door.TLS)
}

// wrapped is a ResponseWriter as middleware hands it on: no Hijacker by itself.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// tallied counts the writes to the connections that it accepts.
type tallied struct {
	net.Listener
	writes *atomic.Int64
}

func (l tallied) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return talliedConn{c, l.writes}, err
}

type talliedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c talliedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// preparedBytes is a prepared message of n bytes, all of them b.
func preparedBytes(n int, b byte) prepared {
	m := make([]byte, headerRoom+n)
	for i := range m {
		m[i] = b
	}
	return encodingPB.prepare(m)
}
