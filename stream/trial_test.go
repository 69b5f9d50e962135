package stream

import (
	"context"
	cryptorand "crypto/rand"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"argos/spectrum"
	"argos/stream/faultproxy"
)

// A trial is a server behind a bad network, one epoch after the other, and what its
// lives produced.
type trial struct {
	random  *rand.Rand // of who produces
	source  *fakeSource
	proxy   *faultproxy.Proxy
	budget  int // of a history
	keep    int // entries of an event log
	listen  func() net.Listener
	dial    func(ctx context.Context, network, address string) (net.Conn, error) // past the proxy
	period  time.Duration                                                        // between frames
	options *ServerOptions                                                       // nil: this machine alone comes in

	impatient bool // time is real

	generation uint64 // of the grid below
	grid       spectrum.Grid
	borders    []int // of the segments of the grid

	lives    []*life
	repeated int // commands that a server knew already
	history  *spectrum.History
	server   *Server
	stop     context.CancelFunc
	served   chan error
}

// kernelBuffer is what a pipe holds at the server's end: about what the kernel keeps for
// a viewer that does not read.
const kernelBuffer = 32 << 10

// newTrial returns a trial in memory, or on real sockets. The server is not up.
func newTrial(t *testing.T, seed uint64, real bool) *trial {
	t.Helper()
	tr := &trial{random: rand.New(rand.NewPCG(seed, 1)), source: newFakeSource(), keep: logEntries, period: framePeriod, impatient: real}
	var (
		mu   sync.Mutex
		dial func(ctx context.Context, network, address string) (net.Conn, error)
	)
	tr.listen = func() net.Listener {
		mu.Lock()
		defer mu.Unlock()
		if !real {
			ln := faultproxy.NewListener(kernelBuffer)
			dial = ln.Dial
			return ln
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
		}
		return ln
	}
	tr.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		mu.Lock()
		current := dial
		mu.Unlock()
		return current(ctx, network, address)
	}
	tr.proxy = faultproxy.New(seed, tr.dial)
	tr.retune()
	return tr
}

// start begins a life.
func (tr *trial) start() {
	tr.history, tr.served = spectrum.NewHistory(tr.budget), make(chan error, 1)
	l := &life{epoch: cryptorand.Text(), forgetful: tr.budget > 0}
	l.ledger = newLedger(l.epoch, tr.keep)
	tr.server = newServer(tr.source, tr.history, l.ledger, tr.options)
	tr.lives = append(tr.lives, l)
	ctx, cancel := context.WithCancel(context.Background())
	tr.stop = cancel
	listener, server, served := tr.listen(), tr.server, tr.served
	go func() { served <- server.Serve(ctx, listener) }()
}

func (tr *trial) life() *life { return tr.lives[len(tr.lives)-1] }

// end ends a life; one that is killed says nothing to anybody.
func (tr *trial) end(t *testing.T, killed bool) {
	t.Helper()
	if killed {
		tr.proxy.Reset(0)
	}
	tr.stop()
	if err := <-tr.served; err != nil {
		t.Errorf("serve: %v", err)
	}
	tr.repeated += int(gather(t, tr.server)["argos_commands_total outcome=repeated"])
}

// retune begins a generation with another grid, which may be of zero span.
func (tr *trial) retune() {
	r := tr.random
	tr.generation++
	bins := []int{16, 64, 100}[r.IntN(3)]
	tr.grid = spectrum.Grid{
		Generation: tr.generation, StartHz: float64(r.IntN(6e9)), BinHz: float64(1 + r.IntN(1e5)), Bins: bins,
		StepDB: 0.5, RBWHz: 1, Window: spectrum.Hann, Min: r.IntN(2) == 0,
	}
	tr.borders = []int{0, bins}
	if r.IntN(2) == 0 {
		tr.borders = []int{0, 1 + r.IntN(bins/2), bins/2 + 1 + r.IntN(bins/2-1), bins}
	}
	if r.IntN(4) == 0 {
		tr.grid.BinHz, tr.grid.PointSec = 0, float64(1+r.IntN(1e4))*1e-4
	}
}

func (tr *trial) produce() { tr.append(tr.frame()) }

