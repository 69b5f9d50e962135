package spectrum

import (
	"fmt"
	"math"
)

// MarkerCount is how many markers there are.
const MarkerCount = 8

// A MarkerFunction says what a marker reads.
type MarkerFunction uint8

// The functions.
const (
	LevelAt   MarkerFunction = iota // of the bin
	NoiseAt                         // density of the mean power over WidthHz around it, in dB/Hz
	BandPower                       // of the mean power over WidthHz around it
)

var markerFunctions = [...]string{"level", "noise", "band"}

func (f MarkerFunction) String() string { return markerFunctions[f] }

// ParseMarkerFunction reads "level", "noise" or "band".
func ParseMarkerFunction(s string) (MarkerFunction, error) {
	for i, name := range markerFunctions {
		if s == name {
			return MarkerFunction(i), nil
		}
	}
	return LevelAt, fmt.Errorf("%q: use level, noise or band", s)
}

// A Marker reads one frequency, or one time of zero span. A zero Marker is off.
type Marker struct {
	On       bool
	Fixed    bool    // at At; else wherever the strongest bin is
	ZeroSpan bool    // fixed on the axis of zero span: on the other it follows the strongest bin
	At       float64 // where fixed: Hz, or seconds
	Function MarkerFunction
	WidthHz  float64 // of noise and band power; 0: a twentieth of what is seen
	Relative int     // the number of the marker that it is told relative to, 1 to MarkerCount; 0: none
}

// FixedOn reports whether m was put on the axis of g.
func (m *Marker) FixedOn(g *Grid) bool { return m.Fixed && m.ZeroSpan == g.ZeroSpan() }

// A Reading is what a marker says.
type Reading struct {
	Bin  int     // of the trace; may lie outside
	At   float64 // in the middle of that, in Hz or seconds; relative: the difference
	DB   float64 // NaN where nothing was measured
	Unit string  // of DB
}

// A Sight is what markers look at.
type Sight struct {
	Trace     *Trace  // they read
	Mean      *Trace  // noise and power are those of
	Low, High float64 // between which, on the axis, the strongest bin is looked for
}

// Markers are numbered from 1.
type Markers [MarkerCount]Marker

// Read is what marker number n reads. It is false where the marker is off, or there is
// nothing to find.
func (ms *Markers) Read(n int, s *Sight) (Reading, bool) {
	r, ok := ms[n-1].read(s)
	base := ms[n-1].Relative
	if !ok || base == 0 || base == n {
		return r, ok
	}
	b, ok := ms[base-1].read(s)
	if !ok {
		return r, true
	}
	r.At, r.DB = r.At-b.At, r.DB-b.DB
	r.Unit = "dB"
	if ms[n-1].Function == NoiseAt && ms[base-1].Function != NoiseAt {
		r.Unit = "dBc/Hz"
	}
	return r, true
}

// Place is the bin that marker number n is at and its level there, whatever it reads.
func (ms *Markers) Place(n int, s *Sight) (Reading, bool) {
	m := ms[n-1]
	m.Function = LevelAt
	return m.read(s)
}

// read is what the marker reads by itself.
func (m *Marker) read(s *Sight) (Reading, bool) {
	if !m.On || s.Trace.Empty() {
		return Reading{}, false
	}
	g, levels, mean := s.Trace.Grid(), s.Trace.Levels(), s.Mean
	r := Reading{DB: math.NaN(), Unit: g.Unit()}
	fixed := m.FixedOn(g)
	if fixed {
		r.Bin = g.BinOver(m.At)
	} else if r.Bin = g.Strongest(levels, s.Low, s.High); r.Bin < 0 {
		return Reading{}, false
	}
	inside := r.Bin >= 0 && r.Bin < len(levels)
	if r.At = m.At; inside {
		r.At = g.Middle(r.Bin)
	}
	if m.Function == LevelAt {
		if inside {
			r.DB = g.DB(levels[r.Bin])
		}
		return r, true
	}
	width := m.WidthHz
	if width == 0 {
		width = (s.High - s.Low) / 20
	}
	if m.Function == NoiseAt {
		r.DB = mean.Grid().NoiseDensity(mean.Levels(), r.At-width/2, r.At+width/2)
		r.Unit += "/Hz"
		return r, true
	}
	r.DB = mean.Grid().ChannelPower(mean.Levels(), r.At-width/2, r.At+width/2)
	return r, true
}
