package stream

import (
	"context"

	"argos/stream/wire"
)

const (
	repliesWaiting = 16
	commandsAtOnce = 4 // of a viewer that wait for the radio; the next makes its link wait
)

// obey carries out commands one after the other until ctx ends, apart from the reader:
// a radio may take seconds to tune, and acknowledgements and pings must not wait.
func (v *viewer) obey(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-v.commands:
			reply := &wire.Reply{Key: c.GetKey()}
			if err := v.server.set(ctx, c.GetSet()); err != nil {
				reply.Error = cleanText(err.Error())
			}
			if v.reply(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Reply{Reply: reply}}) != nil {
				return
			}
		}
	}
}

func (v *viewer) reply(ctx context.Context, m *wire.ServerMessage) error {
	select {
	case v.replies <- m:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
