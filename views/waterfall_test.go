package views

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gdamore/tcell/v2"
)

// fallLines is the waterfall's part of the screen at 80 by 24, left of the rule.
func (r *rig) fallLines() (lines []string) {
	w, h := 80, 24
	plan := planFor(w, h, paneSpectrum, false)
	place := plan.rects[paneWaterfall]
	for _, line := range r.lines()[place.y : place.y+place.h] {
		cells := []rune(line)
		lines = append(lines, string(cells[:min(place.w, len(cells))]))
	}
	return lines
}

// Sweeping, a row that is complete stays where it is until the line that moves comes
// round, and a gap has a line.
func TestSweepLeavesRowsAlone(t *testing.T) {
	for _, tt := range []struct {
		name, charset string
		colors        int
		each          int // frames between two steps of the line
	}{{"shades", "US-ASCII", 0, 7}, {"half-blocks", "UTF-8", 1 << 24, 14}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, 80, 24, tt.charset, tt.colors, Options{Motion: Sweep})
				defer r.stop()
				r.feed(105)
				writes := func(lines []string) int {
					for i, line := range lines {
						if strings.Contains(line, " sweep ") {
							return i
						}
					}
					return -1
				}
				changes := 0
				before := r.fallLines()
				for range 200 {
					r.feed(1)
					after := r.fallLines()
					at, was := writes(after), writes(before)
					if at < 0 {
						t.Fatalf("no line moves:\n%s", strings.Join(after, "\n"))
					}
					if at != was {
						changes++
						if at != (was+1)%len(after) {
							t.Fatalf("the line went from %d to %d", was, at)
						}
					}
					for i := range after {
						if i != at && i != was && i != (was+len(after)-1)%len(after) && after[i] != before[i] {
							t.Fatalf("line %d changed while %d was written:\n%s\n%s", i, at, before[i], after[i])
						}
					}
					before = after
				}
				if want := 200 / tt.each; changes < want-2 || changes > want+2 {
					t.Errorf("the line moved %d times in 200 frames, want %d", changes, want)
				}
				r.scene.seq += 64
				time.Sleep(3200 * time.Millisecond)
				r.feed(12)
				if text := strings.Join(r.fallLines(), "\n"); !strings.Contains(text, "gap 3.2 s, 64 frames") {
					t.Errorf("no gap:\n%s", text)
				}
			})
		})
	}
}

// A mark of the later of two rows in a line is not lost.
func TestMarksOfBothRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 1<<24, Options{})
		defer r.stop()
		r.feed(10)
		r.scene.frame.Lost = 5
		r.feed(1)
		r.scene.frame.Lost = 0
		marks := func() int { return strings.Count(strings.Join(r.fallLines(), "\n"), "!") }
		for range 20 {
			r.feed(5)
			if n := marks(); n != 1 {
				t.Fatalf("%d lines are marked:\n%s", n, strings.Join(r.fallLines(), "\n"))
			}
		}
	})
}

// The past is read by key and by mouse, stays where it is while frames come, and the way
// back is one key.
func TestLookingBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "US-ASCII", 0, Options{})
		defer r.stop()
		r.feed(400) // 20 s: 40 rows, of which 6 are in sight
		r.keys(tcell.KeyDown)
		if got := r.src.sent(); len(got) != 1 || got[0]["span"] != "4M" {
			t.Fatalf("in the spectrum Down sent %v", got)
		}
		r.settle(7 * time.Second)
		r.feed(1)
		r.keys(tcell.KeyTab)
		r.wants("Up/Dn time", "PgUp/PgDn page")
		r.keys(tcell.KeyPgDn, tcell.KeyPgDn)
		r.wants("l LIVE", "back)")
		still := r.fallLines()
		r.feed(100)
		for i, line := range r.fallLines() {
			if !strings.Contains(line, "back)") && line != still[i] {
				t.Errorf("the past moved:\n%s\n%s", line, still[i])
			}
		}
		r.keys(tcell.KeyHome)
		if text := r.text(); strings.Contains(text, "back)") || strings.Contains(text, "l LIVE") {
			t.Errorf("not live:\n%s", text)
		}
		r.keys(tcell.KeyDown, tcell.KeyDown, tcell.KeyDown)
		r.peek(func() {
			if p := r.app.desk.past; p.row != p.top-3 {
				t.Errorf("three rows back is %+v", p)
			}
		})
		for range 60 {
			r.keys(tcell.KeyPgDn)
		}
		r.wants(" 00:00:00 (")
		r.peek(func() {
			if p := r.app.desk.past; p.row != firstRow || p.top > firstRow+10 {
				t.Errorf("at the end of the past: %+v", p)
			}
		})
		for range 80 {
			r.keys(tcell.KeyPgUp)
		}
		r.peek(func() {
			d := r.app.desk
			if d.past.row != d.board.fall.head-1 {
				t.Errorf("back at the newest: %+v of %d", d.past, d.board.fall.head)
			}
		})
		r.keys(tcell.KeyEscape)
		r.feed(5)
		place := planFor(80, 24, paneSpectrum, false).rects[paneWaterfall]
		column := margin + span{97.1e6, 99.1e6}.column(98.3e6, place.w-margin)
		r.sim.InjectMouse(column, place.y+4, tcell.ButtonPrimary, tcell.ModNone)
		r.sim.InjectMouse(column, place.y+4, tcell.ButtonNone, tcell.ModNone)
		r.settle(30 * time.Millisecond)
		if label := strings.Join(r.fallLines(), "\n"); !strings.Contains(label, " -3") || !strings.Contains(label, " dBFS ") {
			t.Errorf("no level of the cell:\n%s", label)
		}
		if line := r.fallLines()[4]; !strings.Contains(line, "+") {
			t.Errorf("no cursor where the click was: %q", line)
		}
		r.sim.InjectMouse(column, place.y+4, tcell.WheelDown, tcell.ModNone)
		r.settle(30 * time.Millisecond)
		r.wants("back)")
		r.keys("l")
		if text := r.text(); strings.Contains(text, "back)") {
			t.Errorf("not live:\n%s", text)
		}
	})
}

// The ring forgets what is looked at, and the view goes on with what there is.
func TestPastIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.scene = newScene(64)
		r.keys(":pace 50ms", tcell.KeyEnter)
		r.feed(100)
		r.keys(tcell.KeyTab, tcell.KeyPgDn, tcell.KeyPgDn, tcell.KeyPgDn)
		for range fallMost/100 + 2 {
			r.feed(100)
		}
		r.peek(func() {
			d := r.app.desk
			if oldest := d.board.fall.tail; oldest == firstRow || d.past.row < oldest || d.past.top < d.past.row {
				t.Errorf("looking at %+v, the oldest is %d", d.past, oldest)
			}
		})
		r.wants("back)")
	})
}
