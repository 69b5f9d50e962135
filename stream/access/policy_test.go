package access

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Who is let in, as whom, and why not.
func TestIdentify(t *testing.T) {
	tokens, err := OpenTokens(filepath.Join(t.TempDir(), "argos"))
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[Role]string{}
	for _, role := range []Role{Viewer, Operator, Admin} {
		if secrets[role], _, err = tokens.Add(role, "the-"+role.String(), 0); err != nil {
			t.Fatal(err)
		}
	}
	expired, _, err := tokens.Add(Admin, "old", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(tokens.List()[3].Expires))

	const here, there = "127.0.0.1:5000", "192.0.2.7:5000"
	proxies := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	type headers map[string]string
	for _, c := range []struct {
		name   string
		policy Policy
		remote string
		host   string
		header headers
		role   Role
		cause  string // of the refusal
		from   string
	}{
		{name: "this machine", remote: here, role: Operator, from: "127.0.0.1"},
		{name: "this machine by IPv6", remote: "[::1]:5000", role: Operator, from: "::1"},
		{name: "this machine, IPv4 in IPv6", remote: "[::ffff:127.0.0.1]:5000", role: Operator, from: "127.0.0.1"},
		{name: "a pipe", remote: "pipe", host: "rig", role: Operator, from: "local"},
		{name: "another machine", remote: there, cause: CauseNone, from: "192.0.2.7"},
		{name: "another machine that says it is this one", remote: there, header: headers{"X-Forwarded-For": "127.0.0.1"}, cause: CauseNone, from: "192.0.2.7"},
		{name: "tokens are required", policy: Policy{RequireToken: true}, remote: here, cause: CauseNone},
		{name: "Forwarded", remote: here, header: headers{"Forwarded": "for=192.0.2.7"}, cause: CauseNone},
		{name: "X-Forwarded-For", remote: here, header: headers{"X-Forwarded-For": "192.0.2.7"}, cause: CauseNone, from: "127.0.0.1"},
		{name: "an empty X-Forwarded-For", remote: here, header: headers{"X-Forwarded-For": ""}, cause: CauseNone},
		{name: "Via", remote: here, header: headers{"Via": "1.1 squid"}, cause: CauseNone},
		{name: "a proxy is trusted", policy: Policy{TrustedProxies: proxies}, remote: here, cause: CauseNone},

		{name: "viewer", remote: there, header: headers{"Authorization": "Bearer " + secrets[Viewer]}, role: Viewer},
		{name: "operator", remote: there, header: headers{"Authorization": "bearer " + secrets[Operator]}, role: Operator},
		{name: "admin", remote: there, header: headers{"Authorization": "Bearer " + secrets[Admin]}, role: Admin},
		{name: "a viewer on this machine", remote: here, header: headers{"Authorization": "Bearer " + secrets[Viewer]}, role: Viewer},
		{name: "a web page's way", remote: there, header: headers{"Sec-Websocket-Protocol": "argos.v1.json, argos.bearer." + secrets[Viewer]}, role: Viewer},
		{name: "expired", remote: there, header: headers{"Authorization": "Bearer " + expired}, cause: CauseToken},
		{name: "expired, on this machine", remote: here, header: headers{"Authorization": "Bearer " + expired}, cause: CauseToken},
		{name: "no such token", remote: here, header: headers{"Authorization": "Bearer x"}, cause: CauseToken},
		{name: "an empty token", remote: here, header: headers{"Authorization": "Bearer "}, cause: CauseToken},
		{name: "an empty subprotocol", remote: here, header: headers{"Sec-Websocket-Protocol": "argos.bearer."}, cause: CauseToken},
		{name: "two tokens", remote: there, header: headers{
			"Authorization": "Bearer " + secrets[Viewer], "Sec-Websocket-Protocol": "argos.bearer." + secrets[Admin],
		}, cause: CauseToken},
		{name: "Basic", remote: there, header: headers{"Authorization": "Basic " + secrets[Viewer]}, cause: CauseNone},
		{name: "a cookie", remote: there, header: headers{"Cookie": "token=" + secrets[Viewer]}, cause: CauseNone},

		{name: "rebound name", remote: here, host: "evil.example:8470", cause: CauseHost},
		{name: "rebound name with its origin", remote: here, host: "evil.example:8470", header: headers{"Origin": "http://evil.example:8470"}, cause: CauseHost},
		{name: "no name", remote: here, host: "-", cause: CauseHost},
		{name: "any name with a token", remote: there, host: "spectrum.example.org", header: headers{"Authorization": "Bearer " + secrets[Viewer]}, role: Viewer},
		{name: "localhost", remote: here, host: "localhost:8470", role: Operator},
		{name: "LOCALHOST.", remote: here, host: "LOCALHOST.:8470", role: Operator},
		{name: "an address", remote: here, host: "[::1]:8470", role: Operator},
		{name: "own name", remote: here, host: hostName() + ":8470", role: Operator},

		{name: "same origin", remote: here, header: headers{"Origin": "http://127.0.0.1:8470"}, role: Operator},
		{name: "another port", remote: here, header: headers{"Origin": "http://127.0.0.1:80"}, cause: CauseOrigin},
		{name: "another origin", remote: here, header: headers{"Origin": "https://evil.example"}, cause: CauseOrigin},
		{name: "another origin with a token", remote: there, header: headers{
			"Origin": "https://evil.example", "Authorization": "Bearer " + secrets[Admin],
		}, cause: CauseOrigin},
		{name: "no origin that can be named", remote: here, header: headers{"Origin": "null"}, cause: CauseOrigin},
		{name: "an empty origin", remote: here, header: headers{"Origin": ""}, cause: CauseOrigin},
		{
			name: "allowed origin", policy: Policy{Origins: []string{"https://spectrum.example.org"}},
			remote: here, header: headers{"Origin": "https://Spectrum.example.org"}, role: Operator,
		},
		{
			name: "allowed by another scheme", policy: Policy{Origins: []string{"https://spectrum.example.org"}},
			remote: here, header: headers{"Origin": "http://spectrum.example.org"}, cause: CauseOrigin,
		},

		{name: "insecure", policy: Policy{Insecure: true}, remote: there, role: Operator},
		{name: "insecure, rebound", policy: Policy{Insecure: true}, remote: there, host: "evil.example", cause: CauseHost},
		{name: "insecure, another origin", policy: Policy{Insecure: true}, remote: there, header: headers{"Origin": "https://evil.example"}, cause: CauseOrigin},

		{
			name: "behind a proxy", policy: Policy{TrustedProxies: proxies}, remote: here, from: "192.0.2.7", role: Viewer,
			header: headers{"X-Forwarded-For": "192.0.2.7", "Authorization": "Bearer " + secrets[Viewer]},
		},
		{
			name: "behind two", policy: Policy{TrustedProxies: proxies}, remote: here, from: "192.0.2.7", role: Viewer,
			header: headers{"X-Forwarded-For": "127.0.0.1, 192.0.2.7, 10.1.2.3", "Authorization": "Bearer " + secrets[Viewer]},
		},
		{
			name: "a proxy that says nonsense", policy: Policy{TrustedProxies: proxies}, remote: here, from: "127.0.0.1", role: Viewer,
			header: headers{"X-Forwarded-For": "\x1b[2J", "Authorization": "Bearer " + secrets[Viewer]},
		},
		{
			name: "a proxy that names nobody", policy: Policy{TrustedProxies: proxies}, remote: "10.1.2.3:5555", from: "10.1.2.3", role: Viewer,
			header: headers{"Authorization": "Bearer " + secrets[Viewer]},
		},
		{
			name: "not a proxy of ours", policy: Policy{TrustedProxies: proxies}, remote: there, from: "192.0.2.7", role: Viewer,
			header: headers{"X-Forwarded-For": "127.0.0.1", "Authorization": "Bearer " + secrets[Viewer]},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.policy.Tokens = tokens
			r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8470/v1/link", nil)
			r.RemoteAddr = c.remote
			switch c.host {
			case "":
			case "-":
				r.Host = ""
			default:
				r.Host = c.host
			}
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			who, err := c.policy.Identify(r)
			var no *Refusal
			if err != nil && !errors.As(err, &no) {
				t.Fatal(err)
			}
			cause := ""
			if no != nil {
				cause = no.Cause
				if no.Status != http.StatusUnauthorized && no.Status != http.StatusForbidden || strings.Contains(no.Text, "argos-") && !strings.Contains(no.Text, "--") {
					t.Errorf("%d %s", no.Status, no.Text)
				}
			}
			if who.Role != c.role || cause != c.cause || (err == nil) != (c.cause == "") || c.from != "" && who.From != c.from {
				t.Errorf("%s from %s, %q: %v", who.Role, who.From, cause, err)
			}
			if r, ok := map[bool]Role{true: who.Role}[who.Token != nil]; ok && r != who.Token.Role {
				t.Errorf("a token of %s", who.Token.Role)
			}
		})
	}
}

