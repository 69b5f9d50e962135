package stream

import (
	"context"
	"errors"
	"io"
	"math/bits"
	"strconv"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"argos/spectrum"
	"argos/stream/access"
	"argos/stream/wire"
)

// metrics is what a Server counts of its doings, in a registry of its own so that two
// servers in one process do not mix. What the capture, the history and the viewers know
// themselves is asked of them when somebody looks: see stateCollector. Everything that
// is counted for each frame delivered is resolved here, once, and takes no memory then.
//
// docs/OPERATIONS.md lists every metric; a test holds the two together.
type metrics struct {
	registry *prometheus.Registry

	overloads prometheus.Counter

	captured, served, acknowledged prometheus.Observer // latency, by stage

	fanOut        *prometheus.HistogramVec
	messageFrames prometheus.Histogram
	mergedFrames  prometheus.Counter
	gapFrames     *prometheus.CounterVec // by reason

	gapEvents      *prometheus.CounterVec // by reason
	unloggedEvents prometheus.Counter
	commands       *prometheus.CounterVec // by outcome

	sentBytes   [2]prometheus.Counter // by encoding
	roundTrip   prometheus.Histogram
	handshakes  *prometheus.CounterVec
	refused     *prometheus.CounterVec
	limited     *prometheus.CounterVec
	joins       *prometheus.CounterVec
	disconnects *prometheus.CounterVec
}

// seconds are the classic buckets of times, for who scrapes without native histograms:
// about the bounds that docs/VERIFY.md asks an operator to look at.
var seconds = []float64{.001, .0025, .005, .01, .015, .025, .05, .1, .25, .5, 1, 2.5, 5, 15}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
		m.registry.MustRegister(c)
		return c
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}

	m.overloads = counter("argos_capture_overloads_total", "Times that an overload began, after 5 s without one.")

	latency := prometheus.NewHistogramVec(histogram("argos_frame_latency_seconds",
		"Time that the newest frame of a message took, by stage.", seconds), []string{"stage"})
	m.captured, m.served = latency.WithLabelValues("capture"), latency.WithLabelValues("serve")
	m.acknowledged = latency.WithLabelValues("acknowledge")

	m.fanOut = prometheus.NewHistogramVec(histogram("argos_fan_out_seconds",
		"Time from a part encoded to written to a viewer's socket, by the measured bins in each of its cells.", seconds), []string{"cell"})
	m.fanOut.WithLabelValues(cellTexts[0])

	m.messageFrames = prometheus.NewHistogram(histogram("argos_message_frames",
		"Frames that a frame message stands for: 1 to a viewer that keeps up.", []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 1024}))
	m.mergedFrames = counter("argos_merged_frames_total", "Frames that went to a viewer merged into another.")

	m.gapFrames = counters("argos_gap_frames_total", "Frames that a viewer wanted and did not get in any form, by reason.", "reason")
	for _, reason := range []string{gapEvicted, gapGenerations, gapHoles} {
		m.gapFrames.WithLabelValues(reason)
	}
	m.gapEvents = counters("argos_gap_events_total", "Events that a viewer wanted and did not get, by reason.", "reason")
	for _, reason := range []string{gapEvicted, gapDiverged} {
		m.gapEvents.WithLabelValues(reason)
	}
	m.unloggedEvents = counter("argos_events_unlogged_total", "Events that the log did not take.")
	m.commands = counters("argos_commands_total", "Commands of viewers, by what became of them.", "outcome")
	for _, outcome := range []string{commandDone, commandFailed, commandLate, commandRepeated, commandRefused} {
		m.commands.WithLabelValues(outcome)
	}

	sent := counters("argos_sent_bytes_total", "Bytes of messages sent, before WebSocket framing and compression, by encoding.", "encoding")
	m.sentBytes = [...]prometheus.Counter{encodingPB: sent.WithLabelValues("pb"), encodingJSON: sent.WithLabelValues("json")}

	m.roundTrip = prometheus.NewHistogram(histogram("argos_round_trip_seconds", "Round trip of the server's pings.", seconds))
	m.handshakes = counters("argos_handshakes_total", "Handshakes of viewers, by how they were let in.", "outcome")
	for _, o := range []string{handshakeAtOnce, handshakeWaited, handshakeRefused, handshakeGone} {
		m.handshakes.WithLabelValues(o)
	}
	m.refused = counters("argos_refused_total", "Requests that were not let in, by cause.", "cause")
	for _, c := range access.Causes {
		m.refused.WithLabelValues(c)
	}
	m.limited = counters("argos_limited_total", "What was refused or ended because it was too much, by limit.", "limit")
	for _, l := range limitNames {
		m.limited.WithLabelValues(l)
	}
	m.joins = counters("argos_viewer_joins_total", "Viewers welcomed, by what became of what they had.", "outcome")
	for _, o := range []string{joinResumed, joinNewEpoch, joinFresh} {
		m.joins.WithLabelValues(o)
	}
	m.disconnects = counters("argos_viewer_disconnects_total", "Viewers that left, by cause and WebSocket close code.", "cause", "code")
	m.disconnects.WithLabelValues(leftByItself, "1000")

	m.registry.MustRegister(latency, m.fanOut, m.messageFrames, m.roundTrip,
		// Without what Go itself calls old: in OpenMetrics two of its names are the same.
		collectors.NewGoCollector(
			collectors.WithGoCollectorMemStatsMetricsDisabled(), collectors.WithGoCollectorRuntimeMetrics(collectors.MetricsMemory),
		),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// histogram is a native one with classic buckets for scrapers that know only these.
func histogram(name, help string, buckets []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Name: name, Help: help, Buckets: buckets,
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
	}
}

