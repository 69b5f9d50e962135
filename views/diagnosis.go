package views

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// Sizes, in cells, from which on the expanded link pane is a diagnosis.
const diagnosisW, diagnosisH = 59, 16

// diagnoses reports whether the link has the screen to itself.
func (d *desk) diagnoses() bool { return d.expanded && d.focus == paneLink }

// drawDiagnosis says where the delay is, how it was, and what the link has to spare.
func (p *linkPane) drawDiagnosis(screen tcell.Screen, x, y, w, h int) {
	at := func(row int) *pen { return &pen{screen: screen, x: x, y: y + row, to: x + w} }
	sentence := at(0)
	sentence.put(p.sentence(), p.stateWord().style)
	p.stagesBar(at(2))
	p.stagesLine(at(3))
	numbers := []func(*pen){p.rttLine, p.jitterLine, p.wholeInLine, p.countsLine, p.upLine, p.outageLine, p.cipherLine}
	if h > 22 {
		numbers = append(numbers, p.serverLine, p.urlLine)
	}
	// Two charts and their axes share what is left.
	charts := h - 5 - len(numbers)
	high := min((charts-3)/2, 8)
	row := 5
	p.countsChart(at(row), high)
	row += high + 1
	if high >= 3 {
		row++
	}
	p.timeChart(at(row), high)
	row += high + 1
	for i, line := range numbers {
		line(at(min(row, h-len(numbers)) + i))
	}
}

// sentence is the link in one line.
func (p *linkPane) sentence() string {
	d := p.desk
	l := &d.link
	switch l.State {
	case stream.Reconnecting, stream.Refused, stream.Closed, stream.Connecting:
		return strings.TrimSuffix(p.stateWord().text+": "+clean(l.Reason), ": ")
	case stream.Stale:
		text := p.stateWord().text + ": the server answers, and sends no frames"
		if s := d.status(); s != nil && s.Reason != "" {
			text += ": " + clean(s.Reason)
		}
		return text
	}
	text := p.stateWord().text
	if d.age > 0 {
		text += ", " + ago(d.age) + " old"
	}
	switch share := l.In.Now / l.Takes; {
	case l.Takes == 0:
	case share < 0.01:
		text += ", link uses less than 1 % of what it has"
	default:
		text += fmt.Sprintf(", link uses %.0f %% of what it has", min(share, 1)*100)
	}
	return text
}

// A stage is a part of the delay.
type stage struct {
	name string
	took time.Duration
}

func (p *linkPane) stages() [4]stage {
	a := &p.desk.link.Age
	return [4]stage{{"fft", a.Capture}, {"srv", a.Serve}, {"net", a.Link}, {"tty", a.Draw}}
}

// stagesBar is the delay as a bar of its stages, each of its first letter, so that it
// takes no colour to tell them apart.
func (p *linkPane) stagesBar(pn *pen) {
	p.put(pn, "delay ")
	var all time.Duration
	for _, s := range p.stages() {
		all += s.took
	}
	total := fmt.Sprintf(" %s ms", millis(all))
	room := min(pn.to-pn.x-len(total), 100)
	if all == 0 || room < 8 {
		p.put(pn, "", "not measured yet")
		return
	}
	styles := [4]tcell.Style{p.desk.look.mean, p.desk.look.quiet, p.desk.look.max, p.desk.look.hold}
	var through time.Duration
	done := 0
	for i, s := range p.stages() {
		through += s.took
		end := int(float64(through) / float64(all) * float64(room))
		for ; done < end; done++ {
			pn.rune(rune(s.name[0]), p.desk.faded(styles[i]))
		}
	}
	p.put(pn, "", total)
}

// stagesLine names the stages, and how far another machine's clock is to be trusted.
func (p *linkPane) stagesLine(pn *pen) {
	p.put(pn, "      ")
	for _, s := range p.stages() {
		p.put(pn, s.name+" ", millis(s.took), " ")
	}
	if least := p.desk.link.RTT.Min; least > 0 {
		p.put(pn, "ms, net ", "± "+millis(least/2))
	}
	p.put(pn, " ms")
}

// column draws a bar over a share of so many cells, of which y is the highest.
func (p *linkPane) column(screen tcell.Screen, x, y, high int, share float64, style tcell.Style) {
	spark := p.desk.look.spark
	parts := int(share*float64(high*len(spark)) + 0.5)
	for row := 1; parts > 0 && row <= high; row++ {
		screen.SetContent(x, y+high-row, spark[min(parts, len(spark))-1], nil, style)
		parts -= len(spark)
	}
}

