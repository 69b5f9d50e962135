package stream

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// An inflater reads raw DEFLATE (RFC 1951) of literals alone, which is all that a packer
// writes: it has no memory of what came before, and no stream inflates to more than eight times
// its length. It takes about half the time of the library's, which reads the rest as well
// (docs/adr/0003-frame-codec.md). The zero value is ready; it is for one goroutine.
type inflater struct {
	src     []byte
	pending uint64 // bits that were read ahead, the next one lowest
	count   int    // of them; below 0 src was too short
	lengths [maxLiterals + maxDistances]uint8
	code    huffman
}

// What RFC 1951 fixes.
const (
	maxCodeBits  = 15
	maxLiterals  = 288
	maxDistances = 32
	endOfBlock   = 256

	storedBlock  = 0
	fixedBlock   = 1
	dynamicBlock = 2
)

// lengthsOrder is in which the lengths of the code of lengths come.
var lengthsOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

var errInflate = errors.New("no DEFLATE of literals")

// inflate fills dst with what src inflates to, and says how much that is.
func (d *inflater) inflate(dst, src []byte) (n int, err error) {
	d.src, d.pending, d.count = src, 0, 0
	for final := 0; final == 0; {
		final = d.take(1)
		k, ok := 0, false
		switch d.take(2) {
		case storedBlock:
			k, ok = d.stored(dst[n:])
		case fixedBlock:
			d.fixCode()
			k, ok = d.literals(dst[n:])
		case dynamicBlock:
			if d.readCode() {
				k, ok = d.literals(dst[n:])
			}
		}
		if !ok || d.count < 0 {
			return 0, errInflate
		}
		n += k
	}
	return n, nil
}

// take is the next n bits, at most 16.
func (d *inflater) take(n int) int {
	for d.count < n && len(d.src) > 0 {
		d.pending |= uint64(d.src[0]) << d.count
		d.src = d.src[1:]
		d.count += 8
	}
	v := int(d.pending) & (1<<n - 1)
	d.pending >>= n
	if d.count -= n; d.count < 0 {
		d.src, d.pending = nil, 0
	}
	return v
}

// stored copies a stored block to dst and says how long it is.
func (d *inflater) stored(dst []byte) (n int, ok bool) {
	d.take(d.count & 7)
	n = d.take(16)
	if complement := d.take(16); n != ^complement&0xFFFF || n > len(dst) || d.count < 0 {
		return 0, false
	}
	for i := range dst[:n] {
		dst[i] = byte(d.take(8))
	}
	return n, true
}

// literals fills dst with those of a block, and says how many they are.
func (d *inflater) literals(dst []byte) (n int, ok bool) {
	for {
		n += d.frequent(dst[n:])
		symbol := d.symbol()
		if symbol == endOfBlock {
			return n, true
		}
		if symbol < 0 || symbol > endOfBlock || n == len(dst) {
			return 0, false
		}
		dst[n] = byte(symbol)
		n++
	}
}

// frequent fills dst with literals until a code is not in the table, or nearly at the end of
// dst or src, and says how many they are.
func (d *inflater) frequent(dst []byte) (n int) {
	const atOnce = 56 / tableBits
	src, pending, count := d.src, d.pending, uint(max(d.count, 0))
decode:
	for len(src) >= 8 && len(dst)-n >= 2*atOnce {
		pending |= binary.LittleEndian.Uint64(src) << (count & 63)
		src = src[(63-count)>>3:]
		count |= 56
		for range atOnce {
			p := d.code.pairs[pending&(1<<tableBits-1)]
			if p.literals() == 0 {
				break decode
			}
			pending >>= p.bits()
			count -= p.bits()
			dst[n], dst[n+1] = p.first(), p.second()
			n += p.literals()
		}
	}
	d.src, d.pending, d.count = src, pending, int(count)
	return n
}

// symbol decodes one bit by bit, less than 0 where there is none.
func (d *inflater) symbol() int {
	code, first, index := 0, 0, 0
	for _, count := range d.code.counts[1:] {
		code |= d.take(1)
		if code-first < int(count) {
			if d.count < 0 {
				return -1
			}
			return int(d.code.symbols[index+code-first])
		}
		index += int(count)
		first = (first + int(count)) << 1
		code <<= 1
	}
	return -1
}

