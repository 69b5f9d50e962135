package spectrum

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"argos/atomicfile"
	"argos/device"
)

// maxCalibrationFile bounds what is read of a file of calibrations, in bytes.
const maxCalibrationFile = 1 << 20

// Calibrations are a file of them, as docs/OPERATIONS.md describes it.
type Calibrations struct {
	Path string
	text []byte
	calibrations
}

// calibrations are what the text of a file says.
type calibrations struct {
	Radios []Calibration `toml:"radio"`
}

// ReadCalibrations reads the file at path. One that is not there is fs.ErrNotExist; one
// that says what it may not is told in one line, with the number of the line.
func ReadCalibrations(path string) (*Calibrations, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxCalibrationFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxCalibrationFile {
		return nil, fmt.Errorf("%s has more than %d bytes, which is no calibration", path, maxCalibrationFile)
	}
	c := &Calibrations{Path: path, text: text}
	if c.calibrations, err = decodeCalibrations(text); err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return c, nil
}

// For is what is known of a radio, or nil.
func (c *Calibrations) For(info device.Info) *Calibration {
	if c == nil {
		return nil
	}
	for i := range c.Radios {
		if c.Radios[i].For(info) {
			return &c.Radios[i]
		}
	}
	return nil
}

// decodeCalibrations reads the text of a file. Errors begin with the number of the line.
func decodeCalibrations(text []byte) (calibrations, error) {
	var c calibrations
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return c, lined(err)
	}
	where := placesIn(text)
	for i := range c.Radios {
		r := &c.Radios[i]
		key, err := r.check()
		if err == nil && slices.ContainsFunc(c.Radios[:i], func(o Calibration) bool {
			return o.Driver == r.Driver && o.Serial == r.Serial && o.Name == r.Name
		}) {
			err = errors.New("this radio is in the file twice")
		}
		if err != nil {
			return c, fmt.Errorf("%d: %w", where.of(fmt.Sprintf("radio.%d.%s", i, key)).line, err)
		}
	}
	return c, nil
}

// lined says an error of the decoder without the names of Go types.
func lined(err error) error {
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		wrong = &unknown.Errors[0]
		line, _ := wrong.Position()
		return fmt.Errorf("%d: there is no key %s: see docs/OPERATIONS.md", line, strings.Join(wrong.Key(), "."))
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		if strings.Contains(wrong.Error(), "cannot decode") {
			return fmt.Errorf("%d: %s cannot be that", line, strings.Join(wrong.Key(), "."))
		}
		return fmt.Errorf("%d: %s", line, strings.TrimPrefix(wrong.Error(), "toml: "))
	}
	return fmt.Errorf("1: %w", err)
}

// A place is where a key stands in a text.
type place struct{ line, offset int }

// places are those of all keys, by name: radio.0.level.1.points.
type places map[string]place

// of is the place of a key, or of the table that it would be in.
func (p places) of(key string) place {
	for {
		if at, ok := p[key]; ok {
			return at
		}
		end := strings.LastIndexByte(key, '.')
		if end < 0 {
			return place{line: 1}
		}
		key = key[:end]
	}
}

func placesIn(text []byte) places {
	var p unstable.Parser
	p.Reset(text)
	found, count := places{}, map[string]int{}
	table := ""
	for p.NextExpression() {
		e := p.Expression()
		name := ""
		if e.Kind == unstable.KeyValue {
			name = table
		}
		var at place
		for it := e.Key(); it.Next(); {
			n := it.Node()
			if at == (place{}) {
				at = place{p.Shape(n.Raw).Start.Line, int(n.Raw.Offset)}
			}
			name = strings.TrimPrefix(name+"."+string(n.Data), ".")
			switch {
			case e.Kind == unstable.ArrayTable && it.IsLast():
				count[name]++
				name = fmt.Sprintf("%s.%d", name, count[name]-1)
			case count[name] > 0:
				name = fmt.Sprintf("%s.%d", name, count[name]-1)
			}
		}
		if e.Kind != unstable.KeyValue {
			table = name
		}
		found[name] = at
	}
	return found
}

// Write puts c into the file, in the place of what that says of the radio, and makes file
// and folder where they are not there. The text about other radios stays as it is, to
// the letter; comments within that about this one go.
func (c *Calibrations) Write(r *Calibration) error {
	if key, err := r.check(); err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	text, all, err := c.with(r)
	if err != nil {
		return err
	}
	if err := replaceFile(c.Path, text); err != nil {
		return err
	}
	c.text, c.calibrations = text, all
	return nil
}

// with is the text with r in it, and what it says.
func (c *Calibrations) with(r *Calibration) ([]byte, calibrations, error) {
	want := calibrations{slices.Clone(c.Radios)}
	i := slices.IndexFunc(want.Radios, func(o Calibration) bool {
		return o.Driver == r.Driver && o.Serial == r.Serial && o.Name == r.Name
	})
	table, err := toml.Marshal(calibrations{[]Calibration{*r}})
	if err != nil {
		return nil, want, err
	}
	var text []byte
	if i < 0 {
		want.Radios = append(want.Radios, *r)
		text = slices.Clone(c.text)
		if len(text) > 0 {
			text = append(bytes.TrimRight(text, "\n"), "\n\n"...)
		}
		text = append(text, table...)
	} else {
		want.Radios[i] = *r
		start, end := c.span(i)
		text = slices.Concat(c.text[:start], table, c.text[end:])
	}
	if got, err := decodeCalibrations(text); err == nil && reflect.DeepEqual(got, want) {
		return text, want, nil
	}
	// Tables written in one line, and the like: all of it is written anew.
	text, err = toml.Marshal(want)
	return text, want, err
}

// span is the part of the text that is about radio i, without the comments and empty
// lines before the next.
func (c *Calibrations) span(i int) (start, end int) {
	where := placesIn(c.text)
	line := func(i int) int {
		return bytes.LastIndexByte(c.text[:where.of(fmt.Sprintf("radio.%d", i)).offset], '\n') + 1
	}
	start, end = line(i), len(c.text)
	if i+1 < len(c.Radios) {
		end = line(i + 1)
	}
	for end > start {
		last := bytes.LastIndexByte(c.text[:end-1], '\n') + 1
		if s := bytes.TrimSpace(c.text[last:end]); len(s) > 0 && s[0] != '#' {
			break
		}
		end = last
	}
	return start, max(start, end)
}

// replaceFile replaces a file at once, so that who reads meanwhile reads the old one or
// the new. It keeps its mode.
func replaceFile(path string, text []byte) error {
	mode := fs.FileMode(0o644) // the server's user may be another
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return atomicfile.Write(path, text, mode)
}
