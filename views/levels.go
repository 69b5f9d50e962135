package views

import (
	"math"
	"time"

	"argos/spectrum"
)

// levels chooses the part of the decibel axis that is shown: from the noise floor up,
// at least minTall high, in steps of stepDB, and slow to change, so that the axis
// stands still while signals come and go.
type levels struct {
	bottom, top float64 // of the spectrum's axis
	low, high   float64 // of the waterfall's colours
	tall        float64 // how much the axis shows; 0: from the signal
	tightSince  time.Duration
	settled     bool
	counts      [levelsMost - levelsLeast + 1]uint32
}

const (
	minTall     = 60
	maxTall     = 120
	silence     = -200 // bins without anything above say nothing about levels
	stepDB      = 10
	highest     = 10 // above what a converter at its rails reads; an axis gets its height below
	divisions   = 10 // of the axis, where dB a division are asked for
	levelsLeast = silence
	levelsMost  = 100
	tightFor    = 5 * time.Second // how long an axis may be too large before it shrinks
)

// settle lets the next update choose freely.
func (l *levels) settle() { l.settled = false }

// update takes a new trace; ref, where given, is the top of the axis.
func (l *levels) update(mean, max []int16, step float64, now time.Duration, ref *float64) {
	high, n := l.percentile(max, step, 0.999)
	if n == 0 {
		if !l.settled {
			l.bottom, l.top, l.low, l.high = -120, -120+minTall, -100, -60
		}
		return
	}
	peak, _ := l.percentile(max, step, 1)
	top := roundUp(math.Min(peak, high+15) + 2)
	floor, n := l.percentile(mean, step, 0.10)
	if n == 0 {
		floor = top - minTall
	}
	floor = math.Max(floor, top-maxTall)
	bottom := roundUp(floor) - stepDB
	if floor-bottom < 2 {
		bottom -= stepDB
	}
	switch {
	case ref != nil:
		l.bottom, l.top = math.Min(bottom, *ref-minTall), *ref
	case l.tall > 0 && l.settled:
		l.hold(l.bottom, top, now) // the top alone follows
	default:
		top = math.Max(top, math.Min(bottom+minTall, highest))
		l.hold(math.Min(bottom, top-minTall), top, now)
	}
	if l.tall > 0 {
		l.bottom = l.top - l.tall
	}
	// Colours start at the floor of the peaks and need not reach the lone carrier.
	noise, _ := l.percentile(max, step, 0.10)
	low := math.Floor(math.Max(noise, floor)/5) * 5
	if !l.settled || math.Abs(low-l.low) > 5 {
		l.low = low
	}
	l.high = math.Max(math.Min(l.top, l.low+70), l.low+40)
	l.settled = true
}

// hold grows at once and shrinks only when there was room to spare for a while.
func (l *levels) hold(bottom, top float64, now time.Duration) {
	switch {
	case !l.settled:
		l.bottom, l.top, l.tightSince = bottom, top, now
	case bottom < l.bottom || top > l.top:
		l.top = math.Max(top, l.top)
		l.bottom, l.tightSince = math.Max(math.Min(bottom, l.bottom), l.top-maxTall-stepDB), now
	case bottom == l.bottom && top == l.top:
		l.tightSince = now
	case now-l.tightSince >= tightFor:
		l.bottom, l.top, l.tightSince = bottom, top, now
	}
}

// percentile finds the level below which the share p of the bins with power lies, to 1 dB,
// and how many have any: recordings are silent, to the last bit, between bursts.
func (l *levels) percentile(bins []int16, step, p float64) (db float64, n int) {
	clear(l.counts[:])
	for _, q := range bins {
		db := float64(q) * step
		if q == spectrum.Absent || db < silence {
			continue
		}
		i := int(db - levelsLeast) // positive, so int rounds down
		l.counts[min(max(i, 0), len(l.counts)-1)]++
		n++
	}
	want, sum := uint32(p*float64(n)), uint32(0)
	for i, c := range l.counts {
		if sum += c; c > 0 && sum >= want {
			return float64(i + levelsLeast), n
		}
	}
	return 0, n
}

func roundUp(v float64) float64 { return math.Ceil(v/stepDB) * stepDB }