// frame makes a frame. One of several segments may lack some of them, as when a sweep is
// slower than the frame rate; one of zero span may lack points.
func (tr *trial) frame() *spectrum.Frame {
	r, bins := tr.random, tr.grid.Bins
	f := &spectrum.Frame{Grid: tr.grid, First: time.Now(), Last: time.Now(), Mean: make([]int16, bins), Max: make([]int16, bins)}
	for b := range bins {
		f.Mean[b], f.Max[b] = spectrum.Absent, spectrum.Absent
	}
	if tr.grid.Min {
		f.Min = slices.Clone(f.Mean)
	}
	always := r.IntN(len(tr.borders) - 1)
	for s, from := range tr.borders[:len(tr.borders)-1] {
		if s != always && r.IntN(2) == 0 {
			continue
		}
		to := tr.borders[s+1]
		f.Segments = append(f.Segments, spectrum.Segment{Bin: from, Bins: to - from, Windows: 1 + r.IntN(8), First: f.First, Last: f.Last})
		for b := from; b < to; b++ {
			f.Mean[b] = int16(-240 + r.IntN(100))
			f.Max[b] = f.Mean[b] + int16(r.IntN(40))
			if r.IntN(100) == 0 {
				f.Max[b] += 400 // a burst: too much for one byte
			}
			if tr.grid.Min {
				f.Min[b] = f.Mean[b] - int16(r.IntN(300))
			}
			if tr.grid.ZeroSpan() && r.IntN(20) == 0 {
				f.Mean[b], f.Max[b] = spectrum.Absent, spectrum.Absent
				if tr.grid.Min {
					f.Min[b] = spectrum.Absent
				}
			}
		}
	}
	return f
}

func (tr *trial) append(f *spectrum.Frame) {
	l := tr.life()
	l.frames = append(l.frames, f)
	tr.history.Append(f)
}

// log makes an event, which may be about a band.
func (tr *trial) log() {
	r := tr.random
	e := Event{Kind: "test", Severity: Severity(r.IntN(3)), Text: fmt.Sprint("number ", r.Uint64())}
	if r.IntN(2) == 0 {
		e.Kind = "signal"
		e.LowHz = float64(r.IntN(1000))
		e.HighHz = e.LowHz + float64(1+r.IntN(100))
	}
	tr.server.Event(e)
}

// feed produces so many frames at the frame rate.
func (tr *trial) feed(frames int) {
	for range frames {
		tr.produce()
		time.Sleep(tr.period)
	}
}

// A guest is a viewer of a trial.
type guest struct {
	*Client
	witness *witness
	view    View
	filters []Filter // asked for, one after the other
	joined  uint64   // where the event log was then
	leave   func()
}

// invite connects a viewer that shows each frame for as long as shows says, and waits
// until it is welcome.
func (tr *trial) invite(t *testing.T, url string, o *ClientOptions, shows func() time.Duration) *guest {
	t.Helper()
	w := newWitness()
	c := NewClient(url, w, o)
	w.client = c
	leave := run(t, c, func(ctx context.Context) { w.show(ctx, shows) })
	return &guest{
		Client: c, witness: w, view: o.View, leave: leave,
		filters: []Filter{o.Filter}, joined: tr.server.events.Head().offset,
	}
}

// run connects c and runs what goes along with it until leave is called.
func run(t *testing.T, c *Client, along ...func(ctx context.Context)) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := c.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	})
	for _, f := range along {
		running.Go(func() { f(ctx) })
	}
	<-c.Connected()
	return func() { cancel(); running.Wait() }
}

// show is a screen: it draws the newest frame, which takes as long as it takes.
func (w *witness) show(ctx context.Context, shows func() time.Duration) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.stir:
		}
		seq := uint64(0)
		for _, t := range slices.Backward(w.all()) {
			if t.frame != nil {
				seq = t.frame.LastSeq
				break
			}
		}
		timer := time.NewTimer(shows())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if seq > 0 {
			w.client.Rendered(seq)
		}
	}
}

// laws checks both for a guest that has left.
func (tr *trial) laws(g *guest) error {
	got := g.witness.all()
	if n := g.Link().Refused; n > 0 {
		return fmt.Errorf("the law of peaks: %d frame messages told nothing new", n)
	}
	if err := checkPeaks(tr.lives, g.view, got); err != nil {
		return fmt.Errorf("the law of peaks: %w", err)
	}
	if err := checkEvents(tr.lives, g.filters, g.joined, got); err != nil {
		return fmt.Errorf("the law of events: %w", err)
	}
	return nil
}

// behind says what of the newest life the guest lacks; empty: nothing.
func (tr *trial) behind(g *guest) string {
	link := g.Link()
	g.mu.Lock()
	at := g.events.at
	g.mu.Unlock()
	seq := g.witness.newest(tr.server.epoch)
	if head, logged := uint64(len(tr.life().frames)), tr.server.events.Head(); seq != head || at != logged || link.Pending > 0 {
		return fmt.Sprintf("is at frame %d of %d, lacks %d, and event %d of %d, %s", seq, head, link.Pending, at.offset, logged.offset, link.State)
	}
	return ""
}
