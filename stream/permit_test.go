package stream

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"argos/stream/access"
	"argos/stream/wire"
)

// A documented row is a line of the matrix of docs/PROTOCOL.md.
type documented struct {
	lane, from, message string
	may                 map[access.Role]bool
}

func documentedMatrix(t *testing.T) []documented {
	t.Helper()
	text, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	form := regexp.MustCompile("(?m)^\\| (\\w+) \\| (viewer|server) \\| `(\\w+)` \\| (yes|no) \\| (yes|no) \\| (yes|no) \\|$")
	var rows []documented
	for _, m := range form.FindAllStringSubmatch(string(text), -1) {
		rows = append(rows, documented{m[1], m[2], m[3], map[access.Role]bool{
			access.Viewer: m[4] == "yes", access.Operator: m[5] == "yes", access.Admin: m[6] == "yes",
		}})
	}
	return rows
}

// The matrix of the document, that of the code and the schema have the same rows.
func TestMatrixIsDocumented(t *testing.T) {
	rows := map[string]documented{}
	for _, row := range documentedMatrix(t) {
		rows[row.from+" "+row.message] = row
	}
	kinds := func(m proto.Message) (names []string) {
		fields := m.ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
		for i := range fields.Len() {
			names = append(names, string(fields.Get(i).Name()))
		}
		return names
	}
	count := 0
	for from, side := range map[string]struct {
		permits []permit
		kinds   []string
	}{"viewer": {permitsIn, kinds(new(wire.ClientMessage))}, "server": {permitsOut, kinds(new(wire.ServerMessage))}} {
		coded := map[string]permit{}
		for _, p := range side.permits {
			coded[p.message] = p
		}
		for _, kind := range side.kinds {
			count++
			row, p := rows[from+" "+kind], coded[kind]
			if row.message == "" || p.message == "" || row.lane != p.lane {
				t.Errorf("%s %s: in the document %q, in the code %q", from, kind, row.lane, p.lane)
				continue
			}
			for role, may := range row.may {
				if may != role.May(p.least) {
					t.Errorf("%s %s as %s: %t in the document", from, kind, role, may)
				}
			}
		}
	}
	if count != len(rows) || count != len(permitsIn)+len(permitsOut) {
		t.Errorf("%d kinds, %d rows, %d permits", count, len(rows), len(permitsIn)+len(permitsOut))
	}
}

// A visitor is a viewer with a token, by hand.
type visitor struct {
	t    *testing.T
	conn *websocket.Conn

	mu   sync.Mutex
	seen map[string]int // messages of the server, by kind
	last *wire.ServerMessage
	end  error
}

// dialAs connects with a token, or none; status is that of the answer.
func (r *rig) dialAs(t *testing.T, secret string) (conn *websocket.Conn, status int) {
	t.Helper()
	header := http.Header{}
	if secret != "" {
		header.Set("Authorization", "Bearer "+secret)
	}
	transport := &http.Transport{DialContext: r.network.dial, DisableKeepAlives: true}
	conn, response, err := websocket.Dial(context.Background(), "ws://rig"+linkPath, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{protocolPB},
		HTTPHeader:      header,
		CompressionMode: websocket.CompressionDisabled,
	})
	if response == nil {
		t.Fatal(err)
	}
	if conn != nil {
		conn.SetReadLimit(maxMessage)
	}
	return conn, response.StatusCode
}

// visit says Hello and reads on until the link ends.
func (r *rig) visit(t *testing.T, secret string, hello *wire.Hello) *visitor {
	t.Helper()
	conn, status := r.dialAs(t, secret)
	if conn == nil {
		t.Fatalf("answer %d", status)
	}
	g := &visitor{t: t, conn: conn, seen: map[string]int{}}
	if err := tell(conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			_, data, err := conn.Read(context.Background())
			if !g.note(data, err) {
				return
			}
		}
	}()
	synctest.Wait()
	return g
}

// note keeps what was read and reports whether there may be more.
func (g *visitor) note(data []byte, err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	m := new(wire.ServerMessage)
	if err == nil {
		err = encodingPB.unmarshal(data, m)
	}
	if err != nil {
		g.end = err
		return false
	}
	g.last = m
	g.seen[string(m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().ByName("kind")).Name())]++
	if reply := m.GetReply(); reply != nil && reply.GetError() == "" {
		g.seen["done"]++
	}
	return true
}

