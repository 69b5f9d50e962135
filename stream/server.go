package stream

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"argos/spectrum"
	"argos/stream/access"
	"argos/stream/wire"
)

// linkPath is where the WebSocket is.
const linkPath = "/v1/link"

// A Source is a capture as a Server needs it: *spectrum.Capture.
type Source interface {
	Settings() spectrum.Settings
	Change(ctx context.Context, set map[string]string) (spectrum.Settings, error)
	Status() spectrum.Status
	Changed() <-chan struct{}
}

var _ Source = (*spectrum.Capture)(nil)

// ServerOptions may be nil.
type ServerOptions struct {
	Version string
	Log     *slog.Logger // nil: nothing is logged
	Guard   func()       // deferred in every goroutine, to recover panics; nil: none

	Access *access.Policy // who may come in; nil: this machine alone
	TLS    *tls.Config    // nil: plain
	Limits Limits         // of what those who connect can make the server do

	OneOperator bool         // at a time has the controls
	Journal     *slog.Logger // of what operators and admins do; nil: none is kept
}

// A Server serves one capture and its history to any number of viewers. Its epoch is
// its own life: a new Server is a new epoch.
type Server struct {
	source    Source
	history   *spectrum.History
	events    *eventFeed
	control   *control
	share     share
	device    latest
	gps       latest
	people    latest // for admins
	metrics   *metrics
	admission *admission
	epoch     string
	host      string
	options   ServerOptions
	log       *slog.Logger
	strangers *slog.Logger // log, for what anybody can cause
	forbidden *slog.Logger // the journal, for what was not done
	limits    Limits
	addresses *addresses
	tls       *rate.Limiter // handshakes of all
	merging   *rate.Limiter // bins of past frames, for all
	lease     *lease        // nil: every operator has the controls

	mu       sync.Mutex
	ended    bool // no more sessions begin
	sessions sync.WaitGroup
	viewers  map[*viewer]struct{}
	seats    int // taken by sessions, from before their handshake on
}

// NewServer returns a server of source and the history that it fills.
func NewServer(source Source, history *spectrum.History, o *ServerOptions) *Server {
	return newServer(source, history, newMemoryLog(rand.Text(), logEntries), o)
}

func newServer(source Source, history *spectrum.History, log eventLog, o *ServerOptions) *Server {
	s := &Server{source: source, history: history, events: newEventFeed(log), epoch: log.Epoch(), metrics: newMetrics()}
	s.viewers = map[*viewer]struct{}{}
	s.control = newControl(s.set, s.metrics)
	if o != nil {
		s.options = *o
	}
	s.log = s.options.Log
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.options.Guard == nil {
		s.options.Guard = func() {}
	}
	if s.options.Access == nil {
		s.options.Access = &access.Policy{}
	}
	if s.options.Journal == nil {
		s.options.Journal = slog.New(slog.DiscardHandler)
	}
	if s.options.OneOperator {
		s.lease = new(lease)
	}
	s.strangers = slog.New(newSparing(s.log.Handler()))
	s.forbidden = slog.New(newSparing(s.options.Journal.Handler()))
	s.limits = s.options.Limits.withDefaults()
	s.addresses = newAddresses(s.limits)
	s.tls = rate.NewLimiter(rate.Limit(s.limits.TLSHandshakes), burstOf(s.limits.TLSHandshakes))
	s.merging = rate.NewLimiter(mergedRate, mergedMost)
	s.share.history = history
	s.admission = usualAdmission(s.metrics.handshakes, s.limits.Handshakes)
	host, _ := os.Hostname()
	s.host = cleanText(host)
	s.metrics.registry.MustRegister(stateCollector{s})
	status := s.source.Status()
	s.device.publish(deviceMessage(&status))
	return s
}

// Serve accepts viewers on ln until ctx ends, tells them goodbye, and returns when the
// last session has ended. It closes ln.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       15 * time.Second, // these end with a session's handshake
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ConnContext:       arrived,
		ErrorLog:          slog.NewLogLogger(s.strangers.Handler(), slog.LevelWarn), // panics, and no more files to accept with
	}
	s.sessions.Go(func() {
		defer s.options.Guard()
		s.watch(ctx)
	})
	s.sessions.Go(func() {
		defer s.options.Guard()
		s.control.run(ctx)
	})
	s.sessions.Go(func() {
		defer s.options.Guard()
		s.watchTokens(ctx)
	})
	ln = newPorch(ln, s.addresses, s.options.Access.Trusts, s.tooMuch)
	if s.options.TLS != nil {
		ln = tls.NewListener(ln, s.bounded(s.options.TLS))
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	err := server.Serve(ln)
	asked := !stop()
	cancel()
	_ = server.Close() // those still in their handshake
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.sessions.Wait()
	if asked && errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// Event appends to the event log.
func (s *Server) Event(e Event) {
	if err := s.events.add(&e); err != nil {
		s.metrics.unloggedEvents.Inc()
		s.log.Error("event not logged", "kind", e.Kind, "text", e.Text, "error", err)
	}
}

// GPS tells the viewers where the antenna is.
func (s *Server) GPS(g *GPS) { s.gps.publish(gpsMessage(g)) }

// ServeHTTP upgrades requests for the link, answers probes, and tells others where the
// link is.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.probed(w, r) {
		return
	}
	if r.URL.Path != linkPath {
		http.Error(w, "Argos capture server: connect with argos-tui --connect "+addressed(r), http.StatusNotFound)
		return
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket: connect with argos-tui --connect "+addressed(r), http.StatusUpgradeRequired)
		return
	}
	offered := strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ",")
	if !strings.Contains(offered, protocolPB) && !strings.Contains(offered, protocolJSON) {
		http.Error(w, "no common protocol version: this server speaks "+protocolPB+" and "+protocolJSON, http.StatusBadRequest)
		return
	}
	who, ok := s.identify(w, r)
	if !ok {
		return
	}
	if !s.begin() {
		http.Error(w, "server is stopping", http.StatusServiceUnavailable)
		return
	}
	defer s.sessions.Done()
	defer s.options.Guard()
	if !s.seat(w, who.From) {
		return
	}
	defer s.unseat(who.From)
	s.session(w, r, who, !strings.Contains(offered, protocolPB))
}

