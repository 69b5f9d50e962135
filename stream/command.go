package stream

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"argos/stream/wire"
)

const (
	replyTimeout    = 10 * time.Second
	commandsWaiting = 16
)

// ErrNoLink is returned by Do when there is no link to send the command over.
var ErrNoLink = errors.New("no link: the command was not sent")

// A ReplyError is a server's no to a command, in its own words.
type ReplyError struct{ Text string }

func (e *ReplyError) Error() string { return e.Text }

var (
	errManyCommands = errors.New("too many commands at once: this one was not sent")
	errNoAnswer     = errors.New("no answer from the server: not known whether it was done")
	errCutOff       = errors.New("the link broke before the answer: not known whether it was done")
)

// Do asks the server for settings by the names of spectrum.Params and waits for its
// answer, at most 10 s. The error is a *ReplyError, or says what is not known.
func (c *Client) Do(ctx context.Context, set map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	key := rand.Text()
	answer := make(chan error, 1)
	if err := c.submit(&wire.Command{Key: key, Set: set}, answer); err != nil {
		return err
	}
	defer func() {
		c.mu.Lock()
		delete(c.pending, key)
		c.mu.Unlock()
	}()
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return errNoAnswer
	}
}

// submit hands command to the session there is. It never waits for one: a command that
// takes effect minutes later, when a link is back, is not what was asked for.
func (c *Client) submit(command *wire.Command, answer chan error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut == nil {
		return ErrNoLink
	}
	select {
	case c.commands <- command:
		c.pending[command.Key] = answer
		return nil
	default:
		return errManyCommands
	}
}

// answered hands a reply to who waits for it.
func (c *Client) answered(r *wire.Reply) {
	c.mu.Lock()
	answer := c.pending[r.GetKey()]
	delete(c.pending, r.GetKey())
	c.mu.Unlock()
	if answer == nil {
		return
	}
	if text := cleanText(r.GetError()); text != "" {
		answer <- &ReplyError{text}
	} else {
		answer <- nil
	}
}

// closeCommands takes no more commands for this session and answers those that it
// takes with it.
func (c *Client) closeCommands() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = nil
	for len(c.commands) > 0 {
		select {
		case <-c.commands:
		default: // the writer was quicker
		}
	}
	for key, answer := range c.pending {
		delete(c.pending, key)
		answer <- errCutOff
	}
}
