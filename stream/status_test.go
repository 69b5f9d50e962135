package stream

import (
	"math"
	"reflect"
	"testing"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream/wire"
)

func TestStatusRoundTrip(t *testing.T) {
	want := &spectrum.Status{
		Info: device.Info{
			Driver: "hackrf", Name: "HackRF One", Serial: "0123", Firmware: "2024.02.1", Simulated: true,
			MinHz: 1e6, MaxHz: 6e9, MinRateHz: 2e6, MaxRateHz: 20e6, FlatShare: 0.75, Gains: true, Duration: time.Minute,
		},
		Settings: spectrum.Settings{
			Tuning: device.Tuning{CenterHz: 433.92e6, SpanHz: 2e6, RateHz: 2e6, LNADB: 24, VGADB: 30, Amp: true, BiasTee: true},
			Bins:   4096, RBWHz: 732.4, Window: spectrum.FlatTop, Overlap: 0.5, VBWHz: 61.04, Min: true, DC: spectrum.DCMask, FPS: 20, StepDB: 0.25,
		},
		Correction: spectrum.Correction{PPM: 1.25, IQ: true, Slope: true, Level: true, Missing: "no slope"},
		State:      spectrum.Failed, Reason: "unplugged", SamplesPerSec: 2e6, BytesPerSec: 4e6, Lost: 1, Frames: 2,
		Overload: 0.5, LastOverload: time.Unix(1_700_000_000, 5), Position: time.Second,
	}
	for _, e := range []encoding{encodingPB, encodingJSON} {
		b, err := e.marshal(nil, deviceMessage(want))
		if err != nil {
			t.Fatal(err)
		}
		m := new(wire.ServerMessage)
		if err := e.unmarshal(b, m); err != nil {
			t.Fatal(err)
		}
		if got := statusOf(m.GetDevice()); !reflect.DeepEqual(got, want) {
			t.Errorf("encoding %d:\n%+v, want\n%+v", e, got, want)
		}
	}
}

func TestStatusFromOutsideIsSafe(t *testing.T) {
	nan := math.NaN()
	s := statusOf(&wire.Device{
		Name: "Hack\x1b[31mRF\r\nOne", State: "exploded", Window: "hole", MinHz: nan, MaxHz: math.Inf(1), Fps: nan, RbwHz: nan, Overlap: nan, VbwHz: nan, Dc: "hole",
		SamplesPerSec: nan, BytesPerSec: nan, Overload: float32(nan), Ppm: nan, Tuning: &wire.Tuning{CenterHz: nan, SpanHz: nan, RateHz: nan},
	})
	if s.Info.Name != "Hack[31mRF One" || s.State != spectrum.Starting || s.Settings.Window != spectrum.Hann || s.Settings.DC != spectrum.DCKeep {
		t.Errorf("%+v", s)
	}
	for _, v := range []float64{
		s.Info.MinHz, s.Info.MaxHz, s.Settings.FPS, s.Settings.RBWHz, s.Settings.VBWHz, s.Settings.Overlap, s.SamplesPerSec, s.BytesPerSec,
		float64(s.Overload), s.Correction.PPM, s.Settings.Tuning.CenterHz, s.Settings.Tuning.SpanHz, s.Settings.Tuning.RateHz,
	} {
		if v != 0 {
			t.Errorf("%+v", s)
		}
	}
	if g := gpsOf(&wire.Gps{Lat: nan, Lon: nan, AccuracyM: nan, SpeedMps: nan}); *g != (GPS{}) {
		t.Errorf("%+v", g)
	}
	if statusOf(nil) == nil || gpsOf(nil) == nil {
		t.Error("nothing is not a status")
	}
}
