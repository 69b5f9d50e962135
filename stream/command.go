package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"time"

	"argos/stream/wire"
)

const (
	replyTimeout    = 10 * time.Second
	requestsWaiting = 16
)

// ErrNoLink is returned by Do when there is no link to send the command over.
var ErrNoLink = errors.New("no link: the command was not sent")

// A ReplyError is a server's no to a command, in its own words.
type ReplyError struct{ Text string }

func (e *ReplyError) Error() string { return e.Text }

var (
	errManyCommands = errors.New("too many commands at once: this one was not sent")
	errNotSent      = errors.New("the server was restarted: the command was not sent")

	errNoAnswer  = errors.New("no answer from the server")
	errCutOff    = errors.New("the link broke before the answer")
	errRestarted = errors.New("the server was restarted before it answered")
)

// Do asks the server for settings by the names of spectrum.Params and waits for its
// answer, at most 10 s. When the link breaks meanwhile and is back in time, the server
// is asked again, and does once what it is asked. The error is a *ReplyError, or says
// what is not known.
func (c *Client) Do(ctx context.Context, set map[string]string) error {
	return c.do(ctx, func(key string) *wire.ClientMessage {
		return &wire.ClientMessage{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: key, Set: set}}}
	})
}

// do asks for what a Reply answers.
func (c *Client) do(ctx context.Context, make func(key string) *wire.ClientMessage) error {
	m, err := c.ask(ctx, make)
	switch {
	case errors.Is(err, errNoAnswer) || errors.Is(err, errCutOff) || errors.Is(err, errRestarted):
		return fmt.Errorf("%w: not known whether it was done", err)
	case err != nil:
		return err
	}
	if text := cleanText(m.GetReply().GetError()); text != "" {
		return &ReplyError{text}
	}
	return nil
}

// A request is something asked of the server, until it is answered or given up.
type request struct {
	key      string
	message  *wire.ClientMessage
	deadline time.Time
	begun    bool // it was sent over some link
	sent     bool // over this one
	answer   chan outcome
}

// An outcome is a message of the server, or why there is none.
type outcome struct {
	message *wire.ServerMessage
	err     error
}

// ask sends the message made for a new key and waits for its answer. It needs a link to
// begin with: what takes effect minutes later, when one is back, is not what was asked.
func (c *Client) ask(ctx context.Context, made func(key string) *wire.ClientMessage) (*wire.ServerMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	r := &request{key: rand.Text(), answer: make(chan outcome, 1)}
	r.message = made(r.key)
	r.deadline, _ = ctx.Deadline()
	if err := c.submit(r); err != nil {
		return nil, err
	}
	defer c.giveUp(r)
	select {
	case a := <-r.answer:
		return a.message, a.err
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil {
		return nil, errCutOff
	}
	return nil, errNoAnswer
}

func (c *Client) submit(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil {
		return ErrNoLink
	}
	if len(c.requests) == requestsWaiting {
		return errManyCommands
	}
	c.requests = append(c.requests, r)
	c.stir()
	return nil
}

func (c *Client) giveUp(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = slices.DeleteFunc(c.requests, func(other *request) bool { return other == r })
}

// answeredBy reports whether m is of the kind that answers r.
func (r *request) answeredBy(m *wire.ServerMessage) bool {
	switch r.message.GetKind().(type) {
	case *wire.ClientMessage_Past:
		return m.GetPast() != nil
	case *wire.ClientMessage_Rows:
		return m.GetRows() != nil
	}
	return m.GetReply() != nil
}

// answered hands a message to who waits for it.
func (c *Client) answered(key string, m *wire.ServerMessage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for n, r := range c.requests {
		if r.key == key && r.answeredBy(m) {
			c.requests = slices.Delete(c.requests, n, n+1)
			r.answer <- outcome{message: m}
			return
		}
	}
}

// nextRequest is the message of the oldest request that is not on its way over this
// link, nil for none.
func (c *Client) nextRequest(now time.Time) *wire.ClientMessage {
	for _, r := range c.requests {
		left := r.deadline.Sub(now)
		if r.sent || left < time.Millisecond {
			continue
		}
		r.begun, r.sent = true, true
		if command := r.message.GetCommand(); command != nil {
			command.WaitMs = uint32(left.Milliseconds())
		}
		return r.message
	}
	return nil
}

// resumeRequests has what was not answered asked again over a new link, by the same keys.
// Another server than that which was asked knows nothing of them: it is not asked to do
// what may have been done already.
func (c *Client) resumeRequests(sameEpoch bool) {
	for _, r := range c.requests {
		r.sent = false
		switch {
		case sameEpoch:
		case r.begun:
			r.answer <- outcome{err: errRestarted}
		default:
			r.answer <- outcome{err: errNotSent}
		}
	}
	if !sameEpoch {
		c.requests = nil
	}
	c.stir()
}

// endRequests answers all: there will be no other link.
func (c *Client) endRequests() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		r.answer <- outcome{err: errCutOff}
	}
	c.requests = nil
}
