//go:build linux

package e2e

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"argos/device/hackrf/emulator"
)

// emulated is the environment in which a program finds the emulated HackRF.
func emulated(t *testing.T, o emulator.Options) []string {
	t.Helper()
	dir := emulator.Build(t)
	if o.Lock == "" {
		o.Lock = "e2e-" + strconv.Itoa(os.Getpid()) + "-" + strings.ReplaceAll(t.Name(), "/", "-")
	}
	return append([]string{"LD_LIBRARY_PATH=" + dir}, strings.Split(o.Lines(), "\n")...)
}

// Tones stand where they were put, and at their level, at every rate and in a sweep.
func TestHackRFTones(t *testing.T) {
	// In the middle of bins at every rate.
	const low, high, wide = 433.96875e6, 2437255859.375, 5000.15625e6
	env := emulated(t, emulator.Options{Tones: "433.96875e6:-30,2437255859.375:-25,5000.15625e6:-25", Noise: "-50"})
	for _, c := range []struct {
		args   string
		hz, db float64
	}{
		{"--freq 433.5M --span 2M --rate 2M", low, -30},
		{"--freq 433.5M --span 2M", low, -30},
		{"--freq 433.5M --span 7M --rate 10M", low, -30},
		{"--freq 433.5M --span 15M", low, -30},
		{"--range 2400M:2500M", high, -25},
		{"--range 0M:6000M --bins 256", wide, -25},
		{"--range 4980M:5060M,2400M:2500M", high, -25},
		{"--range 2400M:2500M,4980M:5060M", wide, -25},
	} {
		r := parseRow(t, argos(t, env, "--once --json --overlap 0% --device hackrf --lna 16 --vga 20 "+c.args))
		if *r.Simulated {
			t.Errorf("%s: simulated", c.args)
		}
		bin := int(math.Floor((c.hz - r.StartHz) / r.BinHz))
		if bin < 0 || bin >= len(r.MeanDB) {
			t.Errorf("%s: no bin for the tone", c.args)
			continue
		}
		if off := math.Abs(r.centerHz(bin) - c.hz); off > 1 {
			t.Errorf("%s: the tone is %.0f Hz off the middle of its bin", c.args, off)
		}
		if math.Abs(r.MeanDB[bin]-c.db) > 0.5 {
			t.Errorf("%s: %.2f dBFS, want %.1f", c.args, r.MeanDB[bin], c.db)
		}
	}
}

// emulatedServer serves the emulated radio.
func emulatedServer(t *testing.T, env []string, args ...string) (addr string) {
	t.Helper()
	addr = freeAddr(t)
	startWith(t, env, append([]string{"--serve", "--listen", addr, "--device", "hackrf", "--freq", "433.5M"}, args...)...)
	eventually(t, startup, "a server on "+addr, func() error { return dial(addr) })
	return addr
}

