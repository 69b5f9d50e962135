package stream

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"argos/stream/wire"
)

func TestParseURL(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ws://127.0.0.1:8470", "ws://127.0.0.1:8470"},
		{"ws://box", "ws://box:8470"},
		{"wss://box:443/", "wss://box:443"},
		{"ws://[::1]", "ws://[::1]:8470"},
		{"box:8470", ""},
		{"box", ""},
		{"http://box:8470", ""},
		{"ws://", ""},
		{"ws://user:secret@box", ""},
		{"ws://box/v1/link", ""},
		{"ws://box?x=1", ""},
		{"ws://box\x1b", ""},
		{"ssh://box", "ssh://box"},
		{"ssh://user@box:2222", "ssh://user@box:2222"},
		{"ssh://box/127.0.0.1:8470", "ssh://box"},
		{"ssh://box/[::1]:9000", "ssh://box/[::1]:9000"},
		{"ssh://", ""},
		{"ssh://-oProxyCommand=x", ""},
		{"ssh://-oProxyCommand=x@box", ""},
		{"ssh://%2doProxyCommand=x@box", ""},
		{"ssh://user:secret@box", ""},
		{"ssh://box/-x:1", ""},
		{"ssh://box/x", ""},
		{"ssh://box?x", ""},
		{"ssh://bo x", ""},
		{"ssh://box;reboot", ""},
	} {
		got, err := ParseURL(c.in)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q is %q, %v", c.in, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "ws://127.0.0.1:8470") && !strings.Contains(err.Error(), "ssh") {
			t.Errorf("%q: no help in %q", c.in, err)
		}
	}
}

// rawServer is a server of whatever talk says on each TCP connection.
func rawServer(n *pipeNet, talk func(conn net.Conn)) func() {
	listener := n.listen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			talk(conn)
			_ = conn.Close()
		}
	}()
	return func() {
		_ = listener.Close()
		<-done
	}
}

func answer(status int) func(n *pipeNet) func() {
	return func(n *pipeNet) func() {
		return serveHTTP(n, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", status) })
	}
}

func talks(talk func(conn *websocket.Conn)) func(n *pipeNet) func() {
	return func(n *pipeNet) func() { return serveFake(n, talk) }
}

func TestTLSToAServerWithout(t *testing.T) {
	for _, said := range []string{"HTTP/1.1 400 Bad Request\r\n\r\n", "SSH-2.0-OpenSSH_9.2p1\r\n"} {
		synctest.Test(t, func(t *testing.T) {
			network := new(pipeNet)
			end := rawServer(network, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 4096))
				_, _ = io.WriteString(conn, said)
			})
			client := NewClient("wss://rig", nobody{}, &ClientOptions{Dial: network.dial})
			err := client.Run(t.Context())
			if err == nil || err.Error() != "wss://rig does not speak TLS; use ws:// where the way there is safe" {
				t.Errorf("%v", err)
			}
			network.cut()
			end()
		})
	}
}

