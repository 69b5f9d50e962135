package spectrum

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"argos/device"
)

// Limits of zero span. A point is no shorter than leastPoint, nor than a hop of the filter.
const (
	minSweepTime = time.Millisecond
	maxSweepTime = 1000 * time.Second
	leastPoint   = 100 * time.Microsecond
	mostPoints   = 4096
)

// autoZeroRBWHz passes what most remote controls and voice channels send.
const autoZeroRBWHz = 100e3

// mostPieces is how many segments a slow sweep travels in: more would not show.
const mostPieces = 256

var (
	errSweepTime = fmt.Errorf("the sweep time must be from %s to 1000s, or auto", minSweepTime)
	errNoSamples = errors.New("zero span takes samples, and a recorded sweep has none: use a span above 0")
)

func setSweepTime(s *Settings, text string) error {
	if strings.EqualFold(text, auto) {
		s.SweepTime = 0
		return nil
	}
	t, err := time.ParseDuration(text)
	if err != nil || t < minSweepTime || t > maxSweepTime {
		return fmt.Errorf("%q is not a sweep time: use %s to 1000s, or auto", text, minSweepTime)
	}
	s.SweepTime = t
	return nil
}

// A timing is how zero span divides time, in samples.
type timing struct {
	hop    int // a quarter of the filter
	length int // of a point
	points int // in a sweep
}

func (t timing) taps() int { return hopsInFilter * t.hop }

// sweep is the samples of a sweep.
func (t timing) sweep() int64 { return int64(t.length) * int64(t.points) }

// pieces is how many segments a sweep travels in, where a frame is due every so many samples.
func (t timing) pieces(period float64) int {
	return max(1, min(int(float64(t.sweep())/period), t.points, mostPieces))
}

// FramePeriod is how often frames come by these settings, which are in force; 0 where they
// do not tell. A slow sweep of zero span has only so many pieces, however many frames are
// asked for.
func (s Settings) FramePeriod() time.Duration {
	if !(s.FPS > 0) {
		return 0
	}
	seconds := 1 / s.FPS
	if rate := s.Tuning.RateHz; s.Tuning.ZeroSpan() && rate > 0 {
		if t, err := s.pointsAt(rate); err == nil {
			seconds = max(seconds, float64(t.sweep())/float64(t.pieces(rate*seconds))/rate)
		}
	}
	return time.Duration(min(seconds*float64(time.Second), math.MaxInt64/2))
}

// pointsAt says how time is divided at a rate.
func (s Settings) pointsAt(rateHz float64) (timing, error) {
	rbw := s.RBWHz
	if s.Bins != 0 {
		rbw = s.Window.ENBW() * rateHz / float64(s.Bins)
	} else if rbw == 0 {
		rbw = autoZeroRBWHz
	}
	// A hair of slack lets a resolution that was computed from taps find them again.
	hop := math.Ceil(s.Window.ENBW() * rateHz / rbw / hopsInFilter * (1 - 1e-9))
	if !(hop <= mostHop) {
		return timing{}, fmt.Errorf("rbw %s is too fine at %s samples/s in zero span: use %s or more, or a lower rate",
			device.FormatHz(rbw, 3), device.FormatHz(rateHz, 3),
			device.FormatHz(math.Ceil(s.Window.ENBW()*rateHz/(hopsInFilter*mostHop)), 3))
	}
	seconds := s.SweepTime.Seconds()
	if seconds == 0 {
		seconds = 1 / s.wished(Settings{}, Settings{}).FPS
	}
	t := timing{hop: max(int(hop), leastHop)}
	t.length = max(t.hop, int(math.Ceil(leastPoint.Seconds()*rateHz*(1-1e-9))), int(math.Ceil(seconds*rateHz/mostPoints*(1-1e-9))))
	t.points = max(1, min(int(math.Round(seconds*rateHz/float64(t.length))), mostPoints))
	return t, nil
}

// zeroSpan makes a measure the level at the centre frequency against time.
func (a *Analyzer) zeroSpan() error {
	s := &a.settings
	rate := s.Tuning.RateHz
	if rate == 0 {
		return errNoSamples
	}
	t, err := s.pointsAt(rate)
	if err != nil {
		return err
	}
	a.grid.PointSec = float64(t.length) / a.trueHz(rate)
	a.grid.RBWHz = s.Window.ENBW() * a.trueHz(rate) / float64(t.taps())
	s.Overlap, s.DC = 1-1./hopsInFilter, DCKeep
	a.grid.Overlap = s.Overlap
	s.Bins, s.RBWHz, s.VBWHz, s.SweepTime = 0, s.Window.ENBW()*rate/float64(t.taps()), 0, lasting(t.sweep(), rate)
	windows := float64(t.length) / float64(t.hop) // in a point
	if s.FPS > 0 {
		windows *= max(rate/s.FPS/float64(t.sweep()), 1)
	}
	a.match(int(min(windows, mostCounted)))
	a.meter = &zeroSpan{timing: t}
	return nil
}

