package stream

import (
	"math"
	"slices"
	"strings"
	"testing"

	"argos/stream/wire"
)

func TestParseFilter(t *testing.T) {
	for _, c := range []struct {
		text string
		want Filter
		bad  bool
	}{
		{"", Filter{}, false},
		{"warning", Filter{Severity: Warning}, false},
		{"info", Filter{}, false},
		{"tuned, lost", Filter{Kinds: []string{"tuned", "lost"}}, false},
		{"alarm,433M:435.5 MHz,signal", Filter{Kinds: []string{"signal"}, Severity: Alarm, LowHz: 433e6, HighHz: 435.5e6}, false},
		{"0:1k", Filter{HighHz: 1000}, false},
		{",", Filter{}, true},
		{"warning,", Filter{}, true},
		{"2M:1M", Filter{}, true},
		{"-1:1M", Filter{}, true},
		{"x:1M", Filter{}, true},
		{"1M:", Filter{}, true},
		{"bell\a", Filter{}, true},
		{strings.Repeat("k,", kindsAtMost) + "k", Filter{}, true},
	} {
		got, err := ParseFilter(c.text)
		if (err != nil) != c.bad || !slices.Equal(got.Kinds, c.want.Kinds) || got.Severity != c.want.Severity || got.LowHz != c.want.LowHz || got.HighHz != c.want.HighHz {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
		if c.bad {
			continue
		}
		// What is asked for is what the server does.
		if back, err := filterOf(got.message()); err != nil || !slices.Equal(back.Kinds, got.Kinds) || back.All() != got.All() {
			t.Errorf("%q: the server reads %+v, %v", c.text, back, err)
		}
	}
}

func TestFilterPasses(t *testing.T) {
	plain := &wire.Event{Kind: "device", Severity: 1}
	band := &wire.Event{Kind: "signal", Severity: 7, LowHz: 100, HighHz: 200} // graver than there is yet
	for _, c := range []struct {
		filter      Filter
		plain, band bool
	}{
		{Filter{}, true, true},
		{Filter{Severity: Warning}, true, true},
		{Filter{Severity: Alarm}, false, true},
		{Filter{Kinds: []string{"device"}}, true, false},
		{Filter{Kinds: []string{"device", "signal"}}, true, true},
		{Filter{Kinds: []string{"signa"}}, false, false},
		{Filter{LowHz: 200, HighHz: 300}, true, true},
		{Filter{LowHz: 201, HighHz: 300}, true, false},
		{Filter{HighHz: 99}, true, false},
		{Filter{LowHz: 120, HighHz: 130}, true, true},
		{Filter{Kinds: []string{"signal"}, LowHz: 1, HighHz: 2}, false, false},
	} {
		if p, b := c.filter.passes(plain), c.filter.passes(band); p != c.plain || b != c.band {
			t.Errorf("%+v: %t and %t, want %t and %t", c.filter, p, b, c.plain, c.band)
		}
	}
}

func TestFiltersThatBreakTheProtocol(t *testing.T) {
	for _, m := range []*wire.Filter{
		{Kinds: slices.Repeat([]string{"k"}, kindsAtMost+1)},
		{Severity: 256},
		{LowHz: 2, HighHz: 1},
		{LowHz: 1},
		{LowHz: math.NaN(), HighHz: 1},
		{HighHz: math.Inf(1)},
		{LowHz: -1, HighHz: 1},
	} {
		if f, err := filterOf(m); err == nil {
			t.Errorf("%v is taken as %+v", m, f)
		}
	}
}
