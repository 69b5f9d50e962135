package spectrum

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
)

// TestEachWayIsCorrected measures a tone that falls by 20 dB half way, by each detector, in each
// way of measuring, of a radio without errors and of one with all of them.
func TestEachWayIsCorrected(t *testing.T) {
	const loud, quiet = -6, -26
	known := &Calibration{PPM: 200, IQ: Imbalance{GainDB: 3, PhaseDeg: 10}}
	zero := zeroAt(8e6, 93_750, time.Millisecond, 0)
	zero.Tuning.CenterHz = 2400e6
	for _, test := range []struct {
		name   string
		s      Settings
		tuned  []float64 // to which the radio is, by its own clock
		hz     float64   // of the tone, by the same; 0: at what zero span is tuned to
		offset float64   // of the tone from the centre of the block that shows it
		half   int       // samples; of zero span a sweep
		more   int       // for the last window
	}{
		{
			"stream",
			Settings{Tuning: device.Tuning{CenterHz: 2400e6, SpanHz: 8e6, RateHz: 8e6}, Bins: 1024},
			[]float64{2400e6},
			2400e6 + 8e6/1024*200, 8e6 / 1024 * 200, 4 * 1024, 0,
		},
		{
			"sweep",
			Settings{Tuning: device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}, Bins: 1024},
			centres, 2412.5e6 + 20e6/1024*200, 20e6 / 1024 * 200, 4 * 1024, 0,
		},
		{"zero span", zero, []float64{2398e6}, 0, 2e6, 8000, 96},
	} {
		for _, c := range []*Calibration{nil, known} {
			s, clock, add := test.s, c.clock(), 0.0
			s.Min = true
			hz, offset := test.hz, test.offset
			if hz == 0 {
				hz = s.Tuning.CenterHz / clock
				offset = hz - test.tuned[0]
			}
			var errs Imbalance
			if c != nil {
				errs = c.IQ
				c.Levels, c.Slopes = nil, nil
				c.SetLevel(s.Tuning, 2390e6, -30)
				c.SetLevel(s.Tuning, 2450e6, -36)
				c.SetSlope(s.Tuning, Curve{{-s.Tuning.RateHz / 2, 4}, {s.Tuning.RateHz / 2, -4}})
				add = -30 - (hz*clock-2390e6)/10e6 - 8*offset*clock/s.Tuning.RateHz
			}
			var blocks []device.Block
			for _, center := range test.tuned {
				n := 2*test.half + test.more
				x := tone(n, (hz-center)/s.Tuning.RateHz*float64(n), math.Pow(10, loud/20.))
				if math.Abs(hz-center) > s.Tuning.RateHz/2 {
					clear(x)
				}
				for i := range x[test.half:] {
					x[test.half+i] *= complex(math.Pow(10, (quiet-loud)/20.), 0)
				}
				blocks = append(blocks, device.Block{
					Tuning: s.Tuning, CenterHz: center, Time: epoch, Break: true, Format: device.CF32, Samples: encode(unbalanced(x, errs), device.CF32),
				})
			}
			f := corrected(t, s, c, blocks...)
			bin := f.Grid.BinAt(hz * clock)
			if f.Grid.ZeroSpan() {
				bin = f.Grid.Bins / 2
			}
			mean := 10 * math.Log10((math.Pow(10, loud/10.)+math.Pow(10, quiet/10.))/2)
			for _, detector := range []struct {
				name string
				q    int16
				want float64
			}{{"mean", f.Mean[bin], mean}, {"max", f.Max[bin], loud}, {"min", f.Min[bin], quiet}} {
				if db := f.Grid.DB(detector.q); math.Abs(db-detector.want-add) > 0.02 || f.Grid.Calibrated != (c != nil) {
					t.Errorf("%s, calibrated %t: %s %.3f %s, want %.3f", test.name, c != nil, detector.name, db, f.Grid.Unit(), detector.want+add)
				}
			}
		}
	}
}

// Samples were taken by the clock that frequencies are corrected for.
func TestTimesAreByTheCorrectedClock(t *testing.T) {
	const n = 1 << 19
	for _, s := range []Settings{settingsAt(2e6, 1024), zeroAt(2e6, 23_437.5, 100*time.Millisecond, 0)} {
		f := corrected(t, s, &Calibration{PPM: maxPPM}, device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Samples: make([]byte, 2*n)})
		if got, want := f.Last.Sub(f.First), lasting(n-1, 2e6*(1+maxPPM*1e-6)); got != want || !f.Last.Equal(epoch) {
			t.Errorf("span %g: %v, want %v", s.Tuning.SpanHz, got, want)
		}
	}
}

