package views

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A linkPane says how the link is doing; where there is one line only, the essence.
type linkPane struct{ pane }

// Draw draws as many lines as there is room for, the most important first.
func (p *linkPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	if h == 1 {
		p.drawLine(screen, x+1, y, w-1)
		return
	}
	x, w = x+1, w-1
	if p.desk.diagnoses() && w >= diagnosisW && h >= diagnosisH {
		p.drawDiagnosis(screen, x, y, w, h)
		return
	}
	lines := []func(*pen){
		p.stateLine, p.rttLine, p.rttPulse, p.jitterLine, p.inLine, p.inPulse,
		p.countsLine, p.ageLine, p.upLine, p.outageLine,
	}
	if h > len(lines) {
		more := []func(*pen){p.serverLine, p.urlLine, p.sessionLine, p.outPulse, p.framesPulse, p.ttyLine}
		n := min(h-len(lines), len(more))
		lines = append(lines, more[:n]...)
	}
	for i, line := range lines[:min(h, len(lines))] {
		line(&pen{screen: screen, x: x, y: y + i, to: x + w})
	}
}

// value is the style of a number: quiet once nobody measures it any more.
func (p *linkPane) value() tcell.Style {
	switch p.desk.link.State {
	case stream.Live, stream.Degraded, stream.CatchingUp, stream.Stale:
		return p.desk.look.text
	default:
		return p.desk.look.quiet
	}
}

// put writes label and value by turns.
func (p *linkPane) put(pn *pen, parts ...string) {
	for i, s := range parts {
		if i%2 == 0 {
			pn.put(s, p.desk.look.label)
		} else {
			pn.put(s, p.value())
		}
	}
}

func (p *linkPane) stateWord() word {
	d := p.desk
	l, link := d.look, &d.link
	switch link.State {
	case stream.Live:
		return word{"LIVE", l.good}
	case stream.Degraded:
		why := []string{}
		if link.Behind > 1 {
			why = append(why, fmt.Sprintf("merged x%d", link.Behind))
		}
		if link.Tier > 0 {
			why = append(why, fmt.Sprintf("tier %d", link.Tier))
		}
		return word{strings.TrimSpace("DEGRADED " + strings.Join(why, " ")), l.warn}
	case stream.Reconnecting:
		return word{d.retry(), l.warn}
	case stream.Connecting, stream.CatchingUp:
		return word{link.State.String(), l.warn}
	default:
		return word{link.State.String() + " since " + link.Since.UTC().Format("15:04:05"), l.warn}
	}
}

func (p *linkPane) stateLine(pn *pen) {
	w := p.stateWord()
	scheme, _, _ := strings.Cut(p.desk.link.URL, ":")
	right := strings.TrimSpace(clean(scheme) + " " + clean(p.desk.link.Server.Role))
	end := pn.to
	pn.put(w.text, w.style)
	if at := end - uniseg.StringWidth(right); right != "" && at > pn.x+1 {
		pn.x = at
		pn.put(right, p.desk.look.quiet)
	}
}

func (p *linkPane) rttLine(pn *pen) {
	if r := clean(p.desk.link.Reason); r != "" && !p.desk.current() {
		pn.put(clip(r, pn.to-pn.x), p.desk.look.warn)
		return
	}
	r := &p.desk.link.RTT
	p.put(pn, "rtt ", millis(r.Now), " p50 ", millis(r.P50), " p95 ", millis(r.P95), " p99 ", millis(r.P99), " ms")
}

func (p *linkPane) rttPulse(pn *pen) {
	values := make([]float64, len(p.desk.link.RTT.Recent))
	for i, v := range p.desk.link.RTT.Recent {
		values[i] = v.Seconds()
	}
	p.desk.look.pulse(pn, values, 1, 1, p.pulseStyle())
}

func (p *linkPane) pulseStyle() tcell.Style {
	if !p.desk.current() {
		return p.desk.look.quiet
	}
	return p.desk.look.mean
}

// ratePulse draws the last minute, some seconds a cell: it moves as often as it must
// and no more, since each move changes every cell.
func (p *linkPane) ratePulse(pn *pen, values []float64) {
	const minute = 60
	n := pn.to - pn.x
	if n <= 0 {
		return
	}
	each := max((minute+n-1)/n, 3)
	phase := int(p.desk.now.Unix()%int64(each)) + 1
	p.desk.look.pulse(pn, values, each, phase, p.pulseStyle())
}

func (p *linkPane) jitterLine(pn *pen) {
	r := &p.desk.link.RTT
	offset := "  -"
	if r.Now != 0 {
		offset = fmt.Sprintf("%+.1f", float64(r.ClockOffset)/float64(time.Millisecond))
		if r.ClockOffset.Abs() >= time.Second {
			offset = fmt.Sprintf("%+.1f s", r.ClockOffset.Seconds())
		}
	}
	unit := " ms"
	if strings.HasSuffix(offset, "s") {
		unit = ""
	}
	p.put(pn, "jitter ", millis(r.Jitter), " ms   clock ", offset, unit)
}

func tier(n int) string {
	if n == 0 {
		return "full"
	}
	return fmt.Sprint(n)
}

func (p *linkPane) inLine(pn *pen) {
	l := &p.desk.link
	p.put(pn, "in ", perSecond(l.In.Now), " ", fmt.Sprintf("%5.1f f/s", l.Frames.Now), " tier ")
	style := p.value()
	if l.Tier > 0 {
		style = p.desk.look.warn
	}
	pn.put(tier(l.Tier), style)
}

