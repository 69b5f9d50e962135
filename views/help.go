package views

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gdamore/tcell/v2"
)

// A help is the overlay that explains every key and command, made from the keymap. Admins
// see in it who is at the server, too.
type help struct {
	pane
	open   bool
	people bool   // who is here, and no keys
	query  string // shows what has all of its words
	scroll int
}

// maxQuery is how long what one looks for may be.
const maxQuery = 30

// lines is what the help says, keys first; a key that does not work now says why. Where
// something is looked for, only what has it, under its heading.
func (h *help) lines() []word {
	all := h.all()
	wanted := strings.Fields(strings.ToLower(h.query))
	if len(wanted) == 0 {
		return all
	}
	var found []word
	heading := word{}
	for _, w := range all {
		text := strings.ToLower(w.text)
		missing := slices.ContainsFunc(wanted, func(s string) bool { return !strings.Contains(text, s) })
		switch {
		case w.style == h.desk.look.accent:
			heading = w
		case w.text == "" || missing:
		default:
			if heading.text != "" {
				found = append(found, heading)
				heading = word{}
			}
			found = append(found, w)
		}
	}
	if found == nil {
		found = []word{{"nothing has " + strconv.Quote(h.query), h.desk.look.quiet}}
	}
	return found
}

func (h *help) all() []word {
	l := h.desk.look
	if h.people {
		return h.viewers()
	}
	ws := []word{{"Keys", l.accent}}
	for i := range keymap {
		b := &keymap[i]
		text := fmt.Sprintf("%-12s %s", b.keys, b.help)
		style := l.text
		if why := h.desk.why(b); why != "" {
			text, style = text+" ("+why+")", l.quiet
		}
		ws = append(ws, word{text, style})
	}
	ws = append(ws, word{}, word{"Commands, after :", l.accent})
	for _, c := range commands() {
		ws = append(ws, word{fmt.Sprintf("%-24s %s", c.name+" "+c.arg, c.help), l.text})
	}
	return append(ws, word{},
		word{"Reading the screen", l.accent},
		word{fmt.Sprintf("The marker finds the strongest bin; %d bins either side of the tuned centre are left out (DC).", dcBins), l.text},
		word{"Each column shows the strongest of its bins, for min the weakest. Mean or min is filled, max are the dots above it.", l.text},
		word{"Waterfall: m row merged by the link, ! overload or samples lost, gap: nothing is known. Where it sweeps, the line that moves writes over the oldest.", l.text},
		word{"Age: fft sample to frame, srv to the socket, net to here, tty to the terminal, in ms.", l.text})
}

func (h *help) find(query string) {
	if utf8.RuneCountInString(query) <= maxQuery {
		h.query, h.scroll = query, 0
	}
}

// viewers is who is at the server: for admins, whom it tells.
func (h *help) viewers() []word {
	d, l := h.desk, h.desk.look
	ws := []word{{fmt.Sprintf("%-10s %-16s %-9s %-16s %-12s %8s %8s", "session", "name", "role", "from", "state", "lag", "since"), l.accent}}
	for _, s := range d.link.Viewers {
		text := fmt.Sprintf("%-10s %-16s %-9s %-16s %-12s %8d %8s", clean(s.Session), clean(s.Name), clean(s.Role), clean(s.From), clean(s.State), s.Lag, ago(d.since(s.Since)))
		if s.Session == d.link.Server.Session {
			text += "  (you)"
		}
		ws = append(ws, word{text, l.text})
	}
	return append(ws, word{}, word{":kick SESSION ends one. Who must not come back has a token that can be revoked.", l.quiet})
}

// Draw draws the part that the scroll position says.
func (h *help) Draw(screen tcell.Screen) {
	h.DrawForSubclass(screen, h) // alone, it lies over others
	x, y, w, rows := h.GetInnerRect()
	var lines []word
	for _, s := range h.lines() {
		for _, part := range wrap(s.text, w-4) {
			lines = append(lines, word{part, s.style})
		}
	}
	rows--
	h.scroll = min(max(h.scroll, 0), max(len(lines)-rows, 0))
	for i := range min(rows, len(lines)-h.scroll) {
		pn := pen{screen: screen, x: x + 2, y: y + i, to: x + w}
		pn.put(lines[h.scroll+i].text, lines[h.scroll+i].style)
	}
	text := " Esc closes "
	if !h.people {
		text = " type to search, Esc closes "
	}
	if h.query != "" {
		text = " search: " + h.query + "_  Esc shows all "
	}
	if len(lines) > rows {
		text += fmt.Sprintf("  PgUp PgDn scroll  %d-%d of %d ", h.scroll+1, min(h.scroll+rows, len(lines)), len(lines))
	}
	pn := pen{screen: screen, x: x + 1, y: y + rows, to: x + w}
	pn.put(text, h.desk.look.strong)
}

// key moves in the overlay, looks for what is typed, or closes it: Esc first ends the
// search, and ? where none is under way closes as it opened.
func (h *help) key(ev *tcell.EventKey) {
	_, _, _, rows := h.GetInnerRect()
	switch ev.Key() {
	case tcell.KeyUp:
		h.scroll--
	case tcell.KeyDown:
		h.scroll++
	case tcell.KeyPgUp:
		h.scroll -= rows - 2
	case tcell.KeyPgDn:
		h.scroll += rows - 2
	case tcell.KeyHome:
		h.scroll = 0
	case tcell.KeyEnd:
		h.scroll = 1 << 20
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		if runes := []rune(h.query); len(runes) > 0 {
			h.find(string(runes[:len(runes)-1]))
		}
	case tcell.KeyRune:
		switch r := ev.Rune(); {
		case h.people || r == '?' && h.query == "":
			h.open = false
		case r == '/' && h.query == "": // as elsewhere
		default:
			h.find(h.query + clean(string(r)))
		}
	default:
		if h.query == "" || ev.Key() != tcell.KeyEscape {
			h.open = false
		}
		h.find("")
	}
}
