package spectrum

import (
	"math/bits"
	"slices"
	"sync"
	"time"
	"unsafe"
)

// DefaultHistoryBytes bounds a History unless told otherwise.
const DefaultHistoryBytes = 64 << 20

// chunkFrames is how many frames share a tree of merges. It is a power of two.
const chunkFrames = 32

// A History holds the last frames of one epoch and answers one question of them:
// what did this range of sequence numbers look like, merged? Sequence numbers start
// at 1 and count every frame. All methods may be called at the same time.
//
// Frames lie in chunks of one generation, each with a binary tree of merges over it,
// so that a range of any length costs a few merges. Of each only what was measured is
// kept. The oldest chunk goes when there is no room.
type History struct {
	begun time.Time // with its monotonic reading

	mu     sync.RWMutex
	budget int
	used   int    // bytes, those of spare among them
	head   uint64 // the sequence number that the next frame gets
	chunks []*chunk
	spare  []memory // of dropped strips
	merger merger
	parts  []*strip
	idle   *chunk        // the one dropped last, empty
	grown  chan struct{} // nil while nobody waits

	queries chan *query // memory of queries that are over
}

// A chunk is up to chunkFrames frames in a row and the merges over them: node[l][i]
// stands for the frames [i<<l, (i+1)<<l) of the chunk. One that would take about as much
// as what it is made of, since a survey does not come round in so many frames, is left
// out: its LastSeq is 0.
type chunk struct {
	first  uint64 // sequence number of node[0][0]
	frames int
	bytes  int // of the strips
	node   [chunkLevels][]strip
}

const chunkLevels = 6 // log2(chunkFrames) + 1

// chunkShare is the part of the budget from which on a chunk takes no more frames, so
// that what goes at once when there is no room is little of all.
const chunkShare = 4

// What things take. A retune begins a chunk, so that many retunes take more for chunks
// than for powers.
const (
	chunkBytes   = (2*chunkFrames - 1) * int(unsafe.Sizeof(strip{}))
	segmentBytes = int(unsafe.Sizeof(Segment{}))
	powerBytes   = 2 // of a bin and detector
)

// A memory is what a strip has of its own.
type memory struct {
	segments       []Segment
	mean, max, min []int16
}

func (m memory) bytes() int {
	return segmentBytes*cap(m.segments) + powerBytes*(cap(m.mean)+cap(m.max)+cap(m.min))
}

type query struct {
	nodes  []*strip
	merger merger
}

// queriesKept is how many queries at a time find memory to use again.
const queriesKept = 8

func (h *History) query() *query {
	select {
	case q := <-h.queries:
		q.nodes = q.nodes[:0]
		return q
	default:
		return new(query)
	}
}

func (h *History) done(q *query) {
	select {
	case h.queries <- q:
	default:
	}
}

// NewHistory returns an empty history that keeps to a number of bytes; 0 stands for
// DefaultHistoryBytes. At least one chunk of frames is always kept.
func NewHistory(bytes int) *History {
	if bytes <= 0 {
		bytes = DefaultHistoryBytes
	}
	return &History{begun: time.Now(), budget: bytes, head: 1, queries: make(chan *query, queriesKept)}
}

// Append copies f, gives it the next sequence number, which it returns, and its Mono,
// stamps it as measured now, and wakes whoever waits for Grown.
func (h *History) Append(f *Frame) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	seq := h.head
	c := h.chunkFor(f)
	leaf := &c.node[0][c.frames]
	h.provide(c, leaf, measuredBins(f.Segments), len(f.Segments), f.Grid.Min)
	leaf.load(f)
	leaf.FirstSeq, leaf.LastSeq, leaf.Measured = seq, seq, time.Now()
	leaf.Mono = Mono{h.Mono(f.First), h.Mono(f.Last), h.Mono(leaf.Measured)}
	c.frames++
	for level := 1; level < chunkLevels && c.frames%(1<<level) == 0; level++ {
		i := c.frames>>level - 1
		h.parts = c.strips(h.parts[:0], level, i)
		h.merger.gather(h.parts)
		if !h.merger.saves() {
			continue
		}
		node := &c.node[level][i]
		h.provide(c, node, h.merger.bins, h.merger.segments, f.Grid.Min)
		h.merger.into(&node.Frame, h.parts, true)
	}
	h.head++
	if h.grown != nil {
		close(h.grown)
		h.grown = nil
	}
	return seq
}

