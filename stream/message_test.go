package stream

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestCleanText(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"433.92 MHz, 5 µs, 東京", "433.92 MHz, 5 µs, 東京"},
		{"\x1b[31mred\x1b[0m\x07", "[31mred[0m"},
		{"two\nlines\tand\r\nmore\u2028", "two lines and more "},
		{"a\u202Eb\u200Bc\uFEFF", "abc"},
		{"bad\xff\xfe utf-8 \xe2\x82", "bad utf-8 "},
		{"\u009b31m", "31m"},
		{strings.Repeat("x", 1000), strings.Repeat("x", maxText)},
		{strings.Repeat("x", maxText-1) + "€", strings.Repeat("x", maxText-1)},
	} {
		if got := cleanText(c.in); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.in, got, c.want)
		}
	}
}

func FuzzCleanText(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07\r\n")
	f.Add(strings.Repeat("€", 200))
	f.Fuzz(func(t *testing.T, s string) {
		got := cleanText(s)
		if len(got) > maxText || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
		}) {
			t.Fatalf("%q becomes %q", s, got)
		}
		if cleanText(got) != got {
			t.Fatalf("%q is not clean", got)
		}
	})
}

func TestEncodingOf(t *testing.T) {
	for _, c := range []struct {
		subprotocol string
		want        encoding
		ok          bool
	}{
		{protocolPB, encodingPB, true},
		{protocolJSON, encodingJSON, true},
		{"argos.v2.pb", 0, false},
		{"", 0, false},
	} {
		if got, ok := encodingOf(c.subprotocol); got != c.want || ok != c.ok {
			t.Errorf("%q: %d %t", c.subprotocol, got, ok)
		}
	}
}
