package views

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

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

// MarshalText writes what ParseDetector reads.
func (d Detector) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what ParseDetector does.
func (d *Detector) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDetector(string(text))
	return err
}

// lacksMin reports whether what is to lead is not measured; the mean does instead.
func (d *desk) lacksMin() bool { return d.detector == Min && !d.board.grid.Min }

// sight is what markers look at.
func (d *desk) sight() spectrum.Sight {
	t, _ := d.leading()
	s := d.span()
	return spectrum.Sight{Trace: t, Mean: &d.board.mean, Low: s.start, High: s.stop}
}

// marker is the one that keys and clicks are for.
func (d *desk) marker() *spectrum.Marker { return &d.markers[d.active-1] }

// place is the bin that the active marker is at.
func (d *desk) place() (spectrum.Reading, bool) {
	s := d.sight()
	return d.markers.Place(d.active, &s)
}

// snrColumns is how wide a pane must be for the readout to say how far above the noise
// it is.
const snrColumns = 48

// readout is marker n as text in w columns: "peak 98.1004 MHz -23.4 dBFS  S/N 51 dB", or
// "peak 12.35 ms -20.1 dBFS" in zero span.
func (d *desk) readout(n, w int) string {
	sight := d.sight()
	r, ok := d.markers.Read(n, &sight)
	m := &d.markers[n-1]
	if !ok {
		if m.On && !sight.Trace.Empty() {
			return d.markerName(n) + " n/a: no power in sight"
		}
		return ""
	}
	level := "   n/a"
	if !math.IsNaN(r.DB) {
		level = fmt.Sprintf("%6.1f", r.DB)
	}
	g := &d.board.grid
	if base := m.Relative; base > 0 && base != n && d.markers[base-1].On {
		apart := fmt.Sprintf("%+.*f MHz", decimals(g.BinHz), r.At/1e6)
		if g.ZeroSpan() {
			apart = sweepTime(r.At, g)
		}
		return fmt.Sprintf("%s-M%d %s %s %s", d.markerName(n), base, apart, level, r.Unit)
	}
	unit := r.Unit
	if d.compared.on() {
		unit = "dB"
	}
	text := fmt.Sprintf("%s %s %s %s", d.markerName(n), d.placeWords(r.At), level, unit)
	switch {
	case g.ZeroSpan():
		return text
	case m.Function == spectrum.BandPower:
		return text + " in " + device.FormatHz(d.markerWidth(m), 1)
	case w >= snrColumns && m.Function == spectrum.LevelAt && !d.compared.on():
		return text + "  S/N " + d.aboveNoise(r.At, r.DB) + " dB"
	default:
		return text
	}
}

// markerWidth is the width that noise and power are read over.
func (d *desk) markerWidth(m *spectrum.Marker) float64 {
	if m.WidthHz > 0 {
		return m.WidthHz
	}
	s := d.span()
	return (s.stop - s.start) / 20
}

// markerName is what marker n is called: by its number once there are several.
func (d *desk) markerName(n int) string {
	for i := range d.markers {
		if d.markers[i].On && i > 0 {
			return "M" + strconv.Itoa(n)
		}
	}
	_, name := d.leading()
	if d.markers[n-1].FixedOn(&d.board.grid) {
		name = "mark"
	}
	return name
}

// placeWords is a place on the axis as text.
func (d *desk) placeWords(at float64) string {
	g := &d.board.grid
	if g.ZeroSpan() {
		return sweepTime(at, g)
	}
	return fmt.Sprintf("%.*f MHz", decimals(g.BinHz), at/1e6)
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
	name := "marker"
	if d.active > 1 {
		name = fmt.Sprintf("marker %d", d.active)
	}
	switch m := d.marker(); {
	case !m.On:
		return name + " off"
	case m.Fixed && m.ZeroSpan:
		return name + " at " + sweepTime(m.At, &d.board.grid)
	case m.Fixed:
		return name + " at " + device.FormatHz(m.At, 6) + "Hz"
	default:
		return name + " follows the strongest signal"
	}
}

// putMarker puts the active marker at a place on the axis.
func (d *desk) putMarker(at float64) {
	m := d.marker()
	m.On, m.Fixed, m.ZeroSpan, m.At = true, true, d.board.grid.ZeroSpan(), at
}

// findPeaks is the peaks of what markers read, in order of the axis.
func (d *desk) findPeaks() []spectrum.Peak {
	t, _ := d.leading()
	noise := d.board.floor
	if d.compared.on() || len(noise) != len(t.Levels()) {
		noise = nil
	}
	d.peaks = d.criterion.Find(d.peaks[:0], t.Grid(), t.Levels(), noise)
	s := d.span()
	d.peaks = slices.DeleteFunc(d.peaks, func(p spectrum.Peak) bool { return p.At < s.start || p.At > s.stop })
	return d.peaks
}

func (a *App) toggleMarker(int) {
	m := a.desk.marker()
	*m = spectrum.Marker{On: !m.On || m.Fixed}
	a.desk.say(a.desk.markerWords(), false)
}

