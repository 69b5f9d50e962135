package views

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// play runs f with an App of 80 by 24 in colour that has shown some frames.
func play(t *testing.T, o Options, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, o)
		defer r.stop()
		r.feed(5)
		f(r)
	})
}

// lacks fails if any string is on the screen.
func (r *rig) lacks(what ...string) {
	r.t.Helper()
	text := r.text()
	for _, s := range what {
		if strings.Contains(text, s) {
			r.t.Errorf("the screen has %q:\n%s", s, text)
		}
	}
}

// types types commands.
func (r *rig) types(commands ...string) {
	for _, c := range commands {
		r.keys(":"+c, tcell.KeyEnter)
	}
	r.feed(1)
}

func TestTraceKeys(t *testing.T) {
	play(t, Options{}, func(r *rig) {
		r.keys("x")
		r.wants("compare: nothing is stored")
		r.keys("H")
		r.wants("min hold on")
		r.keys("v")
		r.wants("average on")
		r.feed(3)
		r.wants("avg 98.300 MHz", "minhold avg")
		r.types("trace avg freeze")
		r.wants("avg(frozen)")
		r.types("trace avg thaw", "average 500", "average off", "trace minhold off")
		r.lacks("minhold", "avg(")
		r.types("average none")
		r.wants(`"none" is not a number of windows`)
		r.keys(tcell.KeyEscape, "s")
		r.wants("stored in A")
		r.feed(2)
		r.keys("x")
		r.wants("compare mean-A")
		r.feed(2)
		r.wants("  dB", "diff 9", " dB <")
		r.keys("s")
		r.wants("a difference is shown")
		r.types("compare max-mean")
		r.wants("diff 9")
		r.keys("x")
		r.wants("compare off")
		r.types("trace A clear")
		r.keys("x")
		r.wants("nothing is stored")
		r.types("hold on", "decay 6")
		r.wants("max hold falls 6 dB/s")
		r.feed(2)
		r.wants("hold 98.300 MHz")
		for command, says := range map[string]string{
			"trace mean off": "not a trace that can change",
			"trace hold up":  "use on, off, clear, freeze or thaw",
			"trace A up":     "use store or clear",
			"decay fast":     "not a decay",
			"compare A-B":    "nothing is stored in A",
			"compare mean":   "compares nothing",
			"compare mean-Q": `"Q" is not a trace`,
			"div 0":          "use 1 to 20 dB a division",
		} {
			r.types(command)
			r.wants(says)
			r.keys(tcell.KeyEscape)
		}
		r.types("div 5", "ref -20")
		r.peek(func() {
			if bottom, top := r.app.desk.axis(); top-bottom != 50 || top != -20 {
				t.Errorf("with 5 dB a division below -20 the axis is %v to %v", bottom, top)
			}
		})
	})
}

// What is saved can be loaded, and is seen.
func TestSaveAndLoad(t *testing.T) {
	const file = "trace.csv"
	t.Chdir(t.TempDir())
	play(t, Options{}, func(r *rig) {
		r.keys("h")
		r.feed(5)
		r.types("save " + file)
		r.wants("saved 3 traces to")
		r.types("save " + file)
		r.wants("there is a file trace.csv")
		r.keys(tcell.KeyEscape)
		r.types("load " + file)
		r.wants("3 of 3 traces in A B C")
		r.types("load " + file)
		r.wants("1 of 3 traces in D")
		r.types("load " + file)
		r.wants("no slot is free")
		r.keys(tcell.KeyEscape)
		r.types("compare hold-C")
		r.wants("diff")
		r.types("load " + file + ".none")
		r.wants("no such file")
		r.peek(func() {
			a, b := &r.app.desk.stored[0], &r.app.desk.stored[2]
			if d := b.At(98.3e6) - a.At(98.3e6); !(d > 0 && d < 20) {
				t.Errorf("the hold lies %v dB above the mean", d)
			}
		})
	})
	text, err := os.ReadFile(file)
	if err != nil || !contains(string(text), "# radio: HackRF One 0000457863c82b1041aa\n", "# unit: dBFS\n", "\nhz,mean,max,hold\n", "# trace hold: max hold of ") {
		t.Errorf("%v\n%.800s", err, text)
	}
}

