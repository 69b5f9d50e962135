package spectrum

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"argos/device"
)

// Limits of what an Analyzer can be set to.
const (
	MinBins = 256
	MaxBins = 65536
	MaxFPS  = 100

	minVBWHz = 1 // a frame waits for half a second then

	leastRateHz = 1
	mostHz      = 1e12 // of a frequency, a span or a rate: no number of samples overflows
)

// Settings say what to measure and how. As given to Capture.Apply they are a wish,
// as returned they are what happens.
type Settings struct {
	Tuning  device.Tuning
	Bins    int     // points of the transform, a power of two; 0: from RBWHz
	RBWHz   float64 // at most this resolution bandwidth; counts only where Bins is 0; 0: from the span
	Window  Window
	Overlap float64 // 0 to 0.75
	VBWHz   float64 // video bandwidth before the detectors, about; 0: they see each window
	Min     bool    // frames have the least power of each bin, too
	DC      DC      // in a sweep it does nothing: that keeps clear of DC
	FPS     float64 // frames a second
	StepDB  float64 // of powers; 0: DefaultStepDB, and StepMatched fits it to the noise

	SweepTime time.Duration // that a sweep of zero span takes; 0: as long as a frame
}

// DefaultSettings are those of a first start: the whole FM band's middle.
func DefaultSettings() Settings {
	return Settings{
		Tuning:  device.Tuning{CenterHz: 98.1e6, SpanHz: 2e6, LNADB: 24, VGADB: 30},
		Overlap: 0.5,
		FPS:     20,
	}
}

// A Param is one setting by the name that the command line, the : palette and the
// link all use. Values are text in the same notation everywhere.
type Param struct {
	Name string
	Arg  string // what stands for the value in help: "HZ", "DB", "on|off"
	Help string
	Get  func(*Settings) string
	Set  func(*Settings, string) error
}

