package stream

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/flate"

	"argos/spectrum"
)

// maxBins bounds what a frame from outside can make us allocate: 7.25 GHz in 2 kHz bins.
const maxBins = 1 << 22

// escape announces a power that does not fit a code of one byte: its two bytes follow,
// little endian. mostCodeBytes is what it takes then.
const (
	escape        = 0xFF
	mostCodeBytes = 3
)

// packedSlack is more than headers of blocks take beside what is in them.
const packedSlack = 4096

// weightsBytes is how long the weights are that packed powers begin with.
const weightsBytes = 3

// A packer writes the powers of frames in the form that docs/PROTOCOL.md calls packed: what a
// predictor is off by and how far maxima and minima are from the mean, one byte a bin and
// trace, Huffman coded by raw DEFLATE. It needs no earlier frame. The zero value is ready; it
// is for one goroutine.
type packer struct {
	plain []byte
	out   bytes.Buffer
	flate *flate.Writer
}

// pack returns the packed powers of f, valid until the next call.
func (p *packer) pack(f *spectrum.Frame) ([]byte, error) {
	w := choose(f)
	plain := p.plain[:0]
	t, fits := trend{}, uint32(firstFits)
	for _, s := range f.Segments {
		plain = appendMeans(plain, f.Mean[s.Bin:s.Bin+s.Bins], w, &t, fits)
		fits = escape
	}
	means := len(plain)
	maxima := means
	if !onlyMeans(f) {
		for _, s := range f.Segments {
			mean := f.Mean[s.Bin : s.Bin+s.Bins]
			for i, q := range f.Max[s.Bin : s.Bin+s.Bins] {
				plain = put(plain, int(q)-int(mean[i]), q)
			}
		}
		maxima = len(plain)
		if f.Grid.Min {
			for _, s := range f.Segments {
				mean := f.Mean[s.Bin : s.Bin+s.Bins]
				for i, q := range f.Min[s.Bin : s.Bin+s.Bins] {
					plain = put(plain, int(mean[i])-int(q), q)
				}
			}
		}
	}
	p.plain = plain
	p.out.Reset()
	p.out.Write([]byte{byte(w.near), byte(w.far), byte(w.level)})
	if err := p.deflate(plain[:means], plain[means:maxima], plain[maxima:]); err != nil {
		return nil, fmt.Errorf("pack frame: %w", err)
	}
	return p.out.Bytes(), nil
}

// onlyMeans reports whether all maxima and minima are the mean, as those of a single window
// are: they are left out then.
func onlyMeans(f *spectrum.Frame) bool {
	for _, s := range f.Segments {
		mean := f.Mean[s.Bin : s.Bin+s.Bins]
		if !slices.Equal(f.Max[s.Bin:s.Bin+s.Bins], mean) || f.Grid.Min && !slices.Equal(f.Min[s.Bin:s.Bin+s.Bins], mean) {
			return false
		}
	}
	return true
}

// put appends code, or q in full where code does not fit.
func put(plain []byte, code int, q int16) []byte {
	if uint(code) < escape {
		return append(plain, byte(code))
	}
	return append(plain, escape, byte(q), byte(uint16(q)>>8))
}

// deflate compresses the parts, each by a code of its own: means, maxima and minima are
// distributed differently, and another table costs less than a common one.
func (p *packer) deflate(parts ...[]byte) (err error) {
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

// An unpacker reads what a packer writes. The zero value is ready; it is for one
// goroutine.
type unpacker struct {
	inflater inflater
	plain    []byte
}

var errPacked = errors.New("packed powers do not fit their segments")

// unpack fills f.Mean, f.Max and, where its grid has it, f.Min, whose lengths are set, from
// packed. The segments of f are in place and lie within its grid.
func (u *unpacker) unpack(f *spectrum.Frame, packed []byte) error {
	if len(packed) < weightsBytes {
		return errPacked
	}
	w := weights{int8(packed[0]), int8(packed[1]), int8(packed[2])}
	most := 0
	for _, s := range f.Segments {
		most += 2 * mostCodeBytes * s.Bins
	}
	if f.Grid.Min {
		most += most / 2
	}
	if len(packed) > weightsBytes+2*most+packedSlack { // blocks with nothing in them take time
		return errPacked
	}
	// What is taken from u.plain behind its n bytes is refused in the end.
	u.plain = slices.Grow(u.plain[:0], most)[:most]
	n, err := u.inflater.inflate(u.plain, packed[weightsBytes:])
	if err != nil {
		return fmt.Errorf("unpack frame: %w", err)
	}
	var t trend
	var ok bool
	plain := u.plain
	for _, s := range f.Segments {
		if plain, ok = takeMeans(f.Mean[s.Bin:s.Bin+s.Bins], plain, w, &t); !ok {
			return errPacked
		}
	}
	if most-len(plain) == n { // there are only means
		for _, s := range f.Segments {
			mean := f.Mean[s.Bin : s.Bin+s.Bins]
			copy(f.Max[s.Bin:], mean)
			if f.Grid.Min {
				copy(f.Min[s.Bin:], mean)
			}
		}
		return nil
	}
	for _, s := range f.Segments {
		if plain, ok = takeBeside(f.Max[s.Bin:s.Bin+s.Bins], f.Mean[s.Bin:s.Bin+s.Bins], 1, plain); !ok {
			return errPacked
		}
	}
	if f.Grid.Min {
		for _, s := range f.Segments {
			if plain, ok = takeBeside(f.Min[s.Bin:s.Bin+s.Bins], f.Mean[s.Bin:s.Bin+s.Bins], -1, plain); !ok {
				return errPacked
			}
		}
	}
	if most-len(plain) != n {
		return errPacked
	}
	return nil
}

// takeBeside fills powers, which lie above mean (sign 1) or below it (sign -1), from plain,
// which is long enough, and returns the rest of plain.
func takeBeside(powers, mean []int16, sign int32, plain []byte) (rest []byte, ok bool) {
	mean = mean[:len(powers)]
	at := 0
	for i := range powers {
		code := plain[at]
		at++
		q := int32(mean[i]) + sign*int32(code)
		if code == escape {
			q = int32(int16(uint16(plain[at]) | uint16(plain[at+1])<<8))
			at += 2
		}
		if powers[i] = int16(q); int32(powers[i]) != q {
			return nil, false
		}
	}
	return plain[at:], true
}
