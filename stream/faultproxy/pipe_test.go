package faultproxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPipeHoldsItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe(10)
		written := make(chan int, 1)
		go func() {
			n, err := near.Write([]byte("0123456789abcdef"))
			if err != nil {
				t.Error(err)
			}
			written <- n
		}()
		synctest.Wait()
		if len(written) != 0 {
			t.Error("16 bytes went into 10")
		}
		b := make([]byte, 20)
		if n, err := far.Read(b); string(b[:n]) != "0123456789" || err != nil {
			t.Errorf("read %q, %v", b[:n], err)
		}
		if n := <-written; n != 16 {
			t.Errorf("%d bytes written", n)
		}
		_ = near.Close()
		if rest, err := io.ReadAll(far); string(rest) != "abcdef" || err != nil {
			t.Errorf("after the end: %q, %v", rest, err)
		}
		if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("write to who is gone: %v", err)
		}
		if _, err := near.Read(b); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of what we closed: %v", err)
		}
	})
}

func TestPipeDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := Pipe(1)
		began := time.Now()
		_ = near.SetDeadline(began.Add(3 * time.Second))
		_, err := near.Read(make([]byte, 1))
		if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != 3*time.Second {
			t.Errorf("read: %v after %s", err, took)
		}
		var timeout net.Error
		if n, err := near.Write([]byte("ab")); !errors.As(err, &timeout) || !timeout.Timeout() || n != 0 {
			t.Errorf("write: %d, %v", n, err)
		}
		// One in the past wakes who waits, and none lets it go on.
		_ = near.SetDeadline(time.Time{})
		go func() {
			time.Sleep(time.Second)
			_ = near.SetWriteDeadline(time.Unix(1, 0))
		}()
		if n, err := near.Write([]byte("ab")); !errors.Is(err, os.ErrDeadlineExceeded) || n != 1 {
			t.Errorf("write: %d, %v", n, err)
		}
		_ = near.Close()
		_ = far.Close()
	})
}

func TestPipeReset(t *testing.T) {
	near, far := Pipe(10)
	_, _ = near.Write([]byte("lost"))
	near.Reset()
	if n, err := far.Read(make([]byte, 4)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read %d, %v", n, err)
	}
	if _, err := far.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("write: %v", err)
	}
}

func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(10)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Dial(ctx, "", ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("nobody accepts: %v", err)
		}
		go func() { _, _ = l.Dial(t.Context(), "", "") }()
		if c, err := l.Accept(); err != nil || c.RemoteAddr().String() != "pipe" {
			t.Errorf("accept: %v", err)
		}
		_ = l.Close()
		_ = l.Close()
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("accept of what is closed: %v", err)
		}
		if _, err := l.Dial(t.Context(), "", ""); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("dial of what is closed: %v", err)
		}
	})
}
