package stream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream/access"
)

// A shaker makes TLS handshakes with a server, as far as the choice of a key.
type shaker struct {
	server *Server
	porch  *porch
	config *tls.Config
	began  time.Time

	mu   sync.Mutex
	keys []time.Duration // when each was to be used
}

func newShaker(l Limits) *shaker {
	s := &shaker{server: NewServer(newFakeSource(), spectrum.NewHistory(0), &ServerOptions{Limits: l}), began: time.Now()}
	s.porch = newPorch(nil, s.server.addresses, func(netip.Addr) bool { return false }, func(string, net.Addr) {})
	s.config = s.server.bounded(&tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.keys = append(s.keys, time.Since(s.began))
		return nil, errKeyUsed
	}})
	return s
}

// shake is one handshake from an address, with a Hello or without. It returns what the server
// makes of it.
func (s *shaker) shake(ctx context.Context, from string, hello bool) error {
	near, far := net.Pipe()
	if hello {
		go func() {
			_ = tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake()
			_ = far.Close()
		}()
	} else {
		defer far.Close()
	}
	a := s.porch.receive(fakeConn{near, from})
	err := tls.Server(a, s.config).HandshakeContext(ctx)
	_ = a.Close()
	return err
}

// Handshakes are let in at the rate. What would have to wait for longer than a viewer does
// is broken off at once, and who says nothing takes nobody's turn.
func TestTLSHandshakesInAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perSecond, burst, line, crowd = 10, 2, 20, 60
		s := newShaker(Limits{TLSHandshakes: perSecond})
		var running sync.WaitGroup
		silence, speak := context.WithCancel(t.Context())
		for range crowd {
			running.Go(func() { _ = s.shake(silence, "127.0.0.1:1", false) })
		}
		synctest.Wait()
		for range crowd {
			running.Go(func() {
				if err := s.shake(t.Context(), "127.0.0.1:1", true); errors.Is(err, errTLSHandshakes) && time.Since(s.began) > 0 {
					t.Errorf("broken off after %s", time.Since(s.began))
				}
			})
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		speak()
		running.Wait()
		slices.Sort(s.keys)
		if n := len(s.keys); n < burst+line || n > burst+line+runtime.GOMAXPROCS(0) {
			t.Fatalf("%d of %d used a key", n, crowd)
		}
		for n, at := range s.keys {
			if want := time.Duration(max(0, n+1-burst)) * time.Second / perSecond; (at - want).Abs() > time.Millisecond {
				t.Errorf("number %d used a key after %s, the rate allows %s", n+1, at, want)
			}
		}
		if over := counted(t, s.server.metrics.limited, limitTLS); int(over) != crowd-len(s.keys) {
			t.Errorf("%g counted, %d used a key", over, len(s.keys))
		}
	})
}

// One address uses up its own share, and no other's.
func TestTLSHandshakesOfAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShaker(Limits{AddressTLSHandshakes: 3})
		count := func(from string, tries int) (passed int) {
			for range tries {
				if err := s.shake(t.Context(), from, true); errors.Is(err, errKeyUsed) {
					passed++
				}
			}
			return passed
		}
		if n := count("192.0.2.1:1", 20); n != 6 {
			t.Errorf("%d of a burst", n)
		}
		if n := count("192.0.2.2:1", 4); n != 4 {
			t.Errorf("%d of another address", n)
		}
		if n := count("127.0.0.1:1", 20); n != 20 {
			t.Errorf("%d of this machine", n)
		}
		time.Sleep(time.Second)
		if n := count("192.0.2.1:1", 20); n != 3 {
			t.Errorf("%d in the next second", n)
		}
	})
}

// Who leaves the line uses no key.
func TestTLSHandshakeGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShaker(Limits{TLSHandshakes: 1})
		_ = s.shake(t.Context(), "127.0.0.1:1", true)
		ctx, leave := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer leave()
		if err := s.shake(ctx, "127.0.0.1:1", true); !errors.Is(err, context.DeadlineExceeded) || len(s.keys) != 1 {
			t.Errorf("%v, %d keys", err, len(s.keys))
		}
	})
}

