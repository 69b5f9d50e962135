package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Policy says whom a server lets in. The zero Policy lets in this machine alone, as
// operator.
type Policy struct {
	Tokens         *Tokens        // nil: there are none
	RequireToken   bool           // of this machine, too
	Insecure       bool           // everybody is operator, and nothing is encrypted
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Origins        []string       // of web pages besides those of the server's own host

	own *Token // of this process' screen
}

// Own makes a token for the screen of this very process, which is operator however a
// server's rules for others are. It is to be called before the first Identify.
func (p *Policy) Own() (secret string, err error) {
	secret, own, err := newToken(Operator, "screen", time.Now(), time.Time{})
	p.own = &own
	return secret, err
}

// An Identity is who a request comes from.
type Identity struct {
	Role  Role
	Name  string // of the token, or "local", or "anyone"
	Token *Token // nil: it took none
	From  string // address
}

// Key tells identities apart: what belongs to one is not for another.
func (i *Identity) Key() string {
	if i.Token != nil {
		return i.Token.ID
	}
	return i.Name
}

// A Refusal is a request that is not let in. Its text is for who asked.
type Refusal struct {
	Status int // of HTTP
	Cause  string
	Text   string
}

func (r *Refusal) Error() string { return r.Text }

// Causes of a Refusal, for metrics.
const (
	CauseOrigin = "origin" // a web page of another host
	CauseHost   = "host"   // the name of another host, as after DNS rebinding
	CauseNone   = "no_token"
	CauseToken  = "bad_token"
)

// Causes are all of them.
var Causes = []string{CauseOrigin, CauseHost, CauseNone, CauseToken}

// forwarding headers tell that a request comes from somebody else than it seems.
var forwarding = []string{"Forwarded", "X-Forwarded-For", "Via"}

// Identify says who r comes from, or why it is not let in: a *Refusal.
func (p *Policy) Identify(r *http.Request) (Identity, error) {
	peer := addressOf(r.RemoteAddr)
	who := Identity{From: p.From(r)}
	if !p.sameOrigin(r) {
		return who, &Refusal{http.StatusForbidden, CauseOrigin, "web pages of other hosts may not connect: --allow-origin lets them"}
	}
	secret, err := bearer(r)
	if err != nil {
		return who, err
	}
	if secret != "" {
		if p.own != nil && p.own.is(secret) {
			who.Role, who.Name = p.own.Role, p.own.Name
			return who, nil
		}
		token, err := p.check(secret)
		if err != nil {
			return who, &Refusal{http.StatusUnauthorized, CauseToken, err.Error()}
		}
		who.Role, who.Name, who.Token = token.Role, token.Name, &token
		return who, nil
	}
	forwarded := slices.ContainsFunc(forwarding, func(h string) bool { return len(r.Header.Values(h)) > 0 })
	switch {
	case p.Insecure:
		who.Name = "anyone"
	case p.RequireToken || forwarded || len(p.TrustedProxies) > 0 || !local(peer):
		return who, &Refusal{http.StatusUnauthorized, CauseNone, "a token is needed"}
	default:
		who.Name = "local"
	}
	// Without a token, all that tells a person's program from a web page whose name was
	// made to lead here is the name that it believes to talk to.
	// A peer without an address is no browser.
	if peer.IsValid() && !ownHost(r.Host) {
		return who, &Refusal{http.StatusForbidden, CauseHost, "this server has another name: connect by its address or host name, or with a token"}
	}
	who.Role = Operator
	return who, nil
}

func (p *Policy) check(secret string) (Token, error) {
	if p.Tokens == nil {
		return Token{}, errTokenUnknown
	}
	return p.Tokens.Check(secret)
}

// LocalHost reports whether a host name or address is this machine's own loopback.
func LocalHost(host string) bool {
	a := addressOf(host)
	return host == "localhost" || a.IsValid() && a.IsLoopback()
}

// local takes what has no address, a pipe or a socket in the file system, as here.
func local(a netip.Addr) bool { return !a.IsValid() || a.IsLoopback() }

// addressOf is the address of a peer, the zero one if it is none.
func addressOf(hostport string) netip.Addr {
	if ap, err := netip.ParseAddrPort(hostport); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, _ := netip.ParseAddr(hostport)
	return a.Unmap().WithZone("")
}

// From is the address that a request comes from, "local" if it has none. Each proxy adds the one that it was
// asked by to the right: the first that is no trusted proxy is the one to be believed.
func (p *Policy) From(r *http.Request) string {
	peer := addressOf(r.RemoteAddr)
	if !peer.IsValid() {
		return "local"
	}
	if p.Trusts(peer) {
		hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, hop := range slices.Backward(hops) {
			a := addressOf(strings.TrimSpace(hop))
			if !a.IsValid() {
				break
			}
			peer = a
			if !p.Trusts(a) {
				break
			}
		}
	}
	return peer.String()
}

// Trusts reports whether a is the address of a proxy that tells who it asks for.
func (p *Policy) Trusts(a netip.Addr) bool {
	return slices.ContainsFunc(p.TrustedProxies, func(n netip.Prefix) bool { return n.Contains(a) })
}

// sameOrigin reports whether r comes from a web page of this server, one that is
// allowed, or no web page at all.
func (p *Policy) sameOrigin(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	switch {
	case len(origins) == 0:
		return true
	case len(origins) > 1:
		return false
	case slices.Contains(p.Origins, strings.ToLower(origins[0])):
		return true
	}
	u, err := url.Parse(origins[0])
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// ParseOrigin checks what a person gave as the origin of web pages.
func ParseOrigin(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || s != u.Scheme+"://"+u.Host {
		return "", fmt.Errorf("origin %q: write it like https://spectrum.example.org", s)
	}
	return strings.ToLower(s), nil
}

// ParseProxy reads an address or a network of proxies.
func ParseProxy(s string) (netip.Prefix, error) {
	if n, err := netip.ParsePrefix(s); err == nil {
		return n.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("proxy %q: write an address or a network like 10.0.0.0/8", s)
	}
	return a.Prefix(a.BitLen())
}

// offerPrefix begins the subprotocol by which a web page shows its token. It is never answered
// with.
const offerPrefix = "argos.bearer."

// bearer is the token that r brings, in its header or as a subprotocol, empty if none.
func bearer(r *http.Request) (secret string, err error) {
	var all []string
	for _, h := range r.Header.Values("Authorization") {
		scheme, rest, _ := strings.Cut(h, " ")
		if strings.EqualFold(scheme, "Bearer") {
			all = append(all, strings.TrimSpace(rest))
		}
	}
	for _, h := range r.Header.Values("Sec-WebSocket-Protocol") {
		for protocol := range strings.SplitSeq(h, ",") {
			if secret, ok := strings.CutPrefix(strings.TrimSpace(protocol), offerPrefix); ok {
				all = append(all, secret)
			}
		}
	}
	switch {
	case len(all) == 0:
		return "", nil
	case len(all) > 1 || all[0] == "":
		return "", &Refusal{http.StatusUnauthorized, CauseToken, "one token is needed"}
	}
	return all[0], nil
}

// hostForm is what a host name may look like.
var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

// ownHost reports whether the Host of a request is an address or a name of this machine.
// A web page can have its own name lead here, but no address.
func ownHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return true
	}
	return slices.Contains(ownNames(), host)
}
