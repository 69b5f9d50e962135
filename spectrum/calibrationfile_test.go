package spectrum

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"argos/device"
)

const calibrationText = `# the box on the roof
[[radio]]
driver = "hackrf"
serial = "0000000000000000457863c82b3a1f2f"
ppm = -1.25 # measured in May
iq.gain_db = 0.31
iq.phase_deg = -1

[[radio.slope]]
rate_hz = 8e6
points = [[-3e6, 0.4], [0, 0], [3e6, 0.5]]

[[radio.level]]
lna_db = 16
vga_db = 20
points = [
  [100e6, -31.5], # from the generator
  [1_000_000_000, -30],
]

# what is simulated
[[radio]] # no serial
driver = "synth"
name = "synthetic radio"
`

var roof = Calibration{
	Driver: "hackrf", Serial: "0000000000000000457863c82b3a1f2f", PPM: -1.25, IQ: Imbalance{0.31, -1},
	Slopes: []Slope{{8e6, Curve{{-3e6, 0.4}, {0, 0}, {3e6, 0.5}}}},
	Levels: []Level{{16, 20, false, Curve{{100e6, -31.5}, {1e9, -30}}}},
}

func TestCalibrationsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "calibration.toml")
	if _, err := ReadCalibrations(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
	if err := os.WriteFile(path, []byte(calibrationText), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := ReadCalibrations(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.For(device.Info{Driver: "hackrf", Name: "HackRF One", Serial: roof.Serial}); !reflect.DeepEqual(got, &roof) {
		t.Errorf("%+v, want %+v", got, roof)
	}
	if got := c.For(device.Info{Driver: "synth", Name: "synthetic radio"}); !reflect.DeepEqual(got, &Calibration{Driver: "synth", Name: "synthetic radio"}) {
		t.Errorf("%+v", got)
	}
	if got := c.For(device.Info{Driver: "hackrf", Name: "HackRF One", Serial: "1f2f"}); got != nil {
		t.Errorf("another radio: %+v", got)
	}
}

func TestBadCalibrations(t *testing.T) {
	radio := "[[radio]]\ndriver = 'hackrf'\nserial = '1'\n"
	for text, want := range map[string]string{
		radio + "level = 3":                                                        "4: radio.level cannot be that",
		radio + "[radio.iq]\ngain = 1":                                             "5: there is no key radio.iq.gain",
		"[radios]":                                                                 "1: there is no key radios",
		"\n[[radio]]\nserial = '1'":                                                "2: a radio needs a driver",
		"[[radio]]\ndriver = 'x'":                                                  "1: a radio is known by a serial, or by a name",
		radio + "name = 'both'":                                                    "3: a radio is known by",
		radio + "ppm = inf":                                                        "4: ppm +Inf: use -200 to 200",
		radio + "ppm = 1e999":                                                      "4: unable to parse",
		radio + "iq = {gain_db = nan, phase_deg = 0}":                              "4: gain_db NaN: use",
		radio + "iq.phase_deg = 91":                                                "4: phase_deg 91: use",
		radio + "[[radio.slope]]\npoints = [[1, 2]]":                               "4: rate_hz 0",
		radio + "[[radio.slope]]\nrate_hz = 2e6\n":                                 "4: there are no points",
		radio + "[[radio.slope]]\nrate_hz = 2e6\npoints=[[1,0]]":                   "6: points of a slope lie on both sides",
		radio + "[[radio.slope]]\nrate_hz=1\n\npoints=[[0,61]]":                    "7: 61 dB at 0: use",
		radio + "[[radio.level]]\npoints = [[1]]":                                  "5: [1] is no point",
		radio + "[[radio.level]]\npoints = [[1,2,3]]":                              "5: [1 2 3] is no point",
		radio + "[[radio.level]]\npoints = [[nan, 1]]":                             "5: NaN is not a frequency",
		radio + "[[radio.level]]\npoints = [[1, nan]]":                             "5: NaN dB at 1",
		radio + "[[radio.level]]\npoints = [[1, 1], [1, 2]]":                       "5: the point at 1 is out of order",
		radio + "[[radio.level]]\nlna_db = 99\npoints=[[1,1]]":                     "4: LNA 99 VGA 0 amp off is no gain state",
		radio + "[[radio.level]]\nlna_db = 1.5":                                    "5: radio.level.lna_db cannot be that",
		radio + "[[radio.level]]\npoints=[[1,1]]\n[[radio.level]]\npoints=[[1,1]]": "6: there are two levels for LNA 0 VGA 0 amp off",
		radio + "\n" + radio:                                                       "5: this radio is in the file twice",
		radio + "ppm = 1\nppm = 2":                                                 "5: ",
		"[[radio]":                                                                 "1: ",
		radio + "driver = '\x00'\n":                                                "4: ",
	} {
		_, err := decodeCalibrations([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsRune(err.Error(), '\n') {
			t.Errorf("%q:\n%v, want %s", text, err, want)
		}
	}
}

func TestCalibrationsAreWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "calibration.toml")
	c := &Calibrations{Path: path}
	first := Calibration{Driver: "hackrf", Serial: "1", Levels: []Level{{8, 2, true, Curve{{1e6, -3.25}}}}}
	if err := c.Write(&first); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadCalibrations(path); err != nil || !reflect.DeepEqual(got.Radios, []Calibration{first}) {
		t.Fatalf("%+v, %v", got, err)
	}

	if err := os.WriteFile(path, []byte(calibrationText), 0o640); err != nil {
		t.Fatal(err)
	}
	c, err := ReadCalibrations(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := roof
	changed.PPM = 3
	for _, r := range []*Calibration{&changed, &first} {
		if err := c.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, after, _ := strings.Cut(calibrationText, "[[radio]]")
	_, after, _ = strings.Cut(after, "\n# what is simulated")
	if s := string(text); !strings.HasPrefix(s, before) || !strings.Contains(s, "\n# what is simulated"+after) {
		t.Errorf("what was said of others is gone:\n%s", s)
	}
	got, err := ReadCalibrations(path)
	if err != nil || !reflect.DeepEqual(got.Radios, []Calibration{changed, {Driver: "synth", Name: "synthetic radio"}, first}) {
		t.Errorf("%+v, %v", got, err)
	}
	if bad := (Calibration{Driver: "hackrf", Serial: "1", PPM: 1e6}); c.Write(&bad) == nil {
		t.Error("a bad one was written")
	}

	// A table in one line has no text of its own that could be replaced.
	inline := "radio = [{driver = 'hackrf', serial = '1'}, {driver = 'x', name = 'y', ppm = 2}]"
	if err := os.WriteFile(path, []byte(inline), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = ReadCalibrations(path); err != nil {
		t.Fatal(err)
	}
	if err := c.Write(&first); err != nil {
		t.Fatal(err)
	}
	got, err = ReadCalibrations(path)
	if err != nil || !reflect.DeepEqual(got.Radios, []Calibration{first, {Driver: "x", Name: "y", PPM: 2}}) {
		t.Errorf("%+v, %v", got, err)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Whatever a file says is refused, or corrects within bounds, and survives being written.
func FuzzCalibrations(f *testing.F) {
	f.Add([]byte(calibrationText), uint8(0))
	f.Add([]byte("radio = [{driver = 'hackrf', serial = '1', ppm = -1}]"), uint8(1))
	f.Add([]byte("[[radio]]\ndriver = 'x'\nname = '''\n[[radio]]\n'''\n# [[radio]]\n"), uint8(2))
	f.Fuzz(func(t *testing.T, text []byte, which uint8) {
		all, err := decodeCalibrations(text)
		if err != nil {
			if strings.ContainsRune(err.Error(), '\n') {
				t.Fatalf("not one line: %q", err)
			}
			return
		}
		c := &Calibrations{text: text, calibrations: all}
		added := Calibration{Driver: "fuzz", Name: "one more", PPM: 1}
		changed := &added
		for i := range all.Radios {
			r := &all.Radios[i]
			for _, l := range r.Levels {
				s := settingsAt(2e6, MinBins)
				s.Tuning.LNADB, s.Tuning.VGADB, s.Tuning.Amp = l.LNADB, l.VGADB, l.Amp
				x := encode(tone(MinBins, 3, 0.5), device.CI8)
				b := device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Samples: x}
				frame := corrected(t, s, r, b)
				if g := &frame.Grid; !g.Calibrated || !(g.BinHz > 0) || frame.Mean[0] == Absent {
					t.Fatalf("%+v", g)
				}
			}
			if i == int(which) {
				copied := *r
				copied.PPM = -copied.PPM / 2
				changed = &copied
			}
		}
		again, want, err := c.with(changed)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeCalibrations(again); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v, %v, want %+v of\n%s", got, err, want, again)
		}
	})
}
