package stream

import (
	"context"
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Viewers that were cut off together come back together, and one that comes costs more
// than one that is served for a second: docs/adr/0008-accept-rate.md has the figures.
const (
	admitRate  = 250 // handshakes a second, unless told otherwise
	admitLater = 20 * time.Second
	admitQuiet = 2 * time.Second // without a handshake that had to wait, and a burst is over
)

// An admission bounds the rate of handshakes. What comes too soon waits in a line; who
// finds that full is sent away at once and told when its turn will come, one after the
// other, so that viewers come back no faster than they are let in. It is safe for
// concurrent use.
type admission struct {
	handshakes *prometheus.CounterVec
	line       int

	mu    sync.Mutex
	turns *rate.Limiter
	later *rate.Limiter // turns of those that were sent away
	burst burst
}

// A burst is a time in which more came than were let in at once.
type burst struct {
	began, newest   time.Time
	waited, refused int
}

// newAdmission lets perSecond in a second, burst at once after a quiet time, and line
// wait.
func newAdmission(handshakes *prometheus.CounterVec, perSecond rate.Limit, burst, line int) *admission {
	return &admission{
		handshakes: handshakes, line: line,
		turns: rate.NewLimiter(perSecond, burst), later: rate.NewLimiter(perSecond, 1),
	}
}

// usualAdmission has the burst and the line that go with a rate.
func usualAdmission(handshakes *prometheus.CounterVec, perSecond int) *admission {
	return newAdmission(handshakes, rate.Limit(perSecond), burstOf(perSecond), lineOf(perSecond))
}

// burstOf is how many begin at once after a quiet time.
func burstOf(perSecond int) int { return max(1, perSecond/5) }

// lineOf is how many wait for their turn: 2 s, well within a viewer's patience.
func lineOf(perSecond int) int { return 2 * perSecond }

// What became of a handshake.
const (
	handshakeAtOnce  = "at_once"
	handshakeWaited  = "waited"
	handshakeRefused = "refused" // told to come back
	handshakeGone    = "gone"    // left the line
)

// admit waits for the turn of a handshake until ctx ends. Where the line is full it
// answers at once, with the time after which to come back.
func (a *admission) admit(ctx context.Context) (ok bool, comeBack time.Duration) {
	turn, wait, comeBack := a.take(time.Now())
	switch {
	case turn == nil:
		a.handshakes.WithLabelValues(handshakeRefused).Inc()
		return false, comeBack
	case wait == 0:
		a.handshakes.WithLabelValues(handshakeAtOnce).Inc()
		return true, 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		a.handshakes.WithLabelValues(handshakeWaited).Inc()
		return true, 0
	case <-ctx.Done():
		turn.Cancel()
		a.handshakes.WithLabelValues(handshakeGone).Inc()
		return false, 0
	}
}

// take takes a place in the line, or, without a turn, one after those sent away before.
func (a *admission) take(now time.Time) (turn *rate.Reservation, wait, comeBack time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	full := a.turns.TokensAt(now) <= float64(-a.line)
	if !full {
		turn = a.turns.ReserveN(now, 1)
		if wait = turn.DelayFrom(now); wait == 0 {
			return turn, 0, 0
		}
	}
	if a.burst.began.IsZero() {
		a.burst.began = now
	}
	a.burst.newest = now
	if !full {
		a.burst.waited++
		return turn, wait, 0
	}
	a.burst.refused++
	comeBack = admitLater
	if a.later.TokensAt(now) > -admitLater.Seconds()*float64(a.later.Limit()) {
		comeBack = a.later.ReserveN(now, 1).DelayFrom(now)
	}
	return nil, 0, comeBack
}

// refuse sends a viewer away until its turn. Whole seconds are all that the header can
// say: viewers add a part of one at random. The line lasts longer than the first second.
func (*admission) refuse(w http.ResponseWriter, comeBack time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(1+int(math.Floor(comeBack.Seconds()))))
	w.Header().Set("Connection", "close")
	http.Error(w, "many viewers come at once: come back later", http.StatusServiceUnavailable)
}

// report logs a burst that is over, or has to be because the server ends.
func (a *admission) report(log *slog.Logger, ending bool) {
	a.mu.Lock()
	b := a.burst
	over := !b.began.IsZero() && (ending || time.Since(b.newest) >= admitQuiet)
	if over {
		a.burst = burst{}
	}
	a.mu.Unlock()
	if over {
		log.Warn("many viewers came at once", "waited", b.waited, "refused", b.refused, "within", b.newest.Sub(b.began).Round(time.Millisecond))
	}
}

// spread is over how long the viewers of a server that stops are to come back.
func (s *Server) spread() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(time.Second, time.Duration(len(s.viewers))*time.Second/time.Duration(s.limits.Handshakes))
}
