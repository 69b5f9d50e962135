package spectrum

import (
	"errors"
	"fmt"
	"math"

	"argos/device"
)

// MaxGridBins is the most bins that a sweep may have, and what the link takes: 7.25 GHz
// in the finest bins are 3 million.
const MaxGridBins = 1 << 22

// maxSweepBins is the size of a block of a sweep: the radio retunes after it.
const maxSweepBins = 8192

// AnalyzerOptions are the finer points of an Analyzer. The zero value will do.
type AnalyzerOptions struct {
	StepDB      float64      // of powers, where the settings say nothing; 0: DefaultStepDB
	Calibration *Calibration // of the radio; nil: none
}

// An Analyzer turns the blocks of one generation into frames. It is for one goroutine,
// and allocates nothing once the whole band was seen.
type Analyzer struct {
	settings Settings // Bins, RBWHz and VBWHz resolved
	info     device.Info
	grid     Grid // Bins is 0 before the first block
	bands    []band
	meter    meter
	known    *Calibration
}

// A band is the bins of a range of the tuning: low up to but not including high.
type band struct{ low, high int }

// A meter measures blocks of one kind: samples of one tuning, of one frequency, of a sweep,
// or powers.
type meter interface {
	// begin lays the grid by the first block; BinHz is set if the settings fix it.
	begin(a *Analyzer, b *device.Block) error
	// add measures a block and emits the frames that are due.
	add(b *device.Block, emit func(*Frame)) error
	// flush emits what was measured since the last frame.
	flush(emit func(*Frame))
}

// NewAnalyzer returns an analyzer for blocks of s.Tuning, which must be what
// Radio.Tune returned. It refuses settings out of range, and a resolution that no
// transform at that rate reaches; such errors are for a person.
func NewAnalyzer(s Settings, info device.Info, generation uint64, o *AnalyzerOptions) (*Analyzer, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if o == nil {
		o = &AnalyzerOptions{}
	}
	step := s.StepDB
	if step == 0 {
		step = o.StepDB
	}
	if step == 0 || step == StepMatched {
		step = DefaultStepDB
	}
	if !(step >= minStepDB) {
		return nil, fmt.Errorf("a step of %g dB is too fine: use %g or more", step, minStepDB)
	}
	a := &Analyzer{settings: s, info: info, known: o.Calibration}
	a.grid = Grid{
		Generation: generation, StepDB: step, Window: s.Window, Overlap: s.Overlap, Min: s.Min,
		Tuning: s.Tuning, Simulated: info.Simulated, Calibrated: a.known.level(s.Tuning) != nil,
	}
	if a.known != nil {
		a.grid.PPM = a.known.PPM
	}
	if !s.Tuning.Sweeps() {
		a.grid.TunedHz = a.trueHz(s.Tuning.CenterHz)
	}
	rate := s.Tuning.RateHz
	if s.Tuning.ZeroSpan() {
		if err := a.zeroSpan(); err != nil {
			return nil, err
		}
		return a, nil
	}
	if rate == 0 {
		a.settings.Bins, a.settings.RBWHz, a.settings.VBWHz = 0, 0, 0
		// hackrf_sweep's, whatever was wished for: it is done.
		a.settings.Window, a.settings.Overlap, a.settings.DC = Hann, 0, DCKeep
		a.grid.Window, a.grid.Overlap = Hann, 0
		a.meter = &survey{}
		a.match(1)
		return a, nil
	}
	n, err := s.resolve(rate)
	if err != nil {
		return nil, err
	}
	a.grid.BinHz = a.trueHz(rate) / float64(n)
	a.grid.RBWHz = s.Window.ENBW() * a.grid.BinHz
	// What is wished for is in the radio's own hertz: those find their bins again.
	a.settings.Bins, a.settings.RBWHz = n, s.Window.ENBW()*rate/float64(n)
	every, vbwHz, err := s.video(rate, n)
	if err != nil {
		return nil, err
	}
	a.grid.VBWHz, a.settings.VBWHz = vbwHz, vbwHz
	w := newWelch(a.settings, every)
	windows := mostCounted // one frame of all there is
	switch {
	case s.Tuning.Sweeps():
		windows = (maxSweepBins-n)/s.hop(n) + 1
	case s.FPS > 0:
		windows = int(rate / s.FPS / float64(s.hop(n)))
	}
	a.match(windows)
	if a.known != nil {
		w.balance = a.known.IQ.balance()
	}
	if s.Tuning.Sweeps() {
		a.settings.DC = DCKeep
		a.meter = &sweep{welch: w}
	} else {
		a.grid.DC = s.DC
		a.meter = &stream{welch: w}
	}
	return a, nil
}

