package views

import (
	"fmt"
	"strings"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A headerPane is the two lines that never scroll away: what this is, whether it is
// live and how old, what is wrong, what time it is; and how it was measured.
type headerPane struct{ pane }

// A word is text in one style.
type word struct {
	text  string
	style tcell.Style
}

// Draw draws both lines.
func (p *headerPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	if h < 2 {
		return
	}
	p.drawFirst(screen, x, y, w)
	p.drawSecond(screen, x, y+1, w)
}

func (p *headerPane) drawFirst(screen tcell.Screen, x, y, w int) {
	d := p.desk
	clock := d.now.UTC().Format("15:04:05Z")
	words := append(append([]word{d.stateWord()}, d.wrongs(true)...), d.touched()...)
	room := w - 1 - len(clock) - 1
	left := room - width(words)
	if left < 0 { // since when goes before what
		words = append(append(words[:1], d.wrongs(false)...), d.touched()...)
		left = room - width(words)
	}
	room = left
	pn := pen{screen: screen, x: x + 1, y: y, to: x + w - len(clock) - 1}
	const title = "ARGOS"
	if room >= len(title) { // what is wrong goes before who we are
		pn.put(title, d.look.accent)
		if name := d.identity(room - len(title) - 1); name != "" {
			pn.put(" "+name, d.look.strong)
		}
		pn.x += 2
	}
	for _, s := range words {
		pn.put(s.text, s.style)
		pn.x += 2
	}
	c := pen{screen: screen, x: x + w - len(clock), y: y, to: x + w}
	c.put(clock, d.look.text)
}

// width is how many columns words take, each with a gap after it.
func width(words []word) (n int) {
	for _, s := range words {
		n += uniseg.StringWidth(s.text) + 2
	}
	return n
}

// identity is the server, the radio and the end of its serial, as far as there is room.
func (d *desk) identity(room int) string {
	var parts []string
	if s := d.link.Server.Name; s != "" {
		parts = append(parts, clean(s))
	}
	if st := d.status(); st != nil {
		if st.Info.Name != "" {
			parts = append(parts, clean(st.Info.Name))
		}
		if s := clean(st.Info.Serial); s != "" {
			parts = append(parts, ".."+s[max(len(s)-4, 0):])
		}
	}
	for len(parts) > 1 && uniseg.StringWidth(strings.Join(parts, " ")) > room {
		if len(parts) == 3 {
			parts = parts[:2]
			continue
		}
		parts = parts[1:] // the radio says more than the host
	}
	return clip(strings.Join(parts, " "), room)
}

// stateWord says whether the picture is live and how old it is.
func (d *desk) stateWord() word {
	l, age := d.look, d.age
	old := ""
	if d.board.frames > 0 {
		old = fmt.Sprintf(" %7s old", ago(age))
	}
	if d.frozen() {
		return word{" FROZEN" + old + " ", l.alarm}
	}
	switch d.link.State {
	case stream.Live:
		return word{"LIVE" + old, l.good}
	case stream.Degraded, stream.CatchingUp:
		return word{d.link.State.String() + old, l.warn}
	case stream.Connecting:
		return word{"CONNECTING", l.warn}
	case stream.Reconnecting:
		return word{" " + d.retry() + " ", l.alarm}
	default:
		return word{" " + d.link.State.String() + old + " ", l.alarm}
	}
}

// retry is which attempt comes and when.
func (d *desk) retry() string {
	s := fmt.Sprintf("RECONNECTING %d", d.link.Attempt)
	if in := d.link.RetryAt.Sub(d.now); in > 0 {
		return s + fmt.Sprintf(" in %4.1f s", in.Seconds())
	}
	return s + " now"
}

// recently is how long a thing that went wrong stays in the first line.
const recently = 10 * time.Minute

// wrongs are the things that an operator must not miss, the worst first, and, if long,
// since when.
func (d *desk) wrongs(long bool) []word {
	var ws []word
	l := d.look
	st := d.status()
	if d.link.Server.Insecure {
		ws = append(ws, word{" INSECURE ", l.alarm})
	}
	if st != nil && st.Info.Simulated || st == nil && d.board.grid.Simulated {
		ws = append(ws, word{" SIMULATED ", l.alarm})
	}
	if st == nil {
		return ws
	}
	switch st.State {
	case spectrum.Failed:
		ws = append(ws, word{" RADIO FAILED ", l.alarm})
	case spectrum.Interrupted:
		ws = append(ws, word{" RADIO LOST ", l.alarm})
	case spectrum.Ended:
		ws = append(ws, word{"ENDED", l.warn})
	}
	lost := "LOST SAMPLES"
	if !d.plan.full {
		lost = "LOST"
	}
	ws = append(ws, d.happened(lost, st.LastLost, long)...)
	ws = append(ws, d.happened("OVERLOAD", st.LastOverload, long)...)
	if t := &d.board.grid.Tuning; d.board.frames > 0 && !t.Sweeps() && st.Info.FlatShare > 0 && t.SpanHz > st.Info.FlatShare*t.RateHz+1 {
		ws = append(ws, word{"EDGES LOW", l.warn})
	}
	return ws
}

// touched says which levels are not as the radio heard them.
func (d *desk) touched() []word {
	if words := dcWords(d.board.grid.DC); words != "" {
		return []word{{words, d.look.warn}}
	}
	return nil
}

// dcWords say that the bins around the radio's centre are not as it heard them.
func dcWords(dc spectrum.DC) string {
	switch dc {
	case spectrum.DCMask:
		return "DC masked"
	case spectrum.DCInterpolate:
		return "DC interpolated"
	default:
		return ""
	}
}

// happened is a lamp for what is wrong now, or was not long ago.
func (d *desk) happened(what string, last time.Time, long bool) []word {
	since := d.since(last)
	switch {
	case last.IsZero() || since >= recently:
		return nil
	case since < 2*time.Second:
		return []word{{" " + what + " ", d.look.alarm}}
	case long:
		return []word{{what + " " + ago(since) + " ago", d.look.warn}}
	default:
		return []word{{what, d.look.warn}}
	}
}

// drawSecond says how the picture was measured, from the frame on it and not from
// what was asked for. Where it gets tight, gaps go before words do.
func (p *headerPane) drawSecond(screen tcell.Screen, x, y, w int) {
	d := p.desk
	words := []word{{"no frame yet", d.look.quiet}}
	if d.board.frames > 0 {
		words = d.measured(w)
	}
	text := 0
	for _, s := range words {
		text += uniseg.StringWidth(s.text)
	}
	pn := pen{screen: screen, x: x + 1, y: y, to: x + w, narrow: text > w-1}
	for _, s := range words {
		pn.put(s.text, s.style)
	}
}

// wideWords is how many columns the second line takes with units and the window.
const wideWords = 116

// roomForRanges is how many columns ranges may take there.
const roomForRanges = 24

// measured is what no number on the screen can be read without.
func (d *desk) measured(w int) []word {
	l, b := d.look, d.board
	g := &b.grid
	if g.ZeroSpan() {
		return d.sweepWords(w)
	}
	rbw, avg, unit := "n/a", "n/a", ""
	if w >= wideWords {
		unit = "Hz"
	}
	if g.RBWHz > 0 {
		rbw = short(g.RBWHz) + unit
	}
	if b.averages > 0 {
		avg = fmt.Sprint(b.averages)
	}
	where := hz(g.Tuning.CenterHz) + unit
	if ranges := g.Tuning.Ranges; ranges.Several() {
		if where = ranges.String(); w < wideWords || len(where) > roomForRanges {
			where = fmt.Sprintf("%d ranges", len(ranges.Slice()))
		}
	}
	ws := []word{
		{where, l.strong},
		{"  span ", l.label},
		{width3(g.Tuning.SpanHz) + unit, l.text},
		{"  RBW ", l.label},
		{rbw, l.text},
	}
	if g.VBWHz > 0 {
		ws = append(ws, word{"  VBW ", l.label}, word{short(g.VBWHz) + unit, l.text})
	}
	ws = append(ws, word{"  avg ", l.label}, word{avg, l.text}, word{"  " + g.Unit(), l.text})
	if w >= wideWords {
		ws = append(ws, word{"  " + g.Window.String(), l.text})
		if g.Overlap > 0 {
			ws = append(ws, word{fmt.Sprintf(" %.0f%%", g.Overlap*100), l.quiet})
		}
		ws = append(ws, word{"  detector ", l.label}, word{fmt.Sprintf("%-4s", d.detector), l.text})
	}
	return append(ws, d.gains(g.Tuning, w)...)
}

func (d *desk) gains(t device.Tuning, w int) []word {
	l := d.look
	if st := d.status(); st != nil && !st.Info.Gains {
		return []word{{"   gain ", l.label}, {"n/a", l.quiet}}
	}
	ws := []word{
		{"   LNA ", l.label},
		{fmt.Sprintf("%2d", t.LNADB), l.text},
		{"  VGA ", l.label},
		{fmt.Sprintf("%2d", t.VGADB), l.text},
	}
	if w < 70 {
		if t.BiasTee {
			ws = append(ws, word{" bias on", l.alarm})
		}
		return ws
	}
	amp, power := word{fmt.Sprintf("%-3s", onOff(t.Amp)), l.text}, word{onOff(t.BiasTee), l.text}
	if t.Amp {
		amp.style = l.warn
	}
	if t.BiasTee {
		power.style = l.alarm // can destroy what is connected
	}
	return append(ws,
		word{"  amp ", l.label}, amp,
		word{" bias ", l.label}, power)
}
