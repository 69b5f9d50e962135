package e2e

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// attackVariable makes the test binary an attacker: a target, in JSON.
const attackVariable = "ARGOS_ATTACK"

const (
	// attackLasts is how long an attack goes on at least: for more than 100 frames, so that
	// the worst one is not the 99th percentile.
	attackLasts = 2 * time.Second
	// attackPatience is for how long one waits for what has to come: a server that does not
	// cut it off in that time never does.
	attackPatience = time.Minute
	// attackMost is how long all tries of an attack may take where it has little of a processor.
	attackMost = 4 * time.Minute
)

// A target is what an attacker knows of a server.
type target struct {
	Attack string
	Addr   string
	Tokens map[string]string // by name; what a stranger must not have is there for those who stole it
	Said   []string          // messages of the victim, as captured
}

// A deed is what an attacker did.
type deed struct {
	Tries  int
	AtOnce int
	Ends   map[string]int // how tries ended
	Wrong  string         // one that got through
}

// A growth is by what an attack has to make the sum of metrics grow.
type growth struct {
	metrics []string
	least   func(tries float64, took time.Duration) float64
	most    float64
}

const anyNumber = 1e12

func everyTry(tries float64, _ time.Duration) float64 { return tries }

func limited(limit string) []growth {
	return []growth{{[]string{`argos_limited_total{limit="` + limit + `"}`}, everyTry, anyNumber}}
}

func refused(cause string) []growth {
	return []growth{{[]string{`argos_refused_total{cause="` + cause + `"}`}, everyTry, anyNumber}}
}

func left(cause, code string) []growth {
	return []growth{{[]string{`argos_viewer_disconnects_total{cause="` + cause + `",code="` + code + `"}`}, everyTry, anyNumber}}
}

// How a try ends that is answered neither by a status of HTTP nor by a close code.
const (
	endCut  = "cut"  // the connection, by the server
	endGone = "gone" // by itself, which no server can prevent
	endLet  = "let"  // as anybody's would
	endOpen = "open" // not in a minute, which is never right
)

// attacks are what a stranger can do, or one who has a token that is not meant for it, and
// what the server has to show for it. Each is tried that often at least, by several at once. A close
// code may be lost to who does not read it before the connection is gone.
var attacks = []struct {
	name   string
	atOnce int
	tries  int
	try    func(ctx context.Context, t *target) (end string, err error)
	ends   []string // that are right
	want   []growth
}{
	{"slowloris", 200, 200, slowloris, []string{endCut}, nil},
	{"half-open handshakes", min(100, descriptors()/halfOpenEach), 100, halfOpen, []string{endCut}, []growth{{
		[]string{`argos_limited_total{limit="arrivals"}`},
		func(tries float64, took time.Duration) float64 {
			if took > 19*time.Second {
				return 0 // some had their 10 s before all were there
			}
			return tries*halfOpenEach - 1024
		}, anyNumber,
	}}},
	{"TLS handshake flood", 16, 4000, helloFlood, []string{endGone}, []growth{{
		[]string{`argos_limited_total{limit="tls_handshakes"}`},
		func(tries float64, took time.Duration) float64 { return tries - 50 - 500 - 250*took.Seconds() }, // burst, line, rate
		anyNumber,
	}}},
	{"oversized messages", 4, 40, frames(func(w io.Writer) { // announced and begun
		_, _ = w.Write(append([]byte{0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 128<<10)...))
	}), []string{"1009", endCut}, left("protocol", "none")},
	{"fragmented messages", 4, 40, frames(func(w io.Writer) {
		_, _ = w.Write(append(clientFrame(0x02, nil), bytes.Repeat(clientFrame(0x00, []byte("x")), 70_000)...))
	}), []string{"1008", endCut}, limited("bytes")},
	{"empty fragments", 4, 40, frames(func(w io.Writer) {
		_, _ = w.Write(append(clientFrame(0x02, nil), bytes.Repeat(clientFrame(0x00, nil), 200_000)...))
	}), []string{"1008", endCut}, limited("bytes")},
	{"deflate bomb", 4, 40, deflateBomb, []string{"1009", endCut}, left("protocol", "none")},
	{"ping flood", 4, 40, frames(func(w io.Writer) {
		_, _ = w.Write(bytes.Repeat(clientFrame(0x89, []byte("ping")), 20_000))
	}), []string{"1008", endCut}, limited("messages")},
	{"message flood", 4, 40, frames(func(w io.Writer) { // View{}
		_, _ = w.Write(bytes.Repeat(clientFrame(0x82, []byte{0x2a, 0x00}), 20_000))
	}), []string{"1008", endCut}, limited("messages")},
	{"bad tokens", 8, 1000, badToken, []string{"401", "429"}, []growth{{
		[]string{`argos_refused_total{cause="bad_token"}`, `argos_limited_total{limit="logins"}`}, everyTry, anyNumber,
	}}},
	{"forged origins", 4, 200, forged("", "Origin: https://evil.example\r\n"), []string{"403"}, refused("origin")},
	{"forged hosts", 4, 200, forged("evil.example:8470", "Origin: https://evil.example:8470\r\n"), []string{"403"}, refused("host")},
	{"forged forwarding", 4, 200, forged("", "X-Forwarded-For: 127.0.0.1\r\n"), []string{"401"}, refused("no_token")},
	{"downgrade", 4, 200, downgrade, []string{endCut}, nil},
	{"plain HTTP on the TLS port", 4, 200, plainHTTP, []string{"400", endCut}, nil},
	{"forged acknowledgements", 4, 40, frames(func(w io.Writer) { // of what was never sent
		_, _ = w.Write(bytes.Repeat(clientFrame(0x82, []byte{0x12, 0x04, 0x08, 0xff, 0xff, 0x7f}), 20_000))
	}), []string{"1008", endCut}, limited("bytes")},
	{"forged resume positions", 4, 40, takeOver, []string{endCut, endLet}, []growth{
		{[]string{`argos_viewer_joins_total{outcome="resumed"}`}, everyTry, anyNumber},
	}},
	{"replayed commands", 4, 40, replay, []string{endLet}, []growth{
		{[]string{`argos_commands_total{outcome="repeated"}`}, everyTry, anyNumber},
		// Once, for the other operator, whose own command it is.
		{[]string{`argos_commands_total{outcome="done"}`}, func(float64, time.Duration) float64 { return 1 }, 1},
	}},
	{"terminal escapes", 4, 40, escapes, []string{endLet}, nil},
}

