package views

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// addStory is what happened: some events and a gap.
func (r *rig) addStory() {
	now := time.Now()
	for _, e := range []stream.Event{
		{Time: now.Add(-64 * time.Second), Kind: "tuned", Text: "operator desk: lna 16 -> 24"},
		{Time: now.Add(-25 * time.Second), Kind: "link", Text: "link back after 3.2 s: 64 frames in 8 rows, nothing lost"},
		{Time: now.Add(-6 * time.Second), Kind: "overload", Severity: stream.Warning, Text: "overload: 0.4% of samples at the rails"},
	} {
		r.app.Event(e)
	}
	r.feed(25)
	time.Sleep(3200 * time.Millisecond)
	lost := r.scene.seq
	r.scene.seq += 64
	r.feed(10)
	r.app.Gap(lost+1, lost+64)
	r.feed(30)
}

// The looks that golden screens are drawn in.
var looks = []struct {
	name, charset string
	colors        int
}{{"24-bit", "UTF-8", 1 << 24}, {"16 colours", "UTF-8", 16}, {"mono", "UTF-8", 0}, {"ascii", "US-ASCII", 0}}

// Every layout, and every pane expanded, in every size and look. A file has a pane in a
// size: what is written, then how, each with the looks that have it in common.
func TestGoldenScreens(t *testing.T) {
	for _, size := range [][2]int{{60, 16}, {80, 24}, {120, 40}, {200, 60}} {
		texts, styles := map[string][]string{}, map[string][]string{} // by pane, of each look
		for _, l := range looks {
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, size[0], size[1], l.charset, l.colors, Options{})
				defer r.stop()
				r.addStory()
				for _, pane := range []struct {
					name string
					id   paneID
				}{
					{"layout", paneHeader},
					{"spectrum", paneSpectrum},
					{"waterfall", paneWaterfall},
					{"link", paneLink},
					{"device", paneDevice},
					{"events", paneEvents},
				} {
					name := pane.name
					r.app.tv.QueueUpdate(func() {
						d := r.app.desk
						if d.expanded = pane.id != paneHeader; d.expanded {
							d.focus = pane.id
						}
					})
					r.app.wake()
					r.settle(20 * time.Millisecond)
					texts[name] = append(texts[name], r.text())
					r.peek(func() { styles[name] = append(styles[name], r.styles()) })
				}
			})
		}
		for name := range texts {
			var b strings.Builder
			inCommon(&b, "text", texts[name])
			inCommon(&b, "styles", styles[name])
			golden(t, fmt.Sprintf("%s-%dx%d", name, size[0], size[1]), b.String())
		}
	}
}

// inCommon writes each of the versions once, under the looks that have it.
func inCommon(b *strings.Builder, what string, versions []string) {
	for i, v := range versions {
		if slices.Index(versions, v) < i {
			continue
		}
		var names []string
		for k, other := range versions {
			if other == v {
				names = append(names, looks[k].name)
			}
		}
		fmt.Fprintf(b, "== %s: %s\n%s", what, strings.Join(names, ", "), v)
	}
}

// styles is how each line is drawn, as runs: how many cells, then a letter for the style,
// or # and the levels, from 0, of the upper and the lower row of a waterfall.
func (r *rig) styles() string {
	l := r.app.desk.look
	letters := []struct {
		letter string
		style  tcell.Style
	}{
		{".", tcell.StyleDefault},
		{"a", l.accent},
		{"s", l.strong},
		{"q", l.quiet},
		{"g", l.good},
		{"w", l.warn},
		{"A", l.alarm},
		{"m", l.mean},
		{"x", l.max},
		{"h", l.hold},
		{"k", l.marker},
		{"c", l.cursor},
	}
	level := func(c tcell.Color) string {
		if i := slices.Index(l.ramp, c); i >= 0 {
			return strconv.FormatInt(int64(i), 16)
		}
		return "-"
	}
	name := func(s tcell.Style) string {
		for _, n := range letters {
			if n.style == s {
				return n.letter
			}
		}
		fg, bg, _ := s.Decompose()
		if fg == tcell.ColorDefault {
			fg = bg // both rows alike are a space
		}
		return "#" + level(fg) + level(bg)
	}
	cells, w, h := r.sim.GetContents()
	var b strings.Builder
	for y := range h {
		var runs []string
		for x := 0; x < w; {
			end := x + 1
			for end < w && cells[y*w+end].Style == cells[y*w+x].Style {
				end++
			}
			if n := name(cells[y*w+x].Style); n != "." || end < w {
				runs = append(runs, strings.TrimPrefix(strconv.Itoa(end-x), "1")+n)
			}
			x = end
		}
		b.WriteString(strings.Join(runs, " ") + "\n")
	}
	return b.String()
}

