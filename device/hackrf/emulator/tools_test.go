//go:build linux

package emulator_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/cmplx"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"argos/device/hackrf/emulator"
)

// A tool is one of Great Scott Gadgets' own programs under way on the emulator.
type tool struct {
	cmd *exec.Cmd
	out bytes.Buffer // both streams
	log string       // name of the emulator's log
}

// start starts a tool and leaves it running. It ends with the test.
func start(t *testing.T, o emulator.Options, name string, args ...string) *tool {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Fatalf("%v; install it with: sudo apt-get install hackrf", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	x := &tool{cmd: exec.CommandContext(ctx, name, args...)}
	if o.Log == "" {
		o.Log = filepath.Join(t.TempDir(), "log")
	}
	x.log = o.Log
	if o.Lock == "" {
		o.Lock = strings.ReplaceAll(t.Name(), "/", "-") + strconv.Itoa(os.Getpid())
	}
	x.cmd.Env = emulator.Env(emulator.Build(t), o)
	x.cmd.Stdout, x.cmd.Stderr = &x.out, &x.out
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = x.cmd.Wait() })
	return x
}

// wait returns what the tool has printed when it has ended, and whether it failed.
func (x *tool) wait(t *testing.T) (out string, failed bool) {
	t.Helper()
	err := x.cmd.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return x.out.String(), err != nil
}

// logged waits until the emulator has logged something.
func (x *tool) logged(t *testing.T, what string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if text, _ := os.ReadFile(x.log); strings.Contains(string(text), what+"\n") {
			return
		}
	}
	t.Fatalf("the log never said %q; the tool:\n%s", what, &x.out)
}

func run(t *testing.T, o emulator.Options, name string, args ...string) string {
	t.Helper()
	out, failed := start(t, o, name, args...).wait(t)
	if failed {
		t.Fatalf("%s %s failed:\n%s", name, strings.Join(args, " "), out)
	}
	return out
}

func hz(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) }

// record returns what hackrf_transfer wrote at 2,437 MHz; 0 dBFS is 1.
func record(t *testing.T, o emulator.Options, rate float64, samples int, args ...string) []complex128 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "iq")
	args = append([]string{"-r", file, "-f", "2437000000", "-s", hz(rate), "-n", strconv.Itoa(samples)}, args...)
	run(t, o, "hackrf_transfer", args...)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(raw) != 2*samples {
		t.Fatalf("%d bytes recorded, want %d", len(raw), 2*samples)
	}
	iq := make([]complex128, samples)
	for i := range iq {
		iq[i] = complex(float64(int8(raw[2*i])), float64(int8(raw[2*i+1]))) / 128
	}
	return iq
}

// level is the power at one frequency, in dBFS.
func level(iq []complex128, cycles float64) float64 {
	var sum complex128
	for i, v := range iq {
		_, turns := math.Modf(cycles * float64(i))
		sum += v * cmplx.Rect(1, -2*math.Pi*turns)
	}
	return 20 * math.Log10(cmplx.Abs(sum)/float64(len(iq)))
}

// power is the power of all samples, in dBFS.
func power(iq []complex128) float64 {
	var sum float64
	for _, v := range iq {
		sum += real(v)*real(v) + imag(v)*imag(v)
	}
	return 10 * math.Log10(sum/float64(len(iq)))
}

func near(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if !(math.Abs(got-want) <= within) {
		t.Errorf("%s: %.2f, want %.2f ± %.2f", what, got, want, within)
	}
}

// TestInfo shows that hackrf_info takes the emulator for what it stands for.
func TestInfo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		o    emulator.Options
		want []string
		not  string
	}{
		{
			name: "one",
			want: []string{
				"Serial number: 0000000000000000a74468dc2f6b35c1", "Board ID Number: 2 (HackRF One)",
				"Firmware Version: 2022.09.1 (API:1.07)", "Part ID Number: 0xa000cb3c 0x00654358", "Hardware Revision: r8",
			},
		},
		{
			name: "two", o: emulator.Options{Serial: "1,2ab"},
			want: []string{"Serial number: 00000000000000000000000000000001", "Serial number: 000000000000000000000000000002ab"},
		},
		{
			name: "old firmware", o: emulator.Options{Firmware: "2018.01.1", API: "1.02"},
			want: []string{"Firmware Version: 2018.01.1 (API:1.02)"}, not: "Hardware Revision",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, _ := start(t, tc.o, "hackrf_info").wait(t)
			for _, w := range tc.want {
				if !strings.Contains(out, w) {
					t.Errorf("hackrf_info does not say %q", w)
				}
			}
			if tc.not != "" && strings.Contains(out, tc.not) {
				t.Errorf("hackrf_info says %q", tc.not)
			}
			if t.Failed() {
				t.Log(out)
			}
		})
	}
}

