package spectrum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"argos/device"
)

// CaptureOptions are the finer points of a Capture. The zero value will do.
type CaptureOptions struct {
	StepDB      float64      // of powers, where the settings say nothing; 0: DefaultStepDB
	Calibration *Calibration // of the radio; nil: none
}

// A Capture reads a radio, measures what comes and appends it to a History. All
// methods may be called at the same time; Run is called once. Closing the radio stays
// with who opened it.
type Capture struct {
	radio   device.Radio
	info    device.Info
	history *History
	options AnalyzerOptions
	tuning  chan struct{} // holds one token: Apply is one at a time, and waiting for it ends with ctx

	mu         sync.Mutex
	wish       Settings // as last applied
	settings   Settings // what became of it
	analyzer   *Analyzer
	generation uint64
	status     Status // but Settings and the rates
	samples    pace
	bytes      pace
	changed    chan struct{}
}

// NewCapture tunes the radio to s and returns a capture that is ready to Run. Where s
// leaves FPS at 0, that of DefaultSettings is taken. What s
// asks for and the radio or the analyzer cannot do is an error for a person.
func NewCapture(radio device.Radio, h *History, s Settings, o *CaptureOptions) (*Capture, error) {
	c := &Capture{
		radio: radio, info: radio.Info(), history: h,
		tuning: make(chan struct{}, 1), changed: make(chan struct{}),
	}
	if o != nil {
		c.options = AnalyzerOptions{StepDB: o.StepDB, Calibration: o.Calibration}
	}
	c.status.Info = c.info
	c.status.Reason = "no block has come from the radio yet"
	if _, err := c.Apply(context.Background(), s); err != nil {
		return nil, err
	}
	return c, nil
}

// Apply changes what is measured, and returns what happens instead of the wish, Bins
// and RBWHz resolved. Frames of the new generation start with the first block in the new
// tuning; the radio is tuned only if s asks for another tuning. An error, which is for
// a person, leaves all as it was.
//
// What s has in common with Settings is no new wish: a rate that the radio chose,
// or bins that came from RBWHz, are chosen anew when the rest changes.
func (c *Capture) Apply(ctx context.Context, s Settings) (Settings, error) {
	return c.apply(ctx, func(was, wish Settings) (Settings, error) { return s.wished(was, wish), nil })
}

// Change is Apply of the Settings in force, changed by the named values. What is named is a
// new wish even where it repeats what happens.
func (c *Capture) Change(ctx context.Context, set map[string]string) (Settings, error) {
	return c.apply(ctx, func(was, wish Settings) (Settings, error) {
		s, err := was.With(set)
		if err != nil {
			return s, err
		}
		if wish, err = wish.With(set); err != nil {
			return s, err
		}
		return s.wished(was, wish), nil
	})
}

// apply is Apply of what next makes of the outcome and the wish before it.
func (c *Capture) apply(ctx context.Context, next func(was, wish Settings) (Settings, error)) (Settings, error) {
	select {
	case c.tuning <- struct{}{}:
		defer func() { <-c.tuning }()
	case <-ctx.Done():
		return Settings{}, ctx.Err()
	}
	// Only Apply writes these, so what is read here holds to the end.
	c.mu.Lock()
	was, wish, generation, begun := c.settings, c.wish, c.generation+1, c.analyzer != nil
	c.mu.Unlock()

	s, err := next(was, wish)
	if err != nil {
		return was, err
	}
	if err := s.check(); err != nil {
		return was, err
	}
	fact, retuned := was.Tuning, false
	if !begun || s.Tuning != wish.Tuning && s.Tuning != was.Tuning {
		// What no rate can make true is refused before the radio hears of it.
		if i := c.info; i.MinRateHz == i.MaxRateHz && i.MaxRateHz > 0 {
			trial := s
			trial.Tuning.RateHz = i.MaxRateHz
			if _, err := trial.resolve(i.MaxRateHz); err != nil {
				return was, err
			}
		}
		if fact, err = c.radio.Tune(ctx, s.Tuning); err != nil {
			return was, err
		}
		retuned = true
	}
	made := s
	made.Tuning = fact
	a, err := NewAnalyzer(made, c.info, generation, &c.options)
	if err != nil {
		if begun && retuned {
			if _, back := c.radio.Tune(context.WithoutCancel(ctx), was.Tuning); back != nil {
				err = errors.Join(err, fmt.Errorf("tune back: %w", back))
			}
		}
		return was, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wish, c.settings, c.analyzer, c.generation = s, a.Settings(), a, generation
	c.status.Correction = c.options.Calibration.Correction(&a.grid)
	c.announce()
	return c.settings, nil
}

// wished is s with what it merely repeats of was, the outcome of an earlier wish,
// put back to that wish, and defaults where it says nothing.
func (s Settings) wished(was, wish Settings) Settings {
	if s.Tuning.RateHz == was.Tuning.RateHz {
		s.Tuning.RateHz = wish.Tuning.RateHz
	}
	if s.SweepTime == was.SweepTime {
		s.SweepTime = wish.SweepTime
	}
	if s.Bins == was.Bins && s.RBWHz == was.RBWHz {
		s.Bins, s.RBWHz = wish.Bins, wish.RBWHz
	}
	if s.Overlap == was.Overlap {
		s.Overlap = wish.Overlap
	}
	if s.VBWHz == was.VBWHz {
		s.VBWHz = wish.VBWHz
	}
	if s.DC == was.DC {
		s.DC = wish.DC
	}
	if s.StepDB == was.StepDB {
		s.StepDB = wish.StepDB
	}
	if s.FPS == 0 {
		s.FPS = DefaultSettings().FPS
	}
	return s
}

// Settings are those in force, as Apply returned them.
func (c *Capture) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// Status is what is known now.
func (c *Capture) Status() Status {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.status
	s.Settings = c.settings
	s.SamplesPerSec, s.BytesPerSec = c.samples.rate(now), c.bytes.rate(now)
	return s
}

// Changed is closed at the next change of State or Settings, and when an overload
// begins or ends. Ask for it before Status, so that no change is missed.
func (c *Capture) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}

