package device

import (
	"errors"
	"fmt"
)

// ErrClosed is returned by calls on a radio after Close.
var ErrClosed = errors.New("radio is closed")

// An Error is a failure that a person reads: what was tried, why it failed and what
// to do about it.
type Error struct {
	Op   string // "open replay:x.cs8", "tune 7.5 GHz"
	Err  error
	Hint string // what to do, as a clause: "give --rate, such as --rate 2M"; may be empty
}

// Error is one line: operation, cause, hint.
func (e *Error) Error() string {
	s := e.Op + ": " + e.Err.Error()
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// An Interruption is what Read returns when a radio is lost that may come back by
// itself: unplugged, stalled, held by another program. The driver goes on trying; reading
// on waits until there are blocks again, or for news of why there are none.
type Interruption struct{ Err error }

// Error says why there are no blocks.
func (e *Interruption) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *Interruption) Unwrap() error { return e.Err }

// ErrOutOfRange is a wish that a radio cannot fulfil, whatever state it is in.
var ErrOutOfRange = errors.New("out of range")

// OutOfRange is the error of a Tune to t, of which what is out of range.
func OutOfRange(t Tuning, what, hint string) error {
	return &Error{
		Op:   "tune " + FormatHz(t.CenterHz, 6),
		Err:  fmt.Errorf("%s is %w", what, ErrOutOfRange),
		Hint: hint,
	}
}
