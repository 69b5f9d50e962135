package stream

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"argos/stream/access"
	"argos/stream/wire"
)

const (
	clientPingEvery = time.Second
	renderSoon      = 30 * time.Millisecond // one message tells of frames received and rendered
	pingsKept       = 32                    // of which an answer counts: more than go before a link is dead
	lastWords       = time.Second           // to hear why, where nothing can be sent any more

	// A session that ends sooner than this does not prove that the link is back: the
	// waits between attempts go on growing.
	provenAfter = time.Second
)

// ClientOptions may be nil.
type ClientOptions struct {
	Agent  string        // program and version, told to the server
	View   View          // until Show says another
	Filter Filter        // of events, until SetFilter says another
	Guard  func()        // deferred in every goroutine, to recover panics; nil: none
	Login  *access.Login // nil: no token, and servers that the system vouches for
	// Patient tries again where the first attempt fails, too, unless that changes nothing.
	Patient bool
	// Counting leaves the powers of frames packed, which is most of a viewer's work, for who
	// counts and times frames and shows none. On the link nothing differs.
	Counting bool
	// Dial replaces the network, for who measures it and for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// A Client keeps one link to a server alive and measures it. Run does the work; all
// other methods may be called at any time from any goroutine.
type Client struct {
	url       string
	id        string // what the keys of its commands belong to
	sink      Sink
	options   ClientOptions
	route     route
	transport *http.Transport
	traffic   traffic

	retry chan struct{} // try again now
	wake  chan struct{} // there is something to send

	mu        sync.Mutex
	link      Link                    // state that is not derived; Link() completes it
	cut       context.CancelCauseFunc // ends the session; nil: there is none
	dialling  context.CancelFunc      // ends the attempt under way; nil: there is none
	heard     time.Time               // when the server last said anything
	connected bool
	connects  chan struct{} // closed with the first Welcome
	began     time.Time     // of the client, with its monotonic reading
	rtt       roundTrips
	mono      roundTrips           // the same by clocks that nobody sets: the server's since its epoch began, ours since began
	pinged    [pingsKept]time.Time // when the newest pings were sent, by id
	in        meter
	out       meter
	frames    meter
	delays    delays
	bytesIn   int64 // traffic already in the meters
	bytesOut  int64
	times     [framesTimed]frameTimes
	timed     int
	lastMerge time.Time
	measured  time.Duration // newest frame, since the server's epoch began
	took      time.Duration // since the one before
	period    time.Duration // the least of the last two
	view      View
	viewSent  View
	messages  uint64 // frame messages of this session received
	acked     uint64 // and rendered, or no news
	ackedAt   time.Time
	ackSent   [2]uint64 // messages and acked that the server knows
	refused   []uint64  // messages that were no news, and come after acked
	events    eventTrack
	holes     holes // frames before the newest that may still come
	catchUp   catchUp
	news      []news     // for the sink, of what was noticed under the mutex
	requests  []*request // not answered, oldest first
	filter    Filter
	filterNew bool // the server does not know it

	inbox   bytes.Buffer // of Run alone, as is
	decoder frameDecoder
}

// NewClient returns a client of the server at url (see ParseURL) that hands what
// arrives to sink.
func NewClient(url string, sink Sink, o *ClientOptions) *Client {
	c := &Client{
		url: url, id: rand.Text(), sink: sink,
		retry: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		connects: make(chan struct{}),
	}
	if o != nil {
		c.options, c.filter = *o, o.Filter
	}
	if c.options.Guard == nil {
		c.options.Guard = func() {}
	}
	c.view = c.options.View
	if c.options.Login == nil {
		c.options.Login = &access.Login{}
	}
	c.decoder.counting = c.options.Counting
	c.route = routeOf(url, c.wasConnected)
	if c.options.Dial == nil {
		c.options.Dial = c.route.dial
	}
	c.transport = newTransport(c.options.Dial, &c.traffic)
	if trust := c.options.Login.Trust; trust != nil {
		c.transport.TLSClientConfig = trust.Config(c.route.host)
	}
	c.began = time.Now()
	c.link = Link{URL: url, State: Connecting, Since: c.began}
	return c
}

// Run keeps the link until ctx ends, which gives nil. An error means that the first
// attempt failed, for good where the client is Patient; after a first success it tries
// again for ever.
func (c *Client) Run(ctx context.Context) error {
	defer c.transport.CloseIdleConnections()
	defer c.endRequests()
	var waits backoff
	for {
		up, err := c.session(ctx)
		if ctx.Err() != nil {
			c.setState(Closed, "")
			return nil
		}
		var refused *refusal
		final := errors.As(err, &refused)
		if !c.wasConnected() && (final || !c.options.Patient) {
			c.setState(Refused, err.Error())
			return err
		}
		if final {
			c.down(Refused, err)
			select {
			case <-c.retry:
			case <-ctx.Done():
			}
			continue
		}
		if up >= provenAfter {
			waits = backoff{}
		}
		wait := waits.after(err)
		c.down(Reconnecting, err)
		c.scheduled(waits.attempt, wait)
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-c.retry:
			waits = backoff{attempt: 1}
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

var errRetried = errors.New("asked to reconnect")

// Retry ends the wait for the next attempt, or one under way that may hang for long,
// and a link that is STALE: each is tried anew.
func (c *Client) Retry() {
	c.mu.Lock()
	if c.link.State == Live {
		if state, _ := c.liveState(time.Now()); state == Stale && c.cut != nil {
			c.cut(errRetried)
		}
		c.mu.Unlock()
		return
	}
	select {
	case c.retry <- struct{}{}:
	default:
	}
	if c.dialling != nil && c.connected { // the first attempt is one for good
		c.dialling()
	}
	c.mu.Unlock()
}

// Connected is closed when the first server has welcomed us.
func (c *Client) Connected() <-chan struct{} { return c.connects }

// Rendered says that the frame that ends with seq, and all received before it, are on
// the screen. Until it is called the server sends only so many more, and then merges.
func (c *Client) Rendered(seq uint64) {
	now := time.Now()
	c.mu.Lock()
	c.rendered(seq, now)
	c.mu.Unlock()
	c.stir()
}

// SetFilter asks for other events from now on.
func (c *Client) SetFilter(f Filter) {
	c.mu.Lock()
	c.filter, c.filterNew = f, true
	c.mu.Unlock()
	c.stir()
}

// Show asks for another view.
func (c *Client) Show(v View) {
	c.mu.Lock()
	c.view = v
	c.mu.Unlock()
	c.stir()
}

// stir wakes the writer.
func (c *Client) stir() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// session is one connection from dialling to its end. It reports how long the link was
// up.
func (c *Client) session(ctx context.Context) (up time.Duration, err error) {
	conn, cipher, err := c.attempt(ctx)
	if err != nil {
		return 0, err
	}
	session, cut := context.WithCancelCause(ctx)
	var writer sync.WaitGroup
	defer writer.Wait()
	defer func() { _ = conn.CloseNow() }()
	defer cut(nil)
	if err := c.sendHello(session, conn); err != nil {
		return 0, fmt.Errorf("%s: %w", c.url, linkError(err))
	}
	first, err := c.receiveServer(session, conn, dialTimeout)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", c.url, err)
	}
	welcome := first.GetWelcome()
	if welcome == nil {
		return 0, &refusal{fmt.Errorf("%w: %s does not begin with Welcome", ErrNotArgos, c.url)}
	}
	began := time.Now()
	c.welcome(welcome, cipher, cut)
	c.tell()
	defer c.closeSession()
	writer.Go(func() {
		defer c.options.Guard()
		err := c.write(session, conn)
		if err == nil {
			return
		}
		// What the server said last tells more, and may still be on its way.
		select {
		case <-session.Done():
		case <-time.After(lastWords):
		}
		cut(linkError(err))
	})
	for err == nil {
		var m *wire.ServerMessage
		if m, err = c.receiveServer(session, conn, deadAfter); err == nil {
			err = c.take(m)
		}
	}
	cut(err)
	return time.Since(began), context.Cause(session)
}

// attempt dials until Retry or ctx ends it, and says what the link is encrypted by.
func (c *Client) attempt(ctx context.Context) (conn *websocket.Conn, cipher string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.dialling = cancel
	c.mu.Unlock()
	conn, cipher, err = c.dial(ctx)
	c.mu.Lock()
	c.dialling = nil
	c.mu.Unlock()
	if err != nil && ctx.Err() != nil {
		return nil, "", errRetried
	}
	return conn, cipher, err
}

var errGarbage = errors.New("server sent what is not argos.v1")

// receiveServer reads a message. Silence for as long as limit ends the link; a message
// that comes slowly is no silence.
func (c *Client) receiveServer(ctx context.Context, conn *websocket.Conn, limit time.Duration) (*wire.ServerMessage, error) {
	var silent atomic.Bool
	heard := c.traffic.in.Load()
	var watch *time.Timer
	watch = time.AfterFunc(time.Hour, func() {
		if now := c.traffic.in.Load(); now != heard {
			heard = now
			watch.Reset(limit)
			return
		}
		silent.Store(true)
		_ = conn.CloseNow()
	})
	watch.Reset(limit) // it may look at itself from now on
	defer watch.Stop()
	c.inbox.Reset()
	kind, in, err := conn.Reader(ctx)
	if err == nil {
		_, err = c.inbox.ReadFrom(in)
	}
	if silent.Load() {
		return nil, fmt.Errorf("server silent for %s", lasting(limit))
	}
	if err != nil {
		return nil, linkError(err)
	}
	m := new(wire.ServerMessage)
	if kind != websocket.MessageBinary || encodingPB.unmarshal(c.inbox.Bytes(), m) != nil {
		return nil, errGarbage
	}
	return m, nil
}

// linkError says in few words how a link ended.
func linkError(err error) error {
	var closed websocket.CloseError
	var network *net.OpError
	switch {
	case errors.As(err, &closed):
		return fmt.Errorf("server closed the link: %s (%d)", cleanText(closed.Reason), closed.Code)
	case errors.Is(err, websocket.ErrMessageTooBig):
		return fmt.Errorf("%w: a message of more than %d bytes", errGarbage, maxMessage)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, syscall.EPIPE):
		return errors.New("server is gone")
	case errors.Is(err, net.ErrClosed), errors.Is(err, context.DeadlineExceeded): // of a write: no read ends so
		return fmt.Errorf("server has taken nothing for %s", lasting(writeTimeout))
	case errors.As(err, &network):
		return fmt.Errorf("link broke: %w", network.Err)
	default:
		return fmt.Errorf("link broke: %w", err)
	}
}

func (c *Client) sendHello(ctx context.Context, conn *websocket.Conn) error {
	c.mu.Lock()
	c.viewSent, c.filterNew = c.view, false
	hello := &wire.Hello{Agent: c.options.Agent, View: c.view.message(), Filter: c.filter.message(), Client: c.id}
	if c.connected {
		at := c.events.at
		hello.Resume = &wire.Position{Epoch: c.link.Server.Epoch, Seq: c.link.LastSeq, Offset: at.offset, H: at.hash[:]}
		for _, h := range c.holes {
			hello.Resume.Holes = append(hello.Resume.Holes, &wire.Range{First: h.first, Last: h.last})
		}
	}
	c.mu.Unlock()
	return sendClient(ctx, conn, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: hello}})
}

