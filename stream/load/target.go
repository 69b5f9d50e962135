package load

import (
	"fmt"
	"net/url"

	"argos/stream/access"
)

// checkTarget refuses what is not for us to put load on: this machine is, and a server
// elsewhere whose operator gave a token. What that token may do is looked at when the
// server has said.
func checkTarget(address, token string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("address: %w", err)
	}
	switch {
	case u.Scheme == "ssh":
		return fmt.Errorf("%s would take an ssh for each viewer: run load there, or go by wss:// with an operator's token", address)
	case access.LocalHost(u.Hostname()):
		return nil
	case u.Scheme != "wss":
		return fmt.Errorf("%s is not this machine, and a token is not sent over a way that others can read: use wss://", address)
	case token == "":
		return fmt.Errorf("%s is not this machine: load takes an operator's token for it, in %s or with --token-file", address, access.TokenVariable)
	}
	return nil
}

// checkRole refuses a server that does not let us do what puts load on it.
func checkRole(address, role string) error {
	if r, err := access.ParseRole(role); err == nil && r.May(access.Operator) {
		return nil
	}
	return fmt.Errorf("%s lets us in as %s, and load takes an operator's token: ask who runs it for one", address, role)
}