// TestTone shows that a tone is where it was put, and as strong, at every rate.
func TestTone(t *testing.T) {
	t.Parallel()
	const samples = 1 << 18
	for _, rate := range []float64{2e6, 8e6, 10e6, 20e6} {
		t.Run(hz(rate/1e6)+" Msps", func(t *testing.T) {
			t.Parallel()
			const offset = 300e3
			iq := record(t, emulator.Options{Tones: "2437.3e6:-20"}, rate, samples, "-l", "16", "-g", "20")
			near(t, "level of the tone", level(iq, offset/rate), -20, 0.1)
			for _, beside := range []float64{-2, 2} { // bins of 1/262144
				if l := level(iq, offset/rate+beside/samples); l > -45 {
					t.Errorf("%.1f dBFS at %.0f Hz beside the tone", l, beside*rate/samples)
				}
			}
			// The noise, and a tone of a hundredth.
			near(t, "power", power(iq), 10*math.Log10(1e-4+1e-2), 0.2)
		})
	}
}

// TestLevels shows that levels follow the gains and the filter, and end at the rails. The
// noise is strong enough to be felt by the converter at the lowest of them: it makes the
// steps of the converter straight.
func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		tone         string
		offset, want float64
		args         []string
	}{
		{"as set in the air", "2437.5e6:-30", 500e3, -30, []string{"-l", "16", "-g", "20"}},
		{"LNA", "2437.5e6:-30", 500e3, -22, []string{"-l", "24", "-g", "20"}},
		{"VGA", "2437.5e6:-30", 500e3, -46, []string{"-l", "16", "-g", "4"}},
		{"amplifier", "2437.5e6:-30", 500e3, -16, []string{"-l", "16", "-g", "20", "-a", "1"}},
		{"inside the filter", "2437.8e6:-30", 800e3, -30, []string{"-l", "16", "-g", "20", "-b", "1750000"}},
		{"an octave beyond the filter", "2438.75e6:20", 1750e3, -40.2, []string{"-l", "16", "-g", "20", "-b", "1750000"}},
		// A clipped sine of infinite strength is a square wave: 4/π of its rails.
		{"at the rails", "2437.5e6:0", 500e3, 20 * math.Log10(4/math.Pi), []string{"-l", "40", "-g", "40"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			iq := record(t, emulator.Options{Tones: tc.tone, Noise: "-30"}, 8e6, 1<<17, tc.args...)
			near(t, "level", level(iq, tc.offset/8e6), tc.want, 0.25)
		})
	}
}

// A line is one of hackrf_sweep's.
type line struct {
	low, width float64
	db         []float64
}

func lines(t *testing.T, csv string) []line {
	t.Helper()
	var all []line
	for text := range strings.Lines(csv) {
		f := strings.Split(strings.TrimSpace(text), ", ")
		if len(f) < 7 || !strings.HasPrefix(f[0], "20") {
			continue
		}
		v := make([]float64, len(f))
		for i, s := range f[2:] {
			var err error
			if v[i], err = strconv.ParseFloat(s, 64); err != nil {
				t.Fatal(err)
			}
		}
		all = append(all, line{low: v[0], width: v[2], db: v[4 : len(f)-2]})
	}
	return all
}

// TestSweep shows a tone where hackrf_sweep sees it: within half a bin, 6 dB low, since
// its window is not corrected for. On the edge between two bins it reads 1.4 dB less.
func TestSweep(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name         string
		hz           float64
		width        string
		want, within float64
	}{
		{"on a centre, in the upper half", 2435e6 + 23.5*20e6/204, "100000", -26, 0.5},
		{"on a centre, in the lower half", 2445e6 + 10.5*20e6/204, "100000", -26, 0.5},
		{"on an edge", 2435e6 + 23*20e6/204, "100000", -27.4, 0.5},
		{"anywhere", 2471.2345e6, "100000", -26.7, 1.2},
		{"wide bins", 2412.5e6, "1000000", -26, 0.5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := emulator.Options{Tones: hz(tc.hz) + ":-20", Noise: "-50"}
			all := lines(t, run(t, o, "hackrf_sweep", "-f", "2400:2500", "-w", tc.width, "-N", "3"))
			if len(all) < 60 {
				t.Fatalf("%d lines, want those of three sweeps", len(all))
			}
			seen := 0
			for _, l := range all {
				peak := slices.Max(l.db)
				center := l.low + (float64(slices.Index(l.db, peak))+0.5)*l.width
				if tc.hz < l.low || tc.hz >= l.low+float64(len(l.db))*l.width {
					if peak > -45 {
						t.Errorf("a ghost of %.1f dB at %.3f MHz", peak, center/1e6)
					}
					continue
				}
				seen++
				near(t, "frequency in MHz", center/1e6, tc.hz/1e6, (l.width/2+1)/1e6)
				near(t, "level", peak, tc.want, tc.within)
			}
			if seen < 3 {
				t.Errorf("seen %d times in three sweeps", seen)
			}
		})
	}
}

