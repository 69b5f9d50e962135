package synth

import (
	"math"
	"time"
)

// A Kind is a sort of signal in the scene.
type Kind string

// The kinds.
const (
	Broadcast Kind = "broadcast" // wide FM, always on
	Carrier   Kind = "carrier"   // a steady tone
	Burst     Kind = "burst"     // keyed now and then, on one frequency
	Hopper    Kind = "hopper"    // keyed on changing channels
	Drifter   Kind = "drifter"   // a tone that wanders
	Overload  Kind = "overload"  // so strong that the samples clip
)

// A Signal is one transmission in the scene.
type Signal struct {
	Kind        Kind
	CenterHz    float64
	BandwidthHz float64       // occupied; of a Drifter, what it goes through as well
	LevelDB     float64       // dBFS of the whole signal, before clipping
	Start, Stop time.Duration // on the air, in scene time, within what was asked for
}

// scene is everything on the air. What an emitter picks at random depends on its
// place in this list.
var scene = buildScene()

func buildScene() []emitter {
	var all []emitter
	for i, s := range []struct{ mhz, levelDB float64 }{
		{88.1, -30},
		{89.5, -24},
		{91.3, -33},
		{92.7, -27},
		{94.1, -36},
		{95.9, -25},
		{97.3, -26},
		{98.1, -20},
		{98.7, -30},
		{100.5, -23},
		{101.9, -34},
		{103.3, -28},
		{104.9, -31},
		{106.5, -26},
		{107.7, -35},
	} {
		k := float64(i)
		all = append(all, emitter{
			kind: Broadcast, hz: s.mhz * 1e6, widthHz: 200e3, levelDB: s.levelDB,
			// Three tones of programme and the pilot: 75 kHz of deviation in all.
			mods: []mod{{83 + 17*k, 30e3}, {523 + 61*k, 22e3}, {3100 + 331*k, 15.5e3}, {19e3, 7.5e3}},
		})
	}
	for _, s := range []struct{ mhz, levelDB float64 }{
		{5, -45},
		{10, -42},
		{27.205, -40},
		{98.45, -42},
		{137.1, -48},
		{144.8, -40},
		{162.4, -44},
		{243.6, -50},
		{433.92, -45},
		{446.00625, -41},
		{868.3, -43},
		{915, -47},
		{948.2, -36},
		{1090, -44},
		{1575.42, -55},
		{1842.6, -38},
		{2140, -40},
		{2412, -38},
		{2437, -40},
		{2462, -43},
		{3550, -46},
		{5180, -44},
		{5745, -48},
		{5800, -42},
	} {
		all = append(all, emitter{kind: Carrier, hz: s.mhz * 1e6, widthHz: 100, levelDB: s.levelDB})
	}
	const ms, us = time.Millisecond, time.Microsecond
	narrow := []mod{{2400, 3500}}
	all = append(all,
		emitter{
			kind: Burst, hz: 97.612e6, widthHz: 12.5e3, levelDB: -40, mods: narrow,
			period: 450 * ms, on: 40 * ms, jitter: true,
		},
		emitter{
			kind: Burst, hz: 98.34e6, widthHz: 10e3, levelDB: -20,
			period: 300 * ms, on: 200 * us, jitter: true,
		},
		emitter{
			kind: Burst, hz: 433.62e6, widthHz: 10e3, levelDB: -20,
			period: 250 * ms, on: 200 * us, jitter: true,
		},
		emitter{
			kind: Burst, hz: 434.16e6, widthHz: 12.5e3, levelDB: -33, mods: narrow,
			period: 700 * ms, on: 25 * ms, jitter: true,
		},
		emitter{
			kind: Burst, hz: 868.05e6, widthHz: 10e3, levelDB: -22,
			period: 200 * ms, on: 400 * us, jitter: true,
		},
		emitter{
			kind: Burst, hz: 868.75e6, widthHz: 120e3, levelDB: -34, mods: []mod{{9600, 45e3}},
			period: time.Second, on: 60 * ms, jitter: true,
		},
		emitter{
			kind: Hopper, hz: 97.72e6, widthHz: 12.5e3, levelDB: -38, mods: narrow,
			period: 25 * ms, on: 20 * ms, channels: 5, spacingHz: 50e3,
		},
		emitter{
			kind: Hopper, hz: 2402e6, widthHz: 160e3, levelDB: -32, mods: []mod{{12e3, 60e3}},
			period: 625 * us, on: 366 * us, channels: 79, spacingHz: 1e6,
		},
		emitter{
			kind: Drifter, hz: 98.93e6, widthHz: 61e3, levelDB: -39, mods: []mod{{1. / 40, 30e3}},
		},
		emitter{
			kind: Overload, hz: 98.25e6, widthHz: 10e3, levelDB: 12,
			period: 40 * time.Second, first: 20 * time.Second, on: 500 * ms,
		},
	)
	for i := range all {
		all[i].knotSec = knotSec(all[i].mods)
	}
	return all
}

// Truth lists what is on the air between from and to, in scene time (see Start), and
// within the band that the radio captures as it is tuned now: RateHz around the
// centre, or the span of a sweep. Levels are as that tuning shows them.
func (r *Radio) Truth(from, to time.Duration) []Signal {
	r.mu.Lock()
	t := r.tuning
	r.mu.Unlock()
	bandHz, middle := t.RateHz, middleHz(t)
	if t.Sweeps() {
		bandHz = t.SpanHz
	}
	var on []Signal
	for id := range scene {
		e := &scene[id]
		first, last := e.shots(from, to)
		for j := first; j <= last; j++ {
			s := e.shot(r.seed, id, j)
			if s.stop <= from || s.start >= to || !e.captured(s.hz-middle, bandHz) {
				continue
			}
			g := Signal{
				Kind:        e.kind,
				CenterHz:    s.hz,
				BandwidthHz: e.widthHz,
				LevelDB:     e.levelDB + gainDB(t) + shapeDB(offset(t, s.hz)/t.RateHz),
				Start:       max(s.start, from),
				Stop:        min(s.stop, to),
			}
			if e.kind == Drifter {
				theta := float64(mix(r.seed, uint64(id), 0)&0xffff) / 0x10000
				low, high := e.mods[0].path(theta, from, to)
				g.CenterHz += (low + high) / 2
				g.BandwidthHz = high - low + e.widthHz - 2*e.mods[0].devHz
			}
			on = append(on, g)
		}
	}
	return on
}

// path is the least and the greatest deviation between two times, for a tone that
// begins at theta of a turn.
func (m mod) path(theta float64, from, to time.Duration) (low, high float64) {
	a := m.hz*from.Seconds() + theta
	b := m.hz*to.Seconds() + theta
	va, vb := math.Cos(2*math.Pi*a), math.Cos(2*math.Pi*b)
	low, high = min(va, vb), max(va, vb)
	if math.Floor(b) > math.Floor(a) {
		high = 1
	}
	if math.Floor(b-0.5) > math.Floor(a-0.5) {
		low = -1
	}
	return low * m.devHz, high * m.devHz
}
