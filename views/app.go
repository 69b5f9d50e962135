package views

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
	"github.com/rivo/tview"
)

// A Source is the link that is shown, and where orders go.
type Source interface {
	Link() stream.Link
	// Do sets absolute values by the names of spectrum.Params; its error is one line.
	Do(ctx context.Context, set map[string]string) error
	// Kick ends another viewer's session, for an admin.
	Kick(ctx context.Context, session string) error
	// Rendered says that the frame lastSeq, and all before it, is on the terminal.
	Rendered(lastSeq uint64)
	// Retry reconnects now.
	Retry()
	// Show asks for what can be shown.
	Show(v stream.View)
	// Rows asks what ranges of past frames look like in that, at most 64.
	Rows(ctx context.Context, ranges []stream.Range) (stream.Rows, error)
}

// Options change how an App looks; nil is good.
type Options struct {
	Screen tcell.Screen // nil: the terminal
	Memory
	MemoryFile   string            // where Run leaves the Memory for the next time; empty: nowhere
	Bands        spectrum.BandPlan // names of bands over the spectrum
	BookmarkFile string            // where bookmarks are kept; empty: nowhere
	Appearance
	Motion    Motion // of the waterfall
	TTYBudget int    // bytes a second to the terminal; 0: as many as it takes
}

// An App is the screen. Frame and Event may be called before, during and after Run.
type App struct {
	inner  tcell.Screen
	gate   *gate // nil: not our terminal
	meter  *meter
	opts   Options
	marks  *bookmarks
	notice string // what must be known from the start
	screen *diffScreen
	tv     *tview.Application
	desk   *desk
	src    Source
	orders *orders

	dumping *dump // with the next draw; the drawing goroutine's own

	mu      sync.Mutex // guards what follows; never held while drawing
	live    *board
	ref     *float64
	pace    time.Duration
	events  []stream.Event
	newer   bool // events has grown since it was last drawn
	answers []notice
	recall  recall

	wishes   chan wish     // one at a time
	dirty    chan struct{} // something to draw; one slot is enough
	quitting chan error
	due      bool   // the draw under way is one that takes over what arrived
	drawn    uint64 // frame taken last in the draw under way
	drawnAt  uint64 // and which of those taken that is
	ackedAt  uint64
	started  atomic.Bool

	exit   func(int)
	stderr io.Writer
}

var _ stream.Sink = (*App)(nil)

// Wants is what of the frames an App can show at first: more cells than any terminal
// has, for markers.
var Wants = stream.View{Columns: 4096, Row: defaultPace}

const (
	maxEvents = 500
	drawGap   = time.Second / 60 // from draw to draw at least
	maxGap    = time.Second / 4  // until the budget is looked at again
)

