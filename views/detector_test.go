package views

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
)

func TestTroughsKeepTheLeast(t *testing.T) {
	src := slices.Repeat([]int16{-100}, 1000)
	src[617] = -150
	for i := range src[:100] {
		src[i] = spectrum.Absent
	}
	for _, n := range []int{1, 7, 36, 500, 999, 1000, 1001, 4000} {
		dst := make([]int16, n)
		troughs(dst, 100, 1000/float64(n), src, 100, 1)
		if at := float64(slices.Index(dst, -150)) / float64(n) * 1000; at > 617.5 || at+1000/float64(n) < 617 {
			t.Errorf("%d cells: the least is at %.0f", n, at)
		}
		if n > 10 && (dst[0] != spectrum.Absent || dst[n-1] != -100) {
			t.Errorf("%d cells: from %d to %d", n, dst[0], dst[n-1])
		}
	}
}

// Min leads where frames have it. Where they do not the mean does, and one line says how
// to change that.
func TestMinLeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lacks = "min is not measured: type :min on"
		r := startRig(t, 120, 40, "UTF-8", 1<<24, Options{Detector: Min})
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
