package e2e

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/creack/pty"
)

// ttyRate runs the program on a terminal of 160 by 45 that is read as fast as it is
// written, and returns the bytes a second that it got.
func ttyRate(t *testing.T, settle, lasts time.Duration, args ...string) float64 {
	t.Helper()
	cmd := exec.Command(program, append([]string{"--listen", freeAddr(t), "--device", "synth", "--freq", "98.1M"}, args...)...)
	cmd.Env = environment(t.TempDir())
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 160, Rows: 45})
	if err != nil {
		t.Error(err)
		return 0
	}
	defer tty.Close()
	var taken atomic.Int64
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		buf := make([]byte, 64<<10)
		for {
			n, err := tty.Read(buf)
			if err != nil {
				return // the program has ended
			}
			taken.Add(int64(n))
		}
	}()
	time.Sleep(settle) // how long it is watched is what is tested
	before, began := taken.Load(), time.Now()
	time.Sleep(lasts)
	rate := float64(taken.Load()-before) / time.Since(began).Seconds()
	_ = cmd.Process.Kill()
	<-drained
	_ = cmd.Wait() // killed, as we know
	return rate
}

// TestTTYBudget: a terminal gets what its budget says and a tenth more at most, over 30 s
// of real time; views has the virtual. Beside it the same screen without one.
func TestTTYBudget(t *testing.T) {
	t.Parallel()
	const budget, settle, lasts = 20_000, 5 * time.Second, 30 * time.Second
	free := make(chan float64, 1)
	go func() { free <- ttyRate(t, settle, lasts, "--tty-budget", "off", "--fall", "scroll") }()
	kept := ttyRate(t, settle, lasts, "--tty-budget", "20k")
	t.Logf("160x45: %.0f B/s with a budget of %d, %.0f without", kept, budget, <-free)
	if kept > 1.1*budget {
		t.Errorf("%.0f B/s with a budget of %d", kept, budget)
	}
	if kept < budget/4 {
		t.Errorf("%.0f B/s with a budget of %d: hardly anything is drawn", kept, budget)
	}
}

// TestResizeStorm: whatever sizes a terminal goes through, no cell is left that a full
// draw would not put there: 500 of them, and a look at all cells after each 25.
func TestResizeStorm(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 80, 24)
	tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "frames", drawn)
	// Frozen and expanded, nothing between the first two lines and the last moves by itself.
	tm.keys("f", "e")
	tm.wait(startup, "FROZEN", contains("FROZEN at"))
	// Half of a draw can be seen. That which takes a prompt from the last line is later than
	// all that was asked for before, and draws that line last.
	settled := func(fits func(string) bool, keys ...string) (body []string) {
		t.Helper()
		tm.keys(append(keys, ":")...)
		tm.wait(startup, "a prompt", func(s string) bool { return strings.HasPrefix(lines(s)[len(lines(s))-1], ":") })
		tm.keys("Escape")
		return lines(tm.wait(startup, "no prompt", fits))[2 : tm.rows-1]
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for round := range 20 {
		for range 25 {
			cols, rows := 60+rng.IntN(120), 16+rng.IntN(40)
			if out, err := tm.command("resize-window", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows)).CombinedOutput(); err != nil {
				t.Fatalf("resize-window: %v\n%s", err, out)
			}
			tm.cols, tm.rows = cols, rows
		}
		fits := func(screen string) bool {
			l := lines(screen)
			return len(l) == tm.rows && strings.HasSuffix(l[0], "Z") && len([]rune(l[0])) == tm.cols && strings.Contains(l[tm.rows-1], "? help")
		}
		tm.wait(startup, "the whole screen", fits)
		before := settled(fits)
		if after := settled(fits, "C-l"); !slices.Equal(before, after) {
			t.Fatalf("round %d: there was\n%s\nand a full draw gives\n%s", round, strings.Join(before, "\n"), strings.Join(after, "\n"))
		}
	}
}
