package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A terminal is a shell in a tmux of its own, so that a test sees what a person would.
type terminal struct {
	t    *testing.T
	name string
	dir  string // of tmux's socket and of the program's home
	env  []string
	cols int
	rows int
	pids int // programs started
}

// prompt is that of every shell here.
const prompt = "ready>"

var terminals atomic.Int64

// newTerminal opens one with an idle shell in it.
func newTerminal(t *testing.T, cols, rows int, env ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Fatal("these tests need tmux: make test installs it")
	}
	// A path of a socket may have 108 bytes, which t.TempDir can use up alone.
	dir, err := os.MkdirTemp("", "argos-tmux-")
	if err != nil {
		t.Fatal(err)
	}
	tm := &terminal{t: t, name: fmt.Sprintf("t%d", terminals.Add(1)), dir: dir, cols: cols, rows: rows}
	tm.env = environment(dir, append([]string{"TMUX_TMPDIR=" + dir, "PS1=" + prompt + " "}, env...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the screen at the end:\n%s", tm.screen())
		}
		_ = tm.command("kill-server").Run() // fails if no program is left in it
		os.RemoveAll(dir)
	})
	// env -i: the shell sees what the test gives it and not what tmux sets.
	shell := []string{"env", "-i"}
	for _, e := range tm.env {
		shell = append(shell, quote(e))
	}
	shell = append(shell, "sh", "-i")
	new := tm.command("-u", "-f", "/dev/null", "new-session", "-d",
		"-x", strconv.Itoa(cols), "-y", strconv.Itoa(rows), strings.Join(shell, " "),
		";", "set-option", "-g", "status", "off")
	if out, err := new.CombinedOutput(); err != nil {
		t.Fatalf("tmux: %v\n%s", err, out)
	}
	tm.wait(startup, "a prompt", contains(prompt))
	return tm
}

func (tm *terminal) command(args ...string) *exec.Cmd {
	cmd := exec.Command("tmux", append([]string{"-L", tm.name}, args...)...)
	cmd.Env = append([]string{"TMUX="}, tm.env...)
	return cmd
}

// quote makes one word of a shell of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// screen is the text that is visible now.
func (tm *terminal) screen() string {
	out, err := tm.command("capture-pane", "-p").CombinedOutput()
	if err != nil {
		return fmt.Sprintf("(no screen: %v: %s)", err, out)
	}
	return string(out)
}

// lines are the rows of a screen.
func lines(screen string) []string { return strings.Split(strings.TrimRight(screen, "\n"), "\n") }

// keys presses keys by tmux's names for them.
func (tm *terminal) keys(keys ...string) {
	tm.t.Helper()
	if out, err := tm.command(append([]string{"send-keys"}, keys...)...).CombinedOutput(); err != nil {
		tm.t.Fatalf("send-keys %q: %v\n%s", keys, err, out)
	}
}

// run starts the program in the shell. The line EXIT=code follows when it ends.
func (tm *terminal) run(args ...string) (pid int) {
	tm.t.Helper()
	tm.pids++
	file := filepath.Join(tm.dir, fmt.Sprintf("pid%d", tm.pids))
	words := []string{"exec", quote(program)}
	for _, a := range args {
		words = append(words, quote(a))
	}
	// From a file, since a long line would wrap and stay on the screen.
	script := filepath.Join(tm.dir, fmt.Sprintf("run%d", tm.pids))
	text := fmt.Sprintf("echo $$ >%s.new && mv %s.new %s\n%s\n", file, file, file, strings.Join(words, " "))
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		tm.t.Fatal(err)
	}
	tm.keys("-l", "clear; sh "+script+"; echo EXIT=$?")
	tm.keys("Enter")
	eventually(tm.t, startup, "a running program", func() error {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err
	})
	return pid
}