// announce closes the channel of Changed. c.mu is held.
func (c *Capture) announce() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Run reads until ctx ends, and returns its error; until a recording ends, and returns
// nil; or until the radio fails for good, and returns why. What was measured up to
// there is in the History. While a radio is lost that may come back, Status says so.
func (c *Capture) Run(ctx context.Context) error {
	err := c.run(ctx)
	switch {
	case err == nil:
		c.enter(Ended, "the recording has come to its end")
	case ctx.Err() != nil:
		err = ctx.Err()
		c.enter(Ended, "stopped")
	default:
		c.enter(Failed, err.Error())
	}
	return err
}

func (c *Capture) run(ctx context.Context) error {
	c.mu.Lock()
	current := c.analyzer
	c.mu.Unlock()
	// A method value made here is made once, not once a block.
	emit := c.frame
	defer func() { current.Flush(emit) }()
	var b device.Block
	for {
		if err := c.radio.Read(ctx, &b); err != nil {
			var gap *device.Interruption
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case errors.As(err, &gap):
				current.Flush(emit)
				c.enter(Interrupted, gap.Error())
				continue
			}
			return err
		}
		newest := c.block(&b)
		if newest != current && b.Tuning == newest.settings.Tuning {
			current.Flush(emit)
			current = newest
		}
		// Until the radio has followed, its blocks still belong to the old generation.
		if b.Tuning != current.settings.Tuning {
			continue
		}
		begun := current.grid.Bins > 0
		if err := current.Add(&b, emit); err != nil {
			return err
		}
		if !begun {
			c.learn(current)
		}
	}
}

// block counts a block and returns the newest analyzer.
func (c *Capture) block(b *device.Block) *Analyzer {
	now := time.Now()
	n, size := len(b.Samples)/b.Format.Size(), len(b.Samples)+4*len(b.Power)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.samples.add(now, n)
	c.bytes.add(now, size)
	if b.Lost > 0 {
		c.status.Lost += b.Lost
		c.status.Late += b.Late
		c.status.LastLost = now
	}
	c.status.Position = b.Position
	if c.status.State != Capturing {
		c.status.State, c.status.Reason = Capturing, ""
		c.announce()
	}
	return c.analyzer
}

// learn takes over what only the first block told: the resolution of powers, and whether
// the slope is known about the radio's centre.
func (c *Capture) learn(a *Analyzer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	correction := c.options.Calibration.Correction(&a.grid)
	if a == c.analyzer && (c.settings != a.settings || c.status.Correction != correction) {
		c.settings, c.status.Correction = a.settings, correction
		c.announce()
	}
}

// frame appends a frame to the history.
func (c *Capture) frame(f *Frame) {
	c.history.Append(f)
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.status.Overload > OverloadShare
	c.status.Frames++
	c.status.Overload = f.Overload
	over := f.Overload > OverloadShare
	if over {
		c.status.LastOverload = f.Last
	}
	if over != before {
		c.announce()
	}
}

func (c *Capture) enter(s State, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.status.State, c.status.Reason = s, reason
	c.announce()
}
