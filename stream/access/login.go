package access

import (
	"context"
	"errors"
	"fmt"
)

// A Login is what a client brings to a server, and by what it trusts one.
type Login struct {
	Token string // empty: none. It goes to this machine, or by TLS, alone
	Trust *Trust // nil: what the system's authorities vouch for
}

// NewLogin takes the token from a file or the environment, and trusts what the user of
// dir trusts, or with a file of authorities those alone.
func NewLogin(dir, tokenFile, authorities string) (*Login, error) {
	token, err := FindToken(tokenFile)
	if err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	trust, err := NewTrust(dir, authorities)
	if err != nil {
		return nil, fmt.Errorf("certificates to trust: %w", err)
	}
	return &Login{Token: token, Trust: trust}, nil
}

// A TokenError is a server that lets in nobody without a token, or not with this one.
type TokenError struct {
	URL   string
	Tried bool   // a token
	Safe  bool   // the way there is, for a token
	Text  string // of the server
}

func (e *TokenError) Error() string {
	switch {
	case !e.Safe:
		return e.URL + " wants a token, which is not sent over a way that others can read: use wss:// or ssh://"
	case e.Tried:
		return fmt.Sprintf("%s does not take this token (%s): ask who runs it for another", e.URL, e.Text)
	default:
		return fmt.Sprintf("%s wants a token: give it in %s or with --token-file", e.URL, TokenVariable)
	}
}

// Answer asks the person at c for what was missing when err ended an attempt to
// connect. It reports whether there is a reason to try again; else the error tells why not.
func (l *Login) Answer(ctx context.Context, c *Console, err error) (again bool, _ error) {
	var unknown *UnknownHostError
	var token *TokenError
	switch {
	case err == nil || !c.Interactive():
		return false, err
	case errors.As(err, &unknown) && l.Trust != nil:
		if err := c.AskTrust(ctx, unknown); err != nil {
			return false, err
		}
		if err := l.Trust.Trust(unknown); err != nil {
			return false, err
		}
		return true, nil
	case errors.As(err, &token) && token.Safe && !token.Tried:
		l.Token, err = c.AskToken(ctx, token.URL)
		return err == nil, err
	}
	return false, err
}
