package views

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

func TestKeysOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(5)
		r.keys(":marker 98.6M", tcell.KeyEnter)
		for _, k := range []struct {
			key  any
			want map[string]string
		}{
			{tcell.KeyRight, map[string]string{"freq": "98.3M"}},
			{tcell.KeyLeft, map[string]string{"freq": "97.9M"}},
			{">", map[string]string{"freq": "98.3M"}},
			{"+", map[string]string{"span": "1M"}},
			{tcell.KeyDown, map[string]string{"span": "4M"}},
			{"]", map[string]string{"lna": "32"}},
			{"[", map[string]string{"lna": "16"}},
			{"}", map[string]string{"vga": "32"}},
			{"{", map[string]string{"vga": "28"}},
			{"a", map[string]string{"amp": "on"}},
			{tcell.KeyEnter, map[string]string{"freq": "98.6M"}},
		} {
			r.keys(k.key)
			if got := r.src.sent(); len(got) != 1 || !equal(got[0], k.want) {
				t.Errorf("%v sent %v, want %v", k.key, got, k.want)
			}
			r.settle(2 * time.Second)
		}
	})
}

func equal(a, b map[string]string) bool {
	for k, v := range b {
		if a[k] != v {
			return false
		}
	}
	return len(a) == len(b)
}

// Keys pressed faster than the server answers add up.
func TestKeysAddUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.keys(">>>>")
		sets := r.src.sent()
		last := sets[len(sets)-1]
		if last["freq"] != "98.9M" {
			t.Errorf("four steps of 0.2 MHz from 98.1 MHz ended at %v", last)
		}
	})
}

func TestKeysThatCannot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.keys("r")
		r.wants("reconnect: the link is up")
		r.src.change(func(l *stream.Link) {
			d := *l.Device
			d.Info = device.Info{Driver: "replay", Name: "adsb.cs8"}
			l.Device = &d
		})
		r.keys("]")
		r.wants("LNA: replay has no gains to set", "gain n/a")
		r.src.change(func(l *stream.Link) { l.Server.Role = "viewer" })
		r.keys(">")
		r.wants("pan: viewers only watch")
		r.settle(7 * time.Second)
		if text := r.text(); strings.Contains(text, "</>") {
			t.Errorf("the footer offers what does not work:\n%s", text)
		}
		r.src.change(func(l *stream.Link) { l.State, l.Attempt = stream.Reconnecting, 1 })
		r.settle(time.Second)
		r.wants("r reconnect")
		r.keys("r")
		r.src.change(func(l *stream.Link) { l.State = stream.Stale })
		r.settle(time.Second)
		r.keys("r")
		r.src.change(func(*stream.Link) {
			if r.src.retries != 2 {
				t.Errorf("r retried %d times", r.src.retries)
			}
		})
		if sets := r.src.sent(); len(sets) != 0 {
			t.Errorf("sent %v", sets)
		}
	})
}

// What the server timed by its own clock is told by ours.
func TestServerClockIsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.src.change(func(l *stream.Link) {
			d := *l.Device
			d.LastOverload = time.Now().Add(time.Hour - 3*time.Minute)
			l.Device, l.RTT.ClockOffset = &d, time.Hour
		})
		r.settle(time.Second)
		r.wants("OVERLOAD 3 m ago", "overload 3 m ago")
	})
}

func TestServerErrorIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.src.change(func(*stream.Link) { r.src.err = errors.New("span 40M: the radio takes 20M at most") })
		r.keys("-")
		r.wants("span 40M: the radio takes 20M at most")
	})
}

