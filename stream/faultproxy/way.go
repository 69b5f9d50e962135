package faultproxy

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

type direction int

const (
	up direction = iota
	down
)

// A way is one direction of a link: fill reads from its source into a queue, drain
// writes from that to its destination when the conditions let it.
type way struct {
	link      *link
	direction direction
	from, to  net.Conn
	random    *rand.Rand // of fill alone
	free      time.Time  // when the rate allows the next piece; of drain alone

	filled, drained chan struct{} // something was put in, something was taken out

	mu    sync.Mutex
	queue []piece
	held  int   // bytes in queue
	ended error // of from
}

type piece struct {
	bytes []byte
	due   time.Time
}

func newWay(l *link, d direction, from, to net.Conn, seed, number uint64) *way {
	return &way{
		link: l, direction: d, from: from, to: to,
		random: rand.New(rand.NewPCG(seed, number<<1|uint64(d))),
		filled: make(chan struct{}, 1), drained: make(chan struct{}, 1),
	}
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// conditions are those of this way of this link, and what tells of others.
func (w *way) conditions() (Way, <-chan struct{}) {
	p := w.link.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.now.Up
	if w.direction == down {
		c = p.now.Down
	}
	c.Hole = c.Hole || w.link.stranded
	if c.Queue == 0 {
		c.Queue = defaultQueue
	}
	return c, p.changed
}

// fill takes what the source sends, as far as there is room, until it ends.
func (w *way) fill() {
	buffer := make([]byte, 16<<10)
	for {
		c, changed := w.conditions()
		w.mu.Lock()
		room := c.Queue - w.held
		w.mu.Unlock()
		if c.Stall || room <= 0 {
			select {
			case <-changed:
			case <-w.drained:
			case <-w.link.gone:
				return
			}
			continue
		}
		take := min(room, len(buffer))
		if c.Pieces > 0 {
			take = min(take, c.Pieces)
		}
		n, err := w.from.Read(buffer[:take])
		// The conditions may have changed while it waited.
		c, _ = w.conditions()
		due := time.Now().Add(c.Delay)
		if c.Jitter > 0 {
			due = due.Add(time.Duration(w.random.Int64N(int64(c.Jitter))))
		}
		w.mu.Lock()
		if n > 0 {
			w.queue = append(w.queue, piece{bytes.Clone(buffer[:n]), due})
			w.held += n
		}
		w.ended = err
		w.mu.Unlock()
		notify(w.filled)
		if err != nil {
			w.sourceEnded()
			return
		}
	}
}

// sourceEnded ends the link when nobody holds either end any more, so that a hole
// keeps no link for good.
func (w *way) sourceEnded() {
	p := w.link.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if w.link.ended++; w.link.ended == 2 {
		w.link.end(false)
	}
}

// drain delivers what is due, and in the end that the source has ended.
func (w *way) drain() {
	broken := false // the destination takes no more: the rest is lost, as it is on a network
	for {
		c, changed := w.conditions()
		w.mu.Lock()
		var next piece
		if len(w.queue) > 0 {
			next = w.queue[0]
		}
		ended := w.ended
		w.mu.Unlock()
		var timer <-chan time.Time // nil waits for ever
		switch {
		case c.Hole:
		case next.bytes == nil && ended != nil:
			if wasReset(ended) {
				reset(w.to)
			} else {
				_ = w.to.Close()
			}
			return
		case next.bytes == nil:
		default:
			wait := max(time.Until(next.due), time.Until(w.free))
			if wait <= 0 {
				broken = !w.deliver(next.bytes, &c, broken) || broken
				continue
			}
			timer = time.After(wait)
		}
		select {
		case <-timer:
		case <-changed:
		case <-w.filled:
		case <-w.link.gone:
			return
		}
	}
}

// rateSlices is how many pieces a second a rate is made of, at most: what a slow link
// delivers at a time is small.
const rateSlices = 50

// deliver writes the start of the queue, as much as the conditions let go in one.
func (w *way) deliver(b []byte, c *Way, broken bool) bool {
	if c.Pieces > 0 {
		b = b[:min(len(b), c.Pieces)]
	}
	if c.Rate > 0 {
		b = b[:min(len(b), max(c.Rate/rateSlices, 1))]
		w.free = time.Now().Add(time.Duration(len(b)) * time.Second / time.Duration(c.Rate))
	}
	p := w.link.proxy
	last := false
	if w.direction == down {
		p.mu.Lock()
		if left := w.link.resetIn; left > 0 {
			b = b[:min(len(b), left)]
			w.link.resetIn -= len(b)
			last = w.link.resetIn == 0
		}
		p.mu.Unlock()
	}
	if pipe, ok := w.to.(*Conn); ok {
		pipe.pieces(c.Pieces)
	}
	var err error
	if !broken {
		_, err = w.to.Write(b)
	}
	if last {
		p.mu.Lock()
		w.link.end(true)
		p.mu.Unlock()
	}
	w.mu.Lock()
	if rest := w.queue[0].bytes[len(b):]; len(rest) > 0 {
		w.queue[0].bytes = rest
	} else {
		w.queue = w.queue[1:]
	}
	w.held -= len(b)
	w.mu.Unlock()
	notify(w.drained)
	return err == nil
}
