package e2e

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata: what the command line says to people who mistype, and to
// files and servers that are not what they should be.
func TestScripts(t *testing.T) {
	t.Parallel()
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"fails":    fails,
		"bytes":    zeroBytes,
		"tone":     toneBytes,
		"impostor": impostor,
		"freeaddr": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Setenv(args[0], freeAddr(t))
		},
	}
	maps.Copy(commands, accessCommands(t))
	testscript.Run(t, testscript.Params{
		Dir:             "testdata",
		ContinueOnError: true, // one mistake hides no other
		Setup: func(env *testscript.Env) error {
			env.Vars = environment(env.WorkDir, "WORK="+env.WorkDir, "TMPDIR="+env.WorkDir)
			return nil
		},
		Cmds: commands,
	})
}

// fails CODE ARG... runs argos-tui, which has to end by itself with this exit code and
// one line on standard error. Then stderr can be matched as after exec.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE ARG...")
	}
	// The program has its own limits; this one is for the test to end, too.
	began := time.Now()
	err := ts.Exec("timeout", append([]string{"--signal=QUIT", "30", program}, args[1:]...)...)
	took := time.Since(began).Round(time.Millisecond)
	stderr := ts.ReadFile("stderr")
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit %s after %v, want %s", code, took, args[0])
	}
	// 10 s of silence, and as much for a goodbye that nobody takes.
	if took > 20*time.Second+slack {
		ts.Fatalf("took %v to fail", took)
	}
	if strings.Count(stderr, "\n") != 1 || !strings.HasSuffix(stderr, "\n") {
		ts.Fatalf("want one line on stderr, got %q", stderr)
	}
	if strings.Contains(stderr, "goroutine ") || strings.Contains(stderr, "panic") || strings.Contains(stderr, "%!") {
		ts.Fatalf("not a message for people: %q", stderr)
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("want nothing on stdout, got %.200q", out)
	}
}

// zeroBytes N FILE makes a file of N bytes.
func zeroBytes(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), make([]byte, n), 0o600))
}

// toneBytes HZ AMPLITUDE FILE makes a file of a tone so far off the centre, in noise:
// 0.1 s of signed bytes at 2M samples a second.
func toneBytes(ts *testscript.TestScript, _ bool, args []string) {
	hz, err := strconv.ParseFloat(args[0], 64)
	ts.Check(err)
	amplitude, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	var raw []byte
	rng := rand.New(rand.NewPCG(1, 2))
	code := func(v float64) byte { return byte(int8(math.Round(min(max(v+rng.NormFloat64(), -128), 127)))) }
	for i := range 200000 {
		sin, cos := math.Sincos(2 * math.Pi * hz / 2e6 * float64(i))
		raw = append(raw, code(amplitude*cos), code(amplitude*sin))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), raw, 0o600))
}

// impostor KIND VAR starts a server that is no Argos server and sets VAR to its address.
func impostor(ts *testscript.TestScript, _ bool, args []string) {
	serve := impostors[args[0]]
	if serve == nil {
		ts.Fatalf("no impostor %q", args[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				stop := context.AfterFunc(ctx, func() { c.Close() })
				defer stop()
				serve(ctx, c)
			})
		}
	})
	ts.Defer(func() {
		cancel()
		l.Close()
		wg.Wait()
	})
	ts.Setenv(args[1], l.Addr().String())
}

// websocketGUID is what a server appends to a client's key (RFC 6455 §1.3).
const websocketGUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

var impostors = map[string]func(context.Context, net.Conn){
	// a web server that knows no /v1/link
	"web": func(_ context.Context, c net.Conn) { answer(c, "404 Not Found") },
	// a web server that likes every page
	"page": func(_ context.Context, c net.Conn) { answer(c, "200 OK") },
	// a server that lets in who has a token
	"guarded": func(_ context.Context, c net.Conn) { answer(c, "401 Unauthorized") },
	// a server that has enough to do, which is no reason to go on for ever at the start
	"busy": func(_ context.Context, c net.Conn) { answer(c, "503 Service Unavailable") },
	// a protocol in which the server speaks first
	"ssh": func(_ context.Context, c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.2p1\r\n") },
	// one that never says anything
	"silent": func(ctx context.Context, _ net.Conn) { <-ctx.Done() },
	// one that hangs up
	"closed": func(context.Context, net.Conn) {},
	// a WebSocket server that speaks no subprotocol of ours
	"echo": func(ctx context.Context, c net.Conn) {
		upgrade(c, "")
		<-ctx.Done()
	},
	// a WebSocket server that claims ours and sends what is no message
	"garbage": func(ctx context.Context, c net.Conn) {
		proto := upgrade(c, "argos.v1.")
		opcode := byte(0x82)
		if proto == "argos.v1.json" {
			opcode = 0x81
		}
		_, _ = c.Write(append([]byte{opcode, 32}, strings.Repeat("\x7f", 32)...)) // the other end may be gone
		<-ctx.Done()
	},
	// a WebSocket server that announces a message of 2^62 bytes
	"huge": func(ctx context.Context, c net.Conn) {
		upgrade(c, "argos.v1.")
		_, _ = c.Write([]byte{0x82, 127, 0x40, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4})
		<-ctx.Done()
	},
}

// answer reads a request and answers it with a page.
func answer(c net.Conn, status string) {
	if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
		fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello", status)
	}
}

// upgrade answers a WebSocket handshake with the first offered subprotocol that begins
// with prefix, or none, and returns it.
func upgrade(c net.Conn, prefix string) (protocol string) {
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return ""
	}
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(req.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	for _, p := range strings.Split(strings.Join(req.Header.Values("Sec-WebSocket-Protocol"), ","), ",") {
		if p = strings.TrimSpace(p); prefix != "" && strings.HasPrefix(p, prefix) {
			protocol = p
			answer += "Sec-WebSocket-Protocol: " + p + "\r\n"
			break
		}
	}
	fmt.Fprint(c, answer+"\r\n")
	return protocol
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + websocketGUID))
	return base64.StdEncoding.EncodeToString(sum[:])
}
