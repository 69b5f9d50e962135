package views

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"argos/spectrum"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// A palette is the command line in the footer's place: names complete with Tab, Up and
// Down recall, and what is wrong is said on the same line.
type palette struct {
	desk    *desk
	field   *tview.InputField
	open    bool
	err     string
	history []string
	at      int // in history; len: the line being typed
}

const maxHistory = 100

// roomToComplete is how many cells stay free behind what is typed. A field that has to
// scroll for a completion would not scroll back.
const roomToComplete = 18

// A command is a word that the palette knows.
type command struct {
	name, arg, help string
	do              func(a *App, arg string) error // nil: a setting of the server
}

// viewCommands concern the screen alone. They are listed after the server's settings.
func viewCommands() []command {
	return []command{
		{"detector", strings.Join(detectorNames[:], "|"), "which trace leads", chosen(ParseDetector, (*App).setDetector)},
		{"ref", "DB|auto", "top of the level axis", chosen(ParseRef, (*App).setRef)},
		{"marker", "HZ|TIME|peak|off|clear", "put the active marker; at a time, such as 12.5ms, in zero span; clear: all off", (*App).commandMarker},
		{"reads", "level|noise|band [HZ]", "what the active marker reads, and over which width", (*App).commandReads},
		{"delta", "1..8|off", "read the active marker relative to another", (*App).commandDelta},
		{"peak", "DB DB", "what is a peak: so far above noise, and above what is around", (*App).commandPeak},
		{"peaks", "", "table of markers and peaks", func(a *App, _ string) error { a.openPeaks(0); return nil }},
		{"mark", "add|del NAME", "keep the marker's frequency under a name", (*App).commandMark},
		{"go", "NAME", "tune to a name", (*App).commandGo},
		{"bands", "itu1|itu2|itu3|FILE|off", "names of bands, of a region or a file", (*App).commandBands},
		{"mask", "FILE|off", "hold against the limits of a file", (*App).commandMask},
		{"threshold", "DB|off", "hold against one level", (*App).commandThreshold},
		{"trace", "hold|minhold|avg|A.. WHAT", "on, off, clear, freeze or thaw a trace; store or clear A to D", (*App).commandTrace},
		{"average", "WINDOWS|all|off", "average over so many windows, in linear power", (*App).commandAverage},
		{"decay", "DB|off", "how much the max hold falls in a second", (*App).commandDecay},
		{"compare", "TRACE-TRACE|off", "show the difference of two traces, such as mean-A", (*App).commandCompare},
		{"save", "FILE", "save all traces as CSV", (*App).commandSave},
		{"load", "FILE", "load traces into A to D", (*App).commandLoad},
		{"div", "DB|auto", "dB a division, a tenth of the level axis", (*App).commandDiv},
		{"channel", "HZ:HZ|off", "power, 99 % bandwidth and density of a channel", func(a *App, arg string) error {
			c, err := parseChannel(arg)
			if err == nil {
				a.desk.channel = c
			}
			return err
		}},
		{"hold", "on|off", "max hold", func(a *App, arg string) error {
			if arg != "on" && arg != "off" {
				return fmt.Errorf("%q is neither on nor off", arg)
			}
			a.setKept(keptMax, arg == "on")
			return nil
		}},
		{"pace", "TIME", "time that a waterfall row stands for, 50ms to 1h", func(a *App, arg string) error {
			t, err := time.ParseDuration(arg)
			if err != nil || !isPace(t) {
				return fmt.Errorf("%q is not a time from 50ms to 1h", arg)
			}
			a.setPace(t)
			return nil
		}},
		{"fall", "auto|scroll|sweep", "how the waterfall goes on; sweep takes few bytes, auto sweeps where they are dear", chosen(ParseMotion, (*App).setMotion)},
		{"budget", "BYTES|off|auto", "bytes a second to the terminal at most, such as 20k", chosen(ParseBudget, func(a *App, v int) {
			a.setBudget(v)
			a.desk.say(a.desk.traffic.words(), false)
		})},
		{"theme", "viridis|cividis|grey", "the scale of colours", chosen(ParseTheme, func(a *App, v Theme) { a.opts.Theme = v; a.dress() })},
		{"background", "auto|dark|light", "what the terminal's own colours are drawn on", chosen(ParseBackground, func(a *App, v Background) { a.opts.Background = v; a.dress() })},
		{"glyphs", "auto|braille|block|ascii", "what is drawn with", (*App).commandGlyphs},
		{"controls", "take|release", "ask for the controls where one operator at a time has them", (*App).commandControls},
		{"viewers", "", "who is at the server, for admins", (*App).commandViewers},
		{"kick", "SESSION", "end a viewer's session, for admins", (*App).commandKick},
		{"dump", "[FILE]", "write the screen to FILE.txt and FILE.ans, or to the one that FILE ends in", func(a *App, arg string) error {
			a.dumping = dumpTo(arg, time.Now())
			return nil
		}},
		{"help", "", "keys and commands", func(a *App, _ string) error { a.openHelp(0); return nil }},
		{"q", "", "quit", func(a *App, _ string) error { a.leave(0); return nil }},
	}
}

