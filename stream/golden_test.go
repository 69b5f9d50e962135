package stream

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"argos/spectrum"
	"argos/stream/wire"
)

var update = flag.Bool("update", false, "write testdata/v1 anew: from the first tag on, only what is added to it")

// A golden is a frame as version 1 sends it, and the powers that it has, on every processor and
// for good. e2e has Python unpack the same.
type golden struct {
	Message  []byte   `json:"message"` // of argos.v1.pb
	Packed   []byte   `json:"packed"`  // the powers within
	Segments [][2]int `json:"segments"`
	Mean     []int16  `json:"mean"`
	Max      []int16  `json:"max"`
	Min      []int16  `json:"min,omitempty"`
}

// The spectra of windows: by these the noise of a bin is in the bins beside it.
var (
	hann           = []float64{0.5, -0.25}
	blackmanHarris = []float64{0.35875, -0.244145, 0.07064, -0.00584}
)

// windowed is what an analyzer makes of noise with a window, each average from samples of its own.
func windowed(r *rand.Rand, bins, averages int, window []float64) *spectrum.Frame {
	f := noiseFrame(r, bins, 1, 0.5)
	f.Segments[0].Windows = averages
	sum, peak := make([]float64, bins), make([]float64, bins)
	x := make([]complex128, bins+2*len(window))
	energy := -window[0] * window[0]
	for _, w := range window {
		energy += 2 * w * w
	}
	for range averages {
		for i := range x {
			x[i] = complex(r.NormFloat64(), r.NormFloat64()) / math.Sqrt2
		}
		for i := range bins {
			at := i + len(window)
			z := complex(window[0], 0) * x[at]
			for k, w := range window[1:] {
				z += complex(w, 0) * (x[at+k+1] + x[at-k-1])
			}
			p := (real(z)*real(z) + imag(z)*imag(z)) / energy
			sum[i], peak[i] = sum[i]+p, max(peak[i], p)
		}
	}
	for i := range bins {
		f.Mean[i] = int16(math.Round(2 * (10*math.Log10(sum[i]/float64(averages)) - 90)))
		f.Max[i] = int16(math.Round(2 * (10*math.Log10(peak[i]) - 90)))
	}
	return f
}

// goldenFrames are all kinds of frame there are.
func goldenFrames() map[string]*spectrum.Frame {
	r := rand.New(rand.NewPCG(13, 14))
	frames := map[string]*spectrum.Frame{
		"one-window":      noiseFrame(r, 600, 1, 0.5),
		"hann":            windowed(r, 1000, 8, hann),
		"few-windows":     windowed(r, 1000, 3, hann),
		"blackman-harris": windowed(r, 1000, 32, blackmanHarris),
		"min":             withMin(r, windowed(r, 400, 8, hann)),
		"sweep":           sweepFrame(r),
		"any-values":      wildFrame(r, 100),
		"any-values-min":  withMin(r, wildFrame(r, 100)),
	}
	stairs := noiseFrame(r, 400, 32, 0.5)
	for i := range stairs.Mean {
		up := int16(i/25%5) * 40
		stairs.Mean[i], stairs.Max[i] = stairs.Mean[i]/16+up-150, stairs.Max[i]/16+up-140
	}
	frames["stairs"] = stairs
	carriers := windowed(r, 500, 8, hann)
	for i := 50; i < 500; i += 90 { // they and what is beside them do not fit a code
		carriers.Mean[i], carriers.Max[i] = int16(i), int16(i+300)
	}
	frames["escapes"] = carriers
	sweep := windowed(r, 200, 4, hann)
	sweep.Grid.BinHz, sweep.Grid.PointSec = 0, 1e-3
	for i := 40; i < 60; i++ {
		sweep.Mean[i], sweep.Max[i] = spectrum.Absent, spectrum.Absent
	}
	frames["zero-span"] = sweep
	least := noiseFrame(r, 300, 1, 0.5)
	least.Grid.Min, least.Min = true, slices.Clone(least.Mean)
	frames["one-window-min"] = least
	empty := noiseFrame(r, 16, 1, 0.5)
	empty.Segments = nil
	for i := range empty.Mean {
		empty.Mean[i], empty.Max[i] = spectrum.Absent, spectrum.Absent
	}
	frames["nothing-measured"] = empty
	return frames
}

// TestGolden decodes the frames of testdata/v1 to the powers that they are known to have. It is
// also run for other processors: make arm64.
func TestGolden(t *testing.T) {
	const dir = "testdata/v1"
	if *update {
		for name, f := range goldenFrames() {
			writeGolden(t, filepath.Join(dir, name+".json"), f)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) < len(goldenFrames()) {
		t.Fatalf("%d files in %s (%v), want %d", len(files), dir, err, len(goldenFrames()))
	}
	var seen []weights
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		var want golden
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		m := new(wire.ServerMessage)
		if err := encodingPB.unmarshal(want.Message, m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		f, err := new(frameDecoder).decode(m.GetFrame())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(f.Mean, want.Mean) || !slices.Equal(f.Max, want.Max) || !slices.Equal(f.Min, want.Min) ||
			!bytes.Equal(m.GetFrame().GetPacked(), want.Packed) {
			t.Errorf("%s: not the powers that were sent", name)
		}
		seen = append(seen, weights{int8(want.Packed[0]), int8(want.Packed[1]), int8(want.Packed[2])})
		again, err := new(packer).pack(f)
		if err != nil {
			t.Fatal(err)
		}
		got := blank(f)
		if err := new(unpacker).unpack(got, again); err != nil || !samePowers(got, f) {
			t.Errorf("%s: not what was packed here (%v)", name, err)
		}
	}
	for _, w := range predictors {
		if !slices.Contains(seen, w) {
			t.Errorf("no frame with weights %v", w)
		}
	}
}

func writeGolden(t *testing.T, file string, f *spectrum.Frame) {
	t.Helper()
	f.First = time.Unix(1_700_000_000, 0)
	f.Last, f.Measured = f.First, f.First
	message, err := new(frameEncoder).encode(nil, encodingPB, f, f.First)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := new(packer).pack(f)
	if err != nil {
		t.Fatal(err)
	}
	g := golden{Message: message, Packed: packed, Mean: f.Mean, Max: f.Max, Min: f.Min}
	for _, s := range f.Segments {
		g.Segments = append(g.Segments, [2]int{s.Bin, s.Bins})
	}
	text, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}
