package spectrum

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// recordings calls test for each recording in the directory that ARGOS_CAPTURES names.
func recordings(t *testing.T, test func(t *testing.T, name string, c capture)) {
	t.Helper()
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		t.Skip("ARGOS_CAPTURES is not set")
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*.sigmf-meta"))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no recordings in %s: %v", dir, err)
	}
	for _, path := range metas {
		name := strings.TrimSuffix(filepath.Base(path), ".sigmf-meta")
		t.Run(name, func(t *testing.T) {
			var meta struct {
				Global struct {
					Datatype string  `json:"core:datatype"`
					Rate     float64 `json:"core:sample_rate"`
				} `json:"global"`
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(text, &meta); err != nil {
				t.Fatal(err)
			}
			c := capture{rateHz: meta.Global.Rate}
			for c.format.String() != meta.Global.Datatype {
				if c.format++; c.format > device.CF32 {
					t.Fatalf("unknown type %q", meta.Global.Datatype)
				}
			}
			if c.raw, err = os.ReadFile(strings.TrimSuffix(path, "meta") + "data"); err != nil {
				t.Fatal(err)
			}
			c.x = decode(c.raw, c.format)
			test(t, name, c)
		})
	}
}

// TestRecordingsAgreeWithReference measures real recordings, if ARGOS_CAPTURES names a
// directory with some. TestRandomScenesAgreeWithReference does the same on made ones.
func TestRecordingsAgreeWithReference(t *testing.T) {
	study(t)
	recordings(t, func(t *testing.T, _ string, c capture) {
		for _, n := range []int{1024, 4096, 16384} {
			for w := range windows {
				s := settingsAt(c.rateHz, n)
				s.Window = Window(w)
				if n != 4096 && s.Window != Hann {
					continue // the reference is slow
				}
				a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
				if err != nil {
					t.Fatal(err)
				}
				b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: c.format, Samples: c.raw}
				if err := a.Add(&b, nil); err != nil {
					t.Fatal(err)
				}
				mean, most, windows := welchReference(c.x, n, n/2, s.Window)
				a.Flush(func(f *Frame) {
					agree(t, f, mean, most, 0.02)
					if f.Averages() != windows {
						t.Errorf("%d averages, want %d", f.Averages(), windows)
					}
					if n == 4096 && s.Window == Hann {
						i := strongest(f.Mean)
						t.Logf("strongest %+.1f kHz at %.2f dBFS", (f.Grid.BinCenterHz(i)-s.Tuning.CenterHz)/1e3, f.Grid.DB(f.Mean[i]))
					}
				})
			}
		}
	})
}

// TestRecordedBurstsAreFound looks for the bursts of real recordings where the reference finds them in the
// samples, as start, length and occupied bandwidth go. TestBurstsAreFound does the same on made ones.
func TestRecordedBurstsAreFound(t *testing.T) {
	known := map[string]struct {
		powerDB float64 // between noise and bursts
		n       int
		least   int // bursts that stand alone
	}{
		"urh-esaver":           {-30, 256, 3},
		"urh-two-participants": {-35, 256, 18},
	}
	recordings(t, func(t *testing.T, name string, c capture) {
		k, ok := known[name]
		if !ok {
			return // of FSK
		}
		c.power, c.n, c.overlap = math.Pow(10, k.powerDB/10), k.n, 0.75
		want := truth(c.x, 32, c.power, c.n)
		held := c.find(t, want)
		apart := c.frames(t, want, c.power/10)
		t.Logf("%d bursts, %d stand alone, %d are apart by two frames of the quickest: %v", len(want), len(held), apart, held)
		if len(held) < k.least {
			t.Errorf("%d bursts stand alone, want %d", len(held), k.least)
		}
	})
}

// TestZeroSpanFindsTheBurstsOfARecording compares with the power of every hundred samples, in
// double precision.
func TestZeroSpanFindsTheBurstsOfARecording(t *testing.T) {
	recordings(t, func(t *testing.T, name string, c capture) {
		if name != "urh-esaver" { // FSK, 1 Msps
			return
		}
		const point = 100
		var want []float64 // dB a point
		for x := range slices.Chunk(c.x[:len(c.x)/point*point], point) {
			sum := 0.0
			for _, v := range x {
				sum += real(v)*real(v) + imag(v)*imag(v)
			}
			want = append(want, 10*math.Log10(sum/point))
		}
		s := zeroAt(c.rateHz, 125e3, time.Duration(len(want))*100*time.Microsecond, 0)
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: c.format, Samples: c.raw}
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
		var f Frame
		a.Flush(f.CopyFrom)
		if f.Grid.Bins != len(want) {
			t.Fatalf("%d points, want %d", f.Grid.Bins, len(want))
		}
		edges := func(on func(i int) bool) (at []int) {
			for i := 1; i < len(want); i++ {
				if on(i) != on(i-1) {
					at = append(at, i)
				}
			}
			return at
		}
		got, expected := edges(func(i int) bool { return f.Grid.DB(f.Max[i]) > -20 }), edges(func(i int) bool { return want[i] > -20 })
		if len(expected) < 5 || len(got) != len(expected) {
			t.Fatalf("bursts begin and end at points %v, want %v", got, expected)
		}
		for i := range got {
			if d := got[i] - expected[i]; d < -1 || d > 1 {
				t.Errorf("edge %d is at point %d, want %d", i, got[i], expected[i])
			}
		}
	})
}
