package stream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream/access"
	"argos/stream/wire"
)

func TestHandshakesOfAnAddress(t *testing.T) {
	now := time.Now()
	a := newAddresses(Limits{AddressHandshakes: 10}.withDefaults())
	count := func(from string, tries int) (passed int) {
		for range tries {
			if wait, _ := a.handshake(from, now); wait == 0 {
				passed++
			}
		}
		return passed
	}
	if n := count("192.0.2.1", 100); n != 20 {
		t.Errorf("%d of a burst", n)
	}
	if n := count("192.0.2.2", 5); n != 5 {
		t.Errorf("%d of another address", n)
	}
	if n := count("127.0.0.1", 1000) + count("::1", 1000) + count("local", 1000); n != 3000 {
		t.Errorf("%d of this machine", n)
	}
	if n := count("2001:db8::1", 15) + count("2001:db8::2", 15); n != 20 {
		t.Errorf("%d of one network of IPv6", n)
	}
	now = now.Add(time.Second)
	if n := count("192.0.2.1", 100); n != 10 {
		t.Errorf("%d in the next second", n)
	}
}

// What a proxy asks counts for the client that it names, and for itself if it names none.
func TestHandshakesThroughAProxy(t *testing.T) {
	for _, c := range []struct {
		name  string
		from  func(n int) string // X-Forwarded-For
		heard int                // of 100
	}{
		{"of many", func(n int) string { return fmt.Sprintf("198.51.100.%d", n) }, 100},
		{"of one", func(int) string { return "203.0.113.1" }, 20},
		{"of nobody", func(int) string { return "" }, 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // all at once
				s := NewServer(newFakeSource(), spectrum.NewHistory(0), &ServerOptions{
					Access: &access.Policy{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")}},
					Limits: Limits{AddressHandshakes: 10},
				})
				heard := 0
				for n := range 100 {
					r := httptest.NewRequest(http.MethodGet, "http://box:8470/v1/link", nil)
					r.RemoteAddr = "192.0.2.9:5555"
					if from := c.from(n); from != "" {
						r.Header.Set("X-Forwarded-For", from)
					}
					w := httptest.NewRecorder()
					s.identify(w, r)
					if w.Code != http.StatusTooManyRequests {
						heard++
					}
				}
				if heard != c.heard {
					t.Errorf("%d of 100 were heard", heard)
				}
			})
		})
	}
}

func TestBadTokensOfAnAddress(t *testing.T) {
	now := time.Now()
	a := newAddresses(Limits{}.withDefaults())
	const from = "192.0.2.1"
	var waits []time.Duration
	for range 10 {
		a.failed(from, now)
		wait, cause := a.handshake(from, now)
		if wait > 0 && cause != limitLogins {
			t.Errorf("%s", cause)
		}
		waits = append(waits, wait)
		now = now.Add(wait)
		if left, _ := a.handshake(from, now); left > 0 {
			t.Errorf("%s more after %s", left, wait)
		}
	}
	want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60, 60}
	for i := range want {
		if waits[i] != want[i]*time.Second {
			t.Errorf("after %d bad tokens %s", i+1, waits[i])
		}
	}
	if !a.enter(from) {
		t.Error("no session")
	}
	if wait, _ := a.handshake(from, now); wait > 0 {
		t.Errorf("%s after a good token", wait)
	}
	for range 1000 {
		a.failed("127.0.0.1", now)
	}
	if wait, _ := a.handshake("127.0.0.1", now); wait > 0 {
		t.Errorf("this machine waits %s", wait)
	}
	if !a.failed("192.0.2.9", now) {
		t.Error("bad tokens of all are not bounded")
	}
}

// However many addresses come, so many are known, and none that has a session is forgotten.
func TestAddressesAreBounded(t *testing.T) {
	a := newAddresses(Limits{AddressSessions: 1}.withDefaults())
	if !a.enter("192.0.2.1") {
		t.Fatal("no session")
	}
	for i := range 3 * addressesMost {
		a.handshake(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), time.Now())
	}
	if len(a.known) != addressesMost || a.quiet.Len() != addressesMost {
		t.Errorf("%d and %d addresses", len(a.known), a.quiet.Len())
	}
	if a.enter("192.0.2.1") {
		t.Error("a second session")
	}
	a.leave("192.0.2.1")
	if !a.enter("192.0.2.1") {
		t.Error("no session after one has left")
	}
}

// fakeConn is a connection from an address.
type fakeConn struct {
	net.Conn
	from string
}

func (c fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(c.from))
}

