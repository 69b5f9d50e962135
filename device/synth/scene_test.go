package synth

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"
	"time"

	"argos/device"
)

// record reads blocks from the given scene time on and returns at least d of samples.
func record(t testing.TB, r *Radio, at, d time.Duration) []complex128 {
	t.Helper()
	r.seek(at)
	var x []complex128
	for float64(len(x)) < d.Seconds()*r.tuning.RateHz {
		s := read(t, r).Samples
		for i := 0; i < len(s); i += 2 {
			x = append(x, complex(float64(int8(s[i])), float64(int8(s[i+1])))/128)
		}
	}
	return x
}

// toneDB is the power of a tone at f cycles a sample, through a Hann window.
func toneDB(x []complex128, f float64) float64 {
	var sum complex128
	var gain float64
	turn, taper := cmplx.Rect(1, -2*math.Pi*f), cmplx.Rect(1, 2*math.Pi/float64(len(x)))
	at, window := complex128(1), complex128(1)
	for _, v := range x {
		w := 1 - real(window)
		sum += v * at * complex(w, 0)
		gain += w
		at *= turn
		window *= taper
	}
	return 20 * math.Log10(cmplx.Abs(sum)/gain)
}

// powerDB is that of all samples.
func powerDB(x []complex128) float64 {
	p := 0.0
	for _, v := range x {
		p += real(v)*real(v) + imag(v)*imag(v)
	}
	return 10 * math.Log10(p/float64(len(x)))
}

// bandDB is toneDB of runs of n samples each, which sees a band 1.5/n wide.
func bandDB(x []complex128, f float64, n int) []float64 {
	var db []float64
	for i := 0; i+n <= len(x); i += n {
		db = append(db, toneDB(x[i:i+n], f))
	}
	return db
}

func one(t *testing.T, signals []Signal, kind Kind) Signal {
	t.Helper()
	i := slices.IndexFunc(signals, func(s Signal) bool { return s.Kind == kind })
	if i < 0 {
		t.Fatalf("no %s among %d signals", kind, len(signals))
	}
	return signals[i]
}

func TestDefaultViewShowsEveryKind(t *testing.T) {
	on := tuned(t, nil).Truth(0, 21*time.Second)
	for _, kind := range []Kind{Broadcast, Carrier, Burst, Hopper, Drifter, Overload} {
		one(t, on, kind)
	}
	for _, s := range on {
		if s.CenterHz-s.BandwidthHz/2 < 97.1e6 || s.CenterHz+s.BandwidthHz/2 > 99.1e6 {
			t.Errorf("%+v is not in the captured band", s)
		}
		if s.Start < 0 || s.Stop > 21*time.Second || s.Stop <= s.Start {
			t.Errorf("%+v is not in the time asked for", s)
		}
	}
}

func TestCarrierLevels(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*device.Tuning)
	}{
		{"VHF", func(w *device.Tuning) { w.CenterHz = 98.6e6 }},
		{"UHF", func(w *device.Tuning) { w.CenterHz = 433.5e6 }},
		{"less gain", func(w *device.Tuning) { w.CenterHz, w.LNADB = 433.5e6, 16 }},
		{"more gain", func(w *device.Tuning) { w.CenterHz, w.VGADB = 433.5e6, 44 }},
		{"amp", func(w *device.Tuning) { w.CenterHz, w.Amp = 433.5e6, true }},
		{"on the roll-off", func(w *device.Tuning) { w.CenterHz = 433.92e6 + 0.95e6 }},
		{"microwave, 20 Msps", func(w *device.Tuning) { w.CenterHz, w.SpanHz = 2435e6, 20e6 }},
		{"odd rate", func(w *device.Tuning) { w.CenterHz, w.SpanHz = 5744e6, 3.3e6 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := tuned(t, c.change)
			const at, d = 3 * time.Second, 100 * time.Millisecond
			want := one(t, r.Truth(at, at+d), Carrier)
			got := toneDB(record(t, r, at, d), (want.CenterHz-r.tuning.CenterHz)/r.tuning.RateHz)
			if math.Abs(got-want.LevelDB) > 0.2 {
				t.Errorf("%g MHz reads %.2f dBFS, truth %.2f", want.CenterHz/1e6, got, want.LevelDB)
			}
		})
	}
}

