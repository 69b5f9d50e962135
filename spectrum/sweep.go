package spectrum

import (
	"errors"
	"fmt"
	"math"
	"time"

	"argos/device"
)

var errTiling = errors.New("the sweep's tunings do not lie on one raster")

// A sweep measures blocks that each have a tuning of their own. Of each it keeps the
// two quarters of the rate that lie from an eighth to three eighths away from the
// middle: clear of the DC spike and of the filter's edges. A radio that tunes twice
// in each step, a quarter of the rate apart, so covers everything, as
// hackrf_sweep does.
type sweep struct {
	*welch
	row    *row
	bands  []band
	clock  clock
	known  *Calibration
	rateHz float64 // in truth
	edgeHz float64 // lower edge of bin 0 of the grid's first whole piece or of one below it
	first  int     // bin 0 of the grid, counted from edgeHz
	picks  [2][]uint32
	even   [2][]float32 // what makes their cells even; nil: nothing is known
}

func (m *sweep) begin(a *Analyzer, b *device.Block) error {
	n, t := m.fft.n, a.settings.Tuning
	if samples := len(b.Samples) / b.Format.Size(); samples < n {
		return fmt.Errorf("a block of the sweep has only %d samples for %d bins: use fewer bins or a wider rbw", samples, n)
	}
	rateHz := a.trueHz(t.RateHz)
	edgeHz := a.trueHz(b.CenterHz) - rateHz*3/8 - a.grid.BinHz/2
	// Edges of bins that are half a bin low would add one at each end for nothing.
	first, err := a.lay(t.Parts(), -a.grid.BinHz/2, edgeHz, math.MinInt32, math.MaxInt32)
	if err != nil {
		return err
	}
	m.bands = a.bands
	m.row, m.rateHz, m.edgeHz, m.first, m.known = newRow(a.grid), rateHz, edgeHz, first, a.known
	m.row.calibrate(a.known)
	m.clock = clock{period: period(a.settings.FPS)}
	for i, k := range [2]int{-n * 3 / 8, n / 8} {
		m.picks[i] = make([]uint32, n/4)
		m.order(m.picks[i], k)
		if slope := a.known.slope(&a.grid); slope != nil {
			m.even[i] = make([]float32, n/4)
			for j := range m.even[i] {
				m.even[i][j] = float32(ratio(slope.At(float64(k+j) * a.grid.BinHz)))
			}
		}
	}
	return nil
}

func (m *sweep) add(b *device.Block, emit func(*Frame)) error {
	if m.clock.due(b.Time) {
		m.flush(emit)
	}
	m.row.note(b)
	n := m.fft.n
	lowest := (b.CenterHz*m.known.clock() - m.rateHz*3/8 - m.rateHz/float64(n)/2 - m.edgeHz) / m.rateHz * 4 // in quarters
	quarter := math.Round(lowest)
	if !(math.Abs(lowest-quarter)*float64(n/4) <= 0.25 && math.Abs(quarter) < math.MaxInt32) {
		return errTiling
	}
	bins := [2]int{int(quarter)*n/4 - m.first, (int(quarter)+2)*n/4 - m.first}
	if !m.wanted(bins[0], n/4) && !m.wanted(bins[1], n/4) {
		return nil
	}
	m.restart()
	for range m.full(b.Samples, b.Format) {
		m.transform()
	}
	m.finish(m.windows == 0)
	samples := len(b.Samples) / b.Format.Size()
	first := b.Time.Add(-lasting(int64(samples-1), m.rateHz))
	for i, picks := range m.picks {
		for j, gain := range m.even[i] {
			m.cells.sum[picks[j]] *= gain
			m.cells.max[picks[j]] *= gain
			if m.cells.min != nil {
				m.cells.min[picks[j]] *= gain
			}
		}
		if err := m.piece(bins[i], picks, first, b.Time); err != nil {
			return err
		}
	}
	m.reset()
	return nil
}

// wanted reports whether any of the bins from bin on lies in a band.
func (m *sweep) wanted(bin, bins int) bool {
	for _, part := range m.bands {
		if bin < part.high && part.low < bin+bins {
			return true
		}
	}
	return false
}

// piece adds a piece whose first bin is bin of the grid, cropped to the bands.
func (m *sweep) piece(bin int, picks []uint32, first, last time.Time) error {
	for _, part := range m.bands {
		low, high := max(bin, part.low), min(bin+len(picks), part.high)
		if low >= high || m.windows == 0 {
			continue
		}
		s, err := m.row.segment(low, high-low)
		if err != nil {
			return err
		}
		m.row.fold(low, picks[low-bin:high-bin], m.cells)
		s.measured(m.windows, first, last)
	}
	return nil
}

func (m *sweep) flush(emit func(*Frame)) { m.row.emit(emit) }

// A clock says when frames of a sweep are due, by the time of the blocks.
type clock struct {
	period time.Duration // 0: never
	next   time.Time
}

// period is the time from frame to frame.
func period(fps float64) time.Duration {
	if fps == 0 {
		return 0
	}
	return time.Duration(float64(time.Second) / fps)
}

// due reports whether a tick has come before now, and winds the clock for the next. Where
// time went back, a tick has come.
func (c *clock) due(now time.Time) bool {
	early := c.next.Sub(now)
	if c.period == 0 || early > 0 && early <= c.period {
		return false
	}
	begun := !c.next.IsZero()
	if late := -early; begun && late >= 0 && late < math.MaxInt64-c.period {
		c.next = c.next.Add(late.Truncate(c.period) + c.period)
	} else {
		c.next = now.Add(c.period)
	}
	return begun
}
