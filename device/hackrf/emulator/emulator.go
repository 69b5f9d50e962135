// Package emulator is a HackRF One for tests and for people without a radio: a shared
// object that stands in for libusb-1.0, so that the real libhackrf, and whatever uses
// it, finds a radio behind it. Its C source is in the folder libusb; this package
// builds it and says how to start programs on it. Only tests import it.
//
// # Settings
//
// A program that is started on it (LD_LIBRARY_PATH) reads its settings from the
// environment when the library is loaded:
//
//	EMULATOR_TONES     Hz:dBFS,…  carriers: 2437.3e6:-45,433.92e6:-30. None by default.
//	EMULATOR_NOISE     dBFS of a sample, over the whole band, or off; -40 by default.
//	EMULATOR_LEAK      dBFS of the local oscillator's leak at the centre; off by default.
//	EMULATOR_FAULTS    what goes wrong, and when: unplug@3s,replug@5s. Below.
//	EMULATOR_CONTROL   a file; lines that are appended to it are obeyed. Below.
//	EMULATOR_LOG       a file; what becomes of a radio is appended to it. Below.
//	EMULATOR_UNPACED   1: samples come as fast as they are read.
//	EMULATOR_SERIAL    one radio for each: 1,2ab. Padded with zeros to 32 digits.
//	EMULATOR_LOCK      programs of one user with the same word here share their radios.
//	EMULATOR_FIRMWARE  2022.09.1 by default.
//	EMULATOR_API       of the firmware: 1.07 by default. Below 1.06 the requests for the
//	                   M0 state, the board revision and the platform are refused, below
//	                   1.02 sweeps; libhackrf itself sweeps from 1.04 on.
//	EMULATOR_BOARD     hackrf-one by default, jawbreaker or rad1o.
//
// Levels are those at LNA 16 dB, VGA 20 dB, amplifier off. They follow each gain dB for
// dB (the amplifier has 14), and clip at the rails. 0 dBFS is a complex tone of amplitude
// 128. The baseband filter is flat to its edges and falls by 60 dB an octave beyond; what
// is outside the sample rate folds. Noise and leak are not filtered, and the leak does
// not follow the gains.
//
// # Faults
//
// A fault may name radios by a suffix of their serial: stall:2ab. Times count from when
// the library was loaded (or the setting made), in s, ms or m.
//
//	unplug   the radio is gone: transfers end with NO_DEVICE, handles are dead for good
//	replug   it is back, with the settings of a reset
//	stall    no transfer is filled; control requests work
//	control  control requests fail with IO
//	timeout  control requests fail with TIMEOUT
//	hang     control requests do not return
//	refuse   it cannot be opened: ACCESS
//	busy     it cannot be claimed: BUSY, as if another program held it
//	resume   ends all of these but unplug
//	error    the next transfer ends with ERROR
//	short    the next transfer ends at 100,000 bytes
//	overrun  1 MiB of samples is lost at once
//
// # Control
//
// A line is a fault without a time, or a setting (EMULATOR_TONES=…). It is obeyed within
// 5 ms while a program waits for events, else at its next call. Programs that start later
// read the file from its beginning, and skip error, short and overrun.
//
// A test that has loaded the library into its own process calls
// emulator_configure(const char *lines), which obeys lines at once and returns 0, or -1
// at the first that it does not understand.
//
// # Log
//
// Each line begins with the last eight digits of the serial, so that a test sees what
// reached the radio, and in which order: open, close, plugged in, unplugged, mode 0 (off),
// 1 (receive) or 5 (sweep), rate, filter, frequency, lna, vga, amp, bias and sweep with
// their values, and at the end of a stream the bytes handed over and lost: stream N lost
// N shortfalls N.
//
// # The stream
//
// The clock of the samples starts with the first transfer that is submitted while the
// radio receives. A transfer is complete when the clock has filled it, no matter when
// somebody looks. While none is waiting the radio keeps 32,768 bytes; what comes after
// is lost, and counted in the M0 state as one shortfall. In a sweep, which keeps a block
// of 16,384 bytes for every three it samples (814 a second at 20 Msps), nothing is lost:
// it stands still.
package emulator

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

//go:embed libusb
var source embed.FS

// Soname is the file name of the library.
const Soname = "libusb-1.0.so.0"

var built = sync.OnceValues(build)

