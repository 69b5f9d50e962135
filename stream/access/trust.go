package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"
)

// A Trust says by which certificates a client believes that a server is the one that it
// wants to talk to.
type Trust struct {
	known *KnownHosts
	roots *x509.CertPool // of --ca; nil: those of the system, and known hosts
	only  string         // fingerprint; empty: any that the above vouch for
}

// NewTrust trusts the hosts that the user of dir knows, and those that the system's
// authorities vouch for. With a file of authorities it trusts those that they vouch for
// alone.
func NewTrust(dir, authorities string) (*Trust, error) {
	t := &Trust{known: OpenKnownHosts(dir)}
	if authorities == "" {
		return t, nil
	}
	data, err := os.ReadFile(authorities)
	if err != nil {
		return nil, err
	}
	t.roots = x509.NewCertPool()
	if !t.roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", authorities)
	}
	return t, nil
}

// An UnknownHostError is a server that nobody vouches for and that was not met before.
type UnknownHostError struct{ Host, Fingerprint string }

func (e *UnknownHostError) Error() string {
	return fmt.Sprintf("%s is not known; its key is %s: if that is what its server printed, run argos-tui trust %s %s",
		e.Host, e.Fingerprint, e.Host, e.Fingerprint)
}

// A ChangedHostError is a server whose key is not the one that was trusted.
type ChangedHostError struct {
	Host      string
	Was, Is   string // fingerprints
	Since     time.Time
	Remedy    string // command
	KnownFile string
	Line      int
}

func (e *ChangedHostError) Error() string {
	return fmt.Sprintf("THE KEY OF %s HAS CHANGED: somebody may be listening in, or the server was set up anew; known since %s as %s, now %s; "+
		"ask who runs it, and if the new one is right run %s", e.Host, e.Since.Format(time.DateOnly), e.Was, e.Is, e.Remedy)
}

// Config is TLS for a client that connects to host:port. Its errors are an
// UnknownHostError, a ChangedHostError, or of package crypto/x509. Nothing is sent
// to a server that is not trusted.
func (t *Trust) Config(hostport string) *tls.Config {
	name, _, err := net.SplitHostPort(hostport)
	if err != nil {
		name = hostport
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13, ServerName: name, RootCAs: t.roots, NextProtos: []string{"http/1.1"}}
	if t.roots != nil {
		return config
	}
	config.InsecureSkipVerify = true // VerifyConnection verifies
	config.VerifyConnection = func(s tls.ConnectionState) error { return t.verify(hostport, name, &s) }
	return config
}

func (t *Trust) verify(hostport, name string, s *tls.ConnectionState) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	leaf := s.PeerCertificates[0]
	fingerprint := Fingerprint(leaf)
	if t.only == fingerprint {
		return nil
	}
	if t.only != "" {
		return errors.New("this is not the server that was started here")
	}
	known, err := t.known.find(hostport)
	switch {
	case err != nil:
		return err
	case known != nil && known.fingerprint == fingerprint:
		return nil
	case known != nil:
		return &ChangedHostError{known.host, known.fingerprint, fingerprint, known.since, "argos-tui forget " + known.host, t.known.File(), known.line}
	}
	between := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		between.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Intermediates: between}); err == nil {
		return nil
	}
	if t.own(fingerprint) {
		return nil
	}
	host, err := cleanHost(hostport)
	if err != nil {
		return err
	}
	return &UnknownHostError{host, fingerprint}
}

// own reports whether a key is that of this user's own server: who runs it need not ask
// whether to trust it.
func (t *Trust) own(fingerprint string) bool {
	c, err := OpenCertificate(filepath.Join(t.known.dir, serverCertificateFile), filepath.Join(t.known.dir, serverKeyFile))
	return err == nil && c.Fingerprint() == fingerprint
}

// Trust remembers a host that was met: see UnknownHostError.
func (t *Trust) Trust(e *UnknownHostError) error { return t.known.Trust(e.Host, e.Fingerprint) }
