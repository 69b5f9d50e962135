package views

import (
	"testing"
	"testing/synctest"

	"argos/spectrum"
	"argos/stream"
)

// The unit is that of the frame on the screen; what corrects it, and what is missing for
// that, is told of the radio.
func TestScreenTellsCalibration(t *testing.T) {
	known := spectrum.Correction{PPM: -1.25, IQ: true, Slope: true, Level: true}
	lacking := spectrum.Correction{PPM: -1.25, IQ: true, Missing: "no level for LNA 24 VGA 30 amp off"}
	for _, c := range []struct {
		w, h  int
		known spectrum.Correction
		want  []string
	}{
		{120, 40, known, []string{"dBm", "clock -1.25 ppm  IQ on  slope on  dBm on"}},
		{120, 40, lacking, []string{"dBFS", "clock -1.25 ppm  IQ on  slope off  dBm off", "no level for LNA 24 VGA 30 amp off"}},
		{80, 24, lacking, []string{"dBFS", "no level for LNA 24 VGA 30 amp"}},
		{60, 16, known, []string{"dBm"}},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := startRig(t, c.w, c.h, "UTF-8", 256, Options{})
			defer r.stop()
			r.src.change(func(l *stream.Link) { l.Device.Correction = c.known })
			r.scene.frame.Grid.Calibrated, r.scene.frame.Grid.PPM = c.known.Level, c.known.PPM
			r.feed(3)
			r.wants(c.want...)
		})
	}
}
