package hackrf

import (
	"errors"
	"math"
	"slices"
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
		{0, 0, 8e6, 6e6, false},
		{0, 2e6, 2e6, 1.75e6, false},
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
		{CenterHz: 1e9, SpanHz: -1},
		{CenterHz: 1e9, SpanHz: 8e9},
		{CenterHz: 1e9, SpanHz: 1e6, RateHz: 1e6},
		{CenterHz: 1e9, SpanHz: 1e6, RateHz: 21e6},
		{CenterHz: 1e9, SpanHz: 1e6, LNADB: 48},
		{CenterHz: 1e9, SpanHz: 1e6, VGADB: -2},
		over(device.Range{LowHz: 1e9, HighHz: 2e9}, device.Range{LowHz: 7e9, HighHz: 7.3e9}),
	} {
		var e *device.Error
		if _, err := resolve(bad); !errors.As(err, &e) || e.Hint == "" {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func over(ranges ...device.Range) device.Tuning {
	t, err := device.Tuning{}.Over(ranges...)
	if err != nil {
		panic(err)
	}
	return t
}

func TestSweepMHz(t *testing.T) {
	for _, c := range []struct {
		ranges []device.Range
		want   []uint16
	}{
		{[]device.Range{{LowHz: 0, HighHz: 6e9}}, []uint16{0, 6000}},
		{[]device.Range{{LowHz: 2400e6, HighHz: 2500e6}, {LowHz: 5150e6, HighHz: 5850e6}}, []uint16{2400, 2500, 5150, 5850}},
		// On one raster of 5 MHz.
		{[]device.Range{{LowHz: 433.05e6, HighHz: 434.79e6}, {LowHz: 868e6, HighHz: 870e6}}, []uint16{433, 453, 868, 888}},
		{[]device.Range{{LowHz: 433.05e6, HighHz: 434.79e6}, {LowHz: 867e6, HighHz: 890e6}}, []uint16{433, 453, 863, 903}},
		// Nothing is seen twice.
		{[]device.Range{{LowHz: 100e6, HighHz: 105e6}, {LowHz: 118e6, HighHz: 137e6}}, []uint16{100, 140}},
		{[]device.Range{{LowHz: 100e6, HighHz: 105e6}, {LowHz: 120e6, HighHz: 137e6}}, []uint16{100, 120, 120, 140}},
		{[]device.Range{{LowHz: 100e6, HighHz: 105e6}, {LowHz: 106e6, HighHz: 107e6}, {LowHz: 200e6, HighHz: 201e6}}, []uint16{100, 120, 200, 220}},
	} {
		if got := sweepMHz(over(c.ranges...)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %v MHz, want %v", c.ranges, got, c.want)
		}
	}
}
