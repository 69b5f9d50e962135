package spectrum

import (
	"math"
	"math/bits"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// A story is bytes that a fuzzer chose, read as what a radio might do.
type story []byte

func (s *story) byte() byte {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return b
}

// number is from -1e9 to 1e9 or so, or what no number should be.
func (s *story) number() float64 {
	switch kind := s.byte(); kind % 16 {
	case 0:
		return math.NaN()
	case 1:
		return math.Inf(int(kind) - 128)
	case 2:
		return math.Float64frombits(uint64(kind)<<56 | uint64(s.byte())<<48 | uint64(s.byte())<<40)
	default:
		return float64(int8(kind)) * float64(s.byte()) * math.Pow(10, float64(int8(s.byte())%6))
	}
}

// pattern is n bytes.
func (s *story) pattern(n int) []byte {
	unit := (*s)[:min(int(s.byte()), len(*s))]
	*s = (*s)[len(unit):]
	raw := make([]byte, n)
	for i := range raw {
		if len(unit) > 0 {
			raw[i] = unit[i%len(unit)]
		}
	}
	return raw
}

// block fills b with the next of a radio that is tuned to t and transforms n points.
func (s *story) block(b *device.Block, t device.Tuning, n int) {
	flags := s.byte()
	b.Tuning, b.CenterHz, b.Format = t, t.CenterHz, device.Format(flags%4)
	b.Break, b.Lost, b.Samples, b.Power = flags&4 != 0, 0, nil, nil
	if flags&8 != 0 {
		b.Lost = 1 << (s.byte() % 64)
	}
	switch s.byte() % 8 {
	case 0:
		b.Time = b.Time.Add(time.Duration(s.number() * 1e3))
	case 1:
		b.Time = time.Time{}
	default:
		b.Time = b.Time.Add(time.Duration(s.byte()) * time.Millisecond)
	}
	if flags&16 != 0 {
		b.CenterHz += s.number()
	} else if t.Sweeps() {
		b.CenterHz = t.StartHz() + t.RateHz*float64(int8(s.byte()))/8
	}
	if t.RateHz == 0 != (flags&32 != 0) { // at times the other kind
		b.StartHz, b.BinHz, b.RBWHz = t.StartHz()+float64(s.byte())*1e6, 1e5, 1.5e5
		if flags&64 != 0 {
			b.StartHz, b.BinHz, b.RBWHz = s.number(), s.number(), s.number()
		}
		for i, v := range s.pattern(int(s.byte())) {
			b.Power = append(b.Power, float32(int8(v)))
			if v == 0x80 {
				b.Power[i] = float32(s.number())
			}
		}
		return
	}
	size := n * b.Format.Size()
	b.Samples = s.pattern(size*int(s.byte()%16)/6 + int(s.byte()%16))
}

// FuzzAnalyzer measures whatever a radio may hand over, at whatever settings. It must not
// panic, hang, take memory without bound or make a level that is no number.
func FuzzAnalyzer(f *testing.F) {
	// Two and a half windows of int8, one of floats that are none, a step back in time, odd lengths, losses.
	samples := []byte("\x00\x02\x10\x0f\x00\x03abc\x03\x02\x10\x06\x00\x08\x00\x00\xc0\x7f\x00\x00\x80\xff\x05\x01\x0f\x07\x02\x80\x7f\x0a\x3f\x02\x01\x0f\x03\x01\xff")
	powers := []byte("\x00\x02\x10\x01\x08\x04\x80\x00\xff\x00\x50\x02\x10\x13\x13\x13\x08\x20\x02\x10\x0f\x05")
	for _, params := range []string{
		"bins=256", "bins=256 overlap=75% window=flattop", "span=40M rate=20M bins=256", "range=2400M:2420M,2440M:2460M rate=20M bins=512",
		"rate=1 span=1 bins=1024 fps=100", "freq=0 span=1e300", "range=0:6G rate=20M fps=0.1", "rbw=1e-9 rate=1e12",
		"bins=256 min=on vbw=100 dc=interpolate", "bins=256 min=on dc=mask window=flattop", "span=40M rate=20M bins=256 min=on vbw=20k",
		"span=0 min=on rate=1M rbw=100k sweep-time=1ms", "span=0 rate=8M sweep-time=50ms window=blackman-harris",
	} {
		f.Add(params, uint8(0), 0., 0., 0., 0., 0., 0., 0, uint8(0), samples)
		f.Add(params, uint8(1), 0., 0., 0., 0., 0., 0., 0, uint8(0), powers)
		f.Add(params, uint8(4), 0., 0., 0., 0., 0., 0., 0, uint8(0), samples)
		f.Add(params, uint8(5), 0., 0., 0., 0., 0., 0., 0, uint8(0), powers)
	}
	for _, huge := range []float64{1e300, 1e12, 1e-300, math.Inf(1), math.NaN()} {
		f.Add("", uint8(2), huge, huge, huge, 100.0, 0.75, 0., 256, uint8(2), samples)
		f.Add("", uint8(2), 1e8, 1e6, huge, 0.1, 0.75, huge, 256, uint8(1), samples)
		f.Add("", uint8(2), huge, huge, 0., 0.1, 0.75, huge, 256, uint8(1), powers)
	}
	f.Fuzz(func(t *testing.T, params string, raw uint8, center, span, rate, fps, overlap, rbw float64, bins int, window uint8, told []byte) {
		s := DefaultSettings()
		s.Tuning.RateHz = 2e6
		for pair := range strings.FieldsSeq(params) {
			name, value, _ := strings.Cut(pair, "=")
			if changed, err := s.With(map[string]string{name: value}); err == nil {
				s = changed
			}
		}
		if raw&1 != 0 { // a radio that hands over powers
			s.Tuning.RateHz = 0
		}
		if raw&2 != 0 {
			s.Tuning = device.Tuning{CenterHz: center, SpanHz: span, RateHz: rate}
			s.FPS, s.Overlap, s.RBWHz, s.Bins, s.Window = fps, overlap, rbw, bins, Window(window)
		}
		if len(told) > 1024 {
			told = told[:1024]
		}
		before := allocated()
		var known AnalyzerOptions
		if raw&4 != 0 {
			known.Calibration = &Calibration{PPM: 20, IQ: Imbalance{GainDB: 0.5, PhaseDeg: 2}}
			known.Calibration.SetLevel(s.Tuning, 100e6, 200)
			known.Calibration.SetSlope(s.Tuning, Curve{{-1e6, 60}, {1e6, -60}})
		}
		a, err := NewAnalyzer(s, device.Info{MinHz: s.Tuning.StartHz(), MaxHz: s.Tuning.StopHz()}, 1, &known)
		if err != nil {
			return
		}
		n := max(a.Settings().Bins, MinBins)
		if bits.OnesCount(uint(n)) != 1 || n > MaxBins {
			t.Fatalf("%d bins", n)
		}
		v := verdict{t: t}
		tell, b := story(told), device.Block{Time: epoch}
		brought := 0
		for blocks := 0; blocks < 64 && len(tell) > 0 && brought < 64*n; blocks++ {
			tell.block(&b, s.Tuning, n)
			brought += len(b.Samples) + 8*len(b.Power)
			if err := a.Add(&b, v.frame); err != nil {
				break
			}
		}
		a.Flush(v.frame)
		// What lies here in the sum is the verdict's as well.
		if took, most := allocated()-before, uint64(brought+100*n+100*a.Grid().Bins+4<<20); took > most {
			t.Errorf("it took %d bytes at %d bins and %d points", took, a.Grid().Bins, n)
		}
	})
}

// allocated is how many bytes have been, since the process began.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// A verdict looks at frames for what no frame may be.
type verdict struct {
	t     *testing.T
	floor NoiseFloor
	tier  Frame
}

func (v *verdict) frame(f *Frame) {
	g := &f.Grid
	for _, hz := range []float64{g.StartHz, g.BinHz, g.RBWHz, g.StopHz()} {
		if math.IsNaN(hz) || math.IsInf(hz, 0) {
			v.t.Fatalf("the grid is %+v", g)
		}
	}
	if !(g.BinHz > 0) && !g.ZeroSpan() || g.RBWHz < 0 || g.Bins < 1 || g.Bins > MaxGridBins || len(f.Mean) != g.Bins || len(f.Max) != g.Bins || g.Min != (len(f.Min) == g.Bins) {
		v.t.Fatalf("%d, %d and %d levels in %+v", len(f.Mean), len(f.Max), len(f.Min), g)
	}
	at := 0
	for _, s := range f.Segments {
		if s.Windows < 1 || s.Bins < 1 || s.Bin < at || s.Bin+s.Bins > g.Bins {
			v.t.Fatalf("segment %+v after %d in %d bins", s, at, g.Bins)
		}
		for i := at; i < s.Bin+s.Bins; i++ {
			measured := i >= s.Bin
			if g.ZeroSpan() && measured { // points whose samples were lost are not
				measured = f.Mean[i] != Absent
			}
			if (f.Mean[i] != Absent) != measured || (f.Max[i] != Absent) != measured || g.Min && (f.Min[i] != Absent) != measured {
				v.t.Fatalf("bin %d reads %d and %d, measured %v", i, f.Mean[i], f.Max[i], measured)
			}
			// A mean of equal powers may round down, and one of interpolated bins is of its own.
			if g.Min && measured && f.Min[i] > f.Mean[i]+1 && g.DC != DCInterpolate {
				v.t.Fatalf("bin %d has min %d above mean %d", i, f.Min[i], f.Mean[i])
			}
			// A mean of equal powers may round up.
			if f.Mean[i] > f.Max[i]+1 {
				v.t.Fatalf("bin %d has mean %d above max %d", i, f.Mean[i], f.Max[i])
			}
		}
		at = s.Bin + s.Bins
		if from, to := g.StartHz+float64(s.Bin)*g.BinHz, g.StartHz+float64(at)*g.BinHz; from < to {
			if db := g.ChannelPower(f.Mean, from, to); math.IsInf(db, 0) {
				v.t.Fatalf("channel power %g", db)
			}
		}
	}
	if len(f.Segments) == 0 {
		v.t.Fatal("a frame of nothing")
	}
	v.floor.Update(f)
	for i, level := range v.floor.Levels() {
		if math.IsInf(float64(level), 0) || level != level && f.Mean[i] != Absent && !g.ZeroSpan() {
			v.t.Fatalf("the noise floor of bin %d is %g", i, level)
		}
	}
	Reduce(&v.tier, f, g.Slice(0, 0, 128))
}
