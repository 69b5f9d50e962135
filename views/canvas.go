package views

import "github.com/gdamore/tcell/v2"

// A canvas is what cells are forwarded to.
type canvas interface {
	// begin is before the cells of a draw, which has w columns. What the terminal shows is
	// to be wiped out, or stays.
	begin(w int, wipe bool)
	put(x, y int, c cell, comb string)
	// show is after them. It returns when the terminal has taken them.
	show(cursor point)
}

var (
	_ canvas = (*pencil)(nil)
	_ canvas = (*tcellCanvas)(nil)
)

// canvasOf is a pencil where the terminal is one for it; elsewhere tcell writes.
func canvasOf(s tcell.Screen, k *inks) canvas {
	if p := newPencil(s, k); p != nil {
		return p
	}
	return &tcellCanvas{screen: s, inks: k}
}

// A tcellCanvas leaves it to tcell how cells are written.
type tcellCanvas struct {
	screen tcell.Screen
	inks   *inks
	wipe   bool
}

func (t *tcellCanvas) begin(_ int, wipe bool) { t.wipe = wipe }

func (t *tcellCanvas) put(x, y int, c cell, comb string) {
	t.screen.Put(x, y, string(c.main)+comb, t.inks.styles[c.ink])
}

func (t *tcellCanvas) show(cursor point) {
	t.screen.ShowCursor(cursor.x, cursor.y)
	if t.wipe {
		t.screen.Sync()
	} else {
		t.screen.Show()
	}
}
