package views

import (
	"github.com/gdamore/tcell/v2"
	"github.com/rivo/uniseg"
)

// A footerPane shows the keys that do something here and now, or an answer.
type footerPane struct{ pane }

// A hint is a key in the footer; a click on it is the key.
type hint struct {
	binding *binding
	x, w    int
}

// Draw draws the newest answer while it lasts, else as many keys as fit, the most
// wanted first, in the order of the keymap.
func (p *footerPane) Draw(screen tcell.Screen) {
	x, y, w, _ := p.GetInnerRect()
	d := p.desk
	d.hints = d.hints[:0]
	if n := &d.notice; n.text != "" && d.now.Before(n.until) {
		style := d.look.strong
		if n.alarm {
			style = d.look.alarm
		}
		pn := pen{screen: screen, x: x, y: y, to: x + w}
		pn.put(" "+clip(n.text, w-2)+" ", style)
		return
	}
	room := w - 1 + 2 // the last one needs no gap after it
	chosen := map[*binding]bool{}
	for rank := 1; rank <= lastRank; rank++ {
		for i := range keymap {
			b := &keymap[i]
			if b.rank != rank || d.why(b) != "" {
				continue
			}
			if n := hintWidth(b) + 2; n <= room {
				room -= n
				chosen[b] = true
			}
		}
	}
	pn := pen{screen: screen, x: x + 1, y: y, to: x + w}
	for i := range keymap {
		b := &keymap[i]
		if !chosen[b] {
			continue
		}
		d.hints = append(d.hints, hint{b, pn.x, hintWidth(b)})
		pn.put(b.label, d.look.accent)
		pn.put(" "+b.word, d.look.label)
		pn.x += 2
	}
}

func hintWidth(b *binding) int {
	return uniseg.StringWidth(b.label) + 1 + len(b.word)
}
