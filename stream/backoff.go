package stream

import (
	"errors"
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
	most, doubled := backoffMost, b.attempt-2 // what was tried at once doubles nothing
	if busy {
		most, doubled = backoffMostBusy, b.attempt
	}
	limit := min(backoffFirst<<min(doubled, 10), most)
	return min(time.Duration(rand.Int64N(int64(limit)))+time.Millisecond, limit)
}

// after is the wait after an attempt or a session that ended with err: as the server
// says, or else, or if that is longer, the next.
func (b *backoff) after(err error) time.Duration {
	var busy *busyError
	var bye *goodbyeError
	switch {
	case errors.As(err, &busy) && busy.comeBack > 0:
		// Its own turn: more patience than asked for helps nobody. The header has whole
		// seconds.
		b.attempt++
		return min(busy.comeBack+time.Duration(rand.Int64N(int64(time.Second))), backoffMostBusy)
	case errors.As(err, &bye):
		return max(b.next(false), min(bye.retry, backoffMostBusy))
	}
	return b.next(errors.As(err, &busy))
}
