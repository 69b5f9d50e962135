package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"argos/views"
)

var update = flag.Bool("update", false, "rewrite the manual page")

// TestManual holds docs/argos-tui.1 to what the program says of itself.
func TestManual(t *testing.T) {
	const path = "../../docs/argos-tui.1"
	page := output(t, "man")
	if *update {
		if err := os.WriteFile(path, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil || string(kept) != page {
		t.Errorf("%s is not what argos-tui man writes (%v): run make generate", path, err)
	}
	for _, k := range append(views.Keys(), views.Commands()...) {
		if !strings.Contains(page, roff(k.Keys)+"\n"+roff(k.Help)+"\n") {
			t.Errorf("the manual has no %s", k.Keys)
		}
	}
}

// TestManualRenders: the formatter has nothing to complain of, and nothing that looks like
// a request gets lost.
func TestManualRenders(t *testing.T) {
	if _, err := exec.LookPath("groff"); err != nil {
		t.Fatal("this test needs groff: make test installs it")
	}
	render := exec.Command("groff", "-man", "-Tascii", "-ww", "-rLL=200n", "-P-cbou")
	render.Stdin = strings.NewReader(output(t, "man"))
	var out, errs bytes.Buffer
	render.Stdout, render.Stderr = &out, &errs
	if err := render.Run(); err != nil || errs.String() != "" {
		t.Fatalf("groff: %v\n%s", err, errs.String())
	}
	text := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"--connect URL", "token revoke NAME|ID", "Left Right", ":ref DB|auto", "{ }", "EXIT STATUS", "$XDG_CONFIG_HOME/argos/config.toml"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
