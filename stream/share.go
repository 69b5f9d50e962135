package stream

import (
	"sync"
	"time"

	"argos/spectrum"
)

// A share encodes each distinct part of a history once, for however many viewers ask
// for it, and keeps the newest of what it made. It is safe for concurrent use.
type share struct {
	history *spectrum.History

	mu      sync.Mutex
	parts   map[part]*shared
	order   []*shared // of parts, oldest first
	bytes   int       // of the messages in order that were made
	encoded uint64    // distinct parts made
	reused  uint64    // times that one was there already
}

// What is kept: enough for the tiers and encodings in use, a few viewers that lag, and
// the rows of holes of many that come back together. What takes more bytes by itself is
// kept until the next.
const (
	shareEntries = 256
	shareBytes   = 4 << 20
)

// A part is what is encoded once.
type part struct {
	encoding   encoding
	generation uint64 // that slice is of
	slice      spectrum.Slice
	from, to   uint64 // sequence numbers, to not included
}

// shared is one encoded part. Whoever asks first makes it; others wait for that.
type shared struct {
	part     part
	once     sync.Once
	prepared prepared
	kept     bool      // its bytes are counted
	first    uint64    // the range that message stands for: within part, one generation
	last     uint64    // 0: nothing of the part's generation is held any more
	sampled  time.Time // of the newest frame: its last sample
	measured time.Time
	made     time.Time
	err      error
}

// get returns the message for p.
func (s *share) get(p part) *shared {
	s.mu.Lock()
	found := s.parts[p]
	if found == nil {
		if s.parts == nil {
			s.parts = map[part]*shared{}
		}
		found = &shared{part: p}
		s.parts[p] = found
		s.order = append(s.order, found)
		s.encoded++
	} else {
		s.reused++
	}
	s.mu.Unlock()
	found.once.Do(func() {
		s.make(found)
		s.keep(found)
	})
	return found
}

// keep counts what was made, and lets go of the oldest where it is too much.
func (s *share) keep(made *shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made.kept = s.parts[made.part] == made
	if made.kept {
		s.bytes += len(made.prepared)
	}
	for len(s.order) > 1 && (len(s.order) > shareEntries || s.bytes > shareBytes) {
		oldest := s.order[0]
		s.order[0] = nil
		s.order = s.order[1:]
		delete(s.parts, oldest.part)
		if oldest.kept {
			s.bytes -= len(oldest.prepared)
		}
	}
}

// counts are the distinct parts made so far, and how often one was there already.
func (s *share) counts() (encoded, reused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoded, s.reused
}

// Memory is what the parts that are kept take, and at most may.
func (s *share) Memory() (used, budget int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, shareBytes
}

// maker is the memory that encoding one part takes.
type maker struct {
	encoder       frameEncoder
	merged, tier  spectrum.Frame
	lastMessageIn int
}

var makers = sync.Pool{New: func() any { return new(maker) }}

func (s *share) make(e *shared) {
	m := makers.Get().(*maker)
	defer makers.Put(m)
	if !s.history.Merge(&m.merged, e.part.from, e.part.to) || m.merged.Grid.Generation != e.part.generation {
		return
	}
	f := &m.merged
	if e.part.slice.Cells() < f.Grid.Bins {
		f = &m.tier
		spectrum.Reduce(f, &m.merged, e.part.slice)
	}
	buffer := make([]byte, headerRoom, headerRoom+m.lastMessageIn+m.lastMessageIn/8)
	message, err := m.encoder.encode(buffer, e.part.encoding, f, time.Now())
	if err != nil {
		e.err = err
		return
	}
	e.prepared = e.part.encoding.prepare(message)
	m.lastMessageIn = len(message)
	e.first, e.last = f.FirstSeq, f.LastSeq
	e.sampled, e.measured, e.made = f.Last, f.Measured, time.Now()
}
