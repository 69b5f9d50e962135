package spectrum

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is written is read as it was.
func TestTraceFile(t *testing.T) {
	frames := framesOf(rand.New(rand.NewPCG(6, 6)), 128, 5)
	for i := range frames {
		frames[i].Grid.BinHz = 488.28125
		frames[i].Mean[7] = Absent
	}
	live, hold := Trace{}, Trace{Kind: MaxHold}
	update(&live, frames)
	update(&hold, frames)
	var file bytes.Buffer
	if err := WriteTraces(&file, "HackRF\nOne", time.Unix(5, 0), []NamedTrace{{"mean", &live}, {"max hold", &hold}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# radio: HackRF One\n", "# unit: dBFS\n", "# rbw_hz: 3000.000\n", "# window: hann\n", "# tuned_hz: 100000000.000\n", "\nhz,mean,max hold\n", "# trace max hold: max hold of 5 frames, 1970-01-01T00:16:39.95Z to 1970-01-01T00:16:40.2Z\n"} {
		if !strings.Contains(file.String(), want) {
			t.Errorf("the file lacks %q:\n%.900s", want, file.String())
		}
	}
	got, err := ReadTraces(&file)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Name != "mean" || got[1].Name != "max hold" || got[1].Frames != 5 || !got[1].Last.Equal(hold.Last) {
		t.Fatalf("read %+v", got)
	}
	g := got[0].Grid()
	if g.RBWHz != 3000 || g.Bins != 128 || g.BinCenterHz(0)-live.Grid().BinCenterHz(0) > 0.001 || g.Tuning.CenterHz != 100e6 || g.TunedHz != 100e6 {
		t.Errorf("read the grid %+v", g)
	}
	for i := range got[0].Levels() {
		a, b := got[0].Levels()[i], live.Levels()[i]
		if (a == Absent) != (b == Absent) || a-b > 1 || b-a > 1 {
			t.Fatalf("bin %d: %d was read, %d written", i, a, b)
		}
	}
	if !slices.Equal(got[1].Levels(), hold.Levels()) {
		t.Error("half decibels do not survive")
	}
}

func TestTraceFilesOfOthers(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		startHz    float64
		want       []float64 // 0: not measured
	}{
		{"two columns", "100,-80\n110,-70.5\n120,-75\n", 95, []float64{-80, -70.5, -75}},
		{"names and MHz", "\ufeffFreq (MHz),dBm\n1,-80\n2,-70\n", 5e5, []float64{-80, -70}},
		{"semicolons and decimal commas", "f;a\n100,5;-80,25\n101,5;-81\n", 100, []float64{-80.25, -81}},
		{"tabs, downwards, with a hole", "130\t-1\n110\t-2\n100\t-3\n", 95, []float64{-3, -2, 0, -1}},
		{"not measured", "100,\n110,nan\n120,-3\n", 95, []float64{0, 0, -3}},
		{
			"hackrf_sweep, two sweeps", "2024-01-01, 12:00:00.0, 100, 120, 10.00, 20, -50, -60\n2024-01-01, 12:00:00.0, 120, 140, 10.00, 20, -70, -80\n" +
				"2024-01-01, 12:00:01.0, 100, 120, 10.00, 20, -55, -40\n", 100, []float64{-50, -40, -70, -80},
		},
	} {
		got, err := ReadTraces(strings.NewReader(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if g := got[0].Grid(); g.StartHz != tc.startHz || g.Bins != len(tc.want) {
			t.Errorf("%s: %d bins from %v Hz", tc.name, g.Bins, g.StartHz)
		}
		for i, q := range got[0].Levels() {
			if q == Absent && tc.want[i] != 0 || q != Absent && got[0].Grid().DB(q) != tc.want[i] {
				t.Errorf("%s: bin %d is %v dB, want %v", tc.name, i, got[0].Grid().DB(q), tc.want[i])
			}
		}
	}
}

func TestTraceFilesThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "two frequencies",
		"# argos traces\n":      "two frequencies",
		"100,-80\n":             "two frequencies",
		"100,-80\nx,-80\n":      `line 2: "x" is not a frequency`,
		"100,-80\n110\n":        "line 2: no level",
		"100,-80\n110,-70,1\n":  "line 2: 2 levels, where the lines before have 1",
		"100,-80\n110,loud\n":   `line 2: "loud" is not a level`,
		"100,1e9\n110,1\n":      "is not a level",
		"-5,1\n110,1\n":         "is not a frequency",
		"1,1\n1e14,1\n1.1,1\n":  "evenly spaced",
		"100,1\n110,1\n125,1\n": "evenly spaced",
		"2024-01-01,1,2\n":      "hackrf_sweep",
		"1" + strings.Repeat(",1", maxTraceColumns+1) + "\n": "are the most",
		strings.Repeat("1", maxTraceLine+2):                  "too long",
	} {
		_, err := ReadTraces(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
	if err := WriteTraces(&bytes.Buffer{}, "", time.Time{}, []NamedTrace{{"mean", &Trace{}}}); err == nil {
		t.Error("an empty trace was written")
	}
}

// FuzzReadTraces: what can be read is written and read again.
func FuzzReadTraces(f *testing.F) {
	f.Add([]byte("# argos traces\n# trace a: mean of 3 frames, 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z\nhz,a\n100,-80\n110,-70.5\n"))
	f.Add([]byte("f;a\n100,5;-80,25\n101,5;-81\n"))
	f.Add([]byte("2024-01-01, 12:00:00.0, 100, 120, 10.00, 20, -50, -60\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := ReadTraces(bytes.NewReader(text))
		if err != nil || len(text) > 1<<12 || got[0].Grid().Bins > 1<<12 {
			return
		}
		var file bytes.Buffer
		if err := WriteTraces(&file, "", time.Time{}, got); err != nil {
			t.Fatal(err)
		}
		if got[0].Grid().BinHz < 1 {
			return // files give frequencies to a thousandth of a hertz
		}
		again, err := ReadTraces(&file)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for i := range got {
			if n := len(again[i].Levels()); n != len(got[i].Levels()) && again[i].Levels()[n-1] != Absent {
				t.Fatalf("%d bins became %d", len(got[i].Levels()), n)
			}
		}
	})
}
