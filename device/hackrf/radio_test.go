//go:build linux && !nohackrf

package hackrf

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"argos/device"
	"argos/device/hackrf/emulator"
)

func TestInfo(t *testing.T) {
	emulate(t, emulator.Options{})
	info := open(t, "").Info()
	if info.Driver != "hackrf" || !strings.HasPrefix(info.Name, "HackRF One") || len(info.Serial) != 32 ||
		info.Firmware != "2022.09.1" || !info.Gains || info.Simulated {
		t.Errorf("info %+v", info)
	}
}

// Whoever opens a radio is told of a panic in any of its goroutines.
func TestGoroutinesAreGuarded(t *testing.T) {
	emulate(t, emulator.Options{})
	guarded := make(chan struct{}, 2)
	r, err := Open(t.Context(), "", &Options{Guard: func() { guarded <- struct{}{} }})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for _, who := range []string{"either", "the other"} { // the owner, and the one that makes calls
		select {
		case <-guarded:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s has no guard", who)
		}
	}
}

// level is the power of a tone at hz in a block, in dBFS.
func level(b *device.Block, hz float64) float64 {
	w := 2 * math.Pi * (hz - b.CenterHz) / b.Tuning.RateHz
	var re, im float64
	n := len(b.Samples) / 2
	for i := range n {
		s, c := math.Sincos(w * float64(i))
		x, y := float64(int8(b.Samples[2*i]))/128, float64(int8(b.Samples[2*i+1]))/128
		re += x*c + y*s
		im += y*c - x*s
	}
	return 10 * math.Log10((re*re+im*im)/float64(n)/float64(n))
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.5 {
		t.Errorf("%s: %.2f dBFS, want %.2f", what, got, want)
	}
}

func TestTones(t *testing.T) {
	emulate(t, emulator.Options{Tones: "433.92e6:-30,2437.3e6:-25"})
	r := open(t, "")
	var b device.Block
	for _, rate := range []float64{2e6, 8e6, 10e6, 20e6} {
		want := tune(t, r, device.Tuning{CenterHz: 433.5e6, SpanHz: 1e6, RateHz: rate, LNADB: 16, VGADB: 20})
		for range 4 {
			read(t, r, &b, nil)
		}
		if b.Tuning != want || b.Tuning.RateHz != rate || b.CenterHz != 433.5e6 {
			t.Errorf("block with %+v, want %+v", b.Tuning, want)
		}
		near(t, device.FormatHz(rate, 0), level(&b, 433.92e6), -30)
	}
}

// Zero span has the receiver's own line a quarter of the rate away, and gives it back.
func TestZeroSpan(t *testing.T) {
	emulate(t, emulator.Options{Tones: "433.92e6:-30,2e6:-30"})
	r := open(t, "")
	var b device.Block
	for _, c := range []struct{ hz, span, middle float64 }{
		{433.92e6, 1e6, 433.92e6},
		{433.92e6, 0, 431.92e6},
		{433.92e6, 1e6, 433.92e6},
		{1.9e6, 0, 3.9e6}, // there is nothing below 0
	} {
		want := tune(t, r, device.Tuning{CenterHz: c.hz, SpanHz: c.span, RateHz: 8e6, LNADB: 16, VGADB: 20})
		for range 4 {
			read(t, r, &b, nil)
		}
		if b.Tuning != want || b.CenterHz != c.middle {
			t.Errorf("%s, span %g: blocks of %+v around %s", device.FormatHz(c.hz, 3), c.span, b.Tuning, device.FormatHz(b.CenterHz, 3))
		}
		near(t, "tone", level(&b, max(433.92e6*math.Round(c.hz/433.92e6), 2e6)), -30)
	}
}

func TestGains(t *testing.T) {
	emulate(t, emulator.Options{Tones: "433.92e6:-40"})
	r := open(t, "")
	var b device.Block
	wish := device.Tuning{CenterHz: 433e6, SpanHz: 2e6, LNADB: 16, VGADB: 20}
	for _, c := range []struct {
		lna, vga int
		amp      bool
		want     float64
	}{{16, 20, false, -40}, {24, 20, false, -32}, {24, 30, false, -22}, {8, 26, true, -28}} {
		wish.LNADB, wish.VGADB, wish.Amp = c.lna, c.vga, c.amp
		tune(t, r, wish)
		read(t, r, &b, nil)
		near(t, "gain", level(&b, 433.92e6), c.want)
	}
	if s := r.Stats(); s.Sessions != 1 || s.Interruptions != 0 {
		t.Errorf("%+v", s)
	}
}

