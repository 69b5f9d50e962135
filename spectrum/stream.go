package spectrum

import (
	"math"
	"slices"
	"time"

	"argos/device"
)

// foldEvery bounds the windows that are summed in single precision.
const foldEvery = 256

// mostLost is how many lost samples the clock of frames counts on at most.
const mostLost = 1 << 40

// A stream measures samples of one tuning. Windows run on from block to block; frames
// are due at ticks of a clock that counts samples, so they do not depend on how the
// samples are cut into blocks.
type stream struct {
	*welch
	row    *row
	bands  []band
	picks  []uint32 // cell of each bin of the grid
	rateHz float64  // in truth

	at          int64     // position after the newest sample
	tick        int64     // position at which the next frame is due
	ticks       int64     // that have been
	period      float64   // samples from tick to tick; 0: none ever comes
	first, last time.Time // of the samples in the cells
	began, stop int64     // positions of the first sample of the group and after its last
	end         int64     // position after the newest block
	time        time.Time // of its last sample
}

func (m *stream) begin(a *Analyzer, _ *device.Block) error {
	// Point k of the transform is centred on a multiple of BinHz, so edges are between.
	n, t := m.fft.n, a.settings.Tuning
	first, err := a.lay(t.Parts(), 0, a.grid.TunedHz-a.grid.BinHz/2, -n/2, n/2)
	if err != nil {
		return err
	}
	m.bands, m.rateHz = a.bands, a.trueHz(t.RateHz)
	dc := band{-first - a.grid.Window.lobe(), -first + a.grid.Window.lobe() + 1}
	beside := dc.outOf(m.bands)
	switch {
	case len(beside) == 0 || !slices.ContainsFunc(m.bands, dc.meets):
		a.grid.DC = DCKeep // all is DC, or nothing of what is measured
	case a.grid.DC == DCMask:
		m.bands = beside
	}
	m.row = newRow(a.grid)
	if a.grid.DC == DCInterpolate {
		m.row.dc = dc
	}
	m.row.calibrate(a.known)
	for _, part := range m.bands {
		if _, err := m.row.segment(part.low, part.high-part.low); err != nil {
			return err
		}
	}
	m.picks = make([]uint32, a.grid.Bins)
	m.order(m.picks, first)
	m.tick = math.MaxInt64
	if a.settings.FPS > 0 {
		m.tick, m.period = 0, t.RateHz/a.settings.FPS
		m.pass(0)
	}
	return nil
}

// pass moves the tick to the first one after a position.
func (m *stream) pass(at int64) {
	if m.period == 0 {
		return
	}
	m.ticks = max(m.ticks, int64(float64(at)/m.period))
	for m.tick <= at {
		m.ticks++
		m.tick = int64(math.Ceil(float64(m.ticks) * m.period))
	}
}

func (m *stream) add(b *device.Block, emit func(*Frame)) error {
	if b.Break || b.Lost > 0 {
		m.restart()
	}
	m.row.note(b)
	m.at += int64(min(b.Lost, mostLost)) // so that frames keep their pace
	m.time, m.end = b.Time, m.at+int64(len(b.Samples)/b.Format.Size())
	n := int64(m.fft.n)
	for taken := range m.full(b.Samples, b.Format) {
		m.stop = m.at + int64(taken)
		if m.stop > m.tick && !m.empty() {
			m.emit(emit)
			m.pass(m.tick)
		}
		if m.grouped == 0 {
			m.began = m.stop - n
		}
		if !m.transform() {
			continue
		}
		m.date()
		switch {
		case m.stop >= m.tick:
			m.emit(emit)
			m.pass(m.stop)
		case m.windows >= foldEvery:
			m.fold()
		}
	}
	m.at = m.end
	if m.at >= m.tick && !m.empty() {
		m.emit(emit)
		m.pass(m.tick)
	}
	return nil
}

// date notes when the group was taken that came to the cells just now.
func (m *stream) date() {
	if m.windows <= m.every {
		m.first = m.when(m.began)
	}
	m.last = m.when(m.stop - 1)
}

// when is the capture time of the sample at a position.
func (m *stream) when(at int64) time.Time {
	return m.time.Add(-lasting(m.end-1-at, m.rateHz))
}

// fold moves what is in the cells to the row.
func (m *stream) fold() {
	for i, part := range m.bands {
		m.row.fold(part.low, m.picks[part.low:part.high], m.cells)
		m.row.segments[i].measured(m.windows, m.first, m.last)
	}
	m.reset()
}

// empty reports whether no group was measured since the last frame.
func (m *stream) empty() bool { return m.windows == 0 && m.row.empty() }

func (m *stream) flush(emit func(*Frame)) {
	if m.grouped > 0 {
		m.finish(m.empty())
		m.date()
	}
	m.emit(emit)
}

// emit emits the whole groups. The windows of one that is not full go to the next frame.
func (m *stream) emit(emit func(*Frame)) {
	if m.windows > 0 {
		m.fold()
	}
	m.row.emit(emit)
}