func TestMarkerKeys(t *testing.T) {
	play(t, Options{}, func(r *rig) {
		r.keys("n")
		r.wants("mark 97.4")
		r.keys("N")
		r.wants("mark 98.300 MHz")
		r.keys("(")
		r.wants("mark 97.9")
		r.keys(")")
		r.wants("mark 98.300 MHz")
		r.keys("))")
		r.wants("no peak above: 12 dB above noise, 6 dB above what is around")
		r.keys("D")
		r.wants("delta: marker 1 is the reference")
		r.keys("1", "N", "2")
		r.wants("M2 ")
		r.keys("D")
		r.feed(1)
		r.wants("M2-M1 ", " dB")
		r.keys("D", ":delta 2", tcell.KeyEnter)
		r.wants(`"2" is not another marker`)
		r.keys(tcell.KeyEscape)
		r.types("delta off", "marker 98.0M", "reads noise 100k")
		r.feed(1)
		r.wants("M2 97.999 MHz", "dBFS/Hz")
		r.types("reads band 200k", "marker 98.6M")
		r.wants("dBFS in 200k")
		for command, says := range map[string]string{
			"reads volume":    "use level, noise or band",
			"reads band wide": "is not a width",
			"peak 12":         "is no criterion",
			"marker loud":     "is not a frequency",
		} {
			r.types(command)
			r.wants(says)
			r.keys(tcell.KeyEscape)
		}
		r.types("peak 20 10")
		r.wants("a peak is 20 dB above noise")
		r.types("marker clear")
		r.feed(1)
		r.wants("marker off")
	})
}

func TestPeakTable(t *testing.T) {
	play(t, Options{Bands: spectrum.RegionPlan("itu1")}, func(r *rig) {
		r.keys("p")
		r.wants("peaks by level: 12 dB above noise", "  1      98.300 MHz", "FM")
		r.keys("s")
		r.wants("peaks by frequency")
		r.keys("s", tcell.KeyDown, tcell.KeyUp, "m")
		r.feed(1)
		r.wants("mark 98.300 MHz")
		r.keys("p", tcell.KeyDown, tcell.KeyEnter)
		if got := r.src.sent(); len(got) != 1 || !strings.HasPrefix(got[0]["freq"], "97.") {
			t.Errorf("sent %v", got)
		}
		r.keys("p")
		r.src.change(func(l *stream.Link) { l.Server.Role = "viewer" })
		r.keys(tcell.KeyEnter)
		r.keys(tcell.KeyEscape)
		r.wants("tune: viewers only watch")
		if got := r.src.sent(); len(got) != 0 {
			t.Errorf("a viewer sent %v", got)
		}
	})
}

// The view asks the link for a part and leaves the radio alone.
func TestViewKeys(t *testing.T) {
	play(t, Options{}, func(r *rig) {
		r.keys("Z")
		r.wants("wider: all that is measured is seen")
		r.keys("0")
		r.wants("full: all that is measured is seen")
		r.keys(tcell.KeyBackspace)
		r.wants("last view: there was no other view")
		r.keys("z")
		v := r.looks()
		if v.HighHz-v.LowHz != 1e6 || v.LowHz > 98.3e6 || v.HighHz < 98.3e6 {
			t.Errorf("closer at 98.3 MHz is %+v", v)
		}
		r.keys("z")
		r.feed(1)
		r.wants("98.2 ", "view 98MHz to 98.5MHz")
		r.lacks("97.5 ")
		at := r.looks()
		r.keys(tcell.KeyLeft)
		if v := r.looks(); at.LowHz-v.LowHz != (at.HighHz-at.LowHz)/4 {
			t.Errorf("a pan went from %+v to %+v", at, v)
		}
		r.keys(tcell.KeyBackspace)
		if v := r.looks(); v.HighHz-v.LowHz != 1e6 {
			t.Errorf("the view before is %+v", v)
		}
		r.keys("0")
		if v := r.looks(); v.HighHz != 0 {
			t.Errorf("everything is %+v", v)
		}
		for range 12 {
			r.keys("z")
		}
		r.wants("closer: no bins are finer")
		if sets := r.src.sent(); len(sets) != 0 {
			t.Errorf("the radio was told %v", sets)
		}
		// The radio goes elsewhere: everything is seen again.
		r.peek(func() {
			g := &r.scene.frame.Grid
			g.Generation++
			g.StartHz += 10e6
			g.Tuning.CenterHz += 10e6
		})
		r.feed(2)
		r.wants("108.0 ")
		if v := r.looks(); v.HighHz != 0 {
			t.Errorf("after a retune the link is asked for %+v", v)
		}
	})
}