// A zeroSpan measures samples of one tuning as the level at one frequency against time: a
// sweep is so many points, one after the other, and the next follows at once. A point has
// the windows whose middles lie in it. Positions are counted in samples, those that were
// lost among them, so that it does not matter how samples are cut into blocks.
type zeroSpan struct {
	timing
	filter *bandFilter
	row    *row
	some   []complex64 // samples converted
	rateHz float64     // in truth

	balance *balance // of I and Q; nil: nothing is known

	at     int64   // position after the newest sample
	tick   int64   // position from which on a frame is due; positions of windows are of their middles
	period float64 // samples from tick to tick; 0: none ever comes

	piece       int64 // segments since the first sweep began; -1: none yet
	point       int   // where the newest window lies
	until       int64 // position where the point ends
	windows     int   // in the piece, this time around
	seen        int   // points that they lie in
	end         int64 // position after the samples of the newest window
	first, last time.Time
}

func (m *zeroSpan) begin(a *Analyzer, _ *device.Block) error {
	t := a.settings.Tuning
	off := (t.CenterHz - a.grid.TunedHz) / a.trueHz(t.RateHz)
	if math.Abs(off) > 0.5 {
		return errBand
	}
	a.grid.StartHz, a.grid.Bins = t.CenterHz, m.points
	m.filter = newBandFilter(m.hop, a.settings.Window, off)
	m.row, m.rateHz, m.piece = newRow(a.grid), a.trueHz(t.RateHz), -1
	m.row.counts = make([]int, m.points)
	m.row.calibrate(a.known)
	if a.known != nil {
		m.balance = a.known.IQ.balance()
	}
	m.some = make([]complex64, convertedAtOnce)
	pieces := 1
	if a.settings.FPS > 0 {
		m.period = t.RateHz / a.settings.FPS
		m.tick = int64(m.period)
		pieces = m.pieces(m.period)
	}
	for i := range pieces {
		from, to := i*m.points/pieces, (i+1)*m.points/pieces
		if _, err := m.row.segment(from, to-from); err != nil {
			return err
		}
	}
	return nil
}

// convertedAtOnce is how many samples are converted at a time: they stay in the first cache.
const convertedAtOnce = 1024

func (m *zeroSpan) add(b *device.Block, emit func(*Frame)) error {
	if b.Break || b.Lost > 0 {
		m.filter.restart()
	}
	m.row.note(b)
	m.at += int64(min(b.Lost, mostLost))
	begun, size := m.at, b.Format.Size()
	stop := begun + int64(len(b.Samples)/size)
	when := func(at int64) time.Time { return b.Time.Add(-lasting(stop-1-at, m.rateHz)) }
	for src := b.Samples; len(src) >= size; {
		some := m.some[:min(len(src)/size, len(m.some))]
		convert(some, src, b.Format)
		if m.balance != nil {
			m.balance.apply(some)
		}
		src = src[len(some)*size:]
		for len(some) > 0 {
			taken, power, full := m.filter.next(some)
			some = some[taken:]
			m.at += int64(taken)
			if !full {
				continue
			}
			start := m.at - int64(m.taps()) // of the window; its middle, counted from that of the first
			if start >= m.until || m.piece < 0 {
				if m.end > begun {
					m.last = when(m.end - 1)
				}
				m.move(start, emit)
			}
			if m.windows == 0 {
				m.first = when(start)
			}
			m.row.mean[m.point] += float64(power)
			m.row.max[m.point] = max(m.row.max[m.point], power)
			if m.row.min != nil {
				m.row.min[m.point] = min(m.row.min[m.point], power)
			}
			m.row.counts[m.point]++
			m.windows++
			m.end = m.at
		}
	}
	if m.end > begun {
		m.last = when(m.end - 1)
	}
	return nil
}

// move goes on to the point at a position. A frame that is due goes out where a piece ends.
func (m *zeroSpan) move(at int64, emit func(*Frame)) {
	sweep, in := at/m.sweep(), at%m.sweep()
	m.point = int(in / int64(m.length))
	m.until = at - in + int64(m.point+1)*int64(m.length)
	pieces := len(m.row.segments)
	if piece := sweep*int64(pieces) + int64(((m.point+1)*pieces-1)/m.points); piece != m.piece {
		m.finish()
		if m.period > 0 && at >= m.tick {
			m.row.emit(emit)
			m.tick = int64((math.Floor(float64(at)/m.period) + 1) * m.period)
		}
		m.piece = piece
	}
	m.seen++
}

// finish counts what was measured of the piece.
func (m *zeroSpan) finish() {
	if m.windows > 0 {
		each := math.Round(float64(m.windows) / float64(max(m.seen, 1)))
		m.row.segments[m.piece%int64(len(m.row.segments))].measured(max(int(each), 1), m.first, m.last)
	}
	m.windows, m.seen = 0, 0
}

func (m *zeroSpan) flush(emit func(*Frame)) {
	m.finish()
	m.row.emit(emit)
}
