//go:build linux && !nohackrf

package hackrf

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"argos/device"
	"argos/device/hackrf/emulator"
)

// backWithin is how soon a radio has to be back after a fault has ended.
const backWithin = 2 * time.Second

// epoch is where a watcher's times count from.
var epoch = time.Now()

// A watcher reads a radio all the time, and knows when the last block came.
type watcher struct {
	last   atomic.Int64 // after epoch
	blocks atomic.Uint64
	lost   atomic.Uint64
	gaps   atomic.Uint64
	said   chan string
	cancel context.CancelFunc
	done   chan error
}

func watch(t *testing.T, r *Radio) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{said: make(chan string, 1000), cancel: cancel, done: make(chan error, 1)}
	go func() {
		var b device.Block
		for {
			err := r.Read(ctx, &b)
			var gap *device.Interruption
			if errors.As(err, &gap) {
				w.gaps.Add(1)
				w.said <- err.Error()
				continue
			}
			if err != nil {
				w.done <- err
				return
			}
			w.blocks.Add(1)
			w.lost.Add(b.Lost)
			w.last.Store(int64(time.Since(epoch)))
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-w.done
	})
	return w
}

// flow waits for blocks that come from now on, and returns for how long.
func (w *watcher) flow(t *testing.T) time.Duration {
	t.Helper()
	begun := time.Since(epoch)
	for w.last.Load() <= int64(begun) {
		if limit := 10 * backWithin; time.Since(epoch)-begun > limit {
			var said []string
			for len(w.said) > 0 {
				said = append(said, <-w.said)
			}
			t.Fatalf("no block for %v; it said %q", limit, said)
		}
		time.Sleep(2 * time.Millisecond)
	}
	return time.Since(epoch) - begun
}

// hear waits until a reason is told, and returns all that was.
func (w *watcher) hear(t *testing.T, want string) (said string) {
	t.Helper()
	limit := time.After(10 * backWithin)
	for !strings.Contains(said, want) {
		select {
		case text := <-w.said:
			said += text + "\n"
		case <-limit:
			t.Fatalf("it did not say %q, but %q", want, said)
		}
	}
	return said
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		fault, end, want string
		lasting          time.Duration
		sweep            bool
	}{
		{fault: "unplug", end: "replug", want: "it is not plugged in"},
		{fault: "unplug", end: "replug", want: "it is not plugged in", sweep: true},
		{fault: "stall", end: "resume", want: "have stopped coming"},
		{fault: "stall", end: "resume", want: "have stopped coming", sweep: true},
		{fault: "stall\ncontrol", end: "resume", want: "have stopped coming"},
		{fault: "stall\ntimeout", end: "resume", want: "have stopped coming"},
		{fault: "stall\nhang", end: "resume", want: "does not answer", lasting: 4 * time.Second},
		{fault: "error\nhang", end: "resume", want: "does not answer", lasting: 4 * time.Second},
		{fault: "error\nrefuse", end: "resume", want: "access denied; install the udev rule"},
		{fault: "error\nbusy", end: "resume", want: "another program uses it"},
		{fault: "unplug\nrefuse", end: "replug\nresume", want: "it is not plugged in"},
		{fault: "error", want: "its samples have ended"},
		{fault: "error", want: "its samples have ended", sweep: true},
	} {
		t.Run(fmt.Sprintf("%s,sweep=%v", strings.ReplaceAll(c.fault, "\n", "+"), c.sweep), func(t *testing.T) {
			emulate(t, emulator.Options{})
			r := open(t, "")
			wish := device.Tuning{CenterHz: 433e6, SpanHz: 2e6, LNADB: 16, VGADB: 20, BiasTee: true}
			if c.sweep {
				wish.SpanHz = 100e6
			}
			tune(t, r, wish)
			w := watch(t, r)
			w.flow(t)
			times := uint64(0)
			onceOf(t, 3, func() error {
				set(t, c.fault)
				said := w.hear(t, c.want)
				if c.end != "" {
					time.Sleep(max(c.lasting, 1500*time.Millisecond))
					if silent := time.Since(epoch) - time.Duration(w.last.Load()); silent < time.Second {
						t.Errorf("blocks came during the fault, the last %v ago", silent)
					}
					set(t, c.end)
				}
				took := w.flow(t)
				t.Logf("back after %v; it said:\n%s", took.Round(time.Millisecond), said)
				s := r.Stats()
				for begun := time.Now(); s.Abandoned != 0 && time.Since(begun) < backWithin; s = r.Stats() {
					time.Sleep(time.Millisecond)
				}
				if times++; s.Interruptions != times || s.Abandoned != 0 {
					t.Errorf("the %d. time: %+v", times, s)
				}
				if took > backWithin {
					return fmt.Errorf("back after %v", took)
				}
				return nil
			})
		})
	}
}

