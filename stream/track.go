package stream

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"argos/spectrum"
	"argos/stream/wire"
)

// This file is what a Client knows of its link: every change of it, under its mutex.

const (
	outagesKept = 64
	framesTimed = 128 // frames received whose times are kept until they are rendered

	// mergedShows is how long a merged frame makes a link DEGRADED.
	mergedShows = 2 * time.Second

	slowest = 10 * time.Second // that a server can be set to from frame to frame; more is not believed
)

// frameTimes are the stages of one frame on our clock.
type frameTimes struct {
	seq                               uint64
	message                           uint64 // of the session, from 1
	sampled, measured, sent, received time.Time
	past                              bool // a row of a hole
}

// news is something for the sink.
type news struct {
	gap   hole   // of frames that will not come, or
	event *Event // what happened
}

// tell hands the sink what is new.
func (c *Client) tell() {
	c.mu.Lock()
	told := c.news
	c.news = nil
	c.mu.Unlock()
	for _, n := range told {
		if n.event != nil {
			c.sink.Event(*n.event)
		} else {
			c.sink.Gap(n.gap.first, n.gap.last)
		}
	}
}

func (c *Client) note(e Event) { c.news = append(c.news, news{event: &e}) }

// lose counts frames that will not come.
func (c *Client) lose(h hole, reason string, now time.Time) {
	frames := h.last - h.first + 1
	c.link.Missing += frames
	why := lossReasons[reason]
	if why == "" {
		why = cleanText(reason)
	}
	c.news = append(c.news, news{gap: h})
	c.note(Event{Time: now, Kind: "gap", Severity: Warning, Text: fmt.Sprintf("%d frames lost: %s", frames, why)})
}

// gapRestart is the reason for what another epoch cannot give. The others are the server's.
const gapRestart = "restart"

// lossReasons are the reasons for gaps in an operator's words.
var lossReasons = map[string]string{
	gapEvicted:     "the server no longer holds them",
	gapGenerations: "they are from before too many changes of tuning",
	gapHoles:       "the link was lost too often before they came",
	gapRestart:     "the server was restarted before they came",
}

// catchUp is what is missed being filled in after a reconnect.
type catchUp struct {
	to            uint64 // newest frame when the link came back; 0: nothing is caught up with
	down          time.Duration
	frames, rows  uint64
	missingBefore uint64
}

func (c *Client) wasConnected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connected
}

func (c *Client) setState(s LinkState, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link.State, c.link.Reason, c.link.Since = s, reason, time.Now()
}

// down notes the end of a session or a failed attempt. Only the first of an outage
// is news; it began with the silence, not when that was taken for an end.
func (c *Client) down(s LinkState, err error) {
	now := time.Now()
	c.mu.Lock()
	fresh := c.link.State == Live
	if c.link.State != s {
		c.link.Since = now
	}
	if fresh {
		if len(c.link.Outages) == outagesKept {
			c.link.Outages = slices.Delete(c.link.Outages, 0, 1)
		}
		c.link.Outages = append(c.link.Outages, Outage{From: c.heard, Reason: err.Error()})
	}
	c.link.State, c.link.Reason = s, err.Error()
	c.mu.Unlock()
	if fresh {
		c.sink.Event(Event{Time: now, Kind: "link", Severity: Warning, Text: "link lost: " + err.Error()})
	} else if s == Refused {
		c.sink.Event(Event{Time: now, Kind: "link", Severity: Alarm, Text: "refused: " + err.Error()})
	}
}

func (c *Client) scheduled(attempt int, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.link.Attempt, c.link.RetryAt = attempt, time.Now().Add(wait)
}