func sendClient(ctx context.Context, conn *websocket.Conn, m *wire.ClientMessage) error {
	b, err := encodingPB.marshal(nil, m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return conn.Write(ctx, websocket.MessageBinary, b)
}

// write sends acknowledgements, pings and commands until the session ends.
func (c *Client) write(ctx context.Context, conn *websocket.Conn) error {
	ping := time.NewTicker(clientPingEvery)
	defer ping.Stop()
	patience := time.NewTimer(0) // for what was received to be rendered
	defer patience.Stop()
	// The first goes at once: an operator wants to see a round trip.
	id := uint64(1)
	if err := c.ping(ctx, conn, id); err != nil {
		return err
	}
	for {
		var m *wire.ClientMessage
		select {
		case <-ctx.Done():
			return nil
		case <-ping.C:
			id++
			if err := c.ping(ctx, conn, id); err != nil {
				return err
			}
			continue
		case <-c.wake:
			if m = c.due(); m == nil {
				if c.unacknowledged() {
					patience.Reset(renderSoon)
				}
				continue
			}
			c.stir() // there may be more
		case <-patience.C:
			if !c.unacknowledged() {
				continue
			}
			m = c.ack()
		}
		if err := sendClient(ctx, conn, m); err != nil {
			return err
		}
	}
}

// ping notes the time by the monotonic clock too: a clock that is set is no round trip.
func (c *Client) ping(ctx context.Context, conn *websocket.Conn, id uint64) error {
	now := time.Now()
	c.mu.Lock()
	c.pinged[id%pingsKept] = now
	c.mu.Unlock()
	return sendClient(ctx, conn, &wire.ClientMessage{Kind: &wire.ClientMessage_Ping{
		Ping: &wire.Ping{Id: id, TimeNs: now.UnixNano()},
	}})
}

// due is what there is to send, nil if nothing.
func (c *Client) due() *wire.ClientMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.view != c.viewSent:
		c.viewSent = c.view
		return &wire.ClientMessage{Kind: &wire.ClientMessage_View{View: c.view.message()}}
	case c.filterNew:
		c.filterNew = false
		return &wire.ClientMessage{Kind: &wire.ClientMessage_Filter{Filter: c.filter.message()}}
	}
	if m := c.nextRequest(time.Now()); m != nil {
		return m
	}
	if c.acked != c.ackSent[1] || c.events.at.offset != c.events.ackSent {
		return c.acknowledge()
	}
	return nil
}