// Points in which samples were lost have no power, by any detector.
func TestLostPointsReadNothing(t *testing.T) {
	s := zeroAt(8e6, 93_750, time.Millisecond, 0)
	s.Min = true
	c := &Calibration{}
	c.SetLevel(s.Tuning, 100e6, -30)
	x := encode(noise(3000, 0.1, 1), device.CI8)
	first := device.Block{Tuning: s.Tuning, CenterHz: 98e6, Time: epoch, Samples: x}
	second := first
	second.Lost, second.Break, second.Time = 1600, true, epoch.Add(time.Millisecond)
	f := corrected(t, s, c, first, second)
	lost := 0
	for i := range f.Mean {
		if f.Mean[i] == Absent {
			lost++
		}
		if (f.Mean[i] == Absent) != (f.Max[i] == Absent) || (f.Mean[i] == Absent) != (f.Min[i] == Absent) {
			t.Errorf("point %d reads %d %d %d", i, f.Min[i], f.Mean[i], f.Max[i])
		}
	}
	if lost == 0 || lost == len(f.Mean) {
		t.Errorf("%d of %d points are lost", lost, len(f.Mean))
	}
}

// What is seen beside the radio's centre takes a slope that reaches there.
func TestSlopeGoesByTheRadiosCentre(t *testing.T) {
	curve := func(reach float64) Curve { return Curve{{-reach, -reach / 1e6}, {reach, reach / 1e6}} }
	zero := zeroAt(8e6, 93_750, time.Millisecond, 0)
	crop := settingsAt(8e6, 1024)
	crop.Tuning.SpanHz = 2e6
	for _, test := range []struct {
		name   string
		s      Settings
		slopes []float64 // how far they reach
		want   float64   // dB at 2 MHz above the radio's centre; 0: not known
	}{
		{"zero span", zero, []float64{1e6, 3e6}, 2},
		{"zero span", zero, []float64{1e6}, 0},
		{"a crop", crop, []float64{1e6, 2.5e6, 3e6}, 2},
		{"a crop", crop, []float64{1e6, 2.5e6}, 0},
	} {
		c := &Calibration{}
		for _, reach := range test.slopes {
			c.SetSlope(test.s.Tuning, curve(reach))
		}
		const n = 1024 * 16
		b := device.Block{Tuning: test.s.Tuning, CenterHz: 98e6, Time: epoch, Format: device.CF32, Samples: encode(tone(n, n/4, 0.1), device.CF32)}
		f := corrected(t, test.s, c, b)
		bin := f.Grid.BinAt(100e6)
		if f.Grid.ZeroSpan() {
			bin = f.Grid.Bins / 2
		}
		if db := f.Grid.DB(f.Mean[bin]) + 20; math.Abs(db-test.want) > 0.02 {
			t.Errorf("%s, slopes over %g Hz: %.2f dB, want %g", test.name, test.slopes, db, test.want)
		}
		if k := c.Correction(&f.Grid); k.Slope != (test.want != 0) || k.Slope == strings.Contains(k.Missing, "no slope") {
			t.Errorf("%s, slopes over %g Hz: %+v", test.name, test.slopes, k)
		}
	}
}

// In a part of a recording the radio hears itself where it was tuned to, not in the middle
// of the part.
func TestPartsOfARecording(t *testing.T) {
	const n = 4096
	part := settingsAt(2e6, n)
	part.Tuning.CenterHz, part.Tuning.SpanHz = 434.22e6, 1e6
	measure := func(x []complex128, c *Calibration) *Frame {
		return corrected(t, part, c, device.Block{
			Tuning: part.Tuning, CenterHz: 433.92e6, Time: epoch, Format: device.CF32, Samples: encode(x, device.CF32),
		})
	}
	at := math.Round(0.3e6 / 2e6 * n)
	quiet := noise(64*n, 0.001, 1)
	f := measure(sum(quiet, tone(64*n, 0, 0.5), tone(64*n, 64*at, 0.1)), nil)
	g := &f.Grid
	if g.TunedHz != 433.92e6 {
		t.Errorf("tuned to %f", g.TunedHz)
	}
	hz := 433.92e6 + at*2e6/n
	if got, err := FindTone(f, hz, 400e3); err != nil || math.Abs(got.Hz-hz) > 10 {
		t.Errorf("a tone in the middle: %+v, %v", got, err)
	}
	if bin := g.Strongest(f.Mean, g.StartHz, g.StopHz()); math.Abs(g.BinCenterHz(bin)-hz) > g.BinHz {
		t.Errorf("the strongest is at %f", g.BinCenterHz(bin))
	}
	if _, err := FindTone(measure(sum(quiet, tone(64*n, 0, 0.5)), nil), 433.92e6, 1e3); err == nil {
		t.Error("the radio's own line was found")
	}
	for _, ppm := range []float64{0, -20} {
		if _, err := FindSlope(measure(quiet, &Calibration{PPM: ppm})); err == nil || !strings.Contains(err.Error(), "use --freq 433.92M") {
			t.Errorf("a slope: %v", err)
		}
	}
}

// What only blocks tell, where the radio is tuned to, decides what a capture says is corrected.
func TestCaptureTellsWhatIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newFakeRadio()
		r.besideHz, r.blocks = 2e5, 3
		c := &Calibration{}
		s := wish()
		s.Tuning.SpanHz = 0
		c.SetSlope(device.Tuning{RateHz: 1e6}, Curve{{-1e5, 0}, {1e5, 0}})
		got, err := NewCapture(r, NewHistory(0), s, &CaptureOptions{Calibration: c})
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if k := got.Status().Correction; k.Slope || k.Missing != "no slope for 1M samples/s and this span" {
			t.Errorf("%+v", k)
		}
	})
}
