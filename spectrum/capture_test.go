package spectrum

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"argos/device"
)

// fakeRadio plays a tone at 100.1 MHz, with the pace of its rate in the bubble's time.
type fakeRadio struct {
	info     device.Info
	size     int  // samples a block
	blocks   int  // until io.EOF; 0: no end
	lag      int  // blocks that still come in the old tuning after Tune
	lose     bool // a sample of every hundredth block
	broken   error
	besideHz float64 // that it is tuned below what is to be seen
	gap      error   // returned once

	mu          sync.Mutex
	tuning, old device.Tuning
	stale       int
	tunes, read int
	loud        bool
	made        map[scene][]byte
}

// A scene decides the samples of a block.
type scene struct {
	device.Tuning
	loud bool
}

func newFakeRadio() *fakeRadio {
	return &fakeRadio{
		info: device.Info{Driver: "fake", MaxHz: 6e9, MinRateHz: 1e6, MaxRateHz: 20e6, Gains: true},
		size: 10_000,
		made: make(map[scene][]byte),
	}
}

var errFake = errors.New("unplugged")

func (r *fakeRadio) Info() device.Info { return r.info }

func (r *fakeRadio) Tune(_ context.Context, t device.Tuning) (device.Tuning, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t.CenterHz > r.info.MaxHz {
		return r.tuning, &device.Error{Op: "tune " + device.FormatHz(t.CenterHz, 3), Err: errors.New("out of range")}
	}
	if t.RateHz == 0 {
		t.RateHz = min(max(t.SpanHz, r.info.MinRateHz), r.info.MaxRateHz)
	}
	r.old, r.tuning, r.stale = r.tuning, t, r.lag
	r.tunes++
	return t, nil
}

func (r *fakeRadio) Read(ctx context.Context, b *device.Block) error {
	r.mu.Lock()
	t := r.tuning
	if r.stale > 0 {
		r.stale--
		t = r.old
	}
	r.read++
	read, loud, broken, gap := r.read, r.loud, r.broken, r.gap
	r.gap = nil
	r.mu.Unlock()
	switch {
	case gap != nil:
		return gap
	case broken != nil:
		return broken
	case r.blocks > 0 && read > r.blocks:
		return io.EOF
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lasting(int64(r.size), t.RateHz)):
	}
	amplitude := 0.25
	if loud {
		amplitude = 2
	}
	samples := r.made[scene{t, loud}]
	if samples == nil {
		x := tone(r.size, (100.1e6-t.CenterHz+r.besideHz)/t.RateHz*float64(r.size), amplitude)
		samples = encode(x, device.CI8)
		r.made[scene{t, loud}] = samples
	}
	*b = device.Block{
		Tuning: t, CenterHz: t.CenterHz - r.besideHz, Time: time.Now(), Format: device.CI8, Samples: samples,
		Position: lasting(int64(read*r.size), t.RateHz),
	}
	if r.lose && read%100 == 0 {
		b.Lost, b.Break = 1, true
	}
	return nil
}

func (r *fakeRadio) Close() error { return nil }

// change does something to the radio while it is read.
func (r *fakeRadio) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

var _ device.Radio = (*fakeRadio)(nil)

func wish() Settings {
	s := DefaultSettings()
	s.Tuning.CenterHz, s.Tuning.SpanHz, s.Bins, s.FPS = 100e6, 1e6, 1024, 20
	return s
}