func TestLimits(t *testing.T) {
	dir := t.TempDir()
	mask := filepath.Join(dir, "mask.csv")
	if err := os.WriteFile(mask, []byte("upper,97.2M,-30\nupper,98.2M,-30\nupper,98.2M,-50\nupper,99M,-50\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	play(t, Options{}, func(r *rig) {
		r.types("threshold 0")
		r.feed(1)
		r.wants("PASS by ")
		r.types("mask " + mask)
		r.feed(1)
		r.wants("FAIL from 98.", " by 1", "limit FAIL from")
		r.types("threshold loud")
		r.wants("is not a level")
		r.keys(tcell.KeyEscape, ":mask "+dir, tcell.KeyEnter)
		r.wants("is a directory")
		r.keys(tcell.KeyEscape)
		r.types("threshold 0")
		r.peek(func() { r.app.live.limits.failing = true })
		r.feed(110)
		r.wants("limit PASS by")
		r.types("mask off")
		r.feed(1)
		r.settle(7 * time.Second)
		if strings.Contains(strings.Join(r.lines()[:17], "\n"), "PASS") {
			t.Error("there is a verdict without a mask")
		}
	})
}

func TestBandsAndBookmarks(t *testing.T) {
	dir := t.TempDir()
	plan, kept := filepath.Join(dir, "plan.csv"), filepath.Join(dir, "state", "bookmarks.csv")
	if err := os.WriteFile(plan, []byte("97M,98M,left\n98.0M,98.05M,too narrow for its name\n98.1M,99.2M,right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	play(t, Options{BookmarkFile: kept}, func(r *rig) {
		r.types("bands " + plan)
		r.feed(1)
		r.wants("left", "right")
		r.lacks("narrow")
		r.types("bands itu9")
		r.wants(`"itu9" is not a band plan`)
		r.keys(tcell.KeyEscape)
		r.types("bands off", "marker 98.6M", "mark add gate")
		r.wants("gate is 98.")
		r.types("mark add two words")
		r.wants("is not a name")
		r.keys(tcell.KeyEscape, ":go ", tcell.KeyTab)
		r.wants(":go gate")
		r.keys(tcell.KeyEnter)
		if got := r.src.sent(); len(got) != 1 || !strings.HasPrefix(got[0]["freq"], "98.60") {
			t.Errorf("sent %v", got)
		}
		r.types("go nowhere")
		r.wants(`there is no bookmark "nowhere"`)
		r.keys(tcell.KeyEscape)
	})
	b, err := openBookmarks(kept)
	if err != nil || len(b.list) != 1 || b.list[0].name != "gate" {
		t.Fatalf("kept %+v, %v", b, err)
	}
	play(t, Options{BookmarkFile: kept}, func(r *rig) {
		r.types("mark del gate")
		r.wants("gate is gone")
	})
	if err := os.WriteFile(kept, []byte("1M,a\nx,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(&Options{BookmarkFile: kept, Screen: tcell.NewSimulationScreen("UTF-8")}); err == nil || !contains(err.Error(), "bookmarks.csv: line 2") {
		t.Errorf("a broken file: %v", err)
	}
}

// FuzzBookmarks: what can be read is written and read the same.
func FuzzBookmarks(f *testing.F) {
	f.Add("433.92M,gate\n# x\n1G,b\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseBookmarks(strings.NewReader(text))
		if err != nil {
			return
		}
		for _, m := range list {
			if m.name != clean(m.name) {
				t.Fatalf("a name of %q", m.name)
			}
		}
		b := &bookmarks{path: filepath.Join(t.TempDir(), "bookmarks.csv"), list: list}
		if err := b.save(); err != nil {
			t.Fatal(err)
		}
		again, err := openBookmarks(b.path)
		if err != nil || len(again.list) != len(list) {
			t.Fatalf("%d bookmarks became %+v, %v", len(list), again, err)
		}
	})
}

