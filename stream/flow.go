package stream

import (
	"math"
	"time"
)

const (
	windowMost  = 32 // frame messages on their way to a viewer that keeps up
	windowLeast = 2
	lagAllowed  = 250 * time.Millisecond // over the least round trip before the window halves

	messageMost = 250 * time.Millisecond // of the link that a frame message may take
	messageRoom = messageMost * 2 / 3    // and of a higher tier that is tried
	tierCells   = 256                    // no tier has fewer cells, unless fewer are asked for
	tierHolds   = 5 * time.Second        // before a higher tier is tried
	rateAtFirst = 64_000                 // bytes a second, of a link that is not known yet
	rateMost    = 1e9                    // bytes a second: what took no time tells no rate
	rateHolds   = 10 * time.Second       // the best rate of the link counts for so long
	busyHolds   = 2 * time.Second        // a rate is that of about so much time that the link was busy
	routeHolds  = 10 * time.Second       // without an acknowledgement in time, and the route may be another
)

// A flow is what a viewer's acknowledgements tell: of its link, when frame messages have
// come, which says how large they may be; and of its screen, when they are shown, which
// says how many may be under way. It is not safe for concurrent use.
type flow struct {
	window  int
	sent    []flight // frame messages not yet shown, oldest first
	shown   uint64   // frame messages shown
	arrived uint64   // and received

	beside     int       // bytes before the next frame message, whose acknowledgement tells of them, too
	besideSent time.Time // the last of them

	least    time.Duration // round trip of the route: the shortest time to an acknowledgement
	arrival  time.Time     // the newest
	inTime   time.Time     // when the newest came in time
	probe    probe
	busyFrom time.Time // since when the link has had something to do, or a part of that
	busy     float64   // bytes that it took since

	rate, rateBefore float64 // best of the link in this and the last rateHolds, bytes a second; 0: not known
	rateSince        time.Time
	lateRate         float64   // where the newest message came late; 0: it did not
	tier             int       // how often the cells asked for are halved
	tierSince        time.Time // zero: the next is not to wait
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

// room reports whether another frame message may be sent: what is not yet shown is
// little, and so is what the link has not yet taken.
func (f *flow) room() bool {
	coming := f.sent[f.arrived-f.shown:]
	if f.probe != probeNone {
		return len(coming) == 0
	}
	bytes := f.beside
	for _, s := range coming {
		bytes += s.bytes
	}
	return len(f.sent) < f.window && (len(coming) == 0 || f.takes(bytes) <= messageMost)
}

// send counts a frame message of so many bytes in.
func (f *flow) send(bytes int, now time.Time) {
	if f.probe == probeEmpty && f.beside == 0 {
		f.probe = probeAlone
	}
	f.sent = append(f.sent, flight{bytes + f.left(now), now})
	f.beside = 0
}

// sendBeside counts bytes in that are no frame message, and not acknowledged.
func (f *flow) sendBeside(bytes int, now time.Time) {
	f.beside, f.besideSent = f.left(now)+bytes, now
}

// left is what of those the link has not taken yet, as far as is known.
func (f *flow) left(now time.Time) int {
	taken := now.Sub(f.besideSent).Seconds() * f.known()
	return max(f.beside-int(min(taken, float64(f.beside))), 0)
}

// acknowledge takes the first so many frame messages as received and as shown, and tells
// how long each that was not shown before took. What took longer than the least round
// trip and lagAllowed halves the window; what did not lets it grow again.
func (f *flow) acknowledge(received, shown uint64, now time.Time, each func(took time.Duration)) {
	most := f.shown + uint64(len(f.sent))
	shown = min(max(shown, f.shown), most)
	f.arrive(min(max(received, shown, f.arrived), most), now)
	if shown == f.shown {
		return
	}
	done := shown - f.shown
	for _, s := range f.sent[:done] {
		each(now.Sub(s.sent))
	}
	if f.late(now.Sub(f.sent[done-1].sent)) {
		f.window = max(f.window/2, windowLeast)
	} else {
		f.window = min(f.window+1, windowMost)
	}
	f.sent = f.sent[:copy(f.sent, f.sent[done:])]
	f.shown = shown
}

func (f *flow) late(took time.Duration) bool { return took > f.least+lagAllowed }

// arrive takes the first so many frame messages as received.
func (f *flow) arrive(count uint64, now time.Time) {
	came := f.sent[f.arrived-f.shown : count-f.shown]
	if len(came) == 0 {
		return
	}
	took := now.Sub(came[len(came)-1].sent)
	shortest := took < f.least // then it tells of the route, and nothing of the rate
	f.least = min(f.least, took)
	// The link is busy from when the first of them can have been through.
	if began := came[0].sent.Add(f.least); began.After(f.arrival) {
		f.busyFrom, f.busy = began, 0
	}
	for _, s := range came {
		f.busy += float64(s.bytes)
	}
	span := now.Sub(f.busyFrom)
	late := f.late(took)
	if !shortest {
		f.measure(min(f.busy/max(span.Seconds(), 1e-9), rateMost), late, now)
	}
	if span > busyHolds {
		f.busyFrom, f.busy = now.Add(-span/2), f.busy/2
	}
	f.arrived, f.arrival = count, now
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

// measure takes a rate of the link. It takes at least that; and no more if messages come
// late time after time, for once may be jitter.
func (f *flow) measure(rate float64, late bool, now time.Time) {
	again := late && f.lateRate > 0
	switch {
	case again:
		f.rate, f.rateBefore, f.rateSince = max(rate, f.lateRate), 0, now
	case now.Sub(f.rateSince) > rateHolds:
		f.rate, f.rateBefore, f.rateSince = rate, f.rate, now
	default:
		f.rate = max(f.rate, rate)
	}
	f.lateRate = 0
	if late {
		f.lateRate = rate
	}
}

// best is the most bytes a second that the link has taken of late, 0 if that is not known.
func (f *flow) best() float64 { return max(f.rate, f.rateBefore) }

// takes is how long so many bytes take on the link.
func (f *flow) takes(bytes int) time.Duration {
	return time.Duration(min(float64(bytes)/f.known()*float64(time.Second), math.MaxInt64/2))
}

// known is the rate of the link in bytes a second, or what stands for it.
func (f *flow) known() float64 {
	if rate := f.best(); rate > 0 {
		return rate
	}
	return rateAtFirst
}

// mayRise reports whether a higher tier is to be tried.
func (f *flow) mayRise(now time.Time) bool {
	return f.tier > 0 && f.best() > 0 && now.Sub(f.tierSince) >= tierHolds
}

// choose is the tier for a frame message, 0 to lowest, that takes size(tier) bytes: the
// one before, or a lower one if the link takes that too long; or, if it may rise, the
// highest that leaves some room.
func (f *flow) choose(rise bool, lowest int, size func(tier int) int) int {
	tier := min(f.tier, lowest)
	for rise && tier > 0 && f.takes(size(tier-1)) <= messageRoom {
		tier--
	}
	for tier < lowest && f.takes(size(tier)) > messageMost {
		tier++
	}
	return tier
}

// settle takes over in which tier a frame message goes, and whether a higher one was
// tried. One that was chosen before the link is known is not held.
func (f *flow) settle(tier int, tried bool, now time.Time) {
	if tier != f.tier || tried {
		f.tierSince = now
	}
	if f.best() == 0 {
		f.tierSince = time.Time{}
	}
	f.tier = tier
}
