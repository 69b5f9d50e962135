package e2e

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// TestLookBackBeforeJoining: who connects to a server that has run for a while sees what was
// before, up to where the server's memory ends.
func TestLookBackBeforeJoining(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t))
	held := regexp.MustCompile(`(?m)^argos_history_frames (\d+)$`)
	eventually(t, startup, "10 s of history", func() error {
		client := http.Client{Timeout: 10 * time.Second}
		answer, err := client.Get("http://" + addr + "/metrics")
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
		m := held.FindSubmatch(body)
		if m == nil {
			return errors.New("no argos_history_frames in /metrics")
		}
		if n, _ := strconv.Atoi(string(m[1])); n < 200 {
			return fmt.Errorf("%d frames", n)
		}
		return nil
	})
	tm := newTerminal(t, 100, 30)
	tm.run("--connect", "ws://"+addr)
	tm.wait(startup, "LIVE", live)
	joined := time.Now().UTC()
	tm.keys("Tab")
	back := regexp.MustCompile(`(\d\d:\d\d:\d\d) \(\d+ \w+ back\)`)
	tm.wait(startup, "a row from before it came, and then no more", func(screen string) bool {
		tm.keys("PgDn")
		m := back.FindStringSubmatch(screen)
		if m == nil || !contains("no more: the server holds")(screen) {
			return false
		}
		row, err := time.Parse(time.TimeOnly, m[1])
		const day = 24 * time.Hour
		before := (joined.Sub(joined.Truncate(day)) - row.Sub(row.Truncate(day)) + day) % day
		return err == nil && before > 5*time.Second && before < day/2
	})
	tm.keys("l")
	tm.wait(startup, "what is now", func(screen string) bool { return live(screen) && !back.MatchString(screen) })
}
