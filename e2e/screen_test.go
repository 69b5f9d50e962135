package e2e

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// peak is the marker's reading of the trace that leads.
var peak = regexp.MustCompile(`\bpeak +(\d+(?:\.\d+)?) MHz`)

// readout is the marker's reading while max hold is on.
var readout = regexp.MustCompile(`\bhold +(\d+(?:\.\d+)?) MHz +(-?\d+(?:\.\d+)?) dBFS`)

// TestStrongestSignal: local mode draws a recording's strongest signal where it is. Max
// hold gathers one loop at least; where the signal is, a transform of somebody else says.
func TestStrongestSignal(t *testing.T) {
	t.Parallel()
	const n = 4096
	forEachRecording(t, func(t *testing.T, rec recording) {
		ref := newReference(rec, n)
		wantHz, wantDB := ref.hz(ref.strongestBin), ref.maxDB[ref.strongestBin]
		for _, size := range []struct{ cols, rows int }{{120, 40}, {80, 24}} {
			t.Run(fmt.Sprintf("%dx%d", size.cols, size.rows), func(t *testing.T) {
				t.Parallel()
				tm := newTerminal(t, size.cols, size.rows)
				tm.run("--listen", freeAddr(t), "--device", "replay:"+rec.meta, "--bins", fmt.Sprint(n))
				tm.wait(startup, "a frame, LIVE with a round trip", func(s string) bool {
					return live(s) && strings.Contains(s, "peak ")
				})
				tm.keys("h")
				tm.wait(startup, "max hold", readout.MatchString)
				loop := time.Duration(rec.seconds() * float64(time.Second))
				held := time.Now().Add(loop + 200*time.Millisecond)
				tolerance := math.Max(2*ref.binHz, 1e3) // a display of kHz rounds
				screen := tm.agree(3*loop+startup, fmt.Sprintf("signal at %.6f MHz, %.1f dBFS", wantHz/1e6, wantDB), func(s string) error {
					m := readout.FindStringSubmatch(s)
					if m == nil || time.Now().Before(held) {
						return errors.New("max hold is not read yet")
					}
					mhz, err1 := strconv.ParseFloat(m[1], 64)
					db, err2 := strconv.ParseFloat(m[2], 64)
					if err1 != nil || err2 != nil || math.Abs(mhz*1e6-wantHz) > tolerance || math.Abs(db-wantDB) > 1.5 {
						return fmt.Errorf("it is at %s MHz, %s dBFS", m[1], m[2])
					}
					// The pointer over the trace, not only the number beside it.
					col, first, width := pointer(s)
					want := int((wantHz - (rec.centerHz - rec.rateHz/2 - ref.binHz/2)) / rec.rateHz * float64(width))
					if got := col - first; col < 0 || got < want-1 || got > want+1 {
						return fmt.Errorf("the pointer stands in column %d of %d, want %d", got, width, want)
					}
					return nil
				})
				tm.wait(startup, "LIVE with a round trip", live)
				if strings.Contains(screen, "SIMULATED") {
					t.Errorf("a recording is called simulated:\n%s", screen)
				}
			})
		}
	})
}

// pointer finds the marker's pointer over the trace, -1 if there is none, and the first
// column and the width of the plot that it stands in: from the level axis to the rule before
// the link pane.
func pointer(screen string) (col, first, width int) {
	col = -1
	for _, line := range lines(screen) {
		cells := []rune(line)
		if at := index(cells, '▼', 0); at >= 0 && col < 0 {
			col = at
		}
		// In some rows a mark of the focus stands in place of the rule.
		axis := index(cells, '│', 0)
		if rule := index(cells, '│', axis+1); axis >= 0 && rule > axis && width == 0 {
			first, width = axis+1, rule-axis-1
		}
	}
	return col, first, width
}

func index(cells []rune, r rune, from int) int {
	for i := from; i < len(cells); i++ {
		if cells[i] == r {
			return i
		}
	}
	return -1
}

