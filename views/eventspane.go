package views

import (
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// An eventsPane lists what happened, newest first.
type eventsPane struct{ pane }

// Draw draws a title line and as many events as there is room for.
func (p *eventsPane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	d := p.desk
	l := d.look
	style, lead := l.quiet, l.hline
	if d.focus == paneEvents {
		style, lead = l.accent, '>'
	}
	pn := pen{screen: screen, x: x, y: y, to: x + w}
	pn.rune(lead, style)
	pn.put("events", style)
	if !d.current() && d.board.frames > 0 {
		pn.put(" as of "+d.board.last.UTC().Format("15:04:05"), l.warn)
	}
	text := " " + d.traffic.words() + " "
	for pn.x < x+w {
		if pn.x == x+w-len(text)-1 {
			pn.put(text, l.label)
			continue
		}
		pn.rune(l.hline, l.quiet)
	}
	row := 1
	for i := len(d.events) - 1; i >= 0 && row < h; i-- {
		e := &d.events[i]
		style := l.text
		switch e.Severity {
		case stream.Warning:
			style = l.warn
		case stream.Alarm:
			style = l.alarm
		}
		text := clean(e.Text)
		lines := []string{clip(text, w-10)}
		if h > 8 {
			lines = wrap(text, w-10)
		}
		for k, line := range lines {
			if row >= h {
				break
			}
			pn := pen{screen: screen, x: x, y: y + row, to: x + w}
			if k == 0 {
				pn.put(e.Time.UTC().Format("15:04:05"), l.label)
			}
			pn.x = x + margin
			pn.put(line, style)
			row++
		}
	}
}
