package views

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// passFor is how long everything has to keep to the limits until that is an event.
const passFor = 5 * time.Second

// limits hold each frame against a mask: its maxima against the upper limits, its means
// against the lower. A frame is what it measured itself; the verdict is of all that is on
// the screen, where a slow sweep has bins of the frames before.
type limits struct {
	mask    spectrum.Mask
	verdict spectrum.Verdict
	frames  uint64        // that failed, and all that one stands for which did
	failing bool          // as told by the last event
	failed  time.Duration // when a frame failed last
	said    string        // an event to be told
	alarm   bool          // it is one
}

// update checks f, and what b has with it.
func (l *limits) update(b *board, f *spectrum.Frame) {
	if l.mask.Empty() {
		return
	}
	l.verdict = l.mask.Check(b.max.Grid(), b.max.Levels(), b.mean.Levels())
	switch own := l.mask.Check(&f.Grid, f.Max, f.Mean); {
	case own.Failed > 0:
		l.frames += uint64(f.Merged())
		l.failed = f.Mono.Last
		if !l.failing {
			l.failing, l.alarm = true, true
			l.said = "limit " + l.words(&b.grid, wideVerdict)
		}
	case l.failing && l.verdict.Failed == 0 && f.Mono.Last-l.failed >= passFor:
		l.failing, l.alarm = false, false
		l.said = "limit " + l.words(&b.grid, wideVerdict)
	}
}

// wideVerdict is how many columns a verdict takes that says where it is worst.
const wideVerdict = 66

// words is the verdict in w columns: "FAIL from 97.512 MHz by 3.2 dB", "PASS by 4.1 dB".
func (l *limits) words(g *spectrum.Grid, w int) string {
	v := &l.verdict
	mhz := func(hz float64) string { return fmt.Sprintf("%.*f MHz", decimals(g.BinHz), hz/1e6) }
	text := fmt.Sprintf("PASS by %.1f dB", v.MarginDB)
	switch {
	case v.Bins == 0:
		return "limits n/a: nothing measured there"
	case v.Failed > 0:
		text = fmt.Sprintf("FAIL from %s by %.1f dB", mhz(v.FirstHz), -v.MarginDB)
	}
	if w >= wideVerdict {
		text += " at " + mhz(v.AtHz)
	}
	return text
}

// event is what is to be told, at most once.
func (l *limits) event(now time.Time) (stream.Event, bool) {
	if l.said == "" {
		return stream.Event{}, false
	}
	e := stream.Event{Time: now, Kind: "limit", Text: l.said}
	if l.alarm {
		e.Severity = stream.Warning
	}
	l.said = ""
	return e, true
}

// drawVerdict writes what came of the mask into a row.
func (p *spectrumPane) drawVerdict(screen tcell.Screen, x, y, w int) {
	d := p.desk
	l := &d.board.limits
	text, style := l.words(&d.board.grid, w), d.look.good
	if l.verdict.Failed > 0 {
		text, style = " "+text+" ", d.look.alarm
	} else if l.frames > 0 {
		text += fmt.Sprintf(", %s frames failed", grouped(l.frames))
	}
	text = clip(text, w)
	pn := pen{screen: screen, x: x + w - len(text), y: y, to: x + w}
	pn.put(text, d.faded(style))
}

func (a *App) setMask(m spectrum.Mask, says string) {
	a.change(func(b *board) { b.limits = limits{mask: m} })
	a.desk.say(says, false)
}

// commandMask reads a file of limits, or off.
func (a *App) commandMask(path string) error {
	if path == "off" {
		a.setMask(spectrum.Mask{}, "no limits")
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return fileError(err)
	}
	defer f.Close()
	m, err := spectrum.ParseMask(f)
	if err != nil {
		return fmt.Errorf("%w (%s)", fileError(err), clean(path))
	}
	a.setMask(m, fmt.Sprintf("limits of %s: %d upper points, %d lower", path, len(m.Upper), len(m.Lower)))
	return nil
}

// commandThreshold sets one limit everywhere.
func (a *App) commandThreshold(arg string) error {
	if arg == "off" {
		return a.commandMask(arg)
	}
	db, err := strconv.ParseFloat(arg, 64)
	if err != nil || !(db >= -200 && db <= 200) {
		return fmt.Errorf("%q is not a level: use -200 to 200 dB or off", clean(arg))
	}
	a.setMask(spectrum.Threshold(db), fmt.Sprintf("threshold at %g %s", db, a.desk.board.grid.Unit()))
	return nil
}

var errDiv = errors.New("use 1 to 20 dB a division, or auto")

// commandDiv sets how many dB a tenth of the level axis stands for.
func (a *App) commandDiv(arg string) error {
	tall := 0.0
	if arg != "auto" {
		v, err := strconv.ParseFloat(arg, 64)
		if err != nil || !(v >= 1 && v <= 20) {
			return errDiv
		}
		tall = v * divisions
	}
	ref := a.desk.ref
	a.change(func(b *board) {
		b.levels.tall = tall
		b.relevel(ref)
	})
	a.desk.say("div "+arg, false)
	return nil
}
