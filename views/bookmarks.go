package views

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"argos/atomicfile"
	"argos/device"
)

// A bookmark is a frequency with a name.
type bookmark struct {
	name string
	hz   float64
}

// bookmarks are kept in a file of lines like "433.92M,gate". Without one they last as long
// as the screen.
type bookmarks struct {
	path string
	list []bookmark // by name
}

const (
	maxBookmarks    = 1000
	maxBookmarkName = 64
)

// openBookmarks reads those in a file, if there are any.
func openBookmarks(path string) (*bookmarks, error) {
	b := &bookmarks{path: path}
	if path == "" {
		return b, nil
	}
	f, err := os.Open(b.path)
	if errors.Is(err, os.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if b.list, err = parseBookmarks(f); err != nil {
		return nil, fmt.Errorf("%s: %w", b.path, err)
	}
	return b, nil
}

func parseBookmarks(r io.Reader) ([]bookmark, error) {
	b := &bookmarks{}
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(scan.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		text, name, _ := strings.Cut(line, ",")
		hz, err := device.ParseHz(text)
		if err == nil {
			err = b.add(strings.TrimSpace(name), hz)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	return b.list, scan.Err()
}

// add keeps hz under a name; one that is there already moves.
func (b *bookmarks) add(name string, hz float64) error {
	switch {
	case name == "" || len(name) > maxBookmarkName || name != clean(name) || strings.ContainsAny(name, ", "):
		return fmt.Errorf("%q is not a name: use one word of up to %d letters", clean(name), maxBookmarkName)
	case !(hz >= 0 && hz < 1e15):
		return fmt.Errorf("%g Hz is not a frequency", hz)
	}
	i, found := b.find(name)
	switch {
	case found:
		b.list[i].hz = hz
	case len(b.list) == maxBookmarks:
		return fmt.Errorf("there are %d bookmarks: remove one first", maxBookmarks)
	default:
		b.list = slices.Insert(b.list, i, bookmark{name, hz})
	}
	return nil
}

func (b *bookmarks) find(name string) (int, bool) {
	return slices.BinarySearchFunc(b.list, name, func(m bookmark, name string) int { return cmp.Compare(m.name, name) })
}

// save writes the file anew, whole or not at all.
func (b *bookmarks) save() error {
	if b.path == "" {
		return nil
	}
	var text bytes.Buffer
	for _, m := range b.list {
		fmt.Fprintf(&text, "%s,%s\n", exactHz(m.hz), m.name)
	}
	if err := os.MkdirAll(filepath.Dir(b.path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(b.path, text.Bytes(), 0o600)
}

func (b *bookmarks) names() []string {
	var names []string
	for _, m := range b.list {
		names = append(names, m.name)
	}
	return names
}

// commandMark does "add NAME" of where the marker is, and "del NAME".
func (a *App) commandMark(arg string) error {
	d := a.desk
	what, name, _ := strings.Cut(arg, " ")
	switch what {
	case "add":
		hz := d.board.grid.Tuning.CenterHz
		if r, ok := d.place(); ok && !d.board.grid.ZeroSpan() {
			hz = r.At
		}
		if err := d.bookmarks.add(name, hz); err != nil {
			return err
		}
		d.say(fmt.Sprintf("%s is %sHz", name, exactHz(hz)), false)
	case "del":
		i, ok := d.bookmarks.find(name)
		if !ok {
			return fmt.Errorf("there is no bookmark %q", clean(name))
		}
		d.bookmarks.list = slices.Delete(d.bookmarks.list, i, i+1)
		d.say(name+" is gone", false)
	default:
		return errors.New("use mark add NAME or mark del NAME")
	}
	return d.bookmarks.save()
}

// commandGo puts the marker on a bookmark, and tunes to it where it is not in sight.
func (a *App) commandGo(name string) error {
	d := a.desk
	i, ok := d.bookmarks.find(name)
	if !ok {
		return fmt.Errorf("there is no bookmark %q: Tab lists them", clean(name))
	}
	hz := d.bookmarks.list[i].hz
	if !d.board.grid.ZeroSpan() {
		d.putMarker(hz)
	}
	if why := d.cannotTune(); why != "" {
		return fmt.Errorf("not sent: %s", why)
	}
	a.sendFreq(hz)
	return nil
}
