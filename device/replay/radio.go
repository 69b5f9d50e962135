// Package replay is a radio that plays recordings: IQ samples as SigMF or as raw
// .cs8, .cu8, .cs16 and .cf32 files, and power as hackrf_sweep writes it, in CSV or
// binary.
//
// A recording is tuned by looking at a part of the band that it covers; gains stay
// what they were. Power is corrected by the 6 dB that hackrf_sweep's window takes from
// a tone, so that it is dBFS. Files are read as they are played and never held in
// memory. Every error that a person may see is a *device.Error.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"argos/device"
)

// lateness is how far a reader may fall behind before the rest of the recording is
// moved back. Unlike a radio, a recording can wait.
const lateness = 250 * time.Millisecond

// Options change how a recording is played. The zero value plays at the recorded
// pace, over and over.
type Options struct {
	RateHz   float64 // of files that do not tell it
	CenterHz float64 // of files that do not tell it
	Speed    float64 // times the recorded pace; 0 is 1
	Unpaced  bool    // as fast as it is read, whatever Speed is
	NoLoop   bool    // end with io.EOF after once through
}

// A Radio plays one recording. Its methods may be called as device.Radio says.
type Radio struct {
	path    string
	opts    Options
	info    device.Info
	closing chan struct{}
	pacer   device.Pacer

	mu     sync.Mutex
	files  io.Closer
	closed bool
	tuning device.Tuning
	src    source
	failed error         // what ended the recording; kept
	start  time.Time     // of the first pass, at the pace played
	passed time.Duration // recorded time of the passes before this one
	block  device.Block  // read from the file, and due or not yet
	loaded bool          // block is to be handed over next
	broken bool          // the next block does not follow the last one
}

var _ device.Radio = (*Radio)(nil)

// A source is an open recording of one format.
type source interface {
	// next reads on and fills all that the file tells, Position above all. After the
	// last block it returns io.EOF.
	next(b *device.Block) error
	// rewind goes back to the beginning and says how long the pass was.
	rewind() time.Duration
}

// Open opens the recording at path and reads as much of it as it takes to know what
// it covers. A nil o means defaults.
func Open(path string, o *Options) (*Radio, error) {
	r := &Radio{path: path, closing: make(chan struct{}), broken: true}
	if o != nil {
		r.opts = *o
	}
	if r.opts.Speed == 0 {
		r.opts.Speed = 1
	}
	err := r.opts.check()
	if err == nil {
		err = r.open()
	}
	if err != nil {
		if r.files != nil {
			err = errors.Join(err, r.files.Close())
		}
		return nil, withOp("open replay:"+path, err)
	}
	r.info.Driver = "replay"
	r.tuning = device.Tuning{CenterHz: (r.info.MinHz + r.info.MaxHz) / 2, SpanHz: r.widthHz(), RateHz: r.info.MaxRateHz}
	return r, nil
}

func (o *Options) check() error {
	if !(o.RateHz >= 0 && o.RateHz <= maxRateHz) {
		return problem("give --rate above 0 and up to 1G", "sample rate %g is out of range", o.RateHz)
	}
	if !(o.CenterHz >= 0 && o.CenterHz <= maxHz) {
		return problem("give --freq from 0 to 1000G", "centre frequency %g is out of range", o.CenterHz)
	}
	if !(o.Speed >= 1e-3 && o.Speed <= 1e6) {
		return problem("give a --speed from 0.001 to 1000000, or 0 for as fast as it can", "speed %g is out of range", o.Speed)
	}
	return nil
}

// Info says what the recording covers.
func (r *Radio) Info() device.Info { return r.info }

// Tune chooses what part of the recorded band is to be seen, or which frequency of it. A
// span that does not fit is cut, one that hangs over an edge is moved inside; the rate stays as recorded and
// gains are 0. Sweep blocks outside of the span are handed over too.
func (r *Radio) Tune(ctx context.Context, t device.Tuning) (device.Tuning, error) {
	if err := ctx.Err(); err != nil {
		return device.Tuning{}, err
	}
	low, high := r.info.MinHz, r.info.MaxHz
	if !(t.CenterHz >= low && t.CenterHz <= high) && !t.Ranges.Several() {
		return t, device.OutOfRange(t, "the frequency", r.covers())
	}
	if !(t.SpanHz >= 0) {
		return t, device.OutOfRange(t, fmt.Sprintf("span %g", t.SpanHz), "give a span of 0 or more")
	}
	if rate := r.info.MaxRateHz; t.RateHz != 0 && t.RateHz != rate {
		hint := "leave it out: a recorded sweep has none"
		if rate > 0 {
			hint = "a recording has the rate that it was made with, " + device.FormatHz(rate, 6)
		}
		return t, device.OutOfRange(t, "rate "+device.FormatHz(t.RateHz, 6), hint)
	}
	if t.Ranges.Several() {
		return r.tuneRanges(t)
	}
	span := min(t.SpanHz, r.widthHz())
	fact := device.Tuning{
		CenterHz: min(max(t.CenterHz, low+span/2), high-span/2),
		SpanHz:   span,
		RateHz:   r.info.MaxRateHz,
	}
	return r.tune(fact)
}

