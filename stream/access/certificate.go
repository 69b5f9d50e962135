package access

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"argos/atomicfile"
)

// Fingerprint names the key of a certificate, as ssh names those of hosts: SHA256: and
// the base64 of the hash of its public key. A certificate that is renewed for the same key keeps it.
func Fingerprint(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// A Certificate is a server's certificate and key in two files. One that is replaced is
// taken up by the next handshake, half a second later at most. It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	failed            func(error) // a new one cannot be used; the old one stays

	mu     sync.Mutex
	newest *tls.Certificate
	read   [2]stamp
	looked time.Time
}

const certificateLook = 500 * time.Millisecond

// OpenCertificate reads a certificate, with those above it, and its key.
func OpenCertificate(certFile, keyFile string) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, failed: func(error) {}}
	if info, err := os.Stat(keyFile); err != nil {
		return nil, err
	} else if err := private(keyFile, info); err != nil {
		return nil, err
	}
	c.read = [2]stamp{stampOf(certFile), stampOf(keyFile)}
	var err error
	c.newest, err = loadCertificate(certFile, keyFile)
	return c, err
}

func loadCertificate(certFile, keyFile string) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", certFile, keyFile, err)
	}
	return &pair, nil
}

// get is tls.Config.GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) >= certificateLook {
		c.looked = now
		if read := [2]stamp{stampOf(c.certFile), stampOf(c.keyFile)}; !read[0].is(c.read[0]) || !read[1].is(c.read[1]) {
			c.read = read
			// The two are not replaced at once: the half that fits neither is not used.
			if renewed, err := loadCertificate(c.certFile, c.keyFile); err == nil {
				c.newest = renewed
			} else {
				c.failed(err)
			}
		}
	}
	return c.newest, nil
}

func (c *Certificate) leaf() *x509.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.newest.Leaf
}

// Fingerprint is that of the certificate in use.
func (c *Certificate) Fingerprint() string { return Fingerprint(c.leaf()) }

// config is TLS for a server: 1.3 alone, and HTTP/1.1, which WebSockets need.
func (c *Certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetCertificate: c.get, NextProtos: []string{"http/1.1"}}
}

// certificateLasts is for how long a certificate is made. Who trusts it does so by its
// key; nobody should have to do it again because of a date.
const certificateLasts = 20 * 365 * 24 * time.Hour

// makeCertificate writes a new key and a certificate of its own for this machine.
func makeCertificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	// Boxes without a clock of their own start in the past.
	begins := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "Argos on " + hostName()}, SerialNumber: new(big.Int).SetInt64(time.Now().UnixNano()),
		NotBefore: begins, NotAfter: time.Now().Add(certificateLasts),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
		DNSNames:              ownNames(), IPAddresses: ownAddresses(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The key first: a certificate without it would look like half of somebody's own.
	return errors.Join(
		atomicfile.Write(filepath.Join(dir, serverKeyFile), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600),
		atomicfile.Write(filepath.Join(dir, serverCertificateFile), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

// hostName is this machine's, or localhost.
func hostName() string {
	name, err := os.Hostname()
	if name = strings.ToLower(name); err != nil || !hostForm.MatchString(name) {
		return "localhost"
	}
	return name
}

// ownNames are the names by which others may call this machine.
func ownNames() []string {
	host := hostName()
	short, _, _ := strings.Cut(host, ".")
	names := []string{"localhost", host, short, short + ".local"}
	slices.Sort(names)
	return slices.Compact(names)
}

func ownAddresses() []net.IP {
	own := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	addresses, _ := net.InterfaceAddrs() // without them there are names
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			own = append(own, n.IP)
		}
	}
	return own
}
