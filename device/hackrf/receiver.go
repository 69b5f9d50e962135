package hackrf

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"argos/device"
)

const (
	// blockBytes is a block of a sweep, in one tuning: a header and samples.
	blockBytes = 16384
	// headerBytes are 7F 7F and the frequency, in place of the first five samples.
	headerBytes = 10
	// firstPeriod is from block to block of a sweep until that is measured.
	firstPeriod = 1228 * time.Microsecond
	// settling is how late every callback so far may have been, and samples still be told
	// from those before a change. A clock that took lateness for loss is off by more than
	// clockSlack, if not by much.
	settling = 2 * clockSlack
	// mangledLimit is how many transfers without a header mean that the radio does not
	// sweep.
	mangledLimit = 32
)

// A config is what samples were taken with.
type config struct {
	tuning  device.Tuning // as Tune returned it
	session uint64
	from    time.Time // samples taken before are those of another config; zero: none are ours yet
}

// A receiver takes the samples of a session.
type receiver struct {
	number  uintptr // in receivers, which libhackrf hands back as context
	ring    *ring
	ended   atomic.Bool // samples are not wanted any more
	config  atomic.Pointer[config]
	came    atomic.Uint64 // transfers
	lost    atomic.Uint64 // samples that did not fit
	mangled atomic.Int64  // transfers in a row that are no part of a sweep

	// Of the callback alone, and of the owner before a start.
	clock   clock
	sweeps  bool
	lastEnd time.Time
	period  time.Duration    // from block to block, on average
	step    time.Duration    // the same in this transfer
	rest    [blockBytes]byte // of a sweep: the beginning of a block
	left    int              // bytes of rest
	pending uint64           // lost samples, to go with the next slot
	late    uint64           // of pending, samples that did not fit
	noticed uint64           // samples that the clock has missed
	broken  bool
}

// receivers holds who receives by number. The callback looks here: a pointer would not
// do, as C may not keep those of Go.
var receivers struct {
	mu    sync.Mutex
	slots [64]atomic.Pointer[receiver]
}

// enlist gives rx a number.
func enlist(rx *receiver) bool {
	receivers.mu.Lock()
	defer receivers.mu.Unlock()
	for i := range receivers.slots {
		if receivers.slots[i].Load() == nil {
			rx.number = uintptr(i)
			receivers.slots[i].Store(rx)
			return true
		}
	}
	return false
}

// delist takes the number back. No callback may come any more.
func (rx *receiver) delist() { receivers.slots[rx.number].Store(nil) }

// Results of a callback: whether libhackrf goes on.
const (
	goOn = 0
	stop = -1
)

// receive is called by libhackrf. A panic must not reach C.
func receive(t *transfer) (result int32) {
	defer func() {
		if recover() != nil {
			result = stop
		}
	}()
	if t == nil || t.context >= uintptr(len(receivers.slots)) {
		return stop
	}
	rx := receivers.slots[t.context].Load()
	if rx == nil || rx.ended.Load() {
		return stop
	}
	if t.buffer == nil || t.validLength <= 0 {
		return goOn
	}
	rx.take(unsafe.Slice(t.buffer, int(t.validLength)), time.Now())
	return goOn
}

// begin readies rx for a start.
func (rx *receiver) begin(t device.Tuning) {
	rx.clock = clock{rateHz: t.RateHz}
	rx.sweeps = t.Sweeps()
	rx.lastEnd, rx.period, rx.left = time.Time{}, firstPeriod, 0
	rx.broken, rx.noticed = true, 0
	rx.mangled.Store(0)
}

// take puts what came at now into the ring. It allocates nothing and waits for nothing.
func (rx *receiver) take(data []byte, now time.Time) {
	rx.came.Add(1)
	c := rx.config.Load()
	if rx.sweeps {
		rx.takeBlocks(c, data, now)
		return
	}
	if odd := len(data) % 2; odd != 0 {
		data, rx.broken = data[:len(data)-odd], true
	}
	end, missing := rx.clock.tick(now, len(data)/2)
	rx.pending += missing
	rx.noticed += missing
	old := rx.older(c, end, len(data))
	rx.broken = rx.broken || old > 0
	rx.store(c, end, nil, data[old:])
}

