package views

import (
	"context"
	"flag"
	"math"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"go.uber.org/goleak"
)

// testdata is found from any directory.
var testdata, _ = filepath.Abs("testdata")

var update = flag.Bool("update", false, "rewrite the golden screens")

func TestMain(m *testing.M) {
	os.Setenv("TERM", "xterm-256color")
	for _, name := range []string{"NO_COLOR", "LC_ALL", "LC_CTYPE", "LINES", "COLUMNS", "COLORTERM"} {
		os.Unsetenv(name)
	}
	os.Setenv("LANG", "C.UTF-8")
	goleak.VerifyTestMain(m)
}

// fakeSource is a link whose state a test sets.
type fakeSource struct {
	mu       sync.Mutex
	link     stream.Link
	sets     []map[string]string
	err      error
	rendered []uint64
	view     stream.View
	retries  int
	recalls  [][]stream.Range
	rows     func(ranges []stream.Range) (stream.Rows, error) // nil: it holds none
}

func (s *fakeSource) Link() stream.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

func (s *fakeSource) Do(_ context.Context, set map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sets = append(s.sets, set)
	return s.err
}

func (s *fakeSource) Kick(_ context.Context, session string) error {
	return s.Do(context.Background(), map[string]string{"kicked": session})
}

func (s *fakeSource) Rendered(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rendered = append(s.rendered, seq)
}

func (s *fakeSource) Show(v stream.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view = v
}

func (s *fakeSource) Rows(_ context.Context, ranges []stream.Range) (stream.Rows, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recalls = append(s.recalls, ranges)
	if s.rows == nil {
		return stream.Rows{Answered: len(ranges), Oldest: math.MaxInt64}, nil
	}
	return s.rows(ranges)
}

func (s *fakeSource) Retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.retries++
}

func (s *fakeSource) change(f func(*stream.Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.link)
}

// sent takes the orders that came since the last time.
func (s *fakeSource) sent() []map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sets := s.sets
	s.sets = nil
	return sets
}

func (s *fakeSource) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.rendered) == 0 {
		return 0
	}
	return s.rendered[len(s.rendered)-1]
}

// newSource is a good link to a HackRF on a box, seen at now.
func newSource(now time.Time) *fakeSource {
	set := resolved(spectrum.DefaultSettings())
	set.Tuning.RateHz = 2e6
	s := &fakeSource{link: stream.Link{
		URL: "wss://box-7:8470", State: stream.Live, Since: now.Add(-time.Hour), UpSince: now.Add(-131 * time.Minute),
		Server:  stream.Peer{Name: "box-7", Version: "0.1.0", Session: "a1b2c3d4e5", Epoch: "e9f8a7b6", Role: "operator", PID: 4242},
		Outages: []stream.Outage{{From: now.Add(-10 * time.Minute), To: now.Add(-10*time.Minute + 3200*time.Millisecond)}},
		RTT:     stream.RTT{Now: 38e6, P50: 41e6, P95: 66e6, P99: 102e6, Min: 30e6, Jitter: 7e6, ClockOffset: -3e6},
		Age:     stream.Age{Capture: 6e6, Serve: 4e6, Link: 21e6, Draw: 11e6},
		LastSeq: 184_223,
		GPS:     &stream.GPS{Fix: 3, Lat: 48.1173, Lon: 11.5167, AccuracyM: 4, Satellites: 9, Time: now},
		Device: &spectrum.Status{
			Info:     device.Info{Driver: "hackrf", Name: "HackRF One", Serial: "0000457863c82b1041aa", Firmware: "2024.02.1", Gains: true, MinHz: 1e6, MaxHz: 6e9},
			Settings: set, State: spectrum.Capturing, SamplesPerSec: 2e6, BytesPerSec: 4e6, Frames: 12_345, LastOverload: now.Add(-2 * time.Minute),
		},
	}}
	for i := range 60 {
		v := float64((i * 7) % 11)
		s.link.RTT.Recent = append(s.link.RTT.Recent, time.Duration(30+v)*time.Millisecond)
		s.link.In.Recent = append(s.link.In.Recent, 30_000+v*1000)
		s.link.Out.Recent = append(s.link.Out.Recent, 100+v*10)
		s.link.Frames.Recent = append(s.link.Frames.Recent, 15+v/2)
	}
	s.link.In.Now, s.link.Out.Now, s.link.Frames.Now = 41_200, 280, 20
	return s
}

// A scene makes frames: noise, a broadcast, carriers, and the receiver's line at DC.
type scene struct {
	frame spectrum.Frame
	seq   uint64
	rng   *rand.Rand
}

func newScene(bins int) *scene {
	s := &scene{rng: rand.New(rand.NewSource(1)), seq: 1000}
	t := spectrum.DefaultSettings().Tuning
	t.RateHz = 2e6
	s.frame = spectrum.Frame{
		Grid: spectrum.Grid{
			Generation: 1, StartHz: t.StartHz(), BinHz: t.SpanHz / float64(bins), Bins: bins, StepDB: 0.5,
			RBWHz: 1.5 * t.SpanHz / float64(bins), Tuning: t, TunedHz: t.CenterHz, Overlap: 0.5,
		},
		Mean: make([]int16, bins), Max: make([]int16, bins),
	}
	return s
}

// withMin makes frames carry the least powers from the next one on.
func (s *scene) withMin() {
	s.frame.Grid.Min = true
	s.frame.Grid.Generation++
	s.frame.Min = make([]int16, len(s.frame.Mean))
}

