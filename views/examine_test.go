package views

import (
	"strings"
	"testing"

	"github.com/rivo/uniseg"
)

func TestExamine(t *testing.T) {
	for _, tc := range []struct {
		env                   map[string]string
		term, colours, locale string // what each says
		ok                    bool   // TERM is
	}{
		{map[string]string{"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "de_DE.UTF-8"}, "xterm-256color", "24-bit", "LANG=de_DE.UTF-8: braille", true},
		{map[string]string{"TERM": "xterm-256color", "LC_ALL": "C", "LANG": "C.UTF-8"}, "xterm-256color", "256 export COLORTERM", "LC_ALL=C: ASCII alone export LC_ALL", true},
		{map[string]string{"TERM": "xterm", "LC_CTYPE": "en_US.utf8"}, "xterm", "8 export TERM", "LC_CTYPE=en_US.utf8: braille", true},
		{map[string]string{"TERM": "xterm-256color", "NO_COLOR": "1"}, "xterm-256color", "none, as NO_COLOR says", "not set: ASCII", true},
		{map[string]string{"TERM": "dumb"}, "dumb --plain", "none", "not set: ASCII", false},
		{map[string]string{}, "not set --plain", "none", "not set: ASCII", false},
		{map[string]string{"TERM": "telepathy\x1b"}, "telepathy is not known here ncurses-term", "none", "not set: ASCII", false},
	} {
		found := Examine(func(name string) string { return tc.env[name] })
		for i, want := range []string{tc.term, tc.colours, tc.locale} {
			for part := range strings.SplitSeq(want, " ") {
				if got := found[i].Text + " " + found[i].Hint; !strings.Contains(got, part) {
					t.Errorf("%v: %q, want %q", tc.env, got, part)
				}
			}
		}
		if found[0].OK != tc.ok {
			t.Errorf("%v: TERM is good: %t", tc.env, found[0].OK)
		}
	}
}

// Where each glyph has its width, the bars are in line.
func TestGlyphCard(t *testing.T) {
	for _, inColor := range []bool{false, true} {
		card := GlyphCard(inColor)
		for _, line := range card[:len(card)-1] {
			if !inColor && strings.Contains(line, "\x1b") {
				t.Errorf("colour: %q", line)
			}
			if w := uniseg.StringWidth(escape.ReplaceAllString(line, "")); w != 41 || !strings.HasSuffix(line, "|") {
				t.Errorf("%d cells: %q", w, line)
			}
		}
	}
}