func TestFirstAttemptFails(t *testing.T) {
	silent := func(conn *websocket.Conn) { readToEnd(conn) }
	for _, c := range []struct {
		name   string
		server func(n *pipeNet) func() // nil: nobody listens
		want   string
	}{
		{"nobody listens", nil, "cannot reach ws://rig: connect: connection refused; check that argos-tui --serve runs there"},
		{"another HTTP server", answer(http.StatusNotFound), "not an Argos server: ws://rig answers 404 Not Found; check host and port"},
		{"a page", answer(http.StatusOK), "not an Argos server: ws://rig answers 200 OK; check host and port"},
		{"forbidden", answer(http.StatusForbidden), "ws://rig says 403 Forbidden: no"},
		{"busy", answer(http.StatusServiceUnavailable), "server is busy: ws://rig says 503 Service Unavailable"},
		{"a proxy without its server", answer(http.StatusBadGateway), "ws://rig answers 502 Bad Gateway; check what runs there"},
		{"control characters in the status", func(n *pipeNet) func() {
			return rawServer(n, func(conn net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, "HTTP/1.1 404 \x1b[2J\r\nContent-Length: 0\r\n\r\n")
			})
		}, "not an Argos server: ws://rig answers 404 [2J; check host and port"},
		{"a server that talks first", func(n *pipeNet) func() {
			return rawServer(n, func(conn net.Conn) {
				_, _ = io.WriteString(conn, "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
				_, _ = io.Copy(io.Discard, conn)
			})
		}, "not an Argos server: ws://rig does not answer as one; check host and port"},
		{"a server that hangs up", func(n *pipeNet) func() {
			return rawServer(n, func(conn net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(conn)) })
		}, "not an Argos server: ws://rig does not answer as one; check host and port"},
		{"a server that never answers", func(n *pipeNet) func() {
			return rawServer(n, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })
		}, "ws://rig does not answer within 10 s; check host, port and firewall"},
		{"another WebSocket server", func(n *pipeNet) func() {
			return serveHTTP(n, func(w http.ResponseWriter, q *http.Request) {
				if conn, err := websocket.Accept(w, q, nil); err == nil {
					readToEnd(conn)
				}
			})
		}, "not an Argos server: ws://rig does not speak argos.v1.pb"},
		{"no Welcome", talks(silent), "ws://rig: server silent for 10 s"},
		{"another kind first", talks(func(conn *websocket.Conn) {
			say(conn, &wire.ServerMessage{Kind: &wire.ServerMessage_Event{Event: &wire.Event{Offset: 1}}})
			readToEnd(conn)
		}), "not an Argos server: ws://rig does not begin with Welcome"},
		{"garbage", talks(func(conn *websocket.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageBinary, []byte("\xff\xff\xff"))
			readToEnd(conn)
		}), "ws://rig: server sent what is not argos.v1"},
		{"text", talks(func(conn *websocket.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageText, []byte("{}"))
			readToEnd(conn)
		}), "ws://rig: server sent what is not argos.v1"},
		{"too much", talks(func(conn *websocket.Conn) {
			_ = conn.Write(context.Background(), websocket.MessageBinary, make([]byte, maxMessage+1))
			readToEnd(conn)
		}), "ws://rig: server sent what is not argos.v1: a message of more than 33554432 bytes"},
		{"a close with a dirty reason", talks(func(conn *websocket.Conn) {
			_ = conn.Close(websocket.StatusPolicyViolation, "go\naway\x1b[2J")
		}), "ws://rig: server closed the link: go away[2J (1008)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := new(pipeNet)
				end := func() {}
				if c.server != nil {
					end = c.server(network)
				}
				client := NewClient("ws://rig", nobody{}, &ClientOptions{Dial: network.dial})
				began := time.Now()
				err := client.Run(t.Context())
				if err == nil || err.Error() != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
				if took := time.Since(began); took > dialTimeout {
					t.Errorf("took %s", took)
				}
				if l := client.Link(); l.State != Refused || l.Reason != c.want {
					t.Errorf("state %s: %s", l.State, l.Reason)
				}
				network.cut()
				end()
			})
		})
	}
}

// A patient client comes when it can, and goes only where it is never let in.
func TestPatientClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.network.refuseAll(true)
		client := NewClient("ws://rig", nobody{}, &ClientOptions{Dial: r.network.dial, Patient: true})
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- client.Run(ctx) }()
		time.Sleep(30 * time.Second)
		if l := client.Link(); l.State != Reconnecting || l.Attempt < 5 || len(l.Outages) != 0 || client.State() != Reconnecting {
			t.Errorf("state %s, attempt %d, outages %v", l.State, l.Attempt, l.Outages)
		}
		r.network.refuseAll(false)
		<-client.Connected()
		synctest.Wait()
		if l := client.Link(); l.State != Live || client.State() != Live || client.ServerBegan().IsZero() || !client.ServerBegan().Equal(l.Server.Began) {
			t.Errorf("state %s, server began %s", l.State, l.Server.Began)
		}
		leave()
		if err := <-done; err != nil {
			t.Error(err)
		}
		r.close(t)
	})
	synctest.Test(t, func(t *testing.T) {
		network := new(pipeNet)
		end := serveHTTP(network, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) })
		client := NewClient("ws://rig", nobody{}, &ClientOptions{Dial: network.dial, Patient: true})
		if err := client.Run(t.Context()); err == nil || client.State() != Refused {
			t.Errorf("%v, state %s", err, client.State())
		}
		network.cut()
		end()
	})
}
