package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"argos/stream/access"
	"argos/stream/wire"
)

const (
	maxClientMessage = 64 << 10
	writeTimeout     = 15 * time.Second
	helloTimeout     = 10 * time.Second
	pingEvery        = 5 * time.Second
	deadAfter        = 15 * time.Second
	goodbyeTimeout   = time.Second

	generationsAtOnce = 4                      // that are sent to one who was away or lagged; what is older is a gap
	usualRow          = 500 * time.Millisecond // of a waterfall, unless told otherwise
	jsonColumns       = 1 << 18                // at most, of one who gets every cell as a number: 6 MB a frame
	holesMost         = 8                      // of one who resumes; what is older is a gap
)

// A viewer is one session: a cursor into the history and the holes behind it, a cursor
// into the event log, and a window of frames that were sent and not yet acknowledged.
// Nothing is queued for it but replies. One goroutine reads, one writes.
type viewer struct {
	server   *Server
	conn     *websocket.Conn
	out      *deadlineWriter
	encoding encoding
	session  string
	since    time.Time
	owner    string // whose command keys it uses
	who      access.Identity
	expel    context.CancelCauseFunc // ends the session, for good with an expelledError
	over     func(limit string)      // ends it for what it does too much
	cut      func()                  // closes its connection
	budget   *rate.Limiter           // messages
	metrics  *metrics

	commands chan *wire.Command
	recalls  chan *wire.RowsRequest   // one at most, as recalling says
	replies  chan *wire.ServerMessage // full: the viewer's next command waits
	rows     chan *wire.ServerMessage // made for it, until its link has room
	wake     chan struct{}            // something below changed

	events eventCursor

	mu       sync.Mutex
	view     View
	flow     flow
	progress progress

	recalling atomic.Bool // rows that were asked for are not on their way yet

	// Of the writer alone.
	cursor     uint64 // next sequence number to send
	holes      holes  // before the cursor, still to be filled
	unasked    int    // of the oldest of them that are too many
	eventsSent int    // since there was time for a frame
	oldest     uint64 // what of the holes is older than this is too old
	filled     bool   // the last frame message was a row of a hole
	recalled   bool   // the last that waited for room were rows that were asked for
	deviceSeen uint64
	gpsSeen    uint64
	peopleSeen uint64
	scratch    prepared
}

func newViewer(s *Server, conn *websocket.Conn, under *framed, e encoding, who access.Identity) *viewer {
	conn.SetReadLimit(maxClientMessage)
	return &viewer{
		server: s, conn: conn, out: newDeadlineWriter(conn, under, e.messageType()), encoding: e, who: who,
		session: rand.Text()[:8], since: time.Now(),
		budget:   newBudget(s.limits.Messages),
		commands: make(chan *wire.Command, commandsAtOnce),
		recalls:  make(chan *wire.RowsRequest, 1),
		replies:  make(chan *wire.ServerMessage, repliesWaiting),
		rows:     make(chan *wire.ServerMessage, 1),
		wake:     make(chan struct{}, 1),
		metrics:  s.metrics,
		events:   eventCursor{feed: s.events},
	}
}

var errHello = errors.New("the first message must be Hello")

// run serves the viewer until ctx ends, it leaves or it breaks the protocol; the
// error says which.
func (v *viewer) run(ctx context.Context) error {
	hello, err := v.hello(ctx)
	var welcome *wire.ServerMessage
	if err == nil {
		welcome, err = v.welcome(hello) // before the reader, who may find another view behind it
	}
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		v.sendAway(err)
		return err
	}
	// Reads and writes must not end with ctx: a goodbye is still to be said.
	session, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	var goroutines sync.WaitGroup
	defer goroutines.Wait()
	defer func() { _ = v.conn.CloseNow() }()
	defer cancel(nil)
	defer context.AfterFunc(session, func() { _ = v.conn.CloseNow() })() // ends a write
	goroutines.Go(func() {
		defer v.server.options.Guard()
		err := v.read(session)
		// Before the writer's context ends, which would cut the link without a word.
		v.sendAway(err)
		cancel(err)
	})
	goroutines.Go(func() {
		defer v.server.options.Guard()
		cancel(v.keepAlive(session))
	})
	goroutines.Go(func() {
		defer v.server.options.Guard()
		cancel(v.obey(session))
	})
	// A viewer that takes nothing must not keep the server from stopping.
	defer context.AfterFunc(ctx, func() {
		patience := goodbyeTimeout
		if errors.As(context.Cause(ctx), new(*expelledError)) {
			patience = partingTimeout
		}
		time.AfterFunc(patience, func() {
			cancel(context.Cause(ctx))
			v.cut() // a close that waits for the other side to agree: CloseNow would wait with it
		})
	})()
	v.server.enter(v)
	defer v.server.leave(v)
	err = v.send(session, welcome)
	for err == nil {
		err = v.write(ctx, session)
	}
	if ctx.Err() != nil && session.Err() == nil {
		v.goodbye(session, context.Cause(ctx))
	} else if errors.Is(err, errWrite) && !errors.Is(err, context.DeadlineExceeded) {
		// The link has ended, and why is for the reader to say, unless it waits for the radio.
		_ = v.conn.CloseNow()
		select {
		case <-session.Done():
		case <-time.After(goodbyeTimeout):
		}
	}
	// A write that takes too long ends the reader, too: what came first is the cause.
	if cause := context.Cause(session); cause != nil && !errors.Is(err, context.DeadlineExceeded) {
		err = cause
	}
	return err
}

