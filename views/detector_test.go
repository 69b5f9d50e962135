package views

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// Where nothing has power there is no peak, and the axis waits for what there is to see.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := startRig(t, 80, 24, "UTF-8", 256, Options{})
		defer r.stop()
		r.feed(2)
		r.wants("peak 98.300 MHz")
		axis := r.axis()
		silent := r.scene.next(time.Now())
		for i := range silent.Mean {
			silent.Mean[i], silent.Max[i] = spectrum.FloorDB*2, spectrum.FloorDB*2
		}
		r.app.Frame(silent)
		r.settle(2 * time.Second)
		r.wants("peak n/a: no power in sight")
		if strings.ContainsRune(r.text(), r.app.desk.look.peak) {
			t.Errorf("an arrow points at nothing:\n%s", r.text())
		}
		if got := r.axis(); got != axis {
			t.Errorf("the axis went from %q to %q", axis, got)
		}
	})
}

// axis is what stands left of the spectrum.
func (r *rig) axis() string {
	var all strings.Builder
	for _, line := range r.lines()[2:10] {
		all.WriteString(line[:margin])
	}
	return all.String()
}
