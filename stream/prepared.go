package stream

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"
)

// prepared is an encoded message, and before it in headerRoom bytes, at their end, the
// header that makes it one WebSocket frame of a server: whole and not masked.
type prepared []byte

// headerRoom is the length of the longest header there is.
const headerRoom = 10

// prepare writes the header into b, which is a message behind headerRoom bytes.
func (e encoding) prepare(b []byte) prepared {
	p := prepared(b)
	frame, n := p.frame(), len(p.message())
	frame[0] = frameFinal | byte(e.messageType())
	switch headerLength(n) {
	case 2:
		frame[1] = byte(n)
	case 4:
		frame[1] = 126
		binary.BigEndian.PutUint16(frame[2:], uint16(n))
	default:
		frame[1] = 127
		binary.BigEndian.PutUint64(frame[2:], uint64(n))
	}
	return p
}

// marshalPrepared prepares m in the memory of reuse; what fails is an empty message.
func (e encoding) marshalPrepared(reuse prepared, m proto.Message) (prepared, error) {
	empty := append(reuse[:0], make([]byte, headerRoom)...)
	b, err := e.marshal(empty, m)
	if err != nil {
		return e.prepare(empty), err
	}
	return e.prepare(b), nil
}

func (p prepared) message() []byte { return p[headerRoom:] }

func (p prepared) frame() []byte { return p[headerRoom-headerLength(len(p)-headerRoom):] }

// headerLength is that of the header of a message of n bytes.
func headerLength(n int) int {
	switch {
	case n < 126:
		return 2
	case n < 1<<16:
		return 4
	}
	return headerRoom
}

// Of the first byte of a frame.
const (
	frameFinal   = 0x80
	frameControl = 0x08
	frameClose   = 0x08
	frameKind    = 0x0f
)
