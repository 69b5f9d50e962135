package views

import (
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
)

// A Plain says what there is in sentences: one a second about link and spectrum, and
// one about each event at once. It is for screen readers, logs and terminals that can
// do nothing else. Frames are acknowledged once they are taken in, and not while a
// sentence waits to be written.
type Plain struct {
	out io.Writer

	mu     sync.Mutex
	board  *board
	events []stream.Event // not yet said, at most eventsWaiting
	unsaid int            // events that found no room
	seq    uint64         // newest frame taken

	dirty chan struct{} // something came; one slot is enough
}

// eventsWaiting bounds the events that wait for an out that takes nothing. What more
// comes is counted and said.
const eventsWaiting = 64

var _ stream.Sink = (*Plain)(nil)

// NewPlain returns a view that writes to out.
func NewPlain(out io.Writer) *Plain {
	return &Plain{out: out, board: newBoard(), dirty: make(chan struct{}, 1)}
}

// Frame takes f in.
func (p *Plain) Frame(f *spectrum.Frame) {
	p.mu.Lock()
	p.board.take(f, defaultPace, nil)
	p.seq = f.LastSeq
	p.mu.Unlock()
	p.wake()
}

// Gap is told by the event that comes with it.
func (*Plain) Gap(uint64, uint64) {}

// Event queues a sentence.
func (p *Plain) Event(e stream.Event) {
	p.mu.Lock()
	if len(p.events) < eventsWaiting {
		p.events = append(p.events, e)
	} else {
		p.unsaid++
	}
	p.board.anew = p.board.anew || e.Restart()
	p.mu.Unlock()
	p.wake()
}

func (p *Plain) wake() {
	select {
	case p.dirty <- struct{}{}:
	default:
	}
}

// Run writes until ctx ends or out fails. An out that takes nothing holds up the end
// for no more than 2 s. It is called once.
func (p *Plain) Run(ctx context.Context, src Source) error {
	return untilEnd(ctx, func() error { return p.write(ctx, src) })
}

