package stream

import (
	"testing"
	"time"

	"argos/device"
	"argos/spectrum"
)

func TestZeroSpanIsTold(t *testing.T) {
	span := spectrum.Status{Settings: spectrum.Settings{Tuning: device.Tuning{CenterHz: 98.1e6, SpanHz: 2e6, RateHz: 2e6}, Bins: 4096, RBWHz: 732}}
	zero := spectrum.Status{Settings: spectrum.Settings{Tuning: device.Tuning{CenterHz: 98.1e6, RateHz: 2e6}, RBWHz: 100e3, SweepTime: 50 * time.Millisecond}}
	got := changes(&span, &zero)
	if len(got) != 1 || got[0].Text != "span 2M -> 0, sweep-time auto -> 50ms, rbw 732 -> 100k" {
		t.Errorf("entering tells %v", got)
	}
	if !(got[0].LowHz < 98.1e6 && 98.1e6 < got[0].HighHz) {
		t.Errorf("it is about %g to %g", got[0].LowHz, got[0].HighHz)
	}
	if got := changes(&zero, &span); len(got) != 1 || got[0].Text != "span 0 -> 2M, bins auto -> 4096" {
		t.Errorf("leaving tells %v", got)
	}
}

func TestClockStepIsAnEvent(t *testing.T) {
	for _, tt := range []struct {
		wall, elapsed time.Duration
		want          string
	}{
		{time.Second, time.Second, ""},
		{1100 * time.Millisecond, time.Second, ""},
		{time.Second + 3200*time.Millisecond, time.Second, "the system clock was set forward by 3.2 s"},
		{-2*time.Hour + time.Second, time.Second, "the system clock was set back by 2 h 00 m"},
	} {
		got := clockStepped(tt.wall, tt.elapsed)
		switch {
		case tt.want == "" && len(got) > 0:
			t.Errorf("%v in %v: %q", tt.wall, tt.elapsed, got[0].Text)
		case tt.want != "" && (len(got) != 1 || got[0].Text != tt.want || got[0].Kind != "clock"):
			t.Errorf("%v in %v: %v, want %q", tt.wall, tt.elapsed, got, tt.want)
		}
	}
}
