package stream

import (
	"context"
	"errors"
	"net/http"
	"time"

	"argos/stream/access"
)

// tokensLook is how often a server looks whether tokens were revoked or have expired. A
// session that has to end is told so and has partingTimeout to take it: less than a
// second in all.
const (
	tokensLook     = 200 * time.Millisecond
	partingTimeout = 500 * time.Millisecond
)

// identify says who a request comes from. One that is not let in is answered.
func (s *Server) identify(w http.ResponseWriter, r *http.Request) (who access.Identity, ok bool) {
	who, err := s.options.Access.Identify(r)
	if err == nil {
		return who, true
	}
	refusal := &access.Refusal{Status: http.StatusUnauthorized}
	errors.As(err, &refusal)
	s.metrics.refused.WithLabelValues(refusal.Cause).Inc()
	s.log.Warn("not let in", "remote", who.From, "cause", refusal.Cause)
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
