package replay

import (
	"errors"
	"io"
	"math"
	"time"

	"argos/device"
)

const (
	// sweepHzPerSec is how fast hackrf_sweep goes, for recordings without times.
	sweepHzPerSec = 8e9
	// maxBins bounds what a record may make us hold. hackrf_sweep has 2045 at most.
	maxBins = 65536
	// maxPause is the longest step of recorded time that is taken for a pause and not
	// for a clock that was set.
	maxPause = time.Hour
	// leastDB stands for no power at all, which has no logarithm.
	leastDB = -200
)

// A record is one piece of a sweep.
type record struct {
	lowHz, highHz float64
	at            time.Time // zero if not recorded
	power         []float32 // dB a bin; reused
}

// A recordReader reads one format of sweep.
type recordReader interface {
	// read fills rec, or returns io.EOF after the last record. Other errors say where
	// in the file they are.
	read(rec *record) error
	rewind()
	// extent is how long the whole recording is, if one pass over all frequencies
	// takes that long and it begins with first.
	extent(first *record, pass time.Duration) (time.Duration, error)
	// bad is a problem with the record that was read last.
	bad(format string, args ...any) error
}

// A sweep is a recording of power.
type sweep struct {
	records       recordReader
	lowHz, highHz float64
	binHz         float64
	pass          time.Duration // once over all frequencies
	duration      time.Duration

	rec  record
	prev time.Time     // of the last record
	pos  time.Duration // of the last record
}

// newSweep reads the first pass to learn what the recording covers.
func newSweep(records recordReader) (*sweep, error) {
	s := &sweep{records: records}
	if err := records.read(&s.rec); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, problem("record again", "it holds no sweep")
		}
		return nil, err
	}
	first := s.rec
	s.lowHz, s.highHz = first.lowHz, first.highHz
	s.binHz = (first.highHz - first.lowHz) / float64(len(first.power))
	covered := first.highHz - first.lowHz
	for {
		err := records.read(&s.rec)
		if err == nil {
			err = s.check()
		}
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, err
		}
		if ended || s.rec.lowHz == first.lowHz {
			s.pass = time.Duration(covered / sweepHzPerSec * 1e9)
			if step := s.rec.at.Sub(first.at); !ended && step > 0 && step <= maxPause {
				s.pass = step
			}
			break
		}
		s.lowHz, s.highHz = min(s.lowHz, s.rec.lowHz), max(s.highHz, s.rec.highHz)
		covered += s.rec.highHz - s.rec.lowHz
	}
	var err error
	s.duration, err = records.extent(&first, s.pass)
	s.rewind()
	return s, err
}

// check holds the newest record against the first.
func (s *sweep) check() error {
	binHz := (s.rec.highHz - s.rec.lowHz) / float64(len(s.rec.power))
	if math.Abs(binHz/s.binHz-1) > 1e-6 {
		return s.records.bad("its bins are %.2f Hz wide, not %.2f Hz as before", binHz, s.binHz)
	}
	return nil
}

// hackrf_sweep applies a Hann window and does not correct for its gain of a half: a full
// scale tone reads -6.02 dB there, and 0 dBFS here.
const (
	hannLossDB = 6.0206
	hannENBW   = 1.5 // in bins
)

func (s *sweep) next(b *device.Block) error {
	if err := s.records.read(&s.rec); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	width := s.rec.highHz - s.rec.lowHz
	if s.rec.at.IsZero() {
		s.pos += time.Duration(width / sweepHzPerSec * 1e9)
	} else {
		if step := s.rec.at.Sub(s.prev); !s.prev.IsZero() && step > 0 && step <= maxPause {
			s.pos += step
		}
		s.prev = s.rec.at
	}
	b.CenterHz = s.rec.lowHz + width/2
	b.Position = s.pos
	for i := range s.rec.power {
		s.rec.power[i] += hannLossDB
	}
	b.Power = s.rec.power
	b.StartHz = s.rec.lowHz
	b.BinHz = s.binHz
	b.RBWHz = hannENBW * s.binHz
	return nil
}

func (s *sweep) rewind() time.Duration {
	length := s.pos
	if !s.prev.IsZero() {
		length += s.pass
	}
	s.records.rewind()
	s.pos, s.prev = 0, time.Time{}
	return length
}

// checkRecord holds what any format can get wrong.
func checkRecord(rec *record) string {
	if !(rec.lowHz >= 0 && rec.lowHz < rec.highHz && rec.highHz <= maxHz) {
		return "its frequencies are not a range"
	}
	for i, v := range rec.power {
		if math.IsInf(float64(v), -1) {
			rec.power[i] = leastDB
		} else if !(math.Abs(float64(v)) <= 1000) {
			return "its powers are not dB"
		}
	}
	return ""
}
