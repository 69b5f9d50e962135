package spectrum

import (
	"math"
	"math/bits"

	"golang.org/x/sys/cpu"
)

var hasAVX2 = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// quickest chooses by the processor.
func quickest(coefficients []float64) transform {
	if hasAVX2 {
		return newAVX2(coefficients)
	}
	return newRadix4(coefficients)
}

// An avx2 is the transform for processors with AVX2 and FMA: decimation in frequency by
// radix 4, after a first pass by radix 8 where the number of points wants it.
//
// Its passes are assembly that tools/kernel writes. The unit of work is a line of the
// cache: the real and then the imaginary parts of eight points. The first pass puts two
// of its results together, so that from there on a line has four points of each. All
// passes but the last two work across lines, and those two turn 4×4 points in between.
type avx2 struct {
	n       int
	radix   int       // of the first pass
	table   []float32 // of the first pass: for each eight steps the window of each part and the twiddles
	middle  [][]float32
	closing []float32
	work    []float32
}

// fullScale is what the first pass makes of 1, and of int8 128.
const fullScale = 128 << 24

// closes is the size of the parts that the last call transforms.
const closes = 16

func newAVX2(coefficients []float64) *avx2 {
	n := len(coefficients)
	f := &avx2{n: n, radix: 4 << (bits.TrailingZeros(uint(n)) & 1), work: aligned(2 * n)}
	part := n / f.radix
	f.table = aligned(n + 2*(n-part))[:0]
	for j := 0; j < part; j += 8 {
		for p := range f.radix {
			for i := range 8 {
				f.table = append(f.table, float32(coefficients[p*part+j+i]/fullScale))
			}
		}
		for k := 1; k < f.radix; k++ {
			f.table = turns(f.table, 8, j, k, n)
		}
	}
	for size := part; size > closes; size /= 4 {
		t := aligned(6 * size / 4)[:0]
		for j := 0; j < size/4; j += 4 {
			for k := 1; k < 4; k++ {
				t = turns(t, 4, j, k, size)
			}
		}
		f.middle = append(f.middle, t)
	}
	f.closing = aligned(24)[:0]
	for k := 1; k < 4; k++ {
		f.closing = turns(f.closing, 4, 0, k, closes)
	}
	return f
}

// turns appends the real and then the imaginary parts of e^(-2πi·jk/n) for count values
// of j.
func turns(t []float32, count, j, k, n int) []float32 {
	for i := range count {
		t = append(t, float32(math.Cos(2*math.Pi*float64((j+i)*k)/float64(n))))
	}
	for i := range count {
		t = append(t, float32(-math.Sin(2*math.Pi*float64((j+i)*k)/float64(n))))
	}
	return t
}

// cell follows the passes: each sorts points by the remainder of what is left of k.
func (f *avx2) cell(k int) int {
	size := f.n / f.radix
	r := k % f.radix
	at := r / 2 * 2 * size
	half := r % 2 * 4
	k /= f.radix
	for ; size > closes; size /= 4 {
		at += k % 4 * (size / 2)
		k /= 4
	}
	return at + k/4*8 + half + k%4
}

func (f *avx2) bytes(x []byte, c cells) {
	x = x[:2*f.n]
	if f.radix == 8 {
		first8(&f.work[0], &f.table[0], &x[0], f.n/8)
	} else {
		first4(&f.work[0], &f.table[0], &x[0], f.n/4)
	}
	f.others(c)
}

func (f *avx2) floats(x []complex64, c cells) {
	x = x[:f.n]
	if f.radix == 8 {
		first8Floats(&f.work[0], &f.table[0], &x[0], f.n/8)
	} else {
		first4Floats(&f.work[0], &f.table[0], &x[0], f.n/4)
	}
	f.others(c)
}

// others does the passes after the first, on each pair of its results.
func (f *avx2) others(c cells) {
	pair := 2 * f.n / f.radix
	for at := 0; at < f.n; at += pair {
		f.rest(f.work[2*at:][:2*pair], c.part(at, pair), 0)
	}
}

// rest does the passes from one on; large parts go depth first, so that they come from
// memory once.
func (f *avx2) rest(x []float32, c cells, pass int) {
	points := len(c.sum)
	if points > inCache {
		quarter := points / 4
		pass4(&x[0], &f.middle[pass][0], quarter/8, 1)
		for at := 0; at < points; at += quarter {
			f.rest(x[2*at:][:2*quarter], c.part(at, quarter), pass+1)
		}
		return
	}
	groups := 1
	for _, twiddles := range f.middle[pass:] {
		pass4(&x[0], &twiddles[0], points/32/groups, groups)
		groups *= 4
	}
	last16(&x[0], &f.closing[0], &c.sum[0], &c.max[0], groups)
}

// take adds the sums of a group of windows to those in c, and its means, which are share of
// them, to the detectors; it clears the group.
func (c cells) take(group []float32, share float32) {
	if hasAVX2 {
		take32(&group[0], &c.sum[0], &c.max[0], &c.min[0], share, len(group)/32)
		return
	}
	c.takeEach(group, share)
}

// rails counts the int8 at the converter's rails.
func rails(src []byte) (n int) {
	if blocks := len(src) / 32; hasAVX2 && blocks > 0 {
		n = rails32(&src[0], blocks)
		src = src[blocks*32:]
	}
	return n + rails8(src, 0)
}
