package access

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shake lets a client that trusts as t says meet a server, and returns the client's error.
func shake(t *testing.T, server *tls.Config, client *tls.Config) error {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := ln.Accept()
		if err == nil {
			_ = conn.(*tls.Conn).Handshake() // the client tells
			_ = conn.Close()
		}
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err == nil {
		_, _ = conn.Read(make([]byte, 1)) // a server that minds says so late
		_ = conn.Close()
	}
	_ = ln.Close()
	<-done
	return err
}

func newCertificate(t *testing.T) (*Certificate, string) {
	t.Helper()
	dir := t.TempDir()
	if err := makeCertificate(dir); err != nil {
		t.Fatal(err)
	}
	c, err := OpenCertificate(filepath.Join(dir, serverCertificateFile), filepath.Join(dir, serverKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	return c, dir
}

func TestTrustOnFirstUse(t *testing.T) {
	server, serverDir := newCertificate(t)
	other, _ := newCertificate(t)
	trust, err := NewTrust(filepath.Join(t.TempDir(), "argos"), "")
	if err != nil {
		t.Fatal(err)
	}
	err = shake(t, server.config(), trust.Config("Box:8470"))
	var unknown *UnknownHostError
	if !errors.As(err, &unknown) || unknown.Host != "box:8470" || unknown.Fingerprint != server.Fingerprint() {
		t.Fatalf("first: %v", err)
	}
	if err := trust.Trust(unknown); err != nil {
		t.Fatal(err)
	}
	if err := shake(t, server.config(), trust.Config("box:8470")); err != nil {
		t.Errorf("known: %v", err)
	}
	if err := shake(t, server.config(), trust.Config("box:8471")); !errors.As(err, &unknown) {
		t.Errorf("another port: %v", err)
	}
	err = shake(t, other.config(), trust.Config("box:8470"))
	var changed *ChangedHostError
	if !errors.As(err, &changed) || changed.Was != server.Fingerprint() || changed.Is != other.Fingerprint() {
		t.Fatalf("changed: %v", err)
	}
	for _, part := range []string{"HAS CHANGED", "argos-tui forget box:8470", changed.Is, changed.Was} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if err := trust.known.Trust("box:8470", other.Fingerprint()); !errors.Is(err, ErrKnown) {
		t.Errorf("trusted over: %v", err)
	}
	if err := trust.known.Forget("BOX:8470"); err != nil {
		t.Fatal(err)
	}
	if err := shake(t, other.config(), trust.Config("box:8470")); !errors.As(err, &unknown) {
		t.Errorf("forgotten: %v", err)
	}
	// A server's own user need not ask.
	own, err := NewTrust(serverDir, "")
	if err == nil {
		chmod(t, serverDir, 0o700)
		err = shake(t, server.config(), own.Config("127.0.0.1:8470"))
	}
	if err != nil {
		t.Errorf("own: %v", err)
	}
	// A damaged file is no reason to ask again.
	if err := os.WriteFile(trust.known.File(), []byte("box:8470 SHA256:x now\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := shake(t, server.config(), trust.Config("box:8470")); err == nil || errors.As(err, &unknown) {
		t.Errorf("damaged: %v", err)
	}
}

func TestAuthorities(t *testing.T) {
	server, dir := newCertificate(t)
	other, _ := newCertificate(t)
	trust, err := NewTrust(t.TempDir(), filepath.Join(dir, serverCertificateFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := shake(t, server.config(), trust.Config(hostName()+":8470")); err != nil {
		t.Errorf("vouched for: %v", err)
	}
	var name x509.HostnameError
	if err := shake(t, server.config(), trust.Config("another.example:8470")); !errors.As(err, &name) {
		t.Errorf("another name: %v", err)
	}
	var unknown x509.UnknownAuthorityError
	if err := shake(t, other.config(), trust.Config(hostName()+":8470")); !errors.As(err, &unknown) {
		t.Errorf("another authority: %v", err)
	}
	if _, err := NewTrust(t.TempDir(), filepath.Join(dir, serverKeyFile)); err == nil {
		t.Error("a key is an authority")
	}
}

func TestTLS13Alone(t *testing.T) {
	server, _ := newCertificate(t)
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if err := shake(t, server.config(), old); err == nil {
		t.Error("a server speaks TLS 1.2")
	}
	weak := server.config()
	weak.MinVersion, weak.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	trust := &Trust{known: OpenKnownHosts(t.TempDir()), only: server.Fingerprint()}
	if err := shake(t, weak, trust.Config("box:8470")); err == nil {
		t.Error("a client speaks TLS 1.2")
	}
}

func TestRenewedCertificate(t *testing.T) {
	server, dir := newCertificate(t)
	before := server.Fingerprint()
	failures := 0
	server.failed = func(error) { failures++ }
	shown := func() string {
		server.looked = time.Time{}
		c, err := server.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return Fingerprint(c.Leaf)
	}
	if err := os.WriteFile(filepath.Join(dir, serverCertificateFile), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if shown() != before || failures != 1 || shown() != before || failures != 1 {
		t.Errorf("half a certificate: %d failures", failures)
	}
	if err := makeCertificate(dir); err != nil {
		t.Fatal(err)
	}
	if shown() == before {
		t.Error("not taken up")
	}
}

// FuzzKnownHosts: what can be read is written as it was read, each host once.
func FuzzKnownHosts(f *testing.F) {
	f.Add([]byte("box:8470 SHA256:GWywP4/Wqw3Y1jkfitk44714GklVzPYOivbyUmTZ55g 2026-01-02T03:04:05Z\n"))
	f.Add([]byte("[::1]:1 SHA256:x y\n# z\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := parseKnownHosts(data)
		if err != nil {
			return
		}
		text := formatKnownHosts(all)
		again, err := parseKnownHosts(text)
		if err != nil || string(formatKnownHosts(again)) != string(text) {
			t.Fatalf("%s: %v", text, err)
		}
		if strings.ContainsFunc(string(text), func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') }) {
			t.Fatalf("%q", text)
		}
	})
}
