package spectrum

import (
	"math"
	"testing"
	"time"

	"argos/device"
)

func TestCurve(t *testing.T) {
	c := Curve{{100, 1}, {200, 3}, {400, -1}}
	for hz, want := range map[float64]float64{-50: 1, 100: 1, 150: 2, 200: 3, 250: 2, 400: -1, 1e9: -1} {
		if got := c.At(hz); got != want {
			t.Errorf("at %g Hz %g dB, want %g", hz, got, want)
		}
	}
	d := c.with(300, 0).with(200, 5).with(50, 9)
	for hz, want := range map[float64]float64{50: 9, 200: 5, 300: 0, 350: -0.5} {
		if got := d.At(hz); got != want {
			t.Errorf("at %g Hz %g dB, want %g", hz, got, want)
		}
	}
	if c.At(200) != 3 || len(c) != 3 {
		t.Errorf("the curve itself became %v", c)
	}
}

func TestSlopeIsThatOfTheTuning(t *testing.T) {
	curve := func(reach, db float64) Curve { return Curve{{-reach, db}, {reach, db}} }
	c := &Calibration{Slopes: []Slope{
		{20e6, curve(10e6, 1)}, {20e6, curve(7.5e6, 2)}, {8e6, curve(3e6, 3)},
	}}
	for _, test := range []struct {
		rateHz, spanHz float64
		want           float64 // 0: none
	}{
		{20e6, 2e6, 2},
		{20e6, 15e6, 2},
		{20e6, 16e6, 1},
		{20e6, 20e6, 1},
		{20e6, 100e6, 2}, // sweeps: three quarters of the rate
		{8e6, 6e6, 3},
		{8e6, 8e6, 0},
		{10e6, 2e6, 0},
	} {
		s := c.slope(&Grid{Tuning: device.Tuning{RateHz: test.rateHz, SpanHz: test.spanHz}})
		if got := s != nil; got != (test.want != 0) || got && s[0][1] != test.want {
			t.Errorf("%g of %g: %v, want %g", test.spanHz, test.rateHz, s, test.want)
		}
	}
}

func TestCorrectionTellsWhatIsMissing(t *testing.T) {
	at := device.Tuning{SpanHz: 2e6, RateHz: 2e6, LNADB: 16, VGADB: 20}
	other := at
	other.Amp, other.RateHz = true, 8e6
	c := &Calibration{PPM: 1.5, IQ: Imbalance{GainDB: 0.1}}
	if got := c.Correction(&Grid{Tuning: at}); got != (Correction{PPM: 1.5, IQ: true}) {
		t.Errorf("no tables: %+v", got)
	}
	c.SetLevel(at, 100e6, -30)
	c.SetSlope(at, Curve{{-1e6, 0}, {1e6, 0}})
	if got := c.Correction(&Grid{Tuning: at}); got != (Correction{PPM: 1.5, IQ: true, Slope: true, Level: true}) {
		t.Errorf("all: %+v", got)
	}
	want := Correction{PPM: 1.5, IQ: true, Missing: "no level for LNA 16 VGA 20 amp on, no slope for 8M samples/s and this span"}
	if got := c.Correction(&Grid{Tuning: other}); got != want {
		t.Errorf("another state: %+v", got)
	}
	// hackrf_sweep's powers have no samples that could be corrected.
	if got := c.Correction(&Grid{Tuning: device.Tuning{SpanHz: 2e6, LNADB: 16, VGADB: 20}}); got != (Correction{PPM: 1.5, Level: true}) {
		t.Errorf("powers: %+v", got)
	}
	if got := (*Calibration)(nil).Correction(&Grid{Tuning: at}); got != (Correction{}) {
		t.Errorf("none: %+v", got)
	}
}

