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

func command() *cobra.Command {
	o := newOptions()
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
		RunE:          func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout()) },
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return &usageError{fmt.Errorf("%w; see argos-tui --help", err)}
	})
	c.CompletionOptions.DisableDefaultCmd = true
	c.SetVersionTemplate("argos-tui {{.Version}}\n")
	f := c.Flags()
	f.SortFlags = false
	for _, g := range o.groups {
		f.AddFlagSet(g.flags)
	}
	c.AddCommand(calibrateCommand(), devicesCommand(), doctorCommand(), loadCommand(), tokenCommand(), trustCommand(), forgetCommand(), manCommand(), completionCommand())
	c.SetHelpCommand(&cobra.Command{Use: "no-help", Hidden: true}) // --help does
	complete(c)
	return c
}

func noArguments(args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected %q; see argos-tui --help", args[0])}
	}
	return nil
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
func (o *options) run(ctx context.Context, out io.Writer) error {
	if o.defaultConfig {
		return o.writeDefaults(out)
	}
	file, err := o.readConfig()
	if err != nil {
		return err
	}
	if err := o.chooseMode(file); err != nil {
		return err
	}
	if err := o.contradiction(); err != nil {
		return &usageError{err}
	}
	o.tuned = o.typed("device", "calibration", "speed", "no-loop") || len(o.tuning) > 0
	o.keep(file)
	switch {
	case o.printConfig:
		return o.writeEffective(out)
	case o.once:
		return o.writeOnce(ctx)
	case o.serve:
		return o.runServer(ctx)
	default:
		return o.show(ctx)
	}
}

// show watches what there is to watch. A screen that nobody closed says why it is gone.
func (o *options) show(ctx context.Context) error {
	watch := o.runLocal
	if o.connect != "" {
		watch = o.watch
	}
	err := watch(ctx)
	if err == nil && !o.json && !o.plain && ctx.Err() != nil {
		err = fmt.Errorf("ended: %w", context.Cause(ctx))
	}
	return err
}

// contradiction says what on the command line cannot go together.
func (o *options) contradiction() error {
	switch {
	case o.once && (!o.json || o.serve || o.connect != ""):
		return errors.New("--once writes one frame as JSON from a device here: use it with --json, without --serve or --connect")
	case o.json && o.plain:
		return errors.New("--json and --plain each replace the screen: use one of them")
	case o.serve && (o.json || o.plain || o.connect != ""):
		return errors.New("--serve has no screen and captures here: use it without --json, --plain and --connect")
	case !o.serve && o.typed("log-level", "log-json"):
		return errors.New("--log-level and --log-json are for a server without a screen: use them with --serve")
	case (o.serve || o.once) && !o.filter.All():
		return errors.New("--events says what a screen, --json or --plain shows: use it without --serve and --once")
	case o.connect != "" && o.typed("device"):
		return errors.New("--device is opened where the server runs: give it there, not with --connect")
	case o.connect != "" && o.typed("calibration"):
		return errors.New("--calibration is of the radio where the server runs: give it there, not with --connect")
	case o.connect != "" && o.guards():
		return errors.New("who gets in is for the server to say: not with --connect")
	case o.once && o.guards():
		return errors.New("who gets in is for a server to say, and --once is none")
	case o.connect == "" && o.typed("token-file", "ca"):
		return errors.New("--token-file and --ca are for the server of --connect")
	default:
		return nil
	}
}
