package synth

import (
	"math"
	"time"

	"argos/device"
)

// chunkLen is how many samples are made at once. Chunks are counted from the start of
// the scene, and each can be made without the ones before it.
const chunkLen = 1024

// A mod is a tone of frequency modulation.
type mod struct {
	hz, devHz float64
}

// knotSec is how long it takes the phase to bend 0.05 rad away from a straight line,
// which puts what is wrong 30 dB below the signal and spreads it out as widely.
func knotSec(mods []mod) float64 {
	bend := 0.0
	for _, m := range mods {
		bend = max(bend, m.hz*m.devHz)
	}
	return math.Sqrt(8*0.05/bend) / (2 * math.Pi)
}

// An emitter is one transmitter: a carrier of constant envelope, modulated by tones,
// keyed and hopping if it has a period and channels.
type emitter struct {
	kind    Kind
	hz      float64 // of the carrier, or of the lowest channel
	widthHz float64
	levelDB float64 // dBFS at the reference gains
	mods    []mod
	knotSec float64 // how long a straight line may stand for the phase of mods

	period, first, on time.Duration // one transmission in each period; no period: always on
	jitter            bool          // anywhere in its period, not at the beginning of it
	channels          int           // of a hopper
	spacingHz         float64
}

// A shot is one transmission.
type shot struct {
	start, stop time.Duration
	hz          float64
}

// shots is the range of transmissions that may be on the air between from and to.
func (e *emitter) shots(from, to time.Duration) (first, last int64) {
	if e.period == 0 {
		return 0, 0
	}
	if to < e.first {
		return 0, -1
	}
	return int64(max(0, from-e.first) / e.period), int64((to - e.first) / e.period)
}

// shot is transmission j of emitter number id.
func (e *emitter) shot(seed uint64, id int, j int64) shot {
	s := shot{stop: math.MaxInt64, hz: e.hz}
	if e.period == 0 {
		return s
	}
	h := mix(seed, uint64(id), uint64(j))
	s.start = e.first + time.Duration(j)*e.period
	if e.jitter {
		s.start += time.Duration(h>>32) % (e.period - e.on)
	}
	s.stop = s.start + e.on
	if e.channels > 0 {
		s.hz += float64(h%uint64(e.channels)) * e.spacingHz
	}
	return s
}

// captured reports whether a radio at rateHz has all of the emitter at offHz from its
// centre. Half a signal would fold over to the other edge, which a filter prevents.
func (e *emitter) captured(offHz, rateHz float64) bool {
	return math.Abs(offHz)+e.widthHz/2 <= rateHz/2
}

// near is captured for any channel.
func (e *emitter) near(centerHz, rateHz float64) bool {
	top := e.hz + float64(max(e.channels-1, 0))*e.spacingHz
	return e.hz < centerHz+rateHz/2 && top > centerHz-rateHz/2
}

// render puts noise, offset and what is on the air during a chunk into acc, in
// converter steps.
func render(acc *[chunkLen]packed, seed uint64, t device.Tuning, centerHz float64, chunk int64) {
	start := mix(seed, uint64(len(scene)), uint64(chunk)) % noiseLen
	sigma := gain(noiseSigma(t))
	dc := pack(complex(dcI, dcQ)) * gain(1)
	for i, v := range noise()[start : start+chunkLen] {
		acc[i] = dc + v*sigma
	}
	n := chunk * chunkLen
	from, to := duration(n, t.RateHz), duration(n+chunkLen, t.RateHz)
	for id := range scene {
		e := &scene[id]
		if !e.near(centerHz, t.RateHz) {
			continue
		}
		first, last := e.shots(from, to)
		for j := first; j <= last; j++ {
			s := e.shot(seed, id, j)
			offHz := s.hz - centerHz
			if s.stop <= from || s.start > to || !e.captured(offHz, t.RateHz) {
				continue
			}
			lo := max(sampleAt(s.start, t.RateHz)-n, 0)
			hi := min(sampleAt(s.stop, t.RateHz)-n, chunkLen)
			if lo < hi {
				amp := 128 * math.Pow(10, (e.levelDB+gainDB(t)+shapeDB(offHz/t.RateHz))/20)
				e.transmit(acc, n, int(lo), int(hi), mix(seed, uint64(id), 0), offHz, t.RateHz, gain(amp))
			}
		}
	}
}

// sampleAt is the first sample not before d.
func sampleAt(d time.Duration, rateHz float64) int64 {
	return int64(math.Ceil(float64(d) * rateHz / 1e9))
}

const turn = 1 << 32 // a full circle of phase

// transmit adds samples lo to hi of the chunk at n.
func (e *emitter) transmit(acc *[chunkLen]packed, n int64, lo, hi int, salt uint64, offHz, rateHz float64, amp packed) {
	// Multiplying in 64 bits wraps whole turns away and keeps the phase exact for ever.
	step := uint64(int64(offHz / rateHz * turn * turn))
	if len(e.mods) == 0 {
		tone(acc[lo:hi], uint32(step*uint64(n+int64(lo))>>32), uint32(step>>32), amp)
		return
	}
	// The modulation is known at knots, where each of its tones is a turning phasor;
	// between them the frequency is constant.
	knot := 1
	for knot < chunkLen && float64(2*knot) <= rateHz*e.knotSec {
		knot *= 2
	}
	var c, s, dc, ds, turns [4]float64
	at := lo / knot * knot
	seconds := float64(n+int64(at)) / rateHz
	phase := 0.0
	for i, m := range e.mods {
		_, cycle := math.Modf(m.hz * seconds)
		theta := float64(salt>>(16*i)&0xffff) / 0x10000
		s[i], c[i] = math.Sincos(2 * math.Pi * (cycle + theta))
		ds[i], dc[i] = math.Sincos(2 * math.Pi * m.hz * float64(knot) / rateHz)
		turns[i] = m.devHz / m.hz / (2 * math.Pi) * turn
		phase += turns[i] * s[i]
	}
	carrier := step * uint64(n+int64(at))
	perKnot := 1 / float64(knot)
	for ; at < hi; at += knot {
		next := 0.0
		for i := range e.mods {
			c[i], s[i] = c[i]*dc[i]-s[i]*ds[i], s[i]*dc[i]+c[i]*ds[i]
			next += turns[i] * s[i]
		}
		p := uint32(carrier>>32) + uint32(int64(phase))
		d := uint32(step>>32) + uint32(int64((next-phase)*perKnot))
		first, end := max(at, lo), min(at+knot, hi)
		tone(acc[first:end], p+uint32(first-at)*d, d, amp)
		carrier += step * uint64(knot)
		phase = next
	}
}

// mix hashes what a random choice of the scene depends on (splitmix64).
func mix(seed, id, j uint64) uint64 {
	z := seed*0x9e3779b97f4a7c15 + id*0xd1342543de82ef95 + j*0x2545f4914f6cdd1d
	for range 2 {
		z += 0x9e3779b97f4a7c15
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		z ^= z >> 31
	}
	return z
}
