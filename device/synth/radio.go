// Package synth is a radio that is not there: a scene of broadcast stations, carriers,
// bursts, a hopper, a drifting carrier and an overload now and then, made of a seed.
//
// The scene stands at absolute frequencies and in a time of its own that begins at
// the first Read, so it follows tuning and gain as the air would, and the same seed,
// tuning and sample index always give the same bytes. Levels are dBFS at LNA 24 dB,
// VGA 30 dB and amp off, and follow the gains dB for dB until the samples clip.
// Truth tells tests what is on the air. Blocks are CI8 and Info says Simulated.
package synth

import (
	"context"
	"math"
	"sync"
	"time"

	"argos/device"
)

// lateness is how far a reader may fall behind before samples are lost: about what
// the buffers of a USB radio hold.
const lateness = 250 * time.Millisecond

// maxBlock is the most samples in a Block, what libhackrf hands over at once.
const maxBlock = 131072

// Options change how a Radio works. The zero value is a radio in real time.
type Options struct {
	Seed    uint64 // of the scene; 0 is 1
	Unpaced bool   // blocks come as fast as they are read, with times as if paced from Epoch
}

// Epoch is when the scene of an unpaced radio begins.
var Epoch = time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)

// A Radio makes up what it receives. Its methods may be called as device.Radio
// says; Truth and Start at any time.
type Radio struct {
	seed    uint64
	unpaced bool
	closing chan struct{}
	pacer   device.Pacer

	mu     sync.Mutex
	closed bool
	tuning device.Tuning
	plan   plan
	start  time.Time // of the scene; zero until the first Read of a paced radio
	chunk  int64     // where the period of the next block begins, in chunks at the rate of tuning
	broken bool      // the next block does not follow the last one
	acc    [chunkLen]packed
	buf    []byte
}

var _ device.Radio = (*Radio)(nil)

// Open returns a radio tuned to the middle of the FM band. A nil o means defaults.
func Open(o *Options) *Radio {
	if o == nil {
		o = &Options{}
	}
	r := &Radio{
		seed:    o.Seed,
		unpaced: o.Unpaced,
		closing: make(chan struct{}),
		tuning:  device.Tuning{CenterHz: 98.1e6, SpanHz: 2e6, RateHz: 2e6, LNADB: refLNADB, VGADB: refVGADB},
		buf:     make([]byte, 2*maxBlock),
		broken:  true,
	}
	if r.seed == 0 {
		r.seed = 1
	}
	if r.unpaced {
		r.start = Epoch
	}
	r.plan = planFor(r.tuning)
	noise() // takes tens of milliseconds the first time, which a Read would count as lateness
	return r
}

// Info says what the synthetic radio can do.
func (r *Radio) Info() device.Info {
	return device.Info{
		Driver:    "synth",
		Name:      "synthetic radio",
		Simulated: true,
		MinHz:     minHz,
		MaxHz:     maxHz,
		MinRateHz: minRateHz,
		MaxRateHz: maxRateHz,
		Gains:     true,
	}
}

// Start is when the scene began, so that Block.Time less Start is the time that
// Truth takes. It is zero before the first Read of a paced radio.
func (r *Radio) Start() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.start
}

// Tune takes effect with the next block. A span above 20 MHz sweeps: it is rounded up
// to whole 20 MHz and moved into 0 to 6 GHz where it hangs over; several ranges stay
// what they are. A wished rate below the span is raised to it. Errors are *device.Error.
func (r *Radio) Tune(ctx context.Context, t device.Tuning) (device.Tuning, error) {
	if err := ctx.Err(); err != nil {
		return device.Tuning{}, err
	}
	t, err := resolve(t)
	if err != nil {
		return device.Tuning{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return device.Tuning{}, device.ErrClosed
	}
	if t == r.tuning {
		return t, nil
	}
	at := duration(r.chunk*chunkLen, r.tuning.RateHz)
	if !r.unpaced && !r.start.IsZero() {
		at = max(at, time.Since(r.start))
	}
	r.tuning, r.plan = t, planFor(t)
	stride := r.plan.stride
	r.chunk = (int64(math.Ceil(at.Seconds()*t.RateHz/chunkLen)) + stride - 1) / stride * stride
	r.broken = true
	return t, nil
}

// Read waits until the last sample of the next block is due and fills b. A reader
// more than 250 ms late loses the backlog, counted in Lost.
func (r *Radio) Read(ctx context.Context, b *device.Block) error {
	return r.pacer.Read(ctx, r.closing, func() (time.Duration, error) { return r.fill(b) })
}

// fill makes the next block, or says how long it is until there is one.
func (r *Radio) fill(b *device.Block) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, device.ErrClosed
	}
	p, rate := &r.plan, r.tuning.RateHz
	var lost uint64
	if !r.unpaced {
		if r.start.IsZero() {
			r.start = time.Now()
		}
		wait := time.Until(r.start.Add(r.due()))
		if wait > 0 {
			return wait, nil
		}
		if wait < -lateness {
			missed := int64(-wait.Seconds() * rate / float64(p.stride*chunkLen))
			r.chunk += missed * p.stride
			lost = uint64(missed * p.length * chunkLen)
		}
	}
	center := p.centers[(r.chunk/p.stride)%int64(len(p.centers))]
	first := r.chunk + p.stride - p.length
	for i := range p.length {
		render(&r.acc, r.seed, r.tuning, center, first+i)
		quantise(r.buf[i*2*chunkLen:(i+1)*2*chunkLen], &r.acc)
	}
	*b = device.Block{
		Tuning:   r.tuning,
		CenterHz: center,
		Time:     r.start.Add(r.due()),
		Break:    r.broken || lost > 0 || p.length < p.stride,
		Lost:     lost,
		Late:     lost,
		Format:   device.CI8,
		Samples:  r.buf[:p.length*2*chunkLen],
	}
	r.chunk += p.stride
	r.broken = false
	return 0, nil
}

// due is when the last sample of the next block has been taken, in scene time.
func (r *Radio) due() time.Duration {
	return duration((r.chunk+r.plan.stride)*chunkLen, r.tuning.RateHz)
}

// Close ends the radio and a Read under way.
func (r *Radio) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.closed = true
		close(r.closing)
	}
	return nil
}

// duration is how long n samples take.
func duration(n int64, rateHz float64) time.Duration {
	return time.Duration(float64(n) * 1e9 / rateHz)
}
