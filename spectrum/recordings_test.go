package spectrum

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
