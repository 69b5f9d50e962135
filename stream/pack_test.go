package stream

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/flate"

	"argos/spectrum"
)

// noiseFrame is what an analyzer makes of noise at -90 dB: so many averages a bin, mean
// and max.
func noiseFrame(r *rand.Rand, bins, averages int, stepDB float64) *spectrum.Frame {
	f := &spectrum.Frame{
		Grid:     spectrum.Grid{Generation: 1, StartHz: 97.1e6, BinHz: 2e6 / float64(bins), Bins: bins, StepDB: stepDB},
		FirstSeq: 1, LastSeq: 1,
		Segments: []spectrum.Segment{{Bins: bins, Windows: averages}},
		Mean:     make([]int16, bins), Max: make([]int16, bins),
	}
	quantise := func(power float64) int16 { return int16(math.Round((10*math.Log10(power) - 90) / stepDB)) }
	for i := range bins {
		sum, peak := 0.0, 0.0
		for range averages {
			p := r.ExpFloat64()
			sum, peak = sum+p, max(peak, p)
		}
		f.Mean[i], f.Max[i] = quantise(sum/float64(averages)), quantise(peak)
	}
	return f
}

// withMin gives f the least powers, too, some of them far down.
func withMin(r *rand.Rand, f *spectrum.Frame) *spectrum.Frame {
	f.Grid.Min = true
	f.Min = make([]int16, f.Grid.Bins)
	for i, q := range f.Mean {
		if f.Min[i] = q; q != spectrum.Absent {
			f.Min[i] -= int16(r.ExpFloat64() * 30)
		}
	}
	return f
}

// sweepFrame is one of several segments with gaps between them, which are Absent.
func sweepFrame(r *rand.Rand) *spectrum.Frame {
	f := noiseFrame(r, 2000, 2, 0.5)
	f.Segments = nil
	for bin := 0; bin+300 <= 2000; bin += 200 + r.IntN(300) {
		f.Segments = append(f.Segments, spectrum.Segment{Bin: bin, Bins: 1 + r.IntN(200), Windows: 2})
	}
	measured := make([]bool, 2000)
	for _, s := range f.Segments {
		for i := s.Bin; i < s.Bin+s.Bins; i++ {
			measured[i] = true
		}
	}
	for i, m := range measured {
		if !m {
			f.Mean[i], f.Max[i] = spectrum.Absent, spectrum.Absent
		}
	}
	return f
}

// wildFrame takes all values that there are.
func wildFrame(r *rand.Rand, bins int) *spectrum.Frame {
	f := noiseFrame(r, bins, 1, 0.01)
	for i := range f.Mean {
		f.Mean[i], f.Max[i] = int16(r.Uint32()), int16(r.Uint32())
	}
	return f
}

func TestPackIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	frames := map[string]*spectrum.Frame{
		"noise, 1 average":   noiseFrame(r, 4096, 1, 0.5),
		"noise, 32 averages": noiseFrame(r, 4096, 32, 0.5),
		"steps of 0.01 dB":   noiseFrame(r, 4096, 8, 0.01),
		"sweep":              sweepFrame(r),
		"any values":         wildFrame(r, 1000),
		"one bin":            wildFrame(r, 1),
	}
	outliers := noiseFrame(r, 4096, 8, 0.5)
	for i := 7; i < 4096; i += 100 {
		outliers.Mean[i], outliers.Max[i] = []int16{math.MinInt16, math.MaxInt16, 0, -1}[i%4], math.MaxInt16
	}
	frames["outliers"] = outliers
	unmeasured := noiseFrame(r, 256, 8, 0.5)
	for i := range unmeasured.Mean[:64] {
		unmeasured.Mean[i], unmeasured.Max[i] = spectrum.Absent, spectrum.Absent
	}
	frames["Absent within a segment"] = unmeasured
	empty := noiseFrame(r, 16, 1, 0.5)
	empty.Segments = nil
	for i := range empty.Mean {
		empty.Mean[i], empty.Max[i] = spectrum.Absent, spectrum.Absent
	}
	frames["nothing measured"] = empty
	edges := noiseFrame(r, 256, 8, 0.5)
	for i := range edges.Mean { // around the largest difference of one byte
		edges.Mean[i] = int16(i%2) * int16(120+i/16)
		edges.Max[i] = edges.Mean[i] + int16(246+i/16)
	}
	frames["around the escape"] = edges

	for _, name := range slices.Collect(maps.Keys(frames)) {
		f := new(spectrum.Frame)
		f.CopyFrom(frames[name])
		frames[name+", min"] = withMin(r, f)
	}
	wild := withMin(r, wildFrame(r, 1000))
	for i := range wild.Min {
		wild.Min[i] = int16(r.Uint32())
	}
	frames["any values, min"] = wild

	var p packer
	var u unpacker
	for range 2 { // the second time with used memory
		for name, f := range frames {
			packed, err := p.pack(f)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			got := blank(f)
			if err := u.unpack(got, packed); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !samePowers(got, f) {
				t.Errorf("%s: not what was packed", name)
			}
		}
	}
}

// blank is f as unpack expects it: all but the powers.
func blank(f *spectrum.Frame) *spectrum.Frame {
	b := new(spectrum.Frame)
	b.CopyFrom(f)
	for _, powers := range [][]int16{b.Mean, b.Max, b.Min} {
		for i := range powers {
			powers[i] = spectrum.Absent
		}
	}
	return b
}

