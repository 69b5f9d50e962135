package main

import (
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"argos/device"
	"argos/device/hackrf"
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

// doctorCommand says what is missing for a radio.
func doctorCommand() *cobra.Command {
	rule := false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say what is missing to use a HackRF",
		Args:  func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			if rule {
				fmt.Fprint(out, hackrf.Rule)
				return nil
			}
			well := true
			for _, k := range hackrf.Diagnose(c.Context()) {
				mark := "ok"
				if !k.OK {
					mark, well = "FAIL", false
				}
				fmt.Fprintf(out, "%-4s  %-8s %s\n", mark, k.Name, k.Text)
				if !k.OK && k.Hint != "" {
					fmt.Fprintf(out, "%15s%s\n", "", k.Hint)
				}
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