// chooseMarker makes marker n the active one. One that was off goes to the strongest peak
// that has none.
func (a *App) chooseMarker(n int) {
	d := a.desk
	d.active = n
	if !d.marker().On {
		at, ok := d.unmarked()
		if !ok {
			s := d.span()
			at = (s.start + s.stop) / 2
		}
		d.putMarker(at)
	}
	d.say(d.markerWords(), false)
}

// unmarked is the strongest peak without a marker.
func (d *desk) unmarked() (at float64, ok bool) {
	t, _ := d.leading()
	sight := d.sight()
	best := math.Inf(-1)
	for _, p := range d.findPeaks() {
		taken := false
		for n := range d.markers {
			r, on := d.markers.Place(n+1, &sight)
			taken = taken || on && r.Bin == t.Grid().BinOver(p.At)
		}
		if !taken && p.DB > best {
			at, best, ok = p.At, p.DB, true
		}
	}
	return at, ok
}

// nextPeak moves the active marker from peak to peak.
func (a *App) nextPeak(to int) {
	d := a.desk
	r, ok := d.place()
	if !ok {
		r.Bin = -1
	}
	t, _ := d.leading()
	peaks := d.findPeaks()
	i := d.criterion.Next(peaks, t.Grid(), t.Levels(), r.Bin, spectrum.Direction(to))
	if i < 0 {
		where := [...]string{"below", "above", "that is stronger", "that is weaker"}[to]
		d.say(fmt.Sprintf("no peak %s: %g dB above noise, %g dB above what is around (:peak)", where, d.criterion.AboveNoiseDB, d.criterion.ExcursionDB), true)
		return
	}
	d.putMarker(peaks[i].At)
}

// toggleDelta tells the active marker relative to the first, or by itself.
func (a *App) toggleDelta(int) {
	m := a.desk.marker()
	if m.Relative != 0 {
		m.Relative = 0
		a.desk.say(fmt.Sprintf("marker %d by itself", a.desk.active), false)
		return
	}
	m.Relative = 1
	a.desk.say(fmt.Sprintf("marker %d relative to marker 1", a.desk.active), false)
}

func (d *desk) cannotDelta() string {
	switch {
	case !d.marker().On:
		return "the marker is off"
	case d.active == 1:
		return "marker 1 is the reference: 2 to 8 choose another"
	case !d.markers[0].On:
		return "marker 1, the reference, is off"
	default:
		return ""
	}
}

// commandMarker puts the active marker, or says what it reads.
func (a *App) commandMarker(arg string) error {
	m := a.desk.marker()
	switch arg {
	case "off":
		*m = spectrum.Marker{}
	case "clear":
		a.desk.markers, a.desk.active = spectrum.Markers{}, 1
	case "peak":
		*m = spectrum.Marker{On: true}
	default:
		at, err := a.desk.parsePlace(arg)
		if err != nil {
			return err
		}
		a.desk.putMarker(at)
	}
	a.desk.say(a.desk.markerWords(), false)
	return nil
}

// parsePlace reads a place on the axis: a frequency, or a time in the sweep of zero span.
func (d *desk) parsePlace(s string) (float64, error) {
	if !d.board.grid.ZeroSpan() {
		return device.ParseHz(s)
	}
	t, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time in the sweep: write it like 12.5ms", clean(s))
	}
	return t.Seconds(), nil
}

// commandReads reads "noise", "band 12.5k", "level".
func (a *App) commandReads(arg string) error {
	name, width, wide := strings.Cut(arg, " ")
	f, err := spectrum.ParseMarkerFunction(clean(name))
	if err != nil {
		return err
	}
	hz := 0.0
	if wide {
		if hz, err = device.ParseHz(width); err != nil || !(hz > 0) {
			return fmt.Errorf("%q is not a width: write it like 12.5k", clean(width))
		}
	}
	m := a.desk.marker()
	m.On, m.Function, m.WidthHz = true, f, hz
	a.desk.say(fmt.Sprintf("marker %d reads %s", a.desk.active, f), false)
	return nil
}

// commandDelta reads the number of the reference, or off.
func (a *App) commandDelta(arg string) error {
	n := 0
	if arg != "off" {
		var err error
		if n, err = strconv.Atoi(arg); err != nil || n < 1 || n > spectrum.MarkerCount || n == a.desk.active {
			return fmt.Errorf("%q is not another marker: use 1 to %d or off", clean(arg), spectrum.MarkerCount)
		}
	}
	a.desk.marker().Relative = n
	return nil
}

// commandPeak sets what counts as a peak: "12 6".
func (a *App) commandPeak(arg string) error {
	above, excursion, _ := strings.Cut(arg, " ")
	one, err := strconv.ParseFloat(above, 64)
	two, other := strconv.ParseFloat(excursion, 64)
	if err != nil || other != nil || !(one >= 0 && one <= 200) || !(two >= 0 && two <= 200) {
		return fmt.Errorf("%q is no criterion: write dB above noise and dB above what is around, like 12 6", clean(arg))
	}
	a.desk.criterion = spectrum.PeakCriterion{AboveNoiseDB: one, ExcursionDB: two}
	a.desk.say(fmt.Sprintf("a peak is %g dB above noise and %g dB above what is around", one, two), false)
	return nil
}