// Params lists every setting in the order in which several are applied.
var Params = []Param{
	{
		"freq", "HZ", "centre frequency, such as 433.92M",
		func(s *Settings) string { return device.FormatHz(s.Tuning.CenterHz, 6) },
		func(s *Settings, v string) error {
			return s.setOne(&s.Tuning.CenterHz, v, 0)
		},
	},
	{
		"span", "HZ", "width shown, such as 2M; 0 is zero span: level against time at the centre frequency",
		func(s *Settings) string { return device.FormatHz(s.Tuning.SpanHz, 6) },
		func(s *Settings, v string) error {
			if hz, err := device.ParseHz(v); err == nil && hz == 0 {
				s.Tuning.SpanHz, s.Tuning.Ranges = 0, device.Ranges{}
				return nil
			}
			return s.setOne(&s.Tuning.SpanHz, v, 1)
		},
	},
	{
		"sweep-time", "TIME|auto", "of zero span, across the screen: 1ms to 1000s, in points of at least 100us; auto is one sweep a frame",
		func(s *Settings) string {
			if s.SweepTime == 0 {
				return auto
			}
			return s.SweepTime.String()
		},
		setSweepTime,
	},
	{
		"range", "HZ:HZ,...", "lower and upper edge, such as 2400M:2500M, or up to 10 ranges: 2400M:2500M,5150M:5850M",
		getRange, setRange,
	},
	{
		"rate", "HZ|auto", "samples a second, such as 8M; auto follows the span; of a raw recording, what it was made with",
		func(s *Settings) string { return autoHz(s.Tuning.RateHz, 6) },
		func(s *Settings, v string) error {
			if strings.EqualFold(v, auto) {
				s.Tuning.RateHz = 0
				return nil
			}
			return setHz(&s.Tuning.RateHz, v, math.SmallestNonzeroFloat64, math.MaxFloat64)
		},
	},
	{
		"rbw", "HZ|auto", "resolution bandwidth at most, such as 10k; auto follows the span",
		func(s *Settings) string { return autoHz(s.RBWHz, 3) },
		func(s *Settings, v string) error {
			if strings.EqualFold(v, auto) {
				s.Bins, s.RBWHz = 0, 0
				return nil
			}
			err := setHz(&s.RBWHz, v, math.SmallestNonzeroFloat64, math.MaxFloat64)
			if err == nil {
				s.Bins = 0
			}
			return err
		},
	},
	{
		"bins", "N|auto", "points of the transform instead of rbw, a power of two such as 4096; auto follows rbw",
		getBins, setBins,
	},
	{
		"window", strings.Join(WindowNames(), "|"), "taper before the transform",
		func(s *Settings) string { return s.Window.String() },
		func(s *Settings, v string) (err error) {
			w, err := ParseWindow(v)
			if err == nil {
				s.Window = w
			}
			return err
		},
	},
	{
		"overlap", "PERCENT", "of windows, 0% to 75%",
		func(s *Settings) string { return strconv.FormatFloat(s.Overlap*100, 'f', -1, 64) + "%" }, setOverlap,
	},
	{
		"vbw", "HZ|auto", "video bandwidth, such as 100: max and min are those of the power averaged so; auto: of each window",
		func(s *Settings) string { return autoHz(s.VBWHz, 3) }, setVBW,
	},
	{
		"min", "on|off", "measure the least power of each bin, too",
		func(s *Settings) string { return onOff(s.Min) },
		func(s *Settings, v string) error { return setSwitch(&s.Min, v) },
	},
	{
		"dc", strings.Join(dcNames[:], "|"), "the radio's own line at its centre: keep, leave out, or bridge from the bins beside it",
		func(s *Settings) string { return s.DC.String() },
		func(s *Settings, v string) (err error) {
			dc, err := ParseDC(v)
			if err == nil {
				s.DC = dc
			}
			return err
		},
	},
	{
		"fps", "N", "frames a second",
		func(s *Settings) string { return strconv.FormatFloat(s.FPS, 'f', -1, 64) },
		func(s *Settings, v string) error {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil || !(f >= 0.1 && f <= MaxFPS) {
				return fmt.Errorf("%q is not a frame rate: use 0.1 to %d", v, MaxFPS)
			}
			s.FPS = f
			return nil
		},
	},
	{
		"step", "DB|matched", "to which levels are rounded, such as 0.25; matched: what fits the spread of the noise, for fewer bytes",
		getStep, setStep,
	},
	{
		"lna", "DB", "LNA (IF) gain, 0 to 40 by 8",
		func(s *Settings) string { return strconv.Itoa(s.Tuning.LNADB) },
		func(s *Settings, v string) error { return setGain(&s.Tuning.LNADB, v, 40, 8) },
	},
	{
		"vga", "DB", "VGA (baseband) gain, 0 to 62 by 2",
		func(s *Settings) string { return strconv.Itoa(s.Tuning.VGADB) },
		func(s *Settings, v string) error { return setGain(&s.Tuning.VGADB, v, 62, 2) },
	},
	{
		"amp", "on|off", "front-end amplifier",
		func(s *Settings) string { return onOff(s.Tuning.Amp) },
		func(s *Settings, v string) error { return setSwitch(&s.Tuning.Amp, v) },
	},
	{
		"bias", "on|off", "antenna power (bias tee), about 3 V on the antenna port",
		func(s *Settings) string { return onOff(s.Tuning.BiasTee) },
		func(s *Settings, v string) error { return setSwitch(&s.Tuning.BiasTee, v) },
	},
}

// FindParam returns the setting of that name, or nil.
func FindParam(name string) *Param {
	for i := range Params {
		if Params[i].Name == name {
			return &Params[i]
		}
	}
	return nil
}

// With returns s changed by the named values, or s itself and the first error.
func (s Settings) With(set map[string]string) (Settings, error) {
	changed := s
	known := 0
	for _, p := range Params {
		v, ok := set[p.Name]
		if !ok {
			continue
		}
		known++
		if err := p.Set(&changed, v); err != nil {
			return s, fmt.Errorf("%s: %w", p.Name, err)
		}
	}
	if known < len(set) {
		for name := range set {
			if FindParam(name) == nil {
				return s, fmt.Errorf("there is no setting %q", name)
			}
		}
	}
	return changed, nil
}

// auto is what a setting is called that follows from others, which is 0 in Settings.
const auto = "auto"

func autoHz(hz float64, decimals int) string {
	if hz == 0 {
		return auto
	}
	return device.FormatHz(hz, decimals)
}

var errBelow = errors.New("must be above 0")