// A machine that stands still for a while, as one does that is a guest of another, takes
// nothing from the radio but samples.
func TestPaused(t *testing.T) {
	if os.Getenv("ARGOS_PAUSED") != "" {
		r := open(t, "")
		tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6})
		var b device.Block
		for reader := bufio.NewReader(os.Stdin); ; {
			read(t, r, &b, nil)
			fmt.Println("samples")
			if _, err := reader.ReadString('\n'); err != nil {
				break
			}
		}
		if s := r.Stats(); s.Interruptions != 0 || s.Abandoned != 0 {
			t.Errorf("%+v", s)
		}
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^TestPaused$")
	again.Env = append(emulator.Env(emulator.Build(t), emulator.Options{Lock: "paused" + strconv.Itoa(os.Getpid())}), "ARGOS_PAUSED=1")
	in, err := again.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := again.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(out)
	for range 3 {
		if line, err := said.ReadString('\n'); err != nil || line != "samples\n" {
			t.Errorf("it says %q: %v", line, err)
			break
		}
		_ = again.Process.Signal(syscall.SIGSTOP) // Wait tells what is wrong
		time.Sleep(800 * time.Millisecond)
		_ = again.Process.Signal(syscall.SIGCONT)
		fmt.Fprintln(in)
	}
	in.Close()
	rest, _ := io.ReadAll(said) // of a process that may have ended
	if err := again.Wait(); err != nil {
		t.Errorf("%v\n%s", err, rest)
	}
}

// A short transfer is no reason to stop, and in a sweep no block is lost by it.
func TestShort(t *testing.T) {
	emulate(t, emulator.Options{})
	r := open(t, "")
	for _, wish := range []device.Tuning{
		{CenterHz: 433e6, SpanHz: 2e6, RateHz: 2e6},
		{CenterHz: 433e6, SpanHz: 100e6},
	} {
		tune(t, r, wish)
		var b device.Block
		read(t, r, &b, nil)
		set(t, "short")
		for range 60 {
			read(t, r, &b, nil)
			if b.Lost > 0 {
				t.Errorf("%d samples lost", b.Lost)
			}
		}
	}
	if s := r.Stats(); s.Interruptions != 0 {
		t.Errorf("%+v", s)
	}
}

// What the radio has lost is counted when it stops, as it tells then.
func TestOverrun(t *testing.T) {
	emulate(t, emulator.Options{})
	r := open(t, "")
	tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6, RateHz: 8e6})
	var b device.Block
	read(t, r, &b, nil)
	set(t, "overrun")
	read(t, r, &b, nil)
	tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6, RateHz: 10e6})
	var lost uint64
	for range 20 {
		read(t, r, &b, nil)
		lost += b.Lost
	}
	const want = 1 << 19
	if s := r.Stats(); lost != want || s.Overruns != 1 || s.Dropped != 0 {
		t.Errorf("%d samples lost, want %d; %+v", lost, want, s)
	}
	set(t, "overrun")
	read(t, r, &b, nil)
	if err := r.Close(); err != nil || r.Stats().Overruns != 2 {
		t.Errorf("at the end: %+v, %v", r.Stats(), err)
	}
}

