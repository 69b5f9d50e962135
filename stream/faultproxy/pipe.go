package faultproxy

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// Pipe is a connection in memory of which each direction holds up to size bytes, as
// the buffers of a kernel do: what was written before a Close can still be read.
func Pipe(size int) (near, far *Conn) {
	a, b := newHalf(size), newHalf(size)
	return &Conn{in: a, out: b}, &Conn{in: b, out: a}
}

// A Conn is one end of a Pipe.
type Conn struct{ in, out *half }

var _ net.Conn = (*Conn)(nil)

// A half is one direction of a Pipe.
type half struct {
	mu     sync.Mutex
	stir   sync.Cond
	buffer []byte
	size   int
	most   int   // bytes that one Read gets; 0: all there are
	ended  error // what a Read gets once the buffer is empty
	shut   error // what a Write gets
	read   deadline
	write  deadline
}

func newHalf(size int) *half {
	h := &half{size: max(size, 1)}
	h.stir.L = &h.mu
	return h
}

// A deadline of a half is guarded by the mutex of that half.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

func (d *deadline) passed() bool { return !d.at.IsZero() && !time.Now().Before(d.at) }

func (h *half) setDeadline(d *deadline, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.at = at
	if wait := time.Until(at); !at.IsZero() && wait > 0 {
		d.timer = time.AfterFunc(wait, func() {
			h.mu.Lock() // or a reader between its look at the clock and its wait would miss this
			defer h.mu.Unlock()
			h.stir.Broadcast()
		})
	}
	h.stir.Broadcast()
}

func (c *Conn) Read(b []byte) (int, error) {
	h := c.in
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.read.passed():
			return 0, opError("read", os.ErrDeadlineExceeded)
		case len(h.buffer) > 0:
			if h.most > 0 {
				b = b[:min(len(b), h.most)]
			}
			n := copy(b, h.buffer)
			h.buffer = h.buffer[:copy(h.buffer, h.buffer[n:])]
			h.stir.Broadcast()
			return n, nil
		case h.ended != nil:
			return 0, h.ended
		case len(b) == 0:
			return 0, nil
		}
		h.stir.Wait()
	}
}

func (c *Conn) Write(b []byte) (n int, err error) {
	h := c.out
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		switch {
		case h.shut != nil:
			return n, h.shut
		case h.write.passed():
			return n, opError("write", os.ErrDeadlineExceeded)
		case n == len(b):
			return n, nil
		}
		if room := h.size - len(h.buffer); room > 0 {
			take := min(room, len(b)-n)
			h.buffer = append(h.buffer, b[n:n+take]...)
			n += take
			h.stir.Broadcast()
			continue
		}
		h.stir.Wait()
	}
}

// Close ends both directions. The peer reads what was written and then io.EOF.
func (c *Conn) Close() error {
	c.in.end(net.ErrClosed, syscall.EPIPE, true)
	c.out.end(io.EOF, net.ErrClosed, false)
	return nil
}

// Reset ends both directions at once: what is under way is lost, and the peer is told
// so, as by a TCP reset.
func (c *Conn) Reset() {
	c.in.end(net.ErrClosed, syscall.ECONNRESET, true)
	c.out.end(opError("read", syscall.ECONNRESET), net.ErrClosed, true)
}

// end lets reads end with ended and writes with shut, unless they have ended already.
func (h *half) end(ended, shut error, drop bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended == nil {
		h.ended = ended
	}
	if h.shut == nil {
		h.shut = opError("write", shut)
	}
	if drop {
		h.buffer = nil
	}
	for _, d := range []*deadline{&h.read, &h.write} {
		if d.timer != nil {
			d.timer.Stop()
		}
	}
	h.stir.Broadcast()
}

// pieces bounds what one Read of the peer gets.
func (c *Conn) pieces(most int) {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.most = most
}

func opError(op string, err error) error {
	return &net.OpError{Op: op, Net: "pipe", Addr: address{}, Err: err}
}

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.read, t)
	c.out.setDeadline(&c.out.write, t)
	return nil
}

// SetReadDeadline as a net.Conn has it.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.read, t)
	return nil
}

// SetWriteDeadline as a net.Conn has it.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.write, t)
	return nil
}

// LocalAddr is "pipe".
func (c *Conn) LocalAddr() net.Addr { return address{} }

// RemoteAddr is "pipe".
func (c *Conn) RemoteAddr() net.Addr { return address{} }

type address struct{}

func (address) Network() string { return "pipe" }
func (address) String() string  { return "pipe" }

// A Listener accepts Pipes. Dial connects to it.
type Listener struct {
	size   int
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

var _ net.Listener = (*Listener)(nil)

// NewListener returns a listener of pipes that hold size bytes each way.
func NewListener(size int) *Listener {
	return &Listener{size: size, conns: make(chan net.Conn), closed: make(chan struct{})}
}

// Dial connects to l, whatever the address; it is refused once l is closed.
func (l *Listener) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := Pipe(l.size)
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, errRefused
	case <-ctx.Done():
		return nil, opError("dial", ctx.Err())
	}
}

var errRefused = opError("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED))

// Accept waits for the next Dial.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, opError("accept", net.ErrClosed)
	}
}

// Close ends Accept. Connections accepted stay open.
func (l *Listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

// Addr is "pipe".
func (l *Listener) Addr() net.Addr { return address{} }
