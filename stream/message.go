package stream

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coder/websocket"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// The subprotocols: one schema in two encodings.
const (
	protocolPB   = "argos.v1.pb"
	protocolJSON = "argos.v1.json"
)

// An encoding is how messages of the schema become WebSocket messages.
type encoding uint8

const (
	encodingPB encoding = iota
	encodingJSON
)

// encodingOf is the encoding of a negotiated subprotocol.
func encodingOf(subprotocol string) (encoding, bool) {
	switch subprotocol {
	case protocolPB:
		return encodingPB, true
	case protocolJSON:
		return encodingJSON, true
	}
	return 0, false
}

func (e encoding) messageType() websocket.MessageType {
	if e == encodingJSON {
		return websocket.MessageText
	}
	return websocket.MessageBinary
}

// marshal appends m to dst.
func (e encoding) marshal(dst []byte, m proto.Message) ([]byte, error) {
	if e == encodingJSON {
		return protojson.MarshalOptions{}.MarshalAppend(dst, m)
	}
	return proto.MarshalOptions{}.MarshalAppend(dst, m)
}

// unmarshal reads m; what it does not know is ignored.
func (e encoding) unmarshal(data []byte, m proto.Message) error {
	if e == encodingJSON {
		return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, m)
	}
	return proto.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(data, m)
}

// maxText bounds a line of text from the other side, in bytes.
const maxText = 400

// cleanText makes a line from outside safe to show: line ends and tabs become blanks,
// other control and format characters and invalid UTF-8 go, and its length is bounded.
func cleanText(s string) string {
	if len(s) > maxText {
		s = s[:maxText] // a rune cut in two is dropped as invalid
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, s)
}
