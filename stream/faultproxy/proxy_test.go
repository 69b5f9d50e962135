package faultproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A bench has a client's and a server's connection with a proxy between.
type bench struct {
	proxy          *Proxy
	listener       *Listener
	client, server net.Conn
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{listener: NewListener(64 << 10)}
	b.proxy = New(1, b.listener.Dial)
	b.connect(t)
	return b
}

func (b *bench) connect(t *testing.T) {
	t.Helper()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := b.listener.Accept()
		accepted <- c
	}()
	var err error
	if b.client, err = b.proxy.Dial(t.Context(), "", ""); err != nil {
		t.Fatal(err)
	}
	b.server = <-accepted
}

// within runs f in a network with a perfect proxy in it.
func within(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		f(t, b)
		b.proxy.Close()
		if n := b.proxy.Links(); n != 0 {
			t.Errorf("%d links are left", n)
		}
		if _, err := b.proxy.Dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial of a closed proxy: %v", err)
		}
	})
}

// read reads so many bytes and says how long that took.
func read(t *testing.T, c net.Conn, n int) (got []byte, took time.Duration) {
	t.Helper()
	began := time.Now()
	got = make([]byte, n)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatalf("read: %v", err)
	}
	return got, time.Since(began)
}

// nothing asserts that nothing comes for a minute.
func nothing(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if n, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes came, %v", n, err)
	}
	_ = c.SetReadDeadline(time.Time{})
}

func TestPerfect(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		_, _ = b.client.Write([]byte("question"))
		if got, took := read(t, b.server, 8); string(got) != "question" || took != 0 {
			t.Errorf("%q after %s", got, took)
		}
		_, _ = b.server.Write([]byte("answer"))
		_ = b.server.Close()
		if got, err := io.ReadAll(b.client); string(got) != "answer" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		_ = b.client.Close()
		synctest.Wait()
		if n := b.proxy.Links(); n != 0 {
			t.Errorf("%d links", n)
		}
	})
}

func TestDelay(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Up: Way{Delay: 100 * time.Millisecond}, Down: Way{Delay: 200 * time.Millisecond}})
		_, _ = b.client.Write([]byte("x"))
		if _, took := read(t, b.server, 1); took != 100*time.Millisecond {
			t.Errorf("up took %s", took)
		}
		for range 50 { // the delay is no rate
			_, _ = b.server.Write(make([]byte, 1000))
		}
		if _, took := read(t, b.client, 50_000); took != 200*time.Millisecond {
			t.Errorf("down took %s", took)
		}
		began := time.Now()
		b.connect(t)
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("a dial took %s", took)
		}
	})
}

func TestJitterKeepsOrderAndFollowsTheSeed(t *testing.T) {
	run := func() (times []time.Duration) {
		within(t, func(t *testing.T, b *bench) {
			b.proxy.Set(Conditions{Down: Way{Delay: 50 * time.Millisecond, Jitter: 300 * time.Millisecond}})
			synctest.Wait()
			began := time.Now()
			for n := range 100 {
				_, _ = b.server.Write([]byte{byte(n)})
				synctest.Wait() // each is a piece of its own
			}
			for n := range 100 {
				got, _ := read(t, b.client, 1)
				if got[0] != byte(n) {
					t.Fatalf("byte %d came as number %d", got[0], n)
				}
				times = append(times, time.Since(began))
			}
		})
		return times
	}
	first, second := run(), run()
	if last := first[99]; last < 300*time.Millisecond || last > 350*time.Millisecond {
		t.Errorf("the last came after %s", last)
	}
	for n := range first {
		if first[n] != second[n] {
			t.Fatalf("byte %d came after %s and after %s", n, first[n], second[n])
		}
	}
}

func TestRateAndQueue(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Down: Way{Rate: 20_000, Queue: 8 << 10}})
		began := time.Now()
		sent := make(chan time.Duration, 1)
		go func() {
			_, _ = b.server.Write(make([]byte, 200_000))
			sent <- time.Since(began)
		}()
		if _, took := read(t, b.client, 200_000); took < 9900*time.Millisecond || took > 10*time.Second {
			t.Errorf("200 kB at 20 kB/s took %s", took)
		}
		// All but what the pipe and the queue hold had to wait.
		if took := <-sent; took < 6*time.Second || took > 6500*time.Millisecond {
			t.Errorf("the sender was held up for %s", took)
		}
	})
}

func TestPieces(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Up: Way{Pieces: 1}, Down: Way{Pieces: 3}})
		for _, c := range []struct {
			from, to net.Conn
			most     int
		}{{b.client, b.server, 1}, {b.server, b.client, 3}} {
			_, _ = c.from.Write([]byte("a message"))
			synctest.Wait()
			var got []byte
			for buffer := make([]byte, 100); len(got) < 9; {
				n, err := c.to.Read(buffer)
				if n > c.most || err != nil {
					t.Fatalf("%d bytes in one read, %v", n, err)
				}
				got = append(got, buffer[:n]...)
			}
			if string(got) != "a message" {
				t.Errorf("%q", got)
			}
		}
	})
}