// running starts a capture and returns what stops it and hands back Run's error.
func running(t *testing.T, r *fakeRadio, s Settings) (c *Capture, h *History, stop func() error) {
	t.Helper()
	h = NewHistory(0)
	c, err := NewCapture(r, h, s, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return c, h, func() error { cancel(); return <-done }
}

// newest is the last frame of a history.
func newest(t *testing.T, h *History) *Frame {
	t.Helper()
	var f Frame
	if head := h.Head(); head < 2 || !h.Merge(&f, head-1, head) {
		t.Fatal("the history is empty")
	}
	return &f
}

func TestCaptureMeasuresAndTells(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		r.lose = true
		c, h, stop := running(t, r, wish())
		if s := c.Status(); s.State != Starting || s.Reason == "" || s.Settings.Bins != 1024 || math.Abs(s.Settings.RBWHz-1.5*1e6/1024) > 1e-6 {
			t.Errorf("at first %+v", s)
		}
		changed := c.Changed()
		time.Sleep(2*time.Second + time.Millisecond) // of the bubble
		synctest.Wait()
		select {
		case <-changed:
		default:
			t.Error("nobody was told that it captures")
		}
		s := c.Status()
		if s.State != Capturing || s.Reason != "" || s.Info.Driver != "fake" {
			t.Errorf("then %+v", s)
		}
		if s.SamplesPerSec != 1e6 || s.BytesPerSec != 2e6 || s.Lost != 2 || s.Position != 2*time.Second {
			t.Errorf("numbers are %+v", s)
		}
		if s.Frames != 40 || h.Head() != 41 {
			t.Errorf("%d frames and head %d in 2 s at 20 a second", s.Frames, h.Head())
		}
		f := newest(t, h)
		if i := strongest(f.Mean); math.Abs(f.Grid.BinCenterHz(i)-100.1e6) > f.Grid.BinHz || f.Grid.Generation != 1 {
			t.Errorf("tone at %f in generation %d", f.Grid.BinCenterHz(i), f.Grid.Generation)
		}
		if age := time.Since(f.Last); age < 0 || age > 60*time.Millisecond {
			t.Errorf("newest frame is %v old", age)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
		if s := c.Status(); s.State != Ended || s.Reason == "" {
			t.Errorf("in the end %+v", s)
		}
		time.Sleep(3 * time.Second)
		if s := c.Status(); s.SamplesPerSec != 0 || s.BytesPerSec != 0 {
			t.Errorf("rates of nothing are %g and %g", s.SamplesPerSec, s.BytesPerSec)
		}
	})
}

func TestCaptureApplies(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		r.lag = 3
		c, h, stop := running(t, r, wish())
		defer stop()
		apply := func(set map[string]string) Settings {
			t.Helper()
			s, err := c.Change(t.Context(), set)
			if err != nil {
				t.Fatal(err)
			}
			if s != c.Settings() {
				t.Errorf("Change returned %+v, in force is %+v", s, c.Settings())
			}
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
			return s
		}
		time.Sleep(103 * time.Millisecond)
		synctest.Wait()
		for _, step := range []struct {
			set   map[string]string
			tunes int
			want  func(s Settings) bool
		}{
			{map[string]string{"freq": "100.2M"}, 2, func(s Settings) bool { return s.Tuning.CenterHz == 100.2e6 && s.Bins == 1024 }},
			{map[string]string{"window": "flattop"}, 2, func(s Settings) bool { return s.Bins == 1024 && s.RBWHz > 3.7*1e6/1024 }},
			{map[string]string{"rbw": "1k", "fps": "10"}, 2, func(s Settings) bool { return s.Bins == 4096 && s.RBWHz < 1000 }},
			// The rate follows the span, the transform keeps the resolution asked for.
			{map[string]string{"span": "4M"}, 3, func(s Settings) bool { return s.Tuning.RateHz == 4e6 && s.Bins == 16384 }},
			{map[string]string{"bins": "512", "lna": "16"}, 4, func(s Settings) bool { return s.Tuning.LNADB == 16 && s.Bins == 512 }},
			{map[string]string{"span": "1M"}, 5, func(s Settings) bool { return s.Tuning.RateHz == 1e6 && s.Bins == 512 }},
		} {
			changed, before := c.Changed(), newest(t, h).Grid.Generation
			s := apply(step.set)
			select {
			case <-changed:
			default:
				t.Errorf("%v: nobody was told", step.set)
			}
			if !step.want(s) || r.tunes != step.tunes {
				t.Errorf("%v: %d tunes, settings %+v", step.set, r.tunes, s)
			}
			f := newest(t, h)
			if g := f.Grid; g.Generation != before+1 || g.Tuning != s.Tuning || g.RBWHz != s.RBWHz || g.Window != s.Window {
				t.Errorf("%v: grid is %+v", step.set, g)
			}
			if i := strongest(f.Mean); math.Abs(f.Grid.BinCenterHz(i)-100.1e6) > f.Grid.BinHz {
				t.Errorf("%v: tone seen at %f", step.set, f.Grid.BinCenterHz(i))
			}
		}
		// Each frame is of one generation, and they never go back.
		var f Frame
		last := uint64(0)
		for seq := h.Tail(); seq < h.Head(); seq++ {
			if !h.Merge(&f, seq, seq+1) || f.Grid.Generation < last {
				t.Fatalf("frame %d is of generation %d after %d", seq, f.Grid.Generation, last)
			}
			last = f.Grid.Generation
		}
		// An error changes nothing.
		was := c.Settings()
		tunes := r.tunes
		for _, test := range []struct {
			change func(*Settings)
			want   string
		}{
			{func(s *Settings) { s.Tuning.CenterHz = 9e9 }, "tune 9G"},
			{func(s *Settings) { s.Bins, s.RBWHz = 0, 1 }, "too fine"},
			{func(s *Settings) { s.Overlap = 2 }, "overlap"},
			{func(s *Settings) { s.Bins, s.RBWHz, s.Tuning.SpanHz = 0, 20, 5e6 }, "too fine"},
		} {
			s := was
			test.change(&s)
			if got, err := c.Apply(t.Context(), s); err == nil || !strings.Contains(err.Error(), test.want) || got != was {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if c.Settings() != was || r.tuning != was.Tuning {
				t.Errorf("after %v: settings %+v, radio at %+v", test.want, c.Settings(), r.tuning)
			}
		}
		if r.tunes != tunes+2 {
			t.Errorf("%d tunes for one mistake that only the tuned radio shows, want 2", r.tunes-tunes)
		}
		head := h.Head()
		time.Sleep(time.Second)
		synctest.Wait()
		if f := newest(t, h); h.Head() < head+8 || f.Grid.Tuning != was.Tuning {
			t.Error("it does not go on as it was")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.tuning <- struct{}{} // somebody else is at it
		if _, err := c.Apply(ctx, was); !errors.Is(err, context.Canceled) {
			t.Errorf("waiting for another's turn ends with %v", err)
		}
		<-c.tuning
	})
}

