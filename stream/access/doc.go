// Package access says who gets in: where a server may listen, by which certificate and
// tokens, who a request comes from, and which servers a client trusts.
//
// Everything that is kept lies in one directory that its user alone may read (see
// DefaultDir): the server's key, certificate and tokens, and the servers that a client
// has met. Other processes may change these files at any time: a server takes up new
// certificates and tokens, and lets go of revoked ones, without a restart.
//
// Tokens are random and long, so that a hash of them may be kept and none can be
// guessed. What comes from outside and is shown anywhere is printable ASCII of bounded
// length by the time that it leaves this package.
package access