func TestPalette(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(5)
		r.keys(":fr", tcell.KeyTab)
		r.wants(":freq", "centre frequency")
		r.keys("433.92M span 1M", tcell.KeyEnter)
		if got := r.src.sent(); len(got) != 1 || !equal(got[0], map[string]string{"freq": "433.92M", "span": "1M"}) {
			t.Fatalf("sent %v", got)
		}
		r.keys(":window bl", tcell.KeyTab, "amp o", tcell.KeyTab)
		r.wants(":window blackman-harris amp o", "Enter sets amp") // n or ff
		r.keys(tcell.KeyEscape, ":span wide", tcell.KeyEnter)
		r.wants("span: \"wide\" is not a frequency")
		r.keys(tcell.KeyEscape)
		r.keys(":", tcell.KeyUp, tcell.KeyUp)
		r.wants(":freq 433.92M span 1M")
		r.keys(tcell.KeyEscape, ":frob", tcell.KeyEnter)
		r.wants(`there is no command "frob"`)
		r.keys(tcell.KeyEscape, ":detector max", tcell.KeyEnter)
		r.wants("detector max")
		r.keys(":ref -20", tcell.KeyEnter)
		r.wants("ref -20 dBFS")
		r.keys(":pace 2s", tcell.KeyEnter)
		r.wants("pace 2s a row")
		r.src.mu.Lock()
		if r.src.view.Row != 2*time.Second {
			t.Errorf("asked for %+v", r.src.view)
		}
		r.src.mu.Unlock()
		r.keys(":ref loud", tcell.KeyEnter)
		r.wants("is not a level")
		r.keys(tcell.KeyEscape, ":marker 98.6M", tcell.KeyEnter)
		r.feed(1)
		r.wants("mark 98.60")
		r.keys(":channel 98.2M:98.4M", tcell.KeyEnter)
		r.wants("chan -3", "OBW")
		r.keys(":channel 1M:2M", tcell.KeyEnter)
		r.wants("chan n/a: not within")
		r.keys(":channel 98.4M:98.2M", tcell.KeyEnter)
		r.wants("is not a channel")
		r.keys(tcell.KeyEscape, ":channel off", tcell.KeyEnter)
		if sets := r.src.sent(); len(sets) != 0 {
			t.Errorf("sent %v", sets)
		}
	})
}

func TestMarkerAndHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(5)
		r.wants("peak 98.300 MHz") // the line at 98.1 MHz is the receiver's own
		r.keys("h")
		f := r.scene.next(time.Now())
		burst := f.Grid.BinAt(97.2e6)
		f.Max[burst], f.Mean[burst] = -20, -60
		r.app.Frame(f)
		r.feed(3)
		r.wants("hold 97.201 MHz  -10.0 dBFS")
		r.keys("h", "m")
		r.feed(1)
		if text := r.text(); strings.Contains(text, "MHz  -") {
			t.Errorf("the marker is off:\n%s", text)
		}
	})
}

func TestMouse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(5)
		click := func(x, y int) {
			r.sim.InjectMouse(x, y, tcell.ButtonPrimary, tcell.ModNone)
			r.sim.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
			r.settle(30 * time.Millisecond)
		}
		plan := planFor(80, 24, paneSpectrum, false)
		click(margin+span{97.1e6, 99.1e6}.column(98.6e6, plan.rects[paneSpectrum].w-margin), 6)
		r.wants("mark 98.59")
		click(5, plan.rects[paneEvents].y+1)
		r.wants(">events")
		line := r.lines()[23]
		click(strings.Index(line, "? help"), 23)
		r.wants("Keys", "Esc closes")
		click(3, 5)
		r.sim.InjectMouse(20, 5, tcell.WheelUp, tcell.ModNone)
		r.settle(30 * time.Millisecond)
		if got := r.src.sent(); len(got) != 1 || got[0]["span"] != "1M" {
			t.Errorf("the wheel sent %v", got)
		}
		r.settle(7 * time.Second)
		line = r.lines()[23]
		click(strings.Index(line, "</> pan")+2, 23)
		if got := r.src.sent(); len(got) != 1 || got[0]["freq"] != "98.3M" {
			t.Errorf("a click on > sent %v", got)
		}
	})
}

