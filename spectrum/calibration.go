package spectrum

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"argos/device"
)

// What a calibration may say: more is a mistake, not a radio.
const (
	maxPPM      = 200
	maxLevelDB  = 200
	maxSlopeDB  = 60
	maxIQGainDB = 6
	maxPhaseDeg = 30
)

// A Calibration is what is known of the errors of one radio. Nil corrects nothing. What
// it does not tell is not corrected, and never guessed from what it does tell.
type Calibration struct {
	Driver string    `toml:"driver"`
	Serial string    `toml:"serial,omitempty"` // of a radio that has one
	Name   string    `toml:"name,omitempty"`   // of one that has none
	PPM    float64   `toml:"ppm,omitempty"`    // of its clock: what it takes for 1 MHz is 1 MHz and so many Hz
	IQ     Imbalance `toml:"iq,omitzero"`
	Slopes []Slope   `toml:"slope,omitempty"`
	Levels []Level   `toml:"level,omitempty"`
}

// A Slope is what makes the baseband even: dB to add by the offset from the radio's
// centre. The filter follows the rate, and where the span nears the rate also that.
type Slope struct {
	RateHz float64 `toml:"rate_hz"`
	Points Curve   `toml:"points,multiline"`
}

// A Level is what makes dBm of dBFS in one gain state: dB to add by frequency.
type Level struct {
	LNADB  int   `toml:"lna_db"`
	VGADB  int   `toml:"vga_db"`
	Amp    bool  `toml:"amp"`
	Points Curve `toml:"points,multiline"`
}

// For reports whether c is about that radio.
func (c *Calibration) For(info device.Info) bool {
	if info.Serial != "" {
		return c.Driver == info.Driver && c.Serial == info.Serial
	}
	return c.Driver == info.Driver && c.Serial == "" && c.Name == info.Name
}

// NewCalibration is an empty one for a radio.
func NewCalibration(info device.Info) *Calibration {
	if info.Serial != "" {
		return &Calibration{Driver: info.Driver, Serial: info.Serial}
	}
	return &Calibration{Driver: info.Driver, Name: info.Name}
}

// SetLevel says what is to be added at a frequency in the gain state of t.
func (c *Calibration) SetLevel(t device.Tuning, hz, db float64) {
	if l := c.level(t); l != nil {
		l.Points = l.Points.with(hz, db)
		return
	}
	c.Levels = append(c.Levels, Level{LNADB: t.LNADB, VGADB: t.VGADB, Amp: t.Amp, Points: Curve{{hz, db}}})
}

// LevelAt is what is to be added at a frequency in the gain state of t, if that is known.
func (c *Calibration) LevelAt(t device.Tuning, hz float64) (db float64, ok bool) {
	l := c.level(t)
	if l == nil {
		return 0, false
	}
	return l.Points.At(hz), true
}

// SetSlope says what is to be added, measured at the rate of t. It takes the place of the
// one that is as wide.
func (c *Calibration) SetSlope(t device.Tuning, points Curve) {
	for i := range c.Slopes {
		if s := &c.Slopes[i]; s.RateHz == t.RateHz && s.Points.reachHz() == points.reachHz() {
			s.Points = points
			return
		}
	}
	c.Slopes = append(c.Slopes, Slope{RateHz: t.RateHz, Points: points})
}

// clock is by what the radio's frequencies are to be multiplied.
func (c *Calibration) clock() float64 {
	if c == nil {
		return 1
	}
	return 1 + c.PPM*1e-6
}

// level is the table of the gain state of t, or nil.
func (c *Calibration) level(t device.Tuning) *Level {
	if c == nil {
		return nil
	}
	for i := range c.Levels {
		if l := &c.Levels[i]; l.LNADB == t.LNADB && l.VGADB == t.VGADB && l.Amp == t.Amp {
			return l
		}
	}
	return nil
}

// slope is the narrowest curve of the rate of g that covers what g shows, or nil.
func (c *Calibration) slope(g *Grid) Curve {
	if c == nil {
		return nil
	}
	reach := g.reachHz()
	var best Curve
	for _, s := range c.Slopes {
		at := s.Points.reachHz()
		if s.RateHz == g.Tuning.RateHz && at >= reach*(1-1e-9) && (best == nil || at < best.reachHz()) {
			best = s.Points
		}
	}
	return best
}

// reachHz is how far from the radio's centre what g shows lies at most, by the radio's own
// clock.
func (g *Grid) reachHz() float64 {
	t := &g.Tuning
	if t.Sweeps() {
		return t.RateHz * 3 / 8
	}
	return t.SpanHz/2 + math.Abs(t.CenterHz-g.TunedHz/g.clock())
}

// A Correction is what a calibration does to one tuning, for a person.
type Correction struct {
	PPM              float64
	IQ, Slope, Level bool
	Missing          string // what the calibration lacks for this tuning
}

