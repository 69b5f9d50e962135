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
	timer *time.Timer
	late  atomic.Bool
}

func newDeadlineWriter(conn *websocket.Conn) *deadlineWriter {
	w := &deadlineWriter{conn: conn}
	w.timer = time.AfterFunc(writeTimeout, func() {
		w.late.Store(true)
		_ = conn.CloseNow()
	})
	w.timer.Stop()
	return w
}

// write sends one message. Its error is context.DeadlineExceeded if that took too long.
func (w *deadlineWriter) write(kind websocket.MessageType, message []byte) error {
	w.timer.Reset(writeTimeout)
	err := w.conn.Write(context.Background(), kind, message)
	w.timer.Stop()
	if err != nil && w.late.Load() {
		return context.DeadlineExceeded
	}
	return err
}
