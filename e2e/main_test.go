package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the binary under test, built once with the race detector.
var program string

// startup is how long a program built with the race detector may take to be there on a
// machine that runs other tests beside it.
const startup = time.Minute

func TestMain(m *testing.M) {
	if what := os.Getenv(attackVariable); what != "" {
		os.Exit(attack(what))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "argos-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "argos-tui")
	flag.Parse()
	// Screens that are kept show the program at its own speed.
	build := exec.Command("go", "build", fmt.Sprintf("-race=%t", !*update), "-buildvcs=false", "-o", program, "argos/cmd/argos-tui")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build argos-tui:", err)
		return 1
	}
	return m.Run()
}

// TestSourcesOpened opens every source file, since go test keeps a result for as long as
// the files that a test opened stay the same, and the build above goes unseen.
func TestSourcesOpened(t *testing.T) {
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err == nil && (ext == ".go" || ext == ".s" || ext == ".mod") {
			_, err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// environment is what the program sees: nothing of the person who runs the tests, and a
// terminal that can show everything. Later settings win.
func environment(home string, more ...string) []string {
	return append([]string{
		"PATH=" + filepath.Dir(program) + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + home,
		"TERM=tmux-256color",
		"COLORTERM=truecolor",
		"LC_ALL=C.UTF-8",
		"TZ=UTC",
		// A race is a failure, not a line that nobody reads.
		"GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=10",
	}, more...)
}

// command prepares a run of the program without a terminal.
func command(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = environment(t.TempDir())
	return cmd
}

// The ports of tests lie below those that systems hand out by themselves, in blocks. A run
// has a block while it listens on its first port, so that a run beside it takes another one:
// a port stays a test's own between our look and its use, and while its server restarts.
const (
	portsFirst = 20000
	portsBlock = 100
	portsEnd   = 32000
)

// ports are those of this run.
var ports struct {
	mu        sync.Mutex
	held      []net.Listener // first ports
	next, end int
}

// freeAddr is a loopback address that nothing listens on, and no other test gets.
func freeAddr(t testing.TB) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	for {
		if ports.next == ports.end {
			takePorts(t)
		}
		addr := fmt.Sprintf("127.0.0.1:%d", ports.next)
		ports.next++
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}

// takePorts takes the next block that no run has.
func takePorts(t testing.TB) {
	t.Helper()
	for first := max(portsFirst, ports.end); first < portsEnd; first += portsBlock {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", first)); err == nil {
			ports.held = append(ports.held, l)
			ports.next, ports.end = first+1, first+portsBlock
			return
		}
	}
	t.Fatal("no free ports")
}

// A process is a run of the program in the background.
type process struct {
	*exec.Cmd
	out, errs buffer
	done      chan struct{} // closed once it has ended
}

// start runs the program until the test ends.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	return startWith(t, nil, args...)
}

// startWith is start with more in the environment.
func startWith(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command(context.Background(), t, args...), done: make(chan struct{})}
	p.Env = append(p.Env, env...)
	p.Stdout, p.Stderr = &p.out, &p.errs
	p.begin(t, args)
	return p
}

// begin runs a process until the test ends.
func (p *process) begin(t *testing.T, args []string) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.Wait() // how it ended stands in ProcessState
	}()
	t.Cleanup(func() {
		p.kill()
		if s := p.errs.String(); strings.Contains(s, "DATA RACE") || strings.Contains(s, "panic:") {
			t.Errorf("argos-tui %s:\n%s", strings.Join(args, " "), s)
		} else if t.Failed() && s != "" {
			t.Logf("argos-tui %s said:\n%s", strings.Join(args, " "), s)
		}
	})
}

// kill ends the process as a crash would and waits for it.
func (p *process) kill() {
	_ = p.Process.Kill() // fails if it has ended, which is what we want
	<-p.done
}

// serve starts a capture server and waits until it listens.
func serve(t *testing.T, addr string, args ...string) *process {
	t.Helper()
	p := start(t, append([]string{"--serve", "--listen", addr}, args...)...)
	eventually(t, startup, "a server on "+addr, func() error {
		select {
		case <-p.done:
			t.Fatalf("the server ended (%v): %s", p.ProcessState, p.errs.String())
		default:
		}
		return dial(addr)
	})
	return p
}

func dial(addr string) error {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err == nil {
		c.Close()
	}
	return err
}

// eventually asks until f agrees or the time is over. Programs in other processes give no
// signal to wait for.
func eventually(t testing.TB, limit time.Duration, what string, f func() error) {
	t.Helper()
	began := time.Now()
	for {
		asked := time.Now()
		err := f()
		if err == nil {
			return
		}
		if asked.Sub(began) > limit {
			t.Fatalf("no %s within %v: %v", what, limit, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// exitCode is how a command ended; -1 is a signal.
func exitCode(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return exit.ExitCode()
}

// A buffer takes what a process writes while tests read it.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

var _ io.Writer = (*buffer)(nil)

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
