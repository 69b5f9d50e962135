// Argos-tui watches the radio spectrum from a terminal: on the box with the radio, as
// a headless capture server, or from afar. README.md says how.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"argos/spectrum"
	"argos/stream"
	"argos/stream/access"
	"argos/views"
)

// version is set by the linker: make build.
var version = ""

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// Whatever hangs, a second signal ends it.
	context.AfterFunc(ctx, stop)
	// Libraries that talk on their own would talk across the screen.
	log.SetOutput(io.Discard)
	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "argos-tui:", printable(err.Error()))
	var usage *usageError
	if errors.As(err, &usage) {
		os.Exit(2)
	}
	os.Exit(1)
}

// printable is text of which a terminal does nothing but show it: names of files, and what
// stands in them, come from others, too.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, text)
}

// A usageError is a mistake on the command line: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// options are the command line.
type options struct {
	serve   bool
	connect string
	listen  string
	once    bool
	json    bool

	logLevel string
	logJSON  bool

	entrance    access.EntranceOptions
	oneOperator bool
	limits      stream.Limits
	tokenFile   string
	ca          string

	device      string
	speed       float64
	noLoop      bool
	calibration string

	tuning   map[string]string // by the names of spectrum.Params
	filter   stream.Filter
	detector string
	ref      string

	theme, background, glyphs string
	fall, ttyBudget           string
}

// tuned reports whether the radio is to be told something, which it takes its owner
// to do.
func (o *options) tuned() bool {
	return o.device != "" || o.calibration != "" || o.speed != 1 || o.noLoop || len(o.tuning) > 0
}

func command() *cobra.Command {
	o := &options{tuning: map[string]string{}}
	c := &cobra.Command{
		Use:   "argos-tui",
		Short: "Watch the radio spectrum from a terminal",
		Example: `  argos-tui                                  on the HackRF of this machine, or a synthetic one
  argos-tui --serve --device replay:x.cs8 --rate 2M --freq 433.92M
  argos-tui --connect wss://box:8470         from afar; or ssh://user@box
  argos-tui --once --json --device replay:x.sigmf-meta`,
		Version:       versionText(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          func(c *cobra.Command, args []string) error { return noArguments(args) },
		RunE:          func(c *cobra.Command, _ []string) error { return o.run(c.Context()) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see argos-tui --help", err)}
	})
	c.CompletionOptions.DisableDefaultCmd = true
	c.SetVersionTemplate("argos-tui {{.Version}}\n")
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&o.serve, "serve", false, "capture and serve without a screen")
	f.StringVar(&o.connect, "connect", "", "watch the server at this `URL`, such as wss://box:8470")
	f.StringVar(&o.listen, "listen", stream.DefaultAddr, "serve on this `ADDRESS`; what others can reach takes TLS and tokens")
	o.entranceFlags(f)
	f.StringVar(&o.logLevel, "log-level", defaultLogLevel, "with --serve: log what is at least so grave: `debug|info|warn|error`")
	f.BoolVar(&o.logJSON, "log-json", false, "with --serve: log lines of JSON")
	f.BoolVar(&o.json, "json", false, "write frames, link and device state as lines of JSON instead of a screen")
	f.BoolVar(&o.once, "once", false, "with --json: measure one frame (a recording: up to 10 s of it), write it and end")
	f.StringVar(&o.device, "device", "", "`RADIO`: synth, replay:PATH or hackrf[:SERIAL]")
	f.Float64Var(&o.speed, "speed", 1, "replay `FACTOR`, 0 for as fast as it can")
	f.BoolVar(&o.noLoop, "no-loop", false, "end at the end of a recording")
	f.StringVar(&o.calibration, "calibration", "", "correct what is measured by this `FILE`; else "+calibrationHelp+", if it is there")
	for _, p := range spectrum.Params {
		f.Var(&tuningFlag{param: p, into: o.tuning}, p.Name, p.Help)
	}
	f.Var((*filterFlag)(&o.filter), "events", "show only these events: a severity, kinds and LOW:HIGH bands, such as warning,433M:435M")
	f.StringVar(&o.detector, "detector", "", "trace that is drawn in front: `mean|max|min`")
	f.StringVar(&o.ref, "ref", "", "top of the level axis in `DB`, or auto")
	f.StringVar(&o.theme, "theme", "viridis", "scale of colours: `viridis|cividis|grey`")
	f.StringVar(&o.background, "background", "auto", "of the terminal: `auto|dark|light`; auto goes by COLORFGBG")
	f.StringVar(&o.glyphs, "glyphs", "auto", "draw with `auto|braille|block|ascii`")
	f.StringVar(&o.fall, "fall", "auto", "the waterfall goes on by `auto|scroll|sweep`; auto sweeps where bytes are dear")
	f.StringVar(&o.ttyBudget, "tty-budget", "auto", "send the terminal at most so many `BYTES` a second, such as 20k, or off; auto has a budget over SSH")
	c.AddCommand(calibrateCommand(), devicesCommand(), doctorCommand(), tokenCommand(), trustCommand(), forgetCommand())
	c.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // --help does
	return c
}

