package stream

import (
	"slices"
	"time"
)

// roundTrips measures pings. It is not safe for concurrent use.
type roundTrips struct {
	pings  []roundTrip // the last, oldest first
	jitter float64     // nanoseconds
}

type roundTrip struct{ took, offset time.Duration }

// roundTripsKept is how many pings the percentiles are taken over: five minutes' worth.
const roundTripsKept = 300

// add takes a ping sent at sent, answered on the peer's clock at peer, received at now.
func (r *roundTrips) add(sent, peer, now time.Time) {
	took := now.Sub(sent)
	if n := len(r.pings); n > 0 {
		// Smoothed by 1/16 as in RFC 3550 §6.4.1.
		r.jitter += (float64((took - r.pings[n-1].took).Abs()) - r.jitter) / 16
	}
	if len(r.pings) == roundTripsKept {
		r.pings = slices.Delete(r.pings, 0, 1)
	}
	r.pings = append(r.pings, roundTrip{took, peer.Sub(sent.Add(took / 2))})
}

// clockOffset is the peer's clock minus ours: at the quickest ping since a clock was
// set. Each ping knows it to within half its time; two that cannot both be right have
// such a moment between them.
func (r *roundTrips) clockOffset() time.Duration {
	if len(r.pings) == 0 {
		return 0
	}
	newest := r.pings[len(r.pings)-1]
	best := newest
	for _, p := range slices.Backward(r.pings) {
		if (p.offset - newest.offset).Abs() > (p.took+newest.took)/2 {
			break
		}
		if p.took < best.took {
			best = p
		}
	}
	return best.offset
}

func (r *roundTrips) snapshot() RTT {
	n := len(r.pings)
	if n == 0 {
		return RTT{}
	}
	times := make([]time.Duration, n)
	for i, p := range r.pings {
		times[i] = p.took
	}
	sorted := slices.Sorted(slices.Values(times))
	at := func(share float64) time.Duration { return sorted[min(int(share*float64(n)), n-1)] }
	return RTT{
		Now: times[n-1], P50: at(0.50), P95: at(0.95), P99: at(0.99), Min: sorted[0],
		Jitter: time.Duration(r.jitter), ClockOffset: r.clockOffset(),
		Recent: times[max(0, n-60):],
	}
}

// A meter counts a quantity by the second. It is not safe for concurrent use.
type meter struct {
	current int64 // the second being counted, in Unix time
	count   float64
	recent  []float64 // whole seconds, oldest first
}

const meterSeconds = 60

func (m *meter) add(now time.Time, n float64) {
	m.roll(now)
	m.count += n
}

// roll closes the seconds that are over.
func (m *meter) roll(now time.Time) {
	second := now.Unix()
	// A clock that was set back would stop the count for as long.
	if m.current == 0 || m.current > second {
		m.current = second
	}
	for ; m.current < second; m.current++ {
		if second-m.current > meterSeconds {
			m.current = second - meterSeconds
		}
		if len(m.recent) == meterSeconds {
			m.recent = slices.Delete(m.recent, 0, 1)
		}
		m.recent = append(m.recent, m.count)
		m.count = 0
	}
}

func (m *meter) snapshot(now time.Time) Rate {
	m.roll(now)
	r := Rate{Recent: slices.Clone(m.recent)}
	if n := len(m.recent); n > 0 {
		r.Now = m.recent[n-1]
	}
	return r
}
