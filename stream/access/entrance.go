package access

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

// EntranceOptions is what a person who starts a server says about who gets in.
type EntranceOptions struct {
	Address      string // to listen on, host:port
	Dir          string // of keys and tokens
	CertFile     string // a certificate of one's own, with KeyFile; empty: the one in Dir
	KeyFile      string
	RequireToken bool
	Insecure     bool
	Proxies      []string // addresses or networks
	Origins      []string
	Again        string // the command line that starts the server, to be shown
	// KeepsOutput says that what is printed is kept, so that no token may be.
	KeepsOutput bool
}

// An Entrance is where a server listens and whom it lets in.
type Entrance struct {
	Policy      *Policy
	TLS         *tls.Config // nil: plain
	Fingerprint string      // of the certificate; empty: there is none
	options     EntranceOptions
	others      bool   // can reach it
	made        []made // tokens of a first start
	certificate *Certificate
	journal     *journal
}

type made struct {
	role   Role
	secret string
}

// A RefusedError is a server that would let in whom it should not, or nobody. It says
// how to go on.
type RefusedError struct {
	Why   string
	Steps []string
}

func (e *RefusedError) Error() string {
	s := e.Why
	for _, step := range e.Steps {
		s += "\n  " + step
	}
	return s
}

// ErrOptions marks options that contradict each other.
var ErrOptions = errors.New("these options do not go together")

// NewEntrance checks what is said about who gets in. Nothing is read or made yet.
func NewEntrance(o EntranceOptions) (*Entrance, error) {
	others, err := reachable(o.Address)
	if err != nil {
		return nil, err
	}
	policy, err := o.policy()
	if err != nil {
		return nil, err
	}
	switch {
	case o.Insecure && !others:
		return nil, fmt.Errorf("%w: --insecure is for addresses that others can reach", ErrOptions)
	case o.Insecure && (o.RequireToken || o.CertFile != ""):
		return nil, fmt.Errorf("%w: --insecure takes no token and encrypts nothing", ErrOptions)
	case (o.CertFile == "") != (o.KeyFile == ""):
		return nil, fmt.Errorf("%w: --tls-cert and --tls-key need each other", ErrOptions)
	}
	return &Entrance{Policy: policy, options: o, others: others}, nil
}

// Prepare reads the certificate and the tokens. Others than this machine need TLS and a
// token: the first time both are made, and where they cannot be had the server must not
// start, which is a RefusedError.
func (e *Entrance) Prepare() error {
	o := &e.options
	if o.Insecure {
		return o.fix(checkDir(o.Dir)) // there is a journal
	}
	if e.others {
		if err := e.firstStart(); err != nil {
			return err
		}
	}
	tokens, err := OpenTokens(o.Dir)
	if err != nil {
		return o.fix(err)
	}
	e.Policy.Tokens = tokens
	if (e.others || o.RequireToken || len(o.Proxies) > 0) && !tokens.usable() {
		return o.cannot("nobody could get in: there is no token that is good", "argos-tui token add --role operator --name operator")
	}
	if !e.others && o.CertFile == "" {
		return nil
	}
	certFile, keyFile := o.CertFile, o.KeyFile
	if certFile == "" {
		certFile, keyFile = filepath.Join(o.Dir, serverCertificateFile), filepath.Join(o.Dir, serverKeyFile)
	}
	if e.certificate, err = OpenCertificate(certFile, keyFile); err != nil {
		return o.fix(err)
	}
	e.TLS, e.Fingerprint = e.certificate.config(), e.certificate.Fingerprint()
	return nil
}

// Own is how the screen of this very process connects. It is to be called before
// anybody is let in.
func (e *Entrance) Own() (*Login, error) {
	secret, err := e.Policy.Own()
	return &Login{Token: secret, Trust: &Trust{only: e.Fingerprint}}, err
}

// OnBadCertificate sets what is called with a new certificate that cannot be used.
func (e *Entrance) OnBadCertificate(f func(error)) {
	if e.certificate != nil {
		e.certificate.failed = f
	}
}

