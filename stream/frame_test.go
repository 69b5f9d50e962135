package stream

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"argos/device"
	"argos/spectrum"
	"argos/stream/wire"
)

// fullFrame has a value in every field.
func fullFrame(r *rand.Rand) *spectrum.Frame {
	f := sweepFrame(r)
	at := time.Unix(1_700_000_000, 123456789)
	f.Grid = spectrum.Grid{
		Generation: 7, StartHz: 432.5e6, BinHz: 976.5625, Bins: f.Grid.Bins, StepDB: 0.5, RBWHz: 1464.84375,
		Window: spectrum.FlatTop, Overlap: 0.75, Simulated: true, Calibrated: true, PPM: -1.25, VBWHz: 12.5, DC: spectrum.DCInterpolate,
		Tuning:  device.Tuning{CenterHz: 433.5e6, SpanHz: 2e6, RateHz: 2.5e6, LNADB: 24, VGADB: 30, Amp: true, BiasTee: true},
		TunedHz: 433.25e6,
	}
	over, err := f.Grid.Tuning.Over(device.Range{LowHz: 432.5e6, HighHz: 433e6}, device.Range{LowHz: 433.5e6, HighHz: 434.5e6})
	if err != nil {
		panic(err)
	}
	f.Grid.Tuning = over
	withMin(r, f)
	f.FirstSeq, f.LastSeq, f.Lost, f.Overload, f.ErrorDB = 41, 43, 5, 0.25, 0.75
	f.Mono = spectrum.Mono{First: time.Minute, Last: 61 * time.Second, Measured: 62 * time.Second}
	f.First, f.Last, f.Measured = at, at.Add(time.Second), at.Add(2*time.Second)
	for i := range f.Segments {
		f.Segments[i].First, f.Segments[i].Last = at.Add(time.Duration(i)), at.Add(time.Second-time.Duration(i))
	}
	return f
}

// zeroFrame is of a tier of zero span with two segments, and points that are lacking in the first.
func zeroFrame(r *rand.Rand) *spectrum.Frame {
	f := noiseFrame(r, 512, 8, 0.5)
	f.FirstSeq, f.LastSeq = 1, 1
	f.Grid.StartHz, f.Grid.BinHz, f.Grid.PointSec = 98.34e6, 0, 200e-6
	f.Grid.Tuning = device.Tuning{CenterHz: 98.34e6, RateHz: 8e6}
	f.Grid.Part = spectrum.Part{Cell: 2, Of: 1024}
	first := f.Segments[0]
	f.Segments = append(f.Segments[:0], first, first)
	f.Segments[0].Bins, f.Segments[1].Bin, f.Segments[1].Bins = 100, 100, 412
	for i := 30; i < 50; i++ {
		f.Mean[i], f.Max[i] = spectrum.Absent, spectrum.Absent
	}
	return f
}

// Who counts frames learns all of them but their powers.
func TestCountedFrameHasNoPowers(t *testing.T) {
	f := fullFrame(rand.New(rand.NewPCG(11, 12)))
	var enc frameEncoder
	b, err := enc.encode(nil, encodingPB, f, f.Measured)
	if err != nil {
		t.Fatal(err)
	}
	var m wire.ServerMessage
	if err := proto.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	m.GetFrame().Packed = m.GetFrame().Packed[:1] // nobody looks
	counting := frameDecoder{counting: true}
	for range 2 {
		got, err := counting.decode(m.GetFrame())
		if err != nil {
			t.Fatal(err)
		}
		if got.FirstSeq != f.FirstSeq || got.LastSeq != f.LastSeq || got.Mono != f.Mono || got.Grid != f.Grid || len(got.Segments) != len(f.Segments) {
			t.Errorf("%+v", got)
		}
		if len(got.Mean) != 0 || len(got.Max) != 0 || len(got.Min) != 0 {
			t.Errorf("%d, %d and %d powers", len(got.Mean), len(got.Max), len(got.Min))
		}
	}
}

func TestFrameRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	var enc frameEncoder
	var dec frameDecoder
	for range 3 {
		for _, e := range []encoding{encodingJSON, encodingPB} {
			for _, want := range []*spectrum.Frame{fullFrame(r), noiseFrame(r, 512, 8, 0.5), zeroFrame(r)} {
				b, err := enc.encode(nil, e, want, time.Now())
				if err != nil {
					t.Fatal(err)
				}
				m := new(wire.ServerMessage)
				if err := e.unmarshal(b, m); err != nil {
					t.Fatal(err)
				}
				if e == encodingJSON && len(want.Segments) > 1 && !strings.Contains(string(b), `"NaN"`) {
					t.Error("what was not measured is not NaN in JSON")
				}
				got, err := dec.decode(m.GetFrame())
				if err != nil {
					t.Fatal(err)
				}
				if got.Grid != want.Grid || got.Mono != want.Mono || got.FirstSeq != want.FirstSeq || got.LastSeq != want.LastSeq ||
					got.Lost != want.Lost || got.ErrorDB != want.ErrorDB || got.Overload != want.Overload || len(got.Segments) != len(want.Segments) {
					t.Errorf("encoding %d: %+v, want %+v", e, got.Grid, want.Grid)
				}
				if want.Grid.Generation == 7 && (!got.First.Equal(want.First) || !got.Last.Equal(want.Last) || !got.Measured.Equal(want.Measured)) {
					t.Errorf("encoding %d: times %s %s %s", e, got.First, got.Last, got.Measured)
				}
				for i, s := range got.Segments {
					if w := want.Segments[i]; s.Bin != w.Bin || s.Bins != w.Bins || s.Windows != w.Windows {
						t.Errorf("encoding %d: segment %+v, want %+v", e, s, w)
					}
				}
				if !samePowers(got, want) {
					t.Errorf("encoding %d: powers differ", e)
				}
			}
		}
	}
}

