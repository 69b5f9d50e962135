package stream

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst    = 250 * time.Millisecond
	backoffMost     = 5 * time.Second
	backoffMostBusy = 20 * time.Second
)

// A backoff says how long to wait before the next attempt: none before the first,
// then a random time up to a limit that doubles (full jitter), so that viewers cut
// off together do not come back together.
type backoff struct{ attempt int }

// next is the wait before the next attempt. A server that is busy gets more time.
func (b *backoff) next(busy bool) time.Duration {
	b.attempt++
	if b.attempt == 1 && !busy {
		return 0
	}
	most, doubled := backoffMost, b.attempt-1 // what was tried at once doubles nothing
	if busy {
		most, doubled = backoffMostBusy, b.attempt
	}
	limit := min(backoffFirst<<min(doubled, 10), most)
	return min(time.Duration(rand.Int64N(int64(limit)))+time.Millisecond, limit)
}
