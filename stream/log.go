package stream

import (
	"sync"
	"unsafe"
)

// logEntries bounds the event log in memory.
const logEntries = 10_000

// An eventLog keeps the events of one epoch: append-only, numbered from 1, chained. Its
// oldest entries may go, never those in between. It is safe for concurrent use, and
// what it hands out is never changed.
type eventLog interface {
	// Append keeps stored as the next entry.
	Append(stored []byte) error
	// ReadFrom appends to dst up to limit entries from offset on, in order. If that is no
	// longer held, it begins with the oldest that is.
	ReadFrom(dst []entry, offset uint64, limit int) ([]entry, error)
	// Head is the place of the newest entry, and that before the first of an empty log.
	Head() place
	// Epoch names the life of this log.
	Epoch() string
}

// A place is where one is in a log: behind the entry at offset, where the chain is at
// hash.
type place struct {
	offset uint64
	hash   Hash
}

// An entry is a line of a log.
type entry struct {
	place
	prev   Hash // that of the entry before it
	stored []byte
}

// A memoryLog is an event log in memory. When it is full, the oldest half goes.
type memoryLog struct {
	epoch string
	most  int // entries

	mu      sync.Mutex
	entries []entry
	head    place
	bytes   int // of what entries hold
}

var _ eventLog = (*memoryLog)(nil)

func newMemoryLog(epoch string, most int) *memoryLog {
	return &memoryLog{epoch: epoch, most: most, head: place{0, firstHash(epoch)}}
}

func (l *memoryLog) Epoch() string { return l.epoch }

func (l *memoryLog) Append(stored []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == l.most {
		for _, gone := range l.entries[:(l.most+1)/2] {
			l.bytes -= len(gone.stored)
		}
		half := copy(l.entries, l.entries[(l.most+1)/2:])
		clear(l.entries[half:])
		l.entries = l.entries[:half]
	}
	e := entry{prev: l.head.hash, stored: stored}
	e.offset = l.head.offset + 1
	e.hash = e.prev.next(e.offset, stored)
	l.entries, l.head, l.bytes = append(l.entries, e), e.place, l.bytes+len(stored)
	return nil
}

// storedMost is more than an event takes as it is stored: two texts and some numbers.
const storedMost = 2*maxText + 128

// Memory is what the entries take, and at most can.
func (l *memoryLog) Memory() (used, budget int) {
	const each = int(unsafe.Sizeof(entry{}))
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes + each*len(l.entries), (storedMost + each) * l.most
}

func (l *memoryLog) Head() place {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

func (l *memoryLog) ReadFrom(dst []entry, offset uint64, limit int) ([]entry, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset > l.head.offset {
		return dst, nil
	}
	oldest := l.head.offset - uint64(len(l.entries)) + 1
	from := int(max(offset, oldest) - oldest)
	to := min(from+limit, len(l.entries))
	return append(dst, l.entries[from:to]...), nil
}