func TestFreezeAndExpand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(20)
		r.keys("f")
		plot := func() string { return strings.Join(r.lines()[4:17], "\n") }
		r.settle(7 * time.Second)
		before := plot()
		r.feed(100)
		r.wants("FROZEN    11 s old", "FROZEN at 00:00:01")
		left := func(s string) string {
			var b strings.Builder
			for _, line := range strings.Split(s, "\n") {
				b.WriteString(string([]rune(line)[:40]) + "\n")
			}
			return b.String()
		}
		if left(before) != left(plot()) {
			t.Errorf("the frozen plot moved:\n%s\n%s", left(before), left(plot()))
		}
		if got := r.src.newest(); got != r.scene.seq {
			t.Errorf("frozen, %d is acknowledged, want %d", got, r.scene.seq)
		}
		r.keys("f", "e")
		r.feed(2)
		r.wants("LIVE", "Esc back")
		r.keys(tcell.KeyTab, tcell.KeyTab)
		r.wants("session a1b2c3d~ epoch")
		r.keys(tcell.KeyEscape)
		r.wants("events")
	})
}

// On the smallest screen the first line has room for all that can be wrong.
func TestNarrowHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 60, 16, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.src.change(func(l *stream.Link) {
			d := *l.Device
			d.Info.Simulated = true
			d.LastLost, d.LastOverload = time.Now().Add(-time.Minute), time.Now().Add(-time.Minute)
			l.Device = &d
		})
		r.settle(time.Second)
		r.wants("LIVE", " SIMULATED   LOST  OVERLOAD  ")
	})
}

// Several ranges have no centre to move and no span to change; Enter looks at the one
// around the marker.
func TestKeysOverRanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.peek(func() {
			over, err := r.scene.frame.Grid.Tuning.Over(device.Range{LowHz: 97.1e6, HighHz: 98e6}, device.Range{LowHz: 98.5e6, HighHz: 99.1e6})
			if err != nil {
				t.Error(err)
			}
			r.scene.frame.Grid.Tuning = over
			r.src.change(func(l *stream.Link) {
				d := *l.Device
				d.Settings.Tuning = over
				l.Device = &d
			})
		})
		r.feed(5)
		r.wants("2 ranges  span 2.000M")
		for _, key := range []any{tcell.KeyRight, "+"} {
			r.keys(key)
			r.wants("there are several ranges: use :range")
		}
		r.keys(":marker 98.6M", tcell.KeyEnter, tcell.KeyEnter)
		if got := r.src.sent(); len(got) != 1 || !equal(got[0], map[string]string{"freq": "98.6M", "span": "600k"}) {
			t.Errorf("sent %v", got)
		}
	})
}

// A span wider than the radio's filter passes evenly is said to be.
func TestEdgesLow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		share := func(v float64) {
			r.src.change(func(l *stream.Link) {
				d := *l.Device
				d.Info.FlatShare = v
				l.Device = &d
			})
			r.feed(2)
			r.settle(time.Second)
		}
		share(0.75)
		r.wants("EDGES LOW")
		share(1)
		if strings.Contains(r.text(), "EDGES LOW") {
			t.Error("the edges of what is received evenly are low")
		}
	})
}

// A step is what an operator does and then sees. Do has runes, keys, and where a click,
// a wheel or nothing but time is meant, one of the types below.
type step struct {
	do     []any
	want   []string // on the screen
	not    []string
	orders []map[string]string
}

type (
	click struct {
		pane paneID
		x, y int // in it
	}
	wheel struct {
		pane paneID
		up   bool
	}
	pass time.Duration
)