// wait polls the screen until ok and returns it.
func (tm *terminal) wait(limit time.Duration, what string, ok func(screen string) bool) string {
	tm.t.Helper()
	screen, was, found := tm.poll(limit, ok)
	if !found {
		tm.t.Fatalf("no %s on the screen within %v:\n%s\nand before:\n%s", what, limit, screen, strings.Join(was, "\n"))
	}
	return screen
}

// poll is wait without a judgement: was is what it saw on the way, a few seconds apart.
func (tm *terminal) poll(limit time.Duration, ok func(screen string) bool) (screen string, was []string, found bool) {
	const apart, kept = 3 * time.Second, 3
	began := time.Now()
	next := began
	for {
		asked := time.Now()
		screen = tm.screen()
		if ok(screen) {
			return screen, was, true
		}
		if asked.Sub(began) > limit {
			return screen, was, false
		}
		if !asked.Before(next) {
			next = asked.Add(apart)
			was = append(was[max(0, len(was)-kept+1):], screen)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// agree is wait for what takes words to say: the last objection is told.
func (tm *terminal) agree(limit time.Duration, what string, objection func(screen string) error) string {
	tm.t.Helper()
	var last error
	screen, _, found := tm.poll(limit, func(s string) bool {
		last = objection(s)
		return last == nil
	})
	if !found {
		tm.t.Fatalf("no %s on the screen within %v: %v\n%s", what, limit, last, screen)
	}
	return screen
}

func contains(s string) func(string) bool {
	return func(screen string) bool { return strings.Contains(screen, s) }
}

func matches(expr string) func(string) bool {
	return regexp.MustCompile(expr).MatchString
}

// exit waits for the program to end and the shell to listen again, and returns the screen
// and the exit code.
func (tm *terminal) exit(limit time.Duration) (screen string, code int) {
	tm.t.Helper()
	screen = tm.wait(limit, "exit code", exited.MatchString)
	code, err := strconv.Atoi(exited.FindStringSubmatch(screen)[1])
	if err != nil {
		tm.t.Fatal(err)
	}
	return screen, code
}

var exited = regexp.MustCompile(`(?m)^EXIT=(\d+)\n(?s:.*)` + prompt)

// shellWorks fails the test if the terminal is not as a shell wants it.
func (tm *terminal) shellWorks() {
	tm.t.Helper()
	tm.keys("-l", "clear; stty -a")
	tm.keys("Enter")
	screen := tm.wait(startup, "stty's answer", matches(`icanon(?s:.*)`+prompt))
	for _, mode := range []string{" echo ", " icanon ", " isig ", " opost ", " icrnl "} {
		if !strings.Contains(" "+strings.ReplaceAll(screen, "\n", " ")+" ", mode) {
			tm.t.Errorf("stty lacks%s:\n%s", mode, screen)
		}
	}
	// What a program switches on and has to switch off: tmux knows.
	const format = "alternate=#{alternate_on} cursor=#{cursor_flag} mouse=#{mouse_any_flag} keypad=#{keypad_flag} keys=#{keypad_cursor_flag}"
	out, err := tm.command("display-message", "-p", format).Output()
	if err != nil {
		tm.t.Fatal(err)
	}
	const want = "alternate=0 cursor=1 mouse=0 keypad=0 keys=0"
	if got := strings.TrimSpace(string(out)); got != want {
		tm.t.Errorf("the terminal is left with %s, want %s", got, want)
	}
}

// signal sends a signal to a program that this terminal runs.
func (tm *terminal) signal(pid int, s syscall.Signal) {
	tm.t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		tm.t.Fatalf("signal %v: %v", s, err)
	}
}

// output runs the program without a terminal to its end.
func output(t *testing.T, limit time.Duration, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := command(ctx, t, args...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("argos-tui %s did not end within %v\nstdout: %s\nstderr: %s", strings.Join(args, " "), limit, out.String(), errs.String())
	}
	return out.String(), errs.String(), exitCode(t, err)
}