// Correction says what c does to g.
func (c *Calibration) Correction(g *Grid) Correction {
	if c == nil {
		return Correction{}
	}
	t := g.Tuning
	k := Correction{
		PPM: c.PPM, IQ: c.IQ != Imbalance{} && t.RateHz > 0,
		Slope: c.slope(g) != nil, Level: c.level(t) != nil,
	}
	var missing []string
	if !k.Level && len(c.Levels) > 0 {
		missing = append(missing, "no level for "+GainState(t))
	}
	if !k.Slope && len(c.Slopes) > 0 && t.RateHz > 0 {
		missing = append(missing, fmt.Sprintf("no slope for %s samples/s and this span", device.FormatHz(t.RateHz, 3)))
	}
	k.Missing = strings.Join(missing, ", ")
	return k
}

// GainState is what a level holds for: "LNA 16 VGA 20 amp off".
func GainState(t device.Tuning) string {
	return fmt.Sprintf("LNA %d VGA %d amp %s", t.LNADB, t.VGADB, onOff(t.Amp))
}

// check returns what is wrong with c, and the key that it is wrong with.
func (c *Calibration) check() (key string, err error) {
	switch {
	case c.Driver == "":
		return "driver", errors.New("a radio needs a driver, such as hackrf")
	case (c.Serial == "") == (c.Name == ""):
		return "serial", errors.New("a radio is known by a serial, or by a name if it has none")
	case !(math.Abs(c.PPM) <= maxPPM):
		return "ppm", fmt.Errorf("ppm %g: use -%d to %d", c.PPM, maxPPM, maxPPM)
	case !(math.Abs(c.IQ.GainDB) <= maxIQGainDB):
		return "iq.gain_db", fmt.Errorf("gain_db %g: use -%d to %d", c.IQ.GainDB, maxIQGainDB, maxIQGainDB)
	case !(math.Abs(c.IQ.PhaseDeg) <= maxPhaseDeg):
		return "iq.phase_deg", fmt.Errorf("phase_deg %g: use -%d to %d", c.IQ.PhaseDeg, maxPhaseDeg, maxPhaseDeg)
	}
	for i, s := range c.Slopes {
		key := fmt.Sprintf("slope.%d", i)
		if !(s.RateHz > 0) || math.IsInf(s.RateHz, 0) {
			return key + ".rate_hz", fmt.Errorf("rate_hz %g: use the sample rate that the slope holds for", s.RateHz)
		}
		if err := s.Points.check(maxSlopeDB); err != nil {
			return key + ".points", err
		}
		if !(s.Points.reachHz() > 0) {
			return key + ".points", errors.New("points of a slope lie on both sides of the centre, which is 0 Hz")
		}
	}
	for i, l := range c.Levels {
		key := fmt.Sprintf("level.%d", i)
		t := device.Tuning{LNADB: l.LNADB, VGADB: l.VGADB, Amp: l.Amp}
		if stepped, err := t.StepGains(); err != nil || stepped != t {
			return key, fmt.Errorf("%s is no gain state: lna_db is 0 to 40 by 8, vga_db 0 to 62 by 2", GainState(t))
		}
		if c.level(t) != &c.Levels[i] {
			return key, fmt.Errorf("there are two levels for %s", GainState(t))
		}
		if err := l.Points.check(maxLevelDB); err != nil {
			return key + ".points", err
		}
	}
	return "", nil
}

// A Curve is points of Hz and dB, in order of frequency.
type Curve [][]float64

// At is the curve at a frequency: straight between points, and level beyond the ends.
func (c Curve) At(hz float64) float64 {
	i, _ := slices.BinarySearchFunc(c, hz, func(p []float64, hz float64) int { return cmp.Compare(p[0], hz) })
	switch {
	case i == 0:
		return c[0][1]
	case i == len(c):
		return c[i-1][1]
	}
	a, b := c[i-1], c[i]
	return a[1] + (b[1]-a[1])*(hz-a[0])/(b[0]-a[0])
}

// with is c with another point, in the place of one that is there.
func (c Curve) with(hz, db float64) Curve {
	i, found := slices.BinarySearchFunc(c, hz, func(p []float64, hz float64) int { return cmp.Compare(p[0], hz) })
	if found {
		c = slices.Clone(c)
		c[i] = []float64{hz, db}
		return c
	}
	return slices.Insert(slices.Clone(c), i, []float64{hz, db})
}

// reachHz is how far c goes on both sides of 0 Hz.
func (c Curve) reachHz() float64 { return min(-c[0][0], c[len(c)-1][0]) }

func (c Curve) check(mostDB float64) error {
	if len(c) == 0 {
		return errors.New("there are no points: write them like points = [[433.92e6, -31.5]]")
	}
	for i, p := range c {
		switch {
		case len(p) != 2:
			return fmt.Errorf("%v is no point: write it like [433.92e6, -31.5], Hz and dB", p)
		case math.IsNaN(p[0]) || math.IsInf(p[0], 0):
			return fmt.Errorf("%g is not a frequency", p[0])
		case !(math.Abs(p[1]) <= mostDB):
			return fmt.Errorf("%g dB at %s: use -%g to %g", p[1], device.FormatHz(p[0], 6), mostDB, mostDB)
		case i > 0 && !(p[0] > c[i-1][0]):
			return fmt.Errorf("the point at %s is out of order: sort them by frequency", device.FormatHz(p[0], 6))
		}
	}
	return nil
}
