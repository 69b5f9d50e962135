package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"argos/device"
	"argos/device/hackrf"
	"argos/views"
)

// devicesCommand lists the radios of this machine.
func devicesCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "devices",
		Short: "List the radios that are plugged in",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := hackrf.List(c.Context())
			if err != nil {
				return err
			}
			if len(all) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "no HackRF is plugged in; see argos-tui doctor")
			}
			file, err := new(options).calibrations()
			if err != nil {
				notice(err.Error())
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 8, 2, ' ', 0)
			for _, f := range all {
				state := "free, firmware " + f.Firmware
				switch {
				case f.Err != nil:
					state = f.Err.Error()
				case f.Wrong != nil:
					state += "; " + why(f.Wrong)
				}
				if known := file.For(device.Info{Driver: "hackrf", Serial: f.Serial}); known != nil {
					state += fmt.Sprintf("; calibrated at %d gain states", len(known.Levels))
				}
				fmt.Fprintf(w, "hackrf:%s\t%s\t%s\n", f.Serial, f.Board, state)
			}
			return w.Flush()
		},
	}
}

var errUnwell = errors.New("something is missing for a HackRF; see above")

// doctorCommand says what is missing for a radio and for the screen.
func doctorCommand() *cobra.Command {
	rule := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is missing to use a HackRF and to draw the screen",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			if rule {
				fmt.Fprint(out, hackrf.Rule)
				return nil
			}
			well := true
			for _, k := range hackrf.Diagnose(c.Context()) {
				hint := k.Hint
				if k.OK {
					hint = ""
				}
				tell(out, k.OK, "FAIL", k.Name, k.Text, hint)
				well = well && k.OK
			}
			// What is wrong with a terminal hinders no server.
			for _, f := range views.Examine(os.Getenv) {
				tell(out, f.OK, "note", f.Name, f.Text, f.Hint)
			}
			terminal := term.IsTerminal(int(os.Stdout.Fd()))
			if terminal {
				f := terminalSpeed()
				tell(out, f.OK, "note", f.Name, f.Text, f.Hint)
			}
			for _, line := range views.GlyphCard(terminal && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb") {
				fmt.Fprintln(out, line)
			}
			if !well {
				return errUnwell
			}
			return nil
		},
	}
	c.Flags().BoolVar(&rule, "rule", false, "write the udev rule that lets people use a HackRF, for /etc/udev/rules.d/"+hackrf.RuleName)
	return c
}

// tell writes what was found, and below it what to do.
func tell(out io.Writer, ok bool, otherwise, name, text, hint string) {
	mark := "ok"
	if !ok {
		mark = otherwise
	}
	fmt.Fprintf(out, "%-4s  %-8s %s\n", mark, name, text)
	if hint != "" {
		fmt.Fprintf(out, "%15s%s\n", "", hint)
	}
}

// terminalSpeed measures the terminal that standard output is.
func terminalSpeed() views.Finding {
	none := views.Finding{Name: "speed", OK: true, Text: "not measured: the terminal cannot be asked"}
	if os.Getenv("TERM") == "dumb" {
		return none
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return none
	}
	defer tty.Close()
	before, err := term.MakeRaw(int(tty.Fd()))
	if err != nil {
		return none
	}
	defer func() { _ = term.Restore(int(tty.Fd()), before) }() // it was good before
	return views.MeasureTerminal(tty)
}
