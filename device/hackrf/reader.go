package hackrf

import (
	"time"

	"argos/device"
)

// next fills b with the oldest samples of the tuning wished, if there are any.
func (r *Radio) next(g *ring, wish device.Tuning, b *device.Block) bool {
	if r.held != g {
		// The last ring was left to a call that hangs.
		r.held, r.at, r.broken = g, -1, true
	}
	for {
		s := g.oldest()
		if s == nil {
			return false
		}
		if r.at < 0 {
			r.at = 0
			r.missing += s.lost
			r.late += s.late
			r.broken = r.broken || s.broken || s.lost > 0
		}
		if r.at < len(s.data) && r.current(s, wish) && r.cut(s, b) {
			return true
		}
		if r.at >= len(s.data) {
			r.at = -1
			g.release()
		}
	}
}

// current reports whether what is left of a slot is wanted, and passes over it if not.
func (r *Radio) current(s *slot, wish device.Tuning) bool {
	switch {
	case !r.back(s.config.session):
		r.missing += uint64((len(s.data) - r.at) / 2)
	case s.config.tuning == wish:
		return true
	}
	r.at = len(s.data)
	r.broken = true
	return false
}

// cut takes the next block off a slot, or passes over one that is none.
func (r *Radio) cut(s *slot, b *device.Block) bool {
	t := s.config.tuning
	*b = device.Block{Tuning: t, CenterHz: middleHz(t), Time: s.end, Format: device.CI8}
	if !t.Sweeps() {
		b.Samples = s.data[r.at:]
		r.at = len(s.data)
		b.Break, b.Lost, b.Late = r.broken, r.missing, r.late
		r.broken, r.missing, r.late = false, 0, 0
		return true
	}
	block := s.data[r.at:min(r.at+blockBytes, len(s.data))]
	r.at += len(block)
	hz, ok := header(block)
	b.CenterHz = hz + offsetHz
	// The last step of a sweep to the very top goes where the radio cannot follow.
	if !ok || b.CenterHz > maxHz {
		if !ok {
			r.missing += uint64(len(block) / 2)
		}
		return false
	}
	clear(block[:headerBytes])
	b.Samples = block
	b.Time = s.end.Add(-time.Duration((len(s.data)-r.at)/blockBytes) * s.period)
	b.Break, b.Lost, b.Late = true, r.missing, r.late
	r.missing, r.late = 0, 0
	return true
}
