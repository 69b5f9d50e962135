package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

const (
	dialTimeout = 10 * time.Second
	maxMessage  = 32 << 20 // of a server: a frame of maxBins in its worst form
)

// ErrNotArgos says that the other end answers but is no Argos server.
var ErrNotArgos = errors.New("not an Argos server")

// A refusal is an answer that trying again does not change.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// A busyError is an answer that asks to come back later.
type busyError struct {
	err      error
	comeBack time.Duration // as it says; 0: it does not
}

func (e *busyError) Error() string { return "server is busy: " + e.err.Error() }
func (e *busyError) Unwrap() error { return e.err }

// retryAfter reads the header of that name where it has seconds, 0 if not.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.ParseUint(h.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// ParseURL checks what a person gave as the address of a server and completes it:
// ws:// or wss://, host and port.
func ParseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
		return "", fmt.Errorf("%q is not the address of a server: write it like ws://127.0.0.1:8470 or wss://box:8470", s)
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return "", fmt.Errorf("%q has more than a host and a port: write it like ws://127.0.0.1:8470", s)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "8470")
	}
	return u.Scheme + "://" + u.Host, nil
}

// traffic counts the bytes of a connection, both ways, as they are on the wire.
type traffic struct{ in, out atomic.Int64 }

type countedConn struct {
	net.Conn
	traffic *traffic
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.traffic.in.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.traffic.out.Add(int64(n))
	return n, err
}

// dial opens the link. Its error is a refusal, a busyError, or something to try again.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, c.url+linkPath, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient:      &http.Client{Transport: c.transport},
		Subprotocols:    []string{protocolPB},
		CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, dialError(ctx, c.url, response, err)
	}
	if conn.Subprotocol() != protocolPB {
		_ = conn.CloseNow()
		return nil, &refusal{fmt.Errorf("%w: %s does not speak %s", ErrNotArgos, c.url, protocolPB)}
	}
	conn.SetReadLimit(maxMessage)
	return conn, nil
}

// dialError makes of a failed handshake a line that says what to do.
func dialError(ctx context.Context, address string, response *http.Response, err error) error {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	status := ""
	if response != nil {
		status = cleanText(response.Status)
	}
	switch {
	case response != nil && (response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden):
		return &refusal{fmt.Errorf("%s says %s", address, status)}
	case response != nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable):
		return &busyError{fmt.Errorf("%s says %s", address, status), retryAfter(response.Header)}
	case response != nil && response.StatusCode >= http.StatusInternalServerError:
		// A proxy before a server that is away heals.
		return fmt.Errorf("%s answers %s; check what runs there", address, status)
	case response != nil:
		return &refusal{fmt.Errorf("%w: %s answers %s; check host and port", ErrNotArgos, address, status)}
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer within %s; check host, port and firewall", address, lasting(dialTimeout))
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("cannot reach %s: %w; check that argos-tui --serve runs there", address, network.Err)
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w", address, certificate)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS; use ws:// where the way there is safe", address)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %w", address, network.Err)
	default:
		return fmt.Errorf("%w: %s does not answer as one; check host and port", ErrNotArgos, address)
	}
}

// newTransport is HTTP for one link at a time, its bytes counted.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), t *traffic) *http.Transport {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return countedConn{conn, t}, nil
		},
		// Time is bounded by the context of the dial.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: 16 << 10,
	}
}
