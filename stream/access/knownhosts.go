package access

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"argos/atomicfile"
)

// A knownHost is a server that a person has trusted.
type knownHost struct {
	host        string // host:port, in lower case
	fingerprint string
	since       time.Time
	line        int // in the file, from 1
}

const knownHostsHeader = "# Argos servers that were trusted: HOST:PORT FINGERPRINT SINCE.\n# Change them by argos-tui trust and argos-tui forget.\n"

// parseKnownHosts reads a file of known hosts. A line that cannot be read is an error:
// to leave it out would be to ask again about a host that may have changed.
func parseKnownHosts(data []byte) (all []knownHost, err error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, maxFile)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		parts := strings.Fields(text)
		if len(parts) != 3 {
			return nil, fmt.Errorf("line %d: not HOST:PORT FINGERPRINT SINCE", n)
		}
		h := knownHost{line: n}
		if h.host, err = cleanHost(parts[0]); err == nil {
			h.fingerprint, err = cleanFingerprint(parts[1])
		}
		if err == nil {
			h.since, err = time.Parse(time.RFC3339, parts[2])
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if slices.ContainsFunc(all, func(o knownHost) bool { return o.host == h.host }) {
			return nil, fmt.Errorf("line %d: %s a second time", n, h.host)
		}
		all = append(all, h)
	}
	return all, lines.Err()
}

func formatKnownHosts(all []knownHost) []byte {
	var b bytes.Buffer
	b.WriteString(knownHostsHeader)
	for _, h := range all {
		fmt.Fprintf(&b, "%s %s %s\n", h.host, h.fingerprint, h.since.UTC().Format(time.RFC3339))
	}
	return b.Bytes()
}

// cleanHost is host:port as it stands in the file.
func cleanHost(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	host = strings.ToLower(host)
	if err != nil || strings.Trim(port, "0123456789") != "" || port == "" || len(port) > 5 ||
		net.ParseIP(host) == nil && !hostForm.MatchString(host) {
		return "", fmt.Errorf("host %q: write it like box:8470", s)
	}
	return net.JoinHostPort(host, port), nil
}

const fingerprintPrefix = "SHA256:"

func cleanFingerprint(s string) (string, error) {
	sum, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimPrefix(s, fingerprintPrefix))
	if err != nil || len(sum) != 32 || !strings.HasPrefix(s, fingerprintPrefix) {
		return "", fmt.Errorf("fingerprint %q: it begins with %s and has 50 characters", s, fingerprintPrefix)
	}
	return s, nil
}

// KnownHosts are the servers that the user of a directory has trusted.
type KnownHosts struct{ dir string }

// OpenKnownHosts returns those in dir, which need not be there yet.
func OpenKnownHosts(dir string) *KnownHosts { return &KnownHosts{dir} }

// File is where they stand.
func (k *KnownHosts) File() string { return filepath.Join(k.dir, knownHostsFile) }

func (k *KnownHosts) read() ([]knownHost, error) {
	if err := checkDir(k.dir); err != nil {
		return nil, err
	}
	data, err := readFile(k.File())
	if err != nil {
		return nil, err
	}
	all, err := parseKnownHosts(data)
	if err != nil {
		return nil, fmt.Errorf("known hosts in %s: %w", k.File(), err)
	}
	return all, nil
}

// find returns what is known of a host, nil if nothing.
func (k *KnownHosts) find(host string) (*knownHost, error) {
	host, err := cleanHost(host)
	if err != nil {
		return nil, err
	}
	all, err := k.read()
	if i := slices.IndexFunc(all, func(h knownHost) bool { return h.host == host }); i >= 0 {
		return &all[i], err
	}
	return nil, err
}

// ErrKnown says that a host is trusted already, by another key.
var ErrKnown = errors.New("known by another key")

// Trust remembers a host by the fingerprint of its key. One that is known by another is
// to be forgotten first.
func (k *KnownHosts) Trust(host, fingerprint string) error {
	host, err := cleanHost(host)
	if err == nil {
		fingerprint, err = cleanFingerprint(fingerprint)
	}
	if err != nil {
		return err
	}
	return k.change(func(all []knownHost) ([]knownHost, error) {
		if i := slices.IndexFunc(all, func(h knownHost) bool { return h.host == host }); i >= 0 {
			if all[i].fingerprint != fingerprint {
				return nil, fmt.Errorf("%s is %w, %s, since %s: argos-tui forget %s first", host, ErrKnown,
					all[i].fingerprint, all[i].since.Format(time.DateOnly), host)
			}
			return all, nil
		}
		return append(all, knownHost{host: host, fingerprint: fingerprint, since: time.Now()}), nil
	})
}

// Forget removes a host.
func (k *KnownHosts) Forget(host string) error {
	host, err := cleanHost(host)
	if err != nil {
		return err
	}
	return k.change(func(all []knownHost) ([]knownHost, error) {
		i := slices.IndexFunc(all, func(h knownHost) bool { return h.host == host })
		if i < 0 {
			return nil, fmt.Errorf("%s is not known: see %s", host, k.File())
		}
		return slices.Delete(all, i, i+1), nil
	})
}

func (k *KnownHosts) change(f func(all []knownHost) ([]knownHost, error)) error {
	return locked(k.dir, func() error {
		all, err := k.read()
		if err != nil {
			return err
		}
		if all, err = f(all); err != nil {
			return err
		}
		return atomicfile.Write(k.File(), formatKnownHosts(all), 0o600)
	})
}
