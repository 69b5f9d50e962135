package stream

import (
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream/wire"
)

// deviceMessage is a capture's status as a message.
func deviceMessage(s *spectrum.Status) *wire.ServerMessage {
	d := &wire.Device{
		Driver: cleanText(s.Info.Driver), Name: cleanText(s.Info.Name), Serial: cleanText(s.Info.Serial), Firmware: cleanText(s.Info.Firmware),
		Simulated: s.Info.Simulated, MinHz: s.Info.MinHz, MaxHz: s.Info.MaxHz,
		MinRateHz: s.Info.MinRateHz, MaxRateHz: s.Info.MaxRateHz, FlatShare: s.Info.FlatShare, Gains: s.Info.Gains,
		DurationNs: int64(s.Info.Duration), Tuning: new(wire.Tuning),
		Bins: uint32(s.Settings.Bins), RbwHz: s.Settings.RBWHz, Window: s.Settings.Window.String(),
		Overlap: s.Settings.Overlap, Fps: s.Settings.FPS, SweepNs: int64(s.Settings.SweepTime),
		Min: s.Settings.Min, VbwHz: s.Settings.VBWHz, Dc: s.Settings.DC.String(), StepDb: s.Settings.StepDB,
		State: s.State.String(), Reason: cleanText(s.Reason),
		SamplesPerSec: s.SamplesPerSec, BytesPerSec: s.BytesPerSec, Lost: s.Lost, Frames: s.Frames,
		Overload: s.Overload, LastOverloadNs: nanos(s.LastOverload), LastLostNs: nanos(s.LastLost), PositionNs: int64(s.Position),
		Ppm: s.Correction.PPM, IqCorrected: s.Correction.IQ, SlopeCorrected: s.Correction.Slope, LevelCorrected: s.Correction.Level,
		Uncorrected: cleanText(s.Correction.Missing),
	}
	setTuning(d.Tuning, &s.Settings.Tuning)
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Device{Device: d}}
}

// statusOf reads a device message, its text made safe to show.
func statusOf(d *wire.Device) *spectrum.Status {
	window, err := spectrum.ParseWindow(d.GetWindow())
	if err != nil {
		window = spectrum.Hann
	}
	dc, _ := spectrum.ParseDC(d.GetDc()) // what is not known is kept
	return &spectrum.Status{
		Info: device.Info{
			Driver: cleanText(d.GetDriver()), Name: cleanText(d.GetName()), Serial: cleanText(d.GetSerial()),
			Firmware: cleanText(d.GetFirmware()), Simulated: d.GetSimulated(),
			MinHz: finite(d.GetMinHz()), MaxHz: finite(d.GetMaxHz()),
			MinRateHz: finite(d.GetMinRateHz()), MaxRateHz: finite(d.GetMaxRateHz()),
			FlatShare: finite(d.GetFlatShare()), Gains: d.GetGains(), Duration: time.Duration(d.GetDurationNs()),
		},
		Settings: spectrum.Settings{
			Tuning: tuningOf(d.GetTuning()), Bins: int(d.GetBins()), RBWHz: finite(d.GetRbwHz()),
			Window: window, Overlap: finite(d.GetOverlap()), FPS: finite(d.GetFps()), SweepTime: time.Duration(d.GetSweepNs()),
			Min: d.GetMin(), VBWHz: finite(d.GetVbwHz()), DC: dc, StepDB: finite(d.GetStepDb()),
		},
		Correction: spectrum.Correction{
			PPM: finite(d.GetPpm()), IQ: d.GetIqCorrected(), Slope: d.GetSlopeCorrected(), Level: d.GetLevelCorrected(),
			Missing: cleanText(d.GetUncorrected()),
		},
		State: spectrum.ParseState(d.GetState()), Reason: cleanText(d.GetReason()),
		SamplesPerSec: finite(d.GetSamplesPerSec()), BytesPerSec: finite(d.GetBytesPerSec()),
		Lost: d.GetLost(), Frames: d.GetFrames(),
		Overload: float32(finite(float64(d.GetOverload()))), LastOverload: timeOf(d.GetLastOverloadNs()), LastLost: timeOf(d.GetLastLostNs()), Position: time.Duration(d.GetPositionNs()),
	}
}

// gpsMessage is where the antenna is as a message.
func gpsMessage(g *GPS) *wire.ServerMessage {
	return &wire.ServerMessage{Kind: &wire.ServerMessage_Gps{Gps: &wire.Gps{
		Fix: uint32(g.Fix), Lat: g.Lat, Lon: g.Lon, AccuracyM: g.AccuracyM, SpeedMps: g.SpeedMPS,
		Satellites: uint32(g.Satellites), TimeNs: nanos(g.Time),
	}}}
}

func gpsOf(g *wire.Gps) *GPS {
	return &GPS{
		Fix: int(g.GetFix()), Lat: finite(g.GetLat()), Lon: finite(g.GetLon()), AccuracyM: finite(g.GetAccuracyM()),
		SpeedMPS: finite(g.GetSpeedMps()), Satellites: int(g.GetSatellites()), Time: timeOf(g.GetTimeNs()),
	}
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func timeOf(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns)
}
