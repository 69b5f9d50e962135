package views

import (
	"math"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
)

// leastView is how many measured bins are looked at closest.
const leastView = 16

// A viewport is the part of what is measured that is looked at, and those before it. The
// radio does not notice: the link is asked for the slice and tier that show it.
type viewport struct {
	span             // zero: everything
	last     []span  // to go back to, the newest last
	centerHz float64 // of the radio, when it was chosen
	spanHz   float64
}

const maxViews = 32

func (v *viewport) on() bool { return v.stop > v.start }

// span is what the axis shows.
func (d *desk) span() span {
	if d.view.on() {
		return d.view.span
	}
	g := &d.board.grid
	start, step := g.Axis()
	return span{start, start + float64(g.Bins)*step}
}

// whole is all that is measured, of which the board may have a part.
func (d *desk) whole() (spectrum.Grid, span) {
	g := d.board.grid.Measured()
	return g, span{g.StartHz, g.StopHz()}
}

// look shows low to high, kept within what is measured; all of it is the zero view.
func (a *App) look(s span) {
	d := a.desk
	g, all := d.whole()
	width := min(max(s.stop-s.start, leastView*g.BinHz), all.stop-all.start)
	start := min(max(s.start, all.start), all.stop-width)
	if width > 0.98*(all.stop-all.start) {
		d.view.span = span{}
	} else {
		d.view.span = span{start, start + width}
		d.view.centerHz, d.view.spanHz = g.Tuning.CenterHz, g.Tuning.SpanHz
	}
	a.ask()
}

// ask tells the link what is looked at.
func (a *App) ask() {
	v := stream.View{Columns: Wants.Columns, LowHz: a.desk.view.start, HighHz: a.desk.view.stop, Row: a.desk.pace}
	a.src.Show(v)
}

// remember keeps the view to go back to.
func (v *viewport) remember() {
	if len(v.last) == maxViews {
		v.last = v.last[1:]
	}
	v.last = append(v.last, v.span)
}

// zoomView looks closer (dir -1) or from further away around hz, which stays where it is.
func (a *App) zoomView(dir int, hz float64) {
	d := a.desk
	now := d.span()
	factor := math.Pow(2, float64(dir))
	why := d.cannotMagnify()
	if dir > 0 {
		why = d.cannotUnzoom()
	}
	if why != "" {
		d.say(why, true)
		return
	}
	d.view.remember()
	a.look(span{hz - (hz-now.start)*factor, hz + (now.stop-hz)*factor})
	a.sayView()
}

func (a *App) sayView() {
	d := a.desk
	if !d.view.on() {
		d.say("view: all that is measured", false)
		return
	}
	d.say("view "+device.FormatHz(d.view.start, 3)+"Hz to "+device.FormatHz(d.view.stop, 3)+"Hz", false)
}

// magnify looks closer at the marker, where that is seen, or from further away.
func (a *App) magnify(dir int) {
	d := a.desk
	s := d.span()
	hz := (s.start + s.stop) / 2
	if r, ok := d.place(); ok && r.At > s.start && r.At < s.stop {
		hz = r.At
	}
	a.zoomView(dir, hz)
}

// panView moves the view by a quarter.
func (a *App) panView(dir int) {
	s := a.desk.view.span
	by := float64(dir) * (s.stop - s.start) / 4
	a.look(span{s.start + by, s.stop + by})
}

func (a *App) fullView(int) {
	a.desk.view.remember()
	a.look(span{math.Inf(-1), math.Inf(1)})
	a.sayView()
}

// lastView goes back to the view before.
func (a *App) lastView(int) {
	v := &a.desk.view
	s := v.last[len(v.last)-1]
	v.last = v.last[:len(v.last)-1]
	if s == (span{}) {
		_, s = a.desk.whole()
	}
	a.look(s)
	a.sayView()
}

func (d *desk) cannotMagnify() string {
	if why := d.cannotPoint(); why != "" {
		return why
	}
	g, _ := d.whole()
	if s := d.span(); s.stop-s.start <= leastView*g.BinHz*1.01 {
		return "no bins are finer"
	}
	return ""
}

// cannotPoint is why nothing can be done that takes a frequency of its own.
func (d *desk) cannotPoint() string {
	if d.board.grid.ZeroSpan() {
		return "zero span has one frequency"
	}
	return d.cannotHold()
}

func (d *desk) cannotUnzoom() string {
	if !d.view.on() {
		return "all that is measured is seen: - tunes to a wider span"
	}
	return ""
}

func (d *desk) cannotGoBack() string {
	if len(d.view.last) == 0 {
		return "there was no other view"
	}
	return ""
}

// keepView gives up, when the radio went elsewhere, what was looked at there.
func (a *App) keepView() {
	d := a.desk
	if d.board.grid.ZeroSpan() {
		d.cursor, d.peakTable.open = cursor{}, false
	}
	if d.board.frames == 0 {
		return
	}
	if t := &d.board.grid.Tuning; d.view.on() && (t.CenterHz != d.view.centerHz || t.SpanHz != d.view.spanHz) {
		d.view = viewport{}
		a.ask()
	}
}
