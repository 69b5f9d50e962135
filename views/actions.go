package views

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// target is what the radio will be set to once all that was asked for has happened.
func (a *App) target() spectrum.Settings {
	return a.orders.target(a.desk.status().Settings, time.Now())
}

// send orders settings from the server.
func (a *App) send(set map[string]string) {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		parts = append(parts, name+" "+set[name])
	}
	if !a.orders.add(set) {
		a.desk.say("the server has not answered yet: "+strings.Join(parts, " ")+" was not sent", true)
		return
	}
	a.desk.say(strings.Join(parts, "  "), false)
}

func (a *App) sendFreq(hz float64) {
	in := a.desk.status().Info
	if in.MaxHz > in.MinHz && (hz < in.MinHz || hz > in.MaxHz) {
		a.desk.say(fmt.Sprintf("%s receives %sHz to %sHz", clean(in.Name), device.FormatHz(in.MinHz, 3), device.FormatHz(in.MaxHz, 3)), true)
		return
	}
	set := map[string]string{"freq": exactHz(hz)}
	// Of several ranges, the one around it is what is looked at.
	ranges := a.target().Tuning.Ranges
	for _, r := range ranges.Slice() {
		if hz >= r.LowHz && hz <= r.HighHz {
			set["span"] = exactHz(r.HighHz - r.LowHz)
		}
	}
	a.send(set)
}

// exactHz writes hz so that it reads back to the hertz.
func exactHz(hz float64) string {
	hz = math.Round(hz)
	if hz < 1e9 {
		return device.FormatHz(hz, 6)
	}
	return device.FormatHz(hz, 9)
}

// pan moves the cursor, the view or the radio.
func (a *App) pan(dir int) {
	switch {
	case a.desk.cursor.on:
		a.moveCursor(dir)
		return
	case a.desk.view.on():
		a.panView(dir)
		return
	}
	s := a.target()
	step := s.Tuning.SpanHz / 10
	if s.Tuning.ZeroSpan() {
		step = s.RBWHz
	}
	a.sendFreq(s.Tuning.CenterHz + float64(dir)*step)
}

func (a *App) zoom(dir int) {
	if d := a.desk; d.diagnoses() {
		d.delayStep = min(max(d.delayStep+dir, 0), len(stream.DelaySteps)-1)
		return
	}
	s := a.target()
	if s.Tuning.ZeroSpan() {
		a.zoomSweep(s.SweepTime, dir)
		return
	}
	span := s.Tuning.SpanHz * math.Pow(2, float64(dir))
	a.send(map[string]string{"span": exactHz(span)})
}

// enter tunes to the marker, or puts it where the cursor is.
func (a *App) enter(int) {
	if a.desk.cursor.on {
		a.mark()
		return
	}
	r, ok := a.desk.place()
	if !ok {
		a.desk.say("the marker has found nothing", true)
		return
	}
	if m := a.desk.marker(); m.FixedOn(&a.desk.board.grid) {
		r.At = m.At
	}
	a.sendFreq(r.At)
}

// nextDetector passes over what is not measured.
func (a *App) nextDetector(int) {
	next := (a.desk.detector + 1) % Detector(len(detectorNames))
	if next == Min && !a.desk.board.grid.Min {
		next = Mean
	}
	a.setDetector(next)
}

func (a *App) setDetector(d Detector) {
	a.desk.detector = d
	a.desk.say("detector "+d.String(), false)
}

func (a *App) toggleFreeze(int) {
	d := a.desk
	if d.frozen() {
		d.thaw()
		return
	}
	d.frozenAt = d.board.last
	d.age = d.dataAge()
}

func (a *App) toggleExpand(int) { a.desk.expanded = !a.desk.expanded }

// nextPane moves the focus to a pane that can be seen; expanded, any can be.
func (a *App) nextPane(dir int) {
	d := a.desk
	for range int(paneCount) {
		d.focus = (d.focus + paneID(dir) + paneCount) % paneCount
		if d.focus == paneHeader || d.focus == paneFooter {
			continue
		}
		if d.expanded || d.plan.shown(d.focus) {
			return
		}
	}
}

// stepGain moves along the steps of a gain, from wherever it is.
func (a *App) stepGain(name string, have, dir, step, most int) {
	want := min(max((have/step+dir)*step, 0), most)
	if want == have {
		a.desk.say(fmt.Sprintf("%s is at its end: %d dB", strings.ToUpper(name), have), false)
		return
	}
	a.send(map[string]string{name: strconv.Itoa(want)})
}

func (a *App) stepLNA(dir int) { a.stepGain("lna", a.target().Tuning.LNADB, dir, 8, 40) }
func (a *App) stepVGA(dir int) { a.stepGain("vga", a.target().Tuning.VGADB, dir, 2, 62) }

func (a *App) toggleAmp(int) {
	a.send(map[string]string{"amp": onOff(!a.target().Tuning.Amp)})
}

func (a *App) stepRef(dir int) {
	ref := math.Round((a.desk.board.levels.top-float64(dir)*stepDB)/stepDB) * stepDB
	a.setRef(&ref)
}

// setRef puts the top of the axis at ref, or leaves it to the signal.
func (a *App) setRef(ref *float64) {
	a.desk.ref = ref
	a.mu.Lock()
	a.ref = ref
	a.live.relevel(ref)
	a.mu.Unlock()
	if a.desk.frozen() {
		a.desk.board.relevel(ref)
	}
	if ref == nil {
		a.desk.say("ref auto", false)
		return
	}
	a.desk.say(fmt.Sprintf("ref %.0f %s", *ref, a.desk.board.grid.Unit()), false)
}

func (a *App) retryNow(int) {
	a.src.Retry()
	a.desk.say("trying to reconnect", false)
}

func (a *App) openPalette(int) {
	a.desk.palette.begin()
	a.tv.SetFocus(a.desk)
}

func (a *App) openHelp(int) {
	a.desk.help.open, a.desk.help.people = true, false
	a.desk.help.find("")
}

func (a *App) backOut(int) {
	switch {
	case a.desk.cursor.on:
		a.desk.cursor, a.desk.past = cursor{}, past{}
	case a.desk.past.on || a.desk.past.cursor:
		a.desk.past = past{}
	case a.desk.expanded:
		a.desk.expanded = false
	case a.desk.frozen():
		a.desk.thaw()
	}
}

func (a *App) redraw(int) { a.screen.sync = true }

func (a *App) leave(int) { a.quit(nil) }

// key is every key's first stop.
func (a *App) key(ev *tcell.EventKey) *tcell.EventKey {
	d := a.desk
	a.refresh(a.src.Link(), time.Now())
	if ev.Key() == tcell.KeyCtrlC {
		a.leave(0)
		return nil
	}
	if d.palette.open {
		return a.paletteKey(ev)
	}
	if d.help.open {
		d.help.key(ev)
		return nil
	}
	if d.peakTable.open {
		a.peakKey(ev)
		return nil
	}
	d.notice = notice{}
	if d.plan.tooSmall && ev.Rune() != 'q' {
		return nil // nobody sees what it would do
	}
	for i := range keymap {
		for _, s := range keymap[i].strokes {
			if s.is(ev) && d.why(&keymap[i]) != elsewhere {
				a.press(&keymap[i], s.arg)
				return nil
			}
		}
	}
	return nil
}

// press does what a key does, or says why not.
func (a *App) press(b *binding, arg int) {
	if why := a.desk.why(b); why != "" {
		a.desk.say(b.word+": "+why, true)
		return
	}
	b.do(a, arg)
}