func (o *EntranceOptions) policy() (*Policy, error) {
	p := &Policy{RequireToken: o.RequireToken, Insecure: o.Insecure}
	for _, s := range o.Proxies {
		n, err := ParseProxy(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		p.TrustedProxies = append(p.TrustedProxies, n)
	}
	for _, s := range o.Origins {
		origin, err := ParseOrigin(s)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		p.Origins = append(p.Origins, origin)
	}
	return p, nil
}

// reachable reports whether others than this machine can reach a server at address.
func reachable(address string) (bool, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return false, fmt.Errorf("%w: --listen %q: write it like 127.0.0.1:8470 or 0.0.0.0:8470", ErrOptions, address)
	}
	// What is no address is the name of one that others can reach, for all we know.
	return !LocalHost(host), nil
}

func (o *EntranceOptions) cannot(why, step string) error {
	return &RefusedError{Why: why + "; run", Steps: []string{step, o.Again}}
}

// fix says how to go on where files are not as they have to be.
func (o *EntranceOptions) fix(err error) error {
	var open *PermissionError
	if errors.As(err, &open) {
		return o.cannot(fmt.Sprintf("%s may be used by others (mode %04o)", open.Path, open.Mode),
			fmt.Sprintf("chmod %o %s", open.want, open.Path))
	}
	return err
}

// firstStart makes what there is not: a key and certificate unless there are some of the
// user's own, and tokens where no file of tokens was ever made.
func (e *Entrance) firstStart() error {
	o := &e.options
	if err := makeDir(o.Dir); errors.As(err, new(*PermissionError)) {
		return o.fix(err)
	} else if err != nil {
		return o.cannot("the server cannot keep its key and tokens: "+err.Error(), "mkdir -p -m 700 "+o.Dir)
	}
	if o.CertFile == "" && missing(filepath.Join(o.Dir, serverCertificateFile)) && missing(filepath.Join(o.Dir, serverKeyFile)) {
		if err := locked(o.Dir, func() error { return makeCertificate(o.Dir) }); err != nil {
			return fmt.Errorf("make a certificate: %w", err)
		}
	}
	// What a service prints is kept in a log, where no token may stand.
	if o.KeepsOutput || !missing(filepath.Join(o.Dir, tokensFile)) {
		return nil
	}
	tokens, err := OpenTokens(o.Dir)
	if err != nil {
		return err
	}
	for _, role := range []Role{Operator, Viewer} {
		secret, _, err := tokens.Add(role, role.String(), 0)
		if err != nil {
			return fmt.Errorf("make a token: %w", err)
		}
		e.made = append(e.made, made{role, secret})
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// URL is what a server that listens on ln is connected to by from this machine.
func (e *Entrance) URL(ln net.Addr) string {
	scheme, address := "ws", ln.String()
	if e.TLS != nil {
		scheme = "wss"
	}
	if ap, err := netip.ParseAddrPort(address); err == nil && ap.Addr().IsUnspecified() {
		address = net.JoinHostPort("127.0.0.1", fmt.Sprint(ap.Port()))
	}
	return scheme + "://" + address
}

// Welcome prints, after a first start, what others need to connect. It is not to be
// kept in a log.
func (e *Entrance) Welcome(w io.Writer) {
	if len(e.made) == 0 {
		return
	}
	host, port, _ := net.SplitHostPort(e.options.Address) // checked by Open
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = hostName()
	}
	fmt.Fprintf(w, "This is the first start on %s: a key, a certificate and two tokens were made in %s.\n\n", e.options.Address, e.options.Dir)
	fmt.Fprintf(w, "  connect      argos-tui --connect wss://%s\n", net.JoinHostPort(host, port))
	fmt.Fprintf(w, "  fingerprint  %s\n", e.Fingerprint)
	for _, m := range e.made {
		fmt.Fprintf(w, "  %-11s  %s\n", m.role, m.secret)
	}
	fmt.Fprint(w, "\nThe tokens are not shown again. Give one at the prompt, in ARGOS_TOKEN or with --token-file.\n\n")
}
