package stream

import (
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/stream/access"
	"argos/stream/wire"
)

// Who has the controls, step by step.
func TestLease(t *testing.T) {
	type step struct {
		after time.Duration
		who   string
		what  string // take, release, or empty for a command
		no    string // part of the error
		event string
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"free for the first", []step{{who: "a"}, {who: "a"}, {who: "b", no: "a has the controls"}, {who: "a"}}},
		{"released", []step{{who: "a", what: "take", event: "a has the controls"}, {who: "b", what: "release", no: "do not have"}, {who: "a", what: "release", event: "a has released"}, {who: "b"}}},
		{"forgotten", []step{{who: "a"}, {who: "b", after: leaseLasts - 1, no: "a has"}, {who: "b", after: 1}, {who: "a", no: "b has"}}},
		{"kept by use", []step{{who: "a"}, {who: "a", after: leaseLasts - 1}, {who: "b", after: leaseLasts - 1, no: "a has"}}},
		{"asked for and not used", []step{
			{who: "a"},
			{who: "b", what: "take", no: "ask again in 15 s", event: "b asks a for the controls"},
			{who: "b", what: "take", after: leaseAsked - 1, no: "was asked"},
			{who: "b", what: "take", after: 1, event: "b has the controls"},
			{who: "a", no: "b has"},
		}},
		{"asked for and used", []step{{who: "a"}, {who: "b", what: "take", no: "was asked", event: "b asks a"}, {who: "a", after: leaseAsked - 1}, {who: "b", after: 1, no: "a has"}}},
		{"asked for by many", []step{{who: "a"}, {who: "b", what: "take", no: "was asked", event: "b asks a"}, {who: "c", what: "take", no: "was asked"}, {who: "c", after: leaseAsked}, {who: "b", no: "c has"}}},
		{"an admin does not wait", []step{{who: "a"}, {who: "admin", no: "a has"}, {who: "admin", what: "take", event: "admin has the controls"}, {who: "a", no: "admin has"}}},
		{"nonsense", []step{{who: "a", what: "keep", no: "use take or release"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, now := new(lease), time.Now()
			for i, s := range c.steps {
				now = now.Add(s.after)
				role := access.Operator
				if s.who == "admin" {
					role = access.Admin
				}
				var event string
				var err error
				if s.what == "" {
					err = l.use("key "+s.who, s.who, now)
				} else {
					event, err = l.request(s.what, "key "+s.who, s.who, role, now)
				}
				if (err == nil) != (s.no == "") || err != nil && !strings.Contains(err.Error(), s.no) || !strings.HasPrefix(event, s.event) || event != "" && s.event == "" {
					t.Errorf("step %d: %v, event %q", i, err, event)
				}
			}
		})
	}
}

// Over the link: one tunes, the other is told who does, and an operator who is gone
// locks nobody out.
func TestOneOperator(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, nil)
		defer r.close(t)
		r.server.lease = new(lease)
		visit := func(name string) *visitor {
			secret, _, err := tokens.Add(access.Operator, name, 0)
			if err != nil {
				t.Fatal(err)
			}
			return r.visit(t, secret, &wire.Hello{Client: "one"})
		}
		one, two := visit("one"), visit("two")
		defer func() { _ = two.conn.CloseNow() }()
		ask := func(g *visitor, key string, set map[string]string) string {
			_ = tell(g.conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: key, Set: set}}})
			time.Sleep(100 * time.Millisecond)
			if _, last, _ := g.got(""); last.GetReply().GetKey() == key {
				return last.GetReply().GetError()
			}
			return ""
		}
		tune := map[string]string{"lna": "24"}
		ask(one, "1", tune)
		ask(two, "2", tune)
		if n := len(r.source.applications()); n != 1 {
			t.Errorf("%d commands were carried out", n)
		}
		_ = one.conn.CloseNow()
		ask(two, "3", map[string]string{leaseName: leaseTake})
		time.Sleep(leaseAsked)
		ask(two, "4", tune)
		if n := len(r.source.applications()); n != 2 {
			t.Errorf("%d commands were carried out: locked out", n)
		}
	})
}
