package stream

import (
	"fmt"
	"strconv"
	"strings"
)

// Limits bound what those who connect can make a server do; 0 stands for the default,
// which a Raspberry Pi holds. Those of one address do not hold for this machine.
type Limits struct {
	Sessions        int // at once
	AddressSessions int
	Arrivals        int // connections at once that are no session yet
	AddressArrivals int

	TLSHandshakes        int // begun a second; what comes too soon waits for its turn
	AddressTLSHandshakes int
	Handshakes           int // of sessions, the same: see admission
	AddressHandshakes    int

	Messages int // a second, of one session, but for acknowledgements; pings apart from the rest
	Bytes    int // a second, of one connection
}

// limits are all of them, by the names that people have for them, with their defaults.
var limits = []struct {
	name  string
	usual int
	value func(*Limits) *int
}{
	{"sessions", 5000, func(l *Limits) *int { return &l.Sessions }},
	{"address-sessions", 64, func(l *Limits) *int { return &l.AddressSessions }},
	{"arrivals", 1024, func(l *Limits) *int { return &l.Arrivals }},
	{"address-arrivals", 32, func(l *Limits) *int { return &l.AddressArrivals }},
	{"tls-handshakes", admitRate, func(l *Limits) *int { return &l.TLSHandshakes }},
	{"address-tls-handshakes", 20, func(l *Limits) *int { return &l.AddressTLSHandshakes }},
	{"handshakes", admitRate, func(l *Limits) *int { return &l.Handshakes }},
	{"address-handshakes", 10, func(l *Limits) *int { return &l.AddressHandshakes }},
	{"messages", 200, func(l *Limits) *int { return &l.Messages }},
	{"bytes", 64 << 10, func(l *Limits) *int { return &l.Bytes }},
}

func (l Limits) withDefaults() Limits {
	for _, one := range limits {
		if v := one.value(&l); *v == 0 {
			*v = one.usual
		}
	}
	return l
}

// limitMost is more than anybody means, and can be doubled.
const limitMost = 1 << 29

// Set takes what a person writes: name=number, or several with commas between.
func (l *Limits) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		v := l.named(name)
		if v == nil {
			return fmt.Errorf("%q: write NAME=NUMBER, with one of %s", part, limitNamesText())
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > limitMost {
			return fmt.Errorf("%s=%q: use a whole number from 1 to %d", name, number, limitMost)
		}
		*v = n
	}
	return nil
}

// named is the limit of this name, nil if there is none.
func (l *Limits) named(name string) *int {
	for _, one := range limits {
		if one.name == name {
			return one.value(l)
		}
	}
	return nil
}

func limitNamesText() string {
	var names []string
	for _, one := range limits {
		names = append(names, one.name)
	}
	return strings.Join(names, ", ")
}

// What was over, for metrics.
const (
	limitArrivals   = "arrivals"
	limitTLS        = "tls_handshakes"
	limitHandshakes = "handshakes"
	limitLogins     = "logins"
	limitSessions   = "sessions"
	limitMessages   = "messages"
	limitBytes      = "bytes"
)

// limitNames are all of them.
var limitNames = []string{limitArrivals, limitTLS, limitHandshakes, limitLogins, limitSessions, limitMessages, limitBytes}
