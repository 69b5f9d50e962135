package stream

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream/access"
)

// A rig is a server of a fake source, and a way to connect to it without a network.
type rig struct {
	source   *fakeSource
	history  *spectrum.History
	server   *Server
	network  *pipeNet
	stop     context.CancelFunc
	served   chan error
	produced []*spectrum.Frame // of this epoch, from sequence number 1
	journal  *slog.Logger
	access   *access.Policy // nil: whoever dials is operator
}

func newRig(t *testing.T) *rig { t.Helper(); return newRigWith(t, nil, nil) }

func newRigWith(t *testing.T, policy *access.Policy, journal *slog.Logger) *rig {
	t.Helper()
	r := &rig{source: newFakeSource(), network: new(pipeNet), access: policy, journal: journal}
	r.start(t)
	return r
}

// start begins an epoch.
func (r *rig) start(t *testing.T) {
	t.Helper()
	r.history, r.produced, r.served = spectrum.NewHistory(0), nil, make(chan error, 1)
	r.server = NewServer(r.source, r.history, &ServerOptions{Version: "test", Access: r.access, Journal: r.journal})
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	listener := r.network.listen()
	go func() { r.served <- r.server.Serve(ctx, listener) }()
}

// close stops the server and waits for it.
func (r *rig) close(t *testing.T) {
	t.Helper()
	r.stop()
	if err := <-r.served; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// framePeriod is the time between the frames that feed makes: 20 a second.
const framePeriod = 50 * time.Millisecond

// feed makes so many frames at 20 a second.
func (r *rig) feed(frames int) {
	for range frames {
		r.append(testFrame(len(r.produced)))
		time.Sleep(framePeriod)
	}
}

func (r *rig) append(f *spectrum.Frame) {
	f.FirstSeq = r.history.Append(f)
	f.LastSeq = f.FirstSeq
	r.produced = append(r.produced, f)
}

// watch connects a client whose frames and events go to the returned recorder. The
// recorder acknowledges at once unless told to hold.
func (r *rig) watch(t *testing.T) (*Client, *recorder, func()) {
	t.Helper()
	rec := new(recorder)
	c := NewClient("ws://rig", rec, &ClientOptions{Dial: r.network.dial})
	rec.client = c
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := c.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	return c, rec, func() { cancel(); <-done }
}

// fakeSource is a capture that only remembers what it is told.
type fakeSource struct {
	mu      sync.Mutex
	status  spectrum.Status
	changed chan struct{}
	takes   time.Duration
	err     error
	applied []spectrum.Settings
}

func newFakeSource() *fakeSource {
	return &fakeSource{
		changed: make(chan struct{}),
		status: spectrum.Status{
			Info:     device.Info{Driver: "fake", Name: "Fake", Simulated: true},
			Settings: spectrum.DefaultSettings(), State: spectrum.Capturing,
		},
	}
}

func (s *fakeSource) Settings() spectrum.Settings { return s.Status().Settings }

func (s *fakeSource) Change(ctx context.Context, values map[string]string) (spectrum.Settings, error) {
	set, err := s.Settings().With(values)
	if err != nil {
		return spectrum.Settings{}, err
	}
	s.mu.Lock()
	takes, err := s.takes, s.err
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		return spectrum.Settings{}, ctx.Err()
	}
	if err != nil {
		return spectrum.Settings{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.applied = append(s.applied, set)
	s.status.Settings = set
	close(s.changed)
	s.changed = make(chan struct{})
	return set, nil
}

// fail makes Change fail, delay makes it take long; applications tells the others.
func (s *fakeSource) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *fakeSource) delay(takes time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes = takes
}

func (s *fakeSource) applications() []spectrum.Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.applied)
}

func (s *fakeSource) Status() spectrum.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *fakeSource) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// recorder keeps what a client gets.
type recorder struct {
	client *Client
	mu     sync.Mutex
	hold   bool
	frames []*spectrum.Frame
	events []Event
}

