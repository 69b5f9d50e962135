package synth

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
)

var defaultView = device.Tuning{CenterHz: 98.1e6, SpanHz: 2e6, RateHz: 2e6, LNADB: 24, VGADB: 30}

// tuned opens an unpaced radio; change sees the default view's wish.
func tuned(t testing.TB, change func(*device.Tuning)) *Radio {
	t.Helper()
	r := Open(&Options{Unpaced: true})
	t.Cleanup(func() { r.Close() })
	wish := defaultView
	wish.RateHz = 0
	if change != nil {
		change(&wish)
	}
	if _, err := r.Tune(t.Context(), wish); err != nil {
		t.Fatal(err)
	}
	return r
}

// seek lets the next block begin at the given scene time.
func (r *Radio) seek(at time.Duration) {
	r.chunk = int64(at.Seconds()*r.tuning.RateHz/chunkLen) / r.plan.stride * r.plan.stride
}

func read(t testing.TB, r *Radio) device.Block {
	t.Helper()
	var b device.Block
	if err := r.Read(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestBlocks(t *testing.T) {
	r := tuned(t, nil)
	for i := range 3 {
		b := read(t, r)
		want := Epoch.Add(duration(int64(i+1)*19*chunkLen, 2e6))
		if b.Tuning != defaultView || b.CenterHz != 98.1e6 || !b.Time.Equal(want) || b.Break != (i == 0) ||
			b.Lost != 0 || b.Format != device.CI8 || len(b.Samples) != 2*19*chunkLen {
			t.Errorf("block %d is %+v, with %d bytes", i, b.Tuning, len(b.Samples))
		}
	}
}

func TestDeterminism(t *testing.T) {
	a, b := tuned(t, nil), tuned(t, nil)
	other := Open(&Options{Seed: 2, Unpaced: true})
	at := 20*time.Second - 30*time.Millisecond
	b.seek(at) // b jumps to where a is read along to
	a.seek(at - 30*time.Millisecond)
	for a.chunk < b.chunk {
		read(t, a)
	}
	other.seek(at)
	for range 5 {
		x, y := read(t, a), read(t, b)
		if !bytes.Equal(x.Samples, y.Samples) {
			t.Fatal("same seed, tuning and sample index, other bytes")
		}
		if bytes.Equal(x.Samples, read(t, other).Samples) {
			t.Fatal("other seed, same bytes")
		}
	}
}

func TestTune(t *testing.T) {
	for _, c := range []struct {
		name       string
		wish, want device.Tuning
	}{
		{"narrow", device.Tuning{CenterHz: 1e9, SpanHz: 100e3}, device.Tuning{CenterHz: 1e9, SpanHz: 100e3, RateHz: 2e6}},
		{"zero span", device.Tuning{CenterHz: 1e9}, device.Tuning{CenterHz: 1e9, RateHz: 2e6}},
		{"span is rate", device.Tuning{CenterHz: 1e9, SpanHz: 5e6}, device.Tuning{CenterHz: 1e9, SpanHz: 5e6, RateHz: 5e6}},
		{"given rate", device.Tuning{CenterHz: 1e9, SpanHz: 2e6, RateHz: 8e6}, device.Tuning{CenterHz: 1e9, SpanHz: 2e6, RateHz: 8e6}},
		{"rate below span", device.Tuning{CenterHz: 1e9, SpanHz: 6e6, RateHz: 2e6}, device.Tuning{CenterHz: 1e9, SpanHz: 6e6, RateHz: 6e6}},
		{"widest without a sweep", device.Tuning{CenterHz: 1e9, SpanHz: 20e6}, device.Tuning{CenterHz: 1e9, SpanHz: 20e6, RateHz: 20e6}},
		{
			"gain steps",
			device.Tuning{CenterHz: 1e9, SpanHz: 2e6, LNADB: 15, VGADB: 31, Amp: true},
			device.Tuning{CenterHz: 1e9, SpanHz: 2e6, RateHz: 2e6, LNADB: 8, VGADB: 30, Amp: true},
		},
		{"sweep", device.Tuning{CenterHz: 2450e6, SpanHz: 100e6}, device.Tuning{CenterHz: 2450e6, SpanHz: 100e6, RateHz: 20e6}},
		{"sweep rounded up", device.Tuning{CenterHz: 111e6, SpanHz: 22e6, RateHz: 2e6}, device.Tuning{CenterHz: 120e6, SpanHz: 40e6, RateHz: 20e6}},
		{"sweep at the top", device.Tuning{CenterHz: 5985e6, SpanHz: 30e6}, device.Tuning{CenterHz: 5980e6, SpanHz: 40e6, RateHz: 20e6}},
		{"sweep at the bottom", device.Tuning{CenterHz: 2e6, SpanHz: 30e6}, device.Tuning{CenterHz: 20e6, SpanHz: 40e6, RateHz: 20e6}},
		{"everything", device.Tuning{CenterHz: 3000.5e6, SpanHz: 5999e6}, device.Tuning{CenterHz: 3e9, SpanHz: 6e9, RateHz: 20e6}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Open(nil).Tune(t.Context(), c.wish)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v\nwant %+v", got, err, c.want)
			}
			if got.Sweeps() != (got.SpanHz > 20e6) {
				t.Error("Sweeps is wrong")
			}
		})
	}
}

