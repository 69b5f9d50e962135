package stream

import (
	"math"
	"time"

	"argos/spectrum"
)

const (
	windowMost  = 32 // frame messages on their way to a viewer that keeps up
	windowLeast = 2
	lagAllowed  = 250 * time.Millisecond // over the least round trip before the window halves

	messageMost = 250 * time.Millisecond // of the link that a frame message may take
	tierCells   = 256                    // no tier has fewer cells, unless fewer are asked for
	tierHolds   = 5 * time.Second        // before a higher tier is tried
	rateHolds   = 10 * time.Second       // the best rate of the link counts for so long
	serviceMost = 1e9                    // bytes a second: what took no time tells no rate
	routeHolds  = 10 * time.Second       // without an acknowledgement in time, and the route may be another
)

// A flow is what a viewer's acknowledgements tell of its link: how many messages may be
// under way, and how large they may be. It is not safe for concurrent use.
type flow struct {
	window int
	sent   []flight      // frame messages not yet acknowledged, oldest first
	count  uint64        // frame messages acknowledged
	least  time.Duration // round trip of the route: the shortest time to an acknowledgement
	acked  time.Time     // when the newest acknowledgement came

	inTime time.Time // when the newest came in time
	probe  probe

	rate, rateBefore float64 // best of the link in this and the last rateHolds, bytes a second; 0: not known
	rateSince        time.Time
	cell             float64 // bytes that a cell takes
	tier             int     // how often the cells asked for are halved
	tierSince        time.Time
}

// A flight is one frame message under way.
type flight struct {
	bytes int
	sent  time.Time
}

// A probe finds out whether a route has become longer: it lets the link run empty and
// sends one message alone, whose time nothing of ours has a part in.
type probe uint8

const (
	probeNone  probe = iota
	probeEmpty       // waits until nothing is under way
	probeAlone       // the message is under way
)

// newFlow returns the flow of a link whose first round trip took so long.
func newFlow(roundTrip time.Duration, now time.Time) flow {
	return flow{window: windowMost, least: roundTrip, inTime: now}
}

// room reports whether another frame message may be sent: what is under way is little,
// in number and for the link.
func (f *flow) room() bool {
	if f.probe != probeNone {
		return len(f.sent) == 0
	}
	bytes := 0
	for _, s := range f.sent {
		bytes += s.bytes
	}
	return len(f.sent) < f.window && f.takes(float64(bytes)) <= messageMost
}

// send counts a frame message of so many bytes and cells in.
func (f *flow) send(bytes, cells int, now time.Time) {
	if f.probe == probeEmpty && len(f.sent) == 0 {
		f.probe = probeAlone
	}
	f.sent = append(f.sent, flight{bytes, now})
	each := float64(bytes) / float64(cells)
	if f.cell == 0 {
		f.cell = each
	}
	f.cell += (each - f.cell) / 4
}

// acknowledge takes the first so many frame messages as shown and returns how long each
// of those that were under way took. What took longer than the least round trip and
// lagAllowed halves the window; what did not lets it grow again.
func (f *flow) acknowledge(count uint64, now time.Time, each func(took time.Duration)) {
	done := int(min(count-min(count, f.count), uint64(len(f.sent))))
	if done == 0 {
		return
	}
	bytes := 0
	for _, s := range f.sent[:done] {
		bytes += s.bytes
		each(now.Sub(s.sent))
	}
	took := now.Sub(f.sent[done-1].sent)
	if f.least == 0 || took < f.least {
		f.least = took
	}
	// The link was busy with them since the acknowledgement before, or since the first
	// of them can have been through.
	began := f.sent[0].sent.Add(f.least)
	if f.acked.After(began) {
		began = f.acked
	}
	late := took > f.least+lagAllowed
	f.measure(min(float64(bytes)/max(now.Sub(began).Seconds(), 1e-9), serviceMost), late, now)
	if late {
		f.window = max(f.window/2, windowLeast)
	} else {
		f.window = min(f.window+1, windowMost)
	}
	f.sent = f.sent[:copy(f.sent, f.sent[done:])]
	f.count += uint64(done)
	f.acked = now
	f.judge(took, late, now)
}

// judge finds out whether the round trip of the route is still what it was: without it
// a route that becomes longer would be taken for one that is busy for good.
func (f *flow) judge(took time.Duration, late bool, now time.Time) {
	switch {
	case !late:
		f.inTime, f.probe = now, probeNone
	case f.probe == probeAlone:
		f.least, f.inTime, f.probe = took, now, probeNone
	case f.probe == probeNone && now.Sub(f.inTime) > routeHolds:
		f.probe = probeEmpty
	}
}

// measure takes a rate of the link. One of a link that is behind is what it takes;
// of others it takes at least that.
func (f *flow) measure(rate float64, late bool, now time.Time) {
	if late {
		f.rate, f.rateBefore, f.rateSince = rate, rate, now
		return
	}
	if now.Sub(f.rateSince) > rateHolds {
		f.rate, f.rateBefore, f.rateSince = 0, f.rate, now
	}
	f.rate = max(f.rate, rate)
}

// takes is how long so many bytes take on the link; 0: not known.
func (f *flow) takes(bytes float64) time.Duration {
	rate := max(f.rate, f.rateBefore)
	if rate == 0 {
		return 0
	}
	return time.Duration(min(bytes/rate*float64(time.Second), math.MaxInt64/2))
}

// fit is s, or the highest tier of it that the link takes in messageMost: lower at
// once, higher after tierHolds, if that leaves some room.
func (f *flow) fit(s spectrum.Slice, now time.Time) spectrum.Slice {
	lasts := func(tier int) time.Duration { return f.takes(float64(s.Tier(tier).Cells()) * f.cell) }
	lower := func() bool { return s.Tier(f.tier+1).Cells() >= tierCells }
	for f.tier > 0 && s.Tier(f.tier).Cells() < tierCells { // fewer are asked for than were
		f.tier--
	}
	if lasts(f.tier) > messageMost && lower() {
		for f.tier++; lasts(f.tier) > messageMost && lower(); {
			f.tier++
		}
		f.tierSince = now
	}
	if f.tier > 0 && now.Sub(f.tierSince) >= tierHolds && lasts(f.tier-1) <= messageMost*2/3 {
		for f.tier--; f.tier > 0 && lasts(f.tier-1) <= messageMost*2/3; {
			f.tier--
		}
		f.tierSince = now
	}
	return s.Tier(f.tier)
}
