package stream

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(lifeJournal) != "" {
		live()
	}
	goleak.VerifyTestMain(m)
}

// A pipeNet is a network of net.Pipes with one address, and the faults of a real one.
type pipeNet struct {
	mu       sync.Mutex
	listener *pipeListener // nil: nobody listens
	dialled  []*pipeConn
	refuse   bool
	hang     bool
}

var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}

// listen takes the address, which must be free.
func (n *pipeNet) listen() net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.listener != nil {
		panic("address in use")
	}
	n.listener = &pipeListener{network: n, conns: make(chan net.Conn), closed: make(chan struct{})}
	return n.listener
}

func (n *pipeNet) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listener
	refuse, hang := n.refuse, n.hang
	n.mu.Unlock()
	if hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if l == nil || refuse {
		return nil, errRefused
	}
	near, far := net.Pipe()
	conn := &pipeConn{Conn: near}
	select {
	case l.conns <- far:
		n.mu.Lock()
		n.dialled = append(n.dialled, conn)
		n.mu.Unlock()
		return conn, nil
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refuseAll makes new connections fail, or succeed again.
func (n *pipeNet) refuseAll(refuse bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuse = refuse
}

// hangAll makes new connections wait for an answer that never comes, or succeed again.
func (n *pipeNet) hangAll(hang bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hang = hang
}

// cut breaks all connections.
func (n *pipeNet) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.dialled {
		_ = c.Close()
	}
	n.dialled = nil
}

// swallow makes black holes of all connections: they stay open and nothing arrives.
func (n *pipeNet) swallow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.dialled {
		c.hole.Store(true)
	}
}

// A pipeConn is a viewer's end.
type pipeConn struct {
	net.Conn
	hole atomic.Bool
}

func (c *pipeConn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.hole.Load() {
			return n, err
		}
	}
}

func (c *pipeConn) Write(b []byte) (int, error) {
	if c.hole.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

type pipeListener struct {
	network *pipeNet
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, errors.New("listener closed")
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.network.mu.Lock()
		l.network.listener = nil
		l.network.mu.Unlock()
	})
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