func TestHoleKeepsWhatWasSent(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Up: Way{Hole: true}, Down: Way{Hole: true}})
		_, _ = b.server.Write([]byte("later"))
		_ = b.server.Close() // not even this is heard of
		nothing(t, b.client)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := b.proxy.Dial(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial into a hole: %v", err)
		}
		b.proxy.Heal()
		if got, err := io.ReadAll(b.client); string(got) != "later" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestHalfOpen(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Up: Way{Hole: true}})
		_, _ = b.client.Write([]byte("x"))
		nothing(t, b.server)
		_, _ = b.server.Write([]byte("y"))
		if got, took := read(t, b.client, 1); got[0] != 'y' || took != 0 {
			t.Errorf("%q after %s", got, took)
		}
		// The client leaves, and the server does not hear of it however much it sends.
		_ = b.client.Close()
		for range 100 {
			if _, err := b.server.Write(make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
		}
		nothing(t, b.server)
	})
}

func TestStallHoldsTheSenderUp(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Set(Conditions{Down: Way{Stall: true}})
		_ = b.server.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := b.server.Write(make([]byte, 1<<20))
		if most := 64<<10 + 16<<10; !errors.Is(err, os.ErrDeadlineExceeded) || n > most {
			t.Errorf("%d bytes were taken, %v", n, err)
		}
		b.proxy.Heal()
		if _, took := read(t, b.client, n); took != 0 {
			t.Errorf("what was taken came after %s", took)
		}
	})
}

func TestResetInMidMessage(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Reset(1234)
		_, _ = b.server.Write(make([]byte, 1000))
		_, _ = read(t, b.client, 1000)
		_, _ = b.server.Write(make([]byte, 1000))
		synctest.Wait()
		for _, c := range []net.Conn{b.client, b.server} {
			if _, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read: %v", err)
			}
		}
		b.connect(t) // others are not concerned
		_, _ = b.server.Write(make([]byte, 5000))
		_, _ = read(t, b.client, 5000)
	})
}

func TestCutAndHeal(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Cut()
		if _, err := b.client.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v", err)
		}
		if _, err := b.proxy.Dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial: %v", err)
		}
		b.proxy.Heal()
		b.connect(t)
	})
}

func TestStrand(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		b.proxy.Strand()
		b.proxy.Heal()
		_, _ = b.client.Write([]byte("x"))
		_, _ = b.server.Write([]byte("y"))
		nothing(t, b.server)
		nothing(t, b.client)
		old := *b
		b.connect(t)
		_, _ = b.client.Write([]byte("x"))
		_, _ = read(t, b.server, 1)
		if n := b.proxy.Links(); n != 2 {
			t.Errorf("%d links", n)
		}
		_ = old.client.Close()
		_ = old.server.Close()
		synctest.Wait()
		if n := b.proxy.Links(); n != 1 {
			t.Errorf("%d links once nobody holds the stranded one", n)
		}
	})
}

// overTCP has a proxy on loopback between two real sockets.
func overTCP(t *testing.T) (proxy *Proxy, client, server net.Conn) {
	t.Helper()
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		return ln
	}
	far, near := listen(), listen()
	proxy = New(1, func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", far.Addr().String())
	})
	served := make(chan error, 1)
	go func() { served <- proxy.Serve(near) }()
	client, err := net.Dial("tcp", near.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = far.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = near.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		proxy.Close()
		_ = client.Close()
		_ = server.Close()
	})
	return proxy, client, server
}

func TestOverTCP(t *testing.T) {
	proxy, client, server := overTCP(t)
	proxy.Set(Conditions{Down: Way{Pieces: 1, Rate: 1 << 20, Delay: time.Millisecond}, Up: Way{Pieces: 7}})
	message := bytes.Repeat([]byte("0123456789abcdef"), 64)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		if _, err := way[0].Write(message); err != nil {
			t.Fatal(err)
		}
		if got, _ := read(t, way[1], len(message)); !bytes.Equal(got, message) {
			t.Error("what arrived is not what was sent")
		}
	}
	proxy.Set(Conditions{Down: Way{Hole: true}})
	_, _ = server.Write(message)
	_ = client.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%d bytes out of a hole, %v", n, err)
	}
	_ = client.SetReadDeadline(time.Time{})
	proxy.Heal()
	_, _ = read(t, client, len(message))

	proxy.Reset(100)
	_, _ = server.Write(message)
	for _, c := range []net.Conn{client, server} {
		if got, err := io.ReadAll(c); !errors.Is(err, syscall.ECONNRESET) || len(got) > 100 {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
}

func TestCloseOverTCP(t *testing.T) {
	_, client, server := overTCP(t)
	_, _ = client.Write([]byte("the end"))
	_ = client.Close()
	if got, err := io.ReadAll(server); string(got) != "the end" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
