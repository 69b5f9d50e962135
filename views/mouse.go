package views

import (
	"time"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// MouseHandler hands every mouse event to the App. A mouse capture could not: tview
// goes on with the nil that one returns when a press comes with a move.
func (d *desk) MouseHandler() func(tview.MouseAction, *tcell.EventMouse, func(tview.Primitive)) (bool, tview.Primitive) {
	return func(action tview.MouseAction, ev *tcell.EventMouse, _ func(tview.Primitive)) (bool, tview.Primitive) {
		x, y := ev.Position()
		return d.onMouse(action, x, y), nil
	}
}

// mouse does what an action at x, y asks for and reports whether it may show.
func (a *App) mouse(action tview.MouseAction, x, y int) bool {
	d := a.desk
	a.refresh(a.src.Link(), time.Now())
	switch action {
	case tview.MouseScrollUp, tview.MouseScrollDown:
		dir := -1
		if action == tview.MouseScrollDown {
			dir = 1
		}
		a.wheel(x, y, dir)
	case tview.MouseLeftDown:
		if d.help.open {
			d.help.open = false
		} else if !d.palette.open && !d.plan.tooSmall {
			a.click(x, y)
		}
	default:
		return false
	}
	return true
}

func (a *App) wheel(x, y, dir int) {
	d := a.desk
	switch {
	case d.help.open:
		d.help.scroll += 3 * dir
	case d.palette.open || d.plan.tooSmall:
	case d.plan.rects[paneSpectrum].holds(x, y):
		a.press(bound("zoom"), dir)
	case d.plan.rects[paneWaterfall].holds(x, y):
		d.focus = paneWaterfall
		a.press(bound("time"), 3*dir)
	}
}

// click presses a hint, or gives a pane the focus and puts the marker.
func (a *App) click(x, y int) {
	d := a.desk
	if d.plan.rects[paneFooter].holds(x, y) {
		for _, h := range d.hints {
			if x >= h.x && x < h.x+h.w {
				a.press(h.binding, h.arg(x))
				return
			}
		}
		d.notice = notice{}
		return
	}
	for id := paneSpectrum; id <= paneEvents; id++ {
		r := d.plan.rects[id]
		if !r.holds(x, y) {
			continue
		}
		d.focus = id
		if n := r.w - margin; id <= paneWaterfall && x >= r.x+margin && n > 0 && d.board.frames > 0 {
			d.marker = marker{on: true, fixed: true, zeroSpan: d.board.grid.ZeroSpan(), at: d.strongestIn(x-r.x-margin, n)}
			d.notice = notice{}
		}
		if id == paneWaterfall {
			d.pointAt(y - r.y)
		}
	}
}

// strongestIn is the place of the strongest bin in a column of n, so that a click
// on a carrier lands on it.
func (d *desk) strongestIn(column, n int) float64 {
	s := d.span()
	trace, _ := d.leading()
	g := &d.board.grid
	width := (s.stop - s.start) / float64(n)
	low := binAt(g, s.start+float64(column)*width)
	high := binAt(g, s.start+float64(column+1)*width)
	best := binAt(g, s.at(column, n))
	for i := max(low, 0); i <= min(high, len(trace)-1); i++ {
		if best < 0 || best >= len(trace) || trace[i] > trace[best] {
			best = i
		}
	}
	return binCenter(g, best)
}

// arg is the stroke that a click in column x stands for: the first of a pair in the
// left half, the other in the right.
func (h *hint) arg(x int) int {
	first := h.binding.strokes[0].arg
	if first == -1 && x-h.x >= 2 {
		return 1
	}
	return first
}

// bound finds a binding by what it does.
func bound(word string) *binding {
	for i := range keymap {
		if keymap[i].word == word {
			return &keymap[i]
		}
	}
	return nil
}
