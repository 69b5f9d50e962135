package stream

import (
	"errors"
	"fmt"
	"math"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream/wire"
)

// A frameEncoder turns frames into messages. The zero value is ready; it is for one
// goroutine.
type frameEncoder struct {
	packer   packer
	message  wire.ServerMessage
	kind     wire.ServerMessage_Frame
	frame    wire.Frame
	grid     wire.Grid
	part     wire.Part
	tuning   wire.Tuning
	segments []*wire.Segment
}

// encode appends f as a message in encoding e to dst.
func (c *frameEncoder) encode(dst []byte, e encoding, f *spectrum.Frame, now time.Time) ([]byte, error) {
	m := &c.frame
	m.FirstSeq, m.LastSeq = f.FirstSeq, f.LastSeq
	m.FirstNs, m.LastNs = f.First.UnixNano(), f.Last.UnixNano()
	m.MeasuredNs, m.SentNs = f.Measured.UnixNano(), now.UnixNano()
	m.FirstMonoNs, m.LastMonoNs, m.MeasuredMonoNs = int64(f.Mono.First), int64(f.Mono.Last), int64(f.Mono.Measured)
	m.SentMonoNs = int64(f.Mono.Measured + now.Sub(f.Measured))
	m.Lost, m.Overload, m.ErrorDb = f.Lost, f.Overload, f.ErrorDB
	c.setGrid(&f.Grid)
	m.Grid = &c.grid
	for len(c.segments) < len(f.Segments) {
		c.segments = append(c.segments, new(wire.Segment))
	}
	m.Segments = c.segments[:len(f.Segments)]
	for i, s := range f.Segments {
		w := m.Segments[i]
		w.Bin, w.Bins, w.Windows = uint32(s.Bin), uint32(s.Bins), uint32(s.Windows)
		w.FirstNs, w.LastNs = s.First.UnixNano(), s.Last.UnixNano()
	}
	m.Packed, m.MeanDb, m.MaxDb, m.MinDb = nil, m.MeanDb[:0], m.MaxDb[:0], m.MinDb[:0]
	if e == encodingJSON {
		for i := range f.Mean {
			m.MeanDb = append(m.MeanDb, float32(f.Grid.DB(f.Mean[i])))
			m.MaxDb = append(m.MaxDb, float32(f.Grid.DB(f.Max[i])))
		}
		for _, q := range f.Min {
			m.MinDb = append(m.MinDb, float32(f.Grid.DB(q)))
		}
	} else {
		packed, err := c.packer.pack(f)
		if err != nil {
			return dst, err
		}
		m.Packed = packed
	}
	c.kind.Frame = m
	c.message.Kind = &c.kind
	return e.marshal(dst, &c.message)
}

func (c *frameEncoder) setGrid(g *spectrum.Grid) {
	w := &c.grid
	w.Generation, w.StartHz, w.BinHz, w.Bins = g.Generation, g.StartHz, g.BinHz, uint32(g.Bins)
	w.PointS = g.PointSec
	w.StepDb, w.RbwHz, w.Window, w.Overlap = g.StepDB, g.RBWHz, g.Window.String(), g.Overlap
	w.Simulated, w.Calibrated, w.Ppm, w.TunedHz = g.Simulated, g.Calibrated, g.PPM, g.TunedHz
	w.Min, w.VbwHz, w.Dc = g.Min, g.VBWHz, g.DC.String()
	setTuning(&c.tuning, &g.Tuning)
	w.Tuning = &c.tuning
	w.Part = nil
	if g.Part != (spectrum.Part{}) {
		c.part.Cell, c.part.First, c.part.Of = uint32(g.Part.Cell), uint32(g.Part.First), uint32(g.Part.Of)
		w.Part = &c.part
	}
}

func setTuning(w *wire.Tuning, t *device.Tuning) {
	w.CenterHz, w.SpanHz, w.RateHz = t.CenterHz, t.SpanHz, t.RateHz
	w.LnaDb, w.VgaDb, w.Amp, w.BiasTee = int32(t.LNADB), int32(t.VGADB), t.Amp, t.BiasTee
	w.Ranges = w.Ranges[:0]
	for _, r := range t.Ranges.Slice() {
		w.Ranges = append(w.Ranges, &wire.Band{LowHz: r.LowHz, HighHz: r.HighHz})
	}
}

