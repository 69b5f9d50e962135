package spectrum

import (
	"math"
	"time"

	"argos/device"
)

// Absent marks a bin that was not measured.
const Absent = math.MinInt16

// FloorDB is what a bin without any power reads, so that no level is infinite.
const FloorDB = -300

// A Grid is what a generation fixes: where the bins lie and how they were measured.
// Frames are merged only within one grid; two grids with one Generation and equal
// Part are equal.
type Grid struct {
	Generation uint64  // counts up with every change of tuning or measurement
	StartHz    float64 // lower edge of bin 0
	BinHz      float64 // 0 in zero span: every bin is of the frequency StartHz
	PointSec   float64 // of zero span: bins are points of the sweep, and last so long; else 0
	Bins       int
	Part       Part    // of what was measured
	StepDB     float64 // quantisation step of powers
	RBWHz      float64 // resolution bandwidth, not less than the bin width before tiers; 0 if not known
	VBWHz      float64 // video bandwidth: Max and Min are those of the power so filtered; 0: of each window
	Window     Window
	Overlap    float64 // share of a window that the next repeats, 0 to 0.75
	Min        bool    // frames have it
	DC         DC      // what became of the bins around the radio's centre
	Tuning     device.Tuning
	TunedHz    float64 // of the radio in truth, where it hears itself: not always the middle of what is seen; 0 in a sweep
	Simulated  bool
	Calibrated bool    // powers are dBm, not dBFS
	PPM        float64 // by which the radio's clock was corrected
}

// ZeroSpan reports whether bins lie along time, at one frequency: bin i is the i-th point of
// each sweep. It has no BinAt and no channels.
func (g *Grid) ZeroSpan() bool { return g.PointSec > 0 }

// StartSec is where in the sweep bin 0 begins, in zero span.
func (g *Grid) StartSec() float64 {
	return float64(g.Part.First) / float64(max(g.Part.Cell, 1)) * g.PointSec
}

// Axis is where bin 0 begins, and how far it is from bin to bin: in Hz, or in seconds from
// the start of the sweep in zero span.
func (g *Grid) Axis() (start, step float64) {
	if g.ZeroSpan() {
		return g.StartSec(), g.PointSec
	}
	return g.StartHz, g.BinHz
}

// Middle is where the middle of bin i lies on the axis.
func (g *Grid) Middle(i int) float64 {
	start, step := g.Axis()
	return start + (float64(i)+0.5)*step
}

// BinOver is the bin over a place on the axis; it may lie outside 0 to Bins-1.
func (g *Grid) BinOver(place float64) int {
	start, step := g.Axis()
	return int(math.Floor((place - start) / step))
}

// BinCenterHz is the frequency in the middle of bin i.
func (g *Grid) BinCenterHz(i int) float64 { return g.StartHz + (float64(i)+0.5)*g.BinHz }

// StopHz is the upper edge of the last bin.
func (g *Grid) StopHz() float64 { return g.StartHz + float64(g.Bins)*g.BinHz }

// BinAt is the bin that covers hz; it may lie outside 0 to Bins-1, as in zero span it does.
func (g *Grid) BinAt(hz float64) int {
	if g.ZeroSpan() {
		return -1
	}
	return int(math.Floor((hz - g.StartHz) / g.BinHz))
}

// clock is by what the radio's frequencies were multiplied.
func (g *Grid) clock() float64 { return 1 + g.PPM*1e-6 }

// Unit is "dBm" or "dBFS".
func (g *Grid) Unit() string {
	if g.Calibrated {
		return "dBm"
	}
	return "dBFS"
}

// A Segment says when a part of a frame was measured. Within a generation segments
// have fixed borders: two of one grid are equal in Bin and Bins or do not overlap.
type Segment struct {
	Bin, Bins   int
	Windows     int       // that went into each bin: the number of averages
	First, Last time.Time // capture time of the first and the last sample
}

// A Mono has the times of a Frame as they went by since the history began, whatever
// became of the system's clock meanwhile: frames are put in order, and their age is
// told, by these.
type Mono struct{ First, Last, Measured time.Duration }

// A Frame is a row of power over a Grid: everything measured from FirstSeq to LastSeq.
// Mean, Max and Min are in steps of Grid.StepDB, absolute (0 is 0 dBFS), Absent where
// nothing was measured: outside of Segments and, in zero span, where samples were lost. Min is
// empty unless Grid.Min. Frames handed out by a History are shared: read only.
type Frame struct {
	Grid              Grid
	FirstSeq, LastSeq uint64    // the frames that it stands for, in one epoch
	First, Last       time.Time // capture time of the first and the last sample
	Measured          time.Time // when the newest of them came into the history
	Mono              Mono      // the same times by a clock that nobody sets
	Lost              uint64    // samples known to be lost before or within it
	ErrorDB           float64   // by which Mean is off at most for having been rounded; Max and Min are by half a step
	Overload          float32   // largest share of samples at the converter's rails in one block, 0 to 1
	Segments          []Segment // in order of frequency, or of time in the sweep
	Mean, Max, Min    []int16
}

// Merged is the number of frames that f stands for, 1 for one as it was measured.
func (f *Frame) Merged() int { return int(f.LastSeq-f.FirstSeq) + 1 }

// Averages is the number of windows in the segment with the fewest.
func (f *Frame) Averages() int {
	least := 0
	for i, s := range f.Segments {
		if i == 0 || s.Windows < least {
			least = s.Windows
		}
	}
	return least
}

// DB converts a quantised power; Absent becomes NaN.
func (g *Grid) DB(q int16) float64 {
	if q == Absent {
		return math.NaN()
	}
	return float64(q) * g.StepDB
}