// Who connects and does not go on is cut off, wherever it stopped.
func TestSlowHandshakes(t *testing.T) {
	for _, c := range []struct {
		name string
		tls  bool
		says []string // one a second
		want time.Duration
	}{
		{"nothing", false, nil, 10 * time.Second},
		{"nothing, where TLS is spoken", true, nil, 10 * time.Second},
		{"half of a ClientHello", true, []string{"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03"}, 10 * time.Second},
		{"a header a byte at a time", false, strings.Split("GET /v1/link HTTP/1.1\r\nHost: rig", ""), 10 * time.Second},
		{"a header and no Hello", false, []string{"GET /v1/link HTTP/1.1\r\nHost: rig\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: " + protocolPB + "\r\n\r\n"}, 15 * time.Second}, // and 5 s to agree to the close
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := new(ServerOptions)
				if c.tls {
					o.TLS = &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, errKeyUsed }}
				}
				network := new(pipeNet)
				ctx, stop := context.WithCancel(t.Context())
				served := make(chan error, 1)
				listener := network.listen()
				go func() { served <- NewServer(newFakeSource(), spectrum.NewHistory(0), o).Serve(ctx, listener) }()
				conn, err := network.dial(ctx, "", "")
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				var talking sync.WaitGroup
				talking.Go(func() {
					for _, text := range c.says {
						if _, err := conn.Write([]byte(text)); err != nil {
							return
						}
						time.Sleep(time.Second)
					}
				})
				_, _ = io.Copy(io.Discard, conn) // until it is cut
				if took := time.Since(began); took > c.want {
					t.Errorf("cut after %s", took)
				}
				_ = conn.Close()
				talking.Wait()
				stop()
				if err := <-served; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Who is sent away goes within a second, also if it never agrees to a close and goes on
// talking.
func TestExpelledGoes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "argos")
	hello, err := encodingPB.marshal(nil, helloMessage)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		tokens, err := access.OpenTokens(dir)
		if err != nil {
			t.Fatal(err)
		}
		secret, _, err := tokens.Add(access.Viewer, "rude", 0)
		if err != nil {
			t.Fatal(err)
		}
		r := newRigWith(t, &access.Policy{Tokens: tokens, RequireToken: true}, nil)
		defer r.close(t)
		conn, err := r.network.dial(t.Context(), "", "")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		ended := make(chan time.Time, 1)
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			ended <- time.Now()
		}()
		fmt.Fprintf(conn, "GET /v1/link HTTP/1.1\r\nHost: rig\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: %s\r\nAuthorization: Bearer %s\r\n\r\n", protocolPB, secret)
		synctest.Wait()
		_, _ = conn.Write(rawFrame(0x82, string(hello)))
		time.Sleep(time.Second)
		if _, err := tokens.Revoke("rude"); err != nil {
			t.Fatal(err)
		}
		revoked := time.Now()
		var talking sync.WaitGroup
		defer talking.Wait()
		talking.Go(func() {
			for { // an Ack of nothing, until it is cut
				if _, err := conn.Write(rawFrame(0x82, "\x12\x00")); err != nil {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		})
		if took := (<-ended).Sub(revoked); took > time.Second {
			t.Errorf("it stayed for %s", took)
		}
	})
}

// A recital is a connection of which the other side has said all that it will.
type recital struct {
	net.Conn
	said *bytes.Reader
}

func (r recital) Read(b []byte) (int, error)  { return r.said.Read(b) }
func (r recital) Write(b []byte) (int, error) { return len(b), nil }
func (recital) Close() error                  { return nil }

