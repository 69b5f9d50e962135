package spectrum

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"argos/device"
)

// TestRecordingsAgreeWithReference measures real recordings, if ARGOS_CAPTURES names a
// directory with some. TestRandomScenesAgreeWithReference does the same on made ones.
func TestRecordingsAgreeWithReference(t *testing.T) {
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		t.Skip("ARGOS_CAPTURES is not set")
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*.sigmf-meta"))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no recordings in %s: %v", dir, err)
	}
	for _, path := range metas {
		t.Run(filepath.Base(path), func(t *testing.T) {
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
			raw, err := os.ReadFile(strings.TrimSuffix(path, "meta") + "data")
			if err != nil {
				t.Fatal(err)
			}
			format := device.CI8
			for format.String() != meta.Global.Datatype {
				if format++; format > device.CF32 {
					t.Fatalf("unknown type %q", meta.Global.Datatype)
				}
			}
			x := make([]complex128, len(raw)/format.Size())
			for i := range x {
				switch format {
				case device.CU8:
					x[i] = complex((float64(raw[2*i])-127.5)/128, (float64(raw[2*i+1])-127.5)/128)
				case device.CI8:
					x[i] = complex(float64(int8(raw[2*i]))/128, float64(int8(raw[2*i+1]))/128)
				default:
					t.Fatalf("no reference for %v", format)
				}
			}
			for _, n := range []int{1024, 4096, 16384} {
				for w := range windows {
					s := settingsAt(meta.Global.Rate, n)
					s.Window = Window(w)
					if n != 4096 && s.Window != Hann {
						continue // the reference is slow
					}
					a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
					if err != nil {
						t.Fatal(err)
					}
					b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: format, Samples: raw}
					if err := a.Add(&b, nil); err != nil {
						t.Fatal(err)
					}
					mean, most, windows := welchReference(x, n, n/2, s.Window)
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
}

// TestZeroSpanFindsTheBurstsOfARecording compares with the power of every hundred samples, in
// double precision.
func TestZeroSpanFindsTheBurstsOfARecording(t *testing.T) {
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		t.Skip("ARGOS_CAPTURES is not set")
	}
	raw, err := os.ReadFile(filepath.Join(dir, "urh-esaver.sigmf-data")) // int8, FSK, 1 Msps
	if err != nil {
		t.Fatal(err)
	}
	const rate, point = 1e6, 100
	var want []float64 // dB a point
	for at := 0; at+2*point <= len(raw); at += 2 * point {
		sum := 0.0
		for _, b := range raw[at : at+2*point] {
			sum += float64(int8(b)) * float64(int8(b)) / (128 * 128)
		}
		want = append(want, 10*math.Log10(sum/point))
	}
	s := zeroAt(rate, 125e3, time.Duration(len(want))*100*time.Microsecond, 0)
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: device.CI8, Samples: raw}
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
}
