package stream

import (
	"sync"
	"time"
)

// logEntries bounds the event log in memory.
const logEntries = 10_000

// A memoryLog is the event log of one epoch, in memory: append-only, numbered from 1,
// shared by all viewers. The oldest entries go when it is full. It is safe for
// concurrent use.
type memoryLog struct {
	mu      sync.Mutex
	entries []Event // entries[i] has offset first+i
	first   uint64
	grown   chan struct{}
}

func newMemoryLog() *memoryLog {
	return &memoryLog{first: 1, grown: make(chan struct{})}
}

// Append numbers e, stamps it if it has no time, makes its text safe to send, and
// wakes who waits for Grown.
func (l *memoryLog) Append(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == logEntries {
		half := copy(l.entries, l.entries[logEntries/2:])
		l.entries, l.first = l.entries[:half], l.first+logEntries/2
	}
	e.Kind, e.Text = cleanText(e.Kind), cleanText(e.Text)
	e.Offset = l.first + uint64(len(l.entries))
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	l.entries = append(l.entries, e)
	close(l.grown)
	l.grown = make(chan struct{})
}

// Head is the offset of the newest entry, 0 if there is none.
func (l *memoryLog) Head() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first + uint64(len(l.entries)) - 1
}

// ReadFrom appends to dst up to limit entries from offset on, and says how many
// before the first of them are no longer held.
func (l *memoryLog) ReadFrom(dst []Event, offset uint64, limit int) (events []Event, gone uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if offset < l.first {
		gone, offset = l.first-offset, l.first
	}
	from := min(int(offset-l.first), len(l.entries))
	to := min(from+limit, len(l.entries))
	return append(dst, l.entries[from:to]...), gone
}

// Grown is closed when the next entry is appended.
func (l *memoryLog) Grown() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.grown
}