// What the radio is told: the antenna's power after each start, and no stop for what can
// be changed without.
func TestTold(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	emulate(t, emulator.Options{Log: log})
	t.Cleanup(func() { set(t, "EMULATOR_LOG="+os.DevNull) })
	r := open(t, "")
	var b device.Block
	wish := device.Tuning{CenterHz: 433e6, SpanHz: 2e6, LNADB: 16, VGADB: 20, BiasTee: true}
	for _, change := range []func(){
		func() {},
		func() { wish.CenterHz = 434e6 },
		func() { wish.LNADB, wish.Amp = 24, true },
		func() { wish.RateHz = 10e6 },
		func() { wish.RateHz, wish.SpanHz = 0, 60e6 },
		func() { wish.BiasTee = false },
	} {
		change()
		tune(t, r, wish)
		read(t, r, &b, nil)
	}
	r.Close()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	told := string(text)
	at := 0
	for _, want := range []string{
		"open", "rate 8000000", "filter 6000000", "frequency 433000000", "mode 1", "bias 1",
		"frequency 434000000", "lna 24", "amp 1", "mode 0",
		"rate 10000000", "filter 7000000", "mode 1", "bias 1", "mode 0",
		"rate 20000000", "filter 15000000", "sweep of 1", "mode 5", "bias 1", "bias 0", "mode 0", "close",
	} {
		n := strings.Index(told[at:], " "+want+"\n")
		if n < 0 {
			t.Fatalf("no %q after %q in:\n%s", want, told[:at], told)
		}
		if between := told[at : at+n]; strings.Contains(between, " mode 1") || strings.Contains(between, " mode 5") {
			t.Errorf("another start before %q:\n%s", want, between)
		}
		at += n + len(want) + 1
	}
}

// power is the level of a tone as short pieces of a block have it: that samples are missing
// between two of them takes nothing away.
func power(b *device.Block, hz float64) float64 {
	const piece = 512
	sum, n := 0.0, len(b.Samples)/piece
	for i := range n {
		part := *b
		part.Samples = b.Samples[i*piece:][:piece]
		sum += math.Pow(10, level(&part, hz)/10)
	}
	return 10 * math.Log10(sum/float64(n))
}

// The first block after a change is all new, and soon there. The tone lies elsewhere in the
// band before and after.
func TestRetune(t *testing.T) {
	emulate(t, emulator.Options{Tones: "100e6:-20,200e6:-20"})
	r := open(t, "")
	for _, c := range []struct {
		rate  float64
		limit time.Duration
	}{{0, 100 * time.Millisecond}, {2e6, 200 * time.Millisecond}, {20e6, 100 * time.Millisecond}} {
		onceOf(t, 10, func() error {
			worst, err := retune(t, r, c.rate)
			t.Logf("rate %s: at worst %v to the first new block", device.FormatHz(c.rate, 0), worst)
			if err == nil && worst > c.limit {
				err = fmt.Errorf("%v, want less than %v", worst, c.limit)
			}
			return err
		})
	}
}

// retune changes between two tones, and returns how long it took at worst.
func retune(t *testing.T, r *Radio, rate float64) (worst time.Duration, err error) {
	var b device.Block
	wish := device.Tuning{SpanHz: 1e6, RateHz: rate, LNADB: 16, VGADB: 20}
	for i := range 12 {
		here := 100e6 * float64(1+i%2)
		wish.CenterHz = here + 0.2e6*float64(1-2*(i%2))
		before := time.Now()
		fact := tune(t, r, wish)
		read(t, r, &b, nil)
		took := time.Since(before)
		if i > 0 {
			worst = max(worst, took)
		}
		if b.Tuning != fact || !b.Break {
			t.Fatalf("first block has %+v, break %v", b.Tuning, b.Break)
		}
		begin := b
		begin.Samples = b.Samples[:4096]
		// Samples that the radio lost, which it does not tell at once, can spoil both.
		if all, first := level(&b, here), power(&begin, here); math.Abs(all+20) > 0.5 || math.Abs(first+20) > 0.5 {
			err = fmt.Errorf("the new reads %.2f dBFS, the very first of it %.2f, want -20", all, first)
		}
		// Until a transfer was handed over on time, nothing tells how late they are.
		more := 2
		if i == 0 {
			more = clockMemory
		}
		for range more {
			read(t, r, &b, nil)
		}
	}
	return worst, err
}

func TestSweep(t *testing.T) {
	emulate(t, emulator.Options{Tones: "2411.1e6:-30,2437.3e6:-25,2462.2e6:-35,2499e6:-20"})
	r := open(t, "")
	want := tune(t, r, device.Tuning{CenterHz: 2450e6, SpanHz: 100e6, LNADB: 16, VGADB: 20})
	if !want.Sweeps() || want.SpanHz != 100e6 || want.CenterHz != 2450e6 {
		t.Fatalf("%+v", want)
	}
	var b device.Block
	seen := map[float64]int{}
	var last time.Time
	begun := time.Now()
	for range 800 {
		read(t, r, &b, nil)
		if len(b.Samples) != blockBytes || !b.Break || b.Lost != 0 {
			t.Fatalf("block of %d bytes, break %v, lost %d", len(b.Samples), b.Break, b.Lost)
		}
		if b.Time.Before(last) {
			t.Fatalf("time goes back by %v", last.Sub(b.Time))
		}
		last = b.Time
		seen[b.CenterHz]++
		for hz, db := range map[float64]float64{2411.1e6: -30, 2437.3e6: -25, 2462.2e6: -35, 2499e6: -20} {
			if off := math.Abs(hz - b.CenterHz); off >= 2.5e6 && off < 7.5e6 {
				near(t, device.FormatHz(hz, 3), level(&b, hz), db)
			}
		}
	}
	t.Logf("%.0f blocks/s", 800/time.Since(begun).Seconds())
	if len(seen) != 10 {
		t.Errorf("centres %v", seen)
	}
}

