package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"argos/stream/access"
)

// vitals are what a server tells of itself at one moment.
type vitals struct {
	at       time.Time
	cpu      float64 // seconds of one core, since it began
	resident float64 // bytes
	frames   float64 // measured, since it began
}

// names are the metrics that vitals are.
func (v *vitals) names() map[string]*float64 {
	return map[string]*float64{
		"process_cpu_seconds_total":     &v.cpu,
		"process_resident_memory_bytes": &v.resident,
		"argos_capture_frames_total":    &v.frames,
	}
}

// A nurse reads the vitals of a server.
type nurse struct {
	url   string
	token string
	http  http.Client
}

const (
	nursePatience = 10 * time.Second
	metricsMost   = 1 << 20 // bytes that are read of a server's metrics
)

// newNurse sends the token of a login to this machine or by TLS: checkTarget let nothing
// else through.
func newNurse(address string, login *access.Login, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *nurse {
	n := &nurse{url: "http" + strings.TrimPrefix(address, "ws") + "/metrics"}
	transport := &http.Transport{DialContext: dial, DisableKeepAlives: true}
	n.http = http.Client{
		Transport: transport, Timeout: nursePatience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if login != nil {
		n.token = login.Token
		if u, err := url.Parse(address); err == nil && login.Trust != nil {
			transport.TLSClientConfig = login.Trust.Config(u.Host)
		}
	}
	return n
}

func (n *nurse) read(ctx context.Context) (vitals, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url, nil)
	if err != nil {
		return vitals{}, err
	}
	if n.token != "" {
		request.Header.Set("Authorization", "Bearer "+n.token)
	}
	response, err := n.http.Do(request)
	if err != nil {
		return vitals{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return vitals{}, fmt.Errorf("%s answers %d", n.url, response.StatusCode)
	}
	v, err := parseVitals(io.LimitReader(response.Body, metricsMost))
	v.at = time.Now()
	return v, err
}

var errVitals = errors.New("the server does not tell its CPU time and memory")

// parseVitals finds them in Prometheus' text format.
func parseVitals(r io.Reader) (v vitals, err error) {
	wanted := v.names()
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		into := wanted[name]
		if into == nil {
			continue
		}
		if *into, err = strconv.ParseFloat(text, 64); err != nil || !(*into >= 0) {
			return vitals{}, errVitals
		}
		delete(wanted, name)
	}
	if err := lines.Err(); err != nil {
		return vitals{}, err
	}
	if len(wanted) > 0 {
		return vitals{}, errVitals
	}
	return v, nil
}