// One place is marked in spectrum, waterfall and events.
func TestCursor(t *testing.T) {
	play(t, Options{}, func(r *rig) {
		r.app.Event(stream.Event{Time: time.Now(), Text: "a burst", LowHz: 98.25e6, HighHz: 98.35e6})
		r.feed(40)
		r.keys("c")
		r.settle(7 * time.Second)
		r.wants(" 98.300 MHz -3")
		styled := func(text string) (cells int) {
			r.peek(func() {
				for y, line := range r.contents() {
					if x := strings.Index(line, text); x >= 0 {
						screen, w, _ := r.sim.GetContents()
						_, _, attr := screen[y*w+x].Style.Decompose()
						if attr&tcell.AttrReverse != 0 {
							cells++
						}
					}
				}
			})
			return cells
		}
		stamp := ""
		for _, line := range r.lines() {
			if i := strings.Index(line, " a burst"); i >= 0 {
				stamp = strings.TrimSpace(line[:i])
			}
		}
		if styled(stamp) == 0 {
			t.Errorf("the event of %s about the cursor's band is not marked", stamp)
		}
		r.keys(tcell.KeyRight, tcell.KeyRight, tcell.KeyDown, tcell.KeyDown)
		r.wants("00:00:0")
		r.keys(tcell.KeyUp, tcell.KeyUp, tcell.KeyUp)
		click := func(x, y int) {
			r.sim.InjectMouse(x, y, tcell.ButtonPrimary, tcell.ModNone)
			r.sim.InjectMouse(x, y, tcell.ButtonNone, tcell.ModNone)
			r.settle(30 * time.Millisecond)
		}
		plan := planFor(80, 24, paneSpectrum, false)
		click(margin+1, plan.rects[paneWaterfall].y+2)
		r.wants(" 97.1")
		click(12, plan.rects[paneEvents].y+1)
		r.wants(" 98.300 MHz", "00:00:0")
		r.keys(tcell.KeyEnter)
		r.wants("marker at 98.3MHz")
		r.feed(1)
		r.wants("mark 98.300")
		r.keys("c", tcell.KeyEscape)
		r.settle(7 * time.Second)
		r.wants(" MHz  ")
		if sets := r.src.sent(); len(sets) != 0 {
			t.Errorf("the radio was told %v", sets)
		}
	})
}

func TestInstrumentScreens(t *testing.T) {
	for _, s := range []struct {
		name, charset string
		colors        int
		w, h          int
		commands      []string
		keys          string
	}{
		{"traces-ascii-80x24", "US-ASCII", 0, 80, 24, []string{"threshold -40"}, "hHvs"},
		{"traces-truecolor-120x40", "UTF-8", 1 << 24, 120, 40, []string{"mask mask.csv"}, "hHvs"},
		{"markers-ascii-60x16", "US-ASCII", 0, 60, 16, nil, "2D"},
		{"markers-truecolor-120x40", "UTF-8", 1 << 24, 120, 40, nil, "n23D"},
		{"peaks-ascii-80x24", "US-ASCII", 0, 80, 24, nil, "2p"},
		{"cursor-ascii-80x24", "US-ASCII", 0, 80, 24, nil, "zc"},
		{"compare-ascii-80x24", "US-ASCII", 0, 80, 24, nil, "sx"},
	} {
		t.Run(s.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("mask.csv", []byte("97.2M,-40\n98.2M,-40\n98.2M,-30\n99M,-30\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, s.w, s.h, s.charset, s.colors, Options{Bands: spectrum.RegionPlan("itu1")})
				defer r.stop()
				r.feed(10)
				r.types(s.commands...)
				r.keys(s.keys)
				r.feed(30)
				r.golden(s.name)
			})
		})
	}
}

// In zero span traces, markers and a threshold go by time; what takes frequencies says that
// there is one, and what was open for them closes.
func TestInstrumentInZeroSpan(t *testing.T) {
	play(t, Options{Bands: spectrum.RegionPlan("itu1")}, func(r *rig) {
		r.keys("s", "z", "c", "h")
		const sweep = 50 * time.Millisecond
		r.lookIn(sweep, 500)
		r.feedSweeps(5, sweep, 1)
		r.wants("hold ", " ms  -1")
		r.lacks("x2", "FM", " dB <")
		for key, says := range map[string]string{"z": "closer", "p": "peaks", "c": "cursor"} {
			r.keys(key)
			r.wants(says + ": zero span has one frequency")
		}
		r.keys("N", "2", "D")
		r.feedSweeps(2, sweep, 1)
		r.wants("M2-M1 ", " ms ")
		r.types("threshold -30")
		r.feedSweeps(2, sweep, 1)
		r.wants("FAIL from 98.34", "limit FAIL")
		r.types("save here.csv")
		r.wants("zero span has one frequency")
		r.keys(tcell.KeyEscape, "x")
		r.feedSweeps(1, sweep, 1)
	})
}
