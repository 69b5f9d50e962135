package stream

import (
	"slices"
	"time"
)

// DelayBounds are the upper ends of what Delay.Counts counts; the last count is of what
// took longer.
var DelayBounds = [...]time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 200 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second,
}

// DelaySteps are the times that a value of the lines of a Delay stands for.
var DelaySteps = [...]time.Duration{time.Second, 10 * time.Second, time.Minute}

// delayKept is how many values a line of a Delay has.
const delayKept = 60

// A Delay is how old the newest frames were when they were drawn: from the last sample to
// the return of the write that shows it, as in Age.
type Delay struct {
	Counts [len(DelayBounds) + 1]uint64
	// Lines have the greatest delay in each of DelaySteps, newest last, the step under way
	// included; 0: nothing was drawn.
	Lines [len(DelaySteps)][]time.Duration
}

// delays measures a Delay. Its times are since the client began, by the clock that nobody
// sets. It is not safe for concurrent use.
type delays struct {
	counts [len(DelayBounds) + 1]uint64
	lines  [len(DelaySteps)]delayLine
}

type delayLine struct {
	step   time.Duration // the newest, counted from when the client began
	values []time.Duration
}

// add takes a frame that was drawn at now.
func (d *delays) add(now, took time.Duration) {
	i := 0
	for i < len(DelayBounds) && took > DelayBounds[i] {
		i++
	}
	d.counts[i]++
	for i := range d.lines {
		newest := d.lines[i].roll(now, DelaySteps[i])
		*newest = max(*newest, took)
	}
}

// roll brings a line up to now and returns its newest value.
func (l *delayLine) roll(now, each time.Duration) *time.Duration {
	step := now / each
	if l.values == nil || step-l.step > delayKept {
		l.step, l.values = step, append(l.values[:0], 0)
	}
	for ; l.step < step; l.step++ {
		if len(l.values) == delayKept {
			l.values = slices.Delete(l.values, 0, 1)
		}
		l.values = append(l.values, 0)
	}
	return &l.values[len(l.values)-1]
}

func (d *delays) snapshot(now time.Duration) Delay {
	s := Delay{Counts: d.counts}
	for i := range d.lines {
		if d.lines[i].values != nil {
			d.lines[i].roll(now, DelaySteps[i])
		}
		s.Lines[i] = slices.Clone(d.lines[i].values)
	}
	return s
}
