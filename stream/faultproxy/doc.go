// Package faultproxy is a bad network between a client and a server, in one process,
// for tests.
//
// A Proxy stands between a client's dial and a server's listener and does to each
// direction what Conditions say: delay, jitter, a rate, small pieces, a black hole, a
// reader that stalls. One direction alone may be bad, which makes a link half-open.
// Links can be reset, in mid-message too, stranded (dead for good while new ones go
// through), or cut and refused until the network heals.
//
// It works the same over TCP (Serve) and over Pipe and Listener, which keep to memory
// and to testing/synctest: all waiting is by timers, channels and sync.Cond. Where
// chance decides, a seed does: a Schedule is a whole story of faults made from one.
// Sizes are bytes, rates bytes a second.
package faultproxy