// As many sweeps a second as hackrf_sweep makes of the same radio.
func TestSweepRate(t *testing.T) {
	emulate(t, emulator.Options{})
	onceOf(t, 5, func() error {
		ours, lost := sweepRate(t)
		theirs := toolSweepRate(t)
		t.Logf("%.2f sweeps/s, hackrf_sweep %.2f", ours, theirs)
		if lost > 0 || ours < 0.98*theirs {
			return fmt.Errorf("%.2f sweeps/s and %d samples lost, hackrf_sweep %.2f", ours, lost, theirs)
		}
		return nil
	})
}

// sweepRate is how often a second we sweep over 100 MHz.
func sweepRate(t *testing.T) (perSecond float64, lost uint64) {
	t.Helper()
	r := open(t, "")
	defer r.Close()
	tune(t, r, device.Tuning{CenterHz: 2450e6, SpanHz: 100e6, LNADB: 16, VGADB: 20})
	const lasts = 2 * time.Second
	var b device.Block
	for range 100 {
		read(t, r, &b, nil)
	}
	blocks := 0
	begun := b.Time
	for ; b.Time.Sub(begun) < lasts; blocks++ {
		read(t, r, &b, nil)
		lost += b.Lost
	}
	return float64(blocks) / 10 / b.Time.Sub(begun).Seconds(), lost
}

// toolSweepRate is how often hackrf_sweep does.
func toolSweepRate(t *testing.T) (perSecond float64) {
	t.Helper()
	tool := exec.Command("hackrf_sweep", "-f", "2400:2500", "-w", "100000", "-N", "170", "-r", os.DevNull)
	tool.Env = emulator.Env(emulator.Build(t), emulator.Options{})
	out, err := tool.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	said := regexp.MustCompile(`completed, ([0-9.]+) sweeps/second`).FindAllSubmatch(out, -1)
	if said == nil {
		t.Fatalf("hackrf_sweep does not tell its rate:\n%s", out)
	}
	if perSecond, err = strconv.ParseFloat(string(said[len(said)-1][1]), 64); err != nil {
		t.Fatal(err)
	}
	return perSecond
}

func TestOpenErrors(t *testing.T) {
	emulate(t, emulator.Options{})
	for _, c := range []struct{ fault, serial, want string }{
		{"unplug", "", "open hackrf: no HackRF is plugged in; plug one in"},
		{"refuse", "", "access denied; install the udev rule"},
		{"busy", "", "another program uses it; stop that one"},
		{"", "beef", "no HackRF with that serial number: beef is none of "},
	} {
		set(t, "resume\nreplug")
		if c.fault != "" {
			set(t, c.fault)
		}
		r, err := Open(context.Background(), c.serial, nil)
		if err == nil {
			r.Close()
			t.Errorf("%s: no error", c.fault)
			continue
		}
		var e *device.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.fault, err, c.want)
		}
	}
}

func TestList(t *testing.T) {
	emulate(t, emulator.Options{})
	all, err := List(context.Background())
	if err != nil || len(all) != 1 || all[0].Err != nil || all[0].Firmware != "2022.09.1" {
		t.Fatalf("%+v, %v", all, err)
	}
	r := open(t, all[0].Serial[28:])
	if r.Info().Serial != all[0].Serial {
		t.Errorf("opened %s, want %s", r.Info().Serial, all[0].Serial)
	}
	if all, err = List(context.Background()); err != nil || len(all) != 1 || !errors.Is(all[0].Err, errBusy) {
		t.Errorf("one in use: %+v, %v", all, err)
	}
	set(t, "refuse")
	if all, err = List(context.Background()); err != nil || len(all) != 1 || !errors.Is(all[0].Err, errAccess) {
		t.Errorf("one that is forbidden: %+v, %v", all, err)
	}
}

// A second process finds the radio busy.
func TestTwoProcesses(t *testing.T) {
	if os.Getenv("ARGOS_SECOND") != "" {
		_, err := Open(context.Background(), "", nil)
		if !errors.Is(err, errBusy) {
			t.Fatalf("error %v, want busy", err)
		}
		return
	}
	lock := "two" + strconv.Itoa(os.Getpid())
	emulate(t, emulator.Options{Lock: lock})
	r := open(t, "")
	tune(t, r, device.Tuning{CenterHz: 100e6, SpanHz: 2e6})
	again := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
	again.Env = append(emulator.Env(emulator.Build(t), emulator.Options{Lock: lock}), "ARGOS_SECOND=1")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var b device.Block
	read(t, r, &b, nil)
}