// got is how many messages of a kind came, the last one, and how the link ended.
func (g *visitor) got(kind string) (n int, last *wire.ServerMessage, end error) {
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[kind], g.last, g.end
}

// said is a message of each kind that is harmless if it passes.
func said(kind string, n int) *wire.ClientMessage {
	m := new(wire.ClientMessage)
	field := m.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(kind))
	m.ProtoReflect().Set(field, m.ProtoReflect().NewField(field))
	if c := m.GetCommand(); c != nil {
		c.Key, c.Set = strings.Repeat("k", n), map[string]string{"lna": "24"}
	}
	return m
}

// Every message of every role, as the document's matrix has it, in every state of a
// session: exactly the allowed ones pass. A message passes if the session goes on, and,
// for a command, if it is carried out.
func TestMatrix(t *testing.T) {
	rows := documentedMatrix(t)
	if len(rows) == 0 {
		t.Fatal("no matrix")
	}
	for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		for _, state := range []string{"new", "resumed", "revoked", "expired", "demoted"} {
			for _, row := range rows {
				t.Run(strings.Join([]string{role.String(), state, row.from, row.message}, "/"), func(t *testing.T) {
					dir := filepath.Join(t.TempDir(), "argos")
					synctest.Test(t, func(t *testing.T) { tryRow(t, dir, role, state, row) })
				})
			}
		}
	}
}

func tryRow(t *testing.T, dir string, role access.Role, state string, row documented) {
	tokens, err := access.OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	secret, token, err := tokens.Add(role, "guest", 3*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, slog.New(slog.NewJSONHandler(&written, nil)))
	defer r.close(t)
	var resume *wire.Position
	if state == "resumed" {
		first := r.visit(t, secret, new(wire.Hello))
		r.feed(3)
		_ = first.conn.CloseNow()
		synctest.Wait()
		resume = &wire.Position{Epoch: r.server.epoch, Seq: 1}
	}
	g := r.visit(t, secret, &wire.Hello{Resume: resume})
	defer func() { _ = g.conn.CloseNow() }()
	good := true
	switch state {
	case "revoked", "demoted":
		good = false
		// By another process, as an admin does.
		other, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.Revoke("guest"); err != nil {
			t.Fatal(err)
		}
		if state == "demoted" {
			if _, _, err := other.Add(access.Viewer, "guest", 0); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
	case "expired":
		good = false
		time.Sleep(time.Until(token.Expires) - time.Millisecond)
		if _, _, end := g.got(""); end != nil {
			t.Errorf("ended before its time: %v", end)
		}
		time.Sleep(time.Second)
	}
	if !good {
		_, last, end := g.got("")
		if end == nil || websocket.CloseStatus(end) != websocket.StatusPolicyViolation || last.GetGoodbye().GetReason() == "" {
			t.Errorf("the session goes on, or ends by %v after %v", end, last)
		}
		if conn, status := r.dialAs(t, secret); conn != nil || status != http.StatusUnauthorized {
			t.Errorf("let in again: %d", status)
		}
	}
	if row.from == "server" {
		g.gets(r, row, good && row.may[role])
		return
	}
	_ = tell(g.conn, encodingPB, said(row.message, 1)) // the link may have ended
	time.Sleep(100 * time.Millisecond)
	if row.message != "kick" { // its reply is to be the last that came
		_ = tell(g.conn, encodingPB, said("ping", 0))
	}
	done, _, end := g.got("done")
	want := good && row.may[role]
	switch row.message {
	case "command":
		if done := done == 1 && len(r.source.applications()) == 1; done != want || !want && len(r.source.applications()) != 0 {
			t.Errorf("carried out: %t, applied %d times", done, len(r.source.applications()))
		}
		if good && strings.Count(written.String(), `"name":"guest","role":"`+role.String()) != 1 {
			t.Errorf("journal: %s", written.String())
		}
	case "kick": // nobody, but by right
		_, last, _ := g.got("")
		if allowed := strings.Contains(last.GetReply().GetError(), errNoSession.Error()); allowed != want || (end == nil) != good {
			t.Errorf("allowed: %t, %v", allowed, end)
		}
	default:
		if passes := end == nil; passes != want {
			t.Errorf("passes: %t", passes)
		}
	}
}

// gets checks that the server sends what it is to send, and nothing more once the token
// is good no more.
func (g *visitor) gets(r *rig, row documented, good bool) {
	g.t.Helper()
	before, _, _ := g.got(row.message)
	r.server.GPS(&GPS{Fix: 3})
	r.server.Event(Event{Kind: "test"})
	r.feed(22) // more than a second
	for _, kind := range []string{"ping", "past", "command", "filter", "rows"} {
		_ = tell(g.conn, encodingPB, said(kind, 2))
	}
	after, _, _ := g.got(row.message)
	switch row.message {
	case "passed", "gap", "event_gap", "goodbye":
		// What makes the server send these has tests of its own.
	default:
		if good && after == 0 || !good && after > before {
			g.t.Errorf("got %d, %d before", after, before)
		}
	}
}

// Who may not do what it asks for cannot push what others did out of the journal.
func TestForbiddenFillsNoJournal(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := tokens.Add(access.Viewer, "guest", 0)
		if err != nil {
			t.Fatal(err)
		}
		var written bytes.Buffer
		r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, slog.New(slog.NewJSONHandler(&written, nil)))
		g := r.visit(t, secret, new(wire.Hello))
		for n := range 300 {
			_ = tell(g.conn, encodingPB, said("command", n%keyLength))
		}
		if n, _, end := g.got("reply"); n != 300 || end != nil {
			t.Errorf("%d replies, %v", n, end)
		}
		_ = g.conn.CloseNow()
		r.close(t)
		if n := strings.Count(written.String(), "\n"); n != strangersAtOnce {
			t.Errorf("%d lines", n)
		}
	})
}

