package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A tunnel is a bad network between two network namespaces, for the kernel's own TCP:
// a TUN device in each, and this process carries the packets from one to the other. What
// a kernel may lack (netem) is done here: delay and loss. Rates and links that go down
// are the kernel's.
type tunnel struct {
	ends    [2]*end
	delay   atomic.Int64 // one way, nanoseconds
	loss    atomic.Int64 // of 1000 packets
	running sync.WaitGroup
}

// An end is a namespace with one device.
type end struct {
	space, device, address string
	file                   *os.File
}

// unable ends a test that this machine does not allow. In CI nothing may be missing.
func unable(t *testing.T, format string, args ...any) {
	t.Helper()
	reason := fmt.Sprintf(format, args...)
	if os.Getenv("CI") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

func newTunnel(t *testing.T) *tunnel {
	t.Helper()
	if os.Geteuid() != 0 {
		unable(t, "network namespaces are for root alone: run the tests as root")
	}
	tn := new(tunnel)
	for n := range tn.ends {
		e := &end{
			space: fmt.Sprintf("argos-%d-%d", os.Getpid(), n), device: fmt.Sprintf("argos%d", n),
			address: fmt.Sprintf("10.77.0.%d", n+1),
		}
		if out, err := exec.Command("ip", "netns", "add", e.space).CombinedOutput(); err != nil {
			unable(t, "no network namespaces here: ip netns add: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", e.space).Run() })
		tn.ends[n] = e
		var err error
		if e.file, err = e.open(); err != nil {
			unable(t, "no TUN devices here: %v", err)
		}
		e.command(t, "ip", "addr", "add", e.address+"/24", "dev", e.device)
		e.command(t, "ip", "link", "set", e.device, "up")
	}
	for n := range tn.ends {
		tn.carry(tn.ends[n].file, tn.ends[1-n].file, rand.New(rand.NewPCG(7, uint64(n))))
	}
	t.Cleanup(tn.close)
	return tn
}

// command runs a command in the namespace.
func (e *end) command(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", append([]string{"netns", "exec", e.space}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// within calls f where sockets are made in the namespace: they stay there.
func (e *end) within(f func() error) error {
	failed := make(chan error, 1)
	go func() {
		// The thread ends with the goroutine, and its namespace with it.
		runtime.LockOSThread()
		space, err := os.Open("/var/run/netns/" + e.space)
		if err != nil {
			failed <- err
			return
		}
		defer space.Close()
		if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
			failed <- err
			return
		}
		failed <- f()
	}()
	return <-failed
}

// open makes the device.
func (e *end) open() (file *os.File, err error) {
	err = e.within(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("/dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(e.device)
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			unix.Close(fd)
			return fmt.Errorf("make %s: %w", e.device, err)
		}
		file = os.NewFile(uintptr(fd), e.device)
		return nil
	})
	return file, err
}

func (e *end) listen(t *testing.T) (ln net.Listener) {
	t.Helper()
	if err := e.within(func() (err error) {
		ln, err = net.Listen("tcp", e.address+":8470")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return ln
}

func (e *end) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	err = e.within(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// A packet is on its way until it is due.
type packet struct {
	bytes []byte
	due   time.Time
}

// carry takes packets from one end to the other until the ends are closed.
func (tn *tunnel) carry(from, to *os.File, chance *rand.Rand) {
	underway := make(chan packet, 10_000)
	tn.running.Go(func() {
		defer close(underway)
		for {
			b := make([]byte, 2048)
			n, err := from.Read(b)
			if errors.Is(err, os.ErrClosed) {
				return
			}
			if err != nil { // the link is down
				time.Sleep(time.Millisecond)
				continue
			}
			if int64(chance.IntN(1000)) < tn.loss.Load() {
				continue
			}
			select {
			case underway <- packet{b[:n], time.Now().Add(time.Duration(tn.delay.Load()))}:
			default: // a queue that is full drops
			}
		}
	})
	tn.running.Go(func() {
		for p := range underway {
			time.Sleep(time.Until(p.due))
			_, _ = to.Write(p.bytes) // lost where the link is down
		}
	})
}

func (tn *tunnel) close() {
	for _, e := range tn.ends {
		_ = e.file.Close()
	}
	tn.running.Wait()
}