func (p *linkPane) inPulse(pn *pen) {
	end := pn.to
	pn.to -= 15
	p.ratePulse(pn, p.desk.link.In.Recent)
	pn.x, pn.to = pn.to, end
	p.put(pn, " out ", perSecond(p.desk.link.Out.Now))
}

func (p *linkPane) outPulse(pn *pen) {
	p.put(pn, "out ")
	p.ratePulse(pn, p.desk.link.Out.Recent)
}

func (p *linkPane) framesPulse(pn *pen) {
	p.put(pn, "f/s ")
	p.ratePulse(pn, p.desk.link.Frames.Recent)
}

// ttyLine is what the terminal takes, which is no part of the link, where the events
// pane does not say it.
func (p *linkPane) ttyLine(pn *pen) {
	if !p.desk.plan.shown(paneEvents) {
		pn.put(p.desk.traffic.words(), p.desk.look.label)
	}
}

// few writes a count in at most five cells.
func few(n uint64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 10_000_000:
		return fmt.Sprintf("%dk", n/1000)
	default:
		return fmt.Sprintf("%dM", n/1_000_000)
	}
}

func (p *linkPane) countsLine(pn *pen) {
	l := &p.desk.link
	p.put(pn, "merged ", fmt.Sprintf("%-4s", few(l.Merged)), " gaps ")
	style := p.value()
	if l.Missing > 0 {
		style = p.desk.look.warn
	}
	pn.put(fmt.Sprintf("%-4s", few(l.Missing)), style)
	p.put(pn, " seq ", grouped(l.LastSeq))
}

func (p *linkPane) ageLine(pn *pen) {
	a := &p.desk.link.Age
	p.put(pn, "age fft ", millis(a.Capture), " srv ", millis(a.Serve), " net ", millis(a.Link), " tty ", millis(a.Draw))
	if pn.to-pn.x >= 3 {
		p.put(pn, " ms")
	}
}

func (p *linkPane) upLine(pn *pen) {
	l := &p.desk.link
	up := "-"
	if !l.UpSince.IsZero() && p.desk.connected() {
		up = ago(p.desk.now.Sub(l.UpSince).Truncate(time.Second))
	}
	p.put(pn, "up ", fmt.Sprintf("%-11s", up), "outages ")
	n := len(l.Outages)
	if n == 0 {
		p.put(pn, "", "0")
		return
	}
	last := l.Outages[n-1]
	end := last.To
	if end.IsZero() {
		end = p.desk.now
	}
	p.put(pn, "", fmt.Sprint(n), "", " ("+ago(end.Sub(last.From))+")")
	if restarts := fmt.Sprintf(" restarts %d", l.Restarts); l.Restarts > 0 && pn.to-pn.x >= len(restarts) {
		pn.put(restarts, p.desk.look.warn)
	}
}

// connected reports whether there is a link, fresh frames or not.
func (d *desk) connected() bool { return d.current() || d.link.State == stream.Stale }

// outageSpan is what the line of outages covers.
const outageSpan = 30 * time.Minute

// outageLine shows when there was a link, newest right.
func (p *linkPane) outageLine(pn *pen) {
	d := p.desk
	p.put(pn, "30 m ")
	n := pn.to - pn.x
	if n <= 0 {
		return
	}
	each := outageSpan / time.Duration(n)
	// Whole cells of wall time, so that the line moves a cell at a time.
	end := d.now.Truncate(each).Add(each)
	for i := range n {
		from := end.Add(-each * time.Duration(n-i))
		to := from.Add(each)
		switch {
		case d.outage(from, to):
			pn.rune('#', d.look.warn)
		case !d.seenSince.IsZero() && to.After(d.seenSince):
			pn.rune(d.look.hline, d.look.quiet)
		default:
			pn.rune(' ', d.look.quiet)
		}
	}
}

func (d *desk) outage(from, to time.Time) bool {
	for _, o := range d.link.Outages {
		if o.From.Before(to) && (o.To.IsZero() && from.Before(d.now) || o.To.After(from)) {
			return true
		}
	}
	return false
}

func (p *linkPane) serverLine(pn *pen) {
	s := &p.desk.link.Server
	p.put(pn, "server ", clip(clean(strings.TrimSpace(s.Name+" "+s.Version)), pn.to-pn.x-18))
	if s.PID != 0 {
		p.put(pn, " pid ", fmt.Sprint(s.PID))
	}
}

func (p *linkPane) urlLine(pn *pen) {
	where := p.desk.link.URL
	if u, err := url.Parse(where); err == nil {
		u.User = nil
		where = u.String()
	}
	p.put(pn, "at ", clip(clean(where), pn.to-pn.x-3))
}

func (p *linkPane) sessionLine(pn *pen) {
	s := &p.desk.link.Server
	p.put(pn, "session ", clip(clean(s.Session), 8), " epoch ", clip(clean(s.Epoch), 8))
}

// drawLine is the pane where there is no room for it.
func (p *linkPane) drawLine(screen tcell.Screen, x, y, w int) {
	d := p.desk
	pn := &pen{screen: screen, x: x, y: y, to: x + w}
	s := p.stateWord()
	pn.put(s.text, s.style)
	l := &d.link
	if r := clean(l.Reason); r != "" && !d.current() {
		pn.put("  "+clip(r, pn.to-pn.x-2), d.look.warn)
		return
	}
	p.put(pn, "  rtt ", millis(l.RTT.Now), " ms  in ", perSecond(l.In.Now), "  merged ", few(l.Merged), "  gaps ")
	style := p.value()
	if l.Missing > 0 {
		style = d.look.warn
	}
	pn.put(few(l.Missing), style)
}