// tuningOf reads a tuning. Ranges that are none are taken for the whole span.
func tuningOf(w *wire.Tuning) device.Tuning {
	t := device.Tuning{
		CenterHz: finite(w.GetCenterHz()), SpanHz: finite(w.GetSpanHz()), RateHz: finite(w.GetRateHz()),
		LNADB: int(w.GetLnaDb()), VGADB: int(w.GetVgaDb()), Amp: w.GetAmp(), BiasTee: w.GetBiasTee(),
	}
	if n := len(w.GetRanges()); n > 1 && n <= device.MaxRanges {
		var ranges [device.MaxRanges]device.Range
		for i, r := range w.GetRanges() {
			ranges[i] = device.Range{LowHz: finite(r.GetLowHz()), HighHz: finite(r.GetHighHz())}
		}
		if over, err := t.Over(ranges[:n]...); err == nil {
			t = over
		}
	}
	return t
}

func partOf(w *wire.Part) spectrum.Part {
	return spectrum.Part{Cell: int(w.GetCell()), First: int(w.GetFirst()), Of: int(w.GetOf())}
}

// A frameDecoder turns messages into frames. The zero value is ready; it is for one
// goroutine.
type frameDecoder struct {
	unpacker unpacker
	frame    spectrum.Frame
	counting bool // powers stay packed
}

var errFrame = errors.New("frame breaks the protocol")

// Bounds of what a grid can say without making nonsense of what is computed from it.
const (
	mostHz      = 1e15
	mostPPM     = 1e6
	leastPointS = 1e-9
	mostPointS  = 1e6
	leastStepDB = 0.01 // powers down to spectrum.FloorDB fit an int16
	mostStepDB  = 20
	mostErrorDB = 300
)

// checkFrame says how m breaks the protocol.
func checkFrame(m *wire.Frame) error {
	g := m.GetGrid()
	switch {
	case m.GetFirstSeq() == 0 || m.GetLastSeq() < m.GetFirstSeq() || m.GetLastSeq() > math.MaxInt64:
		return fmt.Errorf("%w: sequence %d to %d", errFrame, m.GetFirstSeq(), m.GetLastSeq())
	case g.GetBins() == 0 || g.GetBins() > maxBins:
		return fmt.Errorf("%w: %d bins", errFrame, g.GetBins())
	case (g.GetPointS() != 0) != (g.GetBinHz() == 0) || g.GetPointS() != 0 && !within(g.GetPointS(), leastPointS, mostPointS):
		return fmt.Errorf("%w: bins of %g Hz and %g s", errFrame, g.GetBinHz(), g.GetPointS())
	case !within(g.GetBinHz(), 0, mostHz) || !within(g.GetStartHz(), -mostHz, mostHz) || !within(g.GetTunedHz(), -mostHz, mostHz) ||
		!within(g.GetStepDb(), leastStepDB, mostStepDB) || !within(g.GetRbwHz(), 0, mostHz) || !within(g.GetVbwHz(), 0, mostHz) || !within(g.GetPpm(), -mostPPM, mostPPM):
		return fmt.Errorf("%w: grid of %g Hz at %g Hz in %g dB with rbw %g Hz and vbw %g Hz",
			errFrame, g.GetBinHz(), g.GetStartHz(), g.GetStepDb(), g.GetRbwHz(), g.GetVbwHz())
	case g.GetPart() != nil && !sound(g.GetPart(), g.GetBins()):
		return fmt.Errorf("%w: %d bins are %v", errFrame, g.GetBins(), g.GetPart())
	case !within(g.GetOverlap(), 0, 1) || !within(float64(m.GetOverload()), 0, 1) || !within(m.GetErrorDb(), 0, mostErrorDB):
		return fmt.Errorf("%w: overlap %g, overload %g, error %g dB", errFrame, g.GetOverlap(), m.GetOverload(), m.GetErrorDb())
	}
	return nil
}

// sound reports whether so many bins can be a part as p says.
func sound(p *wire.Part, bins uint32) bool {
	cell, first, of := uint64(p.GetCell()), uint64(p.GetFirst()), uint64(p.GetOf())
	return cell > 0 && cell&(cell-1) == 0 && first%cell == 0 && of <= maxBins && first+(uint64(bins)-1)*cell < of
}

