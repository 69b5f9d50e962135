package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestOperator: what a service manager and a scraper see of a real server, and its log.
func TestOperator(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	p := serve(t, addr, "--device", lightRadio(t), "--log-json", "--log-level", "info")
	get := func(path string) (int, string) {
		client := http.Client{Timeout: startup}
		answer, err := client.Get("http://" + addr + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	eventually(t, startup, "readiness", func() error {
		if code, body := get("/readyz"); code != http.StatusOK {
			return fmt.Errorf("%d %q", code, body)
		}
		return nil
	})
	serves(t, addr)
	eventually(t, startup, "count of a viewer that left", func() error {
		_, body := get("/metrics")
		// Who is killed with frames unread resets the connection, or else closes it.
		if strings.Count(body, `,code="none"} 1`) != 1 {
			return errors.New("no disconnect without a code in /metrics")
		}
		for _, want := range []string{
			`argos_capture_state{state="capturing"} 1`, `argos_viewer_joins_total{outcome="fresh"} 1`,
			`argos_viewers{role="operator",state="live"} 0`, "process_resident_memory_bytes ",
		} {
			if !strings.Contains(body, "\n"+want) {
				return fmt.Errorf("no %s in /metrics", want)
			}
		}
		return nil
	})
	eventually(t, startup, "word that it left", func() error {
		if log := p.errs.String(); !strings.Contains(log, `"viewer left"`) {
			return errors.New(log)
		}
		return nil
	})
	p.kill()
	if p.out.String() != "" {
		t.Errorf("on standard output: %q", p.out.String())
	}
	lines := strings.Split(strings.TrimSpace(p.errs.String()), "\n")
	for _, line := range lines {
		var entry struct{ Time, Level, Msg string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil || entry.Time == "" || entry.Level == "" || entry.Msg == "" {
			t.Errorf("logged %q: %v", line, err)
		}
	}
	if len(lines) < 3 {
		t.Errorf("logged %q, want the server, the viewer that came, and that it left", lines)
	}
}

// TestQuietLog: what is no error is not logged where nothing else is wanted.
func TestQuietLog(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	p := serve(t, addr, "--device", lightRadio(t), "--log-level", "error")
	serves(t, addr)
	p.kill()
	if p.errs.String() != "" {
		t.Errorf("logged %q", p.errs.String())
	}
}

// TestLimits: what --limit says is what the server keeps to.
func TestLimits(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t), "--limit", "sessions=2", "--limit", "messages=100,sessions=1")
	first := ndjson(t, "--connect", "ws://"+addr)
	for first.lines.Scan() && !strings.Contains(first.lines.Text(), `"kind":"spectrum"`) {
	}
	_, said, code := output(t, startup, "--json", "--connect", "ws://"+addr)
	if code != 1 || !strings.Contains(said, "429 Too Many Requests") {
		t.Errorf("a second session: exit %d, %q", code, said)
	}
	_ = first.Process.Kill() // fails if it has ended
	_ = first.Wait()         // killed
}