func TestPorch(t *testing.T) {
	over := 0
	proxy := netip.MustParseAddr("192.0.2.9")
	p := newPorch(nil, newAddresses(Limits{Arrivals: 4, AddressArrivals: 2}.withDefaults()),
		func(a netip.Addr) bool { return a == proxy }, func(string, net.Addr) { over++ })
	var far []net.Conn
	come := func(from string) *arrival {
		near, other := net.Pipe()
		far = append(far, other)
		return p.receive(fakeConn{near, from})
	}
	isOpen := func(i int) bool {
		_ = far[i].SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := far[i].Read(make([]byte, 1))
		return !errors.Is(err, io.EOF)
	}
	first := come("192.0.2.1:1")
	if come("192.0.2.1:2") == nil || come("192.0.2.1:3") != nil {
		t.Error("not two of one address")
	}
	first.settle()
	if come("192.0.2.1:4") == nil {
		t.Error("a session counts as an arrival")
	}
	for range 3 {
		if come("127.0.0.1:1") == nil {
			t.Error("this machine is bounded")
		}
	}
	if n := p.waiting.Len(); n != 4 {
		t.Errorf("%d wait", n)
	}
	// Six came and were taken in, one of them is a session, four may wait: the oldest went.
	if !isOpen(0) || isOpen(1) || !isOpen(3) || over != 1 {
		t.Errorf("%t %t %t, %d over", isOpen(0), isOpen(1), isOpen(3), over)
	}
	for range 3 {
		if come("192.0.2.9:1") == nil {
			t.Error("a proxy's clients are one")
		}
	}
	_ = first.Close()
	_ = first.Close()
	if p.waiting.Len() != 4 {
		t.Errorf("%d wait", p.waiting.Len())
	}
	for _, c := range far {
		_ = c.Close()
	}
}

// What strangers can cause fills no disk.
func TestSparingLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := slog.New(newSparing(slog.NewTextHandler(&b, nil)))
		for range 1000 {
			log.Warn("no")
		}
		if n := strings.Count(b.String(), "\n"); n != strangersAtOnce {
			t.Errorf("%d lines", n)
		}
		time.Sleep(time.Second)
		log.With("a", 1).WithGroup("g").Warn("no")
		if !strings.Contains(b.String(), "left_out=980") {
			t.Errorf("%s", b.String())
		}
	})
}

// A frame of the client's side, masked by zero.
func rawFrame(first byte, payload string) []byte {
	if len(payload) > 125 {
		panic("too long")
	}
	return append([]byte{first, 0x80 | byte(len(payload)), 0, 0, 0, 0}, payload...)
}

// dialTCP connects by hand to a server on loopback and upgrades; what is read begins
// behind the answer.
func dialTCP(t *testing.T, addr string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /v1/link HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\n\r\n", addr, protocolPB)
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("%v, %v", response, err)
	}
	return conn, r
}

// Floods that never make a message are ended with 1008 all the same.
func TestFloods(t *testing.T) {
	hello, err := encodingPB.marshal(nil, helloMessage)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		limits Limits // so little that also a slow machine sees a flood
		flow   []byte
		want   string
	}{
		{"pings", Limits{Messages: 5}, bytes.Repeat(rawFrame(0x89, "ping"), 1000), "too many messages"},
		{"pongs that nobody asked for", Limits{Bytes: 4 << 10}, bytes.Repeat(rawFrame(0x8a, strings.Repeat("x", 125)), 100_000), "too many bytes"},
		{"fragments of nothing", Limits{Bytes: 4 << 10}, append(rawFrame(0x02, ""), bytes.Repeat(rawFrame(0x00, ""), 200_000)...), "too many bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newTCPRig(t, &ServerOptions{Limits: c.limits})
			defer r.close(t)
			conn, answers := dialTCP(t, r.addr)
			defer conn.Close()
			_, _ = conn.Write(rawFrame(0x82, string(hello)))
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = conn.Write(c.flow) // until it is cut
			}()
			_ = conn.SetReadDeadline(time.Now().Add(time.Minute)) // under the race detector bytes are slow to count
			said, err := io.ReadAll(answers)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("still open")
			}
			if !bytes.Contains(said, []byte(c.want)) {
				t.Errorf("%v: %d bytes", err, len(said))
			}
			_ = conn.Close()
			<-done
		})
	}
}

// A tcpRig is a server on a real loopback address.
type tcpRig struct {
	*rig
	addr string
}

func newTCPRig(t *testing.T, o *ServerOptions) *tcpRig {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{source: newFakeSource(), network: new(pipeNet), served: make(chan error, 1)}
	r.history = spectrum.NewHistory(0)
	r.server = NewServer(r.source, r.history, o)
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() { r.served <- r.server.Serve(ctx, ln) }()
	return &tcpRig{r, ln.Addr().String()}
}

