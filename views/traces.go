package views

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"argos/spectrum"
)

// A keptID names a trace that is made of many frames.
type keptID int

const (
	keptMax keptID = iota
	keptMin
	keptAverage
	keptCount
)

// A keptTrace says what one of them is called, and what it is.
type keptTrace struct {
	name string // in commands and files
	says string
	kind spectrum.TraceKind
}

var keptTraces = [keptCount]keptTrace{
	{"hold", "max hold", spectrum.MaxHold},
	{"minhold", "min hold", spectrum.MinHold},
	{"avg", "average", spectrum.Average},
}

// A kept is a trace that can be on.
type kept struct {
	on bool
	spectrum.Trace
}

// set begins a trace at what there is now, or ends it.
func (b *board) set(id keptID, on bool) {
	k := &b.kept[id]
	if on && !k.on {
		k.Clear()
		k.Frozen = false
	}
	k.on = on
}

// slots is how many snapshots there is room for; they are named A, B, ...
const slots = 4

// slotNamed is the slot of a name, or -1.
func slotNamed(name string) int {
	if len(name) != 1 || name[0] < 'A' || name[0] >= 'A'+slots {
		return -1
	}
	return int(name[0] - 'A')
}

func slotName(i int) string { return string(rune('A' + i)) }

// A comparison is one trace less another, shown instead of both. The zero one is off.
type comparison struct {
	a, b  string // names
	trace spectrum.Trace
	reach float64 // of the level axis, either side of 0 dB
}

// Of a difference the axis reaches this far at least, in dB.
const leastReach = 20

func (c *comparison) on() bool { return c.a != "" }

// traceNamed finds a trace by its name.
func (d *desk) traceNamed(name string) (*spectrum.Trace, error) {
	switch name {
	case "mean", "live":
		return &d.board.mean, nil
	case "max":
		return &d.board.max, nil
	case "min":
		if d.board.grid.Min {
			return &d.board.min, nil
		}
		return nil, errors.New("min is not measured: type :min on")
	}
	for id, k := range keptTraces {
		if k.name != name {
			continue
		}
		if !d.board.kept[id].on {
			return nil, fmt.Errorf("%s is off", name)
		}
		return &d.board.kept[id].Trace, nil
	}
	if i := slotNamed(name); i >= 0 {
		if d.stored[i].Empty() {
			return nil, fmt.Errorf("nothing is stored in %s", name)
		}
		return &d.stored[i], nil
	}
	return nil, fmt.Errorf("%q is not a trace: use mean, max, min, hold, minhold, avg, or A to %s", clean(name), slotName(slots-1))
}

// traceNames are the traces that there are now.
func (d *desk) traceNames() []string {
	names := []string{"mean", "max"}
	if d.board.grid.Min {
		names = append(names, "min")
	}
	for id := range d.board.kept {
		if d.board.kept[id].on {
			names = append(names, keptTraces[id].name)
		}
	}
	for i := range d.stored {
		if !d.stored[i].Empty() {
			names = append(names, slotName(i))
		}
	}
	return names
}

// leading is the trace that markers read, and what a peak of it is called.
func (d *desk) leading() (t *spectrum.Trace, name string) {
	b := d.board
	switch {
	case d.compared.on():
		return &d.compared.trace, "diff"
	case b.kept[keptMax].on && !b.kept[keptMax].Empty():
		return &b.kept[keptMax].Trace, "hold"
	case b.kept[keptAverage].on && !b.kept[keptAverage].Empty():
		return &b.kept[keptAverage].Trace, "avg"
	case d.detector == Max:
		return &b.max, "peak"
	case d.detector == Min && b.grid.Min:
		return &b.min, "peak"
	default:
		return &b.mean, "peak"
	}
}

// compare brings the difference up to date.
func (d *desk) compare() {
	if !d.compared.on() {
		return
	}
	a, err := d.traceNamed(d.compared.a)
	b, other := d.traceNamed(d.compared.b)
	if err != nil || other != nil {
		d.compared.trace.Clear()
		return
	}
	d.compared.trace.Subtract(a, b)
	d.compared.reach = max(d.compared.reach, leastReach)
	g := d.compared.trace.Grid()
	for _, q := range d.compared.trace.Levels() {
		if q != spectrum.Absent {
			d.compared.reach = max(d.compared.reach, roundUp(math.Abs(g.DB(q))))
		}
	}
}

