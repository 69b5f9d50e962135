package e2e

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A victim is an operator whose name, token and messages others have got hold of. What it
// is sent has to be what it is sent without them: all frames and events, once, in order.
type victim struct {
	link *rawLink
	said []string // its Hello and its command
	keys int      // of commands

	mu     sync.Mutex
	frames int
	asked  map[string]int // commands without a reply yet, by key
	wrong  []error
}

// newVictim connects, and goes on until the test ends.
func newVictim(t *testing.T, addr, token string) *victim {
	t.Helper()
	link, err := openLink(t.Context(), addr, token)
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{link: link, asked: map[string]int{}, said: []string{`{"hello":{"client":"victim","view":{"columns":16}}}`, ""}}
	if err := link.say(v.said[0]); err != nil {
		t.Fatal(err)
	}
	var listening sync.WaitGroup
	listening.Go(v.listen)
	t.Cleanup(func() {
		_ = link.Close()
		listening.Wait()
	})
	return v
}

// command says a new command, which others may then capture.
func (v *victim) command(t *testing.T) {
	t.Helper()
	v.keys++
	v.said[1] = fmt.Sprintf(`{"command":{"key":%q,"set":{"lna":"24"}}}`, v.key())
	v.repeat(t)
}

func (v *victim) key() string { return fmt.Sprintf("captured %d", v.keys) }

// repeat says the command and waits for the reply that it gets each time.
func (v *victim) repeat(t *testing.T) {
	t.Helper()
	v.mu.Lock()
	v.asked[v.key()]++
	v.mu.Unlock()
	if err := v.link.say(v.said[1]); err != nil {
		t.Fatal(err)
	}
	eventually(t, startup, "reply to the victim", func() error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.asked[v.key()] > 0 {
			return fmt.Errorf("none: %w", errors.Join(v.wrong...))
		}
		return nil
	})
}

// shown is how many frames it got.
func (v *victim) shown() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames
}

func (v *victim) wrongs() []error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wrong
}

// answered takes a reply. It reports whether there was something to reply to.
func (v *victim) answered(key string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked[key]--
	return v.asked[key] >= 0
}

func (v *victim) listen() {
	var shown, last, offset uint64
	note := func(format string, args ...any) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.wrong = append(v.wrong, fmt.Errorf(format, args...))
	}
	for {
		s, err := v.link.hear()
		if err != nil {
			note("at %s: %w", time.Now().Format(time.TimeOnly), err)
			return
		}
		switch {
		case s.Frame != nil:
			if last > 0 && s.Frame.FirstSeq != last+1 {
				note("frame %d after %d", s.Frame.FirstSeq, last)
			}
			last = s.Frame.LastSeq
			shown++
		case s.Event != nil:
			if offset > 0 && s.Event.Offset != offset+1 {
				note("event %d after %d", s.Event.Offset, offset)
			}
			offset = s.Event.Offset
		case s.Gap != nil:
			note("a gap: %s", s.Gap.Reason)
		case s.EventGap != nil && s.EventGap.Reason != "joined":
			note("a gap of events: %s", s.EventGap.Reason)
		case s.Goodbye != nil:
			note("sent away: %s", s.Goodbye.Reason)
		case s.Reply != nil && !v.answered(s.Reply.Key) || s.Reply != nil && s.Reply.Error != "":
			note("a reply to %q: %s", s.Reply.Key, s.Reply.Error)
		}
		v.mu.Lock()
		v.frames = int(shown)
		v.mu.Unlock()
		if s.Frame != nil || s.Event != nil {
			_ = v.link.say(fmt.Sprintf(`{"ack":{"frames":"%d","received":"%[1]d","offset":"%d"}}`, shown, offset)) // hear tells
		}
	}
}
