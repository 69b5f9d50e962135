package load

import (
	"context"
	"net"
	"sync"
	"time"

	"argos/spectrum"
	"argos/stream"
)

// slowTakes is how long a slow viewer takes for a frame. Meanwhile it neither reads nor
// acknowledges.
const slowTakes = 500 * time.Millisecond

// A viewer shows nothing. It counts what it gets.
type viewer struct {
	client  *stream.Client
	tally   *tally
	slow    <-chan struct{} // closed when nobody waits any more; nil: it is quick
	network func(ctx context.Context, network, addr string) (net.Conn, error)
	newest  uint64 // frame of this epoch

	mu   sync.Mutex
	conn net.Conn // nil: none yet
}

var _ stream.Sink = (*viewer)(nil)

// Frame counts f, and acknowledges it.
func (v *viewer) Frame(f *spectrum.Frame) {
	now := time.Now()
	fresh := f.FirstSeq > v.newest
	v.newest = max(v.newest, f.LastSeq)
	age := time.Duration(-1)
	// The rows of a hole are old by their nature.
	if began := v.client.ServerBegan(); fresh && !began.IsZero() {
		age = max(now.Sub(began.Add(f.Mono.Last)), 0)
	}
	v.tally.frame(f.Merged(), age)
	if v.slow != nil {
		wait := time.NewTimer(slowTakes)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-v.slow:
		}
	}
	v.client.Rendered(f.LastSeq)
}

// Gap counts the frames that will not come.
func (v *viewer) Gap(first, last uint64) { v.tally.gap(last - first + 1) }

// Event takes notice of another epoch.
func (v *viewer) Event(e stream.Event) {
	if e.Restart() {
		v.newest = 0
	}
}

// connected reports whether there is a link, whatever comes over it.
func (v *viewer) connected() bool {
	switch v.client.State() {
	case stream.Live, stream.Degraded, stream.Stale, stream.CatchingUp:
		return true
	default:
		return false
	}
}

func (v *viewer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := v.network(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	conn = counted{conn, v.tally}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.conn = conn
	return conn, nil
}

// cut resets the connection, if there is one.
func (v *viewer) cut() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return false
	}
	c := v.conn.(counted).Conn
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // it may be closed already
	}
	return c.Close() == nil
}

// A counted connection tells how much comes over it, as it is on the wire.
type counted struct {
	net.Conn
	tally *tally
}

func (c counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.tally.bytes(n)
	return n, err
}