// tuneRanges tunes to what was recorded of several ranges.
func (r *Radio) tuneRanges(t device.Tuning) (device.Tuning, error) {
	low, high := r.info.MinHz, r.info.MaxHz
	var recorded []device.Range
	for _, part := range t.Parts() {
		if part.LowHz, part.HighHz = max(part.LowHz, low), min(part.HighHz, high); part.LowHz < part.HighHz {
			recorded = append(recorded, part)
		}
	}
	if len(recorded) == 0 {
		return t, device.OutOfRange(t, "every range", r.covers())
	}
	fact, err := device.Tuning{RateHz: r.info.MaxRateHz}.Over(recorded...)
	if err != nil {
		return t, problem("", "%w", err)
	}
	return r.tune(fact)
}

func (r *Radio) tune(fact device.Tuning) (device.Tuning, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return device.Tuning{}, device.ErrClosed
	}
	r.tuning = fact
	return fact, nil
}

// covers says what was recorded.
func (r *Radio) covers() string {
	return fmt.Sprintf("choose from %s to %s, which %s covers",
		device.FormatHz(r.info.MinHz, 6), device.FormatHz(r.info.MaxHz, 6), r.info.Name)
}

// widthHz is that of the recorded band. Of samples it is the rate exactly, lest a
// rounded difference make it look like a sweep.
func (r *Radio) widthHz() float64 {
	if r.info.MaxRateHz > 0 {
		return r.info.MaxRateHz
	}
	return r.info.MaxHz - r.info.MinHz
}

// Read waits until the next block is due at the pace played and fills b. Time is when
// the block was due; unpaced, it runs with the recording from the first Read on.
func (r *Radio) Read(ctx context.Context, b *device.Block) error {
	return r.pacer.Read(ctx, r.closing, func() (time.Duration, error) { return r.fill(b) })
}

// fill hands over the next block, or says how long it is until it is due.
func (r *Radio) fill(b *device.Block) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return 0, device.ErrClosed
	}
	if r.failed != nil {
		return 0, r.failed
	}
	if !r.loaded {
		if err := r.load(); err != nil {
			r.failed = err
			return 0, err
		}
	}
	if r.start.IsZero() {
		r.start = time.Now()
	}
	at := r.passed + r.block.Position
	if !r.opts.Unpaced {
		at = time.Duration(float64(at) / r.opts.Speed)
		wait := time.Until(r.start.Add(at))
		if wait > 0 {
			return wait, nil
		}
		if wait < -lateness {
			r.start = r.start.Add(-wait)
		}
	}
	r.block.Tuning = r.tuning
	r.block.Time = r.start.Add(at)
	*b = r.block
	r.loaded, r.broken = false, false
	return 0, nil
}

// load reads the next block, from the beginning after the end.
func (r *Radio) load() error {
	r.block = device.Block{}
	err := r.src.next(&r.block)
	if errors.Is(err, io.EOF) && !r.opts.NoLoop {
		r.passed += r.src.rewind()
		r.broken = true
		err = r.src.next(&r.block)
	}
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	if err != nil {
		return withOp("read replay:"+r.path, err)
	}
	r.block.Break = r.block.Break || r.broken
	r.loaded = true
	return nil
}

// Close closes the files and ends a Read under way.
func (r *Radio) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil
	}
	r.closed = true
	close(r.closing)
	return r.files.Close()
}

// problem is a *device.Error that lacks its Op.
func problem(hint, format string, args ...any) error {
	return &device.Error{Err: fmt.Errorf(format, args...), Hint: hint}
}

// withOp completes a problem, and makes one of any other error. The path is in op.
func withOp(op string, err error) error {
	var known *device.Error
	if errors.As(err, &known) {
		return &device.Error{Op: op, Err: known.Err, Hint: known.Hint}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	e := &device.Error{Op: op, Err: err}
	if errors.Is(err, fs.ErrNotExist) {
		e.Hint = "check the path"
	}
	return e
}

// openFile opens a regular file. Anything else could block or have no size.
func (r *Radio) openFile(path string) (*os.File, int64, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	if !st.Mode().IsRegular() {
		return nil, 0, problem("give a recording", "%s is not a file", filepath.Base(path))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	r.files = f
	if st.Size() == 0 {
		return nil, 0, problem("record again", "%s is empty", filepath.Base(path))
	}
	return f, st.Size(), nil
}
