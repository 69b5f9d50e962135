package spectrum

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"time"

	"argos/device"
)

// OnceLimit is how much of a recording Once measures unless told otherwise.
const OnceLimit = 10 * time.Second

// onceEndless is how much of a radio that has no end is measured.
const onceEndless = time.Second

// ErrShort says that a recording does not fill one window.
var ErrShort = errors.New("the recording is shorter than one window")

func tooShort(got int, s Settings) error {
	bins := s.Bins
	if s.Tuning.ZeroSpan() {
		return fmt.Errorf("%w: it has %d samples, too few for rbw %s", ErrShort, got, device.FormatHz(s.RBWHz, 3))
	}
	if got < MinBins {
		return fmt.Errorf("%w: it has %d samples, and no window is shorter than %d", ErrShort, got, MinBins)
	}
	return fmt.Errorf("%w: it has %d samples, a window %d; use --bins %d", ErrShort, got, bins, 1<<(bits.Len(uint(got))-1))
}

var errNoFrame = errors.New("there was nothing to measure")

// Once tunes the radio to s and measures one frame: over all of a recording, over its
// first part if it is longer than limit (0: OnceLimit), and over the first second of a
// radio that has no end; where a sweep takes longer until it was made without loss, over up
// to OnceLimit; in zero span one sweep, and without a SweepTime over just so long. FPS does
// not count. A recording shorter than one window is an error. The settings returned are
// those in force, Bins and RBWHz resolved.
func Once(ctx context.Context, radio device.Radio, s Settings, limit time.Duration, o *AnalyzerOptions) (*Frame, Settings, error) {
	info := radio.Info()
	limit = onceOf(info, limit)
	s = s.wished(Settings{}, Settings{})
	s.FPS = 0
	if s.Tuning.ZeroSpan() && s.SweepTime == 0 {
		s.SweepTime = max(limit, minSweepTime)
	}
	if err := s.check(); err != nil {
		return nil, s, err
	}
	var err error
	if s.Tuning, err = radio.Tune(ctx, s.Tuning); err != nil {
		return nil, s, err
	}
	a, err := NewAnalyzer(s, info, 1, o)
	if err != nil {
		return nil, s, err
	}
	got, err := once(ctx, radio, a, limit)
	if err != nil {
		return nil, s, err
	}
	var frame *Frame
	a.Flush(func(f *Frame) { frame = new(*f) })
	switch {
	case frame != nil:
		frame.FirstSeq, frame.LastSeq = 1, 1
		frame.Mono.Last = frame.Last.Sub(frame.First)
		frame.Mono.Measured = frame.Mono.Last
		return frame, a.settings, nil
	case got > 0:
		return nil, s, tooShort(got, a.settings)
	default:
		return nil, s, errNoFrame
	}
}

// onceOf is how much of a radio is measured, where that is limited.
func onceOf(info device.Info, limit time.Duration) time.Duration {
	if limit <= 0 {
		limit = OnceLimit
	}
	if info.Duration == 0 {
		return min(limit, onceEndless)
	}
	return min(limit, info.Duration)
}

// once feeds a until limit of recorded time has come, and returns the number of samples.
func once(ctx context.Context, radio device.Radio, a *Analyzer, limit time.Duration) (int, error) {
	var (
		b     device.Block
		got   int
		begun time.Time
		first float64 // centre of a sweep
		holes bool    // in this sweep
		whole bool    // has one been
		last  time.Duration
		t     = a.settings.Tuning
		most  = math.MaxInt
	)
	if !t.Sweeps() {
		most = int(math.Round(limit.Seconds() * t.RateHz))
	}
	if m, ok := a.meter.(*zeroSpan); ok {
		most = m.taps() - m.hop + int(m.sweep())
	}
	for got < most {
		switch err := radio.Read(ctx, &b); {
		case errors.Is(err, io.EOF):
			return got, nil
		case err != nil:
			return got, err
		}
		if b.Tuning != t {
			continue
		}
		// Blocks of a sweep are counted by their time; a recording that starts anew is over.
		if begun.IsZero() {
			begun, first = b.Time, b.CenterHz
		} else if holes = holes || b.Lost > 0; b.CenterHz == first {
			whole, holes = whole || !holes, false
		}
		took := b.Time.Sub(begun)
		if b.Position < last || t.Sweeps() && took > limit && (whole || took > OnceLimit) {
			return got, nil
		}
		last = b.Position
		size := b.Format.Size()
		n := min(len(b.Samples)/size, most-got)
		if cut := len(b.Samples)/size - n; cut > 0 {
			b.Time = b.Time.Add(-lasting(int64(cut), a.trueHz(t.RateHz)))
		}
		b.Samples = b.Samples[:n*size]
		got += n
		if err := a.Add(&b, nil); err != nil {
			return got, err
		}
	}
	return got, nil
}