func TestSweepShowsCarrier(t *testing.T) {
	r := tuned(t, func(w *device.Tuning) { w.CenterHz, w.SpanHz = 440e6, 40e6 })
	want := one(t, r.Truth(0, time.Second), Carrier)
	for range 8 {
		b := read(t, r)
		off := want.CenterHz - b.CenterHz
		if off >= -7.5e6 && off < -2.5e6 || off >= 2.5e6 && off < 7.5e6 {
			r.chunk -= sweepStride
			x := record(t, r, duration(r.chunk*chunkLen, 20e6), time.Microsecond)
			if got := toneDB(x, off/20e6); math.Abs(got-want.LevelDB) > 0.5 {
				t.Errorf("%g MHz reads %.2f dBFS, truth %.2f", want.CenterHz/1e6, got, want.LevelDB)
			}
			return
		}
	}
	t.Error("no block shows the carrier")
}

func TestFollowsTuning(t *testing.T) {
	// The same station is where it should be, and gone when tuned away.
	for _, centerHz := range []float64{91.0e6, 91.2e6, 91.7e6} {
		r := tuned(t, func(w *device.Tuning) { w.CenterHz = centerHz })
		s := one(t, r.Truth(time.Second, 2*time.Second), Broadcast)
		if s.CenterHz != 91.3e6 {
			t.Errorf("at %g there is %+v", centerHz, s)
		}
		x := record(t, r, time.Second, 50*time.Millisecond)
		db := bandDB(x, (s.CenterHz-centerHz)/2e6, 10)
		mean := 0.0
		for _, v := range db {
			mean += math.Pow(10, v/10) / float64(len(db))
		}
		if got := 10 * math.Log10(mean); math.Abs(got-s.LevelDB) > 1.5 {
			t.Errorf("at %g the station reads %.1f dBFS, truth %.1f", centerHz, got, s.LevelDB)
		}
	}
	r := tuned(t, func(w *device.Tuning) { w.CenterHz = 300e6 })
	if on := r.Truth(0, time.Minute); len(on) != 0 {
		t.Errorf("nothing transmits at 300 MHz, truth says %+v", on)
	}
	if got := powerDB(record(t, r, 0, 50*time.Millisecond)); got > -29 {
		t.Errorf("nothing transmits at 300 MHz, but it reads %.1f dBFS", got)
	}
}

func TestNoiseFollowsGain(t *testing.T) {
	floor := func(change func(*device.Tuning)) float64 {
		r := tuned(t, func(w *device.Tuning) {
			w.CenterHz = 300e6
			change(w)
		})
		x := record(t, r, 0, 50*time.Millisecond)
		for i := range x {
			x[i] -= complex(dcI, dcQ) / 128
		}
		return powerDB(x)
	}
	ref := floor(func(*device.Tuning) {})
	if ref < -33 || ref > -30 {
		t.Errorf("at the reference gains the floor is %.1f dBFS", ref)
	}
	for _, c := range []struct {
		name   string
		change func(*device.Tuning)
		low    float64
		high   float64
	}{
		{"10 dB of VGA", func(w *device.Tuning) { w.VGADB += 10 }, 9.6, 10.1},
		{"8 dB of LNA", func(w *device.Tuning) { w.LNADB += 8 }, 7, 8},
		{"amp", func(w *device.Tuning) { w.Amp = true }, 7, 9.5},
		{"four times the rate", func(w *device.Tuning) { w.RateHz = 8e6 }, 5.5, 6.2},
		{"no LNA", func(w *device.Tuning) { w.LNADB = 0 }, -12, -6},
	} {
		if got := floor(c.change) - ref; got < c.low || got > c.high {
			t.Errorf("%s changes the floor by %.2f dB, want %g to %g", c.name, got, c.low, c.high)
		}
	}
}

func TestNoiseIsShaped(t *testing.T) {
	r := tuned(t, func(w *device.Tuning) { w.CenterHz = 300e6 })
	x := record(t, r, 0, 200*time.Millisecond)
	level := func(f float64) float64 {
		mean := 0.0
		for _, v := range bandDB(x, f, 256) {
			mean += math.Pow(10, v/10)
		}
		return 10 * math.Log10(mean)
	}
	middle := level(0.02)
	for _, f := range []float64{-0.48, -0.35, -0.1, 0.1, 0.25, 0.44} {
		if got := level(f) - middle; math.Abs(got-shapeDB(f)) > 0.9 {
			t.Errorf("at %+.2f of the rate noise is %+.2f dB, want %+.2f", f, got, shapeDB(f))
		}
	}
	if dc := toneDB(x, 0); math.Abs(dc-20*math.Log10(math.Hypot(dcI, dcQ)/128)) > 0.5 {
		t.Errorf("DC spike is %.1f dBFS", dc)
	}
}