func TestCaptureTellsOverloads(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		c, _, stop := running(t, r, wish())
		defer stop()
		time.Sleep(200 * time.Millisecond)
		for i, loud := range []bool{true, false, true} {
			changed := c.Changed()
			r.change(func() { r.loud = loud })
			time.Sleep(200 * time.Millisecond)
			synctest.Wait()
			s := c.Status()
			if (s.Overload > 0.5) != loud || s.LastOverload.IsZero() {
				t.Errorf("change %d: overload %g, last at %v", i, s.Overload, s.LastOverload)
			}
			select {
			case <-changed:
			default:
				t.Errorf("change %d: nobody was told", i)
			}
			// While it lasts there is nothing new to tell.
			changed = c.Changed()
			time.Sleep(200 * time.Millisecond)
			select {
			case <-changed:
				t.Errorf("change %d: told twice", i)
			default:
			}
		}
	})
}

func TestCaptureGoesOnAfterInterruptions(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		c, h, stop := running(t, r, wish())
		time.Sleep(205 * time.Millisecond)
		synctest.Wait()
		head := h.Head()
		r.change(func() { r.gap = &device.Interruption{Err: errFake} })
		time.Sleep(6 * time.Millisecond) // less than two blocks
		synctest.Wait()
		if s := c.Status(); s.State != Interrupted || s.Reason != "unplugged" {
			t.Errorf("while it is lost %+v", s)
		}
		if h.Head() == head {
			t.Error("what was measured before is not in the history")
		}
		time.Sleep(100 * time.Millisecond)
		if s := c.Status(); s.State != Capturing || s.Reason != "" {
			t.Errorf("when it is back %+v", s)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestCaptureEnds(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		r.blocks = 12 // 120 ms: two frames and the rest
		c, h, stop := running(t, r, wish())
		time.Sleep(200 * time.Millisecond)
		synctest.Wait()
		if s := c.Status(); s.State != Ended || s.Frames != 3 || h.Head() != 4 {
			t.Errorf("at the end of the recording %+v", s)
		}
		if err := stop(); err != nil {
			t.Errorf("Run returned %v", err)
		}

		r = newFakeRadio()
		c, _, stop = running(t, r, wish())
		time.Sleep(200 * time.Millisecond)
		r.change(func() { r.broken = errFake })
		time.Sleep(200 * time.Millisecond)
		if s := c.Status(); s.State != Failed || s.Reason != "unplugged" {
			t.Errorf("after a failure %+v", s)
		}
		if err := stop(); !errors.Is(err, errFake) {
			t.Errorf("Run returned %v", err)
		}
	})
	if _, err := NewCapture(newFakeRadio(), NewHistory(0), Settings{Tuning: device.Tuning{SpanHz: -1}}, nil); err == nil {
		t.Error("a span below 0 went through")
	}
}

