package hackrf

import (
	"time"

	"argos/device"
)

// How often the owner looks, and how long it waits before it tries to open a radio
// again.
const (
	lookEvery    = 50 * time.Millisecond
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 500 * time.Millisecond
	// crowd is how many calls may hang before tries become rare: each keeps a thread
	// and a ring.
	crowd       = 16
	rareBackoff = 10 * time.Second
)

// own keeps the radio going until Close: the one goroutine that has sessions.
func (r *Radio) own(s *session) {
	defer close(r.done)
	number := s.number
	backoff := firstBackoff
	for {
		if s != nil {
			came := s.rx.came.Load()
			err := r.serve(s)
			if err != nil {
				r.interrupt(err, number) // first: to close it may take long
			}
			r.count(s)
			r.retire(s)
			if err == nil {
				return
			}
			if s.rx.came.Load() > came {
				backoff = firstBackoff
			}
		}
		if abandoned.Load() >= crowd {
			backoff = rareBackoff
		}
		if !r.wait(backoff) {
			return
		}
		backoff = min(2*backoff, lastBackoff)
		var err error
		number++
		if s, err = openSession(r.lib, r.serial, number, r.free(), r.guard); err != nil {
			r.interrupt(absent(err), number)
			continue
		}
		r.mu.Lock()
		r.stats.Sessions++
		r.mu.Unlock()
	}
}

// serve keeps a session capturing what is wished. It returns nil when the radio is
// closed.
func (r *Radio) serve(s *session) error {
	var (
		now   device.Tuning
		on    bool
		came  uint64        // transfers, at the last look
		quiet time.Duration // since then, in looks: while the machine stands still nobody looks
		tick  = time.NewTicker(lookEvery)
	)
	defer tick.Stop()
	for {
		if wish, begun := r.wished(); begun && (!on || wish != now) {
			c := config{tuning: wish}
			var err error
			if on && live(now, wish) {
				err = s.change(now, c)
			} else {
				err = s.start(c)
				r.count(s)
				quiet = 0
			}
			if err != nil {
				return err
			}
			now, on = wish, true
		}
		select {
		case <-r.closing:
			return nil
		case <-r.kick:
			continue
		case <-tick.C:
		}
		if !on {
			continue
		}
		if err := s.check(); err != nil {
			return err
		}
		if n := s.rx.came.Load(); n != came {
			came, quiet = n, 0
		} else if quiet += lookEvery; quiet > r.stall {
			return errStalled
		}
		if s.rx.mangled.Load() > mangledLimit {
			return errMangled
		}
	}
}

func (r *Radio) wished() (device.Tuning, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.wish, r.begun
}

// wait reports whether it waited to the end.
func (r *Radio) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.closing:
		return false
	}
}

// retire closes a session. A callback that may yet come keeps its ring.
func (r *Radio) retire(s *session) {
	if s.end() {
		r.add(s) // its end told what was lost
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring = newRing()
	s.rx.ring.poke()
}

// free is the ring for a new session.
func (r *Radio) free() *ring {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ring
}

// count takes over what a session has counted, unless a call still does.
func (r *Radio) count(s *session) {
	if !s.ended {
		r.add(s)
	}
}

func (r *Radio) add(s *session) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Overruns += uint64(s.state.shortfalls)
	s.state = m0State{}
	r.stats.Dropped += s.rx.lost.Swap(0)
}
