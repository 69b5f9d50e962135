package views

import (
	"fmt"
	"strings"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// A binding is what some keys do. The keymap is the only place that knows: footer,
// help, mouse and documentation are made from it.
type binding struct {
	strokes []stroke
	keys    string // as written in help: "Left Right < >"
	label   string // as written in the footer: "</>"
	word    string // what it does, in the footer
	help    string
	rank    int                // how much it is wanted in the footer, 1 first; 0: never there
	can     func(*desk) string // why it does not work now, or ""
	do      func(*App, int)    // with the stroke's arg
}

// A stroke is one key; arg tells the strokes of a binding apart.
type stroke struct {
	key tcell.Key
	r   rune
	arg int
}

func typed(r rune, arg int) stroke        { return stroke{tcell.KeyRune, r, arg} }
func pressed(k tcell.Key, arg int) stroke { return stroke{k, 0, arg} }
func (s stroke) is(ev *tcell.EventKey) bool {
	return s.key == ev.Key() && (s.key != tcell.KeyRune || s.r == ev.Rune())
}

const lastRank = 16

// Where several bindings have a key, the first that the focus allows gets it.
var keymap = []binding{
	{
		[]stroke{pressed(tcell.KeyUp, -1), pressed(tcell.KeyDown, 1)},
		"Up Down", "Up/Dn", "time", "in the waterfall: read a row earlier (Down) or later; also the wheel", 2, (*desk).cannotLookBack, (*App).lookBack,
	},
	{
		[]stroke{pressed(tcell.KeyPgUp, -1), pressed(tcell.KeyPgDn, 1)},
		"PgUp PgDn", "PgUp/PgDn", "page", "in the waterfall: a page earlier (PgDn) or later, back to where the server's memory ends", 3, (*desk).cannotLookBack, (*App).lookPage,
	},
	{
		[]stroke{typed('l', 0), pressed(tcell.KeyHome, 0)},
		"l Home", "l", "LIVE", "back to what is now, from freeze or from the waterfall's past", 1, (*desk).cannotGoLive, (*App).lookLive,
	},
	{
		[]stroke{pressed(tcell.KeyLeft, -1), pressed(tcell.KeyRight, 1), typed('<', -1), typed('>', 1), typed(',', -1), typed('.', 1)},
		"Left Right", "</>", "pan", "tune by a tenth of the span, in zero span by the RBW (also < >); looking closer, move the view", 1, (*desk).cannotPan, (*App).pan,
	},
	{
		[]stroke{pressed(tcell.KeyUp, -1), pressed(tcell.KeyDown, 1), typed('+', -1), typed('=', -1), typed('-', 1)},
		"+ -", "+/-", "zoom", "halve or double the span, in zero span the sweep time (also Up Down); of the expanded link pane, its time line", 2, (*desk).cannotZoom, (*App).zoom,
	},
	{
		[]stroke{pressed(tcell.KeyEnter, 0)},
		"Enter", "Enter", "tune", "tune to the marker; put it where the cursor is", 3, (*desk).cannotEnter, (*App).enter,
	},
	{
		[]stroke{typed('m', 0)},
		"m", "m", "marker", "marker: follow the strongest signal, or off; a click puts it", 4, nil, (*App).toggleMarker,
	},
	{
		[]stroke{typed('n', int(spectrum.Weaker)), typed('N', int(spectrum.Stronger))},
		"n N", "n", "next peak", "marker to the next weaker peak, N to the next stronger", 0, (*desk).cannotHold, (*App).nextPeak,
	},
	{
		[]stroke{typed('(', int(spectrum.Lower)), typed(')', int(spectrum.Higher))},
		"( )", "(/)", "peak", "marker to the next peak lower or higher in frequency", 0, (*desk).cannotHold, (*App).nextPeak,
	},
	{
		[]stroke{typed('1', 1), typed('2', 2), typed('3', 3), typed('4', 4), typed('5', 5), typed('6', 6), typed('7', 7), typed('8', 8)},
		"1 2 3 4 5 6 7 8", "1-8", "markers", "choose a marker; one that is off goes to the strongest peak without", 0, (*desk).cannotHold, (*App).chooseMarker,
	},
	{
		[]stroke{typed('D', 0)},
		"D", "D", "delta", "read the marker relative to marker 1, or by itself", 0, (*desk).cannotDelta, (*App).toggleDelta,
	},
	{
		[]stroke{typed('p', 0)},
		"p", "p", "peaks", "table of markers and peaks; Enter in it tunes", 12, (*desk).cannotPoint, (*App).openPeaks,
	},
	{
		[]stroke{typed('c', 0)},
		"c", "c", "cursor", "cursor through spectrum, waterfall and events; arrows or a click move it", 0, (*desk).cannotPoint, (*App).toggleCursor,
	},
	{
		[]stroke{typed('z', -1)},
		"z", "z", "closer", "look closer at the marker; as the wheel over the spectrum does; the radio stays", 12, (*desk).cannotMagnify, (*App).magnify,
	},
	{
		[]stroke{typed('Z', 1)},
		"Z", "Z", "wider", "look from further away", 6, (*desk).cannotUnzoom, (*App).magnify,
	},
	{
		[]stroke{typed('0', 0)},
		"0", "0", "full", "see all that is measured", 5, (*desk).cannotUnzoom, (*App).fullView,
	},
	{
		[]stroke{pressed(tcell.KeyBackspace, 0), pressed(tcell.KeyBackspace2, 0)},
		"Backspace", "BS", "last view", "back to the view before", 0, (*desk).cannotGoBack, (*App).lastView,
	},
	{
		[]stroke{typed('h', 0)},
		"h", "h", "hold", "max hold on or off; the marker then reads the hold", 8, (*desk).cannotHold, (*App).toggleHold,
	},
	{
		[]stroke{typed('H', 0)},
		"H", "H", "min hold", "min hold on or off", 0, (*desk).cannotHold, (*App).toggleMinHold,
	},
	{
		[]stroke{typed('v', 0)},
		"v", "v", "average", "average on or off; the marker then reads it, unless the max hold is on", 0, (*desk).cannotHold, (*App).toggleAverage,
	},
	{
		[]stroke{typed('s', 0)},
		"s", "s", "store", "store what the marker reads in A, B, C or D", 0, (*desk).cannotStore, (*App).store,
	},
	{
		[]stroke{typed('x', 0)},
		"x", "x", "compare", "show what differs from what was stored last, or not", 0, (*desk).cannotCompare, (*App).toggleCompare,
	},
	{
		[]stroke{typed('d', 0)},
		"d", "d", "detector", "which trace leads: mean, max, or min where it is measured", 12, nil, (*App).nextDetector,
	},
	{
		[]stroke{typed('f', 0)},
		"f", "f", "freeze", "freeze spectrum and waterfall; link and clock go on", 5, (*desk).cannotFreeze, (*App).toggleFreeze,
	},
	{
		[]stroke{typed('e', 0)},
		"e", "e", "expand", "expand the pane that has the focus", 6, nil, (*App).toggleExpand,
	},
	{
		[]stroke{pressed(tcell.KeyTab, 1), pressed(tcell.KeyBacktab, -1)},
		"Tab", "Tab", "pane", "next pane; Shift-Tab the one before; or click", 11, nil, (*App).nextPane,
	},
	{
		[]stroke{typed('[', -1), typed(']', 1)},
		"[ ]", "[/]", "LNA", "LNA gain down or up by 8 dB", 13, (*desk).cannotGain, (*App).stepLNA,
	},
	{
		[]stroke{typed('{', -1), typed('}', 1)},
		"{ }", "{/}", "VGA", "VGA gain down or up by 2 dB", 14, (*desk).cannotGain, (*App).stepVGA,
	},
	{
		[]stroke{typed('a', 0)},
		"a", "a", "amp", "front-end amplifier on or off", 15, (*desk).cannotGain, (*App).toggleAmp,
	},
	{
		[]stroke{pressed(tcell.KeyPgUp, -1), pressed(tcell.KeyPgDn, 1)},
		"PgUp PgDn", "Pg", "ref", "top of the level axis up or down by 10 dB; :ref auto undoes it", 16, (*desk).cannotHold, (*App).stepRef,
	},
	{
		[]stroke{typed('r', 0)},
		"r", "r", "reconnect", "try to reconnect now", 3, (*desk).cannotRetry, (*App).retryNow,
	},
	{
		[]stroke{typed(':', 0)},
		":", ":", "command", "type a command; Tab completes, Up Down recall", 7, nil, (*App).openPalette,
	},
	{
		[]stroke{typed('?', 0)},
		"?", "?", "help", "this help; type to search it", 2, nil, (*App).openHelp,
	},
	{
		[]stroke{pressed(tcell.KeyEscape, 0)},
		"Esc", "Esc", "back", "back out: overlay, past, freeze, expanded pane", 2, (*desk).cannotBackOut, (*App).backOut,
	},
	{
		[]stroke{pressed(tcell.KeyCtrlP, 0)},
		"Ctrl-P", "^P", "dump", "write the screen to a file, as text and as ANSI (also :dump)", 0, nil, (*App).dumpScreen,
	},
	{
		[]stroke{pressed(tcell.KeyCtrlL, 0)},
		"Ctrl-L", "^L", "redraw", "draw the whole screen again", 0, nil, (*App).redraw,
	},
	{
		[]stroke{typed('q', 0), pressed(tcell.KeyCtrlC, 0)},
		"q Ctrl-C", "q", "quit", "quit", 9, nil, (*App).leave,
	},
}

// Key is a line of documentation about a key or a command.
type Key struct{ Keys, Help string }

// Keys lists what every key does, for manuals.
func Keys() []Key {
	ks := make([]Key, len(keymap))
	for i := range keymap {
		ks[i] = Key{keymap[i].keys, keymap[i].help}
	}
	return ks
}

// Commands lists what can be typed after :, for manuals.
func Commands() []Key {
	var ks []Key
	for _, c := range commands() {
		ks = append(ks, Key{strings.TrimSpace(c.name + " " + c.arg), c.help})
	}
	return ks
}

// why says why b does nothing here and now, or "".
func (d *desk) why(b *binding) string {
	if b.can == nil {
		return ""
	}
	return b.can(d)
}

func (d *desk) cannotTune() string {
	switch {
	case !d.connected():
		return "no link"
	case d.link.Server.Role == "viewer":
		return "viewers only watch"
	case d.status() == nil:
		return "the server has not named its radio yet"
	default:
		return ""
	}
}

func (d *desk) cannotMove() string {
	if why := d.cannotTune(); why != "" {
		return why
	}
	if d.status().Settings.Tuning.Ranges.Several() {
		return "there are several ranges: use :range, :freq, or Enter on the marker"
	}
	return ""
}

func (d *desk) cannotPan() string {
	if d.cursor.on || d.view.on() {
		return ""
	}
	return d.cannotMove()
}

func (d *desk) cannotZoom() string {
	if d.diagnoses() {
		return ""
	}
	return d.cannotMove()
}

func (d *desk) cannotEnter() string {
	if d.cursor.on {
		return ""
	}
	if why := d.cannotTune(); why != "" {
		return why
	}
	if !d.marker().On {
		return "the marker is off"
	}
	if d.board.grid.ZeroSpan() {
		return "the marker reads a time in zero span: use :freq"
	}
	return d.cannotHold()
}

func (d *desk) cannotGain() string {
	if why := d.cannotTune(); why != "" {
		return why
	}
	if st := d.status(); !st.Info.Gains {
		return fmt.Sprintf("%s has no gains to set", clean(st.Info.Driver))
	}
	return ""
}

func (d *desk) cannotHold() string {
	if d.board.frames == 0 {
		return "no frame yet"
	}
	return ""
}

func (d *desk) cannotFreeze() string { return d.cannotHold() }

func (d *desk) cannotRetry() string {
	switch d.link.State {
	case stream.Stale, stream.Reconnecting, stream.Refused:
		return ""
	default:
		return "the link is up"
	}
}

func (d *desk) cannotBackOut() string {
	if d.expanded || d.frozen() || d.cursor.on || d.past.on || d.past.cursor {
		return ""
	}
	return "nothing to back out of"
}
