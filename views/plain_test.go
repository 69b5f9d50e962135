package views

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
)

// A plainRig is a Plain that writes to a pipe.
type plainRig struct {
	t     *testing.T
	view  *Plain
	src   *fakeSource
	pipe  *jsonPipe
	scene *scene
	ended chan error
	stop  context.CancelFunc
}

func startPlain(t *testing.T) *plainRig {
	r := &plainRig{t: t, src: newSource(time.Now()), pipe: &jsonPipe{}, scene: newScene(1024), ended: make(chan error, 1)}
	r.src.change(func(l *stream.Link) {
		d := *l.Device
		d.LastOverload = time.Time{}
		l.Device, l.RTT.ClockOffset = &d, 0
	})
	r.view = NewPlain(r.pipe)
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.ended <- r.view.Run(ctx, r.src) }()
	return r
}

func (r *plainRig) feed(n int) {
	for range n {
		time.Sleep(50 * time.Millisecond)
		r.view.Frame(r.scene.next(time.Now()))
	}
	synctest.Wait()
}

// last is the newest sentence.
func (r *plainRig) last() string {
	r.pipe.mu.Lock()
	defer r.pipe.mu.Unlock()
	all := strings.Split(strings.TrimSuffix(r.pipe.text.String(), "\n"), "\n")
	return all[len(all)-1]
}

func (r *plainRig) end() {
	r.t.Helper()
	r.stop()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run ended with %v", err)
	}
}

func TestPlainSentences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t)
		defer r.end()
		time.Sleep(10 * time.Millisecond) // no frame comes in the moment of a sentence
		r.feed(59)
		r.pipe.mu.Lock()
		text := r.pipe.text.String()
		r.pipe.mu.Unlock()
		if n := strings.Count(text, "\n"); n != 2 {
			t.Errorf("%d sentences in 2.96 s:\n%s", n, text)
		}
		want := regexp.MustCompile(`^LIVE, 40 ms old\. 98\.100 MHz span 2 MHz, RBW 2\.9 kHz\. Strongest 98\.300 MHz -3\d\.\d dBFS, 4\d dB above noise\. Nothing lost\.$`)
		if got := r.last(); !want.MatchString(got) {
			t.Errorf("said %q", got)
		}
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("acknowledged %d of %d", got, r.scene.seq)
		}
		r.view.Event(stream.Event{Time: time.Now(), Kind: "overload", Severity: stream.Warning, Text: "overload:\x1b[2J 0.4% of samples"})
		synctest.Wait()
		if got := r.last(); got != "WARNING, 2000-01-01T00:00:02.960Z, overload: overload:[2J 0.4% of samples." {
			t.Errorf("said %q", got)
		}
	})
}

// Each state has words of its own; no number alone tells.
func TestPlainStates(t *testing.T) {
	for _, tc := range []struct {
		state stream.LinkState
		set   func(*stream.Link)
		want  string
	}{
		{stream.Connecting, nil, "CONNECTING. What was last seen is"},
		{stream.Degraded, func(l *stream.Link) { l.Behind, l.Tier = 4, 512 }, "DEGRADED, frames merged 4 at a time, 512 cells, 1"},
		{stream.Stale, nil, "STALE. What was last seen is 1.0 s old. 98.100 MHz"},
		{stream.CatchingUp, func(l *stream.Link) { l.Pending = 64 }, "CATCHING UP, 64 frames to come, 1.0 s old."},
		{stream.Reconnecting, func(l *stream.Link) {
			l.Attempt, l.Reason, l.RetryAt = 3, "connection refused", time.Now().Add(5200*time.Millisecond)
		}, "RECONNECTING, attempt 3 in 4.2 s: connection refused. What was last seen is 1.0 s old."},
		{stream.Refused, func(l *stream.Link) { l.Reason = "401: this server wants a token" }, "REFUSED: 401: this server wants a token."},
		{stream.Live, func(l *stream.Link) { l.Missing, l.EventsMissing, l.Restarts = 12, 3, 1 }, "Lost 12 frames, 3 events, what came in 1 restarts of the server."},
		{stream.Live, func(l *stream.Link) { l.Server.Insecure = true }, "old. INSECURE: nothing is encrypted."},
		{stream.Live, func(l *stream.Link) {
			d := *l.Device
			d.Info.Simulated, d.State, d.Reason, d.LastOverload, d.Lost = true, spectrum.Interrupted, "unplugged", time.Now().Add(time.Second), 4096
			l.Device = &d
		}, "SIMULATED. Radio interrupted unplugged. OVERLOAD now."},
		{stream.Live, func(l *stream.Link) {
			d := *l.Device
			d.LastOverload, d.Lost = time.Now().Add(-2*time.Minute), 4096
			l.Device = &d
		}, "Overload 2 m ago."},
		{stream.Live, func(l *stream.Link) {
			d := *l.Device
			d.Correction.Missing = "no level for LNA 24 VGA 30 amp off"
			l.Device = &d
		}, "old. The calibration has no level for LNA 24 VGA 30 amp off. 98.100 MHz"},
		{stream.Live, func(l *stream.Link) { l.Device = nil }, "LIVE, "},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startPlain(t)
			defer r.end()
			time.Sleep(49 * time.Millisecond)
			r.feed(19)
			r.src.change(func(l *stream.Link) {
				l.State = tc.state
				if tc.set != nil {
					tc.set(l)
				}
			})
			time.Sleep(1001 * time.Millisecond)
			synctest.Wait()
			if got := r.last(); !strings.Contains(got, tc.want) {
				t.Errorf("%v: said %q, want %q", tc.state, got, tc.want)
			}
		})
	}
}

func TestPlainRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t)
		defer r.end()
		over, err := r.scene.frame.Grid.Tuning.Over(device.Range{LowHz: 97.1e6, HighHz: 98e6}, device.Range{LowHz: 98.5e6, HighHz: 99.1e6})
		if err != nil {
			t.Fatal(err)
		}
		r.scene.frame.Grid.Tuning = over
		r.feed(25)
		if got := r.last(); !strings.Contains(got, "Ranges 97.1M:98M,98.5M:99.1M, RBW 2.9 kHz.") {
			t.Errorf("said %q", got)
		}
	})
}

// What no level can be read without is said of each way to measure.
func TestPlainHowItWasMeasured(t *testing.T) {
	for _, tc := range []struct {
		set  func(g *spectrum.Grid)
		want string
	}{
		{func(g *spectrum.Grid) { g.DC = spectrum.DCMask }, "span 2 MHz, RBW 2.9 kHz. DC masked. Strongest 98.300 MHz"},
		{func(g *spectrum.Grid) { g.DC = spectrum.DCInterpolate }, " DC interpolated. Strongest"},
		{func(g *spectrum.Grid) { g.VBWHz = 120 }, "RBW 2.9 kHz, VBW 120 Hz. Strongest"},
		{func(g *spectrum.Grid) { g.RBWHz = 0 }, "span 2 MHz. Strongest"},
		{func(g *spectrum.Grid) {
			g.StartHz, g.BinHz, g.PointSec, g.RBWHz = 98.34e6, 0, 50e-3/1024, 100e3
			g.Tuning = device.Tuning{CenterHz: 98.34e6, RateHz: 2e6}
		}, "Zero span at 98.340 MHz, RBW 100 kHz, sweep time 50 ms. Strongest "},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startPlain(t)
			defer r.end()
			tc.set(&r.scene.frame.Grid)
			r.feed(25)
			if got := r.last(); !strings.Contains(got, tc.want) {
				t.Errorf("said %q, want %q", got, tc.want)
			}
		})
	}
}

// A pipe that takes nothing stalls no one: frames stay unacknowledged, events are counted
// once no more find room, and the end comes.
func TestPlainStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t)
		free := make(chan struct{})
		r.pipe.mu.Lock()
		r.pipe.stall = free
		r.pipe.mu.Unlock()
		time.Sleep(1500 * time.Millisecond) // a sentence hangs
		r.feed(100)
		if got := r.src.newest(); got != 0 {
			t.Errorf("acknowledged %d", got)
		}
		for range eventsWaiting + 5 {
			r.view.Event(stream.Event{Time: time.Now(), Kind: "k", Text: "x"})
		}
		r.pipe.mu.Lock()
		r.pipe.stall = nil
		r.pipe.mu.Unlock()
		close(free)
		synctest.Wait()
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("acknowledged %d of %d", got, r.scene.seq)
		}
		r.pipe.mu.Lock()
		text := r.pipe.text.String()
		r.pipe.mu.Unlock()
		if strings.Count(text, " k: x.\n") != eventsWaiting || !strings.Contains(text, "5 more events came faster than they could be written.\n") {
			t.Errorf("wrote\n%s", text)
		}
		r.end()

		r = startPlain(t)
		free = make(chan struct{})
		r.pipe.mu.Lock()
		r.pipe.stall = free
		r.pipe.mu.Unlock()
		time.Sleep(1500 * time.Millisecond)
		r.stop()
		if err := <-r.ended; !errors.Is(err, errAbandoned) {
			t.Errorf("ended with %v", err)
		}
		close(free)
	})
}

func TestPlainFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startPlain(t)
		r.pipe.mu.Lock()
		r.pipe.err = errors.New("broken pipe")
		r.pipe.mu.Unlock()
		if err := <-r.ended; err == nil || err.Error() != "write: broken pipe" {
			t.Errorf("ended with %v", err)
		}
	})
}