// New makes a screen. Where there is no terminal that can show it, the error is one
// line that says what to do instead; nothing has been sent to the terminal.
func New(o *Options) (*App, error) {
	a := &App{
		orders: newOrders(), live: newBoard(), pace: defaultPace,
		dirty: make(chan struct{}, 1), wishes: make(chan wish, 1), quitting: make(chan error, 1),
		meter: &meter{}, exit: os.Exit, stderr: os.Stderr,
	}
	if o != nil {
		a.opts = *o
	}
	a.ref = a.opts.RefDB
	var err error
	if a.marks, err = openBookmarks(a.opts.BookmarkFile); err != nil {
		return nil, fmt.Errorf("bookmarks: %w", err)
	}
	if a.opts.Pace > 0 {
		a.pace = a.opts.Pace
	}
	a.inner = a.opts.Screen
	if a.inner == nil {
		if a.inner, a.gate, err = openTerminal(a.meter); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// Frame takes a frame to be drawn. It copies and returns.
func (a *App) Frame(f *spectrum.Frame) {
	a.mu.Lock()
	a.live.take(f, a.pace, a.ref)
	if e, ok := a.live.limits.event(f.Last); ok {
		a.note(e)
	}
	a.mu.Unlock()
	a.wake()
}

// Gap says that what is missing in the waterfall will not come.
func (a *App) Gap(first, last uint64) {
	a.mu.Lock()
	a.live.fall.lose(first, last)
	a.mu.Unlock()
	a.wake()
}

// Event takes a line for the events pane.
func (a *App) Event(e stream.Event) {
	a.mu.Lock()
	a.note(e)
	a.live.anew = a.live.anew || e.Restart()
	a.mu.Unlock()
	a.wake()
}

// note adds a line to the events, under the lock.
func (a *App) note(e stream.Event) {
	if len(a.events) == maxEvents {
		copy(a.events, a.events[1:])
		a.events = a.events[:maxEvents-1]
	}
	a.events = append(a.events, e)
	a.newer = true
}

func (a *App) wake() {
	select {
	case a.dirty <- struct{}{}:
	default:
	}
}

// Notice has text shown for the first seconds of Run: what must be known from the
// start, such as that the radio is no real one. It is called before Run.
func (a *App) Notice(text string) {
	if a.notice != "" {
		a.notice += "; "
	}
	a.notice += clean(text)
}

// Run shows src until q, until ctx ends, or until the terminal fails. However it
// returns, the terminal is as it was before. It can be called once.
func (a *App) Run(ctx context.Context, src Source) error {
	if ctx.Err() != nil {
		return nil
	}
	a.src = src
	a.screen = newDiffScreen(a.inner)
	a.screen.onShow, a.screen.onError = a.rendered, a.quit
	if a.gate != nil {
		a.screen.rescue = a.gate.Abandon
		a.gate.onResize = func() { a.screen.stale.Store(true) }
	}
	if err := a.screen.Init(); err != nil {
		return fmt.Errorf("start the terminal: %w; use --plain or --json", err)
	}
	on := surfaceOf(a.inner)
	if a.opts.Glyphs > ascii && !on.utf8 && a.notice == "" {
		a.notice = fmt.Sprintf("the terminal's characters are %s: no %s", a.inner.CharacterSet(), a.opts.Glyphs)
	}
	a.desk = newDesk(newLook(on, a.opts.Appearance, false))
	a.desk.recall(&a.opts.Memory)
	a.desk.bands, a.desk.bookmarks = a.opts.Bands, a.marks
	a.desk.seenSince = time.Now()
	a.desk.notice = notice{text: a.notice, alarm: true, until: time.Now().Add(noticeFor)}
	a.setBudget(a.opts.TTYBudget)
	a.tv = tview.NewApplication().SetScreen(a.screen).EnableMouse(true).EnablePaste(true)
	a.tv.SetInputCapture(a.key)
	a.desk.onMouse = a.mouse
	a.tv.SetBeforeDrawFunc(func(tcell.Screen) bool { a.prepare(); return false })
	a.tv.SetAfterDrawFunc(a.drew)
	a.tv.SetRoot(a.desk, true)
	a.started.Store(true)

	// Whoever queues draws must have stopped before tview does: a draw queued after
	// that waits for ever. So only this goroutine ends things, and in this order.
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var feeders sync.WaitGroup
	feeders.Go(func() { defer a.Guard(); a.schedule(inner) })
	feeders.Go(func() { defer a.Guard(); a.fulfil(inner) })
	feeders.Go(func() { defer a.Guard(); a.orders.carry(inner, doer(src), a.answer) })
	loop := make(chan error, 1)
	go func() { defer a.Guard(); loop <- a.tv.Run() }()

	var err error
	select {
	case <-ctx.Done():
	case err = <-a.quitting:
	case err = <-loop:
		loop <- err
	}
	cancel()
	if !within(feeders.Wait, a.rescue) {
		a.screen.Fini()
		return fmt.Errorf("the terminal hangs: %w", errAbandoned)
	}
	if !within(a.tv.Stop, a.rescue) {
		return fmt.Errorf("the terminal hangs: %w", errAbandoned)
	}
	if !within(func() { loop <- <-loop }, a.rescue) {
		return fmt.Errorf("the terminal hangs: %w", errAbandoned)
	}
	a.remember()
	return err
}

// rescue frees a draw that the terminal does not take.
func (a *App) rescue() {
	if a.gate != nil {
		a.gate.Abandon()
	}
}

// quit ends Run from any goroutine.
func (a *App) quit(err error) {
	select {
	case a.quitting <- err:
	default:
	}
}

// Guard is to be deferred by every goroutine of the program: should it panic, the
// terminal is restored before the cause is printed, and the program ends with 1.
func (a *App) Guard() {
	cause := recover()
	if cause == nil {
		return
	}
	stack := debug.Stack()
	if a.started.Load() {
		a.screen.Fini()
	}
	fmt.Fprintf(a.stderr, "argos-tui: internal error: %v\n\n%s", cause, stack)
	a.exit(1)
}

// schedule draws when something arrived, at most 60 times a second and within the
// terminal's budget, and once in each second of the clock. It waits for each draw: a
// terminal that takes no bytes holds up this goroutine and no other. What a key or a click
// changes is drawn by tview at once and does not come by here.
func (a *App) schedule(ctx context.Context) {
	clock := time.NewTimer(0)
	gap := time.NewTimer(0)
	defer clock.Stop()
	defer gap.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.dirty:
		case <-clock.C:
			clock.Reset(untilNextSecond(time.Now()))
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-gap.C:
			}
			// A key may have been drawn meanwhile, or the budget changed.
			wait := min(a.meter.wait(), maxGap)
			waiting = wait > 0
			gap.Reset(max(wait, drawGap))
		}
		a.tv.QueueUpdateDraw(func() { a.due = true })
	}
}

