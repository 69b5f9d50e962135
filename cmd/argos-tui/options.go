package main

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/pflag"

	"argos/spectrum"
	"argos/stream"
	"argos/stream/access"
	"argos/views"
)

// options are what the command line says, and the configuration file where that says
// nothing.
type options struct {
	serve   bool
	connect string
	listen  string
	once    bool
	json    bool
	plain   bool

	config        string
	printConfig   bool
	defaultConfig bool

	logLevel slog.Level
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

	tuning  map[string]string // by the names of spectrum.Params, from the command line
	base    map[string]string // the same, from the file
	filter  stream.Filter
	display views.Options

	groups []flagGroup
	kept   map[string]string // where in the file a flag's value stands
	tuned  bool              // the command line asks for what it takes the radio's owner to do
}

// A flagGroup is flags that stand together: in help, in the manual and in the file.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// typedOnly marks flags that concern one run, or that nobody should forget in a file.
const typedOnly = "typed-only"

func newOptions() *options {
	o := &options{tuning: map[string]string{}, base: map[string]string{}, kept: map[string]string{}}
	o.group("What it does", o.modeFlags, "json", "plain", "once")
	o.group("Configuration", o.configFlags, "config", "print-config", "default-config")
	o.group("Radio", o.radioFlags, "speed", "no-loop")
	o.group("Tuning", o.tuningFlags)
	o.group("Screen", o.screenFlags)
	o.group("Server and who gets in", o.serverFlags, "insecure")
	o.group("Link", o.linkFlags)
	return o
}

// group adds flags, of which some are for the command line alone.
func (o *options) group(title string, define func(*pflag.FlagSet), typed ...string) {
	f := pflag.NewFlagSet(title, pflag.ContinueOnError)
	f.SortFlags = false
	define(f)
	for _, name := range typed {
		_ = f.SetAnnotation(name, typedOnly, nil) // it exists
	}
	o.groups = append(o.groups, flagGroup{title, f})
}

// flag finds a flag by its name, or returns nil.
func (o *options) flag(name string) *pflag.Flag {
	for _, g := range o.groups {
		if f := g.flags.Lookup(name); f != nil {
			return f
		}
	}
	return nil
}

// typed reports whether the command line has one of these flags.
func (o *options) typed(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return o.flag(name).Changed })
}

// said reports whether the command line or the file says anything of a flag.
func (o *options) said(name string) bool { return o.typed(name) || o.kept[name] != "" }

func (o *options) modeFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.serve, "serve", false, "capture and serve without a screen")
	f.Var(newParsed(&o.connect, "URL", "", stream.ParseURL), "connect", "watch the server at this `URL`, such as wss://box:8470")
	f.BoolVar(&o.json, "json", false, "write frames, link and device state as lines of JSON instead of a screen")
	f.BoolVar(&o.plain, "plain", false, "say what there is in a sentence a second instead of a screen: for screen readers and logs")
	f.BoolVar(&o.once, "once", false, "with --json: measure one frame (a recording: up to 10 s of it), write it and end")
}

// noFile is what --config takes for none.
const noFile = "none"

func (o *options) configFlags(f *pflag.FlagSet) {
	f.StringVar(&o.config, "config", filepath.Join(xdg.ConfigHome, "argos", "config.toml"), "read settings from this `FILE`; none for no file")
	// The manual is the same on every machine.
	f.Lookup("config").DefValue = "$XDG_CONFIG_HOME/argos/config.toml"
	f.BoolVar(&o.printConfig, "print-config", false, "write the settings in force as a configuration file, with where each comes from, and end")
	f.BoolVar(&o.defaultConfig, "default-config", false, "write a configuration file with all defaults, and end")
}

func (o *options) radioFlags(f *pflag.FlagSet) {
	f.Var(newParsed(&o.device, "RADIO", "", parseDevice), "device", "`RADIO` to open: synth, replay:PATH or hackrf[:SERIAL]")
	f.Float64Var(&o.speed, "speed", 1, "replay `FACTOR`, 0 for as fast as it can")
	f.BoolVar(&o.noLoop, "no-loop", false, "end at the end of a recording")
	f.StringVar(&o.calibration, "calibration", "", "correct what is measured by this `FILE`; else "+calibrationHelp+", if it is there")
}

func (o *options) tuningFlags(f *pflag.FlagSet) {
	settings := spectrum.DefaultSettings()
	for _, p := range spectrum.Params {
		f.Var(&tuningFlag{param: p, into: o.tuning}, p.Name, p.Help)
		f.Lookup(p.Name).DefValue = p.Get(&settings)
	}
}

