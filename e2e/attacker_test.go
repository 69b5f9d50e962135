package e2e

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// attackVariable makes the test binary an attacker: a target, in JSON.
const attackVariable = "ARGOS_ATTACK"

// attackLasts is how long an attack goes on: for more than 100 frames, so that the worst one is not
// the 99th percentile.
const attackLasts = 5500 * time.Millisecond

// A target is what an attacker knows of a server.
type target struct {
	Attack string
	Addr   string
	Tokens map[string]string // by name; what a stranger must not have is there for those who stole it
	Said   []string          // messages of the victim, as captured
}

// A growth is a metric that an attack has to make grow, by no less and no more.
type growth struct {
	metric      string
	least, most float64
}

const anyNumber = 1e12

func limited(limit string) []growth {
	return []growth{{`argos_limited_total{limit="` + limit + `"}`, 1, anyNumber}}
}

func refused(cause string) []growth {
	return []growth{{`argos_refused_total{cause="` + cause + `"}`, 1, anyNumber}}
}

func left(cause, code string) []growth {
	return []growth{{`argos_viewer_disconnects_total{cause="` + cause + `",code="` + code + `"}`, 1, anyNumber}}
}

// attacks are what a stranger can do, or one who has a token that is not meant for it, and
// what the server has to show for it. Each is done again and again by several at once,
// until ctx ends; an error says that it got through.
var attacks = []struct {
	name   string
	atOnce int
	try    func(ctx context.Context, t *target) error
	want   []growth
}{
	{"slowloris", 200, slowloris, nil},
	{"half-open handshakes", 1, halfOpen, limited("arrivals")},
	{"TLS handshake flood", 16, helloFlood, limited("tls_handshakes")},
	{"oversized messages", 4, frames(func(w io.Writer) { // announced and begun
		_, _ = w.Write(append([]byte{0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 128<<10)...))
	}), nil},
	{"fragmented messages", 4, frames(func(w io.Writer) {
		_, _ = w.Write(append(clientFrame(0x02, nil), bytes.Repeat(clientFrame(0x00, []byte("x")), 70_000)...))
	}), nil},
	{"empty fragments", 4, frames(func(w io.Writer) {
		_, _ = w.Write(append(clientFrame(0x02, nil), bytes.Repeat(clientFrame(0x00, nil), 200_000)...))
	}), limited("bytes")},
	{"deflate bomb", 4, deflateBomb, left("protocol", "none")},
	{"ping flood", 4, frames(func(w io.Writer) {
		_, _ = w.Write(bytes.Repeat(clientFrame(0x89, []byte("ping")), 20_000))
	}), limited("messages")},
	{"message flood", 4, frames(func(w io.Writer) { // View{}
		_, _ = w.Write(bytes.Repeat(clientFrame(0x82, []byte{0x2a, 0x00}), 20_000))
	}), limited("messages")},
	{"bad tokens", 8, badToken, refused("bad_token")},
	{"forged origins", 4, forged("", "Origin: https://evil.example\r\n", "403"), refused("origin")},
	{"forged hosts", 4, forged("evil.example:8470", "Origin: https://evil.example:8470\r\n", "403"), refused("host")},
	{"forged forwarding", 4, forged("", "X-Forwarded-For: 127.0.0.1\r\n", "401"), refused("no_token")},
	{"downgrade", 4, downgrade, nil},
	{"plain HTTP on the TLS port", 4, plainHTTP, nil},
	{"forged acknowledgements", 4, frames(func(w io.Writer) { // of what was never sent
		_, _ = w.Write(bytes.Repeat(clientFrame(0x82, []byte{0x12, 0x04, 0x08, 0xff, 0xff, 0x7f}), 1000))
	}), nil},
	{"forged resume positions", 4, takeOver, []growth{{`argos_viewer_joins_total{outcome="resumed"}`, 1, anyNumber}}},
	{"replayed commands", 4, replay, []growth{
		{`argos_commands_total{outcome="repeated"}`, 1, anyNumber},
		// Once, for the other operator, whose own command it is.
		{`argos_commands_total{outcome="done"}`, 0, 1},
	}},
	{"terminal escapes", 4, escapes, nil},
}