func untilNextSecond(now time.Time) time.Duration {
	return now.Truncate(time.Second).Add(time.Second).Sub(now)
}

// prepare brings the desk up to date before a draw. What is written in numbers changes
// once a second, so that it can be read; a change of state shows at once. Where the
// terminal has had its budget, the draw of a key shows what the key did and leaves what
// arrived to the next draw that is due: so keys are quick and cost little.
func (a *App) prepare() {
	d := a.desk
	link, now := a.src.Link(), time.Now()
	due := a.due || a.meter.wait() == 0
	a.meter.draws(!a.due)
	a.due = false
	a.mu.Lock()
	fresh := d.board.frames == 0 && a.live.frames > 0
	if !d.past.on && !d.frozen() {
		a.live.fall.forget()
	}
	if due && !d.frozen() {
		top, row := d.board.fall.spot(d.past.top), d.board.fall.spot(d.past.row)
		d.board.follow(a.live)
		d.past.top, d.past.row = d.board.fall.find(top), d.board.fall.find(row)
	} else if due {
		d.board.fall.followBack(&a.live.fall)
	}
	if due {
		a.drawn, a.drawnAt = a.live.taken, a.live.takes
	}
	if a.newer {
		d.events = append(d.events[:0], a.events...)
		a.newer = false
	}
	for _, n := range a.answers {
		n.until = now.Add(noticeFor)
		d.notice = n
	}
	a.answers = a.answers[:0]
	a.mu.Unlock()

	d.compare()
	a.keepView()
	if fresh {
		d.now = time.Time{} // what is written waits no second for the first frame
	}
	a.refresh(link, now)
	a.lookFor(now)
}

// refresh takes over what is known of the link: what works here and now at once, what
// is there to be read once a second.
func (a *App) refresh(link stream.Link, now time.Time) {
	d := a.desk
	old := &d.link
	if second := now.Truncate(time.Second); !second.Equal(d.traffic.at.Truncate(time.Second)) && d.traffic.sample(now, a.meter) && a.opts.Motion == AutoMotion {
		a.dress()
		d.say("the terminal is slow: the waterfall sweeps; :fall scroll undoes it", true)
	}
	if !now.Truncate(time.Second).Equal(d.now.Truncate(time.Second)) || link.State != old.State ||
		link.Attempt != old.Attempt || !link.Since.Equal(old.Since) {
		d.link, d.now = link, now
		d.age = d.dataAge()
	}
	d.link.Device, d.link.Server, d.link.GPS = link.Device, link.Server, link.GPS
}

// rendered acknowledges what a draw has brought to the terminal.
func (a *App) rendered() {
	a.desk.traffic.counted++
	if a.drawnAt != a.ackedAt {
		a.ackedAt = a.drawnAt
		a.src.Rendered(a.drawn)
	}
}

// answer shows what came of an order.
func (a *App) answer(err error) {
	if err == nil {
		a.wake()
		return
	}
	a.mu.Lock()
	a.answers = append(a.answers[:0], notice{text: clean(err.Error()), alarm: true})
	a.mu.Unlock()
	a.wake()
}

// dress applies what was chosen of the look, and what the terminal's budget leaves of it.
func (a *App) dress() {
	d := a.desk
	slow := d.traffic.slow || d.traffic.budget > 0
	d.sweeping = a.opts.Motion == Sweep || a.opts.Motion == AutoMotion && slow
	*d.look = *newLook(surfaceOf(a.inner), a.opts.Appearance, d.sweeping || slow)
	d.palette.dress()
}

func (a *App) setMotion(m Motion) {
	a.opts.Motion, a.desk.traffic.slow, a.desk.traffic.lagging = m, false, 0
	a.dress()
	a.desk.say("waterfall "+m.String(), false)
}

// setBudget keeps what the terminal is sent to so many bytes a second; 0: to none.
func (a *App) setBudget(perSecond int) {
	a.meter.setBudget(perSecond)
	a.desk.traffic.budget = perSecond
	a.dress()
}

func (a *App) setPace(t time.Duration) {
	a.mu.Lock()
	a.pace = t
	a.mu.Unlock()
	a.desk.pace = t
	a.ask()
	a.desk.say("pace "+t.String()+" a row", false)
}
