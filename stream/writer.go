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
	device, version, changed := v.server.device.get(v.encoding)
	gps, fix, moved := v.server.gps.get(v.encoding)
	people, count, changedPeople := v.people()

	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case m := <-v.replies:
		return v.send(session, m)
	default:
	}
	if version != v.deviceSeen {
		v.deviceSeen = version
		return v.put(session, device)
	}
	if fix != v.gpsSeen {
		v.gpsSeen = fix
		return v.put(session, gps)
	}
	if count != v.peopleSeen {
		v.peopleSeen = count
		return v.put(session, people)
	}
	if busy, err := v.writeNext(session); busy || err != nil {
		return err
	}

	select {
	case m := <-v.replies:
		return v.send(session, m)
	case <-v.wake:
	case <-grown:
	case <-logged:
	case <-changed:
	case <-moved:
	case <-changedPeople:
	case <-session.Done():
		return context.Cause(session)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// writeNext sends an event or a frame, if there is one. Events go first, but many of them
// do not keep frames from going between.
func (v *viewer) writeNext(ctx context.Context) (busy bool, err error) {
	if v.eventsSent >= eventsPerFrame {
		v.eventsSent = 0
		if busy, err := v.writeFrame(ctx); busy || err != nil {
			return busy, err
		}
	}
	if busy, err := v.events.write(ctx, v); busy || err != nil {
		v.eventsSent++
		return busy, err
	}
	v.eventsSent = 0
	return v.writeFrame(ctx)
}

// writeFrame sends everything from the cursor to the head as one message, or a row of a
// hole, if the window has room and there is anything: the newest first, then by turns, and
// so with rows that were asked for.
func (v *viewer) writeFrame(ctx context.Context) (busy bool, err error) {
	v.mu.Lock()
	room, probing := v.flow.room(), v.flow.probe != probeNone
	v.mu.Unlock()
	if room && !probing && !v.recalled {
		select {
		case m := <-v.rows:
			v.recalled = true
			v.recalling.Store(false)
			return true, v.writeRows(ctx, m)
		default:
		}
	}
	v.recalled = false
	head := v.server.history.Head()
	live, fill := v.cursor < head, len(v.holes) > 0
	switch {
	case fill && v.unasked > 0: // holes beyond those that are remembered
		gone := v.holes[0]
		v.holes = v.holes[1:]
		v.unasked--
		return true, v.writeGap(ctx, []*wire.Gap{{First: gone.first, Last: gone.last, Reason: gapHoles}})
	case !room || !live && !fill:
		return false, nil
	case live && (!fill || v.filled):
		v.filled = false
		return true, v.writeLive(ctx, head)
	default:
		v.filled = true
		return true, v.writeRow(ctx)
	}
}

// writeLive sends what there is from the cursor on, up to the end of its generation.
func (v *viewer) writeLive(ctx context.Context, head uint64) error {
	frame, err := v.part(v.server.history.Recent(v.cursor, head, generationsAtOnce), head, true)
	if frame == nil {
		return err
	}
	before := v.cursor
	v.cursor = frame.last + 1
	if err := v.writePart(ctx, frame, true); err != nil {
		return err
	}
	v.metrics.timed(frame)
	if frame.first > before {
		return v.writeGap(ctx, gaps(before, frame.first-1, v.server.history.Tail()))
	}
	return nil
}

// writeRow sends the newest row of the newest hole. Rows begin at multiples of their
// length, so that viewers that come back together get the same.
func (v *viewer) writeRow(ctx context.Context) error {
	at := len(v.holes) - 1
	h := &v.holes[at]
	history := v.server.history
	oldest := max(v.oldest, history.Tail())
	if h.last < oldest {
		gone := *h
		v.holes = v.holes[:at]
		return v.writeGap(ctx, gaps(gone.first, gone.last, history.Tail()))
	}
	v.mu.Lock()
	pace := v.view.Row
	v.mu.Unlock()
	frames := max(uint64(pace.Seconds()*v.server.source.Settings().FPS), 1)
	row := h.last - h.last%frames
	frame, err := v.part(history.Recent(max(h.first, row, oldest), h.last+1, 1), h.last+1, false)
	if frame == nil {
		return err
	}
	if h.last = frame.first - 1; h.last < h.first {
		v.holes = v.holes[:at]
	}
	return v.writePart(ctx, frame, false)
}

// part is the encoded frames of the generation of from up to but not including to, as
// the viewer can show them and its link takes them; nil where they are gone meanwhile.
// A message that the link takes too long for goes in the next lower tier; what is live
// decides in which the next begins.
func (v *viewer) part(from, to uint64, live bool) (*shared, error) {
	grid, ok := v.server.history.GridAt(from)
	if !ok {
		return nil, nil
	}
	now := time.Now()
	v.mu.Lock()
	flow := v.flow // as it is now: what is asked for below takes its time
	view, rise := v.view, live && flow.mayRise(now)
	v.mu.Unlock()
	asked := grid.Slice(view.LowHz, view.HighHz, view.Columns)
	lowest := 0
	for asked.Tier(lowest+1).Cells() >= tierCells {
		lowest++
	}
	in := func(tier int) *shared {
		return v.server.share.get(part{v.encoding, grid.Generation, asked.Tier(tier), from, to})
	}
	tier := flow.choose(rise, lowest, func(tier int) int { return len(in(tier).prepared) })
	frame := in(tier)
	if frame.err != nil || frame.last == 0 {
		return nil, frame.err
	}
	if live {
		v.mu.Lock()
		v.flow.settle(tier, rise, now)
		v.mu.Unlock()
	}
	return frame, nil
}

// writePart sends a frame message and counts it as under way.
func (v *viewer) writePart(ctx context.Context, frame *shared, live bool) error {
	now := time.Now()
	v.mu.Lock()
	v.flow.send(len(frame.prepared), now)
	v.progress.next, v.progress.filling = v.cursor, len(v.holes) > 0
	if live && frame.last > frame.first {
		v.progress.merged = now
	}
	v.mu.Unlock()
	if err := v.put(ctx, frame.prepared); err != nil {
		return err
	}
	v.metrics.delivered(frame)
	return nil
}

// writeGap declares frames that the viewer will not get in any form.
func (v *viewer) writeGap(ctx context.Context, gaps []*wire.Gap) error {
	for _, g := range gaps {
		v.metrics.skipped(g)
		if err := v.send(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Gap{Gap: g}}); err != nil {
			return err
		}
	}
	return nil
}