// TestSweepPace shows the pace of the firmware: 814 blocks a second, 20 MHz for two.
func TestSweepPace(t *testing.T) {
	t.Parallel()
	out := run(t, emulator.Options{}, "hackrf_sweep", "-f", "2400:2500", "-w", "1000000", "-N", "160", "-r", os.DevNull)
	m := regexp.MustCompile(`\(([\d.]+) sweeps/second\)`).FindAllStringSubmatch(out, -1)
	if len(m) == 0 {
		t.Fatalf("no rate in:\n%s", out)
	}
	rate, err := strconv.ParseFloat(m[len(m)-1][1], 64)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%.1f sweeps/s, %.2f GHz/s", rate, rate*0.1)
	near(t, "sweeps a second", rate, 20e6/8192/3/10, 4)
}

// TestBusy shows that a radio has one owner, and that it is free when the owner is gone.
func TestBusy(t *testing.T) {
	t.Parallel()
	lock := "busy" + strconv.Itoa(os.Getpid())
	owner := start(t, emulator.Options{Lock: lock}, "hackrf_transfer", "-r", os.DevNull, "-f", "2437000000", "-s", "2000000")
	owner.logged(t, "2f6b35c1 mode 1")
	out, failed := start(t, emulator.Options{Lock: lock}, "hackrf_transfer", "-r", os.DevNull, "-n", "1000").wait(t)
	if !failed || !strings.Contains(out, "Resource busy") {
		t.Errorf("the second program says:\n%s", out)
	}
	if err := owner.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	owner.wait(t)
	run(t, emulator.Options{Lock: lock}, "hackrf_transfer", "-r", os.DevNull, "-f", "2437000000", "-s", "2000000", "-n", "1000")
}

// TestFaults shows what hackrf_transfer makes of each fault while it receives.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		fault  string
		want   string // in what it prints
		failed bool
		log    string
	}{
		{fault: "unplug", want: "streaming stopped (-1003)", failed: true, log: "2f6b35c1 unplugged"},
		{fault: "stall", want: "HACKRF_TRUE (1)", failed: true},
		{fault: "error", want: "streaming stopped (-1003)", failed: true},
		{fault: "control", want: "hackrf_stop_rx() failed: Input/Output Error"},
		{fault: "timeout", want: "hackrf_stop_rx() failed: Operation timed out"},
		{fault: "short", want: "hackrf_stop_rx() done"},
		{fault: "overrun", want: "longest 1048576 bytes"},
		{fault: "stall:ffff", want: "hackrf_stop_rx() done"}, // another radio
	} {
		t.Run(tc.fault, func(t *testing.T) {
			t.Parallel()
			control := filepath.Join(t.TempDir(), "control")
			x := start(t, emulator.Options{Control: control}, "hackrf_transfer",
				"-r", os.DevNull, "-f", "2437000000", "-s", "2000000", "-n", "3000000", "-B")
			x.logged(t, "2f6b35c1 mode 1")
			if err := emulator.Send(control, tc.fault); err != nil {
				t.Fatal(err)
			}
			out, failed := x.wait(t)
			if !strings.Contains(out, tc.want) || failed != tc.failed {
				t.Errorf("failed: %v, want %v; does it say %q?\n%s", failed, tc.failed, tc.want, out)
			}
			if tc.log != "" {
				x.logged(t, tc.log)
			}
		})
	}
}