// corrected feeds blocks to an analyzer that knows c and returns the frame.
func corrected(t *testing.T, s Settings, c *Calibration, blocks ...device.Block) *Frame {
	t.Helper()
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01, Calibration: c})
	if err != nil {
		t.Fatal(err)
	}
	for i := range blocks {
		if err := a.Add(&blocks[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	var got *Frame
	a.Flush(func(f *Frame) { got = new(*f) })
	if got == nil {
		t.Fatal("no frame")
	}
	return got
}

func TestStreamIsCalibrated(t *testing.T) {
	const n = 1024
	s := settingsAt(2e6, n)
	s.Min = true
	c := &Calibration{PPM: 20}
	c.SetLevel(s.Tuning, 99e6, -30)
	c.SetLevel(s.Tuning, 101e6, -34)
	c.SetSlope(s.Tuning, Curve{{-1e6, 2}, {0, 0}, {1e6, -1}})
	x := sum(tone(4*n, 4*256, 0.1), tone(4*n, -4*256, 0.01))
	f := corrected(t, s, c, device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: device.CF32, Samples: encode(x, device.CF32)})
	g := &f.Grid
	if !g.Calibrated || g.Unit() != "dBm" || g.PPM != 20 {
		t.Errorf("grid %+v", g)
	}
	for _, want := range []struct{ hz, db float64 }{{100.5e6, -20 - 33 - 0.5}, {99.5e6, -40 - 31 + 1}} {
		hz := want.hz * (1 + 20e-6)
		bin := g.BinAt(hz)
		if off := g.BinCenterHz(bin) - hz; math.Abs(off) > 1e-3 {
			t.Errorf("%g: the bin is %g Hz off", hz, off)
		}
		for name, q := range map[string]int16{"mean": f.Mean[bin], "max": f.Max[bin], "min": f.Min[bin]} {
			if db := g.DB(q); math.Abs(db-want.db) > 0.011 {
				t.Errorf("%g: %s %.3f dBm, want %.2f", hz, name, db, want.db)
			}
		}
	}
	if off := g.BinHz/(2e6/n) - 1 - 20e-6; math.Abs(off) > 1e-12 {
		t.Errorf("bins of %g Hz", g.BinHz)
	}
}

// What is asked for lies where it is in truth, and a wish for a resolution that was read
// off a calibrated radio finds it again.
func TestClockMovesWhatIsShown(t *testing.T) {
	const ppm = -50
	s := settingsAt(2e6, 0)
	s.Tuning.SpanHz, s.RBWHz = 1e6, 1e3
	f := corrected(t, s, &Calibration{PPM: ppm}, device.Block{
		Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: device.CF32, Samples: encode(noise(16384, 0.1, 1), device.CF32),
	})
	g := &f.Grid
	if low, high := 99.5e6-g.StartHz, g.StopHz()-100.5e6; low < 0 || low > g.BinHz || high < 0 || high > g.BinHz {
		t.Errorf("%f to %f in bins of %f", g.StartHz, g.StopHz(), g.BinHz)
	}
	if g.Calibrated || math.Abs(g.TunedHz-(100e6-5e3)) > 1e-6 {
		t.Errorf("calibrated %t, tuned to %f", g.Calibrated, g.TunedHz)
	}
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{Calibration: &Calibration{PPM: ppm}})
	if err != nil {
		t.Fatal(err)
	}
	again := a.Settings()
	again.Bins = 0
	b, err := NewAnalyzer(again, device.Info{}, 2, &AnalyzerOptions{Calibration: &Calibration{PPM: ppm}})
	if err != nil || b.Settings().Bins != a.Settings().Bins {
		t.Errorf("%d bins become %d, %v", a.Settings().Bins, b.Settings().Bins, err)
	}
}

func TestSweepIsCalibrated(t *testing.T) {
	const n = 1024
	tuning := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6, LNADB: 16}
	c := &Calibration{PPM: 10}
	c.SetLevel(tuning, 2400e6, -20)
	c.SetLevel(tuning, 2440e6, -24)
	c.SetSlope(tuning, Curve{{-7.5e6, 3}, {7.5e6, -3}})
	// In the upper piece of the first tuning, and in the lower of the last.
	tones := map[float64]float64{2412.5e6 - 20e6/n*16: 0.1, 2428.75e6: 0.1}
	var blocks []device.Block
	for _, center := range centres {
		blocks = append(blocks, sweepBlock(tuning, center, tones, 0, 1, epoch))
	}
	f := corrected(t, Settings{Tuning: tuning, Bins: n, Window: BlackmanHarris, Min: true}, c, blocks...)
	g := &f.Grid
	for hz := range tones {
		// The centre of the only tuning that has it in one of its two quarters.
		at := math.NaN()
		for _, center := range centres {
			if off := math.Abs(hz - center); off > 2.5e6 && off < 7.5e6 {
				at = hz - center
			}
		}
		bin := g.BinAt(hz * (1 + 10e-6))
		want := -20 - 20 - (hz-2400e6)/10e6 - at/2.5e6
		for name, q := range map[string]int16{"mean": f.Mean[bin], "min": f.Min[bin]} {
			if db := g.DB(q); !g.Calibrated || math.Abs(db-want) > 0.02 {
				t.Errorf("%g, %g from the centre: %s %.3f %s, want %.3f dBm", hz, at, name, db, g.Unit(), want)
			}
		}
		if off := g.BinCenterHz(bin) - hz*(1+10e-6); math.Abs(off) > 1e-2 {
			t.Errorf("%g: the bin is %g Hz off", hz, off)
		}
	}
}

