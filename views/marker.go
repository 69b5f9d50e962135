package views

import (
	"fmt"
	"math"

	"argos/device"
	"argos/spectrum"
)

// A Detector says which trace leads: it is filled, and the marker reads it.
type Detector uint8

// The detectors. A Frame carries both.
const (
	Mean Detector = iota
	Max
)

// ParseDetector reads "mean" or "max".
func ParseDetector(s string) (Detector, error) {
	switch s {
	case "mean":
		return Mean, nil
	case "max":
		return Max, nil
	default:
		return Mean, fmt.Errorf("%q is not a detector: use mean or max", clean(s))
	}
}

// MarshalText writes what ParseDetector reads.
func (d Detector) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDetector does.
func (d *Detector) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDetector(string(text))
	return err
}

func (d Detector) String() string {
	if d == Max {
		return "max"
	}
	return "mean"
}

// A marker reads one frequency: where it was put, or wherever the strongest bin is.
// A zero marker is off.
type marker struct {
	on, fixed bool
	hz        float64 // where fixed
}

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
	default:
		return d.board.mean, "peak"
	}
}

// reading is what the marker shows: frequency, level, and what it is called.
func (d *desk) reading() (hz, db float64, name string, ok bool) {
	b := d.board
	if !d.marker.on || b.frames == 0 {
		return 0, 0, "", false
	}
	trace, name := d.leading()
	var bin int
	if d.marker.fixed {
		bin, name = b.grid.BinAt(d.marker.hz), "mark"
		if bin < 0 || bin >= len(trace) {
			return d.marker.hz, math.NaN(), name, true
		}
	} else if bin = strongest(&b.grid, trace); bin < 0 {
		return 0, 0, "", false
	}
	return b.grid.BinCenterHz(bin), b.grid.DB(trace[bin]), name, true
}

// strongest is the bin with the most power, the receiver's own line left out, or -1.
func strongest(g *spectrum.Grid, trace []int16) int {
	low, high := 0, 0
	if t := g.Tuning; t.RateHz > 0 && !t.Sweeps() {
		raw := g.BinHz
		if enbw := g.Window.ENBW(); g.RBWHz > 0 && enbw > 0 {
			raw = math.Min(raw, g.RBWHz/enbw)
		}
		reach := (dcBins + 0.5) * raw
		// The nearest edge rounds inwards by a hair, so that a bin that only touches
		// the zone stays in.
		low = g.BinAt(t.CenterHz - reach + raw/100)
		high = g.BinAt(t.CenterHz+reach-raw/100) + 1
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

// readout is the marker as text in w columns: "peak 98.1004 MHz -23.4 dBFS  S/N 51 dB".
func (d *desk) readout(w int) string {
	hz, db, name, ok := d.reading()
	if !ok {
		return ""
	}
	level := "   n/a"
	if !math.IsNaN(db) {
		level = fmt.Sprintf("%6.1f", db)
	}
	text := fmt.Sprintf("%s %.*f MHz %s %s", name, decimals(d.board.grid.BinHz), hz/1e6, level, d.board.grid.Unit())
	if w >= snrColumns {
		text += "  S/N " + d.aboveNoise(hz, db) + " dB"
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
	case d.marker.fixed:
		return "marker at " + device.FormatHz(d.marker.hz, 6) + "Hz"
	default:
		return "marker follows the strongest signal"
	}
}
