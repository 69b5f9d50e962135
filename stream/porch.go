package stream

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A porch is a listener that bounds how many connections may be there that are no
// session yet, whatever they wait for: when it is full, the one that has waited longest
// goes, which is none that does its handshake as others do.
type porch struct {
	net.Listener
	addresses *addresses
	proxy     func(netip.Addr) bool // whose connections are those of others, who are counted by what it says of them
	over      func(limit string, from net.Addr)

	mu      sync.Mutex
	waiting *list.List // of *arrival, oldest in front
}

func newPorch(ln net.Listener, a *addresses, proxy func(netip.Addr) bool, over func(limit string, from net.Addr)) *porch {
	return &porch{Listener: ln, addresses: a, proxy: proxy, over: over, waiting: list.New()}
}

// Accept lets the kernel keep little for each connection, so that a viewer that does not
// read is known to be slow before seconds of frames are on their way to it.
func (p *porch) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = keepLittle(tcp) // one that is gone already must not end the server
		}
		if a := p.receive(c); a != nil {
			return a, nil
		}
		p.over(limitArrivals, c.RemoteAddr())
		_ = c.Close()
	}
}

// receive takes a connection in, nil if its address has too many.
func (p *porch) receive(c net.Conn) *arrival {
	a := &arrival{Conn: c, porch: p, budget: newBudget(p.addresses.limits.Bytes)}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		if from := tcp.AddrPort().Addr().Unmap().WithZone(""); !p.proxy(from) {
			a.from = from.String()
		}
	}
	room := true
	p.addresses.of(a.from, func(o *address) {
		if room = o.arrivals < p.addresses.limits.AddressArrivals; room {
			o.arrivals++
		}
	})
	if !room {
		return nil
	}
	var oldest *arrival
	p.mu.Lock()
	if p.waiting.Len() >= p.addresses.limits.Arrivals {
		oldest = p.waiting.Front().Value.(*arrival)
	}
	a.place = p.waiting.PushBack(a)
	p.mu.Unlock()
	if oldest != nil {
		p.over(limitArrivals, oldest.RemoteAddr())
		_ = oldest.Close()
	}
	return a
}

// An arrival is a connection that came by way of a porch.
type arrival struct {
	net.Conn
	porch  *porch
	from   string // its address; empty: a proxy or nothing that has one
	budget *rate.Limiter

	place *list.Element // nil: it waits no more. Of the porch's mu

	mu    sync.Mutex
	flood func() // what to do when it sends too much; nil: close it
	over  bool
}

// settle takes a connection from those that wait.
func (a *arrival) settle() {
	a.porch.mu.Lock()
	waited := a.place != nil
	if waited {
		a.porch.waiting.Remove(a.place)
		a.place = nil
	}
	a.porch.mu.Unlock()
	if waited {
		a.porch.addresses.of(a.from, func(o *address) { o.arrivals-- })
	}
}

// seated settles a connection that has become a session, which is told by flood when it
// sends too much.
func (a *arrival) seated(flood func()) {
	a.settle()
	a.mu.Lock()
	a.flood = flood
	a.mu.Unlock()
}

func (a *arrival) Close() error {
	a.settle()
	return a.Conn.Close()
}

// cut closes the connection of a session, which has one unless a test made its request.
func (a *arrival) cut() {
	if a.Conn != nil {
		_ = a.Close()
	}
}

// Read counts what comes in, whatever it is made of: messages, fragments of them, pings.
func (a *arrival) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	if n > 0 && !a.budget.AllowN(time.Now(), min(n, a.budget.Burst())) {
		a.mu.Lock()
		first, flood := !a.over, a.flood
		a.over = true
		a.mu.Unlock()
		if first {
			a.porch.over(limitBytes, a.RemoteAddr())
			if flood == nil {
				flood = func() { _ = a.Close() }
			}
			flood()
		}
	}
	return n, err
}