// By TLS and a token: what a client needs, what it is told, and what happens to a
// session whose token is revoked.
func TestLinkByTLS(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	door, err := access.NewEntrance(access.EntranceOptions{Address: "0.0.0.0:0", Dir: dir, RequireToken: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := door.Prepare(); err != nil {
		t.Fatal(err)
	}
	r := newTCPRig(t, &ServerOptions{Access: door.Policy, TLS: door.TLS})
	defer r.close(t)
	secret, token, err := door.Policy.Tokens.Add(access.Viewer, "desk", 0)
	if err != nil {
		t.Fatal(err)
	}
	trust, err := access.NewTrust(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Ask(t.Context(), "wss://"+r.addr, &ClientOptions{Login: &access.Login{Trust: trust}}); err == nil || !strings.Contains(err.Error(), "wants a token") {
		t.Errorf("without: %v", err)
	}
	if _, err := Ask(t.Context(), "ws://"+r.addr, nil); err == nil || !strings.Contains(err.Error(), "speaks TLS: use wss://"+r.addr) {
		t.Errorf("in clear: %v", err)
	}
	if _, err := Ask(t.Context(), "wss://"+r.addr, &ClientOptions{Login: &access.Login{Token: secret[:40] + "a", Trust: trust}}); err == nil || !strings.Contains(err.Error(), "does not take this token") && !strings.Contains(err.Error(), "wants") {
		t.Logf("another token: %v", err)
	}
	rec := new(recorder)
	c := NewClient("wss://"+r.addr, rec, &ClientOptions{Login: &access.Login{Token: secret, Trust: trust}})
	rec.client = c
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	<-c.Connected()
	r.append(testFrame(0))
	if l := c.Link(); l.Server.Role != "viewer" || l.Server.Insecure {
		t.Errorf("%+v", l.Server)
	}
	if err := c.Do(t.Context(), map[string]string{"lna": "24"}); err == nil || !strings.Contains(err.Error(), "takes the role operator: you are viewer") {
		t.Errorf("a viewer tunes: %v", err)
	}
	other, err := access.OpenTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Revoke(token.ID); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for c.Link().State != Refused && time.Since(began) < 5*time.Second {
		time.Sleep(time.Millisecond)
	}
	if l := c.Link(); l.State != Refused || l.Reason != "the token was revoked" || time.Since(began) > time.Second {
		t.Errorf("%s %q after %s", l.State, l.Reason, time.Since(began))
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A token goes where it was meant to go: not by a way that others can read, and not
// where a server sends the client on to.
func TestTokenStaysSecret(t *testing.T) {
	const secret = "argos-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa"
	heard := make(chan string, 10)
	network := new(pipeNet)
	end := serveHTTP(network, func(w http.ResponseWriter, q *http.Request) {
		heard <- q.Header.Get("Authorization")
		if q.URL.Path == linkPath && q.Host == "127.0.0.1:1" {
			http.Redirect(w, q, "http://192.0.2.1/v1/link", http.StatusTemporaryRedirect)
			return
		}
		http.Error(w, "a token is needed", http.StatusUnauthorized)
	})
	for _, c := range []struct{ url, sent, want string }{
		{"ws://192.0.2.1:8470", "", "not sent over a way that others can read"},
		{"ws://127.0.0.1:8470", "Bearer " + secret, "does not take this token (a token is needed)"},
		{"ws://localhost:8470", "Bearer " + secret, "does not take this token"},
		{"ws://127.0.0.1.evil.example:8470", "", "not sent over a way"},
		{"ws://127.0.0.1:1", "Bearer " + secret, "307"},
	} {
		client := NewClient(c.url, nobody{}, &ClientOptions{Dial: network.dial, Login: &access.Login{Token: secret}})
		err := client.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", c.url, err)
		}
		if got := <-heard; got != c.sent || len(heard) > 0 {
			t.Errorf("%s: sent %q, and %d more requests", c.url, got, len(heard))
		}
	}
	network.cut()
	end()
}

// Commands of one token's client name are not those of another's, whatever the name.
func TestCommandKeysOfOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, nil)
		defer r.close(t)
		for i, name := range []string{"one", "two"} {
			secret, _, err := tokens.Add(access.Operator, name, 0)
			if err != nil {
				t.Fatal(err)
			}
			g := r.visit(t, secret, &wire.Hello{Client: "same"})
			_ = tell(g.conn, encodingPB, said("command", 5))
			if n, _, _ := g.got("done"); n != 1 || len(r.source.applications()) != i+1 {
				t.Errorf("%s: %d replies, %d applied", name, n, len(r.source.applications()))
			}
			_ = g.conn.CloseNow()
			synctest.Wait()
		}
	})
}