func (p *Plain) write(ctx context.Context, src Source) error {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for {
		var text string
		select {
		case <-ctx.Done():
			return nil
		case <-p.dirty:
			text = p.news(src)
		case <-second.C:
			link := src.Link()
			text = p.status(&link, time.Now()) + "\n"
		}
		if text == "" {
			continue
		}
		if _, err := io.WriteString(p.out, text); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

// news acknowledges what was taken, and says the events.
func (p *Plain) news(src Source) string {
	p.mu.Lock()
	events, unsaid, seq := p.events, p.unsaid, p.seq
	p.events, p.unsaid = nil, 0
	p.mu.Unlock()
	if seq > 0 {
		src.Rendered(seq)
	}
	var b strings.Builder
	for i := range events {
		e := &events[i]
		severity := ""
		if e.Severity > stream.Info {
			severity = strings.ToUpper(e.Severity.String()) + ", "
		}
		fmt.Fprintf(&b, "%s%s, %s: %s\n", severity, stamp(e.Time), clean(e.Kind), sentence(clean(e.Text)))
	}
	if unsaid > 0 {
		fmt.Fprintf(&b, "%d more events came faster than they could be written.\n", unsaid)
	}
	return b.String()
}

// status is the sentence of a second: the link, what is wrong, where one looks, what is
// there, and what was lost.
func (p *Plain) status(l *stream.Link, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	said := []string{p.linkWords(l, now)}
	said = append(said, p.wrongs(l, now)...)
	if p.board.frames > 0 {
		said = append(said, p.where())
		if words := dcWords(p.board.grid.DC); words != "" {
			said = append(said, words+".")
		}
		said = append(said, p.strongest())
	}
	return strings.Join(append(said, lost(l)), " ")
}

func (p *Plain) linkWords(l *stream.Link, now time.Time) string {
	age := ""
	if b := p.board; b.frames > 0 {
		age = ", " + ago(now.Sub(b.last.Add(-l.RTT.ClockOffset))) + " old"
		if began := l.Server.Began; !began.IsZero() {
			age = ", " + ago(now.Sub(began.Add(b.mono))) + " old"
		}
	}
	state := l.State.String()
	switch l.State {
	case stream.Live:
		return state + age + "."
	case stream.Degraded:
		if l.Behind > 1 {
			state += fmt.Sprintf(", frames merged %d at a time", l.Behind)
		}
		if l.Tier > 0 {
			state += fmt.Sprintf(", %d cells", l.Tier)
		}
		return state + age + "."
	case stream.CatchingUp:
		return fmt.Sprintf("%s, %d frames to come%s.", state, l.Pending, age)
	case stream.Reconnecting:
		state += fmt.Sprintf(", attempt %d", l.Attempt)
		if in := l.RetryAt.Sub(now); in > 0 {
			state += " in " + ago(in)
		}
	}
	if l.Reason != "" {
		state += ": " + clean(l.Reason)
	}
	if age == "" {
		return sentence(state)
	}
	return sentence(state) + " What was last seen is" + strings.TrimPrefix(age, ",") + "."
}

// wrongs are what an operator must not miss, the worst first.
func (p *Plain) wrongs(l *stream.Link, now time.Time) (said []string) {
	if l.Server.Insecure {
		said = append(said, "INSECURE: nothing is encrypted.")
	}
	d := l.Device
	if d == nil {
		return said
	}
	if d.Info.Simulated {
		said = append(said, "SIMULATED.")
	}
	if d.State != spectrum.Capturing {
		said = append(said, sentence("Radio "+strings.TrimSpace(d.State.String()+" "+clean(d.Reason))))
	}
	if missing := d.Correction.Missing; missing != "" {
		said = append(said, sentence("The calibration has "+clean(missing)))
	}
	if since := now.Sub(d.LastOverload.Add(-l.RTT.ClockOffset)); !d.LastOverload.IsZero() && since < recently {
		if since < 2*time.Second {
			said = append(said, "OVERLOAD now.")
		} else {
			said = append(said, "Overload "+ago(since)+" ago.")
		}
	}
	return said
}

// where is the frequencies, and what no level there can be read without.
func (p *Plain) where() string {
	g := &p.board.grid
	t := &g.Tuning
	text := fmt.Sprintf("%.3f MHz span %s", t.CenterHz/1e6, spoken(t.SpanHz, 3))
	switch {
	case g.ZeroSpan():
		text = fmt.Sprintf("Zero span at %.*f MHz", decimals(g.RBWHz), g.StartHz/1e6)
	case t.Ranges.Several():
		text = "Ranges " + t.Ranges.String()
	}
	if g.RBWHz > 0 {
		text += ", RBW " + spoken(g.RBWHz, 1)
	}
	if g.VBWHz > 0 {
		text += ", VBW " + spoken(g.VBWHz, 1)
	}
	if g.ZeroSpan() {
		measured := g.Measured()
		text += ", sweep time " + lasts(float64(measured.Bins)*measured.PointSec)
	}
	return text + "."
}

// spoken writes a width with its unit apart: 2 MHz.
func spoken(hz float64, decimals int) string {
	s := device.FormatHz(hz, decimals)
	number := strings.TrimRight(s, "kMG")
	return number + " " + s[len(number):] + "Hz"
}

func (p *Plain) strongest() string {
	b := p.board
	g := b.mean.Grid()
	bin := g.Strongest(b.mean.Levels(), math.Inf(-1), math.Inf(1))
	if bin < 0 {
		return "No power anywhere."
	}
	where := fmt.Sprintf("%.*f MHz", decimals(g.BinHz), g.BinCenterHz(bin)/1e6)
	if g.ZeroSpan() {
		where = sweepTime(g.Middle(bin), g)
	}
	db := b.mean.At(g.Middle(bin))
	text := fmt.Sprintf("Strongest %s %.1f %s", where, db, g.Unit())
	if bin < len(b.floor) {
		if above := db - float64(b.floor[bin]); !math.IsNaN(above) {
			text += fmt.Sprintf(", %.0f dB above noise", above)
		}
	}
	return text + "."
}

// lost is what is missing since the start.
func lost(l *stream.Link) string {
	var parts []string
	if l.Missing > 0 {
		parts = append(parts, fmt.Sprintf("%d frames", l.Missing))
	}
	if l.EventsMissing > 0 {
		parts = append(parts, fmt.Sprintf("%d events", l.EventsMissing))
	}
	if l.Device != nil && l.Device.Lost > 0 {
		parts = append(parts, fmt.Sprintf("%d samples", l.Device.Lost))
	}
	if l.Restarts > 0 {
		parts = append(parts, fmt.Sprintf("what came in %d restarts of the server", l.Restarts))
	}
	if len(parts) == 0 {
		return "Nothing lost."
	}
	return "Lost " + strings.Join(parts, ", ") + "."
}

// sentence ends s with a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}