func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			name     string
			blocks   int
			duration time.Duration
			limit    time.Duration
			windows  int
		}{
			{"endless", 0, 0, 0, (1_000_000-1024)/512 + 1},
			{"all", 30, 300 * time.Millisecond, 0, (300_000-1024)/512 + 1},
			{"looping", 0, 300 * time.Millisecond, 0, (300_000-1024)/512 + 1},
			{"longer", 30, 300 * time.Millisecond, 55 * time.Millisecond, (55_000-1024)/512 + 1},
		} {
			r := newFakeRadio()
			r.blocks, r.info.Duration = test.blocks, test.duration
			f, in, err := Once(t.Context(), r, wish(), test.limit, &AnalyzerOptions{StepDB: 0.01})
			if err != nil {
				t.Fatal(test.name, err)
			}
			if f.Mono.Last != f.Last.Sub(f.First) || f.Mono.First != 0 {
				t.Errorf("%+v from %v to %v", f.Mono, f.First, f.Last)
			}
			if in.Bins != 1024 || in.RBWHz != f.Grid.RBWHz || in.Tuning != f.Grid.Tuning {
				t.Errorf("%s: settings are %+v", test.name, in)
			}
			if f.Averages() != test.windows || f.Grid.StepDB != 0.01 || f.Merged() != 1 {
				t.Errorf("%s: %d windows, want %d, in steps of %g", test.name, f.Averages(), test.windows, f.Grid.StepDB)
			}
		}
		r := newFakeRadio()
		r.blocks, r.size, r.info.Duration = 1, 1000, time.Millisecond
		if _, _, err := Once(t.Context(), r, wish(), 0, nil); !errors.Is(err, ErrShort) || !strings.Contains(err.Error(), "use --bins 512") {
			t.Errorf("a short recording gives %v", err)
		}
		r = newFakeRadio()
		r.broken = errFake
		if _, _, err := Once(t.Context(), r, wish(), 0, nil); !errors.Is(err, errFake) {
			t.Errorf("a broken radio gives %v", err)
		}
	})
}

func TestSettingsForRecordings(t *testing.T) {
	s := SettingsFor(device.Info{Duration: time.Second, MinHz: 1089e6, MaxHz: 1091e6}, DefaultSettings())
	if s.Tuning.CenterHz != 1090e6 || s.Tuning.SpanHz != 2e6 {
		t.Errorf("a recording gives %+v", s)
	}
	if s := SettingsFor(device.Info{MinHz: 1e6, MaxHz: 6e9}, DefaultSettings()); s != DefaultSettings() {
		t.Errorf("a radio gives %+v", s)
	}
}

func TestCaptureEntersZeroSpanAndLeavesIt(t *testing.T) {
	defer goleak.VerifyNone(t)
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		c, h, stop := running(t, r, wish())
		defer stop()
		time.Sleep(103 * time.Millisecond)
		synctest.Wait()
		before := c.Settings()
		for i, step := range []struct {
			set   map[string]string
			tunes int
			zero  bool
			want  func(s Settings, g *Grid) bool
		}{
			{
				map[string]string{"span": "0", "freq": "100.1M", "rbw": "50k"},
				2, true,
				func(s Settings, g *Grid) bool {
					return s.Tuning.SpanHz == 0 && s.SweepTime == 50*time.Millisecond && s.RBWHz == 46875 && g.Bins == 500 && g.StartHz == 100.1e6
				},
			},
			{
				map[string]string{"sweep-time": "20ms"},
				2, true,
				func(s Settings, g *Grid) bool { return s.SweepTime == 20*time.Millisecond && g.Bins == 200 },
			},
			{
				map[string]string{"freq": "100M"},
				3, true,
				func(s Settings, g *Grid) bool { return s.SweepTime == 20*time.Millisecond && g.StartHz == 100e6 },
			},
			{
				map[string]string{"span": "1M", "bins": "1024"},
				4, false,
				func(s Settings, g *Grid) bool {
					return s.Bins == before.Bins && s.Tuning == before.Tuning && g.BinHz > 0
				},
			},
		} {
			s, err := c.Change(t.Context(), step.set)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(300 * time.Millisecond)
			synctest.Wait()
			f := newest(t, h)
			if g := &f.Grid; g.Generation != uint64(i+2) || g.ZeroSpan() != step.zero || r.tunes != step.tunes || !step.want(s, g) {
				t.Errorf("%v: %+v after %d tunes, grid %+v", step.set, s, r.tunes, g)
			}
			if step.zero && f.Grid.StartHz == 100.1e6 && math.Abs(f.Grid.DB(f.Mean[5])+12) > 0.5 {
				t.Errorf("a tone of -12 dBFS reads %.1f", f.Grid.DB(f.Mean[5]))
			}
		}
		if _, err := c.Apply(t.Context(), c.Settings()); err != nil {
			t.Error(err)
		}
	})
}

