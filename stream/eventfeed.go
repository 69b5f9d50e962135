package stream

import "sync"

// An eventFeed is a server's event log, and wakes who waits for it to grow. It is safe
// for concurrent use.
type eventFeed struct {
	eventLog

	mu    sync.Mutex
	grown chan struct{}
}

func newEventFeed(log eventLog) *eventFeed {
	return &eventFeed{eventLog: log, grown: make(chan struct{})}
}

// add appends e.
func (f *eventFeed) add(e *Event) error {
	stored, err := storedEvent(e)
	if err != nil {
		return err
	}
	if err := f.Append(stored); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.grown)
	f.grown = make(chan struct{})
	return nil
}

// Grown is closed when the next entry is appended.
func (f *eventFeed) Grown() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.grown
}