// cellTexts are the sizes of cells, powers of two, as labels.
var cellTexts = func() (texts [bits.UintSize + 1]string) {
	for n := range bits.UintSize {
		texts[n] = strconv.FormatUint(1<<n, 10)
	}
	return texts
}()

// delivered counts a frame message that was handed to a viewer's socket.
func (m *metrics) delivered(f *shared) {
	frames := f.last - f.first + 1
	m.fanOut.WithLabelValues(cellTexts[bits.TrailingZeros(uint(f.part.slice.Cell))]).Observe(time.Since(f.made).Seconds())
	m.messageFrames.Observe(float64(frames))
	m.mergedFrames.Add(float64(frames - 1))
}

// timed counts the age of a message that carries the newest there was. The rows of a
// hole that is filled later are old by their nature: they tell nothing of the server.
func (m *metrics) timed(f *shared) {
	m.captured.Observe(max(0, f.measured.Sub(f.sampled).Seconds()))
	m.served.Observe(max(0, time.Since(f.measured).Seconds()))
}

// skipped counts a gap.
func (m *metrics) skipped(g *wire.Gap) {
	m.gapFrames.WithLabelValues(g.GetReason()).Add(float64(g.GetLast() - g.GetFirst() + 1))
}

// What became of the position that a viewer came with.
const (
	joinResumed  = "resumed"
	joinNewEpoch = "new_epoch" // a position that this epoch does not know
	joinFresh    = "fresh"     // none
)

// What became of a command.
const (
	commandDone     = "done"
	commandFailed   = "failed"   // by its values or the radio
	commandLate     = "late"     // it waited for too long
	commandRepeated = "repeated" // its key was known
	commandRefused  = "refused"  // there were too many, or its key was wrong
)

// Why a viewer left.
const (
	leftByItself   = "left"     // it closed its end, with a close frame or without
	leftStopping   = "stopping" // the server stops
	leftSilent     = "silent"   // no answer to pings
	leftSlow       = "slow"     // a write took too long
	leftByProtocol = "protocol" // it broke it
	leftExpelled   = "expelled" // its token was revoked or has expired
	leftBroken     = "broken"   // reset, by the network or by who left frames unread
)

