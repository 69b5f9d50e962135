package stream

import (
	"maps"
	"slices"
	"time"

	"argos/stream/access"
)

// This file tells how a server's viewers are doing, for its metrics.

// A viewerState is how a viewer is doing, as its server sees it.
type viewerState uint8

const (
	viewerLive       viewerState = iota
	viewerMerging                // got frames merged within degradedFor
	viewerCatchingUp             // a hole of it is being filled
	viewerStalled                // has not acknowledged for stalledAfter
)

var viewerStates = [...]string{"live", "degraded", "catching_up", "stalled"}

const (
	degradedFor  = 2 * time.Second // as a client says DEGRADED
	stalledAfter = 2 * time.Second
)

// enter counts a viewer in, leave out.
func (s *Server) enter(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.viewers[v] = struct{}{}
}

func (s *Server) leave(v *viewer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.viewers, v)
}

// present are the viewers that there are.
func (s *Server) present() []*viewer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.viewers))
}

// census counts the viewers by role and state, and says how many frames before head the
// one that lags most has got.
func (s *Server) census(head uint64) (count map[access.Role]*[len(viewerStates)]int, lag uint64) {
	count = map[access.Role]*[len(viewerStates)]int{access.Viewer: {}, access.Operator: {}, access.Admin: {}}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		state, next := v.standing(now)
		count[v.who.Role][state]++
		lag = max(lag, head-min(head, next))
	}
	return count, lag
}

// unread is how many events the viewer that lags most has not acknowledged.
func (s *Server) unread() (lag uint64) {
	head := s.events.Head()
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.viewers {
		lag = max(lag, v.events.lag(head))
	}
	return lag
}

// standing is a viewer's state and the sequence number that it gets next.
func (v *viewer) standing(now time.Time) (state viewerState, next uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case len(v.flow.sent) > 0 && now.Sub(v.flow.sent[0].sent) > stalledAfter:
		state = viewerStalled
	case v.progress.filling:
		state = viewerCatchingUp
	case !v.progress.merged.IsZero() && now.Sub(v.progress.merged) < degradedFor:
		state = viewerMerging
	}
	return state, v.progress.next
}

// A progress is what a viewer's writer tells of its cursor.
type progress struct {
	next    uint64    // sequence number to send next
	merged  time.Time // when frames last went merged, those of a hole apart
	filling bool      // rows of a hole are still to be sent
}
