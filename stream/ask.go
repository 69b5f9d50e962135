package stream

import (
	"context"
	"fmt"
	"time"

	"argos/spectrum"
)

// nobody is a Sink for who only wants to know who is there.
type nobody struct{}

func (nobody) Frame(*spectrum.Frame) {}
func (nobody) Gap(uint64, uint64)    {}
func (nobody) Event(Event)           {}

// Ask connects to the server at url to learn who it is and what radio it has.
func Ask(ctx context.Context, url string, o *ClientOptions) (Link, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := NewClient(url, nobody{}, o)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = fmt.Errorf("%s does not say what radio it has: %w", url, ctx.Err())
			}
			return Link{}, err
		case <-tick.C:
		}
		if l := c.Link(); l.Device != nil {
			cancel()
			_ = <-ended //nolint:staticcheck // it is nil: we ended it
			return l, nil
		}
	}
}