// chosen makes a command of what reads a choice and what applies it.
func chosen[T any](read func(string) (T, error), apply func(*App, T)) func(*App, string) error {
	return func(a *App, arg string) error {
		v, err := read(arg)
		if err == nil {
			apply(a, v)
		}
		return err
	}
}

func (a *App) commandGlyphs(arg string) error {
	g, err := ParseGlyphs(arg)
	if err != nil {
		return err
	}
	if g > ascii && !surfaceOf(a.inner).utf8 {
		return fmt.Errorf("the terminal's characters are %s: no %s", a.inner.CharacterSet(), g)
	}
	a.opts.Glyphs = g
	a.dress()
	return nil
}

func (a *App) commandControls(arg string) error {
	if arg != "take" && arg != "release" {
		return fmt.Errorf("%q is neither take nor release", arg)
	}
	if why := a.desk.cannotTune(); why != "" {
		return fmt.Errorf("not sent: %s", why)
	}
	a.send(map[string]string{"controls": arg})
	return nil
}

var errNotAdmin = errors.New("that is for admins")

func (a *App) commandViewers(string) error {
	if a.desk.link.Server.Role != "admin" {
		return errNotAdmin
	}
	a.desk.help.open, a.desk.help.people = true, true
	a.desk.help.find("")
	return nil
}

func (a *App) commandKick(session string) error {
	if a.desk.link.Server.Role != "admin" {
		return errNotAdmin
	}
	a.send(map[string]string{kickOrder: session})
	return nil
}

// commands is all that the palette knows.
func commands() []command {
	var cs []command
	for _, p := range spectrum.Params {
		cs = append(cs, command{name: p.Name, arg: p.Arg, help: p.Help})
	}
	return append(cs, viewCommands()...)
}

func findCommand(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			return &c
		}
	}
	return nil
}