// chunkFor is the chunk that takes f: the last one, or a new one if that is full or
// of another generation.
func (h *History) chunkFor(f *Frame) *chunk {
	if n := len(h.chunks); n > 0 {
		c := h.chunks[n-1]
		if c.frames < chunkFrames && c.bytes < h.budget/chunkShare && c.node[0][0].Grid.Generation == f.Grid.Generation {
			return c
		}
	}
	for len(h.chunks) > 0 && h.used+chunkBytes > h.budget {
		h.drop()
	}
	h.used += chunkBytes
	c := h.idle
	if h.idle = nil; c == nil {
		c = new(chunk)
		for level := range c.node {
			c.node[level] = make([]strip, chunkFrames>>level)
		}
	}
	c.first = h.head
	h.chunks = append(h.chunks, c)
	return c
}

// provide gives s, of chunk c, memory for bins powers in segments, with or without Min: that
// of dropped strips if some fits.
func (h *History) provide(c *chunk, s *strip, bins, segments int, least bool) {
	room := roomFor(bins)
	detectors := 2
	if least {
		detectors = 3
	}
	m, found := h.fitting(room, least)
	for !found && h.used+detectors*powerBytes*room > h.budget {
		switch {
		case len(h.spare) > 0:
			last := len(h.spare) - 1
			h.used -= h.spare[last].bytes()
			h.spare[last] = memory{}
			h.spare = h.spare[:last]
			continue
		case len(h.chunks) > 1:
			h.drop()
			m, found = h.fitting(room, least)
			continue
		}
		break
	}
	h.used -= m.bytes()
	if !found {
		m.mean, m.max = make([]int16, 0, room), make([]int16, 0, room)
		if least {
			m.min = make([]int16, 0, room)
		}
	}
	if segments > cap(m.segments) {
		m.segments = make([]Segment, 0, roomFor(segments))
	}
	h.used += m.bytes()
	c.bytes += m.bytes()
	s.Segments, s.Mean, s.Max, s.Min = m.segments, m.mean, m.max, m.min
}

// roomFor is n rounded up by at most a sixteenth, so that memory fits again.
func roomFor(n int) int {
	shift := max(bits.Len(uint(n))-5, 0)
	return (n + 1<<shift - 1) >> shift << shift
}

// fitting takes memory with just so much room from spare.
func (h *History) fitting(room int, least bool) (m memory, found bool) {
	for i := len(h.spare) - 1; i >= 0; i-- {
		if m = h.spare[i]; cap(m.mean) == room && least == (cap(m.min) > 0) {
			last := len(h.spare) - 1
			h.spare[i] = h.spare[last]
			h.spare[last] = memory{}
			h.spare = h.spare[:last]
			return m, true
		}
	}
	return memory{}, false
}

// drop forgets the oldest chunk and keeps its memory.
func (h *History) drop() {
	c := h.chunks[0]
	h.chunks = slices.Delete(h.chunks, 0, 1)
	h.used -= chunkBytes
	for _, nodes := range c.node {
		for i := range nodes {
			if s := &nodes[i]; cap(s.Mean) > 0 {
				h.spare = append(h.spare, memory{s.Segments[:0], s.Mean[:0], s.Max[:0], s.Min[:0]})
			}
		}
		clear(nodes)
	}
	c.frames, c.bytes = 0, 0
	h.idle = c
}

// Mono is how long after the beginning of h t was, by the monotonic clock if t has its
// reading.
func (h *History) Mono(t time.Time) time.Duration { return t.Sub(h.begun) }

// Head is the sequence number that the next frame will get; Head()-1 is the newest.
func (h *History) Head() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.head
}

// Tail is the oldest sequence number still held, or Head if there is none.
func (h *History) Tail() uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.tail()
}

func (h *History) tail() uint64 {
	if len(h.chunks) == 0 {
		return h.head
	}
	return h.chunks[0].first
}

