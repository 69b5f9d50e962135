package stream

import (
	"container/list"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits bound what those who connect can make a server do. The zero Limits are the
// defaults, which a Raspberry Pi holds. Those of one address do not hold for this machine.
type Limits struct {
	Sessions   int // at once; 5,000
	Arrivals   int // connections at once that are no session yet; 1,024
	Handshakes int // a second, of one address; 10. In all: see admission

	AddressSessions int // of one address at once; 64
	AddressArrivals int // of one address at once; 32

	Messages int // a second, of one session, but for acknowledgements; pings apart from the rest; 200
	Bytes    int // a second, of one connection; 262,144
}

func (l Limits) withDefaults() Limits {
	for _, d := range []struct {
		value *int
		usual int
	}{
		{&l.Sessions, 5000},
		{&l.Arrivals, 1024},
		{&l.Handshakes, 10},
		{&l.AddressSessions, 64},
		{&l.AddressArrivals, 32},
		{&l.Messages, 200},
		{&l.Bytes, 256 << 10},
	} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	return l
}

const (
	addressesMost = 4096             // kept at once; then the one that was quiet longest goes
	loginDelay    = time.Second      // after the second bad token of an address; it doubles with each
	loginLongest  = time.Minute      //
	loginForgiven = 10 * time.Minute // without a bad token
	loginsAtOnce  = 20               // bad tokens of all that are told so; then as many a second
)

// Addresses are what a server knows of those who come from elsewhere, by address. It is
// safe for concurrent use.
type addresses struct {
	limits Limits
	bad    *rate.Limiter // tokens, of all

	mu    sync.Mutex
	known map[netip.Prefix]*list.Element
	quiet *list.List // of *address, the one that was heard of last in front
}

type address struct {
	net        netip.Prefix
	sessions   int
	arrivals   int
	handshakes *rate.Limiter
	failures   int       // bad tokens
	failed     time.Time // the last
}

func newAddresses(l Limits) *addresses {
	return &addresses{
		limits: l, bad: rate.NewLimiter(loginsAtOnce, loginsAtOnce),
		known: map[netip.Prefix]*list.Element{}, quiet: list.New(),
	}
}

// prefixOf is what counts as one address: those of IPv6 are handed out 2^64 at a time.
// Nothing is counted of this machine.
func prefixOf(from string) (netip.Prefix, bool) {
	a, err := netip.ParseAddr(from)
	if err != nil || a.IsLoopback() {
		return netip.Prefix{}, false
	}
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	n, err := a.Prefix(bits)
	return n, err == nil
}

// of calls f with what is known of an address, unless it is this machine's.
func (a *addresses) of(from string, f func(*address)) {
	n, ok := prefixOf(from)
	if !ok {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	e := a.known[n]
	if e == nil {
		if len(a.known) >= addressesMost {
			a.forget()
		}
		per := rate.Limit(a.limits.Handshakes)
		e = a.quiet.PushFront(&address{net: n, handshakes: rate.NewLimiter(per, 2*a.limits.Handshakes)})
		a.known[n] = e
	}
	a.quiet.MoveToFront(e)
	f(e.Value.(*address))
}

// forget drops the address that was quiet longest and has nothing here.
func (a *addresses) forget() {
	for e := a.quiet.Back(); e != nil; e = e.Prev() {
		if o := e.Value.(*address); o.sessions == 0 && o.arrivals == 0 {
			a.quiet.Remove(e)
			delete(a.known, o.net)
			return
		}
	}
}

// handshake says for how long an address has to stay away, 0 if not: because it comes too
// often, or brought bad tokens.
func (a *addresses) handshake(from string, now time.Time) (wait time.Duration, cause string) {
	a.of(from, func(o *address) {
		if wait, cause = o.punished(now), limitLogins; wait > 0 {
			return
		}
		if !o.handshakes.AllowN(now, 1) {
			wait, cause = time.Second, limitHandshakes
		}
	})
	return wait, cause
}

// punished is how much longer nothing is heard of an address that brought bad tokens.
func (o *address) punished(now time.Time) time.Duration {
	if o.failures < 2 {
		return 0
	}
	delay := min(loginDelay<<min(o.failures-2, 10), loginLongest)
	return delay - now.Sub(o.failed)
}

// failed counts a bad token. It reports whether there were too many, of all.
func (a *addresses) failed(from string, now time.Time) (tooMany bool) {
	a.of(from, func(o *address) {
		if now.Sub(o.failed) > loginForgiven {
			o.failures = 0
		}
		o.failures++
		o.failed = now
	})
	return !a.bad.AllowN(now, 1)
}

// enter counts a session of an address in, unless it has too many.
func (a *addresses) enter(from string) (ok bool) {
	ok = true
	a.of(from, func(o *address) {
		if ok = o.sessions < a.limits.AddressSessions; ok {
			o.sessions++
			o.failures = 0 // it has brought a good token
		}
	})
	return ok
}

func (a *addresses) leave(from string) { a.of(from, func(o *address) { o.sessions-- }) }

// What was over, for metrics.
const (
	limitArrivals   = "arrivals"
	limitHandshakes = "handshakes"
	limitLogins     = "logins"
	limitSessions   = "sessions"
	limitMessages   = "messages"
	limitBytes      = "bytes"
)

// limitNames are all of them.
var limitNames = []string{limitArrivals, limitHandshakes, limitLogins, limitSessions, limitMessages, limitBytes}

// A porch is a listener that bounds how many connections may be there that are no
// session yet, whatever they wait for: when it is full, the one that has waited longest
// goes, which is none that does its handshake as others do.
type porch struct {
	net.Listener
	addresses *addresses
	over      func(limit string, from net.Addr)

	mu      sync.Mutex
	waiting *list.List // of *arrival, oldest in front
}

func newPorch(ln net.Listener, a *addresses, over func(limit string, from net.Addr)) *porch {
	return &porch{Listener: ln, addresses: a, over: over, waiting: list.New()}
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
	a := &arrival{Conn: c, porch: p, budget: rate.NewLimiter(rate.Limit(p.addresses.limits.Bytes), 2*p.addresses.limits.Bytes)}
	if tcp, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		a.from = tcp.AddrPort().Addr().Unmap().WithZone("").String()
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
	from   string
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