func validFrame(t testing.TB) *wire.Frame {
	t.Helper()
	var enc frameEncoder
	f := testFrame(3)
	f.FirstSeq, f.LastSeq = 1, 1
	b, err := enc.encode(nil, encodingPB, f, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m := new(wire.ServerMessage)
	if err := encodingPB.unmarshal(b, m); err != nil {
		t.Fatal(err)
	}
	return m.GetFrame()
}

func TestDecodeRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	var dec frameDecoder
	if _, err := dec.decode(validFrame(t)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *wire.Frame){
		"no sequence":         func(f *wire.Frame) { f.FirstSeq = 0 },
		"backwards":           func(f *wire.Frame) { f.FirstSeq = 2 },
		"beyond 63 bits":      func(f *wire.Frame) { f.LastSeq = math.MaxUint64 },
		"no grid":             func(f *wire.Frame) { f.Grid = nil },
		"no bins":             func(f *wire.Frame) { f.Grid.Bins = 0 },
		"giant bins":          func(f *wire.Frame) { f.Grid.Bins = math.MaxUint32 },
		"more bins than sent": func(f *wire.Frame) { f.Grid.Bins, f.Segments[0].Bins = maxBins, maxBins },
		"bins of no width":    func(f *wire.Frame) { f.Grid.BinHz = 0 },
		"bins of NaN":         func(f *wire.Frame) { f.Grid.BinHz = nan },
		"points and bins":     func(f *wire.Frame) { f.Grid.PointS = 1e-4 },
		"points of NaN":       func(f *wire.Frame) { f.Grid.BinHz, f.Grid.PointS = 0, nan },
		"points backwards":    func(f *wire.Frame) { f.Grid.BinHz, f.Grid.PointS = 0, -1 },
		"endless points":      func(f *wire.Frame) { f.Grid.BinHz, f.Grid.PointS = 0, inf },
		"start nowhere":       func(f *wire.Frame) { f.Grid.StartHz = -inf },
		"start too far":       func(f *wire.Frame) { f.Grid.StartHz = 1e300 },
		"rbw NaN":             func(f *wire.Frame) { f.Grid.RbwHz = nan },
		"no step":             func(f *wire.Frame) { f.Grid.StepDb = 0 },
		"step too fine":       func(f *wire.Frame) { f.Grid.StepDb = 1e-9 },
		"step too coarse":     func(f *wire.Frame) { f.Grid.StepDb = 1e9 },
		"overlap":             func(f *wire.Frame) { f.Grid.Overlap = 2 },
		"error NaN":           func(f *wire.Frame) { f.ErrorDb = nan },
		"overload":            func(f *wire.Frame) { f.Overload = float32(nan) },
		"vbw NaN":             func(f *wire.Frame) { f.Grid.VbwHz = nan },
		"dc":                  func(f *wire.Frame) { f.Grid.Dc = "\x1b[2J" },
		"no minima packed":    func(f *wire.Frame) { f.Grid.Min = true },
		"window":              func(f *wire.Frame) { f.Grid.Window = "\x1b[2J" },
		"segment beyond":      func(f *wire.Frame) { f.Segments[0].Bin = 1 },
		"segment wraps":       func(f *wire.Frame) { f.Segments[0].Bin, f.Segments[0].Bins = math.MaxUint32, math.MaxUint32 },
		"segment of nothing":  func(f *wire.Frame) { f.Segments[0].Bins = 0 },
		"segments overlap":    func(f *wire.Frame) { f.Segments = append(f.Segments, &wire.Segment{Bin: 63, Bins: 1}) },
		"nothing packed":      func(f *wire.Frame) { f.Packed = nil },
		"garbage packed":      func(f *wire.Frame) { f.Packed = []byte("garbage") },
		"too few numbers":     func(f *wire.Frame) { f.MeanDb = []float32{1} },
		"no maxima":           func(f *wire.Frame) { f.MeanDb = make([]float32, 64) },
		"no minima": func(f *wire.Frame) {
			f.MeanDb, f.MaxDb, f.Grid.Min = make([]float32, 64), make([]float32, 64), true
		},
	} {
		f := proto.CloneOf(validFrame(t))
		change(f)
		got, err := dec.decode(f)
		if err == nil || got != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		if !errors.Is(err, errFrame) && !errors.Is(err, errPacked) && !strings.HasPrefix(err.Error(), "unpack frame") || err.Error() != cleanText(err.Error()) {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// JSON has the powers that are packed: multiples of the step, in at most three decimals.
func TestNumbersLieOnTheGrid(t *testing.T) {
	var enc frameEncoder
	for _, stepDB := range []float64{0.01, 0.1, 0.125, 0.25, 0.5, 1, 2} {
		f := windowed(rand.New(rand.NewPCG(15, 16)), 500, 8, hann)
		f.Grid.StepDB = stepDB
		b, err := enc.encode(nil, encodingJSON, f, f.Measured)
		if err != nil {
			t.Fatal(err)
		}
		var m struct {
			Frame struct {
				MeanDB []json.Number `json:"meanDb"`
				MaxDB  []json.Number `json:"maxDb"`
			}
		}
		if err := json.Unmarshal(b, &m); err != nil || len(m.Frame.MeanDB) != 500 || len(m.Frame.MaxDB) != 500 {
			t.Fatalf("%v: %.100s", err, b)
		}
		for i, n := range append(m.Frame.MeanDB, m.Frame.MaxDB...) {
			q := append(f.Mean, f.Max...)[i]
			_, decimals, _ := strings.Cut(n.String(), ".")
			if db, err := n.Float64(); err != nil || len(decimals) > 3 || math.Abs(db-float64(q)*stepDB) > 1e-9 {
				t.Fatalf("%s is %d steps of %g dB", n, q, stepDB)
			}
		}
	}
}

func TestNumbersAreQuantised(t *testing.T) {
	for _, c := range []struct {
		db   float32
		want int16
	}{
		{-90, -180}, {-90.2, -180}, {0, 0}, {float32(math.NaN()), spectrum.Absent}, {float32(math.Inf(-1)), spectrum.Absent}, {1e30, spectrum.Absent},
	} {
		if got := quantised(c.db, 0.5); got != c.want {
			t.Errorf("%g dB is %d, want %d", c.db, got, c.want)
		}
	}
}
