package views

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

var escape = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// A dump is what is on the screen, in any state, and replaces nothing.
func TestDump(t *testing.T) {
	for name, colors := range map[string]int{"mono": 0, "8": 8, "256": 256, "24-bit": 1 << 24} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			read := func(file string) string {
				text, err := os.ReadFile(filepath.Join(dir, file))
				if err != nil {
					t.Fatal(err)
				}
				return string(text)
			}
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, 80, 24, "UTF-8", colors, Options{})
				defer r.stop()
				r.app.Event(stream.Event{Time: time.Now(), Text: "日本語 e\u0301"})
				r.feed(20)
				r.keys("f")
				r.src.change(func(l *stream.Link) { l.State, l.Reason = stream.Reconnecting, "connection refused" })
				r.settle(time.Second)
				before := r.text()
				r.keys(":dump a", tcell.KeyEnter)
				r.wants("the screen is in a.txt and a.ans")
				// A cell that a wide rune covers has no text.
				if got := read("a.txt"); strings.ReplaceAll(got, "日本語", "日 本 語 ") != before {
					t.Errorf("dumped\n%s\nof\n%s", got, before)
				}
				ansi := read("a.ans")
				var plain strings.Builder
				for line := range strings.Lines(escape.ReplaceAllString(ansi, "")) {
					plain.WriteString(strings.TrimRight(line, " \n") + "\n")
				}
				if plain.String() != read("a.txt") {
					t.Errorf("without its colours the dump is\n%s", plain.String())
				}
				if got := strings.Contains(ansi, ";38;2;") || strings.Contains(ansi, ";48;2;"); got != (colors > 256) {
					t.Errorf("24-bit colours: %t", got)
				}
				if got := strings.Contains(ansi, ";3") || strings.Contains(ansi, ";4"); got != (colors > 0) {
					t.Errorf("colours: %t", got)
				}
				r.keys(":dump a.txt", tcell.KeyEnter)
				r.wants("not written: open a.txt: file exists")
				r.keys(":dump a", tcell.KeyEnter)
				r.wants("file exists")
				r.keys(":dump b.ans", tcell.KeyEnter)
				r.wants("the screen is in b.ans")
				r.keys(":dump none/b", tcell.KeyEnter)
				r.wants("not written: open none/b.txt: no such file")
				r.keys(tcell.KeyCtrlP)
				r.wants("the screen is in argos-20000101-00000")
			})
			if _, err := os.Stat(filepath.Join(dir, "b.txt")); err == nil {
				t.Error("b.ans came with a b.txt")
			}
			if found, _ := filepath.Glob(filepath.Join(dir, "argos-*")); len(found) != 2 {
				t.Errorf("Ctrl-P wrote %q", found)
			}
		})
	}
}

// Half a dump is none.
func TestDumpWhole(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.ans"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	sim := tcell.NewSimulationScreen("UTF-8")
	if err := sim.Init(); err != nil {
		t.Fatal(err)
	}
	defer sim.Fini()
	if err := dumpTo(filepath.Join(dir, "a"), time.Now()).write(sim, 0); err == nil {
		t.Error("wrote over a file")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left %v, %v", left, err)
	}
}
