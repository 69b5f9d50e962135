package device

import (
	"context"
	"time"
)

// A Pacer waits for the blocks of a radio that runs by a clock instead of by hardware.
// The zero value is ready; it is for one reader.
type Pacer struct{ timer *time.Timer }

// Read calls fill until that has handed over a block, or failed. Until a block is due
// fill says how long that is. The end of ctx or of closing ends the wait at once.
func (p *Pacer) Read(ctx context.Context, closing <-chan struct{}, fill func() (wait time.Duration, err error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		wait, err := fill()
		if err != nil || wait <= 0 {
			return err
		}
		if p.timer == nil {
			p.timer = time.NewTimer(wait)
		} else {
			p.timer.Reset(wait)
		}
		select {
		case <-p.timer.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-closing:
			return ErrClosed
		}
	}
}