// sendAway tells a viewer that broke the protocol what was wrong.
func (v *viewer) sendAway(err error) {
	if errors.Is(err, errHello) || errors.Is(err, errMessage) || errors.As(err, new(*forbiddenError)) {
		_ = v.conn.Close(websocket.StatusPolicyViolation, err.Error())
	}
}

func (v *viewer) hello(ctx context.Context) (*wire.Hello, error) {
	// Not by the context, whose end would cut the link without a word.
	silence := time.AfterFunc(helloTimeout, func() {
		_ = v.conn.Close(websocket.StatusPolicyViolation, errHello.Error())
	})
	defer silence.Stop()
	// A viewer says Hello as soon as the link is up: the time is that of a round trip.
	began := time.Now()
	m, err := v.receive(ctx)
	if err != nil {
		return nil, err
	}
	if m.GetHello() == nil {
		return nil, errHello
	}
	v.flow = newFlow(time.Since(began), time.Now())
	return m.GetHello(), v.begin(m.GetHello())
}

var errMessage = errors.New("not an argos.v1 message")

func (v *viewer) receive(ctx context.Context) (*wire.ClientMessage, error) {
	kind, data, err := v.conn.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	m := new(wire.ClientMessage)
	if kind != v.encoding.messageType() || v.encoding.unmarshal(data, m) != nil {
		return nil, errMessage
	}
	return m, nil
}

// welcome sets the cursors and answers hello.
func (v *viewer) welcome(hello *wire.Hello) (*wire.ServerMessage, error) {
	v.setView(hello.GetView())
	head, resumed := v.place(hello.GetResume())
	eventsResumed, err := v.events.join(hello.GetResume())
	if err != nil {
		return nil, err
	}
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Welcome{Welcome: &wire.Welcome{
		Session: v.session, Epoch: v.server.epoch, Role: v.who.Role.String(), Insecure: v.server.options.Access.Insecure,
		Server: v.server.host, Version: v.server.options.Version, Pid: int32(os.Getpid()),
		Head: head, Resumed: resumed, EventsResumed: eventsResumed,
	}}}, nil
}

// begin takes who the viewer is and which events it wants.
func (v *viewer) begin(hello *wire.Hello) error {
	v.owner = v.session
	if name := hello.GetClient(); len(name) > keyLength {
		return fmt.Errorf("%w: a client of more than %d bytes", errMessage, keyLength)
	} else if name != "" {
		v.owner = v.who.Key() + " " + name // of another token it is another client
	}
	filter, err := filterOf(hello.GetFilter())
	v.events.set(filter)
	return err
}

// place sets the cursor of frames: behind what the viewer has, if it was in this epoch, or
// before the newest. It returns where the newest is.
func (v *viewer) place(resume *wire.Position) (newest *wire.Position, resumed bool) {
	head := v.server.history.Head()
	v.cursor = max(head, 2) - 1
	outcome := joinFresh
	resumed = resume.GetEpoch() == v.server.epoch && resume.GetSeq() < head
	if resumed {
		outcome = joinResumed
	} else if resume.GetEpoch() != "" {
		outcome = joinNewEpoch
	}
	v.metrics.joins.WithLabelValues(outcome).Inc()
	// One that has seen no frame yet has no hole.
	if resumed && resume.GetSeq() > 0 {
		v.resume(resume, head)
	}
	v.mu.Lock()
	v.progress = progress{next: v.cursor, filling: len(v.holes) > 0}
	v.mu.Unlock()
	logged := v.server.events.Head()
	return &wire.Position{Epoch: v.server.epoch, Seq: head - 1, Offset: logged.offset, H: logged.hash[:]}, resumed
}