// session upgrades a request and serves its viewer. compress says that what is sent
// shrinks, which packed frames do not.
func (s *Server) session(w http.ResponseWriter, r *http.Request, who access.Identity, compress bool) {
	arrival, ping := arrivalOf(r), newBudget(s.limits.Messages)
	arrival.settle() // it may have to wait for its turn
	if ok, comeBack := s.admission.admit(r.Context()); !ok {
		s.admission.refuse(w, comeBack)
		return
	}
	ctx, expel := context.WithCancelCause(r.Context())
	defer expel(nil)
	over := func(limit string) {
		s.tooMuch(limit, remote(who.From))
		expel(&expelledError{"too many " + limit})
	}
	options := &websocket.AcceptOptions{
		Subprotocols:    []string{protocolPB, protocolJSON},
		CompressionMode: websocket.CompressionDisabled,
		// identify has looked at the origin.
		InsecureSkipVerify: true,
		OnPingReceived: func(context.Context, []byte) bool {
			ok := ping.Allow()
			if !ok && ctx.Err() == nil {
				over(limitMessages)
			}
			return ok
		},
	}
	if compress {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	conn, under, err := accept(w, r, options)
	if err != nil {
		s.strangers.Info("handshake failed", "remote", who.From, "error", err)
		return
	}
	defer func() { _ = conn.CloseNow() }()
	encoding, ok := encodingOf(conn.Subprotocol())
	if !ok {
		_ = conn.Close(websocket.StatusPolicyViolation, "no common subprotocol")
		return
	}
	v := newViewer(s, conn, under, encoding, who)
	defer v.out.stop()
	v.expel, v.over, v.cut = expel, over, arrival.cut
	arrival.seated(func() { expel(&expelledError{"too many " + limitBytes}) })
	s.log.Info("viewer came", "remote", who.From, "session", v.session, "name", who.Name, "role", who.Role.String(), "protocol", conn.Subprotocol())
	err = v.run(ctx)
	s.metrics.left(err, r.Context().Err() != nil)
	s.log.Info("viewer left", "remote", who.From, "session", v.session, "name", who.Name, "cause", err)
}

// addressed is the URL that r came to.
func addressed(r *http.Request) string {
	if r.TLS != nil {
		return "wss://" + cleanText(r.Host)
	}
	return "ws://" + cleanText(r.Host)
}

// begin counts a session in, unless the server has ended.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.sessions.Add(1)
	}
	return !s.ended
}

// watch publishes the device's state once a second and at each change, and writes
// what changed into the event log.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	before, at := s.source.Status(), time.Now()
	before.Correction.Missing = "" // at the start it is news
	for {
		changed := s.source.Changed()
		now := s.source.Status()
		events := changes(&before, &now)
		// Round strips the monotonic reading, so the first difference is the clock's.
		was := at
		at = time.Now()
		events = append(events, clockStepped(at.Round(0).Sub(was.Round(0)), at.Sub(was))...)
		for _, e := range events {
			s.Event(e)
			if e.Kind == "overload" {
				s.metrics.overloads.Inc()
			}
			s.log.Info("event", "kind", e.Kind, "text", e.Text, "severity", e.Severity.String())
		}
		before = now
		s.device.publish(deviceMessage(&now))
		s.publishPeople()
		s.admission.report(s.log, false)
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			s.admission.report(s.log, true)
			return
		}
	}
}

// set applies named settings for a viewer. Calls follow one another.
func (s *Server) set(ctx context.Context, values map[string]string) error {
	_, err := s.source.Change(ctx, values)
	return err
}

// latest is a message of which only the newest counts. It is safe for concurrent use.
type latest struct {
	mu      sync.Mutex
	version uint64
	bytes   [2]prepared // by encoding
	grown   chan struct{}
}

func (l *latest) publish(m *wire.ServerMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version++
	for e := range l.bytes {
		// Marshalling fails for invalid UTF-8 alone, which would be a driver's fault.
		l.bytes[e], _ = encoding(e).marshalPrepared(nil, m)
	}
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

// get returns the newest message, its version, and a channel that is closed when
// there is a newer one.
func (l *latest) get(e encoding) (message prepared, version uint64, grown <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.bytes[e], l.version, l.grown
}