// fixCode sets the code of blocks that bring none.
func (d *inflater) fixCode() {
	for i := range maxLiterals {
		switch {
		case i < 144 || i >= 280:
			d.lengths[i] = 8
		case i < 256:
			d.lengths[i] = 9
		default:
			d.lengths[i] = 7
		}
	}
	d.code.set(d.lengths[:maxLiterals])
	d.code.pairs = [len(d.code.pairs)]pair{} // there are too few to be worth a table
}

// readCode reads the code of a block that brings one. That of distances stays unused.
func (d *inflater) readCode() bool {
	literals, distances, given := d.take(5)+257, d.take(5)+1, d.take(4)+4
	if literals > maxLiterals-2 || distances > maxDistances-2 { // the last are of blocks that bring no code
		return false
	}
	clear(d.lengths[:])
	for _, i := range lengthsOrder[:given] {
		d.lengths[i] = uint8(d.take(3))
	}
	if !d.code.set(d.lengths[:len(lengthsOrder)]) {
		return false
	}
	lengths := d.lengths[:literals+distances]
	clear(lengths)
	for i := 0; i < len(lengths); {
		length, times := d.symbol(), 1
		switch {
		case length < 0 || length == 16 && i == 0:
			return false
		case length == 16:
			length, times = int(lengths[i-1]), 3+d.take(2)
		case length == 17:
			length, times = 0, 3+d.take(3)
		case length == 18:
			length, times = 0, 11+d.take(7)
		}
		if times > len(lengths)-i {
			return false
		}
		for ; times > 0; times-- {
			lengths[i] = uint8(length)
			i++
		}
	}
	if !d.code.set(lengths[literals:]) || !d.code.set(lengths[:literals]) {
		return false
	}
	d.code.tabulate(lengths[:literals])
	return true
}

// tableBits is how many bits are decoded at once. Longer codes are rare by nature.
const tableBits = 10

// A huffman is the code of a block.
type huffman struct {
	counts  [maxCodeBits + 1]uint16 // of codes of each length
	symbols [maxLiterals]uint16     // in order of their codes
	codes   [maxCodeBits + 2]uint16 // the first of each length
	pairs   [1 << tableBits]pair
}

// set makes h the code of symbols of so many bits each, and reports whether there is one: none or
// one of a bit may be all.
func (h *huffman) set(lengths []uint8) bool {
	h.counts = [len(h.counts)]uint16{}
	for _, n := range lengths {
		if n > 0 {
			h.counts[n]++
		}
	}
	var place [maxCodeBits + 2]uint16
	const all = 1 << maxCodeBits
	room := all
	for n := 1; n <= maxCodeBits; n++ {
		room -= int(h.counts[n]) << (maxCodeBits - n)
		h.codes[n+1] = (h.codes[n] + h.counts[n]) << 1
		place[n+1] = place[n] + h.counts[n]
	}
	if room != 0 && room != all && (room != all/2 || h.counts[1] != 1) {
		return false
	}
	for symbol, n := range lengths {
		if n > 0 {
			h.symbols[place[n]] = uint16(symbol)
			place[n]++
		}
	}
	return true
}

// tabulate makes the table of the code that was set.
func (h *huffman) tabulate(lengths []uint8) {
	h.pairs = [len(h.pairs)]pair{}
	next := h.codes
	for symbol, n := range lengths[:endOfBlock] {
		if n > 0 && n <= tableBits {
			p := newPair(uint(n), uint8(symbol))
			for i := int(bits.Reverse16(next[n]) >> (16 - n)); i < len(h.pairs); i += 1 << n {
				h.pairs[i] = p
			}
		}
		next[n]++
	}
	for i := len(h.pairs) - 1; i >= 0; i-- { // those before i are single yet
		p := h.pairs[i]
		if both := p.and(h.pairs[i>>p.bits()]); p.literals() > 0 && both.literals() == 2 && both.bits() <= tableBits {
			p = both
		}
		h.pairs[i] = p
	}
}

// A pair is what some bits begin with: two literals, or one, or nothing that is in the table.
// It has the number of bits, then the number of literals, the first and the second.
type pair uint32

func newPair(bits uint, literal uint8) pair { return pair(bits | 1<<5 | uint(literal)<<8) }

func (p pair) and(then pair) pair { return p + then&0xFF + then>>8<<16 }

func (p pair) bits() uint    { return uint(p & 31) }
func (p pair) literals() int { return int(p >> 5 & 3) }
func (p pair) first() byte   { return byte(p >> 8) }
func (p pair) second() byte  { return byte(p >> 16) }
