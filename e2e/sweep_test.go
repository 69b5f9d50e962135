//go:build linux

package e2e

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"argos/device/hackrf/emulator"
)

// The real hackrf_sweep and Argos hear the same tones on the same air: within half a bin
// of the sweep's grid, and at one level once its window's 6 dB are put right, which the
// replay of its output does. The tones stand in the middle of hackrf_sweep's bins.
func TestSweepsAgree(t *testing.T) {
	// 20 MHz over 100 kHz, raised until (N+4) is a multiple of 8: 204 bins.
	const binHz = 20e6 / 204
	tones := []float64{2400e6 + 5.5*binHz, 2425e6 + 17.5*binHz, 2480e6 + 30.5*binHz}
	levels := []float64{-30, -42, -24}
	var air []string
	for i, hz := range tones {
		air = append(air, fmt.Sprintf("%.3f:%g", hz, levels[i]))
	}
	env := emulated(t, emulator.Options{Tones: strings.Join(air, ","), Noise: "-50"})
	ctx, cancel := context.WithTimeout(context.Background(), 2*startup)
	defer cancel()

	csv := filepath.Join(t.TempDir(), "sweep.csv")
	tool := exec.CommandContext(ctx, "hackrf_sweep", "-f", "2400:2500", "-w", "100000", "-l", "16", "-g", "20", "-N", "20", "-r", csv)
	tool.Env = append(os.Environ(), env...)
	if out, err := tool.CombinedOutput(); err != nil {
		t.Fatalf("hackrf_sweep: %v\n%s", err, out)
	}
	theirs := once(t, "--device", "replay:"+csv)

	cmd := command(ctx, t, "--once", "--json", "--device", "hackrf", "--range", "2400M:2500M", "--lna", "16", "--vga", "20", "--window", "flattop", "--bins", "1024")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("argos-tui: %v", err)
	}
	ours := parseRow(t, string(out))

	for i, hz := range tones {
		a, b := near(theirs, hz), near(ours, hz)
		aHz, bHz := theirs.centerHz(a), ours.centerHz(b)
		aDB, bDB := theirs.MeanDB[a], ours.MeanDB[b]
		t.Logf("%.3f MHz at %g dBFS: hackrf_sweep %.3f MHz %.2f dBFS, Argos %.3f MHz %.2f dBFS",
			hz/1e6, levels[i], aHz/1e6, aDB, bHz/1e6, bDB)
		if math.Abs(aHz-bHz) > theirs.BinHz/2+ours.BinHz/2 || math.Abs(bHz-hz) > theirs.BinHz/2 {
			t.Errorf("tone at %.3f MHz: hackrf_sweep %.3f, Argos %.3f", hz/1e6, aHz/1e6, bHz/1e6)
		}
		if math.Abs(aDB-bDB) > 0.5 || math.Abs(bDB-levels[i]) > 0.5 {
			t.Errorf("tone at %.3f MHz of %g dBFS: hackrf_sweep %.2f, Argos %.2f", hz/1e6, levels[i], aDB, bDB)
		}
	}
}

// near is the strongest bin within 1 MHz of hz.
func near(r row, hz float64) int {
	best := -1
	for i, db := range r.MeanDB {
		if math.Abs(r.centerHz(i)-hz) < 1e6 && (best < 0 || db > r.MeanDB[best]) {
			best = i
		}
	}
	return best
}

// Local mode on the emulated HackRF: the marker reads the strongest tone where it was
// put, at one tuning, after a retune by command, and sweeping.
func TestHackRFScreen(t *testing.T) {
	for _, size := range []struct{ cols, rows int }{{120, 40}, {80, 24}} {
		t.Run(fmt.Sprintf("%dx%d", size.cols, size.rows), func(t *testing.T) {
			// A radio of its own: the program of the size before may not have ended yet.
			env := emulated(t, emulator.Options{Tones: "98.3e6:-40,433.92e6:-30,2437.3e6:-35"})
			tm := newTerminal(t, size.cols, size.rows, env...)
			tm.run("--listen", freeAddr(t), "--device", "hackrf", "--freq", "98.1M", "--lna", "16", "--vga", "20")
			shows := func(what string, hz, tolerance float64) {
				tm.wait(2*startup, what, func(s string) bool {
					m := peak.FindStringSubmatch(s)
					if m == nil || !up(s) {
						return false
					}
					mhz, err := strconv.ParseFloat(m[1], 64)
					return err == nil && math.Abs(mhz*1e6-hz) <= tolerance
				})
			}
			shows("the tone at 98.3 MHz", 98.3e6, 2e3)
			tm.keys(":", "freq 434M", "Enter")
			shows("the tone at 433.92 MHz", 433.92e6, 2e3)
			tm.keys(":", "range 2400M:2500M", "Enter")
			shows("the tone at 2437.3 MHz in a sweep", 2437.3e6, 10e3)
			if s := tm.screen(); strings.Contains(s, "SIMULATED") || !strings.Contains(s, "HackRF One") {
				t.Errorf("it is no HackRF One:\n%s", s)
			}
		})
	}
}
