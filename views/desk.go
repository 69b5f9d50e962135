package views

import (
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// A desk is the root primitive: it holds what is to be seen, lays the panes out and
// draws them. It belongs to the drawing goroutine.
type desk struct {
	*tview.Box
	look *look

	board  *board
	link   stream.Link
	now    time.Time // of the last refresh; what is written changes once a second
	events []stream.Event

	detector  Detector
	ref       *float64
	pace      time.Duration
	age       time.Duration // of the newest frame, at the last refresh
	frozenAt  time.Time     // the newest frame's time; zero: not frozen
	seenSince time.Time     // when this screen began
	past      past
	recalled  recall
	sweeping  bool // how the waterfall goes on
	traffic   traffic
	markers   spectrum.Markers
	active    int // the number of the marker that keys and clicks are for
	criterion spectrum.PeakCriterion
	peaks     []spectrum.Peak
	channel   channel
	stored    [slots]spectrum.Trace
	compared  comparison
	view      viewport
	cursor    cursor
	bands     spectrum.BandPlan
	bookmarks *bookmarks
	delayStep int // of stream.DelaySteps: how far back the time line of the link goes

	focus     paneID
	expanded  bool
	plan      plan
	panes     [paneCount]tview.Primitive
	hints     []hint
	palette   *palette
	help      *help
	peakTable *peakTable
	notice    notice
	onMouse   func(action tview.MouseAction, x, y int) bool
}

// A notice is one line in the footer's place: an answer to a key or a command.
type notice struct {
	text  string
	alarm bool
	until time.Time
}

const noticeFor = 6 * time.Second

func newDesk(l *look) *desk {
	d := &desk{Box: tview.NewBox(), look: l, board: newBoard(), pace: defaultPace, focus: paneSpectrum, active: 1, criterion: spectrum.DefaultPeaks, bookmarks: &bookmarks{}}
	d.marker().On = true
	d.SetBackgroundColor(tcell.ColorDefault)
	d.panes = [paneCount]tview.Primitive{
		paneHeader:    &headerPane{pane: d.newPane()},
		paneSpectrum:  &spectrumPane{pane: d.newPane()},
		paneWaterfall: &waterfallPane{pane: d.newPane()},
		paneLink:      &linkPane{pane: d.newPane()},
		paneDevice:    &devicePane{pane: d.newPane()},
		paneEvents:    &eventsPane{pane: d.newPane()},
		paneFooter:    &footerPane{pane: d.newPane()},
	}
	d.palette = newPalette(d)
	d.help = &help{pane: d.newPane()}
	d.peakTable = &peakTable{pane: d.newPane()}
	return d
}

// A pane is a part of the desk.
type pane struct {
	*tview.Box
	desk *desk
}

func (d *desk) newPane() pane {
	p := pane{Box: tview.NewBox(), desk: d}
	p.SetBackgroundColor(tcell.ColorDefault)
	return p
}

// status is what the server last said about its radio, or nil.
func (d *desk) status() *spectrum.Status { return d.link.Device }

// frozen reports whether spectrum and waterfall stand still.
func (d *desk) frozen() bool { return !d.frozenAt.IsZero() }

// current reports whether frames arrive.
func (d *desk) current() bool {
	switch d.link.State {
	case stream.Live, stream.Degraded, stream.CatchingUp:
		return true
	default:
		return false
	}
}

// faded is a style for data: dim once it is no longer what the radio hears. What was
// frozen on purpose is there to be looked at, and stays as it is.
func (d *desk) faded(s tcell.Style) tcell.Style {
	if d.current() {
		return s
	}
	if d.look.colors >= 256 {
		return d.look.quiet
	}
	return s.Dim(true)
}

// thaw lets spectrum and waterfall go on.
func (d *desk) thaw() { d.frozenAt = time.Time{} }

// dataAge is how old the newest frame on the screen is, on our clock.
func (d *desk) dataAge() time.Duration {
	if d.board.frames == 0 {
		return 0
	}
	if began := d.link.Server.Began; !began.IsZero() {
		return max(d.now.Sub(began.Add(d.board.mono)), 0)
	}
	return max(d.since(d.board.last), 0)
}

// since is how long ago a moment on the server's clock was.
func (d *desk) since(t time.Time) time.Duration {
	return d.now.Sub(t.Add(-d.link.RTT.ClockOffset))
}

// Draw lays out and draws everything.
func (d *desk) Draw(screen tcell.Screen) {
	x, y, w, h := d.GetInnerRect()
	d.plan = planFor(w, h, d.focus, d.expanded)
	if d.plan.tooSmall {
		d.drawTooSmall(screen, x, y, w, h)
		return
	}
	for id, r := range d.plan.rects {
		if r.w <= 0 || r.h <= 0 {
			continue
		}
		d.panes[id].SetRect(x+r.x, y+r.y, r.w, r.h)
		d.panes[id].Draw(screen)
	}
	d.drawRule(screen, x, y)
	if d.palette.open {
		r := d.plan.rects[paneFooter]
		d.palette.draw(screen, x+r.x, y+r.y, r.w)
	}
	if d.peakTable.open {
		d.peakTable.SetRect(x, y+2, w, h-3)
		d.peakTable.Draw(screen)
	}
	if d.help.open {
		d.help.SetRect(x, y+2, w, h-2) // its keys, not those of the footer
		d.help.Draw(screen)
	}
}

// drawRule draws the one line between left and right; it points at the pane that has
// the focus.
func (d *desk) drawRule(screen tcell.Screen, x, y int) {
	if d.plan.ruleX == 0 {
		return
	}
	f := d.plan.rects[d.focus]
	for row := d.plan.ruleTop; row < d.plan.ruleBottom; row++ {
		r, style := d.look.vline, d.look.quiet
		if row >= f.y && row < f.y+f.h {
			style = d.look.accent
			if row == f.y && f.x > d.plan.ruleX {
				r = '>'
			} else if row == f.y {
				r = '<'
			}
		}
		screen.SetContent(x+d.plan.ruleX, y+row, r, nil, style)
	}
}

// Focus keeps the keyboard, or gives it to the palette.
func (d *desk) Focus(delegate func(tview.Primitive)) {
	if d.palette.open {
		delegate(d.palette.field)
		return
	}
	d.Box.Focus(delegate)
}

// HasFocus includes the palette.
func (d *desk) HasFocus() bool { return d.Box.HasFocus() || d.palette.field.HasFocus() }

// InputHandler passes keys on to the palette; all others are in the keymap.
func (d *desk) InputHandler() func(*tcell.EventKey, func(tview.Primitive)) {
	return d.WrapInputHandler(func(ev *tcell.EventKey, setFocus func(tview.Primitive)) {
		if d.palette.open {
			d.palette.field.InputHandler()(ev, setFocus)
		}
	})
}

// PasteHandler lets a frequency be pasted into the palette.
func (d *desk) PasteHandler() func(string, func(tview.Primitive)) {
	return d.WrapPasteHandler(func(text string, setFocus func(tview.Primitive)) {
		if d.palette.open {
			d.palette.field.PasteHandler()(clean(text), setFocus)
		}
	})
}

// say shows one line in the footer's place for a while.
func (d *desk) say(text string, alarm bool) {
	d.notice = notice{text: clean(text), alarm: alarm, until: d.now.Add(noticeFor)}
}