// TestTerminalRestored: whichever way the program ends, the shell gets its terminal back, and
// who did not end it is told what did.
func TestTerminalRestored(t *testing.T) {
	t.Parallel()
	signal := func(s syscall.Signal) func(*terminal, int) {
		return func(tm *terminal, pid int) { tm.signal(pid, s) }
	}
	for name, c := range map[string]struct {
		end   func(tm *terminal, pid int)
		code  int
		cause string
	}{
		"q":       {end: func(tm *terminal, _ int) { tm.keys("q") }},
		"ctrl-c":  {end: func(tm *terminal, _ int) { tm.keys("C-c") }},
		"SIGTERM": {signal(syscall.SIGTERM), 1, "argos-tui: ended: terminated signal received"},
		"SIGHUP":  {signal(syscall.SIGHUP), 1, "argos-tui: ended: hangup signal received"},
		"SIGINT":  {signal(syscall.SIGINT), 1, "argos-tui: ended: interrupt signal received"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tm := newTerminal(t, 80, 24)
			pid := tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
			tm.wait(startup, "frames", up)
			c.end(tm, pid)
			screen, code := tm.exit(slack)
			// What was on the screen before is back, and nothing of the program's.
			if strings.Contains(screen, "LIVE") || strings.Contains(screen, "│") {
				t.Errorf("the program's screen is still there:\n%s", screen)
			}
			if strings.Contains(screen, "goroutine") {
				t.Errorf("a stack trace:\n%s", screen)
			}
			if code != c.code || !strings.Contains(screen, c.cause) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, c.code, c.cause, screen)
			}
			tm.shellWorks()
		})
	}
}

// TestTerminalGone: a closed window ends the program, and whoever reads its standard error
// elsewhere is told.
func TestTerminalGone(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(program, "--listen", freeAddr(t), "--device", lightRadio(t))
	cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_STATE_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	var errs strings.Builder
	cmd.Stderr = &errs
	end, err := pty.StartWithSize(cmd, &pty.Winsize{Cols: 80, Rows: 24})
	if err != nil {
		t.Fatal(err)
	}
	hangs := time.AfterFunc(startup, func() { _ = cmd.Process.Kill() })
	defer hangs.Stop()
	for seen := ""; !strings.Contains(seen, "LIVE") && !strings.Contains(seen, "DEGRADED"); {
		var buf [4096]byte
		n, err := end.Read(buf[:])
		if err != nil {
			t.Fatalf("%v\n%s%s", err, seen, errs.String())
		}
		seen += string(buf[:n])
	}
	if err := end.Close(); err != nil {
		t.Error(err)
	}
	hangs.Reset(slack)
	_ = cmd.Wait() // how it ended stands in ProcessState
	if code, said := cmd.ProcessState.ExitCode(), errs.String(); code != 1 || !strings.HasPrefix(said, "argos-tui: ") || strings.Count(said, "\n") != 1 {
		t.Errorf("exit %d, want 1 and a line:\n%s", code, said)
	}
}

// TestWindowClosed: the same in a terminal that is gone with all that it had.
func TestWindowClosed(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 80, 24)
	pid := tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "frames", up)
	if out, err := tm.command("kill-server").CombinedOutput(); err != nil {
		t.Fatalf("kill-server: %v\n%s", err, out)
	}
	eventually(t, slack, "end of the program", func() error {
		if err := syscall.Kill(pid, 0); err == nil && !zombie(pid) {
			return fmt.Errorf("process %d lives", pid)
		}
		return nil
	})
}

// zombie says that a process has ended and nobody has asked how.
func zombie(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(b), ") Z ")
}

