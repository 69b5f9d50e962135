// Command crowd is many viewers of one server in one process, for tests and for
// measuring: each is a whole stream.Client that draws nothing and acknowledges at once.
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
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"argos/spectrum"
	"argos/stream"
)

// A Report is how the crowd is doing.
type Report struct {
	Live     int // viewers that have a link and frames on it
	Back     int // viewers whose link was lost and is there again
	Refused  int // attempts that the server put off, as seen so far
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
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	c := crowd{stay: stay}
	go c.obey(cancel)
	for range viewers {
		v := &viewer{crowd: &c}
		v.client = stream.NewClient(url, v, &stream.ClientOptions{View: stream.View{Columns: columns}, Dial: v.dial})
		c.viewers = append(c.viewers, v)
	}
	running.Go(func() {
		for _, v := range c.viewers {
			running.Go(func() {
				if err := v.client.Run(ctx); err != nil {
					fmt.Fprintln(os.Stderr, "crowd:", err)
				}
			})
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(float64(time.Second) / rate)):
			}
		}
	})
	out := json.NewEncoder(os.Stdout)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := out.Encode(c.report()); err != nil {
				return fmt.Errorf("report: %w", err)
			}
		}
	}
}

type crowd struct {
	viewers []*viewer
	stay    int
	stale   int
	frames  atomic.Int64
}

// obey does what standard input says until it ends.
func (c *crowd) obey(end func()) {
	defer end()
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		if in.Text() != "cut" {
			continue
		}
		for _, v := range c.viewers[c.stay:] {
			v.cut()
		}
	}
}

func (c *crowd) report() Report {
	r := Report{Frames: c.frames.Load()}
	for n, v := range c.viewers {
		l := v.client.Link()
		r.Missing += l.Missing
		if n < c.stay {
			r.Outages += len(l.Outages)
			if l.State == stream.Stale {
				c.stale++
			}
		}
		switch l.State {
		case stream.Live, stream.Degraded, stream.CatchingUp:
			r.Live++
			r.Back += min(len(l.Outages), 1)
		}
		r.Attempts = max(r.Attempts, l.Attempt)
	}
	r.Stale = c.stale
	return r
}

// A viewer shows nothing.
type viewer struct {
	crowd  *crowd
	client *stream.Client
	mu     sync.Mutex
	conn   *net.TCPConn
}

var _ stream.Sink = (*viewer)(nil)

func (v *viewer) Event(stream.Event) {}

func (v *viewer) Gap(first, last uint64) {}

func (v *viewer) Frame(f *spectrum.Frame) {
	v.crowd.frames.Add(1)
	v.client.Rendered(f.LastSeq)
}

func (v *viewer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.conn = conn.(*net.TCPConn)
	return conn, nil
}

// cut resets the connection, as a network does that forgets it.
func (v *viewer) cut() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn != nil {
		_ = v.conn.SetLinger(0) // it may be closed already
		_ = v.conn.Close()
	}
}