// trueHz is what the radio takes for hz. Its samples are taken by the clock that it tunes
// by, so that a frequency, a rate and the width of a bin are all off by the same share.
func (a *Analyzer) trueHz(hz float64) float64 { return hz * a.known.clock() }

// Grid is that of the frames. Before the first block its Bins are 0.
func (a *Analyzer) Grid() Grid { return a.grid }

// Settings are those that it was made with, Bins, RBWHz and VBWHz resolved. They are 0
// for a radio that hands over powers until the first block came, and Bins stay so.
func (a *Analyzer) Settings() Settings { return a.settings }

// Add measures b and calls emit for each frame that is due; the frame is valid until
// emit returns. Samples of one tuning give the same frames however they are cut into
// blocks. A block of the wrong kind, or one that fits no grid, is an error.
func (a *Analyzer) Add(b *device.Block, emit func(*Frame)) error {
	if (len(b.Power) > 0) != (a.settings.Tuning.RateHz == 0) {
		if len(b.Power) == 0 && len(b.Samples) == 0 {
			return nil
		}
		return errKind
	}
	if a.grid.Bins == 0 {
		if !a.settings.Tuning.Sweeps() {
			a.grid.TunedHz = a.trueHz(b.CenterHz)
		}
		if err := a.meter.begin(a, b); err != nil {
			return err
		}
	}
	return a.meter.add(b, emit)
}

// Flush emits what was measured since the last frame, if that is at least a window.
func (a *Analyzer) Flush(emit func(*Frame)) {
	if a.grid.Bins > 0 {
		a.meter.flush(emit)
	}
}

var (
	errKind = errors.New("the radio's blocks are not of the kind that it said")
	errBand = errors.New("the radio's samples lie outside the span")
)

// lay makes the grid of whole bins around the ranges, shifted by shiftHz, where bins have
// edges at edgeHz and every BinHz from there, and the bands in it. It returns the number
// of bin 0 counted from edgeHz. The least and the most such numbers bound it.
func (a *Analyzer) lay(ranges []device.Range, shiftHz, edgeHz float64, least, most int) (first int, err error) {
	// What is off by less than this in bins is a rounding error.
	const slack = 1e-6
	a.bands = a.bands[:0]
	for _, r := range ranges {
		from := max(float64(least), math.Floor((r.LowHz+shiftHz-edgeHz)/a.grid.BinHz+slack))
		to := min(float64(most), math.Ceil((r.HighHz+shiftHz-edgeHz)/a.grid.BinHz-slack))
		if !(from < to) {
			continue
		}
		low, high := int(from), int(to)
		// A bin that two ranges share belongs to the lower, and ranges that meet are one.
		if n := len(a.bands); n > 0 && low <= a.bands[n-1].high {
			a.bands[n-1].high = max(a.bands[n-1].high, high)
			continue
		}
		a.bands = append(a.bands, band{low, high})
	}
	if len(a.bands) == 0 {
		return 0, errBand
	}
	first = a.bands[0].low
	bins := a.bands[len(a.bands)-1].high - first
	if bins > MaxGridBins {
		return 0, a.tooMany(float64(bins) * a.grid.BinHz)
	}
	for i := range a.bands {
		a.bands[i].low -= first
		a.bands[i].high -= first
	}
	a.grid.StartHz = edgeHz + float64(first)*a.grid.BinHz
	a.grid.Bins = bins
	return first, nil
}

func (a *Analyzer) tooMany(spanHz float64) error {
	least := math.Ceil(spanHz / MaxGridBins * max(1, a.grid.RBWHz/a.grid.BinHz))
	return fmt.Errorf("a span of %s takes more than %d bins: use rbw %s or more, or a smaller span",
		device.FormatHz(spanHz, 3), MaxGridBins, device.FormatHz(least, 3))
}
