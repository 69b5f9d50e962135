package spectrum

import (
	"errors"
	"math"
	"slices"

	"argos/device"
)

var errWidths = errors.New("the recording mixes bins of different widths or offsets")

// A survey takes rows that somebody else has measured, such as
// those of hackrf_sweep. Each is a segment.
type survey struct {
	row   *row
	bands []band
	clock clock
	scale float64 // of frequencies, by what is known of the radio's clock
}

func (m *survey) begin(a *Analyzer, b *device.Block) error {
	if !(b.BinHz > 0 && b.BinHz <= mostHz && math.Abs(b.StartHz) <= mostHz && b.RBWHz >= 0 && b.RBWHz <= mostHz) {
		return errWidths
	}
	m.scale = a.known.clock()
	a.grid.BinHz, a.grid.RBWHz = a.trueHz(b.BinHz), a.trueHz(b.RBWHz)
	ranges := slices.Clone(a.settings.Tuning.Parts())
	for i := range ranges {
		ranges[i].LowHz, ranges[i].HighHz = max(ranges[i].LowHz, a.trueHz(a.info.MinHz)), min(ranges[i].HighHz, a.trueHz(a.info.MaxHz))
	}
	if _, err := a.lay(ranges, 0, a.trueHz(b.StartHz), math.MinInt32, math.MaxInt32); err != nil {
		return err
	}
	a.settings.RBWHz, m.bands = b.RBWHz, a.bands
	m.row, m.clock = newRow(a.grid), clock{period: period(a.settings.FPS)}
	m.row.calibrate(a.known)
	return nil
}

func (m *survey) add(b *device.Block, emit func(*Frame)) error {
	if m.clock.due(b.Time) {
		m.flush(emit)
	}
	m.row.note(b)
	g := &m.row.frame.Grid
	at := (b.StartHz*m.scale - g.StartHz) / g.BinHz
	bin := int(math.Round(at))
	// Widths are written with few digits: what counts is where the last bin comes to lie.
	if off := math.Abs(b.BinHz*m.scale/g.BinHz-1) * float64(len(b.Power)); !(off <= 0.25 && math.Abs(at-float64(bin)) <= 0.25) {
		return errWidths
	}
	for _, part := range m.bands {
		low, high := max(bin, part.low), min(bin+len(b.Power), part.high)
		if low >= high {
			continue
		}
		s, err := m.row.segment(low, high-low)
		if err != nil {
			return err
		}
		for i, db := range b.Power[low-bin : high-bin] {
			p := ratio(float64(db))
			if !(p < math.MaxFloat32) { // no number, or no power on earth
				p = 0
			}
			m.row.mean[low+i] += p
			m.row.max[low+i] = max(m.row.max[low+i], float32(p))
			if m.row.min != nil {
				m.row.min[low+i] = min(m.row.min[low+i], float32(p))
			}
		}
		s.measured(1, b.Time, b.Time)
	}
	return nil
}

func (m *survey) flush(emit func(*Frame)) { m.row.emit(emit) }
