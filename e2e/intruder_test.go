package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// This file is what somebody can do who has a token.

// frames is Hello with the place of somebody else, then flood. It has to be cut off.
func frames(flood func(w io.Writer)) func(ctx context.Context, t *target) error {
	return func(ctx context.Context, t *target) error {
		c, err := dialServer(ctx, t.Addr)
		if err != nil {
			return nil
		}
		defer c.Close()
		r, status := handshake(c, t.Addr, t.Tokens["viewer"], offerPB)
		if status != "101" {
			time.Sleep(100 * time.Millisecond) // too many of us
			return nil
		}
		// Hello{resume: {epoch: "someone else's", seq: 2^62}}
		_, _ = c.Write(clientFrame(0x82, []byte("\x0a\x1c\x1a\x1a\x0a\x0esomeone else's\x10\xff\xff\xff\xff\xff\xff\xff\xff\x3f")))
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, r)
		}()
		flood(c)
		select {
		case <-done:
		case <-time.After(time.Second):
		}
		_ = c.Close()
		<-done
		return nil
	}
}

// intrude connects by one of the tokens. Where there are too many of us it waits, and there
// is no link.
func intrude(ctx context.Context, t *target, by string) *rawLink {
	l, err := openLink(ctx, t.Addr, t.Tokens[by])
	if err != nil {
		time.Sleep(100 * time.Millisecond)
		return nil
	}
	_ = l.SetDeadline(time.Now().Add(attackLasts))
	return l
}

// takeOver comes with the victim's name and its place in the epoch that it is in, and then
// acknowledges all and wants to see nothing, in its name.
func takeOver(ctx context.Context, t *target) error {
	l := intrude(ctx, t, "viewer")
	if l == nil {
		return nil
	}
	defer l.Close()
	_ = l.say(`{"hello":{}}`)
	s, _ := l.hear()
	if s == nil || s.Welcome == nil {
		return nil // the time is over
	}
	as := intrude(ctx, t, "viewer")
	if as == nil {
		return nil
	}
	defer as.Close()
	_ = as.say(`{"hello":{"client":"victim","view":{"columns":16},"resume":` + string(s.Welcome.Head) + `}}`)
	for range 20 {
		_ = as.say(`{"ack":{"frames":"1000000","received":"1000000","offset":"1000000"}}`)
		_ = as.say(`{"view":{"columns":1,"lowHz":1,"highHz":2}}`)
		_ = as.say(`{"filter":{"kinds":["none"]}}`)
	}
	for {
		switch s, err := as.hear(); {
		case err != nil:
			return nil // cut off for what it said
		case s.Reply != nil:
			return fmt.Errorf("it got the victim's reply to %q", s.Reply.Key)
		case s.Frame != nil:
			return nil // what any viewer gets
		}
	}
}

// replay says again what the victim said: with a viewer's token, with the victim's own,
// and with that of another operator.
func replay(ctx context.Context, t *target) error {
	for _, by := range []string{"viewer", "operator", "other"} {
		l := intrude(ctx, t, by)
		if l == nil {
			return nil
		}
		for _, text := range t.Said {
			_ = l.say(text)
		}
		s := l.hearReply()
		_ = l.Close()
		if s == nil {
			return nil // the time is over
		}
		if forbidden := strings.Contains(s.Reply.Error, "takes the role"); forbidden != (by == "viewer") || !forbidden && s.Reply.Error != "" {
			return fmt.Errorf("the victim's command said by %s is answered %q", by, s.Reply.Error)
		}
	}
	return nil
}

// hostile is what nobody's terminal may get: it clears the screen, sets a title, answers by
// itself, and that again in one byte and behind one that makes text run backwards.
const hostile = "\x1b[2J\x1b]0;PWNED\x07\x1b[6n\u009b2J\u202ePWNED\x7f\x08\r"

// escapes says hostile text wherever there is room for text.
func escapes(ctx context.Context, t *target) error {
	for _, header := range []string{"User-Agent: ", "Origin: https://", "X-Forwarded-For: ", "Authorization: Bearer ", "Host: "} {
		if c, err := dialServer(ctx, t.Addr); err == nil {
			_, status := handshake(c, t.Addr, "", header+strings.TrimSuffix(hostile, "\r")+"\r\n"+offerPB)
			_ = c.Close()
			if status == "101" && header != "User-Agent: " {
				return fmt.Errorf("let in with %s", header)
			}
		}
	}
	quoted, err := json.Marshal(hostile)
	if err != nil {
		return err
	}
	l := intrude(ctx, t, "operator")
	if l == nil {
		return nil
	}
	defer l.Close()
	for _, text := range []string{
		`{"hello":{"agent":%s,"client":%[1]s,"filter":{"kinds":[%[1]s]}}}`,
		`{"command":{"key":%s,"set":{"freq":%[1]s}}}`,
		`{"command":{"set":{%s:"1"}}}`,
		`{"command":{"set":{"controls":%s}}}`,
		`{"kick":{"key":%s,"session":%[1]s}}`,
	} {
		_ = l.say(fmt.Sprintf(text, quoted))
	}
	for range 4 {
		s := l.hearReply()
		if s == nil {
			return nil // the time is over
		}
		if s.Reply.Error == "" {
			return fmt.Errorf("done for %q", s.Reply.Key)
		}
		if control(s.Reply.Error) {
			return fmt.Errorf("the server says %q", s.Reply.Error)
		}
	}
	return nil
}

// control reports whether text does more to a terminal than to be read on it.
func control(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\ufffd'
	})
}
