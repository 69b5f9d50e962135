package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"argos/device"
	"argos/spectrum"
)

// A calibrator is what the calibrate commands share.
type calibrator struct {
	*options
	freq, center, level string

	radio   device.Radio
	hz, dbm float64 // of the signal
	wish    spectrum.Settings
	file    *spectrum.Calibrations
	known   spectrum.Calibration // before and, once measured, after
	out     io.Writer
}

// calibrated are the settings that calibrate commands take, by name.
var calibrated = []string{"span", "rate", "lna", "vga", "amp", "bias"}

func calibrateCommand() *cobra.Command {
	k := &calibrator{options: newOptions()}
	k.options.once = true
	c := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure the errors of a radio, and write them down for all that is measured with it",
		Example: `  argos-tui calibrate iq --freq 433.92M                  a strong tone of any level
  argos-tui calibrate slope --freq 433.92M --span 6M     nothing at the input: terminate it
  argos-tui calibrate freq --freq 433.92M                a carrier that is where it says
  argos-tui calibrate level --freq 433.92M --level -30   a generator, at this gain
  argos-tui calibrate show`,
		Args: func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(*cobra.Command, []string) error {
			return &usageError{errors.New("calibrate what? use calibrate iq, slope, freq, level or show, in this order")}
		},
	}
	f := c.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&k.calibration, "calibration", "", "the `FILE` to read and write; else "+calibrationHelp)
	c.AddCommand(
		k.command("level", "Measure a generator of known level, in the radio's gain state", k.measureLevel),
		k.command("freq", "Measure a carrier of known frequency", k.measureFreq),
		k.command("iq", "Measure the imbalance of I and Q by a tone", k.measureIQ),
		k.command("slope", "Measure how even the baseband is, by noise alone", k.measureSlope),
		k.showCommand(),
	)
	return c
}