// TestTerminals: it starts on every terminal that it promises to, in what that can show.
func TestTerminals(t *testing.T) {
	t.Parallel()
	ascii := func(r rune) bool { return r < 0x80 }
	for _, tc := range []struct {
		name  string
		env   []string
		draws func(rune) bool // whether the terminal has this character
		plain bool            // no colour
	}{
		{name: "xterm", env: []string{"TERM=xterm-256color", "COLORTERM="}},
		{name: "tmux", env: []string{"TERM=tmux-256color"}},
		{name: "console", env: []string{"TERM=linux", "COLORTERM="}, draws: func(r rune) bool {
			// Its font has code page 437: lines, blocks and shades, but no braille.
			return r < 0x2500 || r >= 0x2500 && r <= 0x2593
		}},
		{name: "LANG=C", env: []string{"TERM=xterm-256color", "COLORTERM=", "LC_ALL=C", "LANG=C"}, draws: ascii},
		{name: "NO_COLOR", env: []string{"NO_COLOR=1"}, plain: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tm := newTerminal(t, 80, 24, tc.env...)
			tm.run("--listen", freeAddr(t), "--device", "synth")
			screen := tm.wait(startup, "a picture with a round trip", drawn)
			for _, r := range screen {
				if r == '\uFFFD' || r < ' ' && r != '\n' || tc.draws != nil && !tc.draws(r) {
					t.Errorf("%q is no character for this terminal:\n%s", r, screen)
					break
				}
			}
			all := lines(screen)
			if !strings.Contains(all[0], "SIMULATED") {
				t.Errorf("the first line does not say SIMULATED: %q", all[0])
			}
			// Sequences that the terminal does not know end up as text.
			if m := regexp.MustCompile(`\[\??[0-9;]+[a-zA-Z]|\]P?[0-9]|\+q[0-9a-f]{4}`).FindString(screen); m != "" {
				t.Errorf("%q looks like a part of a control sequence:\n%s", m, screen)
			}
			if tc.plain {
				out, err := tm.command("capture-pane", "-p", "-e").Output()
				if err != nil {
					t.Fatal(err)
				}
				// Bold and reverse are allowed, 30-49 and 90-107 are colours.
				for _, m := range sgr.FindAllStringSubmatch(string(out), -1) {
					for _, p := range strings.Split(m[1], ";") {
						v, _ := strconv.Atoi(p) // no parameter is 0
						if v >= 30 && v <= 49 && v != 39 && v != 49 || v >= 90 && v <= 107 {
							t.Fatalf("colour %q with NO_COLOR set", m[0])
						}
					}
				}
			}
			tm.keys("q")
			if _, code := tm.exit(slack); code != 0 {
				t.Errorf("q: exit %d", code)
			}
			tm.shellWorks()
		})
	}
}

var sgr = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// TestSizes: there is a layout for 60×16, and below it the size that is needed; a
// terminal may change its size while the program runs.
func TestSizes(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 60, 16)
	tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "frames", matches(`LIVE|DEGRADED`))
	resize := func(cols, rows int) {
		t.Helper()
		if out, err := tm.command("resize-window", "-x", fmt.Sprint(cols), "-y", fmt.Sprint(rows)).CombinedOutput(); err != nil {
			t.Fatalf("resize-window: %v\n%s", err, out)
		}
	}
	resize(40, 10)
	tm.wait(startup, "the size needed", contains("60x16"))
	resize(160, 45)
	tm.wait(startup, "the whole screen", up)
	resize(80, 24)
	tm.wait(startup, "the whole screen", func(s string) bool {
		l := lines(s)
		return up(s) && len(l) <= 24 && strings.HasSuffix(l[0], "Z") && len([]rune(l[0])) == 80
	})
}

// A hose carries what the program writes to a pseudo-terminal into a real screen, and
// can be shut: then nobody reads the terminal.
type hose struct {
	*exec.Cmd
	ended chan struct{} // closed once the program has ended
	valve sync.Mutex    // held while shut
	end   *os.File      // our end of the pseudo-terminal
}