func setHz(dst *float64, text string, least, most float64) error {
	v, err := device.ParseHz(text)
	if err != nil {
		return err
	}
	if v < least || v > most {
		if v <= 0 {
			return fmt.Errorf("%s %w", text, errBelow)
		}
		return fmt.Errorf("%s is out of range", text)
	}
	*dst = v
	return nil
}

// setOne sets an edge of what is to be seen, which is one range then.
func (s *Settings) setOne(dst *float64, text string, least float64) error {
	err := setHz(dst, text, least, math.MaxFloat64)
	if err == nil {
		s.Tuning.Ranges = device.Ranges{}
	}
	return err
}

func getRange(s *Settings) string {
	if s.Tuning.Ranges.Several() {
		return s.Tuning.Ranges.String()
	}
	return s.Tuning.Parts()[0].String()
}

func setRange(s *Settings, text string) error {
	var ranges []device.Range
	for part := range strings.SplitSeq(text, ",") {
		low, high, ok := strings.Cut(part, ":")
		if !ok {
			return fmt.Errorf("%q is not a range: write it like 2400M:2500M", part)
		}
		a, err := device.ParseHz(low)
		if err != nil {
			return err
		}
		b, err := device.ParseHz(high)
		if err != nil {
			return err
		}
		ranges = append(ranges, device.Range{LowHz: a, HighHz: b})
	}
	t, err := s.Tuning.Over(ranges...)
	if err != nil {
		return err
	}
	s.Tuning = t
	return nil
}

func getBins(s *Settings) string {
	if s.Bins == 0 {
		return auto
	}
	return strconv.Itoa(s.Bins)
}

