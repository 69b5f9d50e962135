package stream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"argos/stream/access"
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
// ws:// or wss://, host and port, or ssh://.
func ParseURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err == nil && u.Scheme == sshScheme && u.Host != "" {
		return parseSSH(u)
	}
	if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
		return "", fmt.Errorf("%q is not the address of a server: write it like ws://127.0.0.1:8470, wss://box:8470 or ssh://box", s)
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
func (c *Client) dial(ctx context.Context) (link *websocket.Conn, cipher string, err error) {
	patience := dialTimeout
	if c.route.asks && !c.wasConnected() {
		patience = sshTyping
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	header := http.Header{}
	if token := c.options.Login.Token; token != "" && c.route.safe {
		header.Set("Authorization", "Bearer "+token)
	}
	conn, response, err := websocket.Dial(ctx, c.route.endpoint+linkPath, &websocket.DialOptions{ //nolint:bodyclose // Dial closes it
		HTTPClient:      &http.Client{Transport: c.transport, CheckRedirect: stay},
		HTTPHeader:      header,
		Subprotocols:    []string{protocolPB},
		CompressionMode: websocket.CompressionDisabled,
	})
	if response != nil && response.StatusCode == http.StatusUnauthorized {
		return nil, "", &refusal{c.tokenError(response)}
	}
	if err != nil {
		return nil, "", dialError(ctx, c.url, patience, response, err)
	}
	if conn.Subprotocol() != protocolPB {
		_ = conn.CloseNow()
		return nil, "", &refusal{fmt.Errorf("%w: %s does not speak %s", ErrNotArgos, c.url, protocolPB)}
	}
	conn.SetReadLimit(maxMessage)
	return conn, c.route.cipher(response), nil
}

// stay makes an answer of a redirection: a token goes where it was meant to go.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// A route is how a server is reached.
type route struct {
	endpoint string // URL without path that is asked for
	host     string // of it, with port
	safe     bool   // for a token: nobody else can read what is sent
	asks     bool   // a person may have to type something first
	dial     func(ctx context.Context, network, addr string) (net.Conn, error)
}

// routeOf is the way to an address of ParseURL. busy says whether a person's screen is in
// use, who then cannot be asked.
func routeOf(address string, busy func() bool) route {
	u, err := url.Parse(address)
	if err != nil {
		u = &url.URL{} // it cannot be dialled, which says why
	}
	if u.Scheme == sshScheme {
		_, at := sshCommand(u, false)
		return route{"ws://" + at, at, true, true, func(ctx context.Context, _, _ string) (net.Conn, error) { return dialSSH(ctx, u, busy()) }}
	}
	return route{address, u.Host, u.Scheme == "wss" || access.LocalHost(u.Hostname()), false, new(net.Dialer).DialContext}
}

// cipher is what a link by this way is encrypted by, "" if by nothing.
func (r *route) cipher(response *http.Response) string {
	switch {
	case r.asks:
		return sshScheme
	case response.TLS != nil:
		return tls.VersionName(response.TLS.Version)
	}
	return ""
}

// tokenError is a 401.
func (c *Client) tokenError(response *http.Response) error {
	return &access.TokenError{URL: c.url, Tried: c.options.Login.Token != "" && c.route.safe, Safe: c.route.safe, Text: firstLine(response)}
}

// firstLine is what a server says in the body of its no.
func firstLine(response *http.Response) string {
	said, _ := io.ReadAll(io.LimitReader(response.Body, maxText)) // what there is
	line, _, _ := strings.Cut(string(said), "\n")
	return cleanText(line)
}

// dialError makes of a failed handshake a line that says what to do.
func dialError(ctx context.Context, address string, patience time.Duration, response *http.Response, err error) error {
	var network *net.OpError
	var certificate *tls.CertificateVerificationError
	var unknown *access.UnknownHostError
	var changed *access.ChangedHostError
	var ssh *sshError
	var record tls.RecordHeaderError
	status := ""
	if response != nil {
		status = cleanText(response.Status)
	}
	switch {
	case response != nil && response.StatusCode == http.StatusForbidden:
		return &refusal{fmt.Errorf("%s says %s: %s", address, status, firstLine(response))}
	case response != nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable):
		return &busyError{fmt.Errorf("%s says %s", address, status), retryAfter(response.Header)}
	case response != nil && response.StatusCode >= http.StatusInternalServerError:
		// A proxy before a server that is away heals.
		return fmt.Errorf("%s answers %s; check what runs there", address, status)
	case response != nil && firstLine(response) == speaksTLS:
		return &refusal{&TLSError{address}}
	case response != nil:
		return &refusal{fmt.Errorf("%w: %s answers %s; check host and port", ErrNotArgos, address, status)}
	case errors.As(err, &ssh):
		return fmt.Errorf("cannot reach %s: %w", address, ssh)
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer within %s; check host, port and firewall", address, lasting(patience))
	case errors.As(err, &network) && network.Op == "dial":
		return fmt.Errorf("cannot reach %s: %w; check that argos-tui --serve runs there", address, network.Err)
	case errors.As(err, &unknown):
		return &refusal{unknown}
	case errors.As(err, &changed):
		return &refusal{changed}
	case errors.As(err, &certificate):
		return fmt.Errorf("%s: %w", address, certificate)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &record):
		return fmt.Errorf("%s does not speak TLS; use ws:// where the way there is safe", address)
	case errors.As(err, &network) && network.Op == "remote error":
		return fmt.Errorf("%s breaks off the TLS handshake (%w): it may have too much to do; try again later", address, network.Err)
	case errors.As(err, &network):
		return fmt.Errorf("%s: %w", address, network.Err)
	default:
		return fmt.Errorf("%w: %s does not answer as one; check host and port", ErrNotArgos, address)
	}
}

// speaksTLS is what net/http says to who does not, on a TLS port.
const speaksTLS = "Client sent an HTTP request to an HTTPS server."

// A TLSError is a server that was spoken to in clear and speaks TLS alone.
type TLSError struct{ URL string }

func (e *TLSError) Error() string {
	return fmt.Sprintf("%s speaks TLS: use %s", e.URL, e.Other())
}

// Other is the address that would have been right.
func (e *TLSError) Other() string { return "wss" + strings.TrimPrefix(e.URL, "ws") }

// newTransport is HTTP for one link at a time, its bytes counted.
func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error), t *traffic) *http.Transport {
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
