package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A tally is what came to the viewers of a kind. It is safe for concurrent use.
type tally struct {
	mu      sync.Mutex
	now     counts
	latency *hdrhistogram.Histogram // microseconds
}

type counts struct {
	frames int64 // messages
	bytes  int64 // of their connections, as on the wire
	merged int64 // frames that came merged into another
	gaps   int64 // frames that will not come
}

func (c counts) plus(d counts) counts {
	return counts{c.frames + d.frames, c.bytes + d.bytes, c.merged + d.merged, c.gaps + d.gaps}
}

// latencyMost is what anything older counts as. Three digits are told apart.
const latencyMost = 10 * time.Minute

func newTally() tally {
	return tally{latency: hdrhistogram.New(1, latencyMost.Microseconds(), 3)}
}

// frame counts a message that stands for so many frames; of an age, unless that is
// negative.
func (t *tally) frame(merged int, age time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.frames++
	if merged > 1 {
		t.now.merged += int64(merged)
	}
	if age >= 0 {
		_ = t.latency.RecordValue(min(age, latencyMost).Microseconds()) // it is within bounds
	}
}

func (t *tally) gap(frames uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.gaps += int64(frames)
}

func (t *tally) bytes(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now.bytes += int64(n)
}

func (t *tally) counts() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

func (t *tally) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = counts{}
	t.latency.Reset()
}

// Latency is how old frames were when they arrived, in milliseconds.
type Latency struct {
	P50    float64 `json:"p50"`
	P95    float64 `json:"p95"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p99_9"`
	Max    float64 `json:"max"`
	Frames int64   `json:"frames"` // that were timed
}

func (t *tally) ages() Latency {
	_, ages := t.read()
	return ages
}

// read is what came so far and how old it was, of one moment.
func (t *tally) read() (counts, Latency) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ms := func(percent float64) float64 { return float64(t.latency.ValueAtQuantile(percent)) / 1e3 }
	return t.now, Latency{ms(50), ms(95), ms(99), ms(99.9), float64(t.latency.Max()) / 1e3, t.latency.TotalCount()}
}