// TestFaultsAtOpen shows what keeps a program from a radio, by the schedule.
func TestFaultsAtOpen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ faults, want string }{
		{"refuse", "HackRF not found (-5)"}, // libhackrf hides why
		{"busy", "Resource busy (-1000)"},
		{"unplug", "HackRF not found (-5)"},
		{"unplug,replug@1m", "HackRF not found (-5)"},
		{"control", "Input/Output Error (-1000)"},
		{"refuse,resume@0", "hackrf_close() done"},
		{"hang,resume@300ms", "hackrf_close() done"},
		{"unplug:ffff,stall@1h2", "cannot obey EMULATOR_FAULTS"},
	} {
		t.Run(tc.faults, func(t *testing.T) {
			t.Parallel()
			out, _ := start(t, emulator.Options{Faults: tc.faults}, "hackrf_transfer",
				"-r", os.DevNull, "-f", "2437000000", "-s", "2000000", "-n", "1000").wait(t)
			if !strings.Contains(out, tc.want) {
				t.Errorf("does not say %q:\n%s", tc.want, out)
			}
		})
	}
}

// freeze stops a process for a while, as a machine that is too busy does.
func freeze(t *testing.T, p *os.Process, lasts time.Duration) {
	t.Helper()
	for _, step := range []struct {
		signal syscall.Signal
		wait   time.Duration
	}{{syscall.SIGSTOP, lasts}, {syscall.SIGCONT, 50 * time.Millisecond}} {
		if err := p.Signal(step.signal); err != nil {
			t.Fatal(err)
		}
		time.Sleep(step.wait)
	}
}

// TestOverrun shows that a host that does not come back for its transfers loses samples,
// and by how much.
func TestOverrun(t *testing.T) {
	t.Parallel()
	control := filepath.Join(t.TempDir(), "control")
	x := start(t, emulator.Options{Control: control}, "hackrf_transfer",
		"-r", os.DevNull, "-f", "2437000000", "-s", "20000000", "-n", "20000000", "-B")
	x.logged(t, "2f6b35c1 mode 1")
	for range 2 { // freezes longer than the four transfers last
		freeze(t, x.cmd.Process, 200*time.Millisecond)
	}
	out, failed := x.wait(t)
	if failed {
		t.Fatal(out)
	}
	text, err := os.ReadFile(x.log)
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`stream (\d+) lost (\d+) shortfalls (\d+)\n`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no end of a stream in the log:\n%s", text)
	}
	lost, _ := strconv.ParseFloat(string(m[2]), 64)
	shortfalls, _ := strconv.Atoi(string(m[3]))
	// 400 ms less what transfers and buffer held; the machine may have added its own.
	if least := 2 * (0.2*40e6 - 4*262144 - 32768); shortfalls < 2 || lost < least {
		t.Errorf("%s shortfalls, %s bytes lost, want at least 2 and %.0f", m[3], m[2], least)
	}
}

// TestUnpaced shows that samples come as fast as they are read, and what they cost.
func TestUnpaced(t *testing.T) {
	t.Parallel()
	const samples = 80e6 // four seconds
	x := start(t, emulator.Options{Unpaced: true, Tones: "2437.3e6:-45"}, "hackrf_transfer",
		"-r", os.DevNull, "-f", "2437000000", "-s", "20000000", "-n", hz(samples))
	began := time.Now()
	if out, failed := x.wait(t); failed {
		t.Fatal(out)
	}
	took := time.Since(began)
	cost := (x.cmd.ProcessState.UserTime() + x.cmd.ProcessState.SystemTime()).Seconds() / (samples / 20e6)
	t.Logf("%.1f × real time; %.0f %% of a core at 20 Msps, with hackrf_transfer's own work", samples/20e6/took.Seconds(), 100*cost)
	if took > 3*time.Second {
		t.Errorf("took %v, want less than the 4 s of the clock", took)
	}
	if cost > 0.5 {
		t.Errorf("%.0f %% of a core at 20 Msps, want less than half", 100*cost)
	}
}

// TestAirChanges shows that the control file changes the air under way.
func TestAirChanges(t *testing.T) {
	t.Parallel()
	control := filepath.Join(t.TempDir(), "control")
	if err := emulator.Send(control, "EMULATOR_TONES=2437.5e6:-10", "error", "stall", "resume"); err != nil {
		t.Fatal(err)
	}
	iq := record(t, emulator.Options{Control: control}, 8e6, 1<<17, "-l", "16", "-g", "20")
	near(t, "level of the tone that was in the file", level(iq, 500e3/8e6), -10, 0.1)
}

// TestFlags shows that make and the tests compile the same.
func TestFlags(t *testing.T) {
	makefile, err := os.ReadFile("../../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	flags := strings.ReplaceAll(strings.Join(emulator.Flags, " "), emulator.Soname, "$(@F)")
	if !strings.Contains(string(makefile), flags) {
		t.Errorf("the Makefile has not the flags %s", flags)
	}
}