// closeSession notes that there is no link to send anything over.
func (c *Client) closeSession() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = nil
}

// unacknowledged reports whether frame messages were received that the server does not
// know of.
func (c *Client) unacknowledged() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.messages != c.ackSent[0]
}

// ack acknowledges what there is.
func (c *Client) ack() *wire.ClientMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.acknowledge()
}

func (c *Client) acknowledge() *wire.ClientMessage {
	c.ackSent, c.events.ackSent = [2]uint64{c.messages, c.acked}, c.events.at.offset
	return &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{
		Received: c.messages, Frames: c.acked, Offset: c.events.at.offset, RenderedNs: nanos(c.ackedAt),
	}}}
}

func (v View) message() *wire.View {
	return &wire.View{Columns: uint32(v.Columns), LowHz: v.LowHz, HighHz: v.HighHz, RowMs: uint32(v.Row.Milliseconds())}
}

// take handles one message of the server.
func (c *Client) take(m *wire.ServerMessage) error {
	now := time.Now()
	c.mu.Lock()
	c.heard = now
	c.mu.Unlock()
	switch kind := m.GetKind().(type) {
	case *wire.ServerMessage_Frame:
		f, err := c.decoder.decode(kind.Frame)
		if err != nil {
			return fmt.Errorf("%w: %w", errGarbage, err)
		}
		fresh := c.received(f, time.Duration(kind.Frame.GetSentMonoNs()), now)
		c.stir()
		if fresh {
			c.sink.Frame(f)
		}
		c.tell()
	case *wire.ServerMessage_Gap:
		c.gone(kind.Gap)
		c.tell()
	case *wire.ServerMessage_Event, *wire.ServerMessage_Passed, *wire.ServerMessage_EventGap:
		e, err := c.event(m)
		if err != nil {
			return err
		}
		if e != nil {
			c.sink.Event(*e)
		}
		c.stir() // to acknowledge
	case *wire.ServerMessage_Past:
		c.answered(kind.Past.GetKey(), m)
	case *wire.ServerMessage_Rows:
		c.answered(kind.Rows.GetKey(), m)
	case *wire.ServerMessage_Pong:
		c.mu.Lock()
		sent := &c.pinged[kind.Pong.GetId()%pingsKept]
		if !sent.IsZero() && sent.UnixNano() == kind.Pong.GetPingNs() {
			c.rtt.add(*sent, time.Unix(0, kind.Pong.GetTimeNs()), now)
			c.mono.add(*sent, c.began.Add(time.Duration(kind.Pong.GetMonoNs())), now)
			*sent = time.Time{}
		}
		if takes := kind.Pong.GetTakes(); takes >= 0 && takes <= rateMost {
			c.link.Takes = takes
		}
		c.mu.Unlock()
	case *wire.ServerMessage_Device:
		status := statusOf(kind.Device)
		c.mu.Lock()
		c.link.Device = status
		c.mu.Unlock()
	case *wire.ServerMessage_Viewers:
		seen := seenOf(kind.Viewers)
		c.mu.Lock()
		c.link.Viewers = seen
		c.mu.Unlock()
	case *wire.ServerMessage_Gps:
		gps := gpsOf(kind.Gps)
		c.mu.Lock()
		c.link.GPS = gps
		c.mu.Unlock()
	case *wire.ServerMessage_Reply:
		c.answered(kind.Reply.GetKey(), m)
	case *wire.ServerMessage_Goodbye:
		bye := &goodbyeError{cleanText(kind.Goodbye.GetReason()), time.Duration(kind.Goodbye.GetRetryMs()) * time.Millisecond}
		if bye.retry == 0 {
			return &refusal{bye}
		}
		return bye
	}
	return nil
}

// A goodbyeError is a server that ended the session on purpose.
type goodbyeError struct {
	reason string
	retry  time.Duration
}

func (e *goodbyeError) Error() string { return e.reason }
