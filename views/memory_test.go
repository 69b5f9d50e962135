package views

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
)

// What a person chose for the screen is there the next time, and nothing of the radio.
func TestScreenRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "argos", "screen.json")
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{MemoryFile: path})
		r.feed(2)
		r.keys("d", ":ref -20", tcell.KeyEnter, ":pace 2s", tcell.KeyEnter, ":freq 433.92M", tcell.KeyEnter, tcell.KeyTab, tcell.KeyTab, "e")
		r.stop()
	})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory, which is that of keys, too, has mode %v: %v", info.Mode(), err)
	}
	memory, err := ReadMemory(path)
	ref := -20.0
	want := Memory{Detector: Max, RefDB: &ref, Pane: "link", Expanded: true, Pace: 2 * time.Second, History: []string{"ref -20", "pace 2s", "freq 433.92M"}}
	if err != nil || !reflect.DeepEqual(memory, want) {
		t.Fatalf("remembers %s (%v), want %+v", text, err, want)
	}
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{Memory: memory, MemoryFile: path})
		r.feed(2)
		r.wants("session a1b2c3d~ epoch") // of the link pane, expanded
		r.keys(tcell.KeyEscape, ":", tcell.KeyUp)
		r.wants(":freq 433.92M")
		if sets := r.src.sent(); len(sets) != 0 {
			t.Errorf("a start sent %v", sets)
		}
		r.keys(tcell.KeyEscape)
		r.stop()
	})
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDamagedMemory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "screen.json")
	if m, err := ReadMemory(path); err != nil || !reflect.DeepEqual(m, Memory{}) {
		t.Errorf("of no file: %+v, %v", m, err)
	}
	for _, text := range []string{
		"", "{", "[]", `{"detector": "loudest"}`, `{"ref_db": 1e9}`, `{"pace_ns": 1}`, `{"pane": "footer"}`,
		`{"history": ["\u001b[2J"]}`, `{"history": [""]}`, `{"history": ["` + strings.Repeat("x", maxLine+1) + `"]}`,
		`{"history": [` + strings.Repeat(`"q",`, maxHistory) + `"q"]}`, strings.Repeat(" ", maxMemory) + "{}",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		m, err := ReadMemory(path)
		if err == nil || !strings.HasPrefix(err.Error(), path+" is damaged") || !reflect.DeepEqual(m, Memory{}) {
			t.Errorf("%.60q: %+v, %v", text, m, err)
		}
	}
}

func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"detector": "max", "ref_db": -20, "pane": "link", "expanded": true, "pace_ns": 2000000000, "history": ["q"]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, ok := parseMemory(text)
		if !ok {
			return
		}
		path := filepath.Join(t.TempDir(), "screen.json")
		if err := m.write(path); err != nil {
			t.Fatal(err)
		}
		if again, err := ReadMemory(path); err != nil || again.Pane != m.Pane || len(again.History) != len(m.History) {
			t.Errorf("%q came back as %+v, %v", text, again, err)
		}
	})
}

// Where nothing can be written, that is said after the screen is gone, and no more.
func TestMemoryNotWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{MemoryFile: filepath.Join(file, "screen.json")})
		var said strings.Builder
		r.app.stderr = &said
		r.keys("d")
		r.stop()
		if !strings.HasPrefix(said.String(), "argos-tui: the screen will not be remembered: ") || strings.Count(said.String(), "\n") != 1 {
			t.Errorf("said %q", said.String())
		}
	})
}