// BenchmarkTLSHandshake is what a stranger's Hello costs a server that answers it, and one
// that has too many.
func BenchmarkTLSHandshake(b *testing.B) {
	door, err := access.NewEntrance(access.EntranceOptions{Address: "0.0.0.0:0", Dir: filepath.Join(b.TempDir(), "argos")})
	if err != nil {
		b.Fatal(err)
	}
	if err := door.Prepare(); err != nil {
		b.Fatal(err)
	}
	near, far := net.Pipe()
	go func() { _ = tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, err := near.Read(hello)
	if err != nil {
		b.Fatal(err)
	}
	_ = near.Close()
	for _, way := range []struct {
		name      string
		perSecond int
		waiting   int
	}{{"answered", limitMost, 0}, {"broken off", 1, 1000}} {
		b.Run(way.name, func(b *testing.B) {
			s := NewServer(newFakeSource(), spectrum.NewHistory(0), &ServerOptions{Limits: Limits{TLSHandshakes: way.perSecond}})
			config := s.bounded(door.TLS)
			for range way.waiting {
				s.tls.ReserveN(time.Now(), 1)
			}
			b.ReportAllocs()
			for b.Loop() {
				err := tls.Server(recital{near, bytes.NewReader(hello[:n])}, config).Handshake()
				if errors.Is(err, errTLSHandshakes) != (way.waiting > 0) {
					b.Fatal(err)
				}
			}
		})
	}
}

// FuzzHandshake: whatever a request is, one without a good token gets nothing but a no, in
// plain text.
func FuzzHandshake(f *testing.F) {
	for _, head := range []string{
		"GET /v1/link HTTP/1.1\r\nHost: 127.0.0.1:8470\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: argos.v1.json, argos.bearer.x\r\n\r\n",
		"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer argos-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n",
		"GET /v1/link?x HTTP/1.0\r\nUpgrade: websocket\r\nOrigin: null\r\nX-Forwarded-For: ::1, 127.0.0.1\r\n\r\n",
		"GET http://evil.example/x%1b HTTP/1.1\r\nHost: \x9b\r\n\r\n",
		"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add(head, "192.0.2.1:1")
		f.Add(head, "127.0.0.1:1")
	}
	server := NewServer(newFakeSource(), spectrum.NewHistory(0), &ServerOptions{Access: &access.Policy{RequireToken: true}})
	f.Fuzz(func(t *testing.T, head, from string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			return
		}
		r.RemoteAddr = from
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		text := w.Body.String()
		if w.Code < 400 && text != "ok\n" {
			t.Fatalf("%d %q", w.Code, text)
		}
		if strings.TrimSpace(text) != cleanText(strings.TrimSpace(text)) && len(text) < maxText {
			t.Fatalf("it is answered %q", text)
		}
	})
}

func TestLimitsAsWritten(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"sessions=3", ""},
		{"sessions=3,address-tls-handshakes=1", ""},
		{"bytes=0", `bytes="0": use a whole number`},
		{"bytes=-1", "use a whole number"},
		{"bytes=64k", "use a whole number"},
		{"bytes", "use a whole number"},
		{"bytes=99999999999", "from 1 to 536870912"},
		{"sessions=3,", `"": write NAME=NUMBER`},
		{"seats=3", `"seats=3": write NAME=NUMBER, with one of sessions, address-sessions`},
	} {
		var l Limits
		if err := l.Set(c.text); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	l := Limits{Messages: 7}
	if err := l.Set("sessions=3,bytes=4"); err != nil || l.withDefaults() != (Limits{
		Sessions: 3, AddressSessions: 64, Arrivals: 1024, AddressArrivals: 32, TLSHandshakes: 250, AddressTLSHandshakes: 20,
		Handshakes: 250, AddressHandshakes: 10, Messages: 7, Bytes: 4,
	}) {
		t.Errorf("%+v, %v", l.withDefaults(), err)
	}
}

// docs/OPERATIONS.md lists each limit with its default, and no other.
func TestLimitsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented, known []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| ([0-9,]+) \\|").FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, row[1]+" "+strings.ReplaceAll(row[2], ",", ""))
	}
	for _, l := range limits {
		known = append(known, fmt.Sprint(l.name, " ", l.usual))
	}
	if !slices.Equal(documented, known) {
		t.Errorf("documented %q, known %q", documented, known)
	}
}