func (a *App) toggleHold(int)    { a.toggleKept(keptMax) }
func (a *App) toggleMinHold(int) { a.toggleKept(keptMin) }
func (a *App) toggleAverage(int) { a.toggleKept(keptAverage) }

func (a *App) toggleKept(id keptID) { a.setKept(id, !a.desk.board.kept[id].on) }

func (a *App) setKept(id keptID, on bool) {
	a.change(func(b *board) { b.set(id, on) })
	a.desk.say(keptTraces[id].says+" "+onOff(on), false)
}

// change does the same to the board that takes frames and, frozen, to the one that is seen.
func (a *App) change(do func(*board)) {
	a.mu.Lock()
	do(a.live)
	a.mu.Unlock()
	if a.desk.frozen() {
		do(a.desk.board)
	}
}

// store keeps what markers read in the first slot that is free, else in the last.
func (a *App) store(int) {
	i := slices.IndexFunc(a.desk.stored[:], func(t spectrum.Trace) bool { return t.Empty() })
	if i < 0 {
		i = slots - 1
	}
	a.storeIn(i)
}

func (a *App) storeIn(i int) {
	t, _ := a.desk.leading()
	a.desk.stored[i].Store(t)
	a.desk.say(fmt.Sprintf("stored in %s; :compare mean-%s shows what differs", slotName(i), slotName(i)), false)
}

// toggleCompare shows what leads less the newest snapshot.
func (a *App) toggleCompare(int) {
	d := a.desk
	if d.compared.on() {
		d.compared = comparison{}
		d.say("compare off", false)
		return
	}
	names := d.traceNames()
	lead, _ := d.leading()
	for _, name := range names {
		if t, err := d.traceNamed(name); err == nil && t == lead {
			d.compared.a = name
		}
	}
	d.compared.b = names[len(names)-1]
	d.compare()
	d.say(fmt.Sprintf("compare %s-%s", d.compared.a, d.compared.b), false)
}

func (d *desk) cannotStore() string {
	if d.compared.on() {
		return "a difference is shown: :compare off first"
	}
	return d.cannotHold()
}

func (d *desk) cannotCompare() string {
	for i := range d.stored {
		if !d.stored[i].Empty() {
			return d.cannotHold()
		}
	}
	return "nothing is stored: s stores a trace"
}

// commandTrace does "hold freeze", "avg clear", "A clear", ...
func (a *App) commandTrace(arg string) error {
	name, what, _ := strings.Cut(arg, " ")
	if i := slotNamed(name); i >= 0 {
		switch what {
		case "store":
			if why := a.desk.cannotStore(); why != "" {
				return errors.New(why)
			}
			a.storeIn(i)
		case "clear", "off":
			a.desk.stored[i].Clear()
			a.desk.say(name+" cleared", false)
		default:
			return fmt.Errorf("%q: use store or clear", clean(what))
		}
		return nil
	}
	id := slices.IndexFunc(keptTraces[:], func(k keptTrace) bool { return k.name == name })
	if id < 0 {
		return fmt.Errorf("%q is not a trace that can change: use hold, minhold, avg, or A to %s", clean(name), slotName(slots-1))
	}
	return a.changeKept(keptID(id), what)
}

func (a *App) changeKept(id keptID, what string) error {
	switch what {
	case "on", "off":
		a.setKept(id, what == "on")
		return nil
	case "clear":
		a.change(func(b *board) { b.kept[id].Clear() })
	case "freeze", "thaw":
		a.change(func(b *board) { b.kept[id].Frozen = what == "freeze" })
	default:
		return fmt.Errorf("%q: use on, off, clear, freeze or thaw", clean(what))
	}
	a.desk.say(keptTraces[id].says+": "+what, false)
	return nil
}

// commandDecay lets the max hold fall.
func (a *App) commandDecay(arg string) error {
	v := 0.0
	if arg != "off" {
		var err error
		if v, err = strconv.ParseFloat(arg, 64); err != nil || !(v >= 0 && v <= 1000) {
			return fmt.Errorf("%q is not a decay: use 0 to 1000 dB a second or off", clean(arg))
		}
	}
	a.change(func(b *board) { b.kept[keptMax].DecayDB = v })
	a.desk.say(fmt.Sprintf("max hold falls %g dB/s", v), false)
	return nil
}