// Why frames will not come.
const (
	gapEvicted     = "evicted"     // no longer held
	gapGenerations = "generations" // of generations that are too many
	gapHoles       = "holes"       // of holes that are too many
)

// gaps are the frames first to last by the reason why they do not come; tail is the
// oldest that is held.
func gaps(first, last, tail uint64) []*wire.Gap {
	var g []*wire.Gap
	held := min(max(first, tail), last+1)
	if first < held {
		g = append(g, &wire.Gap{First: first, Last: held - 1, Reason: gapEvicted})
	}
	if held <= last {
		g = append(g, &wire.Gap{First: held, Last: last, Reason: gapGenerations})
	}
	return g
}

// goodbye tells the viewer that the server ends and when to come back, or that it is
// sent away and why.
func (v *viewer) goodbye(ctx context.Context, cause error) {
	var expelled *expelledError
	if errors.As(cause, &expelled) {
		if v.send(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Goodbye{Goodbye: &wire.Goodbye{Reason: expelled.why}}}) == nil {
			_ = v.conn.Close(websocket.StatusPolicyViolation, expelled.why)
		}
		return
	}
	if v.send(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Goodbye{Goodbye: &wire.Goodbye{
		// Spread out, so that viewers do not come back all at once.
		Reason: "server is stopping", RetryMs: 500 + mathrand.Uint32N(uint32(v.server.spread().Milliseconds())),
	}}}) == nil {
		_ = v.conn.Close(websocket.StatusGoingAway, "server is stopping")
	}
}

func (v *viewer) send(ctx context.Context, m *wire.ServerMessage) error {
	p, err := v.encoding.marshalPrepared(v.scratch, m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	v.scratch = p
	return v.put(ctx, p)
}

var errWrite = errors.New("write")

func (v *viewer) put(ctx context.Context, m prepared) error {
	err := context.Cause(ctx)
	if err == nil {
		err = v.out.write(m)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errWrite, err)
	}
	v.metrics.sentBytes[v.encoding].Add(float64(len(m.message())))
	return nil
}