// attack is what the attacker's process does.
func attack(what string) int {
	t := new(target)
	if err := json.Unmarshal([]byte(what), t); err != nil {
		fmt.Println(err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), attackLasts)
	defer cancel()
	for _, a := range attacks {
		if a.name != t.Attack {
			continue
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		tries, wrong := 0, error(nil)
		for range a.atOnce {
			wg.Go(func() {
				for ctx.Err() == nil {
					err := a.try(ctx, t)
					mu.Lock()
					tries++
					if err != nil {
						wrong = err
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		fmt.Println(tries, "tries")
		if wrong != nil {
			fmt.Println("GOT THROUGH:", wrong)
			return 1
		}
		return 0
	}
	fmt.Println("no such attack:", t.Attack)
	return 2
}

func slowloris(ctx context.Context, t *target) error {
	c, err := dialServer(ctx, t.Addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	for _, b := range []byte("GET /v1/link HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("y", 1000)) {
		if _, err := c.Write([]byte{b}); err != nil || ctx.Err() != nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// halfOpen keeps 10,000 connections that say nothing.
func halfOpen(ctx context.Context, t *target) error {
	var open []net.Conn
	for range 10_000 {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
		if err != nil {
			break
		}
		open = append(open, c)
	}
	fmt.Println(len(open), "connections")
	<-ctx.Done()
	for _, c := range open {
		_ = c.Close()
	}
	return nil
}

func deflateBomb(ctx context.Context, t *target) error {
	c, err := dialServer(ctx, t.Addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	r, status := handshake(c, t.Addr, t.Tokens["viewer"], "Sec-WebSocket-Protocol: argos.v1.json\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n")
	if status != "101" {
		time.Sleep(100 * time.Millisecond)
		return nil
	}
	var mega bytes.Buffer // 1 kB that becomes 1 MB
	w, _ := flate.NewWriter(&mega, flate.BestCompression)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
	_ = w.Flush()
	bomb := bytes.Repeat(mega.Bytes(), 60)
	_, _ = c.Write(clientFrame(0xc1, bomb[:min(len(bomb)-4, 65535)]))
	said, _ := io.ReadAll(r) // until it is cut
	if len(said) > 1<<20 {
		return fmt.Errorf("%d bytes after a bomb", len(said))
	}
	return nil
}

// helloFlood begins handshakes and never ends one: all that it pays is a ClientHello.
func helloFlood(ctx context.Context, t *target) error {
	near, far := net.Pipe()
	go func() { _ = tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, err := near.Read(hello)
	_ = near.Close()
	if err != nil {
		return err
	}
	for ctx.Err() == nil {
		sayAndGo(ctx, t.Addr, hello[:n])
	}
	return nil
}

// sayAndGo waits for no more than the beginning of an answer.
func sayAndGo(ctx context.Context, addr string, text []byte) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer c.Close()
	_, _ = c.Write(text)
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	_, _ = c.Read(make([]byte, 1))
}

func badToken(ctx context.Context, t *target) error {
	return refusedBy(ctx, t, "", "Authorization: Bearer argos-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", "401")
}

// forged comes without a token, which this machine need not have.
func forged(host, header, want string) func(ctx context.Context, t *target) error {
	return func(ctx context.Context, t *target) error { return refusedBy(ctx, t, host, header, want) }
}

func refusedBy(ctx context.Context, t *target, host, header, want string) error {
	c, err := dialServer(ctx, t.Addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	if host == "" {
		host = t.Addr
	}
	if _, status := handshake(c, host, "", header+offerPB); status != want && status != "" && status != "429" {
		return fmt.Errorf("%q to %s is answered %s", header, host, status)
	}
	return nil
}

func downgrade(ctx context.Context, t *target) error {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}} // that is the attack
	if c, err := d.DialContext(ctx, "tcp", t.Addr); err == nil {
		_ = c.Close()
		return fmt.Errorf("TLS 1.2")
	}
	return nil
}

func plainHTTP(ctx context.Context, t *target) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return nil
	}
	defer c.Close()
	if _, status := handshake(c, t.Addr, t.Tokens["viewer"], offerPB); status != "400" && status != "" {
		return fmt.Errorf("in clear: %s", status)
	}
	return nil
}