func samePowers(a, b *spectrum.Frame) bool {
	return slices.Equal(a.Mean, b.Mean) && slices.Equal(a.Max, b.Max) && slices.Equal(a.Min, b.Min)
}

func TestUnpackRefuses(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	f := noiseFrame(r, 96, 8, 0.5)
	f.Segments = []spectrum.Segment{{Bins: 30, Windows: 8}, {Bin: 30, Bins: 66, Windows: 8}}
	var p packer
	packed, err := p.pack(f)
	if err != nil {
		t.Fatal(err)
	}
	packed = slices.Clone(packed)
	var u unpacker
	for n := range len(packed) {
		if u.unpack(blank(f), packed[:n]) == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(packed))
		}
	}
	if u.unpack(blank(withMin(r, f)), packed) == nil {
		t.Error("two traces were taken for three")
	}
	if packed, err = p.pack(f); err != nil {
		t.Fatal(err)
	}
	f.Grid.Min, f.Min = false, nil
	if u.unpack(blank(f), packed) == nil {
		t.Error("three traces were taken for two")
	}
	deflated := func(plain []byte, level int) []byte {
		b := bytes.NewBuffer([]byte{16, 0, 0})
		w, _ := flate.NewWriter(b, level)
		_, _ = w.Write(plain)
		_ = w.Close()
		return b.Bytes()
	}
	one := noiseFrame(r, 1, 1, 0.5)
	for name, c := range map[string][]byte{
		"nothing":          {},
		"weights alone":    {16, 0, 0},
		"garbage":          []byte("SSH-2.0-OpenSSH_9.2p1"),
		"too few":          deflated([]byte{}, flate.HuffmanOnly),
		"too many":         deflated([]byte{1, 2, 3}, flate.HuffmanOnly),
		"escape cut short": deflated([]byte{1, escape, 7}, flate.HuffmanOnly),
		"beyond 16 bits":   deflated([]byte{escape, 0xFF, 0x7F, 1}, flate.HuffmanOnly),
		"bomb":             deflated(make([]byte, 1<<20), flate.HuffmanOnly),
		"matches":          deflated(make([]byte, 1<<20), flate.BestCompression),
	} {
		if u.unpack(blank(one), c) == nil {
			t.Errorf("%s was taken", name)
		}
		if got := cap(u.plain); got > 1<<17 {
			t.Errorf("%s: took %d bytes", name, got)
		}
	}
	for name, plain := range map[string][]byte{"two codes": {1, 2}, "the mean alone": {1}} {
		if err := u.unpack(blank(one), deflated(plain, flate.HuffmanOnly)); err != nil {
			t.Errorf("%s: refused after all that: %v", name, err)
		}
	}
	for range 500 {
		garbage := make([]byte, r.IntN(200))
		for i := range garbage {
			garbage[i] = byte(r.Uint32())
		}
		_ = u.unpack(blank(f), garbage)
	}
}

func TestCodecDoesNotAllocate(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	frames := make([]*spectrum.Frame, 8)
	packed := make([][]byte, len(frames))
	var p packer
	var u unpacker
	var e frameEncoder
	var buffer []byte
	for i := range frames {
		if frames[i] = noiseFrame(r, 4096, 8, 0.5); i%2 == 0 {
			withMin(r, frames[i])
		}
		b, err := p.pack(frames[i])
		if err != nil {
			t.Fatal(err)
		}
		packed[i] = slices.Clone(b)
		buffer, _ = e.encode(buffer[:0], encodingPB, frames[i], frames[i].First)
		_ = u.unpack(frames[i], packed[i])
	}
	n := 0
	each := func(name string, f func(i int) error) {
		if got := testing.AllocsPerRun(50, func() {
			n++
			if err := f(n % len(frames)); err != nil {
				t.Fatal(err)
			}
		}); got != 0 {
			t.Errorf("%s allocates %g times", name, got)
		}
	}
	each("pack", func(i int) error { _, err := p.pack(frames[i]); return err })
	each("unpack", func(i int) error { return u.unpack(frames[i], packed[i]) })
	each("encode", func(i int) (err error) {
		buffer, err = e.encode(buffer[:0], encodingPB, frames[i], frames[i].First)
		return err
	})
}

func FuzzUnpack(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	var p packer
	for _, frame := range []*spectrum.Frame{noiseFrame(r, 64, 1, 0.5), wildFrame(r, 64), withMin(r, noiseFrame(r, 64, 1, 0.5))} {
		packed, err := p.pack(frame)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(slices.Clone(packed), uint8(0), frame.Grid.Min)
		f.Add(slices.Clone(packed), uint8(30), frame.Grid.Min)
	}
	var u unpacker
	f.Fuzz(func(t *testing.T, packed []byte, split uint8, least bool) {
		frame := noiseFrame(r, 64, 1, 0.5)
		if least {
			withMin(r, frame)
		}
		if s := int(split % 64); s > 0 {
			frame.Segments = []spectrum.Segment{{Bins: s}, {Bin: s, Bins: 64 - s}}
		}
		if u.unpack(frame, packed) != nil {
			return
		}
		again, err := p.pack(frame)
		if err != nil {
			t.Fatal(err)
		}
		second := blank(frame)
		if err := u.unpack(second, again); err != nil || !samePowers(second, frame) {
			t.Fatalf("what was taken does not pack again: %v", err)
		}
	})
}
