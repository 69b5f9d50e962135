package e2e

import (
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// backoff is the longest pause between two attempts to reconnect; slack is what a machine
// that pauses for seconds and a program with the race detector may add. It is less than the
// 15 s of silence after which a link is given up in any case.
const (
	backoff = 5 * time.Second
	slack   = 10 * time.Second
)

// countdown is how RECONNECTING says when the next attempt begins.
var countdown = regexp.MustCompile(`RECONNECTING[^\n]*?in +(\d+(?:\.\d+)?) ?s`)

// secondsLeft reads the countdown, or -1.
func secondsLeft(screen string) float64 {
	m := countdown.FindStringSubmatch(screen)
	if m == nil {
		return -1
	}
	s, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return -1
	}
	return s
}

// live says that frames arrive, each by itself, and the link has been measured. A machine
// that pauses has it come and go: it is waited for, and for long.
func live(screen string) bool { return livePane.MatchString(screen) }

// up is live on a machine that may be too busy to draw every frame by itself.
func up(screen string) bool { return upPane.MatchString(screen) }

// drawn says that there is a frame, too, which takes a little longer than the link.
func drawn(screen string) bool { return up(screen) && strings.Contains(screen, "peak ") }

// The link pane: its state, and under it a round trip in ms.
var (
	livePane = regexp.MustCompile(`(?s)LIVE.*\brtt +\d+(\.\d+)?`)
	upPane   = regexp.MustCompile(`(?s)(LIVE|DEGRADED).*\brtt +\d+(\.\d+)?`)
)

// watch opens a viewer of a server in a terminal and waits until it is live.
func watch(t *testing.T, addr string) *terminal {
	t.Helper()
	tm := newTerminal(t, 80, 24)
	tm.run("--connect", "ws://"+addr)
	tm.wait(startup, "LIVE with a round trip", live)
	return tm
}

// TestServerKilled: a server that dies without a word is missed at once, the viewer
// counts down to its next attempt and has a link again within one step of its backoff.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	radio := lightRadio(t)
	server := serve(t, addr, "--device", radio)
	tm := watch(t, addr)

	server.kill()
	tm.wait(slack, "RECONNECTING", contains("RECONNECTING"))
	screen := tm.wait(2*backoff+slack, "countdown", func(s string) bool { return secondsLeft(s) > 0 })
	if strings.Contains(lines(screen)[0], "LIVE") {
		t.Errorf("the header says LIVE without a server:\n%s", screen)
	}

	serve(t, addr, "--device", radio)
	tm.wait(backoff+slack, "link after the server came back", up)
	tm.wait(startup, "LIVE", live)
	tm.keys("q")
	if _, code := tm.exit(slack); code != 0 {
		t.Errorf("q: exit %d", code)
	}
}

// A forwarder stands before a server, so that a test can cut the way to it and open it
// again at once.
type forwarder struct {
	t      *testing.T
	addr   string // of ours
	server string
	ln     net.Listener
	mu     sync.Mutex
	conns  []net.Conn
}

func (f *forwarder) open() {
	f.t.Helper()
	ln, err := net.Listen("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	f.ln = ln
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			s, err := net.Dial("tcp", f.server)
			if err != nil {
				c.Close()
				continue
			}
			f.mu.Lock()
			f.conns = append(f.conns, c, s)
			f.mu.Unlock()
			go func() { _, _ = io.Copy(c, s); c.Close() }() // ends as the connections do
			go func() { _, _ = io.Copy(s, c); s.Close() }()
		}
	}()
}

func (f *forwarder) cut() {
	f.ln.Close()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
}

// TestReconnectNow: r does not wait for the countdown.
func TestReconnectNow(t *testing.T) {
	t.Parallel()
	way := &forwarder{t: t, addr: freeAddr(t), server: freeAddr(t)}
	serve(t, way.server, "--device", lightRadio(t))
	way.open()
	defer func() { way.cut() }()
	tm := watch(t, way.addr)

	// A machine that pauses just then spoils an episode, but not each.
	var took, left float64
	for range 3 {
		way.cut()
		// The pause is drawn at random: wait for one in which a key can be told from luck.
		screen := tm.wait(2*time.Minute, "long countdown", func(s string) bool { return secondsLeft(s) >= 3 })
		left = secondsLeft(screen)
		way.open()
		pressed := time.Now()
		tm.keys("r")
		tm.wait(backoff+slack, "link after r", func(s string) bool { return !strings.Contains(s, "RECONNECTING") })
		took = time.Since(pressed).Seconds()
		tm.wait(backoff+slack, "link with a round trip", up)
		if took < left-1 {
			return
		}
	}
	t.Errorf("connected %.1f s after r with %.1f s left to wait: r did nothing", took, left)
}