func TestBurstsAreWhereTruthSays(t *testing.T) {
	r := tuned(t, nil)
	x := record(t, r, time.Second, time.Second)
	begin := duration(int64(time.Second.Seconds()*2e6/chunkLen)/19*19*chunkLen, 2e6)
	for _, c := range []struct {
		name string
		hz   float64
	}{{"200 µs", 98.34e6}, {"12.5 kHz", 97.612e6}, {"hopper", 97.82e6}} {
		t.Run(c.name, func(t *testing.T) {
			var shots []Signal
			for _, s := range r.Truth(time.Second, 2*time.Second) {
				if s.CenterHz == c.hz {
					shots = append(shots, s)
				}
			}
			if len(shots) < 2 {
				t.Fatalf("%d transmissions in a second", len(shots))
			}
			const run = 100
			at := func(d time.Duration) float64 {
				i := int((d - begin).Seconds() * 2e6)
				return toneDB(x[i:i+run], (c.hz-98.1e6)/2e6)
			}
			for _, s := range shots {
				if s.Start == time.Second || s.Stop == 2*time.Second {
					continue
				}
				middle := (s.Start + s.Stop) / 2
				if got := at(middle); math.Abs(got-s.LevelDB) > 7 {
					t.Errorf("at %v it reads %.1f dBFS, truth %.1f", middle, got, s.LevelDB)
				}
			}
			if s := shots[0]; s.LevelDB > -30 {
				for _, off := range []time.Duration{s.Start - 60*time.Microsecond, s.Stop + 10*time.Microsecond} {
					if got := at(off); got > s.LevelDB-8 {
						t.Errorf("at %v, off the air, it reads %.1f dBFS", off, got)
					}
				}
			}
		})
	}
}

func TestDrifter(t *testing.T) {
	r := tuned(t, nil)
	var seen []float64
	for at := time.Duration(0); at < 40*time.Second; at += 8 * time.Second {
		s := one(t, r.Truth(at, at+20*time.Millisecond), Drifter)
		x := record(t, r, at, 20*time.Millisecond)
		if got := toneDB(x[:4000], (s.CenterHz-98.1e6)/2e6); math.Abs(got-s.LevelDB) > 3 {
			t.Errorf("at %v it reads %.1f dBFS at %.4f MHz, truth %.1f", at, got, s.CenterHz/1e6, s.LevelDB)
		}
		seen = append(seen, s.CenterHz)
	}
	if drift := slices.Max(seen) - slices.Min(seen); drift < 20e3 {
		t.Errorf("it drifts over %.0f Hz only", drift)
	}
	if s := one(t, r.Truth(0, 40*time.Second), Drifter); s.CenterHz != 98.93e6 || s.BandwidthHz != 61e3 {
		t.Errorf("a whole period covers %+v", s)
	}
}

func TestOverloadClips(t *testing.T) {
	clipped := func(r *Radio, at time.Duration) float64 {
		n, rails := 0, 0
		for _, v := range record(t, r, at, 20*time.Millisecond) {
			n++
			if real(v) == -1 || real(v) == 127./128 || imag(v) == -1 || imag(v) == 127./128 {
				rails++
			}
		}
		return float64(rails) / float64(n)
	}
	r := tuned(t, nil)
	for at, over := range map[time.Duration]bool{
		19900 * time.Millisecond: false, 20250 * time.Millisecond: true, 20600 * time.Millisecond: false,
		60250 * time.Millisecond: true,
	} {
		if got := clipped(r, at); (got > 0.5) != over || !over && got > 1e-4 {
			t.Errorf("at %v %.4f of the samples are at the rails", at, got)
		}
	}
	loud := tuned(t, func(w *device.Tuning) { w.LNADB, w.VGADB, w.Amp = 40, 62, true })
	if got := clipped(loud, time.Second); got < 0.7 {
		t.Errorf("with every gain up only %.2f of the samples are at the rails", got)
	}
}
