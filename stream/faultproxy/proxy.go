package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// A Way is what happens to one direction. The zero Way does nothing to it.
type Way struct {
	Delay  time.Duration // of each piece
	Jitter time.Duration // up to so much more, by chance; order is kept
	Rate   int           // 0: unlimited
	Queue  int           // what the way holds before the sender has to wait; 0: 256 KiB
	Pieces int           // largest piece that goes in one write and comes in one read; 0: any size
	Hole   bool          // nothing arrives, not even the end of the link; what was sent waits, as TCP sends it again
	Stall  bool          // nothing is taken from the sender: a receiver that does not read
}

const defaultQueue = 256 << 10

// Conditions are the state of the network. The zero Conditions are a perfect one.
type Conditions struct {
	Up, Down Way  // from the client to the server, and back
	Refuse   bool // new links are refused
}

// A Proxy stands between clients and a server. All methods may be called at any time
// from any goroutine.
type Proxy struct {
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	seed uint64

	mu      sync.Mutex
	now     Conditions
	changed chan struct{} // closed when now or the fate of a link changes
	links   map[*link]struct{}
	opened  uint64
	closed  bool
	running sync.WaitGroup
}

// New returns a proxy to the server that dial reaches. Jitter follows seed.
func New(seed uint64, dial func(ctx context.Context, network, address string) (net.Conn, error)) *Proxy {
	return &Proxy{dial: dial, seed: seed, changed: make(chan struct{}), links: map[*link]struct{}{}}
}

// Set makes c the state of the network, for links that stand too.
func (p *Proxy) Set(c Conditions) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = c
	p.stir()
}

// Heal makes the network perfect. Links that were stranded stay so.
func (p *Proxy) Heal() { p.Set(Conditions{}) }

// Cut resets all links and refuses new ones until Set or Heal.
func (p *Proxy) Cut() {
	p.Set(Conditions{Refuse: true})
	p.Reset(0)
}

// Reset resets each link that stands once it has carried so many bytes more to its
// client, so most likely in the middle of a message; 0 is at once.
func (p *Proxy) Reset(after int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if after > 0 {
			l.resetIn = after
		} else {
			l.end(true)
		}
	}
}

// Strand makes both directions of each link that stands a hole for good, as when a
// machine loses its power or a NAT its table. New links are not concerned.
func (p *Proxy) Strand() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.stranded = true
	}
	p.stir()
}

// stir wakes everybody that waits for other conditions; p.mu is held.
func (p *Proxy) stir() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Proxy) conditions() (Conditions, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now, p.changed
}

// Links is how many links stand.
func (p *Proxy) Links() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// pipeBytes is what a dialled link holds at the client's end, as a kernel does.
const pipeBytes = 64 << 10

// Dial connects to the server by way of the proxy. It takes a round trip, and in a
// hole until that ends or ctx does.
func (p *Proxy) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	for {
		c, changed := p.conditions()
		if c.Refuse {
			return nil, errRefused
		}
		var timer <-chan time.Time // nil waits for ever
		hole := c.Up.Hole || c.Down.Hole
		if !hole {
			timer = time.After(c.Up.Delay + c.Down.Delay)
		}
		select {
		case <-ctx.Done():
			return nil, opError("dial", ctx.Err())
		case <-changed:
			continue
		case <-timer:
		}
		break
	}
	server, err := p.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	near, far := Pipe(pipeBytes)
	if !p.join(far, server) {
		return nil, errRefused
	}
	return near, nil
}

// Serve takes links from ln until it is closed, which gives nil. Whoever comes while
// links are refused is reset.
func (p *Proxy) Serve(ln net.Listener) error {
	for {
		client, err := ln.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if c, _ := p.conditions(); c.Refuse {
			reset(client)
			continue
		}
		server, err := p.dial(context.Background(), ln.Addr().Network(), "")
		if err != nil {
			reset(client)
			continue
		}
		p.join(client, server)
	}
}

// Close resets all links, refuses new ones and waits until nothing of them is left.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.now = Conditions{Refuse: true}
	for l := range p.links {
		l.end(true)
	}
	p.stir()
	p.mu.Unlock()
	p.running.Wait()
}

// join makes a link of two connections, unless the proxy is closed.
func (p *Proxy) join(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		reset(client)
		reset(server)
		return false
	}
	l := &link{proxy: p, client: client, server: server, gone: make(chan struct{})}
	p.links[l] = struct{}{}
	ways := [...]*way{
		newWay(l, up, client, server, p.seed, p.opened),
		newWay(l, down, server, client, p.seed, p.opened),
	}
	p.opened++
	var both sync.WaitGroup
	for _, w := range ways {
		both.Go(w.fill)
		both.Go(w.drain)
	}
	p.running.Go(func() {
		both.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
	return true
}

// A link is one client's connection and its own to the server.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	gone           chan struct{} // both are closed

	// Guarded by the mutex of the proxy.
	stranded bool
	resetIn  int // bytes to the client until the link is reset; 0: it is not
	ended    int // ends that were closed by who holds them
	over     bool
}

// end closes both connections; the mutex of the proxy is held.
func (l *link) end(hard bool) {
	if l.over {
		return
	}
	l.over = true
	for _, c := range []net.Conn{l.client, l.server} {
		if hard {
			reset(c)
		} else {
			_ = c.Close()
		}
	}
	close(l.gone)
}

// reset closes c with a TCP reset, or what comes nearest to it.
func reset(c net.Conn) {
	switch c := c.(type) {
	case *net.TCPConn:
		_ = c.SetLinger(0) // fails where the connection is gone already
	case *Conn:
		c.Reset()
	}
	_ = c.Close()
}

// wasReset reports whether a connection ended by a reset.
func wasReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
