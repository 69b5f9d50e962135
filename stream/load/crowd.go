package load

import (
	"context"
	"errors"
	"iter"
	"net"
	"sync"
	"time"

	"argos/stream"
	"argos/stream/access"
)

// CrowdOptions are what viewers are like.
type CrowdOptions struct {
	Viewers int
	Slow    int // of them
	Columns int // that each asks for; 0: all bins
	Agent   string
	Login   *access.Login // nil: see stream.ClientOptions

	admit <-chan struct{}                                                   // closed when the others may follow the first; nil: at once
	dial  func(ctx context.Context, network, addr string) (net.Conn, error) // nil: TCP
}

// A Crowd is many viewers of one server. Its methods may be called at any time from any
// goroutine, Run once.
type Crowd struct {
	viewers     []*viewer
	quick, slow tally
	admit       <-chan struct{}
	ended       chan struct{} // closed when nobody waits any more
}

// NewCrowd returns viewers of the server at url (see stream.ParseURL), who are not there
// yet.
func NewCrowd(url string, o *CrowdOptions) *Crowd {
	c := &Crowd{quick: newTally(), slow: newTally(), admit: o.admit, ended: make(chan struct{})}
	if c.admit == nil {
		now := make(chan struct{})
		close(now)
		c.admit = now
	}
	dial := o.dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	for n := range o.Viewers {
		v := &viewer{tally: &c.quick, network: dial}
		// The slow ones come last: the first of all asks the server for things.
		if n >= o.Viewers-o.Slow {
			v.tally, v.slow = &c.slow, c.ended
		}
		v.client = stream.NewClient(url, v, &stream.ClientOptions{
			Agent: o.Agent, View: stream.View{Columns: o.Columns}, Login: o.Login,
			Patient: n > 0, Counting: true, Dial: v.dial,
		})
		c.viewers = append(c.viewers, v)
	}
	return c
}

// Run lets so many viewers a second come until all are there, and keeps them until ctx
// ends, which gives nil. Nobody comes before the first has; where that one or any is
// refused for good, all go.
func (c *Crowd) Run(ctx context.Context, perSecond float64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer close(c.ended)
	defer cancel(nil)
	every := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
	defer every.Stop()
	for _, v := range c.viewers {
		running.Go(func() {
			if err := v.client.Run(ctx); err != nil {
				cancel(err)
			}
		})
		for _, may := range []<-chan struct{}{c.first().Connected(), c.admit} {
			select {
			case <-may:
			case <-ctx.Done():
			}
		}
		select {
		case <-every.C:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	<-ctx.Done()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// first is the client of the first viewer.
func (c *Crowd) first() *stream.Client { return c.viewers[0].client }

// Connected is how many have a link.
func (c *Crowd) Connected() (n int) {
	for _, v := range c.viewers {
		if v.connected() {
			n++
		}
	}
	return n
}

// Frames is how many frame messages came.
func (c *Crowd) Frames() int64 { return c.counts().frames }

// counts is what came to all.
func (c *Crowd) counts() counts {
	return c.quick.counts().plus(c.slow.counts())
}

// excuse is why one of those that are not there is not, if one knows.
func (c *Crowd) excuse() string {
	for _, v := range c.viewers {
		if l := v.client.Link(); !v.connected() && l.Reason != "" {
			return ": " + l.Reason
		}
	}
	return ""
}

// Links is what each viewer knows of its link.
func (c *Crowd) Links() iter.Seq[stream.Link] {
	return func(yield func(stream.Link) bool) {
		for _, v := range c.viewers {
			if !yield(v.client.Link()) {
				return
			}
		}
	}
}

// Cut resets the connections of all viewers but the first stay, as a network does that
// forgets them. It returns how many there were.
func (c *Crowd) Cut(stay int) (n int) {
	for _, v := range c.viewers[stay:] {
		if v.cut() {
			n++
		}
	}
	return n
}

// begin forgets what was counted until now.
func (c *Crowd) begin() {
	c.quick.reset()
	c.slow.reset()
}