// Build returns the folder that holds the library, which it compiles unless this very
// source was compiled before. It fails if the compiler or libhackrf is missing.
func Build(t testing.TB) (dir string) {
	t.Helper()
	dir, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func build() (dir string, err error) {
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "gcc"
	}
	if _, err := exec.LookPath(cc); err != nil {
		return "", errors.New("emulator: no C compiler; install it with: sudo apt-get install gcc libc6-dev")
	}
	top, err := moduleRoot()
	if err != nil {
		return "", err
	}
	scratch, err := os.MkdirTemp("", "emulator")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	link := []string{"-shared", "-nostdlib", "-o", filepath.Join(scratch, "links"), "-l:libhackrf.so.0"}
	if out, err := exec.CommandContext(context.Background(), cc, link...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("emulator: no libhackrf; install it with: sudo apt-get install libhackrf0 hackrf\n%s", out)
	}
	sources, sum, err := unpack(scratch)
	if err != nil {
		return "", err
	}
	dir = filepath.Join(top, "build", "emulator", sum)
	if _, err := os.Stat(filepath.Join(dir, Soname)); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Others may be building the same: the file appears whole.
	whole := filepath.Join(dir, Soname+"."+strconv.Itoa(os.Getpid()))
	args := append([]string{"-o", whole}, sources...)
	args = append(args, flags...)
	if out, err := exec.CommandContext(context.Background(), cc, args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("emulator: %s: %w\n%s", cc, err, out)
	}
	return dir, os.Rename(whole, filepath.Join(dir, Soname))
}

// flags are those of the Makefile.
var flags = strings.Fields("-std=gnu11 -O2 -Wall -Wextra -Werror -fvisibility=hidden -shared -fPIC -pthread -lm -Wl,-soname," + Soname)

// unpack writes the source into a folder and returns the files to compile and a name
// for what comes of them.
func unpack(dir string) (sources []string, sum string, err error) {
	h := sha256.New()
	fmt.Fprintln(h, flags)
	err = fs.WalkDir(source, "libusb", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := source.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintln(h, path, len(text))
		h.Write(text)
		to := filepath.Join(dir, filepath.Base(path))
		if filepath.Ext(path) == ".c" {
			sources = append(sources, to)
		}
		return os.WriteFile(to, text, 0o600)
	})
	return sources, hex.EncodeToString(h.Sum(nil))[:16], err
}

// moduleRoot is the nearest folder with a go.mod: go test starts tests in the folder of
// their package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("emulator: no go.mod in this folder or above")
		}
		dir = up
	}
}

// Options are the settings of a program that runs on the emulator. The zero value is a
// radio that hears noise. Strings are as the package documentation says.
type Options struct {
	Tones    string
	Noise    string
	Faults   string
	Control  string // name of the control file
	Log      string // name of the log
	Serial   string
	Lock     string // of its own for each test process if empty
	Firmware string
	API      string
	Board    string
	Unpaced  bool
}

// settings lists the options that are not zero, as KEY=VALUE.
func (o Options) settings() []string {
	var s []string
	for _, v := range []struct{ key, value string }{
		{"LOG", o.Log},
		{"TONES", o.Tones},
		{"NOISE", o.Noise},
		{"SERIAL", o.Serial},
		{"LOCK", o.Lock},
		{"FIRMWARE", o.Firmware},
		{"API", o.API},
		{"BOARD", o.Board},
		{"CONTROL", o.Control},
		{"FAULTS", o.Faults},
	} {
		if v.value != "" {
			s = append(s, "EMULATOR_"+v.key+"="+v.value)
		}
	}
	if o.Unpaced {
		s = append(s, "EMULATOR_UNPACED=1")
	}
	return s
}

// Env returns the environment of this process with the emulator of dir in the place of
// libusb, and these options.
func Env(dir string, o Options) []string {
	if o.Lock == "" {
		o.Lock = "test-" + strconv.Itoa(os.Getpid())
	}
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "EMULATOR_") && !strings.HasPrefix(kv, "LD_LIBRARY_PATH=") {
			env = append(env, kv)
		}
	}
	env = append(env, "LD_LIBRARY_PATH="+dir)
	return append(env, o.settings()...)
}

// Lines returns the options that are not zero as emulator_configure takes them: what is
// zero stays as it was.
func (o Options) Lines() string { return strings.Join(o.settings(), "\n") }

// Send appends lines to a control file.
func Send(control string, lines ...string) error {
	f, err := os.OpenFile(control, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}
