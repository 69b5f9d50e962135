package views

import (
	"fmt"

	"github.com/gdamore/tcell/v2"
)

// Sizes, in cells. From full on there is a right column and an events pane; below
// least nothing can be read.
const (
	leastW, leastH = 60, 16
	fullW, fullH   = 80, 24
	margin         = 9 // left of spectrum and waterfall: decibels, time stamps
)

type paneID int

const (
	paneHeader paneID = iota
	paneSpectrum
	paneWaterfall
	paneLink
	paneDevice
	paneEvents
	paneFooter
	paneCount
)

// paneNames are what a Memory calls the panes that can have the focus.
var paneNames = [paneCount]string{
	paneSpectrum: "spectrum", paneWaterfall: "waterfall", paneLink: "link", paneDevice: "device", paneEvents: "events",
}

type rect struct{ x, y, w, h int }

func (r rect) holds(x, y int) bool { return x >= r.x && x < r.x+r.w && y >= r.y && y < r.y+r.h }

// A plan says where everything lies on a screen of one size.
type plan struct {
	rects                      [paneCount]rect
	ruleX, ruleTop, ruleBottom int // the line between left and right; ruleX 0: none
	tooSmall                   bool
	full                       bool // there is a right column
}

func planFor(w, h int, focus paneID, expanded bool) plan {
	if w < leastW || h < leastH {
		return plan{tooSmall: true}
	}
	var p plan
	p.rects[paneHeader] = rect{0, 0, w, 2}
	p.rects[paneFooter] = rect{0, h - 1, w, 1}
	top, body := 2, h-3
	switch {
	case expanded:
		p.full = w >= fullW && h >= fullH
		p.rects[focus] = rect{0, top, w, body}
	case w < fullW || h < fullH:
		events := 0
		if h >= 22 {
			events = 4
		}
		left := body - 1 - events
		p.split(w, top, left)
		p.rects[paneLink] = rect{0, top + left, w, 1}
		if events > 0 {
			p.rects[paneEvents] = rect{0, top + left + 1, w, events}
		}
	default:
		p.full = true
		events := min(5+(h-fullH)/4, 12)
		left, right := body-events, rightWidth(w)
		p.split(w-right-1, top, left)
		p.ruleX, p.ruleTop, p.ruleBottom = w-right-1, top, top+left
		link := 10
		if left >= roomy {
			link = 10 + min(left-roomy+5, 6)
		}
		p.rects[paneLink] = rect{w - right, top, right, link}
		p.rects[paneDevice] = rect{w - right, top + link, right, left - link}
		p.rects[paneEvents] = rect{0, top + left, w, events}
	}
	return p
}

// roomy is the height of the right column from which on its sections get more lines.
const roomy = 22

func rightWidth(w int) int { return min(36+(w-fullW)/5, 48) }

// split gives the left side to the spectrum with its axis and, below, the waterfall.
func (p *plan) split(w, top, h int) {
	fall := h * 2 / 5
	if h < fullH-8 {
		fall = h / 3
	}
	p.rects[paneSpectrum] = rect{0, top, w, h - fall}
	p.rects[paneWaterfall] = rect{0, top + h - fall, w, fall}
}

// shown reports whether a pane can be seen, and so can have the focus.
func (p *plan) shown(id paneID) bool { return p.rects[id].h > 0 }

func (d *desk) drawTooSmall(screen tcell.Screen, x, y, w, h int) {
	lines := []string{
		fmt.Sprintf("ARGOS needs %dx%d", leastW, leastH),
		fmt.Sprintf("this is %dx%d", w, h),
	}
	for i, s := range lines {
		if i < h {
			p := pen{screen: screen, x: x, y: y + i, to: x + w}
			p.put(s, d.look.strong)
		}
	}
}
