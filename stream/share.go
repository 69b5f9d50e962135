package stream

import (
	"slices"
	"sync"
	"time"

	"argos/spectrum"
)

// A share encodes each distinct part of a history once, for however many viewers ask
// for it, and keeps the newest of what it made. It is safe for concurrent use.
type share struct {
	history *spectrum.History

	mu      sync.Mutex
	recent  [shareEntries]*shared
	next    int
	bytes   int    // of their messages
	encoded uint64 // distinct parts made
	reused  uint64 // times that one was there already
}

// shareEntries is how many encoded parts are kept: enough for the tiers and encodings
// in use and a few viewers that lag.
const shareEntries = 64

// shareBytes bounds what they take together; one larger than that is kept until the next.
const shareBytes = 8 << 20

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
	message  []byte
	kept     bool      // its bytes are counted
	first    uint64    // the range that message stands for: within part, one generation
	last     uint64    // 0: nothing of the part's generation is held any more
	sampled  time.Time // of the newest frame: its last sample
	measured time.Time
	err      error
}

// get returns the message for p.
func (s *share) get(p part) *shared {
	s.mu.Lock()
	var found *shared
	for _, e := range s.recent {
		if e != nil && e.part == p {
			found = e
			break
		}
	}
	if found == nil {
		found = &shared{part: p}
		s.drop(s.next)
		s.recent[s.next] = found
		s.next = (s.next + 1) % shareEntries
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
	made.kept = slices.Contains(s.recent[:], made)
	if made.kept {
		s.bytes += len(made.message)
	}
	for n := range shareEntries {
		if s.bytes <= shareBytes {
			return
		}
		if at := (s.next + n) % shareEntries; s.recent[at] != made {
			s.drop(at)
		}
	}
}

// drop forgets one part.
func (s *share) drop(at int) {
	if e := s.recent[at]; e != nil && e.kept {
		s.bytes -= len(e.message)
	}
	s.recent[at] = nil
}

// counts are the distinct parts made so far, and how often one was there already.
func (s *share) counts() (encoded, reused uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.encoded, s.reused
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
	buffer := make([]byte, 0, m.lastMessageIn+m.lastMessageIn/8)
	e.message, e.err = m.encoder.encode(buffer, e.part.encoding, f, time.Now())
	m.lastMessageIn = len(e.message)
	e.first, e.last = f.FirstSeq, f.LastSeq
	e.sampled, e.measured = f.Last, f.Measured
}
