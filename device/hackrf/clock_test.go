package hackrf

import (
	"math"
	"testing"
	"time"
)

// Transfers are handed over late, now more and now less; a gap shows as lateness that
// stays.
func TestClock(t *testing.T) {
	const rate, n = 8e6, 131072
	for _, c := range []struct {
		name   string
		drift  float64
		gap    time.Duration
		jitter func(i int) time.Duration
		want   float64 // samples
	}{
		{"even", 0, 0, func(int) time.Duration { return 0 }, 0},
		{"a slow radio", 50e-6, 0, func(int) time.Duration { return 0 }, 0},
		{"a quick radio", -50e-6, 0, func(int) time.Duration { return 0 }, 0},
		{"a busy machine", 0, 0, func(i int) time.Duration { return time.Duration(i*i%13) * time.Millisecond }, 0},
		{"long busy, then not", 0, 0, func(i int) time.Duration {
			if i > 100 && i < 140 || i > 300 && i < 340 {
				return 20 * time.Millisecond
			}
			return 0
		}, 0.02 * rate},
		{"a gap", 0, 40 * time.Millisecond, func(i int) time.Duration { return time.Duration(i*i%13) * time.Millisecond }, 0.04 * rate},
	} {
		clock := clock{rateHz: rate}
		begun := time.Now()
		var missing uint64
		for i := range 2000 {
			at := time.Duration(float64(i) * n / rate * 1e9 * (1 + c.drift))
			if i > 1000 {
				at += c.gap
			}
			end, lost := clock.tick(begun.Add(at+c.jitter(i)), n)
			missing += lost
			off := end.Sub(begun) - at
			if i > 350 && (i < 1000 || i > 1030) && (off < -time.Millisecond || off > 5*time.Millisecond) {
				t.Fatalf("%s: transfer %d taken %v off", c.name, i, off)
			}
		}
		if math.Abs(float64(missing)-c.want) > 0.03*c.want+1e-9 {
			t.Errorf("%s: %d samples missing, want %.0f", c.name, missing, c.want)
		}
	}
}
