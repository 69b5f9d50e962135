package views

import (
	"bytes"
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/gdamore/tcell/v2"

	"argos/device/synth"
	"argos/spectrum"
	"argos/stream"
)

// A stopwatch is a link that notes how old each frame is when it has been written to the
// terminal, by the program's own stages.
type stopwatch struct {
	*stream.Client
	mu   sync.Mutex
	ages []stream.Age
}

var _ Source = (*stopwatch)(nil)

func (s *stopwatch) Rendered(seq uint64) {
	s.Client.Rendered(seq)
	age := s.Link().Age
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ages = append(s.ages, age)
}

// tapped notes when the last sample of each frame was taken, by the radio's clock.
type tapped struct {
	*App
	mu   sync.Mutex
	last []time.Time
}

func (t *tapped) Frame(f *spectrum.Frame) {
	t.mu.Lock()
	t.last = append(t.last, f.Last)
	t.mu.Unlock()
	t.App.Frame(f)
}

// A write is what the reader of the terminal got at once.
type write struct{ began, ended time.Time }

// apart is the least time between two draws, less what one takes to be read.
const apart = 3 * time.Millisecond

// BenchmarkLatency is the time from the last sample of a frame to the return of the write
// that shows it, of the program's own parts in one process: the synthetic radio at
// 2 Msps, capture at 30 frames a second, server, loopback, client, and the screen on a
// pseudo-terminal of 160 by 45. The stages are those of the link pane. Beside them is
// what a reader at the other end of the pseudo-terminal sees by its own clock: when the
// first draw that began after the last sample had come whole.
func BenchmarkLatency(b *testing.B) {
	const lasts, settle = 15 * time.Second, 3 * time.Second
	for b.Loop() {
		ages, last, writes := watchLatency(b, settle, lasts)
		stage := func(name string, of func(a *stream.Age) time.Duration) {
			var took []time.Duration
			for _, a := range ages {
				took = append(took, of(&a))
			}
			reportPercentiles(b, name, took)
		}
		stage("capture", func(a *stream.Age) time.Duration { return a.Capture })
		stage("serve", func(a *stream.Age) time.Duration { return a.Serve })
		stage("link", func(a *stream.Age) time.Duration { return a.Link })
		stage("draw", func(a *stream.Age) time.Duration { return a.Draw })
		stage("all", func(a *stream.Age) time.Duration { return a.Capture + a.Serve + a.Link + a.Draw })
		var seen []time.Duration
		for _, taken := range last {
			if at, _ := slices.BinarySearchFunc(writes, taken, func(w write, t time.Time) int { return w.began.Compare(t) }); at < len(writes) {
				seen = append(seen, writes[at].ended.Sub(taken))
			}
		}
		reportPercentiles(b, "seen", seen)
		b.ReportMetric(float64(len(ages))/lasts.Seconds(), "frames/s")
		b.ReportMetric(0, "ns/op")
	}
}

func reportPercentiles(b *testing.B, name string, took []time.Duration) {
	if len(took) == 0 {
		b.Fatalf("%s: nothing measured", name)
	}
	slices.Sort(took)
	ms := func(share float64) float64 {
		return float64(took[int(share*float64(len(took)-1))]) / float64(time.Millisecond)
	}
	b.ReportMetric(ms(0.50), name+"-p50-ms")
	b.ReportMetric(ms(0.99), name+"-p99-ms")
}

// watchLatency runs everything for a while and returns what was measured once it had
// settled.
func watchLatency(b *testing.B, settle, lasts time.Duration) (ages []stream.Age, last []time.Time, writes []write) {
	radio, history := synth.Open(nil), spectrum.NewHistory(0)
	settings := spectrum.DefaultSettings()
	settings.FPS = 30
	capture, err := spectrum.NewCapture(radio, history, settings, nil)
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	master, slave, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	if err := pty.Setsize(master, &pty.Winsize{Cols: 160, Rows: 45}); err != nil {
		b.Fatal(err)
	}
	b.Setenv("TERM", "xterm-256color")
	b.Setenv("COLORTERM", "truecolor")
	tty, err := tcell.NewDevTtyFromDev(slave.Name())
	if err != nil {
		b.Fatal(err)
	}
	meter := &meter{}
	gate := newGate(tty, meter)
	app, err := New(&Options{Screen: terminfoScreen(b, gate)})
	if err != nil {
		b.Fatal(err)
	}
	app.gate, app.meter = gate, meter
	sink := &tapped{App: app}
	clock := &stopwatch{Client: stream.NewClient("ws://"+ln.Addr().String(), sink, &stream.ClientOptions{View: Wants})}

	ctx, stop := context.WithCancel(b.Context())
	var running, reading sync.WaitGroup
	must := func(what func(ctx context.Context) error) {
		running.Go(func() {
			if err := what(ctx); err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		})
	}
	reading.Go(func() { writes = readWrites(master) })
	must(capture.Run)
	must(func(ctx context.Context) error { return stream.NewServer(capture, history, nil).Serve(ctx, ln) })
	must(clock.Run)
	must(func(ctx context.Context) error { return app.Run(ctx, clock) })
	time.Sleep(settle)
	clock.mu.Lock()
	clock.ages = nil
	clock.mu.Unlock()
	sink.mu.Lock()
	sink.last = nil
	sink.mu.Unlock()
	time.Sleep(lasts)
	stop()
	running.Wait()
	_ = radio.Close()
	if _, err := slave.WriteString(lastWord); err != nil {
		b.Fatal(err)
	}
	reading.Wait()
	return clock.ages, sink.last, writes
}

// lastWord ends the reading of a terminal.
const lastWord = "\x00"

// readWrites reads a terminal to the last word.
func readWrites(master *os.File) (writes []write) {
	buf := make([]byte, 256<<10)
	for {
		read, err := master.Read(buf)
		if err != nil || bytes.HasSuffix(buf[:read], []byte(lastWord)) {
			return writes
		}
		now := time.Now()
		if n := len(writes); n > 0 && now.Sub(writes[n-1].ended) < apart {
			writes[n-1].ended = now
			continue
		}
		writes = append(writes, write{now, now})
	}
}
