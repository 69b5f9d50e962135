package views

import (
	"fmt"
	"math"
	"slices"

	"argos/device"
	"argos/spectrum"
)

// A Detector says which trace leads: it is filled, and the marker reads it.
type Detector uint8

// The detectors. A Frame always carries the first two, Min where it is measured.
const (
	Mean Detector = iota
	Max
	Min
)

var detectorNames = [...]string{"mean", "max", "min"}

// ParseDetector reads the name of one.
func ParseDetector(s string) (Detector, error) {
	if i := slices.Index(detectorNames[:], s); i >= 0 {
		return Detector(i), nil
	}
	return Mean, fmt.Errorf("%q is not a detector: use mean, max or min", clean(s))
}

func (d Detector) String() string { return detectorNames[d] }

// lacksMin reports whether what is to lead is not measured; the mean does instead.
func (d *desk) lacksMin() bool { return d.detector == Min && !d.board.grid.Min }

// A marker reads one frequency, or one time of zero span: where it was put, or wherever the
// strongest bin is. A zero marker is off.
type marker struct {
	on, fixed bool
	zeroSpan  bool    // fixed on the axis of zero span: on the other it follows the strongest bin
	at        float64 // where fixed: Hz, or seconds
}

// fixedOn reports whether m was put on the axis of g.
func (m *marker) fixedOn(g *spectrum.Grid) bool { return m.fixed && m.zeroSpan == g.ZeroSpan() }

// dcBins is how far from the tuned centre, in bins as measured, the strongest bin is
// not looked for: there a receiver without an offset hears itself.
const dcBins = 2

// leading is the trace that the marker reads, and its name.
func (d *desk) leading() ([]int16, string) {
	switch {
	case d.board.holding:
		return d.board.hold, "hold"
	case d.detector == Max:
		return d.board.max, "peak"
	case d.detector == Min && d.board.grid.Min:
		return d.board.min, "peak"
	default:
		return d.board.mean, "peak"
	}
}

// reading is what the marker shows: its place on the axis, level, and what it is called.
func (d *desk) reading() (at, db float64, name string, ok bool) {
	b := d.board
	if !d.marker.on || b.frames == 0 {
		return 0, 0, "", false
	}
	trace, name := d.leading()
	var bin int
	if d.marker.fixedOn(&b.grid) {
		bin, name = binAt(&b.grid, d.marker.at), "mark"
		if bin < 0 || bin >= len(trace) {
			return d.marker.at, math.NaN(), name, true
		}
	} else if bin = strongest(&b.grid, trace); bin < 0 {
		return 0, 0, "", false
	}
	return binCenter(&b.grid, bin), b.grid.DB(trace[bin]), name, true
}

// strongest is the bin with the most power, the receiver's own line left out, or -1.
func strongest(g *spectrum.Grid, trace []int16) int {
	low, high := 0, 0
	if t := g.Tuning; t.RateHz > 0 && !t.Sweeps() && !g.ZeroSpan() {
		raw := g.BinHz
		if enbw := g.Window.ENBW(); g.RBWHz > 0 && enbw > 0 {
			raw = math.Min(raw, g.RBWHz/enbw)
		}
		reach := (dcBins + 0.5) * raw
		// The nearest edge rounds inwards by a hair, so that a bin that only touches
		// the zone stays in.
		low = g.BinAt(g.TunedHz() - reach + raw/100)
		high = g.BinAt(g.TunedHz()+reach-raw/100) + 1
	}
	best, most := -1, int16(spectrum.Absent)
	for i, v := range trace {
		if v > most && (i < low || i >= high) {
			best, most = i, v
		}
	}
	return best
}

// snrColumns is how wide a pane must be for the readout to say how far above the noise
// it is.
const snrColumns = 48

// readout is the marker as text in w columns: "peak 98.1004 MHz -23.4 dBFS  S/N 51 dB", or
// "peak 12.35 ms -20.1 dBFS" in zero span.
func (d *desk) readout(w int) string {
	at, db, name, ok := d.reading()
	if !ok {
		return ""
	}
	level := "   n/a"
	if !math.IsNaN(db) {
		level = fmt.Sprintf("%6.1f", db)
	}
	g := &d.board.grid
	if g.ZeroSpan() {
		return fmt.Sprintf("%s %s %s %s", name, sweepTime(at, g), level, g.Unit())
	}
	text := fmt.Sprintf("%s %.*f MHz %s %s", name, decimals(g.BinHz), at/1e6, level, g.Unit())
	if w >= snrColumns {
		text += "  S/N " + d.aboveNoise(at, db) + " dB"
	}
	return text
}

// aboveNoise is how far a level is above the mean noise in its bin.
func (d *desk) aboveNoise(hz, db float64) string {
	bin := d.board.grid.BinAt(hz)
	if bin < 0 || bin >= len(d.board.floor) {
		return "n/a"
	}
	above := db - float64(d.board.floor[bin])
	if math.IsNaN(above) {
		return "n/a"
	}
	return fmt.Sprintf("%3.0f", above)
}

// decimals is how many digits of a megahertz tell two bins apart.
func decimals(binHz float64) int {
	return min(max(int(math.Ceil(math.Log10(1e6/math.Max(binHz, 1)))), 3), 6)
}

// markerWords is what the marker key says it does next.
func (d *desk) markerWords() string {
	switch {
	case !d.marker.on:
		return "marker off"
	case d.marker.fixed && d.marker.zeroSpan:
		return "marker at " + sweepTime(d.marker.at, &d.board.grid)
	case d.marker.fixed:
		return "marker at " + device.FormatHz(d.marker.at, 6) + "Hz"
	default:
		return "marker follows the strongest signal"
	}
}
