package spectrum

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"argos/device"
)

// floorOf is the mean of a floor over the bins that were measured, and how far one is
// from it at most.
func floorOf(n *NoiseFloor, bins int) (mean, worst float64) {
	for i := range bins {
		mean += n.Level(i) / float64(bins)
	}
	for i := range bins {
		worst = max(worst, math.Abs(n.Level(i)-mean))
	}
	return mean, worst
}

// The estimate has no bias at any number of averages, overlap, window and tier.
func TestNoiseFloorHasNoBias(t *testing.T) {
	study(t)
	t.Parallel()
	const bins, power = 1024, 1e-6
	truth := 10*math.Log10(power) + 10*math.Log10(1.0/bins) // in a bin one wide
	for w := range Window(len(windows)) {
		for _, overlap := range []float64{0, 0.5, 0.75} {
			for _, averages := range []int{1, 4, 32} {
				s := settingsAt(1.024e6, bins)
				s.Window, s.Overlap = w, overlap
				samples := bins + int(float64((averages-1)*bins)*(1-overlap))
				want := truth + 10*math.Log10(w.ENBW())
				var full, half float64
				const rounds = 40
				for round := range rounds {
					f := measure(t, s, noise(samples, math.Sqrt(power/2), uint64(round)), device.CF32, 0.5)
					if f.Averages() != averages {
						t.Fatalf("%d averages, want %d", f.Averages(), averages)
					}
					var floor, tierFloor NoiseFloor
					floor.Update(f)
					mean, _ := floorOf(&floor, bins)
					full += mean / rounds
					var tier Frame
					Reduce(&tier, f, f.Grid.Slice(0, 0, 256))
					tierFloor.Update(&tier)
					mean, _ = floorOf(&tierFloor, 256)
					half += mean / rounds
				}
				name := func(what string) string {
					return what + " " + w.String() + " " + time.Duration(overlap*100).String() + " " + time.Duration(averages).String()
				}
				near(t, name("full"), full, want, 0.15)
				near(t, name("tier"), half, want, 0.15)
			}
		}
	}
}

// Signals over half the band, some of them strong, lift it by less than half a dB; what
// has the shape of a front end it follows.
func TestNoiseFloorIgnoresSignals(t *testing.T) {
	const bins = 4096
	r := rand.New(rand.NewPCG(1, 1))
	frame := func(at time.Duration, lift float64, signals bool) *Frame {
		f := &Frame{Grid: Grid{Generation: 1, BinHz: 1, Bins: bins, StepDB: 0.5, Window: Hann}, Mean: make([]int16, bins), Max: make([]int16, bins)}
		f.Segments = []Segment{{Bins: bins, Windows: 16, First: epoch.Add(at), Last: epoch.Add(at)}}
		for i := range f.Mean {
			power := 0.0
			for range 16 {
				power += r.ExpFloat64() / 16
			}
			db := -90 + lift + 6*math.Cos(2*math.Pi*float64(i)/bins) + 10*math.Log10(power)
			if signals && i%512 < 256 {
				db += 10 + float64(i%40)
			}
			f.Mean[i] = int16(math.Round(db / 0.5))
		}
		return f
	}
	var n NoiseFloor
	worst := func() (off float64) {
		for i := range bins {
			off = max(off, math.Abs(n.Level(i)-(-90+6*math.Cos(2*math.Pi*float64(i)/bins))))
		}
		return off
	}
	for k := range 40 {
		n.Update(frame(time.Duration(k)*50*time.Millisecond, 0, true))
	}
	if off := worst(); off > 1.2 {
		t.Errorf("%.2f dB off with signals", off)
	}
	// A burst over all bins for 100 ms lifts it by no more than the slew.
	before := n.Level(100)
	n.Update(frame(2050*time.Millisecond, 40, false))
	n.Update(frame(2100*time.Millisecond, 40, false))
	if got := n.Level(100); got > before+0.46 {
		t.Errorf("a burst lifts it from %.2f to %.2f dB", before, got)
	}
	// A change that stays is followed.
	for k := range 400 {
		n.Update(frame(3*time.Second+time.Duration(k)*50*time.Millisecond, 10, false))
	}
	near(t, "10 dB more", n.Level(1024), -80, 0.5)
	if n.Level(-1) == n.Level(-1) || n.Level(bins) == n.Level(bins) {
		t.Error("outside of the grid there is a level")
	}
}

func TestNoiseFloorOfASweep(t *testing.T) {
	f := &Frame{Grid: Grid{Generation: 1, BinHz: 1, Bins: 300, StepDB: 0.5, Window: Hann}, Mean: make([]int16, 300), Max: make([]int16, 300)}
	for i := range f.Mean {
		f.Mean[i] = Absent
	}
	for i := 100; i < 200; i++ {
		f.Mean[i] = -200
	}
	f.Segments = []Segment{{Bin: 100, Bins: 100, Windows: 1000, Last: epoch}}
	var n NoiseFloor
	n.Update(f)
	if l := n.Level(50); l == l {
		t.Errorf("%g where nothing was measured", l)
	}
	near(t, "measured", n.Level(150), -100, 0.3)
	// Silence, as in a recording, has a floor, too.
	for i := range f.Mean {
		f.Mean[i] = Absent
	}
	n.Update(f)
}

func TestNoiseFloorAllocatesNothing(t *testing.T) {
	f := new(Frame)
	noiseFrame(f, rand.New(rand.NewPCG(1, 2)), 1, 4096)
	var n NoiseFloor
	n.Update(f)
	if a := testing.AllocsPerRun(100, func() { n.Update(f) }); a > 0 {
		t.Errorf("%g allocations", a)
	}
}

func BenchmarkNoiseFloor(b *testing.B) {
	f := new(Frame)
	noiseFrame(f, rand.New(rand.NewPCG(1, 2)), 1, 4096)
	var n NoiseFloor
	for b.Loop() {
		n.Update(f)
	}
}
