package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// output is what argos-tui writes that ends by itself.
func output(t *testing.T, args ...string) string {
	t.Helper()
	text, err := try(args...)
	if err != nil {
		t.Fatalf("argos-tui %s: %v", strings.Join(args, " "), err)
	}
	return text
}

func try(args ...string) (string, error) {
	var out bytes.Buffer
	c := command()
	c.SetArgs(args)
	c.SetOut(&out)
	err := c.ExecuteContext(context.Background())
	return out.String(), err
}

func TestConfigErrors(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"# only\n\nfrq = \"98M\"", `F:3: "frq": there is no such setting: argos-tui --default-config lists all`},
		{"json = true", `F:1: "json": is for the command line alone`},
		{"insecure = true", `F:1: "insecure": is for the command line alone`},
		{"token = \"argos-x\"", `F:1: "token": secrets are not kept here: use token-file, or ARGOS_TOKEN`},
		{"freq = \"eleven\"", `F:1: "freq": "eleven" is not a frequency: write it like 433.92M, 2.4G, 12.5k or 98100000`},
		{"span = '1M'\nfreq = [1]", `F:2: "freq": use a text in quotes`},
		{"serve = \"yes\"", `F:1: "serve": use true or false`},
		{"tls-key = 1", `F:1: "tls-key": use a text in quotes`},
		{"trusted-proxy = \"10.0.0.1\"", `F:1: "trusted-proxy": use a list of texts, such as ["127.0.0.1"]`},
		{"trusted-proxy = [1, \"a\"]", `F:1: "trusted-proxy": use a list of texts, such as ["127.0.0.1"]`},
		{"lna = 41", `F:1: "lna": "41" is not a gain: use 0 to 40 dB in steps of 8`},
		{"window = \"round\"", `F:1: "window": unknown window "round": use hann, blackman-harris, flattop`},
		{"bias = \"perhaps\"", `F:1: "bias": "perhaps" is neither on nor off`},
		{"detector = \"loudest\"", `F:1: "detector": "loudest" is not a detector: use mean, max or min`},
		{"device = \"telepathy\"", `F:1: "device": "telepathy" is no radio: use synth, replay:PATH or hackrf[:SERIAL]`},
		{"log-level = 3", `F:1: "log-level": "3" is not a level: use debug, info, warn or error`},
		{"freq.low = 1", `F:1: "freq": settings stand by themselves, without tables`},
		{"[radio]\nfreq = \"1M\"", `F:1: "radio": there is no such setting: argos-tui --default-config lists all`},
		{"[freq]", `F:1: "freq": settings stand by themselves, without tables`},
		{"freq = \"1M\"\n\nfreq = \"2M\"", "F:3: key freq is already defined"},
		{"\nfreq = ", "F:2: expected value, not end of input"},
		{"freq = \"1M\" span = \"2M\"", "F:1: expected newline"},
	} {
		_, err := parseConfig("F", []byte(tc.text))
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", tc.text, err, tc.want)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte("freq = \"433.92M\"\nlna = 16\namp = true\n"))
	f.Add([]byte("trusted-proxy = [\"10.0.0.1\"]\n[x]\ny.z = 1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := parseConfig("F", text)
		if err != nil && !regexp.MustCompile(`^F:\d+: [^\n]*$`).MatchString(err.Error()) {
			t.Errorf("%q: %v", text, err)
		}
		o := newOptions()
		o.keep(file) // what was found good can be taken
	})
}

// assigned is a line of a file that sets something, commented out or not.
var assigned = regexp.MustCompile(`(?m)^(?:# )?([a-z-]+ = .*)$`)

// Each line of --default-config, taken by itself, is good and changes nothing.
func TestDefaultConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	without := output(t, "--config", "none", "--print-config")
	found := map[string]bool{}
	for _, m := range assigned.FindAllStringSubmatch(output(t, "--default-config"), -1) {
		if err := os.WriteFile(path, []byte(m[1]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(m[1], " ")
		found[name] = true
		with := output(t, "--config", path, "--print-config")
		if want := strings.Replace(without, "# "+m[1]+"  # default", m[1]+"  # "+path+":1", 1); with != want {
			t.Errorf("with %s:\n%s", m[1], with)
		}
	}
	for _, g := range newOptions().groups {
		g.flags.VisitAll(func(f *pflag.Flag) {
			if inFile(f) != found[f.Name] {
				t.Errorf("--default-config has %s: %t", f.Name, found[f.Name])
			}
		})
	}
}

// What --print-config writes reads back to the same settings, however they came about.
func TestPrintConfigReadsBack(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.toml")
	back := filepath.Join(dir, "back.toml")
	settings := func(text string) string {
		var b strings.Builder
		for _, m := range assigned.FindAllStringSubmatch(text, -1) {
			line, _, _ := strings.Cut(m[1], "  # ")
			fmt.Fprintln(&b, line)
		}
		return b.String()
	}
	for _, tc := range []struct {
		file string
		args []string
		want []string
	}{
		{"", nil, nil},
		{"range = '430M:440M'\n", []string{"--freq", "433.92M"}, []string{"freq = '433.92M'  # command line", "range = '428.92M:438.92M'  # " + file + ":1"}},
		{"bins = 4096\n", []string{"--rbw", "10k"}, []string{"rbw = '10k'  # command line", "bins = 'auto'  # " + file + ":1"}},
		{"rbw = '10k'\n", []string{"--bins", "4096"}, []string{"bins = '4096'  # command line"}},
		{"\nfreq = 2437123456\nfps = 12.5\namp = true\n", nil, []string{"freq = '2437123456'  # " + file + ":2", "fps = '12.5'", "amp = 'on'"}},
		{"range = '2400M:2500M,5150M:5850M'\n", []string{"--lna", "16"}, []string{"range = '2.4G:2.5G,5.15G:5.85G'"}},
		{"trusted-proxy = ['10.0.0.1', '10.1.0.0/16']\ndetector = 'max'\nref = -20\nserve = true\n", []string{"--ref", "auto"}, []string{"ref = 'auto'  # command line", "serve = true"}},
		{"serve = true\n", []string{"--connect", "wss://box:8470"}, []string{"# serve = false  # default", "connect = 'wss://box:8470'  # command line"}},
		{"connect = 'wss://box:8470'\n", []string{"--device", "synth"}, []string{"# connect = ''  # default", "device = 'synth'"}},
		{"freq = '433M'\nlna = 16\n", []string{"--device", "replay:x.cs8"}, []string{"# freq = '98.1M'  # default", "lna = '16'"}},
	} {
		if err := os.WriteFile(file, []byte(tc.file), 0o600); err != nil {
			t.Fatal(err)
		}
		first := output(t, append(tc.args, "--config", file, "--print-config")...)
		for _, want := range tc.want {
			if !strings.Contains("\n"+first, "\n"+want) {
				t.Errorf("%q %v: no %s in\n%s", tc.file, tc.args, want, first)
			}
		}
		if err := os.WriteFile(back, []byte(first), 0o600); err != nil {
			t.Fatal(err)
		}
		if second := output(t, "--config", back, "--print-config"); settings(second) != settings(first) {
			t.Errorf("%q %v read back:\n%s\nwas\n%s", tc.file, tc.args, second, first)
		}
	}
}

// A file that has both has to say which.
func TestServeAndConnectInFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte("serve = true\nconnect = 'ws://127.0.0.1:1'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := try("--config", file, "--print-config")
	if err == nil || err.Error() != file+`:2: "connect": serve stands there, too: use one of them` {
		t.Error(err)
	}
}
