package e2e

import (
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

	mu      sync.Mutex
	frames  int
	replies int
	wrong   []error
}

// newVictim connects, and goes on until the test ends.
func newVictim(t *testing.T, addr, token string) *victim {
	t.Helper()
	link, err := openLink(t.Context(), addr, token)
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{link: link, said: []string{
		`{"hello":{"client":"victim","view":{"columns":16}}}`,
		`{"command":{"key":"captured","set":{"lna":"24"}}}`,
	}}
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

// command says again what it said, which is once too often only for who was not answered.
func (v *victim) command(t *testing.T) {
	t.Helper()
	_, before := v.counts()
	if err := v.link.say(v.said[1]); err != nil {
		t.Fatal(err)
	}
	eventually(t, startup, "reply to the victim", func() error {
		if _, n := v.counts(); n == before {
			return fmt.Errorf("none: %v", v.wrongs())
		}
		return nil
	})
}

func (v *victim) counts() (frames, replies int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.frames, v.replies
}

func (v *victim) wrongs() []error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.wrong
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
		case s.Reply != nil && (s.Reply.Key != "captured" || s.Reply.Error != ""):
			note("a reply to %q: %s", s.Reply.Key, s.Reply.Error)
		}
		v.mu.Lock()
		v.frames = int(shown)
		if s.Reply != nil {
			v.replies++
		}
		v.mu.Unlock()
		if s.Frame != nil || s.Event != nil {
			_ = v.link.say(fmt.Sprintf(`{"ack":{"frames":"%d","received":"%[1]d","offset":"%d"}}`, shown, offset)) // hear tells
		}
	}
}
