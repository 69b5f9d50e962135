package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/pflag"

	"argos/device"
	"argos/spectrum"
)

// writeDefaults is --default-config.
func (o *options) writeDefaults(out io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# Configuration of argos-tui. Each key is the long name of a flag; the command line\n" +
		"# overrides what stands here. Take away the # before a setting to change it.\n")
	for _, g := range o.groups {
		title := "\n# " + g.title + "\n"
		g.flags.VisitAll(func(f *pflag.Flag) {
			if !inFile(f) {
				return
			}
			b.WriteString(title)
			title = ""
			name, usage := pflag.UnquoteUsage(f)
			if f.Value.Type() != "bool" && !strings.Contains(usage, name) {
				usage = name + ": " + usage
			}
			fmt.Fprintf(&b, "\n# %s\n# %s\n", usage, assignment(f, f.DefValue))
		})
	}
	return flush(out, &b)
}

// writeEffective is --print-config. What nobody said is a comment, so that settings that
// are two ways to say one thing, such as rbw and bins, do not meet when it is read back.
func (o *options) writeEffective(out io.Writer) error {
	settings, err := o.settings(device.Info{})
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for _, g := range o.groups {
		g.flags.VisitAll(func(f *pflag.Flag) {
			if !inFile(f) {
				return
			}
			text := f.Value.String()
			if t, ok := f.Value.(*tuningFlag); ok {
				text = o.inForce(t.param, &settings)
			}
			place, said := o.kept[f.Name]
			switch {
			case f.Changed:
				place = "command line"
			case !said && text != f.DefValue:
				place = "follows from the others"
			case !said:
				place = "default"
			}
			comment := ""
			if !said && !f.Changed {
				comment = "# "
			}
			fmt.Fprintf(&b, "%s%s  # %s\n", comment, assignment(f, text), place)
		})
	}
	return flush(out, &b)
}

// inForce is a setting of the radio as it is in force, to the last hertz.
func (o *options) inForce(p spectrum.Param, settings *spectrum.Settings) string {
	text := p.Get(settings)
	if said, ok := o.setting(p.Name); ok && !agrees(p, settings, text) && agrees(p, settings, said) {
		return said
	}
	return text
}

// agrees reports whether text changes nothing.
func agrees(p spectrum.Param, settings *spectrum.Settings, text string) bool {
	trial := *settings
	return p.Set(&trial, text) == nil && trial == *settings
}

// assignment is a line of a file that sets a flag to text.
func assignment(f *pflag.Flag, text string) string {
	var value any = text
	if list, ok := f.Value.(pflag.SliceValue); ok {
		value = append([]string{}, list.GetSlice()...)
	} else if f.Value.Type() == "bool" {
		value, _ = strconv.ParseBool(text) // its own text
	}
	line, _ := toml.Marshal(map[string]any{f.Name: value}) // cannot fail
	return string(bytes.TrimSuffix(line, []byte("\n")))
}

func flush(out io.Writer, b *bytes.Buffer) error {
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}
