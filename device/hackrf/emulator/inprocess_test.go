//go:build linux

package emulator_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ebitengine/purego"

	"argos/device/hackrf/emulator"
)

// TestConfigure loads the emulator and libhackrf into this process, as tests of a driver
// do, and speaks to both.
func TestConfigure(t *testing.T) {
	open := func(name string) uintptr {
		t.Helper()
		h, err := purego.Dlopen(name, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	usb := open(filepath.Join(emulator.Build(t), emulator.Soname)) // libhackrf finds it loaded
	hackrf := open("libhackrf.so.0")
	var configure func(lines string) int32
	var initLibrary, exitLibrary func() int32
	var openDevice func(serial string, device *uintptr) int32
	var setFreq func(device uintptr, hz uint64) int32
	var closeDevice func(device uintptr) int32
	purego.RegisterLibFunc(&configure, usb, "emulator_configure")
	purego.RegisterLibFunc(&initLibrary, hackrf, "hackrf_init")
	purego.RegisterLibFunc(&exitLibrary, hackrf, "hackrf_exit")
	purego.RegisterLibFunc(&openDevice, hackrf, "hackrf_open_by_serial")
	purego.RegisterLibFunc(&setFreq, hackrf, "hackrf_set_freq")
	purego.RegisterLibFunc(&closeDevice, hackrf, "hackrf_close")

	log := filepath.Join(t.TempDir(), "log")
	o := emulator.Options{Lock: "configure" + strconv.Itoa(os.Getpid()), Log: log, Serial: "1,2ab"}
	if rc := configure(o.Lines()); rc != 0 {
		t.Fatalf("emulator_configure = %d", rc)
	}
	for _, bad := range []string{"EMULATOR_TONES=1e6", "EMULATOR_NOTHING=1", "explode", "EMULATOR_FAULTS=stall@soon"} {
		if rc := configure(bad); rc != -1 {
			t.Errorf("emulator_configure(%q) = %d, want -1", bad, rc)
		}
	}

	const good, broken = 0, -1000 // HACKRF_SUCCESS, HACKRF_ERROR_LIBUSB
	var device, again uintptr
	for _, step := range []struct {
		what string
		do   func() int32
		want int32
	}{
		{"init", initLibrary, good},
		{"open", func() int32 { return openDevice("2ab", &device) }, good},
		{"tune", func() int32 { return setFreq(device, 100e6) }, good},
		{"open a second time", func() int32 { return openDevice("2ab", &again) }, broken},
		{"unplug the other", func() int32 { return configure("unplug:01") }, good},
		{"tune", func() int32 { return setFreq(device, 200e6) }, good},
		{"unplug", func() int32 { return configure("unplug:2ab") }, good},
		{"tune nothing", func() int32 { return setFreq(device, 300e6) }, broken},
		{"replug", func() int32 { return configure("replug") }, good},
		{"tune with a dead handle", func() int32 { return setFreq(device, 400e6) }, broken},
		{"open beside the dead handle", func() int32 { return openDevice("2ab", &again) }, good},
		{"close the dead handle", func() int32 { return closeDevice(device) }, broken},
		{"tune", func() int32 { return setFreq(again, 500e6) }, good},
		{"close", func() int32 { return closeDevice(again) }, good},
		{"exit", exitLibrary, good},
	} {
		if got := step.do(); got != step.want {
			t.Fatalf("%s: %d, want %d", step.what, got, step.want)
		}
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"open", "frequency 100000000", "frequency 200000000", "unplugged", "plugged in", "frequency 500000000"}
	rest := string(text)
	for _, w := range want {
		_, after, found := strings.Cut(rest, "000002ab "+w+"\n")
		if !found {
			t.Fatalf("the log has not %q in order:\n%s", want, text)
		}
		rest = after
	}
	if o, c := strings.Count(string(text), " open\n"), strings.Count(string(text), " close\n"); o != c {
		t.Errorf("opened %d times, closed %d times:\n%s", o, c, text)
	}
}

// TestNothingIsLeft shows that 1,000 times opening, streaming and closing leave no memory.
// A program in C does it: the Go runtime's own memory comes and goes.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	dir := emulator.Build(t)
	program := filepath.Join(t.TempDir(), "cycles")
	gcc := exec.CommandContext(context.Background(), "gcc", "-Wall", "-Werror", "-o", program, "testdata/cycles.c", "-l:libhackrf.so.0")
	gcc.Env = append(os.Environ(), "LD_LIBRARY_PATH=")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(context.Background(), program)
	cmd.Env = emulator.Env(dir, emulator.Options{Lock: "cycles" + strconv.Itoa(os.Getpid()), Unpaced: true})
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatal(err)
	}
	if grown := pages * os.Getpagesize(); grown > 256<<10 {
		t.Errorf("900 cycles left %d kB", grown>>10)
	}
}