func (o *options) screenFlags(f *pflag.FlagSet) {
	f.Var(newParsed(&o.filter, "FILTER", "", stream.ParseFilter), "events", "show only these events: a severity, kinds and LOW:HIGH bands, such as warning,433M:435M")
	f.Var(newParsed(&o.display.Detector, "mean|max|min", "mean", views.ParseDetector), "detector", "trace that is drawn in front")
	f.Var(newParsed(&o.display.RefDB, "DB|auto", "auto", views.ParseRef), "ref", "top of the level axis in dB")
	f.Var(newParsed(&o.display.Bands, strings.Join(spectrum.Regions, "|")+"|FILE|off", "off", views.ParseBands), "bands", "names of bands, of a region or a file")
	f.Var(newParsed(&o.display.Theme, "viridis|cividis|grey", "viridis", views.ParseTheme), "theme", "scale of colours")
	f.Var(newParsed(&o.display.Background, "auto|dark|light", "auto", views.ParseBackground), "background", "of the terminal; auto goes by COLORFGBG")
	f.Var(newParsed(&o.display.Glyphs, "auto|braille|block|ascii", "auto", views.ParseGlyphs), "glyphs", "what to draw with")
	f.Var(newParsed(&o.display.Motion, "auto|scroll|sweep", "auto", views.ParseMotion), "fall", "how the waterfall goes on; auto sweeps where bytes are dear")
	f.Var(newParsed(&o.display.TTYBudget, "BYTES|off|auto", "auto", views.ParseBudget), "tty-budget", "send the terminal at most so many bytes a second, such as 20k; auto has a budget over SSH")
}

// serverFlags are about who can reach a server here and who gets in.
func (o *options) serverFlags(f *pflag.FlagSet) {
	e := &o.entrance
	f.Var(newParsed(&o.listen, "ADDRESS", stream.DefaultAddr, parseAddress), "listen", "serve on this `ADDRESS`; what others can reach takes TLS and tokens")
	f.BoolVar(&e.RequireToken, "require-token", false, "let in nobody without a token, not even from this machine")
	f.BoolVar(&o.oneOperator, "one-operator", false, "let one operator at a time tune; others ask for the controls")
	f.StringVar(&e.CertFile, "tls-cert", "", "serve with the certificate in this `FILE`, which may be renewed at any time")
	f.StringVar(&e.KeyFile, "tls-key", "", "its key, in this `FILE`")
	f.StringSliceVar(&e.Proxies, "trusted-proxy", nil, "believe X-Forwarded-For of these `ADDRESSES` or networks; takes tokens from everybody")
	f.StringSliceVar(&e.Origins, "allow-origin", nil, "let web pages of these `ORIGINS` connect, such as https://spectrum.example.org")
	f.BoolVar(&e.Insecure, "insecure", false, "serve others without TLS and tokens: whoever reaches the address may tune")
	f.Var(&limitFlag{limits: &o.limits}, "limit", "bound what those who connect can make the server do, such as sessions=100,bytes=131072; docs/OPERATIONS.md lists all")
	f.Var(newParsed(&o.logLevel, "debug|info|warn|error", "info", parseLevel), "log-level", "with --serve: log what is at least so grave")
	f.BoolVar(&o.logJSON, "log-json", false, "with --serve: log lines of JSON")
}

func (o *options) linkFlags(f *pflag.FlagSet) {
	f.StringVar(&o.tokenFile, "token-file", "", "with --connect: read the token from this `FILE`; else "+access.TokenVariable+", else it is asked for")
	f.StringVar(&o.ca, "ca", "", "with --connect: trust only servers that the authorities in this `FILE` vouch for")
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

// A parsed is the value of a flag that is read as soon as it is given, so that what is
// wrong with it is told with where it stands.
type parsed[T any] struct {
	into  *T
	arg   string
	text  string
	parse func(string) (T, error)
}

// newParsed puts what text means into *into, if there is a text.
func newParsed[T any](into *T, arg, text string, parse func(string) (T, error)) *parsed[T] {
	p := &parsed[T]{into, arg, text, parse}
	if text != "" {
		_ = p.Set(text) // a default is good
	}
	return p
}

var _ pflag.Value = (*parsed[string])(nil)

func (p *parsed[T]) String() string { return p.text }
func (p *parsed[T]) Type() string   { return p.arg }

func (p *parsed[T]) Set(text string) error {
	v, err := p.parse(text)
	if err == nil {
		*p.into, p.text = v, text
	}
	return err
}

func parseDevice(s string) (string, error) {
	driver, argument, _ := strings.Cut(s, ":")
	if s == "synth" || driver == "hackrf" || driver == "replay" && argument != "" {
		return s, nil
	}
	return "", fmt.Errorf("%q is no radio: use synth, replay:PATH or hackrf[:SERIAL]", s)
}

func parseAddress(s string) (string, error) {
	if _, _, err := net.SplitHostPort(s); err != nil {
		return "", fmt.Errorf("%q is not an address: write it like %s", s, stream.DefaultAddr)
	}
	return s, nil
}

func parseLevel(s string) (level slog.Level, err error) {
	if level.UnmarshalText([]byte(s)) != nil {
		return level, fmt.Errorf("%q is not a level: use debug, info, warn or error", s)
	}
	return level, nil
}