// Viewers are told that the radio is lost, why, and that it is back, by a server that
// goes on. Each fault waits until a viewer has seen what went before.
func TestHackRFUnplugged(t *testing.T) {
	control := filepath.Join(t.TempDir(), "control")
	addr := emulatedServer(t, emulated(t, emulator.Options{Control: control}))
	f := ndjson(t, "--connect", "ws://"+addr)
	steps := []struct{ kind, told, fault string }{
		{"spectrum", "", "unplug"},
		{"event", "not plugged in", "replug"},
		{"event", "capturing", "stall"},
		{"event", "stopped coming", "resume"},
		{"event", "capturing", ""},
	}
	for len(steps) > 0 && f.lines.Scan() {
		var line struct{ Kind, Event, Text string }
		if err := json.Unmarshal(f.lines.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		now := steps[0]
		if line.Kind != now.kind || now.told != "" && (line.Event != "device" || !strings.Contains(line.Text, now.told)) {
			continue
		}
		steps = steps[1:]
		if now.fault == "" {
			continue
		}
		if err := emulator.Send(control, now.fault); err != nil {
			t.Fatal(err)
		}
	}
	if len(steps) > 0 {
		t.Errorf("nobody said %q", steps[0].told)
	}
	_ = f.Process.Kill() // fails if it has ended
	_ = f.Wait()         // killed
}

// Without a radio, devices and doctor say so; with one they show it.
func TestHackRFDoctor(t *testing.T) {
	for _, c := range []struct {
		faults, command, want string
		code                  int
	}{
		{"", "devices", "hackrf:0000", 0},
		{"", "doctor", "ok    radio    HackRF One", 0},
		{"unplug@0s", "devices", "", 0},
		{"unplug@0s", "doctor", "FAIL  radio    no HackRF is plugged in", 1},
		{"refuse@0s", "doctor", "access denied", 1},
		{"", "doctor --rule", `ATTR{idVendor}=="1d50"`, 0},
	} {
		cmd := command(context.Background(), t, strings.Fields(c.command)...)
		cmd.Env = append(cmd.Env, emulated(t, emulator.Options{Faults: c.faults})...)
		out, err := cmd.Output()
		code := exitCode(t, err)
		// A machine without the udev rule is not well either, whatever the radio.
		ruleless := c.command == "doctor" && strings.Contains(string(out), "FAIL  rule")
		if !strings.Contains(string(out), c.want) || code != c.code && !ruleless {
			t.Errorf("%s, %s: exit %d, says\n%s", c.faults, c.command, code, out)
		}
	}
}

// A server with the radio, and settings that arrive over the link: tones stand where they
// were put at every rate, and in sweeps over one range and several.
func TestHackRFOverTheLink(t *testing.T) {
	const low, high = 433.92e6, 2437.3e6
	env := emulated(t, emulator.Options{Tones: "433.92e6:-30,2437.3e6:-25", Noise: "-50"})
	addr := emulatedServer(t, env, "--lna", "16", "--vga", "20", "--window", "flattop")
	for _, c := range []struct {
		set      string
		rate     float64
		hz, db   float64
		withinHz float64
	}{
		{"--freq 433.5M --span 2M --rate 2M", 2e6, low, -30, 3e3},
		{"--rate 8M", 8e6, low, -30, 3e3},
		{"--span 7M --rate 10M", 10e6, low, -30, 3e3},
		{"--rate 20M", 20e6, low, -30, 5e3},
		{"--range 2400M:2500M --rate auto", 20e6, high, -25, 6e3},
		{"--range 2400M:2500M,430M:440M --bins 1024", 20e6, high, -25, 20e3},
		{"--range 0M:6000M --bins 256", 20e6, high, -25, 80e3},
		{"--freq 433.5M --span 2M --rbw auto", 8e6, low, -30, 3e3},
	} {
		f := ndjson(t, append([]string{"--connect", "ws://" + addr}, strings.Fields(c.set)...)...)
		hz, db, rate := 0.0, 0.0, 0.0
		for f.lines.Scan() {
			var r struct {
				Kind    string
				StartHz float64    `json:"start_hz"`
				BinHz   float64    `json:"bin_hz"`
				MeanDB  []*float64 `json:"mean_db"`
				Device  struct {
					RateHz float64 `json:"rate_hz"`
				}
			}
			if err := json.Unmarshal(f.lines.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			if r.Kind != "spectrum" || r.StartHz > c.hz {
				continue
			}
			hz, db, rate = 0, -200, r.Device.RateHz
			for i, p := range r.MeanDB {
				at := r.StartHz + (float64(i)+0.5)*r.BinHz
				if p != nil && math.Abs(at-c.hz) < 1e6 && *p > db {
					hz, db = at, *p
				}
			}
			if math.Abs(hz-c.hz) <= c.withinHz && math.Abs(db-c.db) < 0.5 && rate == c.rate {
				break
			}
		}
		if math.Abs(hz-c.hz) > c.withinHz || math.Abs(db-c.db) >= 0.5 || rate != c.rate {
			t.Errorf("%s: %.3f MHz at %.2f dBFS and %g samples/s; %s", c.set, hz/1e6, db, rate, f.stderr.String())
		}
		_ = f.Process.Kill() // fails if it has ended
		_ = f.Wait()         // killed
	}
}

// A generator is measured at two gain states, and reads its dBm at both, in a stream and
// in a sweep. At a third the levels are dBFS, and it is said why.
func TestHackRFCalibrated(t *testing.T) {
	const hz, dbm = 433.96875e6, -47.0
	env := emulated(t, emulator.Options{Tones: "433.96875e6:-20", Noise: "-40"})
	with := " --device hackrf --calibration " + filepath.Join(t.TempDir(), "calibration.toml")
	for _, gains := range []string{"--lna 16 --vga 20", "--lna 24 --vga 24 --amp off"} {
		argos(t, env, "calibrate level --freq 433.96875M --level -47 "+gains+with)
	}
	for _, c := range []struct {
		args, unit string
		db         float64
	}{
		{"--lna 16 --vga 20 --freq 433.5M --span 2M", "dBm", dbm},
		{"--lna 24 --vga 24 --freq 433.5M --span 10M", "dBm", dbm},
		{"--lna 24 --vga 24 --range 400M:460M", "dBm", dbm},
		{"--lna 16 --vga 30 --freq 433.5M", "dBFS", -10},
	} {
		r := parseRow(t, argos(t, env, "--once --json --window flattop "+c.args+with))
		peak := r.highest(hz)
		t.Logf("%s: %.2f %s", c.args, peak, r.Unit)
		if r.Unit != c.unit || math.Abs(peak-c.db) > 0.1 {
			t.Errorf("%s: %.2f %s, want %g %s", c.args, peak, r.Unit, c.db, c.unit)
		}
		missing := r.Device["correction"].(map[string]any)["missing"]
		if (missing == "no level for LNA 16 VGA 30 amp off") != (c.unit == "dBFS") {
			t.Errorf("%s: missing is %q", c.args, missing)
		}
	}
}
