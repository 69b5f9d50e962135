package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInstrument: one sitting at the terminal, as an operator has it: tune, mark, go from
// peak to peak, tell the difference, look closer, hold against a mask, save.
func TestInstrument(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 120, 40)
	if err := os.WriteFile(filepath.Join(tm.dir, "mask"), []byte("upper,97M,-120\nupper,99.2M,-120\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tm.keys("cd "+quote(tm.dir), "Enter") // files by short names
	tm.run("--listen", freeAddr(t), "--device", "synth", "--freq", "433.92M", "--bands", "itu1")
	tm.wait(startup, "frames", drawn)
	steps := []struct {
		keys  []string
		what  string
		shows func(string) bool
	}{
		{[]string{":freq 98.1M", "Enter"}, "the radio tuned", contains(" 98.100MHz  span")},
		{[]string{}, "the band", contains("FM")},
		{[]string{"n"}, "the marker on a peak", matches(`mark +9[78]\.\d+ MHz`)},
		{[]string{"2"}, "a second marker", matches(`M2 +9[78]\.\d+ MHz`)},
		{[]string{"D"}, "their difference", matches(`M2-M1 +[+-]\d+\.\d+ MHz +-?\d+\.\d dB\b`)},
		{[]string{"z"}, "a closer view", matches(`view 9[78]\.?\d*MHz to`)},
		{[]string{"0"}, "everything", contains("view: all that is measured")},
		{[]string{"p"}, "the table of peaks", contains("peaks by level")},
		{[]string{"Escape"}, "no table", func(s string) bool { return !strings.Contains(s, "peaks by level") }},
		{[]string{":mask mask", "Enter"}, "a verdict", contains("FAIL from 97.")},
		{[]string{}, "its event", matches(`\d limit FAIL from`)},
		{[]string{":threshold 20", "Enter"}, "another verdict", contains("PASS by")},
		{[]string{"h", "v", "s", "x"}, "a comparison", matches(`(?m)^dB {2,}`)},
		{[]string{":save t.csv", "Enter"}, "what was saved", contains("saved 6 traces")},
	}
	for _, s := range steps {
		for _, k := range s.keys {
			if len(k) > 1 && k[0] == ':' {
				tm.keys("-l", k)
				continue
			}
			tm.keys(k)
		}
		tm.wait(startup, s.what, s.shows)
	}
	text, err := os.ReadFile(filepath.Join(tm.dir, "t.csv"))
	if err != nil || !strings.Contains(string(text), "# simulated: true\n") || !matches(`\nhz,mean,max,hold,avg,A,(hold|mean)-A\n`)(string(text)) {
		t.Errorf("%v\n%.900s", err, text)
	}
}