// commandAverage turns the average on over so many windows.
func (a *App) commandAverage(arg string) error {
	if arg == "off" {
		a.setKept(keptAverage, false)
		return nil
	}
	n := 0
	if arg != "all" {
		var err error
		if n, err = strconv.Atoi(arg); err != nil || n < 1 || n > 1e9 {
			return fmt.Errorf("%q is not a number of windows: use 1 or more, all or off", clean(arg))
		}
	}
	a.change(func(b *board) {
		b.set(keptAverage, true)
		b.kept[keptAverage].Averages = n
	})
	a.desk.say("average over "+arg+" windows", false)
	return nil
}

// commandCompare reads "mean-A" or "off".
func (a *App) commandCompare(arg string) error {
	d := a.desk
	if arg == "off" {
		d.compared = comparison{}
		d.say("compare off", false)
		return nil
	}
	one, other, ok := strings.Cut(arg, "-")
	if !ok {
		return fmt.Errorf("%q compares nothing: write it like mean-A, or off", clean(arg))
	}
	for _, name := range []string{one, other} {
		if _, err := d.traceNamed(name); err != nil {
			return err
		}
	}
	d.compared.a, d.compared.b = one, other
	d.compare()
	d.say("compare "+arg, false)
	return nil
}

// commandSave writes all traces that there are.
func (a *App) commandSave(path string) error {
	d := a.desk
	if why := d.cannotPoint(); why != "" {
		return errors.New(why)
	}
	var traces []spectrum.NamedTrace
	for _, name := range d.traceNames() {
		t, err := d.traceNamed(name)
		if err != nil {
			return err
		}
		if !t.Grid().ZeroSpan() {
			traces = append(traces, spectrum.NamedTrace{Name: name, Trace: t})
		}
	}
	if d.compared.on() && !d.compared.trace.Empty() {
		traces = append(traces, spectrum.NamedTrace{Name: d.compared.a + "-" + d.compared.b, Trace: &d.compared.trace})
	}
	radio := ""
	if st := d.status(); st != nil {
		radio = strings.TrimSpace(clean(st.Info.Name) + " " + clean(st.Info.Serial))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("there is a file %s: name another", clean(path))
	}
	if err != nil {
		return fileError(err)
	}
	err = spectrum.WriteTraces(f, radio, time.Now(), traces)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fileError(err)
	}
	d.say(fmt.Sprintf("saved %d traces to %s", len(traces), path), false)
	return nil
}

// commandLoad puts the traces of a file into the slots that are free.
func (a *App) commandLoad(path string) error {
	d := a.desk
	f, err := os.Open(path)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	traces, err := spectrum.ReadTraces(f)
	if err != nil {
		return fmt.Errorf("%w (%s)", fileError(err), clean(path))
	}
	var into []string
	for i := range d.stored {
		if n := len(into); d.stored[i].Empty() && n < len(traces) {
			d.stored[i].Store(traces[n].Trace)
			into = append(into, slotName(i))
		}
	}
	if len(into) == 0 {
		return errors.New("no slot is free: :trace A clear makes room")
	}
	text := fmt.Sprintf("%s: %d of %d traces in %s", path, len(into), len(traces), strings.Join(into, " "))
	if traces[0].Grid().Calibrated != d.board.grid.Calibrated && d.board.frames > 0 {
		d.say(text+", in "+traces[0].Grid().Unit(), true)
		return nil
	}
	d.say(text, false)
	return nil
}

// fileError has the cause first: the line that shows it may be short.
func fileError(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return fmt.Errorf("%w: %s", of.Err, clean(of.Path))
	}
	return err
}

// legend is the traces that are on beside the live ones, the frozen marked.
func (d *desk) legend() []word {
	var ws []word
	for id := range d.board.kept {
		k := &d.board.kept[id]
		if !k.on {
			continue
		}
		text := keptTraces[id].name
		if k.Frozen {
			text += "(frozen)"
		}
		ws = append(ws, word{text + " ", d.look.keptStyle(keptID(id))})
	}
	for i := range d.stored {
		if !d.stored[i].Empty() {
			ws = append(ws, word{slotName(i) + " ", d.look.stored})
		}
	}
	return ws
}
