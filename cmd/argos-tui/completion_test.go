package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"argos/spectrum"
)

func TestCompletedValues(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "air.sigmf-meta"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, tc := range []struct {
		line string
		want []string
	}{
		{"--window ", spectrum.WindowNames()},
		{"--amp ", []string{"on", "off"}},
		{"--rbw=", []string{"auto"}},
		{"--detector ", []string{"mean", "max", "min"}},
		{"--log-level ", []string{"debug", "info", "warn", "error"}},
		{"token add --role ", []string{"viewer", "operator", "admin"}},
		{"--device ", []string{"synth", "replay:", "hackrf"}},
		{"--device replay:ai", []string{"replay:air.sigmf-meta"}},
		{"--freq ", nil},
		{"--prin", []string{"--print-config"}},
		{"tok", []string{"token"}},
		{"completion ", []string{"bash", "zsh", "fish"}},
	} {
		got := strings.Split(strings.TrimSpace(output(t, append([]string{"__complete"}, strings.Split(tc.line, " ")...)...)), "\n")
		got = got[:len(got)-1] // the directive
		for i := range got {
			got[i], _, _ = strings.Cut(got[i], "\t")
		}
		// Radios may be plugged in.
		got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "hackrf:") })
		if !slices.Equal(got, tc.want) {
			t.Errorf("%q completes to %q, want %q", tc.line, got, tc.want)
		}
	}
}

// TestCompletionScripts: each shell that is here takes its script for one.
func TestCompletionScripts(t *testing.T) {
	for shell, names := range map[string]string{"bash": "complete -o default -F _argos_tui argos-tui", "zsh": "compdef _argos-tui argos-tui", "fish": "complete -c argos-tui"} {
		script := output(t, "completion", shell)
		if !strings.Contains(script, names) {
			t.Errorf("the script for %s has no %q", shell, names)
		}
		if _, err := exec.LookPath(shell); err != nil {
			t.Logf("no %s here", shell)
			continue
		}
		check := exec.Command(shell, "-n")
		check.Stdin = strings.NewReader(script)
		if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s -n: %v\n%s", shell, err, out)
		}
	}
	if _, err := try("completion", "tcsh"); err == nil || err.Error() != "completions are for bash, zsh or fish" {
		t.Error(err)
	}
}