// What zero span and a sweep have no use for is not in force there, and comes back behind it,
// unless something else was asked for by name meanwhile, be it what is in force anyway.
func TestWishesOutliveZeroSpanAndSweeps(t *testing.T) {
	c, err := NewCapture(newFakeRadio(), NewHistory(0), wish(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ set, want string }{
		{"vbw=100 bins=2048 dc=mask overlap=25%", "109 2048 mask 25%"},
		{"span=0", "auto auto keep 75%"},
		{"span=1M", "109 2048 mask 25%"},
		{"span=0", "auto auto keep 75%"},
		{"span=1M vbw=auto", "auto 2048 mask 25%"},
		{"vbw=100", "109 2048 mask 25%"},
		{"span=0", "auto auto keep 75%"},
		{"vbw=auto", "auto auto keep 75%"},
		{"span=1M bins=auto", "auto 4096 mask 25%"},
		{"span=0 bins=2048", "auto auto keep 75%"},
		{"dc=keep overlap=75%", "auto auto keep 75%"},
		{"span=1M", "auto 2048 keep 75%"},
		{"span=40M dc=mask overlap=25%", "auto 2048 keep 25%"},
		{"span=1M", "auto 2048 mask 25%"},
		{"span=40M", "auto 2048 keep 25%"},
		{"dc=keep", "auto 2048 keep 25%"},
		{"span=1M", "auto 2048 keep 25%"},
	} {
		set := make(map[string]string)
		for pair := range strings.FieldsSeq(step.set) {
			name, value, _ := strings.Cut(pair, "=")
			set[name] = value
		}
		s, err := c.Change(t.Context(), set)
		if err != nil {
			t.Fatal(step.set, err)
		}
		var got []string
		for _, name := range []string{"vbw", "bins", "dc", "overlap"} {
			got = append(got, FindParam(name).Get(&s))
		}
		if got := strings.Join(got, " "); got != step.want {
			t.Errorf("%s: %s, want %s", step.set, got, step.want)
		}
	}
}

func TestOnceIsOneSweepOfZeroSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			sweep  string
			points int
			length float64
		}{{"30ms", 300, 0.03}, {"auto", 4082, 1}, {"2s", 4090, 2}} {
			s, err := wish().With(map[string]string{"span": "0", "freq": "100.1M", "rbw": "auto", "sweep-time": test.sweep})
			if err != nil {
				t.Fatal(err)
			}
			f, s, err := Once(t.Context(), newFakeRadio(), s, 0, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := s.SweepTime.Seconds(); math.Abs(got/test.length-1) > 1e-3 || math.Abs(float64(f.Grid.Bins)/float64(test.points)-1) > 1e-3 {
				t.Errorf("%s: %d points in %g s", test.sweep, f.Grid.Bins, got)
			}
			for i, q := range f.Mean {
				if math.Abs(f.Grid.DB(q)+12) > 0.5 {
					t.Fatalf("%s: point %d reads %.1f", test.sweep, i, f.Grid.DB(q))
				}
			}
		}
		r := newFakeRadio()
		r.blocks, r.size = 1, 10
		s := wish()
		s.Tuning.SpanHz, s.Bins = 0, 0
		if _, _, err := Once(t.Context(), r, s, 0, nil); !errors.Is(err, ErrShort) || !strings.Contains(err.Error(), "rbw") {
			t.Errorf("10 samples: %v", err)
		}
	})
}
