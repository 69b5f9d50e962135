package e2e

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/WALK.md anew")

// A stroll is a step of the walk: what is said, what is typed, and what the screen shows then.
type stroll struct {
	says  string
	keys  []string // a command where it begins with a colon
	shows func(string) bool
}

// TestWalk goes through README on a terminal of 80 by 24, as somebody new does. With -update
// it leaves the screens, written by the program itself, in docs/WALK.md.
func TestWalk(t *testing.T) {
	t.Parallel()
	tm := newTerminal(t, 80, 24)
	tm.keys("cd "+quote(tm.dir), "Enter") // dumps by short names
	var doc strings.Builder
	doc.WriteString("# A walk of five minutes\n\nThrough the README on a terminal of 80 by 24 without a radio. `TestWalk` plays it; the program wrote the screens itself (`:dump`), and\n" +
		"`go test ./e2e -run TestWalk -update` has it write them again.\n")
	dumped := 0
	dump := func() string {
		t.Helper()
		dumped++
		name := fmt.Sprintf("%02d.txt", dumped)
		tm.keys("-l", ":dump "+name)
		tm.keys("Enter")
		var text []byte
		eventually(t, startup, "a dump", func() (err error) {
			text, err = os.ReadFile(filepath.Join(tm.dir, name))
			if err == nil && bytes.Count(text, []byte("\n")) < 24 {
				err = fmt.Errorf("%d bytes of it", len(text))
			}
			return err
		})
		return string(text)
	}
	show := func(steps []stroll) {
		t.Helper()
		for _, s := range steps {
			for _, k := range s.keys {
				if strings.HasPrefix(k, ":") {
					tm.keys("-l", k)
					tm.keys("Enter")
				} else {
					tm.keys(k)
				}
			}
			tm.wait(startup, s.says, s.shows)
			// It is a later moment, in which a busy machine may show something else.
			for try := 1; ; try++ {
				text := dump()
				if s.shows(text) {
					fmt.Fprintf(&doc, "\n%s\n\n```\n%s\n```\n", s.says, strings.TrimRight(text, "\n "))
					break
				}
				if try == 5 {
					t.Errorf("%s: the dump differs from the screen:\n%s", s.says, text)
					break
				}
				tm.wait(startup, s.says, s.shows)
			}
		}
	}

	addr := freeAddr(t)
	tm.run("--listen", addr)
	show([]stroll{
		{"`argos-tui` alone, on a machine without a HackRF: a synthetic scene, and every line says so.", nil, func(s string) bool { return drawn(s) && strings.Contains(s, "SIMULATED") }},
		{"`n` puts the marker on the next peak below.", []string{"n"}, matches(`mark +9[78]\.\d+ MHz`)},
		{"`h` holds the greatest of each column: bursts stay.", []string{"h"}, contains("hold")},
		{"`:span 0` is zero span: level against time at the centre, where the bursts have a length.", []string{"h", "m", "m", ":freq 98.34M", ":span 0", ":sweep-time 400ms"}, contains("sweep 400 ms")},
		{"`:span 2M` leaves it. Tab, Tab, `e`: the link alone, and where the delay is.", []string{":span 2M", ":freq 98.1M", "Tab", "Tab", "e"}, matches(`98\.100M  span 2\.000M(?s:.*)delay `)},
	})
	tm.keys("Escape") // not together with what follows, which would be Alt
	tm.wait(startup, "all panes", contains("events"))
	tm.keys("q")
	if screen, code := tm.exit(startup); code != 0 {
		t.Fatalf("q ends it with %d:\n%s", code, screen)
	}

	server := serve(t, addr, "--device", lightRadio(t))
	tm.run("--connect", "ws://"+addr)
	tm.wait(startup, "frames", drawn)
	time.Sleep(time.Second) // of a past to keep
	server.kill()
	show([]stroll{{"On one terminal `argos-tui --serve`, on another `argos-tui --connect`. The server is killed: the screen says since when, and when it tries again.", nil, contains("RECONNECTING")}})
	serve(t, addr, "--device", lightRadio(t))
	show([]stroll{{"It is back, and so are we. What happened meanwhile nobody knows, and the waterfall says that, too.", nil, func(s string) bool { return up(s) && strings.Contains(s, "restart") }}})
	tm.keys("q")
	if screen, code := tm.exit(startup); code != 0 {
		t.Fatalf("q ends it with %d:\n%s", code, screen)
	}
	if *update {
		if err := os.WriteFile("../docs/WALK.md", []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
