package views

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"argos/atomicfile"
)

// A Memory is what a screen finds again the next time: what the person at it chose for
// the screen alone. How a radio is tuned is its server's to know.
type Memory struct {
	Detector Detector      `json:"detector"`         // which trace leads
	RefDB    *float64      `json:"ref_db,omitempty"` // top of the level axis; nil: from the signal
	Pane     string        `json:"pane,omitempty"`   // that has the focus
	Expanded bool          `json:"expanded,omitempty"`
	Pace     time.Duration `json:"pace_ns,omitempty"` // of a waterfall row; 0: the default
	History  []string      `json:"history,omitempty"` // of the palette, newest last
}

// What a file may hold: more is damage.
const (
	maxMemory = 1 << 18 // bytes
	maxLine   = 1 << 10 // bytes of a line of the history
)

var errMemory = errors.New("is damaged: what the screen remembered is forgotten")

// ReadMemory reads the memory in a file. One that is not there is empty, and so is one
// that is damaged, of which the error tells.
func ReadMemory(path string) (Memory, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Memory{}, nil
	}
	if err != nil {
		return Memory{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMemory+1))
	if err != nil {
		return Memory{}, fmt.Errorf("read %s: %w", path, err)
	}
	m, ok := parseMemory(text)
	if !ok {
		return Memory{}, fmt.Errorf("%s %w", path, errMemory)
	}
	return m, nil
}

func parseMemory(text []byte) (m Memory, ok bool) {
	if len(text) > maxMemory || json.Unmarshal(text, &m) != nil {
		return Memory{}, false
	}
	strange := func(s string) bool { return len(s) > maxLine || s != clean(s) || s == "" }
	switch {
	case m.RefDB != nil && !isRef(*m.RefDB), m.Pace != 0 && !isPace(m.Pace):
		return Memory{}, false
	case m.Pane != "" && slices.Index(paneNames[:], m.Pane) < 0:
		return Memory{}, false
	case len(m.History) > maxHistory, slices.ContainsFunc(m.History, strange):
		return Memory{}, false
	}
	return m, true
}

// write replaces the memory in a file at once: who reads meanwhile has the old one. The
// directory is that of keys, too, and so its user's alone.
func (m *Memory) write(path string) error {
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, text, 0o600)
}

// recall puts the desk as it was left.
func (d *desk) recall(m *Memory) {
	d.detector, d.ref, d.expanded = m.Detector, m.RefDB, m.Expanded
	if i := slices.Index(paneNames[:], m.Pane); m.Pane != "" && i >= 0 {
		d.focus = paneID(i)
	}
	d.palette.history = slices.Clone(m.History)
}

// memory is how the desk is left.
func (d *desk) memory() Memory {
	m := Memory{Detector: d.detector, RefDB: d.ref, Pane: paneNames[d.focus], Expanded: d.expanded}
	for _, line := range d.palette.history {
		if len(line) <= maxLine {
			m.History = append(m.History, line)
		}
	}
	return m
}

// remember writes down how the desk is left, once nothing draws any more.
func (a *App) remember() {
	if a.opts.MemoryFile == "" {
		return
	}
	m := a.desk.memory()
	if a.pace != defaultPace {
		m.Pace = a.pace
	}
	if err := m.write(a.opts.MemoryFile); err != nil {
		fmt.Fprintln(a.stderr, "argos-tui: the screen will not be remembered:", err)
	}
}