// takeBlocks takes a transfer of a sweep. One that ended early leaves a part of a block,
// which belongs with what the next begins with.
func (rx *receiver) takeBlocks(c *config, data []byte, now time.Time) {
	rx.pace(now, len(data))
	if rx.left > 0 && marked(data, 0) && !marked(data, blockBytes-rx.left) {
		rx.pending += uint64(rx.left / 2)
		rx.left = 0
	}
	if marked(data, (blockBytes-rx.left)%blockBytes) {
		rx.mangled.Store(0)
	} else {
		rx.mangled.Add(1)
	}
	head, all := rx.rest[:rx.left], rx.left+len(data)
	tail := all % blockBytes
	if all < blockBytes {
		rx.left += copy(rx.rest[rx.left:], data)
		return
	}
	whole := data[:len(data)-tail]
	if old := rx.older(c, now, all-tail); old > 0 {
		whole = whole[max(0, old-len(head)):]
		head = nil
	}
	rx.store(c, now, head, whole)
	rx.left = copy(rx.rest[:], data[len(data)-tail:])
}

// marked reports whether a block may begin at a place in data.
func marked(data []byte, at int) bool {
	return at+1 < len(data) && data[at] == 0x7f && data[at+1] == 0x7f
}

// store writes head and data, the last of which was taken at end, to the ring.
func (rx *receiver) store(c *config, end time.Time, head, data []byte) {
	for len(head)+len(data) > 0 {
		s := rx.ring.free()
		if s == nil {
			lost := uint64(len(head)+len(data)) / 2
			rx.pending += lost
			rx.late += lost
			rx.lost.Add(lost)
			return
		}
		n := copy(s.memory, head)
		head = head[n:]
		m := copy(s.memory[n:], data)
		data = data[m:]
		s.data = s.memory[:n+m]
		s.config = c
		s.end = end.Add(-rx.lasting(len(head) + len(data)))
		s.period = rx.step
		s.lost, s.late, s.broken = rx.pending, rx.late, rx.broken
		rx.pending, rx.late, rx.broken = 0, 0, false
		rx.ring.publish()
	}
}

// older is how many of n bytes that end at end were taken before c was in force.
func (rx *receiver) older(c *config, end time.Time, n int) int {
	if c == nil || c.from.IsZero() {
		return n
	}
	ours := end.Sub(c.from)
	switch {
	case ours >= rx.lasting(n):
		return 0
	case ours <= 0:
		return n
	case rx.sweeps:
		return max(0, n-int(ours/rx.period)*blockBytes)
	}
	return max(0, n-2*int(ours.Seconds()*rx.clock.rateHz))
}

// lasting is how long it takes for n bytes to come.
func (rx *receiver) lasting(n int) time.Duration {
	if rx.sweeps {
		return time.Duration(n/blockBytes) * rx.period
	}
	return time.Duration(float64(n/2) * 1e9 / rx.clock.rateHz)
}

// pace learns how fast blocks of a sweep come: the firmware's tuning takes its time.
// Those of one transfer are spread over the time since the last, so that time never
// goes back.
func (rx *receiver) pace(now time.Time, n int) {
	const least, most = 400 * time.Microsecond, 10 * time.Millisecond // a block alone takes 410 µs
	rx.step = rx.period
	if blocks := n / blockBytes; blocks > 0 && !rx.lastEnd.IsZero() {
		p := now.Sub(rx.lastEnd) / time.Duration(blocks)
		if p < most {
			rx.step = p
		}
		if p > least && p < most {
			rx.period += (p - rx.period) / 8
		}
	}
	rx.lastEnd = now
}

// latency is for how long samples wait in the radio before they are sent: its buffer of
// 32 KiB, or the two blocks of a sweep.
func (rx *receiver) latency() time.Duration {
	if rx.sweeps {
		return 2 * rx.period
	}
	return time.Duration(16384 * 1e9 / rx.clock.rateHz)
}

// header reads the first bytes of a block of a sweep, and the frequency in Hz.
func header(block []byte) (hz float64, ok bool) {
	if len(block) < blockBytes || block[0] != 0x7f || block[1] != 0x7f {
		return 0, false
	}
	return float64(binary.LittleEndian.Uint64(block[2:])), true
}
