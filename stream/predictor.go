package stream

import (
	"math"
	"slices"

	"argos/spectrum"
)

// weights say how what is expected of a mean follows from the two before it and from their
// level, in sixteenths. They travel with the codes: who packs may choose any.
type weights struct{ near, far, level int8 }

// predictors are the weights that a packer chooses from: the difference for steps and steep
// slopes, then ones for the noise of ever fewer averages. docs/adr/0003-frame-codec.md says how
// they were found.
var predictors = [...]weights{{16, 0, 0}, {12, -4, 8}, {8, -2, 10}, {5, -1, 12}}

// A trend is what is known of the means before one: the last, the one before it, and in
// sixteenths their level, which follows by an eighth. It knows integers alone, so that all
// processors agree.
type trend struct{ near, far, level int32 }

func newTrend(q int16) trend { return trend{int32(q), int32(q), int32(q) << 4} }

// expected is what comes next, in parts of 256, of which half of one is added to round it.
func (t trend) expected(w weights) int32 {
	return t.near*(int32(w.near)<<4) + (t.far*(int32(w.far)<<4) + t.level*int32(w.level) + 128)
}

// then is t after x.
func (t trend) then(x int32) trend {
	return trend{x, t.near, t.level + (t.near<<4-t.level+4)>>3}
}

// choose returns those predictors that are off least in some places of f.
func choose(f *spectrum.Frame) weights {
	const runs, warmUp, counted = 16, 16, 16
	bins := 0
	for _, s := range f.Segments {
		bins += s.Bins
	}
	var off [len(predictors)]int32
	for _, s := range f.Segments {
		for at := s.Bin; at < s.Bin+s.Bins; at += max(bins/runs, counted) {
			t := newTrend(f.Mean[at])
			for i, q := range f.Mean[at:min(at+warmUp+counted, s.Bin+s.Bins)] {
				if i >= warmUp || s.Bins < warmUp+counted {
					for k, w := range predictors {
						d := int32(q) - t.expected(w)>>8
						off[k] += max(d, -d)
					}
				}
				t = t.then(int32(q))
			}
		}
	}
	best := 0
	for k := range off {
		if off[k] < off[best] {
			best = k
		}
	}
	return predictors[best]
}

// firstFits is below what code the first mean of all may come as one. Of those a long way off,
// an escape lets the trend begin where they are.
const firstFits = 32

// appendMeans appends the codes of means that follow those of t; the first is one only if it
// is below fits.
func appendMeans(plain []byte, mean []int16, w weights, t *trend, fits uint32) []byte {
	s, n := *t, len(plain)
	plain = slices.Grow(plain, mostCodeBytes*len(mean))[:n+mostCodeBytes*len(mean)]
	for _, q := range mean {
		if code := zigzag(int32(q) - s.expected(w)>>8); code < fits {
			plain[n] = byte(code)
			n++
			s = s.then(int32(q))
		} else {
			plain[n], plain[n+1], plain[n+2] = escape, byte(q), byte(uint16(q)>>8)
			n += mostCodeBytes
			s = newTrend(q)
		}
		fits = escape
	}
	*t = s
	return plain[:n]
}

// takeMeans fills mean, which follows those of t, from plain, which is long enough, and returns
// the rest of plain.
func takeMeans(mean []int16, plain []byte, w weights, t *trend) (rest []byte, ok bool) {
	s, at := *t, 0
	for i := range mean {
		code := plain[at]
		at++
		if code != escape {
			x := (s.expected(w) + unzigzag(code)<<8) >> 8
			if x < math.MinInt16 || x > math.MaxInt16 {
				return nil, false
			}
			s = s.then(x)
		} else {
			s = newTrend(int16(uint16(plain[at]) | uint16(plain[at+1])<<8))
			at += 2
		}
		mean[i] = int16(s.near)
	}
	*t = s
	return plain[at:], true
}

// zigzag maps 0, -1, 1, -2, ... to 0, 1, 2, 3, ...; unzigzag maps back.
func zigzag(d int32) uint32 { return uint32(d<<1 ^ d>>31) }

func unzigzag(code byte) int32 { return int32(code>>1) ^ -int32(code&1) }
