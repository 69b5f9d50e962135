package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"argos/spectrum"
	"argos/stream"
	"argos/stream/access"
	"argos/stream/load"
)

// loadCommand puts load on a server and tells how it bears it.
func loadCommand() *cobra.Command {
	o := load.Options{Agent: "argos-tui load " + versionText()}
	tokenFile, authorities, lines := "", "", false
	c := &cobra.Command{
		Use:   "load",
		Short: "Put many viewers on a server and measure what they get and what it takes",
		Long: `Put many viewers on a server and measure what they get and what it takes.

The server is on this machine, or it is reached by wss:// with an operator's token; either way
it has to let us in as operator. With --fps its frame rate is changed meanwhile. Latency is from
the last sample of a frame to its arrival here, of viewers that are not slow.`,
		Example: `  argos-tui load --clients 500 --fps 20 --duration 10s
  argos-tui load --connect wss://box:8470 --token-file token --clients 50 --json | jq .latency_ms.p99
  argos-tui load --clients 200 --slow 5% --storm`,
		Args: func(_ *cobra.Command, args []string) error { return noArguments(args) },
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if o.Login, err = access.NewLogin(access.DefaultDir(), tokenFile, authorities); err != nil {
				return err
			}
			if err := o.Check(); err != nil {
				return &usageError{err}
			}
			o.Progress = c.ErrOrStderr()
			report, doubt := load.Run(c.Context(), &o)
			if report == nil {
				return doubt
			}
			write := report.Write
			if lines {
				write = func(out io.Writer) error { return json.NewEncoder(out).Encode(report) }
			}
			if err := write(c.OutOrStdout()); err != nil {
				return err
			}
			return doubt
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.Var(newParsed(&o.URL, "URL", "ws://"+stream.DefaultAddr, stream.ParseURL), "connect", "server at this `URL`, on this machine or by wss:// with an operator's token")
	f.IntVar(&o.Viewers, "clients", 100, "this `NUMBER` of viewers, up to 10000")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "measure for this `TIME` from when all are there, up to 1h")
	f.Var(newParsed(&o.FPS, "FPS", "", parseFPS), "fps", "set the server's frame rate meanwhile to so many `FRAMES` a second; else it stays")
	f.Var(newParsed(&o.Slow, "SHARE", "", load.ParseShare), "slow", "let this `SHARE` of the viewers, such as 5%, take half a second for each frame; they are counted apart")
	f.BoolVar(&o.Storm, "storm", false, "cut all viewers off at once half way, and tell how soon they are back")
	f.IntVar(&o.Columns, "columns", 0, "let viewers ask for the bins of a screen of so many `COLUMNS`; 0 for all bins")
	f.BoolVar(&lines, "json", false, "write the report as JSON instead of a table")
	f.StringVar(&tokenFile, "token-file", "", "read the token from this `FILE`; else "+access.TokenVariable)
	f.StringVar(&authorities, "ca", "", "trust only servers that the authorities in this `FILE` vouch for")
	return c
}

// parseFPS checks a frame rate as the radio's owner will.
func parseFPS(text string) (string, error) {
	settings := spectrum.DefaultSettings()
	for _, p := range spectrum.Params {
		if p.Name == "fps" {
			return text, p.Set(&settings, text)
		}
	}
	return text, nil
}