// attack is what the attacker's process does: it prints a deed.
func attack(what string) int {
	t := new(target)
	if err := json.Unmarshal([]byte(what), t); err != nil {
		fmt.Println(err)
		return 2
	}
	ctx, cancel := context.WithTimeout(context.Background(), attackMost)
	defer cancel()
	began := time.Now()
	for _, a := range attacks {
		if a.name != t.Attack {
			continue
		}
		d := deed{AtOnce: a.atOnce, Ends: map[string]int{}}
		var wg sync.WaitGroup
		var mu sync.Mutex
		for range d.AtOnce {
			wg.Go(func() {
				mu.Lock()
				defer mu.Unlock()
				for d.Wrong == "" && (d.Tries < a.tries || a.atOnce < a.tries && time.Since(began) < attackLasts) {
					d.Tries++
					mu.Unlock()
					end, err := a.try(ctx, t)
					mu.Lock()
					d.Ends[end]++
					if err != nil {
						d.Wrong = err.Error()
					} else if !slices.Contains(a.ends, end) {
						d.Wrong = "ended by " + end
					}
				}
			})
		}
		wg.Wait()
		_ = json.NewEncoder(os.Stdout).Encode(d)
		return 0
	}
	fmt.Println("no such attack:", t.Attack)
	return 2
}

