package stream

import (
	"testing"
	"time"
)

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