// welcome begins a session over a link encrypted by cipher, which cut ends.
func (c *Client) welcome(w *wire.Welcome, cipher string, cut context.CancelCauseFunc) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
	select {
	case <-c.retry: // asked for before it came true
	default:
	}
	epoch := cleanText(w.GetEpoch())
	again, sameEpoch := c.connected, c.link.Server.Epoch == epoch
	c.link.Server = Peer{
		Name: cleanText(w.GetServer()), Version: cleanText(w.GetVersion()), Session: cleanText(w.GetSession()),
		Epoch: epoch, Role: cleanText(w.GetRole()), Insecure: w.GetInsecure(), PID: int(w.GetPid()), Cipher: cipher,
	}
	c.link.State, c.link.Reason, c.link.Since, c.link.UpSince, c.link.Attempt = Live, "", now, now, 0
	c.heard = now
	c.rtt, c.mono, c.link.Takes = roundTrips{}, roundTrips{}, 0
	c.catchUp = catchUp{}
	c.messages, c.acked, c.ackSent, c.refused = 0, 0, [2]uint64{}, nil
	c.times = [framesTimed]frameTimes{}
	c.resumeRequests(sameEpoch)
	if !sameEpoch {
		c.events = eventTrack{at: place{0, firstHash(w.GetEpoch())}}
	}
	if !again {
		c.connected = true
		close(c.connects)
		return
	}
	outage := &c.link.Outages[len(c.link.Outages)-1]
	outage.To = now
	down := now.Sub(outage.From)
	if !sameEpoch || !w.GetResumed() {
		for _, h := range c.holes {
			c.lose(h, gapRestart, now)
		}
		c.holes = nil
	}
	if !sameEpoch {
		c.link.Restarts++
		c.link.LastSeq = 0
		c.note(Event{Time: now, Kind: kindRestart, Severity: Warning, Text: fmt.Sprintf(
			"link back after %s: the server was restarted, what it saw meanwhile is not known", lasting(down))})
		return
	}
	text := fmt.Sprintf("link back after %s", lasting(down))
	switch head := w.GetHead().GetSeq(); {
	case !w.GetResumed() || c.link.LastSeq == 0:
	case head > c.link.LastSeq || len(c.holes) > 0:
		c.catchUp = catchUp{to: max(head, c.link.LastSeq), down: down, missingBefore: c.link.Missing}
		return
	default:
		text += ": nothing missed"
	}
	c.note(Event{Time: now, Kind: "link", Text: text})
}

// lasting writes a stretch of time with its units apart: 944 ms, 3.2 s, 2 m 05 s.
func lasting(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < time.Hour:
		return fmt.Sprintf("%d m %02d s", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%d h %02d m", int(d.Hours()), int(d.Minutes())%60)
	}
}

// received counts a frame in. It reports whether the frame is news: newer than the
// newest, or of a hole.
// sent is of the same clock as f.Mono.
func (c *Client) received(f *spectrum.Frame, sent time.Duration, now time.Time) (fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
	l := &c.link
	past := f.FirstSeq <= l.LastSeq
	if past && !c.holes.fill(f.FirstSeq, f.LastSeq) {
		l.Refused++
		c.refused = append(c.refused, c.messages)
		c.advance()
		return false
	}
	c.fewHoles(now)
	if f.Merged() > 1 {
		l.Merged += uint64(f.Merged())
	}
	if !past {
		c.newest(f, now)
	}
	c.frames.add(now, 1)
	began := c.serverBegan()
	if began.IsZero() {
		began = now.Add(-sent) // as if the link took no time, until a ping tells
	}
	c.times[c.timed] = frameTimes{
		seq: f.LastSeq, message: c.messages, past: past,
		sampled: began.Add(f.Mono.Last), measured: began.Add(f.Mono.Measured), sent: began.Add(sent), received: now,
	}
	c.timed = (c.timed + 1) % framesTimed
	if f.FirstSeq <= c.catchUp.to {
		c.catchUp.frames += uint64(f.Merged())
		c.catchUp.rows++
	}
	c.caughtUp(now)
	return true
}

// serverBegan is when the server's epoch began, on our clock and by its monotonic
// reading; zero until a ping has told.
func (c *Client) serverBegan() time.Time {
	if len(c.mono.pings) == 0 {
		return time.Time{}
	}
	return c.began.Add(-c.mono.clockOffset())
}

// newest takes over what the newest frame tells. What lies between it and the one before
// is a hole.
func (c *Client) newest(f *spectrum.Frame, now time.Time) {
	l := &c.link
	if l.LastSeq > 0 && f.FirstSeq > l.LastSeq+1 {
		c.holes = append(c.holes, hole{l.LastSeq + 1, f.FirstSeq - 1})
		c.fewHoles(now)
	}
	if f.FirstSeq == l.LastSeq+1 {
		took := (f.Mono.Measured - c.measured) / time.Duration(f.Merged())
		c.period, c.took = min(took, c.took), took // one that was late is no rate
	}
	c.measured = f.Mono.Measured
	if l.Behind = f.Merged(); l.Behind > 1 && c.catchUp.to == 0 {
		c.lastMerge = now
	}
	l.LastSeq, l.LastFrame, l.Tier = f.LastSeq, now, 0
	measured := f.Grid.Measured()
	if f.Grid.Part.Cell > measured.Slice(c.view.LowHz, c.view.HighHz, c.view.Columns).Cell {
		l.Tier = f.Grid.Bins
	}
}

// fewHoles gives up the oldest holes where there are too many.
func (c *Client) fewHoles(now time.Time) {
	for len(c.holes) > holesMost {
		c.lose(c.holes[0], gapHoles, now)
		c.holes = slices.Delete(c.holes, 0, 1)
	}
}