func TestOwn(t *testing.T) {
	p := Policy{RequireToken: true}
	secret, err := p.Own()
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8470/v1/link", nil)
	r.Header.Set("Authorization", "Bearer "+secret)
	if who, err := p.Identify(r); err != nil || who.Role != Operator {
		t.Errorf("%+v, %v", who, err)
	}
	r.Header.Set("Authorization", "Bearer "+secret[:len(secret)-1])
	if _, err := p.Identify(r); err == nil {
		t.Error("part of it will do")
	}
}

// FuzzIdentify: whatever a request says, nobody from elsewhere gets in without a token
// that there is, and nothing that it says comes back raw.
func FuzzIdentify(f *testing.F) {
	p := Policy{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Origins: []string{"https://a.example"}}
	f.Add("192.0.2.1:1", "box:8470", "Authorization", "Bearer argos-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa", "X-Forwarded-For", "127.0.0.1")
	f.Add("10.0.0.1:1", "127.0.0.1", "Sec-Websocket-Protocol", "argos.v1.pb, argos.bearer.x", "X-Forwarded-For", "::1, 1.2.3.4")
	f.Add("[::1]:1", "evil\x00", "Origin", "https://a.example", "Forwarded", "for=\x1b")
	f.Fuzz(func(t *testing.T, remote, host, k1, v1, k2, v2 string) {
		r := &http.Request{RemoteAddr: remote, Host: host, Header: http.Header{}}
		r.Header.Add(k1, v1)
		r.Header.Add(k2, v2)
		who, err := p.Identify(r)
		if err == nil || who.Role != 0 {
			t.Fatalf("%+v is let in", who)
		}
		if strings.ContainsFunc(err.Error()+who.From, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Fatalf("%q from %q", err, who.From)
		}
	})
}