// TestServerStopped: a server that hangs is STALE soon, given up after 15 s of silence,
// and live again when it goes on.
func TestServerStopped(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	radio := lightRadio(t)
	server := serve(t, addr, "--device", radio)
	tm := watch(t, addr)

	signal := func(s syscall.Signal) {
		t.Helper()
		if err := server.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	stopped := time.Now()
	tm.wait(time.Second+slack, "STALE", contains("STALE"))
	tm.wait(15*time.Second+slack, "RECONNECTING", contains("RECONNECTING"))
	if took := time.Since(stopped); took < 10*time.Second {
		t.Errorf("given up after %v of silence, want about 15 s", took)
	}
	signal(syscall.SIGCONT)
	tm.wait(backoff+slack, "link after the server went on", up)
	tm.wait(startup, "LIVE", live)
}

// TestNoServer: an address where nothing listens is a line to read, not a screen.
func TestNoServer(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	tm := newTerminal(t, 80, 24)
	tm.run("--connect", "ws://"+addr)
	screen, code := tm.exit(startup)
	if code != 1 || !strings.Contains(screen, addr) {
		t.Errorf("exit %d, want 1 and a line with %s:\n%s", code, addr, screen)
	}
	tm.shellWorks()
}

// TestPortTaken: who owns the port is said, and a script is told by the exit code.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	radio := lightRadio(t)
	server := serve(t, addr, "--device", radio)
	stdout, stderr, code := output(t, startup, "--serve", "--listen", addr, "--device", radio)
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, addr) || stdout != "" {
		t.Errorf("exit %d, stdout %q, stderr %q; want 1 and one line with %s", code, stdout, stderr, addr)
	}
	// In local mode with a device asked for, the other server is named.
	tm := newTerminal(t, 80, 24)
	tm.run("--listen", addr, "--device", radio)
	screen, code := tm.exit(startup)
	if pid := fmt.Sprint(server.Process.Pid); code != 1 || !strings.Contains(screen, pid) {
		t.Errorf("exit %d, want 1 and the owner's pid %s:\n%s", code, pid, screen)
	}
}

// TestAttach: with neither a device nor a tuning flag the running server is shown.
func TestAttach(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	serve(t, addr, "--device", lightRadio(t))
	tm := newTerminal(t, 80, 24)
	tm.run("--listen", addr)
	// This stays for a few seconds only, and is there first.
	tm.wait(startup, "word that the radio is another server's", matches(regexp.QuoteMeta(addr)+`.*watching`))
	tm.wait(startup, "LIVE with a round trip", live)
	tm.wait(startup, "the other server's tuning", contains("433.920"))
	tm.keys("q")
	if _, code := tm.exit(slack); code != 0 {
		t.Errorf("q: exit %d", code)
	}
	if err := dial(addr); err != nil {
		t.Errorf("the server did not outlive its viewer: %v", err)
	}
}

// TestServerGarbage: what clients send that are none does not disturb the server.
func TestServerGarbage(t *testing.T) {
	t.Parallel()
	addr := freeAddr(t)
	radio := lightRadio(t)
	server := serve(t, addr, "--device", radio)
	handshake := func(protocol string) string {
		return "GET /v1/link HTTP/1.1\r\nHost: " + addr + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: " + protocol + "\r\n\r\n"
	}
	const pb, js = "argos.v1.pb", "argos.v1.json"
	// Client frames are masked; a mask of zeros leaves the payload readable here.
	frame := func(opcode byte, payload string) string {
		if len(payload) < 126 {
			return string([]byte{opcode, 0x80 | byte(len(payload)), 0, 0, 0, 0}) + payload
		}
		n := uint32(len(payload))
		return string([]byte{opcode, 0x80 | 127, 0, 0, 0, 0, byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	}
	for name, bytes := range map[string]string{
		"no HTTP":            "\x00\x01\x02\xff\r\n\r\n",
		"other page":         "GET /etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
		"no upgrade":         "GET /v1/link HTTP/1.1\r\nHost: " + addr + "\r\n\r\n",
		"no subprotocol":     handshake("chat"),
		"half a handshake":   handshake(pb)[:60],
		"garbage for pb":     handshake(pb) + frame(0x82, strings.Repeat("\xff", 100)),
		"garbage for json":   handshake(js) + frame(0x81, `{"hello": [[[[`),
		"text for pb":        handshake(pb) + frame(0x81, "hello"),
		"oversized":          handshake(pb) + frame(0x82, strings.Repeat("a", 4<<20)),
		"announced too big":  handshake(pb) + "\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"unmasked":           handshake(pb) + "\x82\x05hello",
		"unknown opcode":     handshake(pb) + frame(0x8b, "x"),
		"deep json":          handshake(js) + frame(0x81, strings.Repeat(`{"a":`, 20)),
		"nothing after that": handshake(pb),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.DialTimeout("tcp", addr, slack)
			if err != nil {
				t.Fatal(err)
			}
			// Stays open: the server has to live with it or to end it.
			t.Cleanup(func() { c.Close() })
			if err := c.SetDeadline(time.Now().Add(slack)); err != nil {
				t.Fatal(err)
			}
			_, _ = c.Write([]byte(bytes)) // the server may hang up in the middle
			serves(t, addr)
		})
	}
	select {
	case <-server.done:
		t.Errorf("the server ended: %v", server.ProcessState)
	default:
	}
	if s := server.errs.String(); strings.Contains(s, "goroutine ") {
		t.Errorf("the server said:\n%s", s)
	}
}
