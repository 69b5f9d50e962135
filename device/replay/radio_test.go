package replay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
)

// write makes a file in a folder of its own.
func write(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// samples are n bytes of weak noise.
func samples(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	x := make([]byte, n)
	for i := range x {
		x[i] = byte(int8(rng.IntN(41) - 20))
	}
	return x
}

// open opens 25 ms of .cs8 at 1 Msps around 433.92 MHz, three blocks.
func open(t testing.TB, o Options) (*Radio, []byte) {
	t.Helper()
	x := samples(50000)
	o.RateHz, o.CenterHz = 1e6, 433.92e6
	r, err := Open(write(t, "x.cs8", string(x)), &o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, x
}

func TestInfo(t *testing.T) {
	r, _ := open(t, Options{})
	want := device.Info{
		Driver: "replay", Name: "x.cs8", MinHz: 433.42e6, MaxHz: 434.42e6,
		MinRateHz: 1e6, MaxRateHz: 1e6, Duration: 25 * time.Millisecond,
	}
	if r.Info() != want {
		t.Errorf("got  %+v\nwant %+v", r.Info(), want)
	}
}

func TestOnceThrough(t *testing.T) {
	r, want := open(t, Options{Unpaced: true, NoLoop: true})
	var got []byte
	var b device.Block
	var err error
	for err = r.Read(t.Context(), &b); err == nil; err = r.Read(t.Context(), &b) {
		if b.Break != (got == nil) || b.Format != device.CI8 || b.CenterHz != 433.92e6 || b.Lost != 0 {
			t.Errorf("block at %v: %+v", b.Position, b.Tuning)
		}
		got = append(got, b.Samples...)
		if at := time.Duration(len(got)/2) * time.Microsecond; b.Position != at {
			t.Errorf("position %v, want %v", b.Position, at)
		}
	}
	if !errors.Is(err, io.EOF) || !bytes.Equal(got, want) {
		t.Errorf("%d of %d bytes, then %v", len(got), len(want), err)
	}
	if err := r.Read(t.Context(), &b); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestLoopPaced(t *testing.T) {
	for _, speed := range []float64{0, 1, 2.5} {
		synctest.Test(t, func(t *testing.T) {
			r, want := open(t, Options{Speed: speed})
			begin := time.Now()
			var got []byte
			for n := range 300 {
				var b device.Block
				if err := r.Read(t.Context(), &b); err != nil {
					t.Fatal(err)
				}
				got = append(got, b.Samples...)
				at := time.Duration(len(got)/2) * time.Microsecond
				if speed > 0 {
					at = time.Duration(float64(at) / speed)
				}
				if d := time.Since(begin) - at; d < -time.Microsecond || d > time.Microsecond || !b.Time.Equal(time.Now()) {
					t.Fatalf("block %d came after %v, want %v", n, time.Since(begin), at)
				}
				if b.Break != (n%3 == 0) {
					t.Errorf("block %d: break %v", n, b.Break)
				}
			}
			if !bytes.Equal(got, bytes.Repeat(want, 100)) {
				t.Error("100 times round is not 100 times the recording")
			}
		})
	}
}

func TestLateReaderLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := open(t, Options{})
		var a, b device.Block
		for _, x := range []*device.Block{&a, &b} {
			if err := r.Read(t.Context(), x); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if b.Position != 20*time.Millisecond || b.Lost != 0 || b.Break || b.Time.Sub(a.Time) != 10*time.Second {
			t.Errorf("after a pause: position %v, lost %d, break %v", b.Position, b.Lost, b.Break)
		}
	})
}

func TestUnpacedTimes(t *testing.T) {
	r, _ := open(t, Options{Unpaced: true})
	var first, b device.Block
	if err := r.Read(t.Context(), &first); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if err := r.Read(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.Time.Sub(first.Time); got != 50*time.Millisecond {
		t.Errorf("two rounds on, time has moved by %v", got)
	}
}

func TestTune(t *testing.T) {
	r, _ := open(t, Options{Unpaced: true})
	for _, c := range []struct {
		name         string
		center, span float64
		want         device.Tuning
	}{
		{"all", 433.92e6, 1e6, device.Tuning{CenterHz: 433.92e6, SpanHz: 1e6, RateHz: 1e6}},
		{"a part", 434.1e6, 100e3, device.Tuning{CenterHz: 434.1e6, SpanHz: 100e3, RateHz: 1e6}},
		{"too wide", 434.1e6, 8e6, device.Tuning{CenterHz: 433.92e6, SpanHz: 1e6, RateHz: 1e6}},
		{"zero span", 434.4e6, 0, device.Tuning{CenterHz: 434.4e6, RateHz: 1e6}},
		{"over the edge", 434.4e6, 200e3, device.Tuning{CenterHz: 434.32e6, SpanHz: 200e3, RateHz: 1e6}},
	} {
		fact, err := r.Tune(t.Context(), device.Tuning{CenterHz: c.center, SpanHz: c.span, LNADB: 24, Amp: true})
		if err != nil || fact != c.want || fact.Sweeps() {
			t.Errorf("%s: got %+v, %v\nwant %+v", c.name, fact, err, c.want)
		}
		var b device.Block
		if err := r.Read(t.Context(), &b); err != nil || b.Tuning != fact || b.CenterHz != 433.92e6 {
			t.Errorf("%s: a block of %+v around %g, %v", c.name, b.Tuning, b.CenterHz, err)
		}
	}
	for want, wish := range map[string]device.Tuning{
		"tune 9G: the frequency is out of range; choose from 433.42M to 434.42M, which x.cs8 covers": {CenterHz: 9e9, SpanHz: 2e6},
		"tune 433.92M: span -1 is out of range; give a span of 0 or more":                            {CenterHz: 433.92e6, SpanHz: -1},
		"tune 434M: rate 8M is out of range; a recording has the rate that it was made with, 1M":     {CenterHz: 434e6, SpanHz: 1e6, RateHz: 8e6},
	} {
		_, err := r.Tune(t.Context(), wish)
		if known := (*device.Error)(nil); !errors.As(err, &known) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, x := open(t, Options{})
		var b device.Block
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Read(ctx, &b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read after its context ended: %v", err)
		}
		if err := r.Read(t.Context(), &b); err != nil || !bytes.Equal(b.Samples, x[:20000]) {
			t.Errorf("the block given up for is lost, %v", err)
		}
		ended := make(chan error)
		go func() { ended <- r.Read(t.Context(), &b) }()
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; !errors.Is(err, device.ErrClosed) {
			t.Errorf("Read when closed: %v", err)
		}
		if err := r.Read(t.Context(), &b); !errors.Is(err, device.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := r.Tune(t.Context(), device.Tuning{CenterHz: 433.92e6, SpanHz: 1e6}); !errors.Is(err, device.ErrClosed) {
			t.Errorf("Tune after Close: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestFileBecomesShorter(t *testing.T) {
	r, _ := open(t, Options{Unpaced: true})
	var b device.Block
	if err := r.Read(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(r.path, 30001); err != nil {
		t.Fatal(err)
	}
	err := r.Read(t.Context(), &b)
	want := "read replay:" + r.path + ": the file has become shorter: 30001 of 50000 bytes are left; open it again"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestReadAllocates(t *testing.T) {
	r, _ := open(t, Options{Unpaced: true})
	var b device.Block
	if n := testing.AllocsPerRun(100, func() { _ = r.Read(t.Context(), &b) }); n != 0 {
		t.Errorf("%v allocations per Read", n)
	}
}
