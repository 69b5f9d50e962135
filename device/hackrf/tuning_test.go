package hackrf

import (
	"errors"
	"math"
	"testing"

	"argos/device"
)

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		span, rate float64
		wantRate   float64
		filter     float64
		sweeps     bool
	}{
		{1e6, 0, 8e6, 6e6, false},
		{2e6, 2e6, 2e6, 1.75e6, false},
		{2.2e6, 3e6, 3e6, 2.5e6, false},
		{6e6, 0, 8e6, 6e6, false},
		{7.9e6, 0, 10533334, 8e6, false},
		{15e6, 0, 20e6, 15e6, false},
		{20e6, 0, 20e6, 20e6, false},
		{2e6, 20e6, 20e6, 15e6, false},
		{10e6, 4e6, 10e6, 10e6, false},
		{20.1e6, 0, 20e6, 15e6, true},
		{6e9, 0, 20e6, 15e6, true},
	} {
		got, err := resolve(device.Tuning{CenterHz: 3e9, SpanHz: c.span, RateHz: c.rate})
		if err != nil {
			t.Fatal(err)
		}
		if got.RateHz != c.wantRate || filterHz(got) != c.filter || got.Sweeps() != c.sweeps {
			t.Errorf("span %g at %g: rate %g, filter %g, sweeps %v", c.span, c.rate, got.RateHz, filterHz(got), got.Sweeps())
		}
	}
	for _, bad := range []device.Tuning{
		{CenterHz: 7.3e9, SpanHz: 1e6},
		{CenterHz: -1, SpanHz: 1e6},
		{CenterHz: math.NaN(), SpanHz: 1},
		{CenterHz: 1e9, SpanHz: 0},
		{CenterHz: 1e9, SpanHz: 8e9},
		{CenterHz: 1e9, SpanHz: 1e6, RateHz: 1e6},
		{CenterHz: 1e9, SpanHz: 1e6, RateHz: 21e6},
		{CenterHz: 1e9, SpanHz: 1e6, LNADB: 48},
		{CenterHz: 1e9, SpanHz: 1e6, VGADB: -2},
	} {
		var e *device.Error
		if _, err := resolve(bad); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if low, high := sweepMHz(device.Tuning{CenterHz: 3e9, SpanHz: 6e9}); low != 0 || high != 6000 {
		t.Errorf("sweep of %d to %d MHz", low, high)
	}
}