// There are as many sessions as there may be, however they come.
func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		defer r.close(t)
		r.server.limits.Sessions = 2
		var open []*websocket.Conn
		come := func() int {
			conn, status := r.dialAs(t, "")
			if conn != nil {
				open = append(open, conn) // it says no Hello yet
			}
			return status
		}
		if a, b, c := come(), come(), come(); a != http.StatusSwitchingProtocols || b != a || c != http.StatusTooManyRequests {
			t.Errorf("%d, %d, %d", a, b, c)
		}
		_ = open[0].CloseNow()
		time.Sleep(time.Second)
		if a, b := come(), come(); a != http.StatusSwitchingProtocols || b != http.StatusTooManyRequests {
			t.Errorf("after one has left: %d, %d", a, b)
		}
		for _, conn := range open {
			_ = conn.CloseNow()
		}
	})
}

// An admin sees who is here and sends one away, who is told; nobody else can.
func TestKick(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, nil)
		defer r.close(t)
		there := map[access.Role]*visitor{}
		for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
			secret, _, err := tokens.Add(role, "the-"+role.String(), 0)
			if err != nil {
				t.Fatal(err)
			}
			there[role] = r.visit(t, secret, new(wire.Hello))
			defer func() { _ = there[role].conn.CloseNow() }()
		}
		r.feed(30)
		var seen []Seen
		for _, v := range r.server.present() {
			seen = append(seen, Seen{Session: v.session, Name: v.who.Name})
		}
		if n, _, _ := there[access.Admin].got("viewers"); n == 0 || len(seen) != 3 {
			t.Errorf("%d lists, %d viewers", n, len(seen))
		}
		kick := func(by access.Role, whom string) {
			for _, s := range seen {
				if s.Name == whom {
					_ = tell(there[by].conn, encodingPB, &wire.ClientMessage{Kind: &wire.ClientMessage_Kick{Kick: &wire.Kick{Key: "k", Session: s.Session}}})
				}
			}
			time.Sleep(time.Second)
		}
		kick(access.Operator, "the-viewer")
		if _, _, end := there[access.Viewer].got(""); end != nil {
			t.Errorf("an operator sends away: %v", end)
		}
		kick(access.Admin, "the-viewer")
		if _, last, end := there[access.Viewer].got(""); end == nil || last.GetGoodbye().GetReason() != "sent away by the-admin" {
			t.Errorf("%v, %v", last, end)
		}
		if _, _, end := there[access.Operator].got(""); end != nil {
			t.Errorf("another went, too: %v", end)
		}
	})
}
