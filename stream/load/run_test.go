package load

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
	"argos/stream/faultproxy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A radio makes frames of nothing at the rate that it is set to, each as old as told when
// it is made.
type radio struct {
	age time.Duration

	mu     sync.Mutex
	status spectrum.Status
	rates  []float64 // asked for
}

var _ stream.Source = (*radio)(nil)

func (r *radio) Settings() spectrum.Settings { return r.Status().Settings }
func (r *radio) Changed() <-chan struct{}    { return nil }

func (r *radio) Status() spectrum.Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

func (r *radio) Change(_ context.Context, set map[string]string) (spectrum.Settings, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, err := r.status.Settings.With(set)
	if err == nil {
		r.status.Settings, r.rates = s, append(r.rates, s.FPS)
	}
	return s, err
}

// measure appends frames to h until ctx ends.
func (r *radio) measure(ctx context.Context, h *spectrum.History) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Duration(float64(time.Second) / r.Settings().FPS)):
		}
		last := time.Now().Add(-r.age)
		h.Append(&spectrum.Frame{
			Grid:  spectrum.Grid{Generation: 1, StartHz: 100e6, BinHz: 1e3, Bins: 64, StepDB: 0.5},
			First: last, Last: last, Measured: time.Now(),
			Segments: []spectrum.Segment{{Bins: 64, Windows: 8, First: last, Last: last}},
			Mean:     make([]int16, 64), Max: make([]int16, 64),
		})
	}
}

// serve plays a radio on a server for as long as a bubble's test lasts.
func serve(t *testing.T, test func(t *testing.T, r *radio, o *Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		settings := spectrum.DefaultSettings()
		settings.FPS = 20
		r := &radio{age: 15 * time.Millisecond, status: spectrum.Status{
			Info: device.Info{Driver: "fake", Simulated: true}, Settings: settings, State: spectrum.Capturing,
		}}
		history := spectrum.NewHistory(0)
		server := stream.NewServer(r, history, &stream.ServerOptions{Version: "test"})
		listener := faultproxy.NewListener(32 << 10)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := server.Serve(ctx, listener); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() { r.measure(ctx, history) })
		test(t, r, &Options{URL: "ws://127.0.0.1:8470", Viewers: 10, Duration: 4 * time.Second, dial: listener.Dial})
		stop()
		running.Wait()
	})
}

func TestRun(t *testing.T) {
	serve(t, func(t *testing.T, r *radio, o *Options) {
		var said bytes.Buffer
		o.FPS, o.Progress = "50", &said
		p, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Connected != 10 || p.Interrupted || p.Reconnect != 0 || p.Merged != 0 || p.Gaps != 0 || p.Slow != nil || p.Storm != nil || p.Version != "test" {
			t.Errorf("%+v", p)
		}
		// The last of each second may or may not have come.
		if want := int64(10 * 50 * 4); p.Frames < want-10 || p.Frames > want+10 || math.Abs(p.FramesPS-500) > 3 {
			t.Errorf("%d frames, %g a second", p.Frames, p.FramesPS)
		}
		if p.Bytes < 50*p.Frames || math.Abs(p.BytesPS-float64(p.Bytes)/4) > 1 {
			t.Errorf("%d bytes, %g a second", p.Bytes, p.BytesPS)
		}
		if l := p.Latency; l.Frames != p.Frames || l.P50 < 15 || l.Max > 15.01 {
			t.Errorf("latency %+v", l)
		}
		if s := p.Server; s == nil || math.Abs(s.FPS-50) > 0.3 || s.Resident == 0 || s.IdleBytes == 0 {
			t.Errorf("server %+v", s)
		}
		if got := r.rates; len(got) != 2 || got[0] != 50 || got[1] != 20 {
			t.Errorf("frame rates asked for: %v", got)
		}
		if n := strings.Count(said.String(), "\n"); n < 3 || n > 5 {
			t.Errorf("it said:\n%s", &said)
		}
	})
}

// Who is slow does not get what the others get, and is not counted with them.
func TestSlowViewersAreCountedApart(t *testing.T) {
	serve(t, func(t *testing.T, _ *radio, o *Options) {
		o.Slow, o.Duration = 0.2, 20*time.Second
		p, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if p.Slow == nil || p.Slow.Viewers != 2 || p.Slow.Frames > 90 || p.Slow.Merged < 300 || p.Slow.Gaps != 0 {
			t.Errorf("slow: %+v", p.Slow)
		}
		if p.Merged != 0 || p.Latency.Max > 15.01 || p.Latency.Frames != p.Frames-p.Slow.Frames {
			t.Errorf("the others: %+v", p)
		}
		if p.Reconnect != 0 {
			t.Errorf("%d reconnects", p.Reconnect)
		}
	})
}

func TestStorm(t *testing.T) {
	serve(t, func(t *testing.T, _ *radio, o *Options) {
		o.Storm = true
		p, err := Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		if s := p.Storm; s == nil || s.Cut != 10 || s.Back != 10 || s.AllS == nil || *s.HalfS > *s.AllS || *s.AllS > 2 {
			t.Errorf("storm %+v", s)
		}
		if p.Reconnect != 10 || p.Connected != 10 || p.Gaps != 0 {
			t.Errorf("%+v", p)
		}
	})
}

// A person who has seen enough gets what there is, and the server back as it was.
func TestRunEndedEarly(t *testing.T) {
	serve(t, func(t *testing.T, r *radio, o *Options) {
		o.FPS = "50"
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		p, err := Run(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Interrupted || p.Seconds < 1 || p.Seconds > 3 || p.Connected != 10 || p.Frames == 0 {
			t.Errorf("%+v", p)
		}
		if got := r.Settings().FPS; got != 20 {
			t.Errorf("%g frames a second", got)
		}
	})
	serve(t, func(t *testing.T, r *radio, o *Options) {
		o.FPS, o.Viewers = "50", 100
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		if p, err := Run(ctx, o); err == nil || p != nil {
			t.Errorf("%+v, %v", p, err)
		}
		if got := r.Settings().FPS; got != 20 {
			t.Errorf("%g frames a second", got)
		}
	})
}

func TestReportIsWritten(t *testing.T) {
	half := 0.25
	p := &Report{
		URL: "ws://127.0.0.1:8470", Version: "v1", Viewers: 500, Connected: 499, Seconds: 10, FramesPS: 9987.4, BytesPS: 72.3e6,
		Latency: Latency{P50: 3.21, P95: 9, P99: 12.04, P999: 33, Max: 41, Frames: 99874},
		Slow:    &Slow{25, 500, 4500, 0}, Storm: &Storm{Cut: 500, Back: 499, HalfS: &half},
		Server: &Server{FPS: 20, CPU: 0.41, PerFrameUS: 41.05, Resident: 93.1e6, IdleBytes: 1.23e9}, Interrupted: true,
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"10.0 s, ended early\n", "500, 499 connected", "9987 frames/s, 72.3 MB/s", "p50 3.2  p95 9.0  p99 12.0  p99.9 33.0  max 41.0 ms",
		"half in 0.25 s, all in never", "41 % of a core at 20.0 frames/s measured, 41.0 us", "93.1 MB, 1.23 GB before",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "viewers' CPU") {
		t.Error("a CPU time that is not known is told")
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"latency_ms":{"p50":3.21,`, `"p99":12.04,"p99_9":33,`, `"half_s":0.25,"all_s":null`, `"cpu_us_per_frame":41.05`, `"reconnects":0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
