package stream

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// This file is how data gets past the library: it shakes hands, reads, and writes control
// frames, and what is sent to viewers goes beside it as frames that were made once.
// docs/adr/0021-prepared-frames.md says why, and what of the library it rests on.

// A framed is the connection under a session's library. It takes whole frames from both
// sides, one after the other, and none behind a close or behind one that was cut short.
type framed struct {
	net.Conn
	turn  chan struct{} // holds one who writes; not a Mutex, since who waits may give up
	ended bool          // of whose turn it is
}

// controlBuffer holds the longest control frame, which is 127 bytes, so that the library
// writes each at once.
const controlBuffer = 256

// controlPatience is less than the 5 s after which the library would close the connection
// under a message that takes long: a ping that finds no room is for keepAlive to judge.
const controlPatience = 4900 * time.Millisecond

var errLibrary = errors.New("the library wrote something else than one control frame")

// send writes a frame of data.
func (f *framed) send(frame []byte) error {
	f.turn <- struct{}{}
	err := f.put(frame)
	<-f.turn
	return err
}

// Write is the library's, for control frames.
func (f *framed) Write(frame []byte) (int, error) {
	if len(frame) < 2 || frame[0]&(frameFinal|frameControl) != frameFinal|frameControl || len(frame) != 2+int(frame[1]) {
		return 0, errLibrary
	}
	patience := time.NewTimer(controlPatience)
	defer patience.Stop()
	select {
	case f.turn <- struct{}{}:
	case <-patience.C:
		return 0, context.DeadlineExceeded
	}
	defer func() { <-f.turn }()
	if err := f.put(frame); err != nil {
		return 0, err
	}
	return len(frame), nil
}

func (f *framed) put(frame []byte) error {
	if f.ended {
		return net.ErrClosed
	}
	n, err := f.Conn.Write(frame)
	if err == nil && n < len(frame) {
		err = io.ErrShortWrite
	}
	f.ended = err != nil || frame[0]&frameKind == frameClose
	return err
}

// accept upgrades a request. It returns what lies under the connection, nil if the library
// alone can write: where it compresses, and where w is not who hands out the connection.
func accept(w http.ResponseWriter, r *http.Request, o *websocket.AcceptOptions) (*websocket.Conn, *framed, error) {
	hijacker, ok := w.(http.Hijacker)
	if !ok {
		conn, err := websocket.Accept(w, r, o)
		return conn, nil, err
	}
	u := &upgrade{ResponseWriter: w, hijacker: hijacker}
	conn, err := websocket.Accept(u, r, o)
	return conn, u.framed, err
}

// An upgrade is a ResponseWriter that puts a framed under the library.
type upgrade struct {
	http.ResponseWriter
	hijacker http.Hijacker
	framed   *framed // nil until then, or where the library compresses
}

// Hijack is called when the answer's headers are set.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, both, err := u.hijacker.Hijack()
	if err != nil || u.Header().Get("Sec-WebSocket-Extensions") != "" {
		return conn, both, err
	}
	u.framed = &framed{Conn: conn, turn: make(chan struct{}, 1)}
	return u.framed, bufio.NewReadWriter(both.Reader, bufio.NewWriterSize(u.framed, controlBuffer)), nil
}
