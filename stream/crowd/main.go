// Command crowd is a load.Crowd in a process of its own that does as it is told, for tests.
//
//	crowd -url ws://127.0.0.1:8470 -viewers 2000 -stay 50
//
// It writes a line of JSON each 100 ms, a Report. A line "cut" on standard input resets
// the connections of all viewers but those that stay; its end ends the program.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"argos/stream"
	"argos/stream/load"
)

// A Report is how the crowd is doing.
type Report struct {
	Live     int // viewers that have a link and frames on it
	Back     int // viewers whose link was lost and is there again
	Outages  int // of those that stay
	Stale    int // times that one of those that stay was seen STALE
	Frames   int64
	Missing  uint64
	Attempts int // most that one needed
}

func main() {
	url := flag.String("url", "ws://"+stream.DefaultAddr, "of the server")
	viewers := flag.Int("viewers", 100, "how many")
	stay := flag.Int("stay", 0, "how many of them are not cut")
	columns := flag.Int("columns", 16, "how wide their frames are")
	rate := flag.Float64("rate", 1000, "how many connect a second")
	flag.Parse()
	if err := run(*url, *viewers, *stay, *columns, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		os.Exit(1)
	}
}

func run(url string, viewers, stay, columns int, rate float64) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c := load.NewCrowd(url, &load.CrowdOptions{Viewers: viewers, Columns: columns})
	go obey(c, stay, cancel)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx, rate) }()
	out := json.NewEncoder(os.Stdout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for stale := 0; ; {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			r := report(c, stay)
			stale += r.Stale
			r.Stale = stale
			if err := out.Encode(r); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		}
	}
}

// obey does what standard input says until it ends.
func obey(c *load.Crowd, stay int, end func()) {
	defer end()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() == "cut" {
			c.Cut(stay)
		}
	}
}

// report is how a crowd is doing now.
func report(c *load.Crowd, stay int) Report {
	r := Report{Frames: c.Frames()}
	n := 0
	for l := range c.Links() {
		r.Missing += l.Missing
		if n < stay {
			r.Outages += len(l.Outages)
			if l.State == stream.Stale {
				r.Stale++
			}
		}
		switch l.State {
		case stream.Live, stream.Degraded, stream.CatchingUp:
			r.Live++
			r.Back += min(len(l.Outages), 1)
		}
		r.Attempts = max(r.Attempts, l.Attempt)
		n++
	}
	return r
}