func TestTuneRefuses(t *testing.T) {
	for want, change := range map[string]func(*device.Tuning){
		"tune 9G: the frequency is out of range; the synthetic radio receives 1M to 6G": func(t *device.Tuning) { t.CenterHz = 9e9 },
		"tune 98.1M: span 7G is out of range; the synthetic radio receives 1M to 6G":    func(t *device.Tuning) { t.SpanHz = 7e9 },
		"tune 98.1M: rate 1M is out of range; use 2M to 20M, or leave it out":           func(t *device.Tuning) { t.RateHz = 1e6 },
		"tune 98.1M: LNA gain 48 dB is out of range; use 0 to 40 by 8":                  func(t *device.Tuning) { t.LNADB = 48 },
		"tune 98.1M: VGA gain -2 dB is out of range; use 0 to 62 by 2":                  func(t *device.Tuning) { t.VGADB = -2 },
		"tune 98.1M: span -1 is out of range; the synthetic radio receives 1M to 6G":    func(t *device.Tuning) { t.SpanHz = -1 },
	} {
		r := Open(nil)
		wish := defaultView
		change(&wish)
		_, err := r.Tune(t.Context(), wish)
		var e *device.Error
		if !errors.As(err, &e) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		if r.tuning != defaultView {
			t.Error("a refused wish changed the tuning")
		}
	}
}

func TestSweep(t *testing.T) {
	r := tuned(t, func(w *device.Tuning) { w.CenterHz, w.SpanHz = 120e6, 80e6 })
	tiles := map[float64]int{}
	for range 8 {
		b := read(t, r)
		if len(b.Samples) != 16384 || !b.Break || b.Tuning.SpanHz != 80e6 {
			t.Fatalf("block at %g has %d bytes, break %v", b.CenterHz, len(b.Samples), b.Break)
		}
		tiles[b.CenterHz-7.5e6]++
		tiles[b.CenterHz+2.5e6]++
	}
	for hz := 80e6; hz < 160e6; hz += 5e6 {
		if tiles[hz] != 1 {
			t.Errorf("5 MHz from %g were seen %d times", hz, tiles[hz])
		}
	}
	if len(tiles) != 16 {
		t.Errorf("%d pieces, want 16", len(tiles))
	}
	if got := r.due().Seconds() / 9; got < 1/815. || got > 1/813. {
		t.Errorf("%.1f blocks/s, want 814", 1/got)
	}
}

func TestPacing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Open(nil)
		defer r.Close()
		begin := time.Now()
		for i := 1; i <= 200; i++ {
			b := read(t, r)
			due := begin.Add(duration(int64(i)*19*chunkLen, 2e6))
			if now := time.Now(); !now.Equal(due) || !b.Time.Equal(due) || b.Lost > 0 {
				t.Fatalf("block %d of %v came at %v, lost %d", i, b.Time.Sub(begin), now.Sub(begin), b.Lost)
			}
		}
	})
}

func TestLateReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Open(nil)
		defer r.Close()
		first := read(t, r).Time
		time.Sleep(240 * time.Millisecond)
		if b := read(t, r); b.Lost != 0 || b.Break {
			t.Errorf("lost %d within the buffer", b.Lost)
		}
		time.Sleep(time.Second)
		b := read(t, r)
		if b.Lost == 0 || !b.Break || time.Since(b.Time) > 10*time.Millisecond {
			t.Errorf("late by 1 s: lost %d, break %v, %v old", b.Lost, b.Break, time.Since(b.Time))
		}
		// Every sample is either handed over or counted.
		if got, want := 2*19*chunkLen+b.Lost, uint64(b.Time.Sub(first).Seconds()*2e6+0.5); got != want {
			t.Errorf("%d samples accounted for, want %d", got, want)
		}
		if b := read(t, r); b.Lost != 0 || b.Break {
			t.Error("the loss was told twice")
		}
	})
}

func TestRetuneWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Open(nil)
		defer r.Close()
		read(t, r)
		got := make(chan device.Block)
		go func() { got <- read(t, r) }()
		synctest.Wait()
		wish := device.Tuning{CenterHz: 433.92e6, SpanHz: 4e6}
		fact, err := r.Tune(t.Context(), wish)
		if err != nil {
			t.Fatal(err)
		}
		if b := <-got; b.Tuning != fact || !b.Break || b.CenterHz != 433.92e6 {
			t.Errorf("got a block of %+v, break %v", b.Tuning, b.Break)
		}
		if late := time.Since(r.start.Add(r.due())); late > 0 {
			t.Errorf("%v late after a retune", late)
		}
	})
}

func TestZeroSpanHasDCOutOfSight(t *testing.T) {
	r := tuned(t, func(w *device.Tuning) { w.CenterHz, w.SpanHz, w.RateHz = 98.34e6, 0, 8e6 })
	if b := read(t, r); b.CenterHz != 96.34e6 || b.Tuning.CenterHz != 98.34e6 {
		t.Errorf("blocks are centred on %g for %g", b.CenterHz, b.Tuning.CenterHz)
	}
	if !slices.ContainsFunc(r.Truth(0, time.Second), func(s Signal) bool { return s.CenterHz == 98.34e6 }) {
		t.Error("the burst that it is tuned to is not on the air")
	}
}

func TestReadEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := Open(nil)
		var b device.Block
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Read(ctx, &b); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Read after its context ended: %v", err)
		}
		ended := make(chan error)
		go func() { ended <- r.Read(t.Context(), &b) }()
		synctest.Wait()
		r.Close()
		if err := <-ended; !errors.Is(err, device.ErrClosed) {
			t.Errorf("Read when closed: %v", err)
		}
		if err := r.Read(t.Context(), &b); !errors.Is(err, device.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := r.Tune(t.Context(), defaultView); !errors.Is(err, device.ErrClosed) {
			t.Errorf("Tune after Close: %v", err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestReadAllocates(t *testing.T) {
	r := tuned(t, nil)
	var b device.Block
	if n := testing.AllocsPerRun(20, func() { _ = r.Read(t.Context(), &b) }); n != 0 {
		t.Errorf("%v allocations per Read", n)
	}
}

func BenchmarkRead(b *testing.B) {
	for name, change := range map[string]func(*device.Tuning){
		"default 2M":  nil,
		"FM 20M":      func(w *device.Tuning) { w.CenterHz, w.SpanHz = 98e6, 20e6 },
		"2.4G 20M":    func(w *device.Tuning) { w.CenterHz, w.SpanHz = 2440e6, 20e6 },
		"sweep 1M-6G": func(w *device.Tuning) { w.CenterHz, w.SpanHz = 3e9, 6e9 },
	} {
		b.Run(name, func(b *testing.B) {
			r := tuned(b, change)
			samples := 0
			for b.Loop() {
				samples += len(read(b, r).Samples) / 2
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(samples), "ns/sample")
		})
	}
}