// next fills the frame that ends at now.
func (s *scene) next(now time.Time) *spectrum.Frame {
	f := &s.frame
	for i := range f.Mean {
		hz := f.Grid.BinCenterHz(i)
		db := -85.0
		for _, c := range []struct{ hz, width, db float64 }{
			{f.Grid.Tuning.CenterHz, 500, -30}, {97.5e6, 60e3, -45}, {98.3e6, 400, -38}, {98.6e6, 60e3, -60}, {97.9e6, 2e3, -55},
		} {
			off := (hz - c.hz) / math.Max(c.width, f.Grid.BinHz)
			db = math.Max(db, c.db-6*off*off)
		}
		f.Mean[i] = int16((db + s.rng.NormFloat64()*1.2) / f.Grid.StepDB)
		f.Max[i] = int16((db + 4 + s.rng.NormFloat64()*1.5) / f.Grid.StepDB)
		if f.Grid.Min {
			f.Min[i] = f.Mean[i] - int16(6/f.Grid.StepDB)
		}
	}
	s.seq++
	f.FirstSeq, f.LastSeq = s.seq, s.seq
	f.First, f.Last = now.Add(-50*time.Millisecond), now
	f.Mono.Last = now.Sub(time.Unix(0, 0))
	f.Mono.First = f.Mono.Last - 50*time.Millisecond
	f.Segments = append(f.Segments[:0], spectrum.Segment{Bins: f.Grid.Bins, Windows: 8, First: f.First, Last: f.Last})
	return f
}

// simScreen is a simulated terminal with as many colours as a test likes.
type simScreen struct {
	tcell.SimulationScreen
	colors int
}

func (s *simScreen) Colors() int { return s.colors }

// A rig is an App that runs on a simulated terminal, inside a synctest bubble.
type rig struct {
	t      *testing.T
	app    *App
	src    *fakeSource
	sim    *simScreen
	scene  *scene
	ended  chan error
	cancel context.CancelFunc
}

func startRig(t *testing.T, w, h int, charset string, colors int, o Options, notices ...string) *rig {
	t.Helper()
	r := &rig{t: t, sim: &simScreen{tcell.NewSimulationScreen(charset), colors}, scene: newScene(1024), ended: make(chan error, 1)}
	r.src = newSource(time.Now())
	o.Screen = r.sim
	app, err := New(&o)
	if err != nil {
		t.Fatal(err)
	}
	r.app = app
	for _, n := range notices {
		app.Notice(n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	go func() { r.ended <- app.Run(ctx, r.src) }()
	synctest.Wait()
	r.resize(w, h)
	return r
}

func (r *rig) resize(w, h int) {
	r.sim.SetSize(w, h)
	_ = r.sim.PostEvent(tcell.NewEventResize(w, h))
	r.settle(100 * time.Millisecond) // tview draws once more 50 ms later
}

func (r *rig) settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (r *rig) stop() {
	r.t.Helper()
	r.cancel()
	if err := <-r.ended; err != nil {
		r.t.Errorf("Run ended with %v", err)
	}
}

// feed plays n frames at 20 a second.
func (r *rig) feed(n int) {
	for range n {
		time.Sleep(50 * time.Millisecond)
		r.app.Frame(r.scene.next(time.Now()))
	}
	synctest.Wait()
	r.settle(20 * time.Millisecond)
}

// keys types: runes, or names of keys in angle brackets alone.
func (r *rig) keys(keys ...any) {
	for _, k := range keys {
		switch k := k.(type) {
		case tcell.Key:
			r.sim.InjectKey(k, 0, tcell.ModNone)
		case string:
			for _, c := range k {
				r.sim.InjectKey(tcell.KeyRune, c, tcell.ModNone)
				synctest.Wait()
			}
		}
		synctest.Wait()
	}
	r.settle(20 * time.Millisecond)
}

// looks is what the link was asked for last.
func (r *rig) looks() stream.View {
	r.src.mu.Lock()
	defer r.src.mu.Unlock()
	return r.src.view
}

// peek lets f read what the drawing goroutine owns. The wake-up afterwards orders the
// next draw after f, as nothing else would.
func (r *rig) peek(f func()) {
	f()
	r.app.wake()
	synctest.Wait()
}

func (r *rig) lines() (lines []string) {
	r.peek(func() { lines = r.contents() })
	return lines
}

func (r *rig) contents() []string {
	cells, w, h := r.sim.GetContents()
	lines := make([]string, h)
	for y := range lines {
		var b strings.Builder
		for x := range w {
			if c := cells[y*w+x]; len(c.Runes) > 0 {
				b.WriteString(string(c.Runes))
			} else {
				b.WriteByte(' ')
			}
		}
		lines[y] = strings.TrimRight(b.String(), " ")
	}
	return lines
}

func (r *rig) text() string { return strings.Join(r.lines(), "\n") + "\n" }

// wants fails unless every string is on the screen.
func (r *rig) wants(what ...string) {
	r.t.Helper()
	text := r.text()
	for _, s := range what {
		if !strings.Contains(text, s) {
			r.t.Errorf("the screen lacks %q:\n%s", s, text)
		}
	}
}

func (r *rig) golden(name string) {
	r.t.Helper()
	golden(r.t, name, r.text())
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join(testdata, name+".txt")
	if *update {
		if err := os.MkdirAll(testdata, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (run with -update to accept)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

// resolved is s as a capture reports it: how many bins there are is known then.
func resolved(s spectrum.Settings) spectrum.Settings {
	s.Bins = 4096
	return s
}
