package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/time/rate"

	"argos/stream/access"
	"argos/stream/wire"
)

// tokensLook is how often a server looks whether tokens were revoked or have expired. A
// session that has to end is told so and has partingTimeout to take it: less than a
// second in all.
const (
	tokensLook     = 200 * time.Millisecond
	partingTimeout = 500 * time.Millisecond
)

// tlsPatience is for how long a handshake of TLS waits for its turn at most.
const tlsPatience = 2 * time.Second

var errTLSHandshakes = errors.New("too many handshakes")

// bounded is config with a bound on handshakes. They count once the other side has said
// Hello, so that who says nothing takes nobody's turn, and before any key is used, which
// is what costs: docs/adr/0014-tls-handshakes.md has the figures.
func (s *Server) bounded(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.DynamicRecordSizingDisabled = true // a message is of use when it is whole: one record, one write
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) { return nil, s.admitTLS(hello) }
	return config
}

// admitTLS waits for the turn of a handshake. One that is over is logged by who called.
func (s *Server) admitTLS(hello *tls.ClientHelloInfo) error {
	now, from := time.Now(), ""
	if a, ok := hello.Conn.(*arrival); ok {
		from = a.from
	}
	// Two that look at once may both take the last place, which does no harm.
	line := tlsPatience.Seconds() * float64(s.tls.Limit())
	if !s.addresses.tls(from, now) || s.tls.TokensAt(now) <= -line {
		s.metrics.limited.WithLabelValues(limitTLS).Inc()
		return errTLSHandshakes
	}
	turn := time.NewTimer(s.tls.ReserveN(now, 1).DelayFrom(now))
	defer turn.Stop()
	select {
	case <-turn.C:
		return nil
	case <-hello.Context().Done():
		return hello.Context().Err()
	}
}

// identify says who a request comes from. One that is not let in is answered.
func (s *Server) identify(w http.ResponseWriter, r *http.Request) (who access.Identity, ok bool) {
	from := s.options.Access.From(r)
	if wait, cause := s.addresses.handshake(from, time.Now()); wait > 0 {
		s.turnAway(w, cause, from, wait)
		return who, false
	}
	who, err := s.options.Access.Identify(r)
	if err == nil {
		return who, true
	}
	refusal := &access.Refusal{Status: http.StatusUnauthorized}
	errors.As(err, &refusal)
	if refusal.Cause == access.CauseToken && s.addresses.failed(from, time.Now()) {
		s.turnAway(w, limitLogins, from, time.Second)
		return who, false
	}
	s.metrics.refused.WithLabelValues(refusal.Cause).Inc()
	s.strangers.Warn("not let in", "remote", who.From, "cause", refusal.Cause)
	if refusal.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	w.Header().Set("Connection", "close")
	http.Error(w, refusal.Text, refusal.Status)
	return who, false
}

// expelledError is a session that the server ends: its viewer is not to come back.
type expelledError struct{ why string }

func (e *expelledError) Error() string { return e.why }

// watchTokens ends the sessions whose token is good no more, until ctx ends.
func (s *Server) watchTokens(ctx context.Context) {
	tokens := s.options.Access.Tokens
	if tokens == nil {
		return
	}
	tick := time.NewTicker(tokensLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if _, err := tokens.Refresh(); err != nil {
			s.log.Error("tokens", "error", err)
		}
		for _, v := range s.present() {
			v.allowed()
		}
	}
}

// welcomeStill reports whether the viewer may say one thing more, and sends it away if not.
// Acknowledgements are as many as what is sent; they count as bytes alone.
func (v *viewer) welcomeStill(m *wire.ClientMessage) bool {
	if m.GetAck() == nil && !v.budget.Allow() {
		v.over(limitMessages)
		return false
	}
	return v.allowed()
}

// allowed reports whether the viewer may still be here, and sends it away if not.
func (v *viewer) allowed() bool {
	if v.who.Token == nil {
		return true
	}
	err := v.server.options.Access.Tokens.Still(v.who.Token)
	if err == nil {
		return true
	}
	v.expel(&expelledError{err.Error()})
	return false
}

// turnAway answers 429: come back, but later.
func (s *Server) turnAway(w http.ResponseWriter, limit, from string, wait time.Duration) {
	s.tooMuch(limit, remote(from))
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	w.Header().Set("Connection", "close")
	http.Error(w, "too many "+limit+": come back later", http.StatusTooManyRequests)
}

// seat finds room for a session, or answers.
func (s *Server) seat(w http.ResponseWriter, from string) bool {
	s.mu.Lock()
	free := s.seats < s.limits.Sessions && s.addresses.enter(from)
	if free {
		s.seats++
	}
	s.mu.Unlock()
	if !free {
		s.turnAway(w, limitSessions, from, admitLater)
	}
	return free
}

// unseat gives up what seat found.
func (s *Server) unseat(from string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seats--
	s.addresses.leave(from)
}

// tooMuch tells of what is over a limit.
func (s *Server) tooMuch(limit string, from net.Addr) {
	s.metrics.limited.WithLabelValues(limit).Inc()
	s.strangers.Warn("too many", "what", limit, "remote", from.String())
}

// remote is an address as an Identity has it.
type remote string

func (remote) Network() string  { return "tcp" }
func (r remote) String() string { return string(r) }

// arrivalKey is where a request's context has its arrival.
type arrivalKey struct{}

// arrived is http.Server.ConnContext.
func arrived(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, arrivalKey{}, c)
}

// arrivalOf is the connection of a request, one of its own if it has come by no porch.
func arrivalOf(r *http.Request) *arrival {
	if a, ok := r.Context().Value(arrivalKey{}).(*arrival); ok {
		return a
	}
	return &arrival{porch: new(porch)}
}

func newBudget(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), 2*perSecond)
}