// A reader that is too slow loses what does not fit the ring, and is told how much.
func TestSlowReader(t *testing.T) {
	emulate(t, emulator.Options{})
	onceOf(t, 5, func() error {
		r := open(t, "")
		defer r.Close()
		tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6, RateHz: 20e6})
		var b device.Block
		read(t, r, &b, nil)
		begun, got := b.Time, uint64(0)
		time.Sleep(600 * time.Millisecond)
		for b.Late == 0 && b.Time.Sub(begun) < 2*time.Second {
			read(t, r, &b, nil)
			got += uint64(len(b.Samples)/2) + b.Lost
		}
		if b.Late == 0 || b.Late > b.Lost || !b.Break {
			return fmt.Errorf("%d samples lost, %d of them late; break %v", b.Lost, b.Late, b.Break)
		}
		if want := 20e6 * b.Time.Sub(begun).Seconds(); math.Abs(float64(got)-want) > 1e6 {
			return fmt.Errorf("%d samples came or were lost, want %.0f", got, want)
		}
		return nil
	})
}

// At 20 Msps beside busy processors the ring loses nothing.
func TestBusy(t *testing.T) {
	emulate(t, emulator.Options{})
	long := duration("ARGOS_BUSY", 3*time.Second)
	r := open(t, "")
	tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 15e6, RateHz: 20e6})
	// One goroutine measures, one draws or sends; the callback and the owner need places beside them.
	if n := runtime.GOMAXPROCS(0); n < 4 {
		t.Errorf("%d goroutines may run at once", n)
	}
	done := make(chan struct{})
	var workers sync.WaitGroup
	for range max(1, runtime.NumCPU()-1) {
		workers.Go(func() {
			for x := uint64(1); ; x = x*6364136223846793005 + 1 {
				if x%1024 == 0 {
					select {
					case <-done:
						return
					default:
					}
				}
			}
		})
	}
	var b device.Block
	var samples, lost uint64
	read(t, r, &b, nil)
	begun := b.Time
	for b.Time.Sub(begun) < long {
		read(t, r, &b, nil)
		samples += uint64(len(b.Samples) / 2)
		lost += b.Lost
	}
	close(done)
	workers.Wait()
	r.Close()
	s := r.Stats()
	t.Logf("%v: %d samples, %d lost, %+v", long, samples, lost, s)
	if s.Dropped > 0 {
		t.Errorf("%d samples did not fit the ring", s.Dropped)
	}
}

// Whatever comes in whatever order, the radio is back when it is over.
func TestRandomFaults(t *testing.T) {
	long := duration("ARGOS_FAULTS", 20*time.Second)
	emulate(t, emulator.Options{})
	r := open(t, "")
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	wish := device.Tuning{CenterHz: 433e6, SpanHz: 2e6}
	tune(t, r, wish)
	w := watch(t, r)
	worst, late := time.Duration(0), 0
	faults := []string{"unplug", "stall", "control", "timeout", "hang", "refuse", "busy", "error", "short", "overrun", "replug", "resume"}
	rounds := 0
	for begun := time.Now(); time.Since(begun) < long; rounds++ {
		for range 1 + rng.IntN(4) {
			set(t, faults[rng.IntN(len(faults))])
			if rng.IntN(3) == 0 {
				wish.SpanHz = []float64{1e6, 5e6, 9e6, 50e6}[rng.IntN(4)]
				wish.CenterHz = 100e6 + float64(rng.IntN(1000))*1e6
				tune(t, r, wish)
			}
			time.Sleep(time.Duration(rng.IntN(700)) * time.Millisecond)
		}
		set(t, "resume\nreplug")
		took := w.flow(t)
		if worst = max(worst, took); took > backWithin {
			late++
		}
	}
	t.Logf("%d rounds, back after %v at worst, %+v", rounds, worst.Round(time.Millisecond), r.Stats())
	// What else a machine does for a moment spoils a round.
	if late > rounds/4 {
		t.Errorf("%d times not back within %v", late, backWithin)
	}
	time.Sleep(100 * time.Millisecond)
	if n := abandoned.Load(); n != 0 {
		t.Errorf("%d calls have not returned", n)
	}
}