// resume plans how one who was away gets what it lacks: the newest frame first, the rest
// in rows.
func (v *viewer) resume(from *wire.Position, head uint64) {
	last := from.GetSeq()
	v.cursor = max(last+1, head-1)
	end := uint64(0) // of the holes so far
	for _, r := range from.GetHoles() {
		if r.GetFirst() > end && r.GetFirst() <= r.GetLast() && r.GetLast() <= last {
			end = r.GetLast()
			v.holes = append(v.holes, hole{r.GetFirst(), end})
		}
	}
	if last+1 < v.cursor {
		v.holes = append(v.holes, hole{last + 1, v.cursor - 1})
	}
	v.unasked = max(len(v.holes)-holesMost, 0)
	v.oldest = v.server.history.Recent(0, head, generationsAtOnce)
	v.filled = true // the newest goes first
}

// read takes what the viewer says until the link ends.
func (v *viewer) read(ctx context.Context) error {
	for {
		m, err := v.receive(ctx)
		if err != nil {
			return err
		}
		if !v.welcomeStill(m) {
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if err := v.permitted(m); err != nil {
			if err = v.forbid(ctx, m, err); err != nil {
				return err
			}
			continue
		}
		switch kind := m.GetKind().(type) {
		case *wire.ClientMessage_Ack:
			v.acknowledge(kind.Ack.GetReceived(), kind.Ack.GetFrames())
			if v.events.acknowledge(kind.Ack.GetOffset()) {
				v.stir()
			}
		case *wire.ClientMessage_View:
			v.setView(kind.View)
		case *wire.ClientMessage_Ping:
			err = v.reply(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Pong{Pong: &wire.Pong{
				Id: kind.Ping.GetId(), PingNs: kind.Ping.GetTimeNs(), TimeNs: time.Now().UnixNano(),
				MonoNs: int64(v.server.history.Mono(time.Now())), Takes: v.takes(),
			}}})
		case *wire.ClientMessage_Kick:
			err = v.answer(ctx, kind.Kick.GetKey(), v.kick(kind.Kick.GetSession()))
		case *wire.ClientMessage_Filter:
			var filter Filter
			if filter, err = filterOf(kind.Filter); err == nil {
				v.events.set(filter)
			}
		case *wire.ClientMessage_Past:
			var past *wire.Past
			if past, err = v.events.past(kind.Past, v.encoding); err == nil {
				err = v.reply(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Past{Past: past}})
			}
		case *wire.ClientMessage_Command:
			select {
			case v.commands <- kind.Command:
			case <-ctx.Done():
				err = context.Cause(ctx)
			}
		case *wire.ClientMessage_Rows:
			if v.recalling.CompareAndSwap(false, true) {
				v.recalls <- kind.Rows
			} else { // to read no further would keep from us what makes room for the answer
				err = v.reply(ctx, &wire.ServerMessage{Kind: &wire.ServerMessage_Rows{Rows: &wire.Rows{Key: kind.Rows.GetKey()}}})
			}
		}
		if err != nil {
			return err
		}
	}
}

// setView takes what the viewer can show, as far as it makes sense.
func (v *viewer) setView(w *wire.View) {
	view := View{
		Columns: int(min(w.GetColumns(), maxBins)), LowHz: finite(w.GetLowHz()), HighHz: finite(w.GetHighHz()),
		Row: time.Duration(w.GetRowMs()) * time.Millisecond,
	}
	if view.Row == 0 {
		view.Row = usualRow
	}
	if v.encoding == encodingJSON && (view.Columns == 0 || view.Columns > jsonColumns) {
		view.Columns = jsonColumns
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.view = view
}

// acknowledge takes the first so many frame messages of the session as received, and as
// shown.
func (v *viewer) acknowledge(received, shown uint64) {
	v.mu.Lock()
	v.flow.acknowledge(received, shown, time.Now(), func(took time.Duration) { v.metrics.acknowledged.Observe(took.Seconds()) })
	v.mu.Unlock()
	v.stir()
}

// takes is the most bytes a second that the link has taken of late, 0 if not known.
func (v *viewer) takes() float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.flow.best()
}

// stir wakes the writer.
func (v *viewer) stir() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

var errSilent = errors.New("viewer does not answer")

// keepAlive ends the session when the peer no longer answers.
func (v *viewer) keepAlive(ctx context.Context) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		ping, cancel := context.WithTimeout(ctx, deadAfter-pingEvery)
		asked := time.Now()
		err := v.conn.Ping(ping)
		cancel()
		switch {
		case err == nil:
			v.metrics.roundTrip.Observe(time.Since(asked).Seconds())
		case errors.Is(err, context.DeadlineExceeded):
			// No answer, or no room to ask for 5 s: the library allows itself no more.
			return fmt.Errorf("%w: %w", errSilent, err)
		default:
			// The link is gone already, or will be now. Why is for the reader to say.
			_ = v.conn.CloseNow()
			<-ctx.Done()
			return nil
		}
	}
}
