package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A deadlineWriter writes messages to a connection, and closes it when one takes longer
// than writeTimeout. One timer serves all writes of a session: BenchmarkWrite tells what
// a context for each costs. It is for one goroutine.
type deadlineWriter struct {
	conn  *websocket.Conn
	under *framed // nil: the library writes
	kind  websocket.MessageType
	timer *time.Timer
	late  atomic.Bool
}

func newDeadlineWriter(conn *websocket.Conn, under *framed, kind websocket.MessageType) *deadlineWriter {
	w := &deadlineWriter{conn: conn, under: under, kind: kind}
	w.timer = time.AfterFunc(writeTimeout, func() {
		w.late.Store(true)
		_ = conn.CloseNow()
	})
	w.timer.Stop()
	return w
}

// write sends one message. Its error is context.DeadlineExceeded if that took too long.
func (w *deadlineWriter) write(m prepared) (err error) {
	w.timer.Reset(writeTimeout)
	if w.under != nil {
		err = w.under.send(m.frame())
	} else {
		err = w.conn.Write(context.Background(), w.kind, m.message())
	}
	w.timer.Stop()
	if err != nil && w.late.Load() {
		return context.DeadlineExceeded
	}
	return err
}
