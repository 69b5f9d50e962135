package hackrf

import (
	"errors"
	"math"
	"sync/atomic"
	"time"

	"argos/device"
)

// How long calls may take. Opening takes 0.1 s, everything else a few milliseconds.
const (
	openLimit  = 3 * time.Second
	callLimit  = time.Second
	closeLimit = 2 * time.Second
)

// abandoned counts the sessions whose call has not returned yet.
var abandoned atomic.Int64

// A session is an open device, and the goroutine that makes every call to it. Its
// methods are for one goroutine, its owner.
type session struct {
	lib    *library
	number uint64 // of the radio's sessions
	guard  func() // deferred in every goroutine
	rx     *receiver
	info   device.Info
	sweeps error // why it cannot
	calls  chan call
	ended  bool

	// Of the goroutine that calls.
	dev     uintptr
	started bool
	state   m0State
	overrun uint64 // samples that it lost, as far as known
}

// A call is something to do with the device.
type call struct {
	f    func() error
	done chan error
}

func (c call) wait() error { return <-c.done }

// openSession opens the first free device whose serial number ends in serial. A ring
// is made where r is nil. guard is deferred in every goroutine.
func openSession(lib *library, serial string, number uint64, r *ring, guard func()) (*session, error) {
	s := &session{lib: lib, number: number, guard: guard, rx: &receiver{ring: r}, calls: make(chan call)}
	if r == nil {
		s.rx.ring = newRing()
	}
	if !enlist(s.rx) {
		return nil, errors.New("too many radios are open")
	}
	go func() { defer guard(); s.work() }()
	err := s.do("opening", openLimit, func() error { return s.open(serial) })
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// work makes the calls of a session until there are no more, and closes the device.
func (s *session) work() {
	for c := range s.calls {
		c.done <- c.f()
	}
}

// do has f called and waits for it. What takes longer than limit is left behind, and
// the session with it. The limit is waited for in ticks, which a machine that stood still
// does not make up for: a call needs time to return, too.
func (s *session) do(what string, limit time.Duration, f func() error) error {
	if s.ended {
		return errHung
	}
	c := call{f, make(chan error, 1)}
	s.calls <- c
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for range limit / lookEvery {
		select {
		case err := <-c.done:
			return err
		case <-tick.C:
		}
	}
	// The goroutine cleans up when the call returns after all.
	s.ended = true
	s.rx.ended.Store(true)
	abandoned.Add(1)
	go func() {
		defer s.guard()
		_ = c.wait()
		s.finish()
		abandoned.Add(-1)
	}()
	return late(what, limit)
}

// end closes the device and reports whether no callback can come any more, so that the
// ring is free for another session.
func (s *session) end() bool {
	if s.ended {
		return false
	}
	s.rx.ended.Store(true)
	if err := s.do("closing", closeLimit, func() error { s.shut(); return nil }); err != nil {
		return false
	}
	s.ended = true
	s.finish()
	return true
}

// finish ends the goroutine, after a last call to it.
func (s *session) finish() {
	c := call{func() error { s.shut(); return nil }, make(chan error, 1)}
	s.calls <- c
	_ = c.wait()
	close(s.calls)
	s.rx.delist()
}

// shut stops and closes what is open.
func (s *session) shut() {
	if s.dev == 0 {
		return
	}
	_ = s.halt()
	s.lib.closeDevice(s.dev)
	s.dev = 0
}

// open finds the device, opens it and asks who it is.
func (s *session) open(serial string) error {
	found, dev, err := s.lib.find(serial)
	if err != nil {
		return err
	}
	s.dev = dev
	id, err := s.lib.ask(s.dev)
	if err != nil {
		return err
	}
	s.info = infoOf(found)
	s.info.Firmware, s.info.Name = id.firmware, id.name
	s.sweeps = s.lib.canSweep(id)
	return nil
}

// start begins capture with c's tuning, whatever went on before.
func (s *session) start(c config) error {
	return s.do("starting", 2*callLimit, func() error {
		if err := s.halt(); err != nil {
			return err
		}
		t := c.tuning
		s.rx.config.Store(&config{tuning: t, session: s.number})
		s.rx.begin(t)
		s.rx.pending += s.overrun
		s.overrun = 0
		l := s.lib
		rate := uint32(math.Round(t.RateHz))
		err := first(
			func() error { return l.fault("hackrf_set_sample_rate_manual", l.setSampleRate(s.dev, rate, 1)) },
			func() error {
				return l.fault("hackrf_set_baseband_filter_bandwidth", l.setBandwidth(s.dev, uint32(filterHz(t))))
			},
			func() error { return s.gains(t) },
			func() error { return s.launch(t) },
			// The firmware takes the antenna's power away whenever it idles.
			func() error { return s.power(t) },
		)
		if err == nil {
			s.ready(t)
		}
		return err
	})
}

// launch starts the flow of samples.
func (s *session) launch(t device.Tuning) error {
	l := s.lib
	if !t.Sweeps() {
		if err := l.fault("hackrf_set_freq", l.setFreq(s.dev, uint64(middleHz(t)))); err != nil {
			return err
		}
		s.started = true // even a start that fails may have begun
		return l.fault("hackrf_start_rx", l.startRX(s.dev, l.callback, s.rx.number))
	}
	if s.sweeps != nil {
		return s.sweeps
	}
	mhz := sweepMHz(t)
	code := l.initSweep(s.dev, &mhz[0], int32(len(mhz)/2), blockBytes, stepHz, offsetHz, sweepInterleave)
	if err := l.fault("hackrf_init_sweep", code); err != nil {
		return err
	}
	s.started = true
	return l.fault("hackrf_start_rx_sweep", l.startSweep(s.dev, l.callback, s.rx.number))
}

// change follows from one tuning to another while samples flow. What comes meanwhile
// belongs to neither.
func (s *session) change(was device.Tuning, c config) error {
	return s.do("tuning", callLimit, func() error {
		t := c.tuning
		s.rx.config.Store(&config{tuning: t, session: s.number})
		l := s.lib
		if middleHz(t) != middleHz(was) {
			if err := l.fault("hackrf_set_freq", l.setFreq(s.dev, uint64(middleHz(t)))); err != nil {
				return err
			}
		}
		if t.LNADB != was.LNADB || t.VGADB != was.VGADB || t.Amp != was.Amp {
			if err := s.gains(t); err != nil {
				return err
			}
		}
		if t.BiasTee != was.BiasTee {
			if err := s.power(t); err != nil {
				return err
			}
		}
		s.ready(t)
		return nil
	})
}

// live reports whether change can do it, without a stop.
func live(was, t device.Tuning) bool {
	return was.RateHz == t.RateHz && filterHz(was) == filterHz(t) && was.Sweeps() == t.Sweeps() &&
		(!t.Sweeps() || was.CenterHz == t.CenterHz && was.SpanHz == t.SpanHz && was.Ranges == t.Ranges)
}

// ready says that samples taken from now on are those of t.
func (s *session) ready(t device.Tuning) {
	from := time.Now().Add(s.rx.latency() + settling)
	s.rx.config.Store(&config{tuning: t, session: s.number, from: from})
}

func (s *session) gains(t device.Tuning) error {
	l := s.lib
	return first(
		func() error { return l.fault("hackrf_set_lna_gain", l.setLNAGain(s.dev, uint32(t.LNADB))) },
		func() error { return l.fault("hackrf_set_vga_gain", l.setVGAGain(s.dev, uint32(t.VGADB))) },
		func() error { return l.fault("hackrf_set_amp_enable", l.setAmpEnable(s.dev, flag(t.Amp))) },
	)
}

func (s *session) power(t device.Tuning) error {
	return s.lib.fault("hackrf_set_antenna_enable", s.lib.setAntennaPower(s.dev, flag(t.BiasTee)))
}

// halt stops the flow of samples. The radio's own count of overruns is read here, where
// asking cannot disturb.
func (s *session) halt() error {
	if !s.started {
		return nil
	}
	if s.lib.m0State != nil && s.lib.isStreaming(s.dev) == streaming {
		if s.lib.m0State(s.dev, &s.state) != success {
			s.state = m0State{}
		}
	}
	s.started = false
	err := s.lib.fault("hackrf_stop_rx", s.lib.stopRX(s.dev))
	// It says how often samples were lost, and how many the longest time.
	if most := uint64(s.state.longestShortfall / 2); err == nil && !s.rx.sweeps && most > s.rx.noticed {
		s.overrun = most - s.rx.noticed
	}
	return err
}

// check says what is wrong while samples should flow.
func (s *session) check() error {
	return s.do("a look at it", callLimit, func() error {
		if s.lib.isStreaming(s.dev) != streaming {
			return errStopped
		}
		return nil
	})
}

// first calls until one fails.
func first(calls ...func() error) error {
	for _, f := range calls {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

func flag(on bool) uint8 {
	if on {
		return 1
	}
	return 0
}