// countsChart is how often frames were how old.
func (p *linkPane) countsChart(pn *pen, high int) {
	counts := p.desk.link.Delay.Counts
	all, most := uint64(0), uint64(1)
	for _, n := range counts {
		all += n
		most = max(most, n)
	}
	axis := &pen{screen: pn.screen, x: pn.x, y: pn.y + high, to: pn.to}
	p.put(pn, "ages  ")
	p.put(axis, "  ms  ")
	each := min((pn.to-axis.x)/len(counts), 9)
	bar := max(high-1, 1) // its share stands above it
	for i, n := range counts {
		label := ">"
		if i < len(stream.DelayBounds) {
			label = fmt.Sprint(stream.DelayBounds[i].Milliseconds())
			if stream.DelayBounds[i] >= time.Second {
				label = fmt.Sprintf("%ds", int(stream.DelayBounds[i].Seconds()))
			}
		}
		begin := pn.x + i*each
		for c := range each - 1 {
			p.column(pn.screen, begin+c, pn.y+high-bar, bar, float64(n)/float64(most), p.pulseStyle())
		}
		if n > 0 {
			part := "<1%"
			if percent := n * 100 / all; percent > 0 {
				part = fmt.Sprintf("%d%%", percent)
			}
			over := &pen{screen: pn.screen, x: begin, y: pn.y + high - 1 - int(math.Ceil(float64(n)/float64(most)*float64(bar))), to: begin + each}
			over.put(part, p.value())
		}
		axis.x = begin
		p.put(axis, label)
	}
}

// timeChart is the greatest age over time, newest right.
func (p *linkPane) timeChart(pn *pen, high int) {
	d := p.desk
	step := stream.DelaySteps[d.delayStep]
	line := d.link.Delay.Lines[d.delayStep]
	most := time.Millisecond
	if len(line) > 0 {
		most = max(most, slices.Max(line))
	}
	top := time.Duration(niceStep(float64(most)))
	axis := &pen{screen: pn.screen, x: pn.x, y: pn.y + high, to: pn.to}
	label := ago(top)
	if top < 10*time.Millisecond {
		label = millis(top) + " ms"
	}
	p.put(pn, fmt.Sprintf("%-6s", label))
	const kept = 60
	wide := max((pn.to-pn.x)/kept, 1)
	n := min((pn.to-pn.x)/wide, kept)
	for i := range min(n, len(line)) {
		took := line[len(line)-1-i]
		for c := range wide {
			x := pn.x + (n-1-i)*wide + c
			if took == 0 {
				continue // nothing was drawn
			}
			p.column(pn.screen, x, pn.y, high, max(float64(took)/float64(top), 0.001), p.pulseStyle())
		}
	}
	span := time.Duration(n) * step
	p.put(axis, "greatest ", ago(most), " in ", ago(span), ", a column ", ago(step)+"; + - zoom")
}

// wholeInLine is what comes, against what was asked for and what the link takes.
func (p *linkPane) wholeInLine(pn *pen) {
	l := &p.desk.link
	p.put(pn, "in ", perSecond(l.In.Now))
	if l.Takes > 0 {
		p.put(pn, " of ", strings.TrimSpace(perSecond(l.Takes)))
	}
	p.put(pn, "  ", fmt.Sprintf("%.1f", l.Frames.Now))
	if s := p.desk.status(); s != nil && s.Settings.FPS > 0 {
		p.put(pn, " of ", fmt.Sprintf("%g", s.Settings.FPS))
	}
	p.put(pn, " f/s  tier ", tier(l.Tier))
	if out := strings.TrimSpace(perSecond(l.Out.Now)); pn.x+len("  out ")+len(out) <= pn.to {
		p.put(pn, "  out ", out)
	}
}

// cipherLine is who we are there, and who can read along.
func (p *linkPane) cipherLine(pn *pen) {
	s := &p.desk.link.Server
	switch {
	case s.Insecure:
		pn.put("INSECURE: nothing is encrypted", p.desk.look.alarm)
	case s.Cipher == "":
		p.put(pn, "", "not encrypted: within this machine")
	default:
		p.put(pn, "encrypted by ", clean(s.Cipher))
	}
	p.put(pn, "  role ", clean(s.Role), "  ", "")
	p.sessionLine(pn)
}
