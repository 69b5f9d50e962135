package stream

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// A deadlineWriter writes messages to a connection, and closes it when one takes longer
// than writeTimeout. It is for one goroutine. Its one timer is not set for each write, which
// costs a microsecond among many viewers, but looks after writeTimeout how old the write
// under way is, and again when that would be too old.
type deadlineWriter struct {
	conn  *websocket.Conn
	under *framed // nil: the library writes
	kind  websocket.MessageType

	born    time.Time
	began   atomic.Int64 // when the write under way did, since born, and 1 ns; 0: none is
	timer   *time.Timer
	late    atomic.Bool
	stopped atomic.Bool
}

// newDeadlineWriter returns a writer that is to be stopped.
func newDeadlineWriter(conn *websocket.Conn, under *framed, kind websocket.MessageType) *deadlineWriter {
	w := &deadlineWriter{conn: conn, under: under, kind: kind, born: time.Now()}
	w.timer = time.AfterFunc(writeTimeout, w.look)
	return w
}

// write sends one message. Its error is context.DeadlineExceeded if that took too long.
func (w *deadlineWriter) write(m prepared) (err error) {
	w.began.Store(int64(time.Since(w.born)) + 1)
	if w.under != nil {
		err = w.under.send(m.frame())
	} else {
		err = w.conn.Write(context.Background(), w.kind, m.message())
	}
	w.began.Store(0)
	if err != nil && w.late.Load() {
		return context.DeadlineExceeded
	}
	return err
}

// look is what the timer does.
func (w *deadlineWriter) look() {
	left := writeTimeout
	if began := w.began.Load(); began != 0 {
		left -= time.Since(w.born) - time.Duration(began-1)
	}
	if left <= 0 {
		w.late.Store(true)
		_ = w.conn.CloseNow()
		return
	}
	w.timer.Reset(left)
	if w.stopped.Load() { // meanwhile
		w.timer.Stop()
	}
}

// stop lets go of the timer.
func (w *deadlineWriter) stop() {
	w.stopped.Store(true)
	w.timer.Stop()
}