func (r *recorder) Frame(f *spectrum.Frame) {
	kept := new(spectrum.Frame)
	kept.CopyFrom(f)
	r.mu.Lock()
	r.frames = append(r.frames, kept)
	hold := r.hold
	r.mu.Unlock()
	if !hold {
		r.client.Rendered(f.LastSeq)
	}
}

func (r *recorder) Gap(uint64, uint64) {}

func (r *recorder) Event(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
}

// setHold stops acknowledging, or does it again, beginning with what was shown last.
func (r *recorder) setHold(hold bool) {
	r.mu.Lock()
	r.hold = hold
	last := uint64(0)
	if n := len(r.frames); n > 0 {
		last = r.frames[n-1].LastSeq
	}
	r.mu.Unlock()
	if !hold {
		r.client.Rendered(last)
	}
}

func (r *recorder) taken() ([]*spectrum.Frame, []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frames, r.events
}

// testFrame is a frame of 64 bins whose powers tell its number.
func testFrame(n int) *spectrum.Frame {
	f := &spectrum.Frame{
		Grid:  spectrum.Grid{Generation: 1, StartHz: 100e6, BinHz: 1e3, Bins: 64, StepDB: 0.5},
		First: time.Now(), Last: time.Now(),
		Segments: []spectrum.Segment{{Bins: 64, Windows: 8, First: time.Now(), Last: time.Now()}},
		Mean:     make([]int16, 64), Max: make([]int16, 64),
	}
	for i := range f.Mean {
		f.Mean[i] = int16(-200 + (n*7+i*3)%40)
		f.Max[i] = f.Mean[i] + int16(n*i%30)
	}
	return f
}

func TestFramesArriveAsMeasured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(100)
		synctest.Wait()
		frames, _ := rec.taken()
		if len(frames) != 100 {
			t.Fatalf("%d frames arrived", len(frames))
		}
		checkLaws(t, r.produced, frames)
		for i, f := range frames {
			if f.Merged() != 1 || !slices.Equal(f.Mean, r.produced[i].Mean) {
				t.Fatalf("frame %d to %d is not as measured", f.FirstSeq, f.LastSeq)
			}
		}
		l := c.Link()
		if l.State != Live || l.Missing != 0 || l.Merged != 0 || l.Device == nil || l.Frames.Now != 20 {
			t.Errorf("link %+v", l)
		}
		leave()
		r.close(t)
	})
}

// checkLaws asserts the law of peaks: each frame received has the greatest power of
// all that were produced in its range, and no range is received twice. It returns how
// many frames are missing between the first and the last.
func checkLaws(t *testing.T, produced, received []*spectrum.Frame) (missing uint64) {
	t.Helper()
	newest := uint64(0)
	var open holes
	for _, f := range received {
		switch {
		case f.LastSeq < f.FirstSeq || f.LastSeq > uint64(len(produced)):
			t.Fatalf("frames %d to %d came of %d", f.FirstSeq, f.LastSeq, len(produced))
		case f.FirstSeq > newest:
			if newest > 0 && f.FirstSeq > newest+1 {
				open = append(open, hole{newest + 1, f.FirstSeq - 1})
			}
			newest = f.LastSeq
		case !open.fill(f.FirstSeq, f.LastSeq):
			t.Fatalf("frames %d to %d came after %d, missing were %v", f.FirstSeq, f.LastSeq, newest, open)
		}
		for b := range f.Max {
			peak := int16(spectrum.Absent)
			for _, p := range produced[f.FirstSeq-1 : f.LastSeq] {
				if p.Grid.Generation != f.Grid.Generation {
					t.Fatalf("frames %d to %d are of two generations", f.FirstSeq, f.LastSeq)
				}
				peak = max(peak, p.Max[b])
			}
			if f.Max[b] != peak {
				t.Fatalf("frames %d to %d: bin %d peaks at %d, want %d", f.FirstSeq, f.LastSeq, b, f.Max[b], peak)
			}
		}
	}
	return open.frames()
}
