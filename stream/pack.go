package stream

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/klauspost/compress/flate"

	"argos/spectrum"
)

// maxBins bounds what a frame from outside can make us allocate: 7.25 GHz in 2 kHz bins.
const maxBins = 1 << 22

// escape announces a power that does not fit a difference of one byte: its two bytes
// follow, little endian.
const escape = 0xFF

// A packer writes the powers of frames in the form that docs/PROTOCOL.md calls packed:
// one byte a bin and trace, Huffman coded by raw DEFLATE. It needs no earlier frame.
// The zero value is ready; it is for one goroutine.
type packer struct {
	plain []byte
	out   bytes.Buffer
	flate *flate.Writer
}

// pack returns the packed powers of f, valid until the next call.
func (p *packer) pack(f *spectrum.Frame) ([]byte, error) {
	plain := slices.Grow(p.plain[:0], len(f.Mean)+len(f.Max)+len(f.Min)+64)
	for _, s := range f.Segments {
		previous := 0
		for _, q := range f.Mean[s.Bin : s.Bin+s.Bins] {
			plain = put(plain, zigzag(int(q)-previous), q)
			previous = int(q)
		}
	}
	means := len(plain)
	for _, s := range f.Segments {
		mean := f.Mean[s.Bin : s.Bin+s.Bins]
		for i, q := range f.Max[s.Bin : s.Bin+s.Bins] {
			plain = put(plain, int(q)-int(mean[i]), q)
		}
	}
	maxima := len(plain)
	if f.Grid.Min {
		for _, s := range f.Segments {
			mean := f.Mean[s.Bin : s.Bin+s.Bins]
			for i, q := range f.Min[s.Bin : s.Bin+s.Bins] {
				plain = put(plain, int(mean[i])-int(q), q)
			}
		}
	}
	p.plain = plain
	if err := p.deflate(plain[:means], plain[means:maxima], plain[maxima:]); err != nil {
		return nil, fmt.Errorf("pack frame: %w", err)
	}
	return p.out.Bytes(), nil
}

// deflate compresses the parts, each by a code of its own: means, maxima and minima are
// distributed differently, and another table costs less than a common one.
func (p *packer) deflate(parts ...[]byte) (err error) {
	p.out.Reset()
	if p.flate == nil {
		p.flate, err = flate.NewWriter(&p.out, flate.HuffmanOnly)
	} else {
		p.flate.Reset(&p.out)
	}
	for i, part := range parts {
		if err == nil && i > 0 && len(part) > 0 {
			err = p.flate.Flush()
		}
		if err == nil {
			_, err = p.flate.Write(part)
		}
	}
	if err == nil {
		err = p.flate.Close()
	}
	return err
}

// put appends code, or q in full where code does not fit.
func put(plain []byte, code int, q int16) []byte {
	if uint(code) < escape {
		return append(plain, byte(code))
	}
	return append(plain, escape, byte(q), byte(uint16(q)>>8))
}

// zigzag maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ...; unzigzag maps back.
func zigzag(d int) int { return d<<1 ^ d>>(bits.UintSize-1) }

func unzigzag(code int) int { return code>>1 ^ -(code & 1) }

// An unpacker reads what a packer writes. The zero value is ready; it is for one
// goroutine.
type unpacker struct {
	in    bytes.Reader
	flate io.ReadCloser
	plain []byte
}

var errPacked = errors.New("packed powers do not fit their segments")

// unpack fills f.Mean, f.Max and, where its grid has it, f.Min, whose lengths are set, from
// packed. The segments of f are in place and lie within its grid.
func (u *unpacker) unpack(f *spectrum.Frame, packed []byte) error {
	u.in.Reset(packed)
	if u.flate == nil {
		u.flate = flate.NewReader(&u.in)
	} else if err := u.flate.(flate.Resetter).Reset(&u.in, nil); err != nil {
		return fmt.Errorf("unpack frame: %w", err)
	}
	bins := 0
	for _, s := range f.Segments {
		bins += s.Bins
	}
	traces := 2
	if f.Grid.Min {
		traces = 3
	}
	// At most three bytes a bin and trace, and one byte more to see the end.
	u.plain = slices.Grow(u.plain[:0], 3*traces*bins+1)[:3*traces*bins+1]
	n := 0
	for {
		k, err := u.flate.Read(u.plain[n:])
		n += k
		if err == io.EOF {
			break
		}
		if err != nil || n == len(u.plain) {
			return errPacked
		}
	}
	plain := u.plain[:n]

	for _, s := range f.Segments {
		var ok bool
		if plain, ok = takeMeans(f.Mean[s.Bin:s.Bin+s.Bins], plain); !ok {
			return errPacked
		}
	}
	for _, s := range f.Segments {
		var ok bool
		if plain, ok = takeBeside(f.Max[s.Bin:s.Bin+s.Bins], f.Mean[s.Bin:s.Bin+s.Bins], 1, plain); !ok {
			return errPacked
		}
	}
	if f.Grid.Min {
		for _, s := range f.Segments {
			var ok bool
			if plain, ok = takeBeside(f.Min[s.Bin:s.Bin+s.Bins], f.Mean[s.Bin:s.Bin+s.Bins], -1, plain); !ok {
				return errPacked
			}
		}
	}
	if len(plain) != 0 {
		return errPacked
	}
	return nil
}

// takeMeans fills mean from plain and returns the rest of plain.
func takeMeans(mean []int16, plain []byte) (rest []byte, ok bool) {
	q := 0
	for i := range mean {
		if len(plain) == 0 {
			return nil, false
		}
		code := int(plain[0])
		plain = plain[1:]
		if code != escape {
			q += unzigzag(code)
		} else if q, plain, ok = takeEscaped(plain); !ok {
			return nil, false
		}
		if mean[i] = int16(q); int(mean[i]) != q {
			return nil, false
		}
	}
	return plain, true
}

// takeBeside fills powers, which lie above mean (sign 1) or below it (sign -1), from plain
// and returns the rest of plain.
func takeBeside(powers, mean []int16, sign int, plain []byte) (rest []byte, ok bool) {
	mean = mean[:len(powers)]
	for i := range powers {
		if len(plain) == 0 {
			return nil, false
		}
		code := int(plain[0])
		plain = plain[1:]
		q := int(mean[i]) + sign*code
		if code == escape {
			if q, plain, ok = takeEscaped(plain); !ok {
				return nil, false
			}
		}
		if powers[i] = int16(q); int(powers[i]) != q {
			return nil, false
		}
	}
	return plain, true
}

func takeEscaped(plain []byte) (q int, rest []byte, ok bool) {
	if len(plain) < 2 {
		return 0, nil, false
	}
	return int(int16(uint16(plain[0]) | uint16(plain[1])<<8)), plain[2:], true
}
