package faultproxy

import (
	"context"
	"reflect"
	"testing"
	"time"
)

func TestScheduleFollowsItsSeed(t *testing.T) {
	seen := map[string]bool{}
	for seed := range uint64(200) {
		s := NewSchedule(seed, time.Minute)
		if again := NewSchedule(seed, time.Minute); !reflect.DeepEqual(s, again) || s.String() != again.String() {
			t.Fatalf("one seed, two schedules:\n%s\n%s", s, again)
		}
		at := time.Duration(0)
		for _, step := range s.Steps {
			if step.At < at || step.At > s.Length {
				t.Fatalf("a step at %s after %s:\n%s", step.At, at, s)
			}
			at = step.At
			seen[step.Fault] = true
		}
		if last := s.Steps[len(s.Steps)-1]; last != (Step{At: time.Minute}) || len(s.Steps) < 4 {
			t.Errorf("no good end:\n%s", s)
		}
	}
	if len(seen) != len(faults)+1 {
		t.Errorf("200 seeds made only %v", seen)
	}
}

func TestPlay(t *testing.T) {
	within(t, func(t *testing.T, b *bench) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 70*time.Second)
		defer cancel()
		s := Schedule{Length: time.Minute, Steps: []Step{
			{At: time.Second, Fault: "hole", Conditions: Conditions{Down: Way{Hole: true}}},
			{At: 3 * time.Second},
			{At: time.Minute, Fault: "cut", Cut: true},
		}}
		go s.Play(ctx, b.proxy)
		time.Sleep(2 * time.Second)
		_, _ = b.server.Write([]byte("x"))
		_, _ = read(t, b.client, 1)
		if at := time.Since(began); at != 3*time.Second {
			t.Errorf("the hole ended after %s", at)
		}
		_, _ = b.client.Read(make([]byte, 1))
		if at := time.Since(began); at != time.Minute {
			t.Errorf("the cut came after %s", at)
		}
		cancel()
		s.Play(ctx, b.proxy)
		if at := time.Since(began); at != time.Minute {
			t.Errorf("what was cancelled played for %s", at)
		}
	})
}