// Oldest is the first frame that is still held, and when its first sample was taken, by the
// system's clock and by the monotonic one; Head and no time if there is none.
func (h *History) Oldest() (seq uint64, first time.Time, mono time.Duration) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.chunks) == 0 {
		return h.head, time.Time{}, 0
	}
	f := &h.chunks[0].node[0][0]
	return f.FirstSeq, f.First, f.Mono.First
}

// Grown is closed when the next frame is appended.
func (h *History) Grown() <-chan struct{} {
	h.mu.RLock()
	grown := h.grown
	h.mu.RUnlock()
	if grown != nil {
		return grown
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.grown == nil {
		h.grown = make(chan struct{})
	}
	return h.grown
}

// Merge fills dst with the frames from sequence number a up to but not including b
// as one: peaks and minima whole, means weighted. It stops early at the end of a generation, so
// dst.LastSeq+1 is where to go on. What is no longer held is left out: dst.FirstSeq
// is then above a. It reports whether any frame of the range is held.
func (h *History) Merge(dst *Frame, a, b uint64) bool {
	h.mu.RLock()
	defer h.mu.RUnlock()
	a, b = max(a, h.tail()), min(b, h.head)
	if a >= b {
		return false
	}
	q := h.query()
	defer h.done(q)
	at := h.find(a)
	generation := h.chunks[at].node[0][0].Grid.Generation
	for ; at < len(h.chunks) && a < b; at++ {
		c := h.chunks[at]
		if c.node[0][0].Grid.Generation != generation {
			break
		}
		end := min(b, c.first+uint64(c.frames))
		q.nodes = c.cover(q.nodes, int(a-c.first), int(end-c.first))
		a = end
	}
	if len(q.nodes) == 1 {
		q.nodes[0].unload(dst)
	} else {
		q.merger.gather(q.nodes)
		q.merger.into(dst, q.nodes, false)
	}
	return true
}

// cover appends the fewest strips that stand for the frames [a, b) of the chunk.
func (c *chunk) cover(nodes []*strip, a, b int) []*strip {
	for a < b {
		level := min(bits.TrailingZeros(uint(a)|chunkFrames), bits.Len(uint(b-a))-1)
		nodes = c.strips(nodes, level, a>>level)
		a += 1 << level
	}
	return nodes
}

// strips appends what node[level][i] is, or is made of.
func (c *chunk) strips(nodes []*strip, level, i int) []*strip {
	if s := &c.node[level][i]; s.LastSeq > 0 {
		return append(nodes, s)
	}
	return c.strips(c.strips(nodes, level-1, 2*i), level-1, 2*i+1)
}

// Recent is the first sequence number at or after a from which at most so many
// generations lie before b.
func (h *History) Recent(a, b uint64, generations int) uint64 {
	h.mu.RLock()
	defer h.mu.RUnlock()
	seen, from := uint64(0), min(b, h.head)
	first := true
	for _, c := range slices.Backward(h.chunks) {
		if c.first >= b {
			continue
		}
		if g := c.node[0][0].Grid.Generation; first || g != seen {
			if generations--; generations < 0 {
				break
			}
			seen, first = g, false
		}
		from = c.first
	}
	return max(a, from)
}

// GridAt is the grid of frame a, or of the oldest after it that is still held; false if
// there is none.
func (h *History) GridAt(a uint64) (Grid, bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	at := h.find(max(a, h.tail()))
	if at == len(h.chunks) {
		return Grid{}, false
	}
	return h.chunks[at].node[0][0].Grid, true
}

// find is the index of the chunk that holds seq, or that is to.
func (h *History) find(seq uint64) int {
	at, _ := slices.BinarySearchFunc(h.chunks, seq, func(c *chunk, seq uint64) int {
		if c.first+uint64(c.frames) <= seq {
			return -1
		}
		return 1
	})
	return at
}

// Memory is how many bytes the history takes, and what it keeps to: only its newest chunk
// alone may take more.
func (h *History) Memory() (used, budget int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.used, h.budget
}

// Newest is when the newest frame was measured, zero if there is none.
func (h *History) Newest() time.Time {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if len(h.chunks) == 0 {
		return time.Time{}
	}
	c := h.chunks[len(h.chunks)-1]
	return c.node[0][c.frames-1].Measured
}