// ParseRef reads the top of the level axis; nil is automatic.
func ParseRef(s string) (*float64, error) {
	if s == "auto" {
		return nil, nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !isRef(v) {
		return nil, fmt.Errorf("%q is not a level: use -200 to 100 or auto", clean(s))
	}
	return &v, nil
}

func isRef(db float64) bool { return db >= -200 && db <= 100 }

// isPace reports whether a row of the waterfall can stand for t.
func isPace(t time.Duration) bool { return t >= 50*time.Millisecond && t <= time.Hour }

func newPalette(d *desk) *palette {
	p := &palette{desk: d, field: tview.NewInputField()}
	p.field.SetLabel(":").SetBackgroundColor(tcell.ColorDefault)
	p.field.SetChangedFunc(func(string) { p.err = "" })
	p.dress()
	return p
}

// dress takes over the look.
func (p *palette) dress() {
	p.field.SetFieldStyle(p.desk.look.text).SetLabelStyle(p.desk.look.accent)
}

func (p *palette) begin() {
	p.open, p.err, p.at = true, "", len(p.history)
	p.field.SetText("")
}

// draw draws the line: what is typed, then what it means or what is wrong with it.
func (p *palette) draw(screen tcell.Screen, x, y, w int) {
	l := p.desk.look
	text := p.field.GetText()
	typed := min(len(text)+roomToComplete, w*2/3)
	pn := pen{screen: screen, x: x, y: y, to: x + w}
	for pn.x < pn.to {
		pn.rune(' ', l.text)
	}
	p.field.SetRect(x, y, typed, 1)
	p.field.Draw(screen)
	pn.x = x + typed + 1
	if p.err != "" {
		pn.put(" "+clip(p.err, pn.to-pn.x-2)+" ", l.alarm)
		return
	}
	pn.put(clip(p.hint(text), pn.to-pn.x), l.quiet)
}

// hint says what can follow: names, or the value of the last one.
func (p *palette) hint(text string) string {
	words := strings.Fields(text)
	last, done := "", strings.HasSuffix(text, " ") || text == ""
	if len(words) > 0 {
		last = words[len(words)-1]
	}
	if c := findCommand(last); c != nil {
		return strings.TrimSpace(c.arg + "  " + c.help)
	}
	if len(words) >= 2 {
		if c := findCommand(words[len(words)-2]); c != nil && c.arg != "" && !done {
			return "Enter sets " + c.name
		}
	}
	if done {
		last = ""
	}
	return strings.Join(matches(last), " ")
}

// matches are the names that begin with prefix.
func matches(prefix string) []string {
	var names []string
	for _, c := range commands() {
		if strings.HasPrefix(c.name, prefix) {
			names = append(names, c.name)
		}
	}
	return names
}

// Choices are the words among what help says of a value: on|off, HZ|auto.
func Choices(arg string) (words []string) {
	for word := range strings.SplitSeq(arg, "|") {
		if word != "" && word == strings.ToLower(word) && !strings.ContainsAny(word, " .") {
			words = append(words, word)
		}
	}
	return words
}

// complete extends the last word, a name or its value, as far as it is unambiguous.
func (p *palette) complete() {
	text := p.field.GetText()
	head, last := "", text
	if i := strings.LastIndexByte(text, ' '); i >= 0 {
		head, last = text[:i+1], text[i+1:]
	}
	found := p.candidates(strings.Fields(head), last)
	if len(found) == 0 {
		return
	}
	common := found[0]
	for _, m := range found[1:] {
		for !strings.HasPrefix(m, common) {
			common = common[:len(common)-1]
		}
	}
	if len(found) == 1 {
		common += " "
	}
	p.field.SetText(head + common)
}

// candidates are what the last word can become after those before it.
func (p *palette) candidates(before []string, last string) []string {
	if len(before) == 0 {
		return matches(last)
	}
	c := findCommand(before[0])
	if c == nil || c.do == nil {
		if c = findCommand(before[len(before)-1]); c == nil {
			return matches(last)
		}
	}
	return slices.DeleteFunc(p.values(c), func(v string) bool { return !strings.HasPrefix(v, last) })
}

// values are the words that can follow a command: those it names itself, and names that
// there are.
func (p *palette) values(c *command) []string {
	switch c.name {
	case "go":
		return p.desk.bookmarks.names()
	case "mark":
		return append([]string{"add", "del"}, p.desk.bookmarks.names()...)
	case "trace":
		return append(p.desk.traceNames(), "hold", "minhold", "avg", "on", "off", "clear", "freeze", "thaw", "store")
	case "compare":
		values := []string{"off"}
		for _, a := range p.desk.traceNames() {
			for _, b := range p.desk.traceNames() {
				if a != b {
					values = append(values, a+"-"+b)
				}
			}
		}
		return values
	}
	return Choices(c.arg)
}

// recall moves through what was typed before.
func (p *palette) recall(dir int) {
	p.at = min(max(p.at+dir, 0), len(p.history))
	text := ""
	if p.at < len(p.history) {
		text = p.history[p.at]
	}
	p.field.SetText(text)
}

func (p *palette) remember(text string) {
	if n := len(p.history); n == 0 || p.history[n-1] != text {
		p.history = append(p.history, text)
	}
	if len(p.history) > maxHistory {
		p.history = p.history[1:]
	}
}

// paletteKey handles a key while the palette is open; what it returns is typed.
func (a *App) paletteKey(ev *tcell.EventKey) *tcell.EventKey {
	p := a.desk.palette
	switch ev.Key() {
	case tcell.KeyEscape:
		a.closePalette()
	case tcell.KeyTab:
		p.complete()
	case tcell.KeyUp:
		p.recall(-1)
	case tcell.KeyDown:
		p.recall(1)
	case tcell.KeyEnter:
		text := strings.TrimSpace(p.field.GetText())
		if text != "" {
			p.remember(text)
			p.at = len(p.history)
			if err := a.command(text); err != nil {
				p.err = clean(err.Error())
				return nil
			}
		}
		a.closePalette()
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		if p.field.GetText() == "" {
			a.closePalette()
			return nil
		}
		return ev
	default:
		return ev
	}
	return nil
}

func (a *App) closePalette() {
	a.desk.palette.open = false
	a.tv.SetFocus(a.desk)
}

// command does one line: a command of the screen, or settings by name and value,
// several if wanted, checked here as far as that goes before they are sent.
func (a *App) command(text string) error {
	words := strings.Fields(strings.TrimPrefix(text, ":"))
	c := findCommand(words[0])
	if c == nil {
		return fmt.Errorf("there is no command %q: Tab completes", words[0])
	}
	if c.do != nil {
		optional := strings.HasPrefix(c.arg, "[") && len(words) == 1
		if (len(words) > 1) != (c.arg != "") && !optional {
			return fmt.Errorf("use %s", strings.TrimSpace(c.name+" "+c.arg))
		}
		return c.do(a, strings.Join(words[1:], " "))
	}
	set := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		c := findCommand(words[i])
		if c == nil || c.do != nil {
			return fmt.Errorf("there is no setting %q", words[i])
		}
		if i+1 == len(words) {
			return fmt.Errorf("use %s %s", c.name, c.arg)
		}
		set[c.name] = words[i+1]
	}
	if why := a.desk.cannotTune(); why != "" {
		return fmt.Errorf("not sent: %s", why)
	}
	if _, err := a.target().With(set); err != nil {
		return err
	}
	a.send(set)
	return nil
}
