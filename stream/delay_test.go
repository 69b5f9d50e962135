package stream

import (
	"slices"
	"testing"
	"time"
)

func TestDelays(t *testing.T) {
	var d delays
	if s := d.snapshot(0); s.Lines[0] != nil || s.Counts != [len(s.Counts)]uint64{} {
		t.Errorf("of nothing: %+v", s)
	}
	// An age grows by a millisecond a second, and nothing is drawn for 20 s.
	const at = 3 * time.Hour
	for i := range 100 {
		if i < 70 || i >= 90 {
			d.add(at+time.Duration(i)*time.Second, time.Duration(i+1)*time.Millisecond)
			d.add(at+time.Duration(i)*time.Second, time.Millisecond)
		}
	}
	s := d.snapshot(at + 99*time.Second)
	seconds, tens, minutes := s.Lines[0], s.Lines[1], s.Lines[2]
	if len(seconds) != delayKept || seconds[59] != 100*time.Millisecond || seconds[30] != 0 || seconds[0] != 41*time.Millisecond {
		t.Errorf("by the second %v", seconds)
	}
	ms := func(ms ...time.Duration) (ds []time.Duration) {
		for _, v := range ms {
			ds = append(ds, v*time.Millisecond)
		}
		return ds
	}
	if want := ms(10, 20, 30, 40, 50, 60, 70, 0, 0, 100); !slices.Equal(tens, want) {
		t.Errorf("by ten seconds %v, want %v", tens, want)
	}
	if want := ms(60, 100); !slices.Equal(minutes, want) {
		t.Errorf("by the minute %v, want %v", minutes, want)
	}
	if want := [len(s.Counts)]uint64{85, 5, 10, 30, 30}; s.Counts != want {
		t.Errorf("counts %v, want %v", s.Counts, want)
	}
	// A long silence is no loop.
	d.add(at+1000*time.Hour, time.Minute)
	if s := d.snapshot(at + 1000*time.Hour); len(s.Lines[0]) != 1 || s.Lines[0][0] != time.Minute || s.Counts[len(s.Counts)-1] != 1 {
		t.Errorf("%+v", s)
	}
}
