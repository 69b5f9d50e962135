//go:build linux && !nohackrf

package hackrf

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ebitengine/purego"
	"go.uber.org/goleak"

	"argos/device"
	"argos/device/hackrf/emulator"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

var configure struct {
	once  sync.Once
	lines func(string) int32
}

// emulate puts the emulated radio in the place of libusb for this process, on the air
// that o says, and whole.
func emulate(t testing.TB, o emulator.Options) {
	t.Helper()
	dir := emulator.Build(t)
	configure.once.Do(func() {
		usb, err := purego.Dlopen(filepath.Join(dir, emulator.Soname), purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			t.Fatal(err)
		}
		purego.RegisterLibFunc(&configure.lines, usb, "emulator_configure")
	})
	if o.Noise == "" {
		o.Noise = "-40"
	}
	if o.Tones == "" {
		set(t, "EMULATOR_TONES=")
	}
	o.Firmware, o.API = cmp.Or(o.Firmware, "2022.09.1"), cmp.Or(o.API, "1.07")
	o.Board = cmp.Or(o.Board, "hackrf-one")
	set(t, o.Lines())
	set(t, "resume\nreplug")
}

// set is a line for the emulator.
func set(t testing.TB, lines string) {
	t.Helper()
	if configure.lines(lines) != 0 {
		t.Fatalf("the emulator does not understand %q", lines)
	}
}

// open opens the emulated radio and closes it when the test ends.
func open(t testing.TB, serial string) *Radio {
	t.Helper()
	r, err := Open(context.Background(), serial, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func tune(t testing.TB, r *Radio, wish device.Tuning) device.Tuning {
	t.Helper()
	fact, err := r.Tune(context.Background(), wish)
	if err != nil {
		t.Fatal(err)
	}
	return fact
}

// read waits for the next block. Interruptions are noted in why if that is not nil.
func read(t testing.TB, r *Radio, b *device.Block, why *[]string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		err := r.Read(ctx, b)
		var gap *device.Interruption
		switch {
		case err == nil:
			return
		case errors.As(err, &gap) && why != nil:
			*why = append(*why, err.Error())
		default:
			t.Fatal(err)
		}
	}
}

// onceOf makes a measurement up to so many times, until one is as it has to be: what else
// a machine does for a moment spoils one, and is no fault of ours. What is wrong always is.
func onceOf(t *testing.T, times int, measure func() error) {
	t.Helper()
	for n := 1; ; n++ {
		err := measure()
		if err == nil {
			return
		}
		if n == times {
			t.Error(err)
			return
		}
		t.Log("again, for:", err)
	}
}
