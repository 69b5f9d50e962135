//go:build linux && !nohackrf

package hackrf

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Where there is no libhackrf, the error says how to get it.
func TestNoLibrary(t *testing.T) {
	before := libraryNames["linux"]
	t.Cleanup(func() { libraryNames["linux"] = before })
	libraryNames["linux"] = []string{"libhackrf-that-is-not-there.so.0"}
	_, err := bind()
	if !errors.Is(err, errNoLibrary) {
		t.Fatal(err)
	}
	if e := explain("open hackrf", err); !strings.Contains(e.Error(), "apt install libhackrf0") {
		t.Error(e)
	}
	// A library that is another one.
	libraryNames["linux"] = []string{"libc.so.6"}
	if _, err := bind(); !errors.Is(err, errOldLibrary) || !strings.Contains(err.Error(), "lacks hackrf_init") {
		t.Error(err)
	}
}

// The build without a HackRF needs nothing but a kernel.
func TestStaticBuild(t *testing.T) {
	program := filepath.Join(t.TempDir(), "argos-tui")
	build := exec.Command("go", "build", "-buildvcs=false", "-tags", "nohackrf", "-o", program, "argos/cmd/argos-tui")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("it wants a loader")
		}
	}
	out, err := exec.Command(program, "doctor").Output()
	if err == nil || !strings.Contains(string(out), "this build has no HackRF support") {
		t.Errorf("doctor says %q, %v", out, err)
	}
}
