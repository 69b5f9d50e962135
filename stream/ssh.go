package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An ssh:// address is a server on the loopback address of a machine that the user's own
// ssh leads to, with its configuration, agent, known hosts and jump hosts. Nothing of
// ours is open on that machine.

const (
	sshScheme  = "ssh"
	sshParting = time.Second     // for ssh to end when asked to
	sshSaid    = 4 << 10         // bytes kept of what it says
	sshTyping  = 2 * time.Minute // for a person who types a password, before the screen is there
)

// sshName is what a user or host may look like: above all it is no option.
var sshName = regexp.MustCompile(`^[A-Za-z0-9_:][A-Za-z0-9._:%-]*$`)

// parseSSH checks an ssh:// address: host, and if it says so user, port, and where the
// server listens there.
func parseSSH(u *url.URL) (string, error) {
	at := strings.TrimPrefix(u.Path, "/")
	if at == "" {
		at = DefaultAddr
	}
	_, secret := u.User.Password()
	host, port, err := net.SplitHostPort(at)
	switch {
	case secret:
		return "", errors.New("no password in an address: ssh asks for it")
	case !sshName.MatchString(u.Hostname()) || u.User != nil && !sshName.MatchString(u.User.Username()),
		err != nil || !sshName.MatchString(host) || !sshName.MatchString(port),
		u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%q is not the address of a server: write it like ssh://user@box or ssh://box:22/127.0.0.1:8470", u.Redacted())
	}
	s := sshScheme + "://"
	if u.User != nil {
		s += u.User.Username() + "@"
	}
	s += u.Host
	if at != DefaultAddr {
		s += "/" + at
	}
	return s, nil
}

// sshCommand is how ssh is called to lead to the server of an address of parseSSH.
// quiet keeps it from asking a person, whose screen is in use.
func sshCommand(u *url.URL, quiet bool) (args []string, at string) {
	at = strings.TrimPrefix(u.Path, "/")
	if at == "" {
		at = DefaultAddr
	}
	args = []string{"-W", at}
	if quiet {
		args = append(args, "-o", "BatchMode=yes")
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	if u.User != nil {
		args = append(args, "-l", u.User.Username())
	}
	return append(args, "--", u.Hostname()), at
}

// An sshConn is a connection by way of an ssh process, which ends with it.
type sshConn struct {
	to       *os.File
	from     *os.File
	process  *os.Process
	said     *tail
	ended    chan struct{} // closed once the process is gone
	closing  sync.Once
	endpoint sshAddr
}

var _ net.Conn = (*sshConn)(nil)

// An sshError is an ssh that ended, and what it said.
type sshError struct{ said string }

func (e *sshError) Error() string { return "ssh says: " + e.said }

func dialSSH(ctx context.Context, u *url.URL, quiet bool) (net.Conn, error) {
	args, at := sshCommand(u, quiet)
	in, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, out, err := os.Pipe()
	if err != nil {
		_, _ = in.Close(), to.Close()
		return nil, err
	}
	// It lives as long as the connection, not as the attempt.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "ssh", args...)
	said := &tail{}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, said
	cmd.WaitDelay = sshParting // a shared connection of the user's outlives it and keeps its stderr
	err = cmd.Start()
	_, _ = in.Close(), out.Close()
	if err != nil {
		_, _ = to.Close(), from.Close()
		if errors.Is(err, exec.ErrNotFound) {
			return nil, &sshError{"it is not installed here"}
		}
		return nil, err
	}
	c := &sshConn{to: to, from: from, process: cmd.Process, said: said, ended: make(chan struct{}), endpoint: sshAddr(at)}
	go func() {
		defer close(c.ended)
		_ = cmd.Wait() // what it said tells more than its exit code
	}()
	return c, nil
}

func (c *sshConn) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	if err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, os.ErrDeadlineExceeded) {
		select { // its last words come another way
		case <-c.ended:
		case <-time.After(sshParting):
		}
		if line := c.said.last(); line != "" {
			err = &sshError{line}
		}
	}
	return n, err
}

func (c *sshConn) Write(b []byte) (int, error) { return c.to.Write(b) }

// Close ends ssh and waits for it.
func (c *sshConn) Close() error {
	c.closing.Do(func() {
		_, _ = c.to.Close(), c.from.Close()
		if c.process.Signal(syscall.SIGTERM) != nil {
			_ = c.process.Kill() // it has ended, or this system knows no signals
		}
		select {
		case <-c.ended:
		case <-time.After(sshParting):
			_ = c.process.Kill() // it has ended meanwhile
			<-c.ended
		}
	})
	return nil
}

func (c *sshConn) LocalAddr() net.Addr  { return sshAddr("") }
func (c *sshConn) RemoteAddr() net.Addr { return c.endpoint }

func (c *sshConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
func (c *sshConn) SetReadDeadline(t time.Time) error  { return c.from.SetReadDeadline(t) }
func (c *sshConn) SetWriteDeadline(t time.Time) error { return c.to.SetWriteDeadline(t) }

type sshAddr string

func (sshAddr) Network() string  { return sshScheme }
func (a sshAddr) String() string { return string(a) }

// A tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, p...)
	if over := len(t.b) - sshSaid; over > 0 {
		t.b = append(t.b[:0], t.b[over:]...)
	}
	return len(p), nil
}

// last is the last line.
func (t *tail) last() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(t.b)), "\n")
	return strings.TrimSpace(cleanText(lines[len(lines)-1]))
}
