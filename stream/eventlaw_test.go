package stream

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"argos/stream/wire"
)

// A ledger is a memory log, and remembers all that was ever written to it.
type ledger struct {
	*memoryLog
	mu     sync.Mutex
	stored [][]byte // from offset 1
}

var _ eventLog = (*ledger)(nil)

func newLedger(epoch string, most int) *ledger {
	return &ledger{memoryLog: newMemoryLog(epoch, most)}
}

func (l *ledger) Append(stored []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stored = append(l.stored, slices.Clone(stored))
	return l.memoryLog.Append(stored)
}

// chain is what the chain of the ledger must be after each offset, from 0 on, made from
// what was written alone.
func (l *ledger) chain() []Hash {
	hashes := []Hash{Hash(sum([]byte(l.epoch)))}
	for n, stored := range l.stored {
		before := hashes[n]
		hashes = append(hashes, Hash(sum(before[:], binary.BigEndian.AppendUint64(nil, uint64(n+1)), stored)))
	}
	return hashes
}

// checkEvents is the law of events, for a viewer that asked for the filters one after the
// other: in each epoch they arrive in order, once each, as they were logged, and the
// chain is where it must be. What is missing was not asked for, or a gap counts it, and
// the log no longer had to hold it. One who joins begins with the newest of the log,
// which was at the offset joined, or shorter, when it came.
func checkEvents(lives []*life, filters []Filter, joined uint64, got []taken) error {
	law := eventLaw{filters: filters, joined: joined}
	for _, t := range got {
		if t.epoch == "" {
			continue // of the client itself, before any server
		}
		if law.life == nil || law.life.epoch != t.epoch {
			at := slices.IndexFunc(lives, func(l *life) bool { return l.epoch == t.epoch })
			if at < 0 {
				return fmt.Errorf("event %d is of epoch %q, which never was", t.event.Offset, t.epoch)
			}
			law.begin(lives[at])
		}
		if err := law.take(&t); err != nil {
			return err
		}
	}
	return nil
}

// An eventLaw is how far the law has been followed.
type eventLaw struct {
	filters []Filter
	filter  int // the first of filters that can be in force
	joined  uint64

	life    *life
	chain   []Hash
	last    uint64
	joining bool // nothing of its first server yet
	begun   bool
	unread  uint64
}

func (w *eventLaw) begin(l *life) {
	w.life, w.chain, w.last = l, l.ledger.chain(), 0
	w.joining, w.begun = !w.begun, true
}

func (w *eventLaw) take(t *taken) error {
	e := &t.event
	logged := w.life.ledger.stored
	received := t.frame == nil && e.Offset > 0
	at := t.at
	if received || e.Gap != nil {
		at = place{e.Offset, e.Hash}
	}
	if at.offset < w.last || received && at.offset == w.last || at.offset > uint64(len(logged)) {
		return fmt.Errorf("event %d came after %d of %d", at.offset, w.last, len(logged))
	}
	if at.hash != w.chain[at.offset] {
		return fmt.Errorf("the chain is at %s after event %d, and not at %s", at.hash, at.offset, w.chain[at.offset])
	}
	counted := t.unread - w.unread
	w.unread = t.unread
	if e.Gap != nil {
		return w.gap(e, counted)
	}
	if counted != 0 {
		return fmt.Errorf("%d events were counted as missing without a gap before %d", counted, at.offset)
	}
	if err := w.leftOut(at.offset, received); err != nil {
		return err
	}
	if !received {
		return nil
	}
	want, err := readStored(logged[e.Offset-1])
	if err != nil {
		return err
	}
	if !w.step(want, true) {
		return fmt.Errorf("event %d was not asked for", e.Offset)
	}
	same := e.Kind == want.GetKind() && e.Text == want.GetText() && e.Severity == Severity(want.GetSeverity()) &&
		e.Time.Equal(time.Unix(0, want.GetTimeNs())) && e.LowHz == want.GetLowHz() && e.HighHz == want.GetHighHz()
	if !same {
		return fmt.Errorf("event %d is %+v, logged was %v", e.Offset, e, want)
	}
	return nil
}

// gap checks one that was told of.
func (w *eventLaw) gap(e *Event, counted uint64) error {
	g := e.Gap
	switch {
	case g.Reason != gapEvicted:
		return fmt.Errorf("nobody made the log %q", g.Reason)
	case g.First <= w.last || g.Last < g.First || g.Last != e.Offset:
		return fmt.Errorf("a gap from %d to %d at %d came after %d", g.First, g.Last, e.Offset, w.last)
	case counted != g.Last-g.First+1:
		return fmt.Errorf("a gap of %d events is counted as %d", g.Last-g.First+1, counted)
	case !w.gone(g.Last, uint64(len(w.life.ledger.stored))):
		return fmt.Errorf("a gap up to %d of %d, which must be held", g.Last, len(w.chain)-1)
	}
	err := w.leftOut(g.First-1, false)
	w.last, w.joining = g.Last, false
	return err
}

// gone reports whether the log did not have to hold an entry any more, when it was at head.
func (w *eventLaw) gone(offset, head uint64) bool {
	return offset+uint64(w.life.ledger.most/2) <= head
}

// leftOut follows the law to offset, which is received itself or not: what lies between
// was not asked for, or it is older than what one who joins gets.
func (w *eventLaw) leftOut(offset uint64, received bool) error {
	to := offset
	if received {
		to--
	}
	for n := w.last + 1; n <= to; n++ {
		e, err := readStored(w.life.ledger.stored[n-1])
		if err != nil {
			return err
		}
		older := w.joining && (n+eventsOnJoin <= w.joined || w.gone(n, w.joined))
		if !older && !w.step(e, false) {
			return fmt.Errorf("event %d of those after %d is missing before %d", n, w.last, offset)
		}
	}
	if offset > w.last {
		w.joining = false
	}
	w.last = offset
	return nil
}

// step reports whether e can have been received, or left out, under the filters, of
// which later ones follow earlier ones.
func (w *eventLaw) step(e *wire.Event, received bool) bool {
	for n := w.filter; n < len(w.filters); n++ {
		if wanted(&w.filters[n], e) == received {
			w.filter = n
			return true
		}
	}
	return false
}

func wanted(f *Filter, e *wire.Event) bool {
	kind := len(f.Kinds) == 0
	for _, k := range f.Kinds {
		kind = kind || k == e.GetKind()
	}
	banded := e.GetLowHz() != 0 || e.GetHighHz() != 0
	apart := e.GetHighHz() < f.LowHz || f.HighHz < e.GetLowHz()
	return kind && e.GetSeverity() >= uint32(f.Severity) && (f.HighHz == 0 || !banded || !apart)
}

func readStored(b []byte) (*wire.Event, error) {
	e := new(wire.Event)
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, fmt.Errorf("stored: %w", err)
	}
	return e, nil
}
