package stream

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

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
	tls        *rate.Limiter // handshakes of TLS
	handshakes *rate.Limiter // of sessions
	failures   int           // bad tokens
	failed     time.Time     // the last
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
		e = a.quiet.PushFront(&address{net: n, tls: newBudget(a.limits.AddressTLSHandshakes), handshakes: newBudget(a.limits.AddressHandshakes)})
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

// tls reports whether an address may begin a handshake of TLS.
func (a *addresses) tls(from string, now time.Time) (ok bool) {
	ok = true
	a.of(from, func(o *address) { ok = o.tls.AllowN(now, 1) })
	return ok
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