// enter connects by TLS as soon as the server lets it in.
func enter(ctx context.Context, t *target) (net.Conn, error) {
	for {
		c, err := dialServer(ctx, t.Addr)
		if err == nil {
			_ = c.SetDeadline(time.Now().Add(attackPatience))
			return c, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("not let in: %w", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sit is enter and a session with a viewer's token.
func sit(ctx context.Context, t *target, more string) (net.Conn, *bufio.Reader, error) {
	for {
		c, err := enter(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		r, status := handshake(c, t.Addr, t.Tokens["viewer"], more)
		if status == "101" {
			return c, r, nil
		}
		_ = c.Close()
		time.Sleep(50 * time.Millisecond) // too many of us
		if ctx.Err() != nil {
			return nil, nil, fmt.Errorf("no session: %q", status)
		}
	}
}

// untilCut reads a session until the server ends it, and returns its close code.
func untilCut(r *bufio.Reader) (end string) {
	for {
		first, payload, err := readServerFrame(r)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return endOpen
		case err != nil:
			return endCut
		case first == 0x88 && len(payload) >= 2:
			return strconv.Itoa(int(binary.BigEndian.Uint16(payload)))
		}
	}
}

func slowloris(ctx context.Context, t *target) (end string, err error) {
	c, err := enter(ctx, t)
	if err != nil {
		return "", err
	}
	defer c.Close()
	for _, b := range []byte("GET /v1/link HTTP/1.1\r\nHost: x\r\nX-Slow: " + strings.Repeat("y", 1000)) {
		switch _, err := c.Write([]byte{b}); {
		case errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil:
			return endOpen, nil
		case err != nil:
			return endCut, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return endOpen, nil
}

// halfOpenEach is how many connections a try keeps that say nothing.
const halfOpenEach = 100

// descriptors is how many connections a process can have. Package os has raised the soft limit.
func descriptors() int {
	var files syscall.Rlimit
	_ = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) // of ourselves
	return int(min(files.Cur, 1<<20)) - 100
}

// halfOpen says nothing until all its connections are cut off.
func halfOpen(ctx context.Context, t *target) (end string, err error) {
	var open []net.Conn
	for range halfOpenEach {
		c, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
		if err != nil {
			return "", err
		}
		defer c.Close()
		open = append(open, c)
	}
	for _, c := range open {
		_ = c.SetReadDeadline(time.Now().Add(attackPatience))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			return endOpen, nil
		}
	}
	return endCut, nil
}

// bomb is a message of 60 kB that becomes 60 MB.
var bomb = sync.OnceValue(func() []byte {
	var mega bytes.Buffer
	w, _ := flate.NewWriter(&mega, flate.BestCompression)
	_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
	_ = w.Flush()
	all := bytes.Repeat(mega.Bytes(), 60)
	return clientFrame(0xc1, all[:min(len(all)-4, 65535)])
})

func deflateBomb(ctx context.Context, t *target) (end string, err error) {
	c, r, err := sit(ctx, t, "Sec-WebSocket-Protocol: argos.v1.json\r\nSec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover; server_no_context_takeover\r\n")
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, _ = c.Write(bomb())
	return untilCut(r), nil
}

// clientHello is the beginning of a handshake.
var clientHello = sync.OnceValue(func() []byte {
	near, far := net.Pipe()
	go func() { _ = tls.Client(far, &tls.Config{InsecureSkipVerify: true}).Handshake() }()
	hello := make([]byte, 16<<10)
	n, _ := near.Read(hello) // a pipe's
	_ = near.Close()
	return hello[:n]
})

// helloFlood begins a handshake that it does not end: all that it pays is a ClientHello. It
// waits for no more than the beginning of an answer.
func helloFlood(ctx context.Context, t *target) (end string, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	if _, err := c.Write(clientHello()); err != nil {
		return "", err
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
	_, _ = c.Read(make([]byte, 1))
	return endGone, nil
}

func badToken(ctx context.Context, t *target) (end string, err error) {
	return forged("", "Authorization: Bearer argos-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa\r\n")(ctx, t)
}

// forged comes without a token, which this machine need not have.
func forged(host, header string) func(ctx context.Context, t *target) (end string, err error) {
	return func(ctx context.Context, t *target) (end string, err error) {
		c, err := enter(ctx, t)
		if err != nil {
			return "", err
		}
		defer c.Close()
		to := host
		if to == "" {
			to = t.Addr
		}
		_, status := handshake(c, to, "", header+offerPB)
		return status, nil
	}
}

func downgrade(ctx context.Context, t *target) (end string, err error) {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}} // that is the attack
	c, err := d.DialContext(ctx, "tcp", t.Addr)
	if err == nil {
		_ = c.Close()
		return "TLS 1.2", nil
	}
	if !strings.Contains(err.Error(), "protocol version") {
		return "", err
	}
	return endCut, nil
}

func plainHTTP(ctx context.Context, t *target) (end string, err error) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", t.Addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_, status := handshake(c, t.Addr, t.Tokens["viewer"], offerPB)
	if status == "" {
		return endCut, nil
	}
	return status, nil
}
