package stream

import (
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/coder/websocket"

	"argos/stream/wire"
)

// This file is what a viewer's writer does: it picks what goes next.

// write sends what is due, replies first and at most one frame, or waits until
// something is. An error ends the session.
func (v *viewer) write(ctx, session context.Context) error {
	grown, logged := v.server.history.Grown(), v.server.events.Grown()
	message, version, changed := v.server.device.get(v.encoding)

	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case m := <-v.replies:
		return v.send(session, m)
	default:
	}
	if version != v.deviceSeen {
		v.deviceSeen = version
		return v.put(session, message)
	}
	if busy, err := v.events.write(session, v); busy || err != nil {
		return err
	}
	if busy, err := v.writeFrame(session); busy || err != nil {
		return err
	}

	select {
	case m := <-v.replies:
		return v.send(session, m)
	case <-v.wake:
	case <-grown:
	case <-logged:
	case <-changed:
	case <-session.Done():
		return context.Cause(session)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// writeFrame sends everything from the cursor to the head as one message, or the next
// row of a hole, if the window has room and there is anything.
func (v *viewer) writeFrame(ctx context.Context) (busy bool, err error) {
	v.mu.Lock()
	room, columns := len(v.sent) < v.window, v.columns
	v.mu.Unlock()
	head := v.server.history.Head()
	if !room || v.cursor >= head {
		return false, nil
	}
	to, live := head, len(v.fill) == 0
	if !live {
		to, v.fill = v.fill[0], v.fill[1:]
	}
	tail, from := v.server.history.Tail(), v.server.history.Recent(v.cursor, generationsAtOnce)
	if from >= to {
		return true, nil
	}
	frame := v.server.share.get(part{v.encoding, columns, from, to})
	if frame.err != nil {
		return true, frame.err
	}
	if frame.last == 0 {
		v.metrics.skipped(v.cursor, to, to)
		v.cursor = to
		return true, nil
	}
	before := v.cursor
	v.cursor = frame.last + 1
	now := time.Now()
	v.mu.Lock()
	v.sent = append(v.sent, flight{frame.last, now})
	v.progress.next, v.progress.filling = v.cursor, len(v.fill) > 0
	if live && frame.last > frame.first {
		v.progress.merged = now
	}
	v.mu.Unlock()
	if err := v.put(ctx, frame.message); err != nil {
		return true, err
	}
	v.metrics.skipped(before, frame.first, tail) // it knows now
	v.metrics.delivered(frame)
	if live {
		v.metrics.timed(frame)
	}
	return true, nil
}

// goodbye tells the viewer that the server ends and when to come back.
func (v *viewer) goodbye(ctx context.Context) {
	if v.send(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Goodbye{Goodbye: &wire.Goodbye{
		// Spread out, so that viewers do not come back all at once.
		Reason: "server is stopping", RetryMs: 500 + mathrand.Uint32N(1000),
	}}}) == nil {
		_ = v.conn.Close(websocket.StatusGoingAway, "server is stopping")
	}
}

func (v *viewer) send(ctx context.Context, m *wire.ServerMessage) error {
	b, err := v.encoding.marshal(v.scratch[:0], m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	v.scratch = b
	return v.put(ctx, b)
}

var errWrite = errors.New("write")

func (v *viewer) put(ctx context.Context, message []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := v.conn.Write(ctx, v.encoding.messageType(), message); err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	v.metrics.sentBytes[v.encoding].Add(float64(len(message)))
	return nil
}