func setBins(s *Settings, text string) error {
	if strings.EqualFold(text, auto) {
		s.Bins = 0
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < MinBins || n > MaxBins || bits.OnesCount(uint(n)) != 1 {
		return fmt.Errorf("%q is not a number of bins: use a power of two from %d to %d", text, MinBins, MaxBins)
	}
	s.Bins, s.RBWHz = n, 0
	return nil
}

func setOverlap(s *Settings, text string) error {
	f, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(f >= 0 && f <= 75) {
		return fmt.Errorf("%q is not an overlap: use 0%% to 75%%", text)
	}
	s.Overlap = f / 100
	return nil
}

func setVBW(s *Settings, text string) error {
	hz := 0.0
	if !strings.EqualFold(text, auto) {
		var err error
		if hz, err = device.ParseHz(text); err != nil || !(hz >= minVBWHz) {
			return fmt.Errorf("%q is not a video bandwidth: use %d Hz or more, or auto", text, minVBWHz)
		}
	}
	s.VBWHz = hz
	return nil
}

func setGain(dst *int, text string, most, step int) error {
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > most || v%step != 0 {
		return fmt.Errorf("%q is not a gain: use 0 to %d dB in steps of %d", text, most, step)
	}
	*dst = v
	return nil
}

func setSwitch(dst *bool, text string) error {
	switch strings.ToLower(text) {
	case "on", "1", "true", "yes":
		*dst = true
	case "off", "0", "false", "no":
		*dst = false
	default:
		return fmt.Errorf("%q is neither on nor off", text)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// check reports what no analyzer can do, whatever the radio.
func (s Settings) check() error {
	t := s.Tuning
	switch {
	case !(t.SpanHz >= 0 && t.SpanHz <= mostHz && math.Abs(t.CenterHz) <= mostHz):
		return errors.New("the span must be 0 Hz or more and the centre a frequency")
	case !(t.RateHz == 0 || t.RateHz >= leastRateHz && t.RateHz <= mostHz):
		return fmt.Errorf("the sample rate must be from %d to %g Hz", leastRateHz, mostHz)
	case int(s.Window) >= len(windows):
		return fmt.Errorf("unknown %v", s.Window)
	case !(s.Overlap >= 0 && s.Overlap <= 0.75):
		return errors.New("the overlap must be from 0% to 75%")
	case s.VBWHz != 0 && !(s.VBWHz > minVBWHz/2.): // half of it may come of what is asked for
		return fmt.Errorf("the video bandwidth must be %d Hz or more", minVBWHz)
	case int(s.DC) >= len(dcNames):
		return fmt.Errorf("unknown %v", s.DC)
	case !(s.FPS == 0 || s.FPS >= 0.1 && s.FPS <= MaxFPS):
		return fmt.Errorf("the frame rate must be from 0.1 to %d", MaxFPS)
	case s.StepDB != 0 && s.StepDB != StepMatched && !(s.StepDB >= minStepDB && s.StepDB <= maxStepDB):
		return fmt.Errorf("the step must be from %g to %d dB", minStepDB, maxStepDB)
	case s.SweepTime != 0 && (s.SweepTime < minSweepTime || s.SweepTime > maxSweepTime):
		return errSweepTime
	case s.Bins != 0 && (s.Bins < MinBins || s.Bins > MaxBins || bits.OnesCount(uint(s.Bins)) != 1):
		return fmt.Errorf("%d is not a number of bins: use a power of two from %d to %d", s.Bins, MinBins, MaxBins)
	case s.Bins == 0 && !(s.RBWHz >= 0):
		return fmt.Errorf("rbw %s %w", device.FormatHz(s.RBWHz, 3), errBelow)
	}
	return nil
}

// autoBins is how many bins the span gets where nobody asks for a resolution: more than
// a screen has columns.
const autoBins = 4096

// resolve says how many points a transform at rateHz takes.
func (s Settings) resolve(rateHz float64) (int, error) {
	if s.Tuning.ZeroSpan() {
		p, err := s.pointsAt(rateHz)
		return p.taps(), err
	}
	most, limit := MaxBins, ""
	if s.Tuning.Sweeps() {
		most, limit = maxSweepBins, " in a sweep"
	}
	n := s.Bins
	if n == 0 {
		least := autoBins * max(1, rateHz/s.Tuning.SpanHz)
		if s.RBWHz > 0 {
			// A hair of slack lets a resolution that was computed from bins find them again.
			least = s.Window.ENBW() * rateHz / s.RBWHz * (1 - 1e-9)
		}
		for n = MinBins; float64(n) < least && n <= most; n *= 2 {
		}
	}
	if n <= most {
		return n, nil
	}
	if s.Bins == 0 && s.RBWHz == 0 {
		return most, nil
	}
	finest := device.FormatHz(math.Ceil(s.Window.ENBW()*rateHz/float64(most)), 3)
	if s.Bins != 0 {
		return 0, fmt.Errorf("%d bins are too many%s: use %d or fewer, which is rbw %s", s.Bins, limit, most, finest)
	}
	return 0, fmt.Errorf("rbw %s is too fine at %s samples/s%s: use %s or more, or a smaller span",
		device.FormatHz(s.RBWHz, 3), device.FormatHz(rateHz, 3), limit, finest)
}

// hop is how far apart windows of n samples begin.
func (s Settings) hop(n int) int { return max(1, int(float64(n)*(1-s.Overlap)+0.5)) }

// mostGrouped bounds a group of windows, whose powers are summed in single precision.
const mostGrouped = 4096

// video says how many windows of n samples in a row make one value for the detectors, and
// the bandwidth of that: noise passes the mean over a time T as it passes a filter of
// 1/(2T). One wider than of a single window is that of a window.
func (s Settings) video(rateHz float64, n int) (every int, vbwHz float64, err error) {
	if s.VBWHz == 0 {
		return 1, 0, nil
	}
	hop := float64(s.hop(n))
	widest := rateHz / (2 * hop)
	most, limit := float64(mostGrouped), ""
	if s.Tuning.Sweeps() { // groups end with a block
		most, limit = float64((maxSweepBins-n)/s.hop(n)+1), " in a sweep"
	}
	count := max(1, math.Round(widest/s.VBWHz))
	if count > most {
		return 0, 0, fmt.Errorf("vbw %s is too narrow%s at rbw %s: use %s or more", device.FormatHz(s.VBWHz, 3), limit,
			device.FormatHz(s.Window.ENBW()*rateHz/float64(n), 3), device.FormatHz(math.Ceil(widest/most), 3))
	}
	return int(count), widest / count, nil
}

// SettingsFor is s, tuned to all of a recording where info is of one: what is shown when
// nobody says which part.
func SettingsFor(info device.Info, s Settings) Settings {
	if info.Duration > 0 && info.MaxHz > info.MinHz {
		s.Tuning.CenterHz, s.Tuning.SpanHz, s.Tuning.Ranges = (info.MinHz+info.MaxHz)/2, info.MaxHz-info.MinHz, device.Ranges{}
	}
	return s
}