// A call that never returns does not hold up Close.
func TestCloseWhileHung(t *testing.T) {
	emulate(t, emulator.Options{})
	r := open(t, "")
	tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6})
	var b device.Block
	read(t, r, &b, nil)
	set(t, "hang")
	tune(t, r, device.Tuning{CenterHz: 434e6, SpanHz: 2e6})
	begun := time.Now()
	if err := r.Close(); err != nil || time.Since(begun) > callLimit+closeLimit+time.Second {
		t.Errorf("close took %v: %v", time.Since(begun), err)
	}
	if err := r.Read(context.Background(), &b); !errors.Is(err, device.ErrClosed) {
		t.Errorf("read after close: %v", err)
	}
	set(t, "resume")
	for range 100 {
		if abandoned.Load() == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Error("the call has not returned")
}

// Opened and closed over and over, nothing stays behind.
func TestNoLeak(t *testing.T) {
	emulate(t, emulator.Options{})
	times := 1000
	round := func() {
		r, err := Open(context.Background(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		tune(t, r, device.Tuning{CenterHz: 433e6, SpanHz: 2e6})
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// One reading swings by megabytes with the stacks and threads that happen to be
	// alive; the least of five does not.
	least := func() int {
		lowest := math.MaxInt
		for range 5 {
			for range times / 10 {
				round()
			}
			lowest = min(lowest, resident(t))
		}
		return lowest
	}
	for range times / 5 {
		round()
	}
	handles, goroutines := files(t), runtime.NumGoroutine()
	before := least()
	after := least()
	t.Logf("resident %d kB in the first %d times, %d kB in the next", before, times/2, after)
	if after > before+before/10+4096 {
		t.Errorf("resident %d kB before, %d kB after", before, after)
	}
	if n := files(t); n > handles {
		t.Errorf("%d handles before, %d after", handles, n)
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("%d goroutines before, %d after", goroutines, n)
	}
}

// duration is how long a test takes that can be told to take longer.
func duration(variable string, otherwise time.Duration) time.Duration {
	if d, err := time.ParseDuration(os.Getenv(variable)); err == nil {
		return d
	}
	return otherwise
}

// resident is the memory of this process in kB, without what Go holds but does not use.
func resident(t *testing.T) int {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	fmt.Sscan(string(text), &size, &pages)
	return pages * os.Getpagesize() / 1024
}

// files is the number of open files of this process.
func files(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// The callback allocates nothing.
func TestNoAllocation(t *testing.T) {
	rx := &receiver{ring: newRing()}
	if !enlist(rx) {
		t.Fatal("no number")
	}
	defer rx.delist()
	data := make([]byte, transferBytes)
	call := &transfer{buffer: &data[0], length: transferBytes, validLength: transferBytes, context: rx.number}
	for _, sweeps := range []bool{false, true} {
		wish := device.Tuning{CenterHz: 1e9, SpanHz: 2e6, RateHz: 20e6}
		if sweeps {
			wish.SpanHz = 100e6
		}
		rx.begin(wish)
		rx.config.Store(&config{tuning: wish, from: time.Now().Add(-time.Hour)})
		n := testing.AllocsPerRun(1000, func() {
			if receive(call) != goOn {
				t.Fatal("it stops")
			}
			if rx.ring.oldest() != nil && rx.came.Load()%4 != 0 {
				rx.ring.release()
			}
		})
		if n != 0 {
			t.Errorf("sweeps %v: %v allocations", sweeps, n)
		}
	}
}
