package stream

import (
	"time"

	"argos/spectrum"
)

// DefaultAddr is where a server listens and a local TUI looks for one.
const DefaultAddr = "127.0.0.1:8470"

// A Sink takes what a Client receives. Its methods are called in order, from one
// goroutine, and must not block on the link.
type Sink interface {
	// Frame takes a frame: one as measured or several merged. f and its slices are
	// reused for the next; copy what is to be kept. Mostly it is the newest. Where
	// f.FirstSeq is greater than the newest before + 1 a hole lies between, to be shown:
	// its frames come later, in rows older than the newest, or as a Gap. An Event that
	// is a Restart announces another epoch, whose numbers begin anew. Once f is shown,
	// Client.Rendered is to be called with f.LastSeq.
	Frame(f *spectrum.Frame)

	// Gap says that the frames first to last, of which none has come, never will. It
	// is told in an Event, too.
	Gap(first, last uint64)

	// Event takes one entry of the server's event log or of the client's own doings,
	// such as a lost link.
	Event(e Event)
}

// A View is what a viewer can show. It gets frames that show LowHz to HighHz (0 and 0:
// everything) in at least Columns cells and less than twice as many (0: all bins), as
// far as its link takes them: see Link.Tier.
type View struct {
	Columns       int
	LowHz, HighHz float64
	Row           time.Duration // time that a row of its waterfall stands for; 0: 500 ms
}

// A LinkState is the state of a link as an operator reads it.
type LinkState uint8

// The states of docs/PROTOCOL.md.
const (
	Connecting   LinkState = iota // first attempt under way
	Live                          // frames arrive one by one
	Degraded                      // frames arrive merged or in a lower tier than asked for
	Stale                         // connected, but no frame for max(1 s, 3 periods)
	Reconnecting                  // the link is down; Attempt and RetryAt say what comes
	CatchingUp                    // the newest frames arrive, and a hole is being filled
	Refused                       // the server said no; Reason says why; no retry
	Closed                        // ended by this side
)

var linkStates = [...]string{"CONNECTING", "LIVE", "DEGRADED", "STALE", "RECONNECTING", "CATCHING UP", "REFUSED", "CLOSED"}

func (s LinkState) String() string { return linkStates[s] }

// A Link is everything a Client knows about its link at one moment. The slices are
// the reader's own.
type Link struct {
	URL    string
	State  LinkState
	Since  time.Time // of State
	Reason string    // why Reconnecting, Refused or Closed

	Attempt int       // of reconnecting, from 1
	RetryAt time.Time // when the next attempt begins

	Server   Peer // zero before the first Welcome
	UpSince  time.Time
	Outages  []Outage // newest last, at most 64
	Restarts int      // new epochs seen: what happened between is unknown

	RTT     RTT
	In, Out Rate // bytes a second
	Frames  Rate // frame messages a second

	Merged  uint64 // frames that arrived merged into another, since the start
	Missing uint64 // frames that never arrived in any form, since the start
	LastSeq uint64 // newest frame received
	Refused uint64 // frame messages that told nothing new, which no server should send
	Pending uint64 // frames of holes that are still to come
	Tier    int    // cells of the newest frame where they are fewer than asked for; 0: they are not
	Behind  int    // frames merged into the newest, 1: none

	EventsMissing uint64 // events that never arrived, since the start

	LastFrame time.Time // when the newest frame arrived
	Age       Age
	Delay     Delay
	Takes     float64 // bytes a second, the most that the link has taken of late, as the server sees it; 0: not known

	Device  *spectrum.Status // nil before the first status; its memory is shared, read only
	Viewers []Seen           // for admins alone: who is at the server; read only
	GPS     *GPS             // nil: no receiver
}

// A Peer is who is at the other end.
type Peer struct {
	Name    string // host name
	Version string
	Session string
	Epoch   string
	Role    string // "viewer", "operator", "admin"
	PID     int
	Began   time.Time // of its epoch, on our clock: where spectrum.Mono counts from; zero: not known yet

	Insecure bool   // anybody who reaches it is operator, and nothing is encrypted
	Cipher   string // what the link is encrypted by: "TLS 1.3", "ssh"; empty: nothing
}

// RTT is the round trip of the pings of this connection.
type RTT struct {
	Now, P50, P95, P99, Min time.Duration // 0: not measured yet
	Jitter                  time.Duration // mean change from ping to ping (RFC 3550 §6.4.1)
	ClockOffset             time.Duration // server clock minus ours, at the ping with the least round trip
	Recent                  []time.Duration
}

// A Rate is a quantity a second, now and over the last minute.
type Rate struct {
	Now    float64
	Recent []float64 // one value a second, newest last, at most 60
}

// Age is how old what is on the screen is, by stage, for the newest frame rendered.
// Remote clocks are put right by ClockOffset and good to half the least round trip.
type Age struct {
	Capture time.Duration // last sample taken → frame measured
	Serve   time.Duration // frame measured → handed to the server's socket
	Link    time.Duration // → decoded here
	Draw    time.Duration // → written to the terminal
	Last    time.Time     // last sample of the newest frame rendered, on our clock
}

// An Outage is a time without a link.
type Outage struct {
	From, To time.Time // To is zero while it lasts
	Reason   string
}

// A GPS is where the server's antenna is.
type GPS struct {
	Fix        int // 0 none, 2 or 3 dimensions
	Lat, Lon   float64
	AccuracyM  float64 // 0: the receiver did not say
	SpeedMPS   float64
	Satellites int
	Time       time.Time
}