// newHose starts the program on a terminal that can stop being read.
func newHose(t *testing.T, tm *terminal, args ...string) *hose {
	t.Helper()
	fifo := filepath.Join(tm.dir, "hose")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	tm.keys("-l", "clear; stty raw -echo; cat "+fifo)
	tm.keys("Enter")
	screen, err := os.OpenFile(fifo, os.O_RDWR, 0) // for writing alone it would wait for cat
	if err != nil {
		t.Fatal(err)
	}
	h := &hose{Cmd: exec.Command(program, args...), ended: make(chan struct{})}
	h.Env = tm.env
	if h.end, err = pty.StartWithSize(h.Cmd, &pty.Winsize{Cols: uint16(tm.cols), Rows: uint16(tm.rows)}); err != nil {
		t.Fatal(err)
	}
	carried := make(chan struct{})
	go func() {
		defer close(carried)
		buf := make([]byte, 4096)
		for {
			n, err := h.end.Read(buf)
			if err != nil {
				return
			}
			h.valve.Lock()
			_, err = screen.Write(buf[:n])
			h.valve.Unlock()
			if err != nil {
				return
			}
		}
	}()
	go func() {
		defer close(h.ended)
		_ = h.Wait() // how it ended stands in ProcessState
	}()
	t.Cleanup(func() {
		_ = h.Process.Kill() // fails if it has ended
		<-h.ended
		h.end.Close()
		screen.Close()
		<-carried
	})
	return h
}

// shut stops reading and waits until the terminal takes no more.
func (h *hose) shut(t *testing.T) {
	t.Helper()
	h.valve.Lock()
	raw, err := h.end.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	waiting, since := -1, time.Now()
	eventually(t, startup, "full terminal", func() error {
		var n int
		var ioctl error
		if err := raw.Control(func(fd uintptr) { n, ioctl = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }); err != nil {
			return err
		}
		if n != waiting {
			waiting, since = n, time.Now()
		}
		if n == 0 || time.Since(since) < 500*time.Millisecond {
			return fmt.Errorf("%d bytes wait to be read (%w)", n, errors.Join(ioctl, errMoving))
		}
		return nil
	})
}

var errMoving = errors.New("and the number moves")

// age is the first line's word for how old the picture is, in seconds.
var age = regexp.MustCompile(`(\d+(?:\.\d+)?) ?(ms|s|m|h) old`)

func secondsOld(screen string) float64 {
	m := age.FindStringSubmatch(screen)
	if m == nil {
		return math.Inf(1)
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return math.Inf(1)
	}
	return v * map[string]float64{"ms": 1e-3, "s": 1, "m": 60, "h": 3600}[m[2]]
}

// clockIs reports whether the first line's clock shows this second.
func clockIs(screen string, at time.Time) bool {
	return strings.HasSuffix(lines(screen)[0], at.Format("15:04:05Z"))
}

// TestTerminalStalls: a terminal that nobody reads for 10 s costs no link, and the newest
// is on it within a second once it is read again.
func TestTerminalStalls(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t))
	tm := newTerminal(t, 80, 24)
	h := newHose(t, tm, "--connect", "ws://"+addr)
	tm.wait(startup, "LIVE with a round trip", live)

	// A machine that pauses just then spoils an episode, but not each.
	for episode := 1; ; episode++ {
		h.shut(t)
		time.Sleep(10 * time.Second) // the length of the stall is what is tested
		stalled := tm.screen()
		resumed := time.Now().UTC()
		if clockIs(stalled, resumed) {
			t.Errorf("nobody read the terminal, and still the screen goes on:\n%s", stalled)
		}
		h.valve.Unlock()
		screen, _, newest := tm.poll(time.Second, func(s string) bool {
			return (clockIs(s, resumed) || clockIs(s, resumed.Add(time.Second))) && secondsOld(s) < 1
		})
		if newest {
			break
		}
		if episode == 3 {
			t.Fatalf("not the newest within a second after a stall:\n%s", screen)
		}
	}
	// Soon the counters tell what happened: frames merged, no frame and no link lost.
	screen := tm.wait(startup, "LIVE after the stall", live)
	for _, want := range []string{`merged +[1-9]`, `gaps +0\b`, `outages +0\b`} {
		if !matches(want)(screen) {
			t.Errorf("the link pane does not say %q:\n%s", want, screen)
		}
	}
}

// TestStalledTerminalEnds: SIGTERM ends the program even if nobody reads its terminal.
func TestStalledTerminalEnds(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 80, 24)
	h := newHose(t, tm, "--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "frames", up)
	h.shut(t)
	defer h.valve.Unlock()
	if err := h.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.ended:
	case <-time.After(slack):
		t.Errorf("still there %v after SIGTERM", slack)
	}
}
