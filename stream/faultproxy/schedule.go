package faultproxy

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// A Step of a Schedule changes the network once.
type Step struct {
	At         time.Duration // since the start
	Fault      string        // what it is called; empty: the network heals
	Conditions Conditions
	Reset      int  // bytes to go until the links that stand are reset; 0: they are not
	Cut        bool // they are reset at once
	Strand     bool
}

// A Schedule is a story of faults. It ends with a perfect network.
type Schedule struct {
	Seed   uint64
	Length time.Duration
	Steps  []Step
}

// faults makes each fault that a Schedule is made of.
var faults = [...]func(r *rand.Rand, s *Step){
	func(r *rand.Rand, s *Step) {
		s.Fault = "delay"
		s.Conditions.Up.Delay, s.Conditions.Down.Delay = millis(r, 300), millis(r, 300)
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "jitter"
		s.Conditions.Up.Jitter, s.Conditions.Down.Jitter = millis(r, 400), millis(r, 400)
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "rate"
		s.Conditions.Down.Rate, s.Conditions.Down.Queue = 500+r.IntN(20_000), 1<<10+r.IntN(16<<10)
		s.Conditions.Up.Rate = 500 + r.IntN(20_000)
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "single bytes"
		s.Conditions.Up.Pieces, s.Conditions.Down.Pieces = 1, 1+r.IntN(3)
	},
	func(_ *rand.Rand, s *Step) {
		s.Fault = "hole"
		s.Conditions.Up.Hole, s.Conditions.Down.Hole = true, true
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "half-open"
		if r.IntN(2) == 0 {
			s.Conditions.Up.Hole = true
		} else {
			s.Conditions.Down.Hole = true
		}
	},
	func(_ *rand.Rand, s *Step) {
		s.Fault = "stalled reader"
		s.Conditions.Down.Stall = true
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "reset in mid-message"
		s.Reset = 1 + r.IntN(2000)
	},
	func(r *rand.Rand, s *Step) {
		s.Fault = "cut"
		s.Cut, s.Conditions.Refuse = true, r.IntN(2) == 0
	},
	func(_ *rand.Rand, s *Step) {
		s.Fault = "stranded"
		s.Strand = true
	},
}

func millis(r *rand.Rand, most int) time.Duration {
	return time.Duration(r.IntN(most)) * time.Millisecond
}

// NewSchedule makes a schedule of a length from a seed, always the same one.
func NewSchedule(seed uint64, length time.Duration) Schedule {
	r := rand.New(rand.NewPCG(seed, 0xfa17))
	s := Schedule{Seed: seed, Length: length}
	lasts := func(part int64) time.Duration { return time.Duration(r.Int64N(int64(length)/part) + 1) }
	for at := lasts(20); at < length; {
		step := Step{At: at}
		faults[r.IntN(len(faults))](r, &step)
		s.Steps = append(s.Steps, step)
		at += lasts(6)
		// Now and then one fault follows on the other.
		if r.IntN(4) > 0 {
			s.Steps = append(s.Steps, Step{At: min(at, length)})
			at += lasts(10)
		}
	}
	s.Steps = append(s.Steps, Step{At: length})
	return s
}

// String lists the steps, for a test that failed.
func (s Schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %s:", s.Seed, s.Length)
	for _, step := range s.Steps {
		fault := step.Fault
		if fault == "" {
			fault = "heals"
		}
		fmt.Fprintf(&b, "\n%8.3f s %s", step.At.Seconds(), fault)
		if c := step.Conditions; c != (Conditions{}) {
			fmt.Fprintf(&b, " %+v", c)
		}
		if step.Reset > 0 {
			fmt.Fprintf(&b, " after %d bytes", step.Reset)
		}
	}
	return b.String()
}

// Play does to p what the schedule says, when it says so, and returns when it is over
// or ctx ends.
func (s Schedule) Play(ctx context.Context, p *Proxy) {
	began := time.Now()
	for _, step := range s.Steps {
		timer := time.NewTimer(step.At - time.Since(began))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		step.apply(p)
	}
}

func (s *Step) apply(p *Proxy) {
	p.Set(s.Conditions)
	switch {
	case s.Cut:
		p.Reset(0)
	case s.Reset > 0:
		p.Reset(s.Reset)
	case s.Strand:
		p.Strand()
	}
}