func noArguments(args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected %q; see argos-tui --help", args[0])}
	}
	return nil
}

// A tuningFlag collects a setting for the radio, checked as the radio's owner will.
type tuningFlag struct {
	param spectrum.Param
	into  map[string]string
}

var _ pflag.Value = (*tuningFlag)(nil)

func (f *tuningFlag) String() string { return f.into[f.param.Name] }
func (f *tuningFlag) Type() string   { return f.param.Arg }

func (f *tuningFlag) Set(v string) error {
	settings := spectrum.DefaultSettings()
	if err := f.param.Set(&settings, v); err != nil {
		return err
	}
	f.into[f.param.Name] = v
	return nil
}

// A filterFlag says which events are shown.
type filterFlag stream.Filter

var _ pflag.Value = (*filterFlag)(nil)

func (*filterFlag) String() string { return "" }
func (*filterFlag) Type() string   { return "FILTER" }

func (f *filterFlag) Set(v string) error {
	filter, err := stream.ParseFilter(v)
	*f = filterFlag(filter)
	return err
}

// versionText is the version set by the linker or that of the module.
func versionText() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// run chooses the mode.
func (o *options) run(ctx context.Context) error {
	display, err := o.display()
	if err != nil {
		return &usageError{err}
	}
	switch {
	case o.once && (!o.json || o.serve || o.connect != ""):
		return &usageError{errors.New("--once writes one frame as JSON from a device here: use it with --json, without --serve or --connect")}
	case o.serve && (o.json || o.connect != ""):
		return &usageError{errors.New("--serve has no screen and captures here: use it without --json and --connect")}
	case !o.serve && (o.logJSON || o.logLevel != defaultLogLevel):
		return &usageError{errors.New("--log-level and --log-json are for a server without a screen: use them with --serve")}
	case (o.serve || o.once) && !o.filter.All():
		return &usageError{errors.New("--events says what a screen or --json shows: use it without --serve and --once")}
	case o.connect != "" && o.device != "":
		return &usageError{errors.New("--device is opened where the server runs: give it there, not with --connect")}
	case o.connect != "" && o.calibration != "":
		return &usageError{errors.New("--calibration is of the radio where the server runs: give it there, not with --connect")}
	case o.connect != "" && o.guards():
		return &usageError{errors.New("who gets in is for the server to say: not with --connect")}
	case o.once && o.guards():
		return &usageError{errors.New("who gets in is for a server to say, and --once is none")}
	case o.connect == "" && (o.tokenFile != "" || o.ca != ""):
		return &usageError{errors.New("--token-file and --ca are for the server of --connect")}
	case o.once:
		return o.writeOnce(ctx)
	case o.serve:
		return o.runServer(ctx)
	case o.connect != "":
		return o.watch(ctx, display, o.connect)
	default:
		return o.runLocal(ctx, display)
	}
}

// display reads the flags that concern this screen alone.
func (o *options) display() (*views.Options, error) {
	display := &views.Options{}
	var err error
	if o.detector != "" {
		if display.Detector, err = views.ParseDetector(o.detector); err != nil {
			return nil, fmt.Errorf("--detector: %w", err)
		}
	}
	if o.ref != "" {
		if display.RefDB, err = views.ParseRef(o.ref); err != nil {
			return nil, fmt.Errorf("--ref: %w", err)
		}
	}
	if display.Theme, err = views.ParseTheme(o.theme); err != nil {
		return nil, fmt.Errorf("--theme: %w", err)
	}
	if display.Background, err = views.ParseBackground(o.background); err != nil {
		return nil, fmt.Errorf("--background: %w", err)
	}
	if display.Glyphs, err = views.ParseGlyphs(o.glyphs); err != nil {
		return nil, fmt.Errorf("--glyphs: %w", err)
	}
	if display.Motion, err = views.ParseMotion(o.fall); err != nil {
		return nil, fmt.Errorf("--fall: %w", err)
	}
	if display.TTYBudget, err = views.ParseBudget(o.ttyBudget); err != nil {
		return nil, fmt.Errorf("--tty-budget: %w", err)
	}
	return display, nil
}