// decode checks m and returns it as a frame that is valid until the next call.
func (c *frameDecoder) decode(m *wire.Frame) (*spectrum.Frame, error) {
	if err := checkFrame(m); err != nil {
		return nil, err
	}
	f, g := &c.frame, m.GetGrid()
	f.FirstSeq, f.LastSeq = m.GetFirstSeq(), m.GetLastSeq()
	f.First, f.Last = time.Unix(0, m.GetFirstNs()), time.Unix(0, m.GetLastNs())
	f.Measured = time.Unix(0, m.GetMeasuredNs())
	f.Mono = spectrum.Mono{
		First: time.Duration(m.GetFirstMonoNs()), Last: time.Duration(m.GetLastMonoNs()), Measured: time.Duration(m.GetMeasuredMonoNs()),
	}
	f.Lost, f.Overload, f.ErrorDB = m.GetLost(), m.GetOverload(), m.GetErrorDb()
	window, err := spectrum.ParseWindow(g.GetWindow())
	if err != nil {
		return nil, fmt.Errorf("%w: unknown window", errFrame)
	}
	dc, err := spectrum.ParseDC(g.GetDc())
	if err != nil {
		return nil, fmt.Errorf("%w: it does not say what became of DC", errFrame)
	}
	bins := int(g.GetBins())
	f.Grid = spectrum.Grid{
		Generation: g.GetGeneration(), StartHz: g.GetStartHz(), BinHz: g.GetBinHz(), PointSec: g.GetPointS(), Bins: bins,
		StepDB: g.GetStepDb(), RBWHz: g.GetRbwHz(), Window: window, Overlap: g.GetOverlap(),
		Min: g.GetMin(), VBWHz: g.GetVbwHz(), DC: dc,
		Part:   partOf(g.GetPart()),
		Tuning: tuningOf(g.GetTuning()), TunedHz: g.GetTunedHz(),
		Simulated: g.GetSimulated(), Calibrated: g.GetCalibrated(), PPM: g.GetPpm(),
	}
	if c.counting {
		f.Segments = f.Segments[:0]
		return f, c.segments(m.GetSegments())
	}
	f.Reset(bins)
	if err := c.segments(m.GetSegments()); err != nil {
		return nil, err
	}
	if len(m.GetMeanDb()) > 0 {
		err = c.numbers(m.GetMeanDb(), m.GetMaxDb(), m.GetMinDb())
	} else {
		err = c.unpacker.unpack(f, m.GetPacked())
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (c *frameDecoder) segments(from []*wire.Segment) error {
	f := &c.frame
	next := uint64(0)
	for _, s := range from {
		if uint64(s.GetBin()) < next || s.GetBins() == 0 || uint64(s.GetBin())+uint64(s.GetBins()) > uint64(f.Grid.Bins) {
			return fmt.Errorf("%w: segment of %d bins at %d", errFrame, s.GetBins(), s.GetBin())
		}
		next = uint64(s.GetBin()) + uint64(s.GetBins())
		f.Segments = append(f.Segments, spectrum.Segment{
			Bin: int(s.GetBin()), Bins: int(s.GetBins()), Windows: int(s.GetWindows()),
			First: time.Unix(0, s.GetFirstNs()), Last: time.Unix(0, s.GetLastNs()),
		})
	}
	return nil
}

func (c *frameDecoder) numbers(mean, peak, least []float32) error {
	f := &c.frame
	if len(mean) != f.Grid.Bins || len(peak) != f.Grid.Bins || f.Grid.Min && len(least) != f.Grid.Bins {
		return fmt.Errorf("%w: %d, %d and %d powers for %d bins", errFrame, len(mean), len(peak), len(least), f.Grid.Bins)
	}
	for _, s := range f.Segments {
		for i := s.Bin; i < s.Bin+s.Bins; i++ {
			f.Mean[i], f.Max[i] = quantised(mean[i], f.Grid.StepDB), quantised(peak[i], f.Grid.StepDB)
			if f.Grid.Min {
				f.Min[i] = quantised(least[i], f.Grid.StepDB)
			}
		}
	}
	return nil
}

func quantised(db float32, stepDB float64) int16 {
	q := math.Round(float64(db) / stepDB)
	if !(math.Abs(q) <= math.MaxInt16) {
		return spectrum.Absent
	}
	return int16(q)
}

// within is false for NaN.
func within(v, least, most float64) bool { return v >= least && v <= most }

// finite makes what is no number 0: it could not be shown or written as JSON.
func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}
