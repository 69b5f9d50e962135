package stream

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

func TestWriteThatTakesTooLongEndsTheLink(t *testing.T) {
	for _, stock := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { testWriteThatTakesTooLong(t, stock) })
	}
}

func testWriteThatTakesTooLong(t *testing.T, stock bool) {
	network := new(pipeNet)
	w := newEnds(t, endsOptions{listen: network.listen(), dial: network.dial, stock: stock})
	defer func() { _ = w.farWire.Close() }()
	time.Sleep(writeTimeout / 3) // the timer is in the middle of its round
	began := time.Now()
	err := w.write(preparedBytes(1<<20, 0)) // nobody reads
	if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != writeTimeout {
		t.Errorf("%v after %s", err, took)
	}
	if err := w.write(preparedBytes(4, 0)); err == nil {
		t.Error("the link goes on")
	}
}

// BenchmarkWrite compares ways to bound a write of 4 kB on loopback.
func BenchmarkWrite(b *testing.B) {
	message := preparedBytes(4096, 0)
	for _, way := range []struct {
		name  string
		stock bool
		with  func(w *deadlineWriter) func() error
	}{
		{"context", true, func(w *deadlineWriter) func() error {
			session, cancel := context.WithCancel(context.Background())
			b.Cleanup(cancel)
			return func() error {
				ctx, cancel := context.WithTimeout(session, writeTimeout)
				defer cancel()
				return w.conn.Write(ctx, websocket.MessageBinary, message.message())
			}
		}},
		{"deadline", true, func(w *deadlineWriter) func() error {
			return func() error { return w.write(message) }
		}},
		{"unbounded", true, func(w *deadlineWriter) func() error {
			return func() error {
				return w.conn.Write(context.Background(), websocket.MessageBinary, message.message())
			}
		}},
		{"prepared", false, func(w *deadlineWriter) func() error {
			return func() error { return w.write(message) }
		}},
	} {
		b.Run(way.name, func(b *testing.B) {
			e := newEnds(b, endsOptions{stock: way.stock})
			write := way.with(e.deadlineWriter)
			go func() { _, _ = io.Copy(io.Discard, e.farWire) }() // ends with the link
			b.ReportAllocs()
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
