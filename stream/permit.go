package stream

import (
	"context"
	"fmt"

	"argos/stream/access"
	"argos/stream/wire"
)

// A permit is a line of the matrix of docs/PROTOCOL.md, "Roles": what it takes to send a
// message to the server, or to get one from it.
type permit struct {
	lane    string
	message string // name of the field in ClientMessage or ServerMessage
	least   access.Role
}

// What a viewer says. A kind that does not stand here is taken from nobody.
var permitsIn = []permit{
	{"control", "hello", access.Viewer},
	{"control", "ping", access.Viewer},
	{"control", "command", access.Operator},
	{"control", "kick", access.Admin},
	{"event", "ack", access.Viewer}, // of frames, too
	{"event", "filter", access.Viewer},
	{"event", "past", access.Viewer},
	{"spectrum", "view", access.Viewer},
	{"spectrum", "rows", access.Viewer},
}

// What a viewer gets.
var permitsOut = []permit{
	{"control", "welcome", access.Viewer},
	{"control", "pong", access.Viewer},
	{"control", "reply", access.Viewer},
	{"control", "goodbye", access.Viewer},
	{"control", "viewers", access.Admin},
	{"event", "event", access.Viewer},
	{"event", "passed", access.Viewer},
	{"event", "event_gap", access.Viewer},
	{"event", "past", access.Viewer},
	{"event", "device", access.Viewer},
	{"event", "gps", access.Viewer},
	{"spectrum", "frame", access.Viewer},
	{"spectrum", "gap", access.Viewer},
	{"spectrum", "rows", access.Viewer},
}

var leastIn = func() map[string]access.Role {
	m := map[string]access.Role{}
	for _, p := range permitsIn {
		m[p.message] = p.least
	}
	return m
}()

// A forbiddenError is a message that its sender has no right to send.
type forbiddenError struct {
	message string
	least   access.Role
	role    access.Role
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("%s takes the role %s: you are %s", e.message, e.least, e.role)
}

// permitted checks what a viewer says against its role, each time: a role is that of
// this session's token, and ends with it.
func (v *viewer) permitted(m *wire.ClientMessage) error {
	kind := m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().ByName("kind"))
	if kind == nil {
		return nil // a kind that we do not know, which nothing comes of
	}
	name := string(kind.Name())
	if least := leastIn[name]; !v.who.Role.May(least) {
		return &forbiddenError{name, least, v.who.Role}
	}
	return nil
}

// answer replies to a request.
func (v *viewer) answer(ctx context.Context, key string, err error) error {
	reply := &wire.Reply{Key: key}
	if err != nil {
		reply.Error = cleanText(err.Error())
	}
	return v.reply(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Reply{Reply: reply}})
}

// forbid answers what is not permitted: a command or kick gets a reply, anything else ends the
// session.
func (v *viewer) forbid(ctx context.Context, m *wire.ClientMessage, err error) error {
	var key string
	switch {
	case m.GetCommand() != nil:
		key = m.GetCommand().GetKey()
		v.journal("command", m.GetCommand().GetSet(), err)
	case m.GetKick() != nil:
		key = m.GetKick().GetKey()
		v.journal("kick", m.GetKick().GetSession(), err)
	default:
		return err
	}
	return v.answer(ctx, key, err)
}
