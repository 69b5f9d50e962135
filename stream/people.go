package stream

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"argos/stream/access"
	"argos/stream/wire"
)

// This file is about who is here, which admins see and may change.

// A Seen is a viewer as an admin sees it.
type Seen struct {
	Session, Name, Role, From string
	State                     string // "live", "degraded", "catching_up", "stalled"
	Lag                       uint64 // frames measured and not yet sent
	Since                     time.Time
}

// publishPeople tells the admins, if there are any, who is here.
func (s *Server) publishPeople() {
	all := s.present()
	if !slices.ContainsFunc(all, (*viewer).admin) {
		return
	}
	m, now, head := &wire.Viewers{}, time.Now(), s.history.Head()
	for _, v := range all {
		state, next := v.standing(now)
		m.Seen = append(m.Seen, &wire.Seen{
			Session: v.session, Name: v.who.Name, Role: v.who.Role.String(), Remote: v.who.From,
			State: viewerStates[state], Lag: head - min(head, next), SinceNs: v.since.UnixNano(),
		})
	}
	slices.SortFunc(m.Seen, func(a, b *wire.Seen) int { return strings.Compare(a.Session, b.Session) })
	s.people.publish(&wire.ServerMessage{Kind: &wire.ServerMessage_Viewers{Viewers: m}})
}

func (v *viewer) admin() bool { return v.who.Role.May(access.Admin) }

// people is the newest list of who is here, as of latest.get, for those who may see it.
func (v *viewer) people() (message prepared, version uint64, grown <-chan struct{}) {
	if !v.admin() {
		return nil, 0, nil
	}
	return v.server.people.get(v.encoding)
}

var errNoSession = errors.New("there is no such session")

// kick ends the session of another.
func (v *viewer) kick(session string) error {
	err := errNoSession
	for _, other := range v.server.present() {
		if other.session == session {
			other.expel(&expelledError{"sent away by " + v.who.Name})
			err = nil
		}
	}
	v.journal("kick", session, err)
	return err
}

// Kick asks the server to end another viewer's session and waits for its answer. It
// takes an admin.
func (c *Client) Kick(ctx context.Context, session string) error {
	return c.do(ctx, func(key string) *wire.ClientMessage {
		return &wire.ClientMessage{Kind: &wire.ClientMessage_Kick{Kick: &wire.Kick{Key: key, Session: session}}}
	})
}

// seenOf reads a list of who is at a server.
func seenOf(m *wire.Viewers) []Seen {
	var all []Seen
	for _, s := range m.GetSeen() {
		all = append(all, Seen{
			cleanText(s.GetSession()), cleanText(s.GetName()), cleanText(s.GetRole()), cleanText(s.GetRemote()),
			cleanText(s.GetState()), s.GetLag(), time.Unix(0, s.GetSinceNs()),
		})
	}
	return all
}
