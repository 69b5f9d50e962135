package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestEscapesInNames: a device whose name is made of escape sequences is shown as text on a
// real terminal, which gets none of them, and so is it in lines of JSON and in the log.
func TestEscapesInNames(t *testing.T) {
	t.Parallel()
	rec := writeRecording(t, "ci8", 200e3, 433.92e6, scene(200_000))
	evil := filepath.Join(filepath.Dir(rec.meta), strings.NewReplacer("/", "", "\r", "").Replace(hostile)+"宽宽.cs8")
	if err := os.Rename(strings.TrimSuffix(rec.meta, "meta")+"data", evil); err != nil {
		t.Fatal(err)
	}
	addr := freeAddr(t)
	server := serve(t, addr, "--device", "replay:"+evil, "--rate", "200k", "--freq", "433.92M")

	term := newTerminal(t, 120, 40)
	raw := filepath.Join(term.dir, "raw")
	if out, err := term.command("pipe-pane", "-o", "cat >"+raw).CombinedOutput(); err != nil {
		t.Fatalf("pipe-pane: %v\n%s", err, out)
	}
	term.run("--connect", "ws://"+addr)
	screen := term.wait(startup, "the name of the device", contains("PWNED"))
	if control(screen) {
		t.Errorf("the screen has %q", screen)
	}
	title, err := term.command("display-message", "-p", "#{pane_title}").CombinedOutput()
	if err != nil || strings.Contains(string(title), "PWNED") {
		t.Errorf("%v: the title is %q", err, title)
	}
	term.keys("q")
	term.exit(startup)
	// What the terminal got has sequences of the program's own, and none of the name's.
	got, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, sequence := range []string{"\x1b]0;PWNED", "\x1b[6n", "\u009b", "\u202e", "\x7f", "\x07PWNED"} {
		if strings.Contains(string(got), sequence) {
			t.Errorf("the terminal got %q", sequence)
		}
	}

	lines := ndjson(t, "--connect", "ws://"+addr)
	for lines.lines.Scan() && !strings.Contains(lines.lines.Text(), `"kind":"spectrum"`) {
		if text := lines.lines.Text(); control(text) || strings.Contains(text, `\u001b`) || !utf8.ValidString(text) {
			t.Errorf("a line of JSON is %q", text)
		}
	}
	_ = lines.Process.Kill() // fails if it has ended
	_ = lines.Wait()         // killed

	// Nor does who cannot open it get more than text.
	for _, path := range []string{evil + "x", evil} {
		_, said, code := output(t, startup, "--once", "--json", "--device", "replay:"+path, "--rate", "1k", "--freq", "9000G")
		if code == 0 || !strings.Contains(said, "PWNED") && path != evil || control(strings.ReplaceAll(said, "\ufffd", "")) {
			t.Errorf("exit %d: %q", code, said)
		}
	}
	for line := range strings.Lines(server.errs.String()) {
		if control(line) {
			t.Errorf("the log has %q", line)
		}
	}
}
