package hackrf

import (
	"sync/atomic"
	"time"
)

const (
	// transferBytes is what libhackrf hands over at once.
	transferBytes = 262144
	// slotBytes have room for what is left of the transfer before.
	slotBytes = transferBytes + blockBytes
	// ringSlots hold 310 ms at 20 Msps.
	ringSlots = 48
)

// A slot is the samples of a transfer, or a part of it.
type slot struct {
	data   []byte // what came, of the slot's memory
	memory []byte
	config *config
	end    time.Time     // when the last sample was taken
	period time.Duration // in a sweep, from block to block
	lost   uint64        // samples missing just before
	late   uint64        // of these, samples that did not fit
	broken bool          // does not follow the slot before sample for sample
}

// A ring hands slots from one writer to one reader, neither of which ever waits.
type ring struct {
	slots [ringSlots]slot
	head  atomic.Uint64 // slots written
	tail  atomic.Uint64 // slots read
	wake  chan struct{} // holds a token after a write
}

func newRing() *ring {
	r := &ring{wake: make(chan struct{}, 1)}
	memory := make([]byte, ringSlots*slotBytes)
	for i := range r.slots {
		r.slots[i].memory = memory[i*slotBytes:][:slotBytes:slotBytes]
	}
	return r
}

// free is the slot to write next, nil when the ring is full.
func (r *ring) free() *slot {
	head := r.head.Load()
	if head-r.tail.Load() == ringSlots {
		return nil
	}
	return &r.slots[head%ringSlots]
}

// publish hands over the slot that free returned.
func (r *ring) publish() {
	r.head.Add(1)
	r.poke()
}

// poke wakes the reader.
func (r *ring) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// oldest is the slot to read next, nil when there is none.
func (r *ring) oldest() *slot {
	tail := r.tail.Load()
	if tail == r.head.Load() {
		return nil
	}
	return &r.slots[tail%ringSlots]
}

// release gives back the slot that oldest returned.
func (r *ring) release() { r.tail.Add(1) }