// caughtUp tells that all holes of an outage are filled, if they are.
func (c *Client) caughtUp(now time.Time) {
	if c.catchUp.to == 0 || c.link.LastSeq < c.catchUp.to || len(c.holes) > 0 {
		return
	}
	lost := "nothing lost"
	if n := c.link.Missing - c.catchUp.missingBefore; n > 0 {
		lost = fmt.Sprintf("%d frames lost", n)
	}
	c.note(Event{Time: now, Kind: "link", Text: fmt.Sprintf("link back after %s: %d frames in %d rows, %s",
		lasting(c.catchUp.down), c.catchUp.frames, c.catchUp.rows, lost)})
	c.catchUp = catchUp{}
}

// gone takes the server's word that frames will not come.
func (c *Client) gone(g *wire.Gap) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	h := hole{g.GetFirst(), g.GetLast()}
	if !c.holes.fill(h.first, h.last) {
		return
	}
	c.lose(h, g.GetReason(), now)
	c.fewHoles(now)
	c.caughtUp(now)
}

// rendered takes the age of frame seq, which is on the screen since now, and that it and
// those before it can be acknowledged.
func (c *Client) rendered(seq uint64, now time.Time) {
	for _, t := range c.times {
		if t.seq != seq || t.message <= c.acked {
			continue
		}
		c.acked, c.ackedAt = t.message, now
		c.advance()
		if !t.past {
			c.link.Age = Age{
				Capture: max(t.measured.Sub(t.sampled), 0),
				Serve:   max(t.sent.Sub(t.measured), 0),
				Link:    max(t.received.Sub(t.sent), 0),
				Draw:    max(now.Sub(t.received), 0),
				Last:    t.sampled,
			}
			c.delays.add(now.Sub(c.began), max(now.Sub(t.sampled), 0))
		}
		return
	}
}

// advance acknowledges what was no news behind what was rendered.
func (c *Client) advance() {
	for len(c.refused) > 0 && c.refused[0] <= c.acked+1 {
		c.acked = max(c.acked, c.refused[0])
		c.refused = c.refused[1:]
	}
}

// State is that of Link, which costs more.
func (c *Client) State() LinkState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.link.State != Live {
		return c.link.State
	}
	state, _ := c.liveState(time.Now())
	return state
}

// ServerBegan is Link().Server.Began: where spectrum.Mono counts from, on our clock; zero
// until a ping of this connection has told.
func (c *Client) ServerBegan() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serverBegan()
}

// Link returns everything known about the link now.
func (c *Client) Link() Link {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(now)
	l := c.link
	l.Pending = c.holes.frames()
	l.Outages = slices.Clone(l.Outages)
	l.RTT = c.rtt.snapshot()
	l.Delay = c.delays.snapshot(now.Sub(c.began))
	l.Server.Began = c.serverBegan()
	l.In, l.Out, l.Frames = c.in.snapshot(now), c.out.snapshot(now), c.frames.snapshot(now)
	if l.State == Live {
		l.State, l.Since = c.liveState(now)
	}
	return l
}

// quietFor is how long after a frame the next may come before it is missed, where one is
// to come every period and the last took so long. What no server is set to stands for what
// is not known.
func quietFor(period, took time.Duration) time.Duration {
	if period <= 0 || period > slowest {
		period = time.Second / 20
	}
	return max(time.Second, 3*period, 3*min(took, slowest))
}

// liveState is how a connected link is doing, and since when.
func (c *Client) liveState(now time.Time) (LinkState, time.Time) {
	period, ended := time.Duration(0), false
	if d := c.link.Device; d != nil {
		period, ended = d.Settings.FramePeriod(), d.State == spectrum.Ended
	}
	quiet := quietFor(period, c.period)
	heard := c.link.LastFrame
	if heard.Before(c.link.Since) {
		heard = c.link.Since
	}
	switch {
	case now.Sub(heard) > quiet && !ended:
		return Stale, heard
	case c.catchUp.to > 0:
		return CatchingUp, c.link.Since
	case now.Sub(c.lastMerge) < mergedShows:
		return Degraded, c.lastMerge
	case c.link.Tier > 0:
		return Degraded, c.link.Since
	}
	return Live, c.link.Since
}

// count moves the connection's traffic into the meters.
func (c *Client) count(now time.Time) {
	in, out := c.traffic.in.Load(), c.traffic.out.Load()
	c.in.add(now, float64(in-c.bytesIn))
	c.out.add(now, float64(out-c.bytesOut))
	c.bytesIn, c.bytesOut = in, out
}
