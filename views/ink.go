package views

import "github.com/gdamore/tcell/v2"

// inks are the styles on a screen by number, so that a cell is small: a tcell.Style takes
// 72 bytes, and to copy and compare those of every cell took a third of a draw.
type inks struct {
	styles []tcell.Style // by number; the first is the default
	number map[tcell.Style]ink
	recent [256]ink // of the styles with one hash, the one that was asked for last
	life   int      // numbers of another one mean other styles
}

// An ink is the number of a style.
type ink uint16

// enoughInks is how many are kept from draw to draw. What is seen at one time has some
// hundreds; others are of themes that were chosen before.
const enoughInks = 2048

func newInks() *inks {
	k := &inks{}
	k.clear()
	return k
}

// many reports whether it is time to clear.
func (k *inks) many() bool { return len(k.styles) > enoughInks }

// clear begins to number anew.
func (k *inks) clear() {
	k.styles = append(k.styles[:0], tcell.StyleDefault)
	k.number = map[tcell.Style]ink{tcell.StyleDefault: 0}
	k.recent = [256]ink{}
	k.life++
}

// of is the number of a style.
func (k *inks) of(style tcell.Style) ink {
	fg, bg, attrs := style.Decompose()
	recent := &k.recent[(uint64(fg)*0x9e3779b97f4a7c15^uint64(bg)*0xc2b2ae3d27d4eb4f^uint64(attrs)*0x165667b19e3779f9)>>56]
	if k.styles[*recent] == style {
		return *recent
	}
	n, ok := k.number[style]
	if !ok {
		if len(k.styles) > int(^ink(0)) {
			return 0 // nobody tells as many apart
		}
		n = ink(len(k.styles))
		k.styles = append(k.styles, style)
		k.number[style] = n
	}
	*recent = n
	return n
}
