package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// This file is what somebody can do who has a token.

// frames is Hello with the place of somebody else, then flood. It has to be cut off.
func frames(flood func(w io.Writer)) func(ctx context.Context, t *target) (end string, err error) {
	return func(ctx context.Context, t *target) (end string, err error) {
		c, r, err := sit(ctx, t, offerPB)
		if err != nil {
			return "", err
		}
		// Hello{resume: {epoch: "someone else's", seq: 2^62}}
		_, _ = c.Write(clientFrame(0x82, []byte("\x0a\x1c\x1a\x1a\x0a\x0esomeone else's\x10\xff\xff\xff\xff\xff\xff\xff\xff\x3f")))
		var flooding sync.WaitGroup
		flooding.Go(func() { flood(c) })
		end = untilCut(r)
		_ = c.Close()
		flooding.Wait()
		return end, nil
	}
}

// intrude connects by one of the tokens, as soon as there are not too many of us.
func intrude(ctx context.Context, t *target, by string) (*rawLink, error) {
	for {
		l, err := openLink(ctx, t.Addr, t.Tokens[by])
		if err == nil {
			_ = l.SetDeadline(time.Now().Add(attackPatience))
			return l, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("no session: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// takeOver comes with the victim's name and its place in the epoch that it is in, and then
// acknowledges all and wants to see nothing, in its name.
func takeOver(ctx context.Context, t *target) (end string, err error) {
	l, err := intrude(ctx, t, "viewer")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_ = l.say(`{"hello":{}}`)
	s, err := l.hear()
	if err != nil || s.Welcome == nil {
		return "", fmt.Errorf("not welcome: %w", err)
	}
	as, err := intrude(ctx, t, "viewer")
	if err != nil {
		return "", err
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
		case errors.Is(err, os.ErrDeadlineExceeded):
			return endOpen, nil
		case err != nil:
			return endCut, nil // for what it said
		case s.Reply != nil:
			return "", fmt.Errorf("it got the victim's reply to %q", s.Reply.Key)
		case s.Frame != nil:
			return endLet, nil // what any viewer gets
		}
	}
}

// replay says again what the victim said: with a viewer's token, with the victim's own,
// and with that of another operator.
func replay(ctx context.Context, t *target) (end string, err error) {
	for _, by := range []string{"viewer", "operator", "other"} {
		l, err := intrude(ctx, t, by)
		if err != nil {
			return "", err
		}
		for _, text := range t.Said {
			_ = l.say(text)
		}
		s := l.hearReply()
		_ = l.Close()
		if s == nil {
			return "", fmt.Errorf("no reply to %s", by)
		}
		if forbidden := strings.Contains(s.Reply.Error, "takes the role"); forbidden != (by == "viewer") || !forbidden && s.Reply.Error != "" {
			return "", fmt.Errorf("the victim's command said by %s is answered %q", by, s.Reply.Error)
		}
	}
	return endLet, nil
}

// hostile is what nobody's terminal may get: it clears the screen, sets a title, answers by
// itself, and that again in one byte and behind one that makes text run backwards.
const hostile = "\x1b[2J\x1b]0;PWNED\x07\x1b[6n\u009b2J\u202ePWNED\x7f\x08\r"

// escapes says hostile text wherever there is room for text.
func escapes(ctx context.Context, t *target) (end string, err error) {
	for _, header := range []string{"User-Agent: ", "Origin: https://", "X-Forwarded-For: ", "Authorization: Bearer ", "Host: "} {
		c, err := enter(ctx, t)
		if err != nil {
			return "", err
		}
		_, status := handshake(c, t.Addr, "", header+strings.TrimSuffix(hostile, "\r")+"\r\n"+offerPB)
		_ = c.Close()
		if status == "101" && header != "User-Agent: " {
			return "", fmt.Errorf("let in with %s", header)
		}
	}
	quoted, err := json.Marshal(hostile)
	if err != nil {
		return "", err
	}
	l, err := intrude(ctx, t, "operator")
	if err != nil {
		return "", err
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
			return "", errors.New("no reply")
		}
		if s.Reply.Error == "" {
			return "", fmt.Errorf("done for %q", s.Reply.Key)
		}
		if control(s.Reply.Error) {
			return "", fmt.Errorf("the server says %q", s.Reply.Error)
		}
	}
	return endLet, nil
}

// control reports whether text does more to a terminal than to be read on it.
func control(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\u202e' || r == '\ufffd'
	})
}
