package views

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"argos/spectrum"
)

// orders carries settings to the server, one at a time and in order, so that a slow
// link never holds up the screen. Settings are absolute: a newer order for the same
// names replaces one that waits. At most maxOrders wait; more are refused, and the
// operator is told.
type orders struct {
	mu      sync.Mutex
	waiting []order
	under   *order // on its way, or answered a moment ago
	wake    chan struct{}
}

type order struct {
	set      map[string]string
	answered time.Time // zero: not yet
}

const (
	maxOrders  = 8
	settleTime = time.Second // after its answer until the status that shows it
)

func newOrders() *orders { return &orders{wake: make(chan struct{}, 1)} }

// add queues set and reports whether there was room.
func (o *orders) add(set map[string]string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := slices.Sorted(maps.Keys(set))
	if n := len(o.waiting); n > 0 && slices.Equal(names, slices.Sorted(maps.Keys(o.waiting[n-1].set))) {
		o.waiting[n-1].set = set
	} else if n >= maxOrders {
		return false
	} else {
		o.waiting = append(o.waiting, order{set: set})
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
	return true
}

// target is what s will be once every order has been carried out, so that keys pressed
// in quick succession add up.
func (o *orders) target(s spectrum.Settings, now time.Time) spectrum.Settings {
	o.mu.Lock()
	defer o.mu.Unlock()
	apply := func(set map[string]string) {
		if t, err := s.With(set); err == nil {
			s = t
		}
	}
	if u := o.under; u != nil && (u.answered.IsZero() || now.Sub(u.answered) < settleTime) {
		apply(u.set)
	}
	for _, w := range o.waiting {
		apply(w.set)
	}
	return s
}

func (o *orders) next() *order {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.waiting) == 0 {
		return nil
	}
	u := o.waiting[0]
	o.waiting = slices.Delete(o.waiting, 0, 1)
	o.under = &u
	return o.under
}

// done ends the order under way; one that failed changes nothing.
func (o *orders) done(failed bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if failed {
		o.under = nil
		return
	}
	o.under.answered = time.Now()
}

// kickOrder is an order that is no setting: whose session is to end.
const kickOrder = "kick"

// doer carries out an order over src.
func doer(src Source) func(context.Context, map[string]string) error {
	return func(ctx context.Context, set map[string]string) error {
		if session, ok := set[kickOrder]; ok {
			return src.Kick(ctx, session)
		}
		return src.Do(ctx, set)
	}
}

// carry does orders until ctx ends; answer gets each error.
func (o *orders) carry(ctx context.Context, do func(context.Context, map[string]string) error, answer func(error)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		for u := o.next(); u != nil && ctx.Err() == nil; u = o.next() {
			err := do(ctx, u.set)
			o.done(err != nil)
			if ctx.Err() == nil {
				answer(err)
			}
		}
	}
}