// The greatest that a file may say keeps powers within what a frame can hold, and apart
// from what was not measured.
func TestCalibratedPowersFit(t *testing.T) {
	const n = 256
	s := settingsAt(2e6, n)
	for _, db := range []float64{-maxLevelDB, maxLevelDB} {
		c := &Calibration{}
		c.SetLevel(s.Tuning, 100e6, db)
		c.SetSlope(s.Tuning, Curve{{-1e6, math.Copysign(maxSlopeDB, db)}, {1e6, math.Copysign(maxSlopeDB, db)}})
		for _, amplitude := range []float64{0, 1e-15, 1, 1e6} {
			x := tone(4*n, 64, amplitude)
			f := corrected(t, s, c, device.Block{Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: device.CF32, Samples: encode(x, device.CF32)})
			for i := range f.Mean {
				if f.Mean[i] == Absent || f.Max[i] < f.Mean[i]-1 {
					t.Fatalf("%g dB, amplitude %g: bin %d is %d, at most %d", db, amplitude, i, f.Mean[i], f.Max[i])
				}
			}
		}
	}
}

// A change of gain leaves the generation that was calibrated, and takes up the one that
// is not.
func TestGainChangesTheUnit(t *testing.T) {
	in := device.Tuning{CenterHz: 100e6, SpanHz: 2e6, RateHz: 2e6}
	c := &Calibration{}
	c.SetLevel(in, 100e6, -30)
	for lna, want := range map[int]string{0: "dBm", 8: "dBFS"} {
		s := settingsAt(2e6, 256)
		s.Tuning.LNADB = lna
		a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{Calibration: c})
		if err != nil {
			t.Fatal(err)
		}
		if g := a.Grid(); g.Unit() != want {
			t.Errorf("LNA %d: %s, want %s", lna, g.Unit(), want)
		}
	}
}

func TestCalibratingDoesNotAllocate(t *testing.T) {
	stream := settingsAt(20e6, 1024)
	stream.FPS = 20
	sweep := stream
	sweep.Tuning.SpanHz = 40e6
	c := &Calibration{PPM: 1, IQ: Imbalance{GainDB: 0.5}}
	c.SetLevel(stream.Tuning, 100e6, -30)
	c.SetSlope(stream.Tuning, Curve{{-10e6, 1}, {10e6, -1}})
	raw := encode(noise(8192, 0.1, 1), device.CI8)
	for name, s := range map[string]Settings{"stream": stream, "sweep": sweep} {
		a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{Calibration: c})
		if err != nil {
			t.Fatal(err)
		}
		i, frames := 0, 0
		emit := func(*Frame) { frames++ }
		var b device.Block
		add := func() {
			i++
			b = device.Block{CenterHz: 100e6, Time: epoch.Add(time.Duration(i) * 20 * time.Millisecond), Samples: raw}
			if s.Tuning.Sweeps() {
				b.CenterHz = 87.5e6 + 5e6*float64(i%8)
			}
			if err := a.Add(&b, emit); err != nil {
				t.Fatal(name, err)
			}
		}
		for range 300 {
			add()
		}
		if n := testing.AllocsPerRun(200, add); n != 0 || frames == 0 {
			t.Errorf("%s: %g allocations a block, %d frames", name, n, frames)
		}
	}
}
