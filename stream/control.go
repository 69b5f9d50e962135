package stream

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	"argos/stream/wire"
)

const (
	repliesWaiting = 16
	commandsAtOnce = 4  // of a viewer that wait for the radio; the next makes its link wait
	ordersWaiting  = 64 // of all viewers

	keysKept  = 5 * time.Minute
	keysMost  = 10_000 // in that time
	keyLength = 64     // bytes, of a key and of a client's name

	waitUsual = 10 * time.Second // of a command that does not say how long it may wait
)

// A control carries out the commands of all viewers, one after the other, each key once:
// who asks again, over this link or another, gets the answer of the first time.
type control struct {
	apply  func(ctx context.Context, set map[string]string) error
	orders chan *order
	counts *prometheus.CounterVec // by outcome

	mu    sync.Mutex
	known map[orderKey]*order
	old   []*order // those known, oldest first
}

// An orderKey is what makes two commands one. A key belongs to who chose it: two viewers
// that both count from 1 must not get each other's answers.
type orderKey struct{ owner, key string }

// An order is a command that was taken.
type order struct {
	key      orderKey
	set      map[string]string
	digest   [sha256.Size]byte // of set
	deadline time.Time         // not begun later
	done     chan struct{}     // closed once err and ended hold
	err      error
	ended    time.Time
}

func newControl(apply func(ctx context.Context, set map[string]string) error, m *metrics) *control {
	return &control{apply: apply, counts: m.commands, orders: make(chan *order, ordersWaiting), known: map[orderKey]*order{}}
}

var (
	errKey      = fmt.Errorf("a key may have %d bytes", keyLength)
	errKeyUsed  = errors.New("this key was used for another command")
	errBusyKeys = fmt.Errorf("not done: the server has had %d commands within %s", keysMost, lasting(keysKept))
	errOrders   = errors.New("not done: too many commands wait for the radio")
	errLate     = errors.New("not done: it waited for the radio for longer than it may")
)

// take returns the order for a command of owner: a new one, or that of the same key. A
// command without a key is a new one each time.
func (c *control) take(owner string, m *wire.Command) (o *order, err error) {
	now := time.Now()
	defer func() {
		if err != nil {
			c.counts.WithLabelValues(commandRefused).Inc()
		}
	}()
	o = &order{key: orderKey{owner, m.GetKey()}, set: m.GetSet(), done: make(chan struct{}), deadline: now.Add(waitUsual)}
	if ms := m.GetWaitMs(); ms > 0 {
		o.deadline = now.Add(time.Duration(ms) * time.Millisecond)
	}
	if len(m.GetKey()) > keyLength {
		return nil, errKey
	}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(&wire.Command{Set: m.GetSet()})
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	o.digest = sha256.Sum256(text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(now)
	if first := c.known[o.key]; first != nil {
		if first.digest != o.digest {
			return nil, errKeyUsed
		}
		c.counts.WithLabelValues(commandRepeated).Inc()
		return first, nil
	}
	if len(c.old) == keysMost {
		return nil, errBusyKeys
	}
	select {
	case c.orders <- o:
	default:
		return nil, errOrders
	}
	if m.GetKey() != "" {
		c.known[o.key] = o
		c.old = append(c.old, o)
	}
	return o, nil
}

// forget drops the keys that are old enough. Orders end in the order in which they came.
func (c *control) forget(now time.Time) {
	for len(c.old) > 0 && c.old[0].isDone() && now.Sub(c.old[0].ended) >= keysKept {
		delete(c.known, c.old[0].key)
		c.old[0] = nil
		c.old = c.old[1:]
	}
}

func (o *order) isDone() bool {
	select {
	case <-o.done:
		return true
	default:
		return false
	}
}

// run carries out orders until ctx ends. What is under way then gets no answer: nobody
// knows how far it came.
func (c *control) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-c.orders:
			outcome := commandDone
			if time.Now().After(o.deadline) {
				o.err, outcome = errLate, commandLate
			} else if o.err = c.apply(ctx, o.set); ctx.Err() != nil {
				return
			} else if o.err != nil {
				outcome = commandFailed
			}
			c.counts.WithLabelValues(outcome).Inc()
			o.set, o.ended = nil, time.Now()
			close(o.done)
		}
	}
}

// obey has commands carried out, and rows of the past made, one after the other until ctx
// ends, apart from the reader: a radio may take seconds to tune, and acknowledgements and
// pings must not wait. A command that was begun goes on without the viewer.
func (v *viewer) obey(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case m := <-v.recalls:
			rows, err := v.recall(ctx, m)
			if err != nil {
				return err
			}
			v.rows <- &wire.ServerMessage{Kind: &wire.ServerMessage_Rows{Rows: rows}}
			v.stir()
		case m := <-v.commands:
			done, err := v.controls(m.GetSet())
			if !done && err == nil {
				err = v.order(ctx, m)
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v.journal("command", m.GetSet(), err)
			if err := v.answer(ctx, m.GetKey(), err); err != nil {
				return err
			}
		}
	}
}

// order has a command carried out and waits for its end, or that of ctx.
func (v *viewer) order(ctx context.Context, m *wire.Command) error {
	o, err := v.server.control.take(v.owner, m)
	if err != nil {
		return err
	}
	select {
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (v *viewer) reply(ctx context.Context, m *wire.ServerMessage) error {
	select {
	case v.replies <- m:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
