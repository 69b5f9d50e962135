package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestBashCompletes: with what the program writes for it, bash completes commands, flags,
// values and recordings.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 100, 24)
	if err := os.WriteFile(filepath.Join(tm.dir, "air.sigmf-meta"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tm.keys("-l", "cd "+tm.dir+"; exec bash --norc --noprofile -i")
	tm.keys("Enter")
	tm.keys("-l", `clear; eval "$(argos-tui completion bash)"; echo LOADED`)
	tm.keys("Enter")
	tm.wait(startup, "completions", matches(`(?m)^LOADED`))
	for _, c := range []struct{ typed, want string }{
		{"argos-tui --wind", "argos-tui --window "},
		{"argos-tui --window fl", "argos-tui --window flattop "},
		{"argos-tui --window=bl", "argos-tui --window=blackman-harris "},
		{"argos-tui --device sy", "argos-tui --device synth"},
		{"argos-tui --device replay:ai", "argos-tui --device replay:air.sigmf-meta"},
		{"argos-tui --config ai", "argos-tui --config air.sigmf-meta "},
		{"argos-tui tok", "argos-tui token "},
		{"argos-tui token re", "argos-tui token revoke "},
		{"argos-tui --bias o", "argos-tui --bias o"}, // on or off
	} {
		tm.keys("-l", "clear")
		tm.keys("Enter")
		tm.keys("-l", c.typed)
		tm.keys("Tab")
		tm.keys("-l", "!") // shows where the cursor came to stand
		tm.wait(startup, c.want+"!", contains(c.want+"!"))
		tm.keys("C-u")
	}
}

// TestDoctorOnTerminal: it draws its card, and the terminal answers how fast it is.
func TestDoctorOnTerminal(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 120, 40)
	var screen string
	// It asks the terminal for a few seconds only; one that pauses just then gives no speed.
	for range 3 {
		tm.run("doctor")
		if screen, _ = tm.exit(startup); !strings.Contains(screen, "not measured") {
			break
		}
	}
	for _, want := range []string{
		`(?m)^ok    TERM     tmux-256color`, `(?m)^ok    colours  24-bit`, `(?m)^ok    locale   LC_ALL=C.UTF-8: braille`,
		`(?m)^(ok  |note)  speed    +\d+(\.\d+)? +[kMG]?B/s, answers after \d+`,
		`(?m)^      braille  \|⠁⠃⠇⡇⣇⣧⣷⣿`, `(?m)^      24-bit   \| {24}\|$`,
	} {
		if !regexp.MustCompile(want).MatchString(screen) {
			t.Errorf("no %s:\n%s", want, screen)
		}
	}
	tm.shellWorks()
}

// TestPlainOnDumbTerminal: where no screen can be drawn, sentences can be read, and an
// interrupt ends them.
func TestPlainOnDumbTerminal(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 160, 24, "TERM=dumb")
	pid := tm.run("--plain", "--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "a sentence", matches(`(?m)^[A-Z]+.* old\. 433\.920 MHz span 200 kHz, RBW [0-9.]+ k?Hz\. Strongest 43\d\.\d+ MHz`))
	tm.signal(pid, syscall.SIGINT)
	if _, code := tm.exit(startup); code != 0 {
		t.Errorf("exit %d, want 0", code)
	}
}

// TestDumpAndMemory: a dump is what tmux sees, and the next start finds what was typed.
func TestDumpAndMemory(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 100, 30)
	dir := t.TempDir()
	path := filepath.Join(dir, "seen")
	tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "a frame", drawn)
	tm.keys("f")
	tm.wait(startup, "a frozen screen", contains("FROZEN at"))
	tm.keys("-l", ":dump "+path)
	tm.keys("Enter")
	tm.wait(startup, "a dump", contains("the screen is in "))
	text, err := os.ReadFile(path + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	// Frozen, the plot stands still; numbers beside it go on.
	shown := lines(tm.screen())
	for i, line := range lines(string(text)) {
		if i < 3 || i > 12 {
			continue
		}
		if plot, _, _ := strings.Cut(line[9:], "│"); !strings.Contains(shown[i], plot) {
			t.Errorf("line %d is dumped as\n%s\nand seen as\n%s", i+1, line, shown[i])
		}
	}
	tm.keys("q")
	if _, code := tm.exit(startup); code != 0 {
		t.Errorf("exit %d", code)
	}
	tm.keys("-l", "clear; cat "+path+".ans")
	tm.keys("Enter")
	tm.wait(startup, "the dump in colour", func(s string) bool { return strings.Contains(s, "FROZEN") && strings.Contains(s, "events") })
	if err := damage(filepath.Join(tm.dir, ".local/state/argos/screen.json"), path); err != nil {
		t.Fatal(err)
	}
	tm.run("--listen", freeAddr(t), "--device", lightRadio(t))
	tm.wait(startup, "a notice", contains("screen.json is damaged"))
	tm.keys("q")
	tm.exit(startup)
}

// damage breaks a file that has the word.
func damage(path, word string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), word) {
		return errors.New("it remembers nothing of " + word + ": " + string(text))
	}
	return os.WriteFile(path, text[:len(text)/2], 0o600)
}