// command is one that opens the radio, has measure change what is known, and writes it.
func (k *calibrator) command(name, short string, measure func(context.Context) error) *cobra.Command {
	c := &cobra.Command{
		Use:   name,
		Short: short,
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			k.out = c.OutOrStdout()
			if err := k.open(c.Context(), name); err != nil {
				return err
			}
			defer func() { _ = k.radio.Close() }()
			if err := measure(c.Context()); errors.Is(err, device.ErrOutOfRange) {
				return &usageError{err}
			} else if err != nil {
				return err
			}
			if err := k.file.Write(&k.known); err != nil {
				return fmt.Errorf("calibration: %w", err)
			}
			fmt.Fprintln(k.out, "written to", k.file.Path)
			return nil
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.Var(newParsed(&k.device, "RADIO", "hackrf", parseDevice), "device", "`RADIO`: hackrf[:SERIAL], replay:PATH or synth")
	if name == "slope" {
		f.StringVar(&k.freq, "freq", "", "centre frequency in `HZ`, such as 433.92M")
	} else {
		f.StringVar(&k.freq, "freq", "", "frequency of the signal in `HZ`, such as 433.92M")
		f.StringVar(&k.center, "center", "", "centre frequency in `HZ`: of a raw recording, what it was made with; else beside the signal")
	}
	if name == "level" {
		f.StringVar(&k.level, "level", "", "level of the signal in `DBM`, such as -30")
	}
	for _, p := range spectrum.Params {
		if slices.Contains(calibrated, p.Name) {
			f.Var(&tuningFlag{param: p, into: k.tuning}, p.Name, p.Help)
		}
	}
	return c
}

// open reads the file, opens the radio, and tunes it beside the signal, or to it where
// the signal is all noise.
func (k *calibrator) open(ctx context.Context, what string) error {
	var err error
	if k.freq == "" {
		return &usageError{errors.New("calibrate at which frequency? use --freq, such as --freq 433.92M")}
	}
	if k.hz, err = device.ParseHz(k.freq); err != nil {
		return &usageError{fmt.Errorf("--freq: %w", err)}
	}
	if what == "level" {
		if k.dbm, err = strconv.ParseFloat(k.level, 64); err != nil || !(math.Abs(k.dbm) <= 200) {
			return &usageError{fmt.Errorf("--level %q is not a level: use dBm, such as --level -30", k.level)}
		}
	}
	if k.file, err = k.calibrationsToWrite(); err != nil {
		return err
	}
	if k.center != "" {
		k.tuning["freq"] = k.center
	} else if what == "slope" {
		k.tuning["freq"] = k.freq
	}
	if k.radio, _, err = k.openRadio(ctx, nil); err != nil {
		return err
	}
	info := k.radio.Info()
	if k.wish, err = k.settings(info); err != nil {
		return err
	}
	if k.wish.Tuning.ZeroSpan() {
		_ = k.radio.Close()
		return &usageError{errors.New("calibrate takes a span above 0: use --span, such as --span 2M")}
	}
	if t := &k.wish.Tuning; info.Duration == 0 && k.center == "" && what != "slope" {
		t.CenterHz = k.hz + t.SpanHz/4
	}
	k.known = *spectrum.NewCalibration(info)
	if was := k.file.For(info); was != nil {
		k.known = *was
	}
	return nil
}

// calibrationsToWrite is calibrations, where the file that is named need not be there.
func (k *calibrator) calibrationsToWrite() (*spectrum.Calibrations, error) {
	file, err := k.calibrations()
	if k.calibration != "" && errors.Is(err, fs.ErrNotExist) {
		return &spectrum.Calibrations{Path: k.calibration}, nil
	}
	return file, err
}

// once measures with what is known, less what without takes away.
func (k *calibrator) once(ctx context.Context, bins int, w spectrum.Window, without func(*spectrum.Calibration)) (*spectrum.Frame, error) {
	known := k.known
	without(&known)
	s := k.wish
	s.Window, s.Bins, s.RBWHz = w, bins, 0
	// A short recording has to make do with less.
	if i := k.radio.Info(); i.Duration > 0 {
		for s.Bins > spectrum.MinBins && float64(8*s.Bins) > i.Duration.Seconds()*i.MaxRateHz {
			s.Bins /= 2
		}
	}
	f, got, err := spectrum.Once(ctx, k.radio, s, 0, &spectrum.AnalyzerOptions{StepDB: onceStepDB, Calibration: &known})
	if err != nil {
		return nil, err
	}
	k.wish.Tuning = got.Tuning
	return f, nil
}

// within is how far from where it should be a signal is looked for: an uncalibrated
// crystal, and some.
func (k *calibrator) within(f *spectrum.Frame) float64 { return max(100e-6*k.hz, 8*f.Grid.BinHz) }

func (k *calibrator) measureLevel(ctx context.Context) error {
	f, err := k.once(ctx, 4096, spectrum.FlatTop, func(c *spectrum.Calibration) { c.Levels = nil })
	if err != nil {
		return err
	}
	tone, err := spectrum.FindTone(f, k.hz, k.within(f))
	if err != nil {
		return err
	}
	t, before := k.wish.Tuning, "none"
	if db, ok := k.known.LevelAt(t, k.hz); ok {
		before = fmt.Sprintf("%+.2f dB", db)
	}
	k.known.SetLevel(t, k.hz, rounded(k.dbm-tone.DB, 1e3))
	after, _ := k.known.LevelAt(t, k.hz)
	fmt.Fprintf(k.out, "%s: %.2f dBFS, %.0f dB above the noise, is %g dBm\n", device.FormatHz(k.hz, 6), tone.DB, tone.SNRDB, k.dbm)
	fmt.Fprintf(k.out, "level at %s: %s -> %+.2f dB\n", spectrum.GainState(t), before, after)
	return nil
}

func (k *calibrator) measureFreq(ctx context.Context) error {
	f, err := k.once(ctx, spectrum.MaxBins, spectrum.Hann, func(c *spectrum.Calibration) { c.PPM = 0 })
	if err != nil {
		return err
	}
	tone, err := spectrum.FindTone(f, k.hz, k.within(f))
	if err != nil {
		return err
	}
	before := k.known.PPM
	k.known.PPM = rounded((k.hz/tone.Hz-1)*1e6, 1e4)
	fmt.Fprintf(k.out, "%s: received at %.1f Hz, %.0f dB above the noise, in bins of %s\n",
		device.FormatHz(k.hz, 6), tone.Hz, tone.SNRDB, device.FormatHz(f.Grid.BinHz, 2)+"Hz")
	fmt.Fprintf(k.out, "clock: %+.4f -> %+.4f ppm\n", before, k.known.PPM)
	return nil
}

func (k *calibrator) measureIQ(ctx context.Context) error {
	found, err := spectrum.MeasureImbalance(ctx, k.radio, k.wish)
	if err != nil {
		return err
	}
	before := k.known.IQ
	k.known.IQ = spectrum.Imbalance{GainDB: rounded(found.GainDB, 1e4), PhaseDeg: rounded(found.PhaseDeg, 1e4)}
	fmt.Fprintf(k.out, "images are %.1f dB below their signals\n", found.ImageDB())
	fmt.Fprintf(k.out, "IQ: %+.3f dB %+.3f deg -> %+.3f dB %+.3f deg\n", before.GainDB, before.PhaseDeg, k.known.IQ.GainDB, k.known.IQ.PhaseDeg)
	k.again()
	return nil
}

func (k *calibrator) measureSlope(ctx context.Context) error {
	f, err := k.once(ctx, 4096, spectrum.Hann, func(c *spectrum.Calibration) { c.Slopes, c.Levels = nil, nil })
	if err != nil {
		return err
	}
	curve, err := spectrum.FindSlope(f)
	if err != nil {
		return err
	}
	t, before := k.wish.Tuning, "none"
	if k.known.Correction(&f.Grid).Slope {
		before = "another"
	}
	least, most := 0.0, 0.0
	for _, p := range curve {
		p[0], p[1] = math.Round(p[0]), rounded(p[1], 1e3)
		least, most = min(least, p[1]), max(most, p[1])
	}
	k.known.SetSlope(t, curve)
	fmt.Fprintf(k.out, "noise over %s at %s samples/s, %d averages, varies by %.2f dB\n",
		device.FormatHz(t.SpanHz, 3)+"Hz", device.FormatHz(t.RateHz, 3), f.Averages(), most-least)
	fmt.Fprintf(k.out, "slope: %s -> %d points, %+.2f to %+.2f dB\n", before, len(curve), least, most)
	k.again()
	return nil
}

// again says what was measured by way of what has changed.
func (k *calibrator) again() {
	if len(k.known.Levels) > 0 {
		fmt.Fprintln(k.out, "levels were measured without this: calibrate them again")
	}
}

// rounded is v to one part of so many.
func rounded(v, parts float64) float64 { return math.Round(v*parts) / parts }

// showCommand prints what is in the file.
func (k *calibrator) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Show what is known of each radio",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := k.calibrations()
			if err != nil {
				return err
			}
			if len(file.Radios) == 0 {
				fmt.Fprintf(c.ErrOrStderr(), "no radio is calibrated in %s\n", file.Path)
			}
			for i := range file.Radios {
				if err := show(c.OutOrStdout(), &file.Radios[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func show(out io.Writer, c *spectrum.Calibration) error {
	fmt.Fprintf(out, "%s %s\n", c.Driver, strings.TrimSpace(c.Serial+" "+c.Name))
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "  clock\t%+.4f ppm\n", c.PPM)
	if c.IQ != (spectrum.Imbalance{}) {
		fmt.Fprintf(w, "  IQ\t%+.3f dB %+.3f deg, images %.1f dB below\n", c.IQ.GainDB, c.IQ.PhaseDeg, c.IQ.ImageDB())
	}
	for _, s := range c.Slopes {
		fmt.Fprintf(w, "  slope\t%s samples/s: %s\n", device.FormatHz(s.RateHz, 3), extent(s.Points))
	}
	for _, l := range c.Levels {
		t := device.Tuning{LNADB: l.LNADB, VGADB: l.VGADB, Amp: l.Amp}
		fmt.Fprintf(w, "  level\t%s: %s\n", spectrum.GainState(t), extent(l.Points))
	}
	return w.Flush()
}

// extent is a curve in a few words.
func extent(c spectrum.Curve) string {
	first, last := c[0], c[len(c)-1]
	text := fmt.Sprintf("%+.2f dB at %s", first[1], device.FormatHz(first[0], 6))
	if len(c) > 1 {
		text += fmt.Sprintf(" to %+.2f dB at %s, %d points", last[1], device.FormatHz(last[0], 6), len(c))
	}
	return text
}
