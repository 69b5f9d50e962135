package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// This file is the link spoken by hand, by who means no good with it and by who is to be
// harmed.

func dialServer(ctx context.Context, addr string) (net.Conn, error) {
	d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} // an attacker does not mind
	return d.DialContext(ctx, "tcp", addr)
}

const (
	offerPB   = "Sec-WebSocket-Protocol: argos.v1.pb\r\n"
	offerJSON = "Sec-WebSocket-Protocol: argos.v1.json\r\n"
)

// handshake upgrades with these headers and returns the answer's status.
func handshake(c net.Conn, host, token, more string) (*bufio.Reader, string) {
	_ = c.SetDeadline(time.Now().Add(attackPatience))
	if token != "" {
		more += "Authorization: Bearer " + token + "\r\n"
	}
	fmt.Fprintf(c, "GET /v1/link HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n", host, more)
	r := bufio.NewReader(c)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return r, ""
	}
	return r, response.Status[:3]
}

// clientFrame is a WebSocket frame of a client, masked by zero.
func clientFrame(first byte, payload []byte) []byte {
	b := []byte{first}
	if len(payload) < 126 {
		b = append(b, 0x80|byte(len(payload)))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(len(payload)))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// readServerFrame reads a frame of a server, none of which is masked.
func readServerFrame(r *bufio.Reader) (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err = io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := uint64(head[1])
	var more [8]byte
	switch length {
	case 126:
		_, err = io.ReadFull(r, more[6:])
		length = binary.BigEndian.Uint64(more[:])
	case 127:
		_, err = io.ReadFull(r, more[:])
		length = binary.BigEndian.Uint64(more[:])
	}
	if err == nil && length > 32<<20 {
		err = fmt.Errorf("a frame of %d bytes", length)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r, payload)
	return head[0], payload, err
}

// A said is what matters here of a message of the server.
type said struct {
	Welcome *struct {
		Epoch string
		Head  json.RawMessage
	}
	Frame *struct {
		FirstSeq, LastSeq uint64 `json:",string"`
	}
	Event *struct {
		Offset uint64 `json:",string"`
	}
	Gap      *struct{ Reason string }
	EventGap *struct {
		Last   uint64 `json:",string"`
		Reason string
	}
	Reply   *struct{ Key, Error string }
	Goodbye *struct{ Reason string }
}

// A rawLink speaks argos.v1.json.
type rawLink struct {
	net.Conn
	in *bufio.Reader
}

// openLink connects.
func openLink(ctx context.Context, addr, token string) (*rawLink, error) {
	c, err := dialServer(ctx, addr)
	if err != nil {
		return nil, err
	}
	r, status := handshake(c, addr, token, offerJSON)
	if status != "101" {
		_ = c.Close()
		return nil, fmt.Errorf("answered %q", status)
	}
	_ = c.SetDeadline(time.Time{})
	return &rawLink{c, r}, nil
}

func (l *rawLink) say(text string) error {
	_, err := l.Write(clientFrame(0x81, []byte(text)))
	return err
}

// hear reads the next message. Pings are answered.
func (l *rawLink) hear() (*said, error) {
	for {
		first, payload, err := readServerFrame(l.in)
		if err != nil {
			return nil, err
		}
		switch first {
		case 0x89:
			if _, err := l.Write(clientFrame(0x8a, payload)); err != nil {
				return nil, err
			}
		case 0x81:
			s := new(said)
			if err := json.Unmarshal(payload, s); err != nil {
				return nil, fmt.Errorf("%.200s: %w", payload, err)
			}
			return s, nil
		case 0x88:
			return nil, io.EOF
		}
	}
}

// hearReply reads up to the answer of a command, nil if the link ends before.
func (l *rawLink) hearReply() *said {
	for {
		s, err := l.hear()
		if err != nil {
			return nil
		}
		if s.Reply != nil {
			return s
		}
	}
}
