package views

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// lookIn turns the scene and the server to zero span, in so many points.
func (r *rig) lookIn(sweep time.Duration, points int) {
	t := device.Tuning{CenterHz: 98.34e6, RateHz: 2e6, LNADB: 24, VGADB: 30}
	seq := r.scene.seq
	r.scene = newScene(points)
	r.scene.seq = seq
	g := &r.scene.frame.Grid
	g.Generation, g.StartHz, g.BinHz, g.PointSec = 2, t.CenterHz, 0, sweep.Seconds()/float64(points)
	g.RBWHz, g.Overlap, g.Tuning = 100e3, 0.75, t
	r.src.change(func(l *stream.Link) {
		s := *l.Device
		s.Settings.Tuning, s.Settings.Bins, s.Settings.RBWHz, s.Settings.SweepTime = t, 0, 100e3, sweep
		l.Device = &s
	})
}

// sweep fills the frame of a part of a sweep that ends at now: noise, and a burst in points 123
// and 124 of 500.
func (s *scene) sweep(now time.Time, took time.Duration, part, parts int) *spectrum.Frame {
	f := &s.frame
	f.Reset(f.Grid.Bins)
	from, to := part*f.Grid.Bins/parts, (part+1)*f.Grid.Bins/parts
	for i := from; i < to; i++ {
		db := -78.0
		if at := i * 500 / f.Grid.Bins; at == 123 || at == 124 {
			db = -21
		}
		f.Mean[i] = int16((db + s.rng.NormFloat64()) / f.Grid.StepDB)
		f.Max[i] = int16((db + 5 + s.rng.NormFloat64()) / f.Grid.StepDB)
	}
	s.seq++
	f.FirstSeq, f.LastSeq, f.First, f.Last = s.seq, s.seq, now.Add(-took), now
	f.Mono.Last = now.Sub(time.Unix(0, 0))
	f.Mono.First = f.Mono.Last - took
	f.Segments = append(f.Segments[:0], spectrum.Segment{Bin: from, Bins: to - from, Windows: 10, First: f.First, Last: f.Last})
	return f
}

// feedSweeps plays n frames of sweeps in parts, one after the other from part 0 on.
func (r *rig) feedSweeps(n int, took time.Duration, parts int) {
	for i := range n {
		time.Sleep(took)
		r.app.Frame(r.scene.sweep(time.Now(), took, i%parts, parts))
	}
	synctest.Wait()
	r.settle(20 * time.Millisecond)
}

func TestGoldenZeroSpan(t *testing.T) {
	for _, c := range []struct {
		name, charset string
		colors, w, h  int
	}{
		{"zerospan-ascii-60x16", "US-ASCII", 0, 60, 16},
		{"zerospan-ascii-80x24", "US-ASCII", 0, 80, 24},
		{"zerospan-truecolor-80x24", "UTF-8", 1 << 24, 80, 24},
		{"zerospan-ascii-120x40", "US-ASCII", 0, 120, 40},
		{"zerospan-truecolor-120x40", "UTF-8", 1 << 24, 120, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, c.w, c.h, c.charset, c.colors, Options{})
				defer r.stop()
				r.feed(20)
				r.lookIn(50*time.Millisecond, 500)
				r.feedSweeps(60, 50*time.Millisecond, 1)
				r.wants("ZERO SPAN 98.340M", "RBW 100k", "50 ms", "peak 12.", " ms  -1")
				r.golden(c.name)
			})
		})
	}
}

func TestSlowSweepShowsWhereItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 120, 40, "UTF-8", 1<<24, Options{})
		defer r.stop()
		r.lookIn(10*time.Second, 4000)
		r.feedSweeps(30, 250*time.Millisecond, 40)
		r.wants("sweep 10 s", "2.5 ms/pt", "peak 2.4", " s  -1")
		r.golden("zerospan-slow-120x40")
		r.feedSweeps(40, 250*time.Millisecond, 40)
		r.peek(func() {
			if r := r.app.desk.board.fall.row(0); r.cells[0] == spectrum.Absent || r.cells[len(r.cells)-1] == spectrum.Absent {
				t.Error("a row of the waterfall is not a whole sweep")
			}
		})
	})
}

func TestKeysInZeroSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(5)
		r.keys(":marker 98.6M", tcell.KeyEnter)
		r.lookIn(50*time.Millisecond, 500)
		r.feedSweeps(5, 50*time.Millisecond, 1)
		r.wants("peak 12.") // a marker on the other axis is not on this one
		for _, k := range []struct {
			key  any
			want map[string]string
		}{
			{tcell.KeyRight, map[string]string{"freq": "98.44M"}},
			{"<", map[string]string{"freq": "98.24M"}},
			{"+", map[string]string{"sweep-time": "25ms"}},
			{"-", map[string]string{"sweep-time": "100ms"}},
		} {
			r.keys(k.key)
			if got := r.src.sent(); len(got) != 1 || !equal(got[0], k.want) {
				t.Errorf("%v sent %v, want %v", k.key, got, k.want)
			}
			r.settle(2 * time.Second)
		}
		r.keys(tcell.KeyEnter)
		r.wants("the marker reads a time in zero span")
		r.keys(":marker 98M", tcell.KeyEnter)
		r.wants("98M\" is not a time in the sweep")
		r.keys(tcell.KeyEscape, ":marker 30.02ms", tcell.KeyEnter)
		r.wants("marker at 30.02 ms", "mark 30.05 ms")
		r.keys(":channel 98M:98.2M", tcell.KeyEnter)
		r.wants("chan n/a in zero span")
		r.keys(":span 2M", tcell.KeyEnter)
		if got := r.src.sent(); len(got) != 1 || !equal(got[0], map[string]string{"span": "2M"}) {
			t.Errorf("leaving sent %v", got)
		}
		r.keys(":channel off", tcell.KeyEnter)
		r.settle(10 * time.Second)
		if text := r.text(); strings.Contains(text, "S/N") || strings.Contains(text, "MHz") {
			t.Errorf("frequencies in zero span:\n%s", text)
		}
	})
}

func TestClickInZeroSpanPutsTheMarkerOnTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 120, 40, "UTF-8", 256, Options{})
		defer r.stop()
		r.lookIn(50*time.Millisecond, 500)
		r.feedSweeps(5, 50*time.Millisecond, 1)
		plan := planFor(120, 40, paneSpectrum, false)
		x := margin + span{0, 50e-3}.column(12.35e-3, plan.rects[paneSpectrum].w-margin)
		r.sim.InjectMouse(x, 8, tcell.Button1, tcell.ModNone)
		r.sim.InjectMouse(x, 8, tcell.ButtonNone, tcell.ModNone)
		synctest.Wait()
		r.settle(20 * time.Millisecond)
		r.wants("mark 12.")
	})
}

// What a link brings may be nothing that a server would send.
func TestOddSweepsAreDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 120, 40, "UTF-8", 256, Options{})
		defer r.stop()
		for _, c := range []struct {
			sweep  time.Duration
			points int
		}{{1000 * time.Second, 4096}, {time.Nanosecond, 1}, {time.Millisecond, 10}} {
			r.lookIn(c.sweep, c.points)
			r.feedSweeps(3, 50*time.Millisecond, 1)
			f := r.scene.sweep(time.Now(), 0, 0, 1)
			f.Reset(c.points)
			r.app.Frame(f)
			r.feedSweeps(1, 50*time.Millisecond, 1)
			r.wants("ZERO SPAN")
		}
	})
}

func TestLasts(t *testing.T) {
	l := &look{glyphs: braille}
	for seconds, want := range map[float64]string{
		100e-6: "100 µs", 100.098e-6: "100 µs", 999.7e-6: "1 ms", 24.4145e-3: "24.4 ms", 50.0488e-3: "50 ms", 0.9999: "1 s", 2.5: "2.5 s", 12.34: "12.3 s", 1000: "1000 s",
	} {
		if got := l.lasts(seconds); got != want {
			t.Errorf("%g s is %q, want %q", seconds, got, want)
		}
	}
	if got := (&look{glyphs: ascii}).lasts(1e-4); got != "100 us" {
		t.Errorf("in ASCII %q", got)
	}
}

func TestZeroSpanIsAKindOfItsOwn(t *testing.T) {
	f, d := jsonFrame(5), *jsonDevice
	f.Grid.StartHz, f.Grid.BinHz, f.Grid.PointSec = 98.34e6, 0, 200e-6
	f.Grid.Part = spectrum.Part{Cell: 2, First: 8, Of: 16}
	d.Settings.Tuning.SpanHz, d.Settings.SweepTime = 0, 1600*time.Microsecond
	var out bytes.Buffer
	if err := WriteFrame(&out, f, &d); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got["kind"] != "zerospan" || got["freq_hz"] != 98.34e6 || got["point_s"] != 200e-6 || got["start_s"] != 800e-6 {
		t.Errorf("%s", out.Bytes())
	}
	for _, name := range []string{"start_hz", "bin_hz"} {
		if _, ok := got[name]; ok {
			t.Errorf("a level against time has %s", name)
		}
	}
	if d := got["device"].(map[string]any); d["sweep_time_s"] != 1.6e-3 || d["span_hz"] != 0. {
		t.Errorf("device %v", d)
	}
}