// play does the steps one after the other, while frames come.
func (r *rig) play(steps []step) {
	r.t.Helper()
	for i, s := range steps {
		for _, do := range s.do {
			switch do := do.(type) {
			case click:
				at := r.app.desk.plan.rects[do.pane]
				r.sim.InjectMouse(at.x+do.x, at.y+do.y, tcell.ButtonPrimary, tcell.ModNone)
				r.sim.InjectMouse(at.x+do.x, at.y+do.y, tcell.ButtonNone, tcell.ModNone)
			case wheel:
				at := r.app.desk.plan.rects[do.pane]
				button := tcell.WheelDown
				if do.up {
					button = tcell.WheelUp
				}
				r.sim.InjectMouse(at.x+margin+2, at.y+1, button, tcell.ModNone)
			case pass:
				r.settle(time.Duration(do))
			default:
				r.keys(do)
			}
			r.feed(1)
		}
		text := r.text()
		for _, w := range s.want {
			if !strings.Contains(text, w) {
				r.t.Errorf("step %d, %v: the screen lacks %q:\n%s", i, s.do, w, text)
			}
		}
		for _, n := range s.not {
			if strings.Contains(text, n) {
				r.t.Errorf("step %d, %v: the screen has %q:\n%s", i, s.do, n, text)
			}
		}
		sent := r.src.sent()
		if len(sent) != len(s.orders) {
			r.t.Errorf("step %d, %v: sent %v, want %v", i, s.do, sent, s.orders)
			continue
		}
		for k := range sent {
			if !equal(sent[k], s.orders[k]) {
				r.t.Errorf("step %d, %v: sent %v, want %v", i, s.do, sent[k], s.orders[k])
			}
		}
	}
}

// A watch at the screen, by key and by mouse.
func TestOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 1<<24, Options{})
		defer r.stop()
		r.feed(200)
		gone := pass(7 * time.Second) // answers go away
		r.play([]step{
			{want: []string{"LIVE", "peak 98.300 MHz", "</> pan"}, not: []string{"FROZEN", "back)", "Up/Dn time"}},
			{do: []any{"f"}, want: []string{"FROZEN at", " FROZEN ", "l LIVE"}},
			{do: []any{"l"}, want: []string{"LIVE"}, not: []string{"FROZEN"}},
			{do: []any{tcell.KeyDown}, orders: []map[string]string{{"span": "4M"}}},
			{do: []any{gone, click{paneWaterfall, margin + 20, 3}}, want: []string{"mark 98.3", "dBFS", "Up/Dn time", "Esc back"}},
			{do: []any{tcell.KeyDown}, want: []string{"back)"}}, // not a zoom here
			{do: []any{tcell.KeyPgDn, tcell.KeyPgUp}, want: []string{"back)"}},
			{do: []any{tcell.KeyEscape}, not: []string{"back)"}, want: []string{"LIVE"}},
			{do: []any{wheel{paneWaterfall, false}}, want: []string{"back)"}},
			{do: []any{tcell.KeyHome}, not: []string{"back)"}},
			{do: []any{wheel{paneSpectrum, true}}, orders: []map[string]string{{"span": "1M"}}},
			{do: []any{gone, "e"}, want: []string{"Esc back"}, not: []string{"events", "rtt"}},
			{do: []any{tcell.KeyEscape}, want: []string{"─events", "rtt"}},
			{do: []any{":fall sweep", tcell.KeyEnter}, want: []string{"waterfall sweep", "── sweep ──"}},
			{do: []any{":budget 20k", tcell.KeyEnter}, want: []string{"20 kB/s budget"}},
			{do: []any{":budget off", tcell.KeyEnter, ":fall auto", tcell.KeyEnter}, not: []string{"── sweep", "kB/s budget"}},
			{do: []any{":glyphs ascii", tcell.KeyEnter}, not: []string{"▀", "│"}, want: []string{"-events"}},
			{do: []any{":glyphs auto", tcell.KeyEnter, ":theme cividis", tcell.KeyEnter}, want: []string{"▀", "│"}},
			{do: []any{tcell.KeyTab, click{paneEvents, 3, 1}}, want: []string{">events"}},
			{do: []any{"?"}, want: []string{"Up Down", "(not in this pane: Tab or a click"}},
			{do: []any{tcell.KeyEscape}, not: []string{"Esc closes"}},
		})
	})
}