func TestLinkStates(t *testing.T) {
	states := []struct {
		state stream.LinkState
		set   func(*stream.Link, time.Time)
		want  []string
	}{
		{stream.Connecting, nil, []string{"CONNECTING"}},
		{stream.Live, nil, []string{"LIVE", "ms old"}},
		{stream.Degraded, func(l *stream.Link, _ time.Time) { l.Behind, l.Tier = 4, 512 }, []string{"DEGRADED merged x4 tier 512"}},
		{stream.Stale, nil, []string{"STALE", "STALE since 00:0", "since 00:0"}},
		{stream.Reconnecting, func(l *stream.Link, now time.Time) {
			l.Attempt, l.RetryAt, l.Reason = 3, now.Add(4200*time.Millisecond), "connection refused"
		}, []string{"RECONNECTING 3 in  4.2 s", "connection refused", "r reconnect"}},
		{stream.CatchingUp, nil, []string{"CATCHING UP"}},
		{stream.Refused, func(l *stream.Link, _ time.Time) { l.Reason = "401: this server wants a token" }, []string{"REFUSED", "401: this server wants a token", "r reconnect"}},
		{stream.Closed, nil, []string{"CLOSED"}},
	}
	for _, size := range [][2]int{{60, 16}, {80, 24}} {
		for _, s := range states {
			name := fmt.Sprintf("%s-%dx%d", strings.ReplaceAll(strings.ToLower(s.state.String()), " ", "-"), size[0], size[1])
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					r := startRig(t, size[0], size[1], "US-ASCII", 0, Options{})
					defer r.stop()
					r.feed(20)
					r.src.change(func(l *stream.Link) {
						l.State, l.Since = s.state, time.Now()
						if s.set != nil {
							s.set(l, time.Now())
						}
					})
					r.app.Event(stream.Event{Time: time.Now(), Text: "the link changed"})
					r.settle(50 * time.Millisecond)
					if size[0] == 80 {
						r.wants(s.want...)
					} else {
						r.wants(s.state.String())
					}
					r.golden("state-" + name)
				})
			})
		}
	}
}

func TestCountdownCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.src.change(func(l *stream.Link) {
			l.State, l.Attempt, l.RetryAt = stream.Reconnecting, 1, time.Now().Add(5*time.Second)
		})
		r.settle(1500 * time.Millisecond)
		before := r.lines()[0]
		r.settle(time.Second)
		if after := r.lines()[0]; after == before {
			t.Errorf("the countdown stands still: %s", after)
		}
		r.settle(5 * time.Second)
		r.wants("RECONNECTING 1 now")
	})
}

func TestTooSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 59, 16, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.wants("needs 60x16", "this is 59x16")
		r.keys("feh?:", tcell.KeyTab) // nobody sees what they would do
		r.resize(60, 16)
		r.feed(2)
		r.wants("ARGOS HackRF", "rtt", "</> pan")
		r.resize(3, 1)
		r.resize(1, 1)
		r.resize(80, 24)
		r.feed(1)
		r.wants("LIVE")
	})
}

func TestSimulatedIsLoud(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range []int{60, 80, 120} {
			r := startRig(t, w, 24, "UTF-8", 256, Options{}, "no HackRF found: synthetic radio")
			r.wants("no HackRF found: synthetic radio")
			r.src.change(func(l *stream.Link) {
				d := *l.Device
				d.Info.Simulated, d.Info.Name = true, "synthetic radio with a name that is long"
				l.Device = &d
			})
			r.feed(2)
			if line := r.lines()[0]; !strings.Contains(line, "SIMULATED") || !strings.HasSuffix(line, "Z") {
				t.Errorf("first line: %q", line)
			}
			r.stop()
		}
	})
}

// A server that protects nobody says so on every screen, at any width and in any state.
func TestInsecureIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range []int{60, 80, 120} {
			r := startRig(t, w, 24, "UTF-8", 256, Options{})
			r.src.change(func(l *stream.Link) { l.Server.Insecure = true })
			r.feed(2)
			if line := r.lines()[0]; !strings.Contains(line, "INSECURE") {
				t.Errorf("first line: %q", line)
			}
			r.stop()
		}
	})
}

// An admin sees who is here and ends a session; nobody else is offered to.
func TestViewers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 120, 24, "UTF-8", 256, Options{})
		r.feed(1)
		r.keys(":viewers", tcell.KeyEnter)
		r.wants("that is for admins")
		r.keys(tcell.KeyEscape)
		r.src.change(func(l *stream.Link) {
			l.Server.Role = "admin"
			l.Viewers = []stream.Seen{{Session: "ABCDEFGH", Name: "desk\x1b[2J", Role: "viewer", From: "192.0.2.7", State: "stalled", Lag: 42, Since: time.Now()}}
		})
		r.feed(1)
		r.settle(2 * time.Second)
		r.keys(":viewers", tcell.KeyEnter)
		r.wants("ABCDEFGH   desk")
		r.wants("192.0.2.7")
		r.keys(tcell.KeyEscape)
		r.keys(":kick ABCDEFGH", tcell.KeyEnter)
		r.feed(1)
		if n := len(r.src.sets); n != 1 || r.src.sets[0]["kicked"] != "ABCDEFGH" {
			t.Errorf("asked %v", r.src.sets)
		}
		r.stop()
	})
}

// Text from outside cannot move the cursor, colour the screen or break a line.
func TestTextFromOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		evil := "a\x1b[31mb\nc\u202ed[red]e\u0007\u009b2J"
		r.src.change(func(l *stream.Link) {
			d := *l.Device
			d.Info.Name, d.Info.Serial, d.Reason, d.State = evil, evil, evil, spectrum.Failed
			l.Device, l.Server.Name = &d, evil
		})
		r.app.Event(stream.Event{Time: time.Now(), Text: evil})
		r.feed(2)
		for _, line := range r.lines() {
			if strings.ContainsAny(line, "\x1b\x07\u202e\u009b") {
				t.Errorf("control characters in %q", line)
			}
		}
		r.wants("a[31mb cd[red]e2J")
	})
}

// Wide and combining characters keep to their cells.
func TestWideText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.app.Event(stream.Event{Time: time.Now(), Text: strings.Repeat("日本語", 20) + " e\u0301"})
		r.feed(2)
		r.wants("日 本 語")
	})
}