// left counts the end of a session by the error of viewer.run.
func (m *metrics) left(err error, stopping bool) {
	code := websocket.CloseStatus(err)
	cause := leftBroken
	switch {
	case errors.Is(err, errHello) || errors.Is(err, errMessage) || errors.As(err, new(*forbiddenError)) || errors.Is(err, websocket.ErrMessageTooBig):
		cause = leftByProtocol
	case errors.As(err, new(*expelledError)):
		cause = leftExpelled
	case errors.Is(err, errSilent):
		cause = leftSilent
	case stopping:
		cause = leftStopping
	case code >= 0 || errors.Is(err, io.EOF):
		cause = leftByItself
	case errors.Is(err, context.DeadlineExceeded):
		cause = leftSlow
	}
	m.disconnects.WithLabelValues(cause, codeText(code)).Inc()
}

// codeText is a close code of the viewer as a label. Only those of the standard are
// told apart: a viewer must not be able to make as many series as it likes.
func codeText(code websocket.StatusCode) string {
	switch {
	case code < 0:
		return "none"
	case code < websocket.StatusNormalClosure || code > websocket.StatusTLSHandshake:
		return "other"
	}
	return strconv.Itoa(int(code))
}

// A stateCollector asks a server for what it knows anyway, when somebody looks.
type stateCollector struct{ server *Server }

var _ prometheus.Collector = stateCollector{}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	descBuild   = desc("argos_build_info", "1, with the version.", "version")
	descFrames  = desc("argos_capture_frames_total", "Frames measured.")
	descLost    = desc("argos_capture_lost_samples_total", "Samples known to be lost before they were measured, by reason.", "reason")
	descState   = desc("argos_capture_state", "1 for the state that the capture is in.", "state")
	descUsed    = desc("argos_memory_bytes", "Memory that is kept, by pool.", "pool")
	descBudget  = desc("argos_memory_budget_bytes", "Memory that a pool keeps to: the history give or take one chunk of 32 frames.", "pool")
	descHeld    = desc("argos_history_frames", "Frames that the history holds.")
	descMade    = desc("argos_parts_encoded_total", "Distinct parts of the history encoded.")
	descShared  = desc("argos_parts_shared_total", "Times that a part encoded before was used again.")
	descViewers = desc("argos_viewers", "Viewers connected, by role and state.", "role", "state")
	descUnread  = desc("argos_viewer_max_lag_events", "Events logged and not yet acknowledged by the viewer that lags most.")
	descLag     = desc("argos_viewer_max_lag_frames", "Frames measured and not yet sent to the viewer that lags most.")
)

// Describe implements prometheus.Collector.
func (stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBuild, descFrames, descLost, descState, descUsed, descBudget, descHeld, descMade, descShared, descViewers, descLag, descUnread,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c stateCollector) Collect(out chan<- prometheus.Metric) {
	s := c.server
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descBuild, 1, s.options.Version)
	head := s.history.Head()
	counter(descFrames, head-1)
	status := s.source.Status()
	counter(descLost, status.Lost-status.Late, "radio")
	counter(descLost, status.Late, "late")
	for state := range spectrum.States {
		in := 0.0
		if state == status.State {
			in = 1
		}
		gauge(descState, in, state.String())
	}
	pool := func(name string, used, budget int) {
		gauge(descUsed, float64(used), name)
		gauge(descBudget, float64(budget), name)
	}
	used, budget := s.history.Memory()
	pool("history", used, budget)
	used, budget = s.share.Memory()
	pool("parts", used, budget)
	if log, ok := s.events.eventLog.(interface{ Memory() (used, budget int) }); ok {
		used, budget = log.Memory()
		pool("events", used, budget)
	}
	gauge(descHeld, float64(head-min(head, s.history.Tail())))
	made, reused := s.share.counts()
	counter(descMade, made)
	counter(descShared, reused)
	count, lag := s.census(head)
	for role, states := range count {
		for state, n := range states {
			gauge(descViewers, float64(n), role.String(), viewerStates[state])
		}
	}
	gauge(descLag, float64(lag))
	gauge(descUnread, float64(s.unread()))
}
