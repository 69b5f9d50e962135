package views

import (
	"strings"
	"testing"
	"testing/synctest"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

// Min leads where frames have it. Where they do not the mean does, and one line says how
// to change that.
func TestMinLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lacks = "min is not measured: type :min on"
		r := startRig(t, 120, 40, "UTF-8", 1<<24, Options{Memory: Memory{Detector: Min}})
		defer r.stop()
		r.feed(5)
		r.wants(lacks, "detector min", "peak 98.300 MHz")
		r.keys("d", "d")
		r.wants("detector max")
		r.keys("d", ":detector min", tcell.KeyEnter)
		r.wants(lacks)
		r.scene.withMin()
		r.feed(5)
		if text := r.text(); strings.Contains(text, lacks) {
			t.Errorf("min is measured:\n%s", text)
		}
		r.wants("detector min", "peak 98.300 MHz")
		r.golden("min-120x40")
		r.keys("d", "d", "d")
		r.wants("detector min")
	})
}

// What was done to levels is said at any width.
func TestHowItWasMeasuredIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, w := range []int{60, 80, 120} {
			r := startRig(t, w, 24, "UTF-8", 256, Options{})
			r.feed(2)
			if lines := r.lines(); strings.Contains(lines[0]+lines[1], "DC ") || strings.Contains(lines[1], "VBW") {
				t.Errorf("nothing was done, and it says %q", lines[:2])
			}
			for dc, want := range map[spectrum.DC]string{spectrum.DCMask: "DC masked", spectrum.DCInterpolate: "DC interpolated"} {
				r.scene.frame.Grid.DC, r.scene.frame.Grid.VBWHz = dc, 120
				r.scene.frame.Grid.Generation++
				r.feed(2)
				lines := r.lines()
				if !strings.Contains(lines[0], want) || !strings.Contains(lines[1], "VBW 120") || !strings.Contains(lines[1], "avg 8") {
					t.Errorf("the screen lacks %s or the VBW: %q", want, lines[:2])
				}
			}
			r.stop()
		}
	})
}
