package hackrf

import (
	"context"
	"runtime"
	"sync"
	"time"

	"argos/device"
)

// Options change how a Radio works. The zero value will do.
type Options struct {
	// Stall is after how long without samples the radio is opened anew; 0 is 500 ms.
	Stall time.Duration
	Guard func() // deferred in every goroutine, to recover panics; nil: none
}

// A Radio is a HackRF. Its methods may be called as device.Radio says, Stats at any
// time.
type Radio struct {
	lib    *library
	serial string // to find it again
	info   device.Info
	sweeps error
	stall  time.Duration
	guard  func()

	kick    chan struct{} // holds a token when wish or begun have changed
	closing chan struct{}
	done    chan struct{} // closed when the owner has ended

	mu     sync.Mutex
	closed bool
	begun  bool          // samples are wanted
	wish   device.Tuning // as Tune returned it
	ring   *ring         // of the newest session
	dead   uint64        // sessions up to here have ended
	outage error         // why there are no samples; nil while there are
	told   string        // what Read has said of it
	stats  Stats

	// Of the reader.
	held    *ring  // that it reads
	at      int    // where in the oldest slot; -1: not begun
	broken  bool   // the next block does not follow the last
	missing uint64 // samples, before the next block
	late    uint64 // of these, samples that did not fit
}

var _ device.Radio = (*Radio)(nil)

// Stats count what has happened to a radio since it was opened.
type Stats struct {
	Interruptions uint64 // times that it was lost
	Sessions      uint64 // times that it was opened
	Overruns      uint64 // times that its own buffer ran over, where its firmware tells
	Dropped       uint64 // samples that did not fit the ring
	Abandoned     int64  // calls of this process that have not returned yet
}

// Open opens the first free HackRF, or the one whose serial number ends in serial. It
// receives nothing before the first Tune or Read. A nil o means defaults. Errors are
// *device.Error.
func Open(ctx context.Context, serial string, o *Options) (*Radio, error) {
	op := "open hackrf"
	if serial != "" {
		op += ":" + serial
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	lib, err := load()
	if err != nil {
		return nil, explain(op, err)
	}
	guard := func() {}
	if o != nil && o.Guard != nil {
		guard = o.Guard
	}
	s, err := openSession(lib, serial, 1, nil, guard)
	if err != nil {
		return nil, explain(op, err)
	}
	r := &Radio{
		lib: lib, serial: s.info.Serial, info: s.info, sweeps: s.sweeps, stall: 500 * time.Millisecond, guard: guard,
		kick: make(chan struct{}, 1), closing: make(chan struct{}), done: make(chan struct{}),
		wish:  device.Tuning{CenterHz: 98.1e6, SpanHz: 2e6, RateHz: autoRateHz, LNADB: 24, VGADB: 30},
		ring:  s.rx.ring,
		stats: Stats{Sessions: 1},
	}
	if o != nil && o.Stall > 0 {
		r.stall = o.Stall
	}
	if r.serial == "" {
		r.serial = serial
	}
	spareProcessors()
	go func() { defer guard(); r.own(s) }()
	return r, nil
}

// leastProcessors is how many goroutines may run at once while a radio is open: the
// callback has to find a place beside two that are busy with a spectrum.
const leastProcessors = 4

// spareProcessors raises GOMAXPROCS on machines with few cores. With two busy
// goroutines on two cores the callback would wait for the scheduler to take one off,
// and samples would be lost.
var spareProcessors = sync.OnceFunc(func() {
	if runtime.GOMAXPROCS(0) < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
})

// Info says what the radio is.
func (r *Radio) Info() device.Info { return r.info }

// Stats are the counts until now.
func (r *Radio) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Abandoned = abandoned.Load()
	return s
}

// Tune returns at once: the radio follows within a few milliseconds, without a stop
// unless the sample rate, the filter or the range of a sweep changes. While the radio is
// lost the tuning waits for it. Errors are *device.Error.
func (r *Radio) Tune(ctx context.Context, t device.Tuning) (device.Tuning, error) {
	if err := ctx.Err(); err != nil {
		return device.Tuning{}, err
	}
	t, err := resolve(t)
	if err != nil {
		return device.Tuning{}, err
	}
	if t.Sweeps() && r.sweeps != nil {
		return device.Tuning{}, explain("sweep "+device.FormatHz(t.StartHz(), 3)+" to "+device.FormatHz(t.StopHz(), 3), r.sweeps)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return device.Tuning{}, device.ErrClosed
	}
	r.wish = t
	r.begin()
	return t, nil
}

// begin tells the owner that there is something to do. r.mu is held.
func (r *Radio) begin() {
	r.begun = true
	select {
	case r.kick <- struct{}{}:
	default:
	}
}

// Read waits for the next block. When the radio is lost, and each time that the reason
// changes, it returns a *device.Interruption; reading on waits until the radio is back.
// Blocks hold 131072 samples, those of a sweep 8192, of which the first five are zero:
// the radio puts the frequency in their place.
func (r *Radio) Read(ctx context.Context, b *device.Block) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ring, wish, err := r.look()
		if err != nil {
			return err
		}
		if r.next(ring, wish, b) {
			return nil
		}
		select {
		case <-ring.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-r.closing:
			return device.ErrClosed
		}
	}
}

// look is what Read has to know before it looks into the ring.
func (r *Radio) look() (*ring, device.Tuning, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, device.Tuning{}, device.ErrClosed
	}
	if !r.begun {
		r.begin()
	}
	if r.outage != nil && r.outage.Error() != r.told {
		r.told = r.outage.Error()
		r.broken = true
		return nil, device.Tuning{}, &device.Interruption{Err: r.outage}
	}
	return r.ring, r.wish, nil
}

// back notes that a block has come of a session, and reports whether that one lives.
func (r *Radio) back(session uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if session <= r.dead {
		return false
	}
	r.outage, r.told = nil, ""
	return true
}

// Close frees the radio and ends a Read under way. It waits for calls to the device, but
// not for those that do not return.
func (r *Radio) Close() error {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.closing)
	}
	r.mu.Unlock()
	<-r.done
	return nil
}

// interrupt notes why there are no samples. Sessions up to the number are dead.
func (r *Radio) interrupt(err error, session uint64) {
	r.mu.Lock()
	if r.outage == nil && session > r.dead {
		r.stats.Interruptions++
	}
	r.dead = max(r.dead, session)
	r.outage = reason(err)
	ring := r.ring
	r.mu.Unlock()
	ring.poke()
}
