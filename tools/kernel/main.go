// Command kernel writes the AVX2 and FMA passes of spectrum's power spectrum as Go
// assembly. spectrum/avx2_amd64.go drives them, and says how the points lie in memory.
//
//	go -C tools run ./kernel -pkg spectrum -out ../spectrum/passes_amd64.s -stubs ../spectrum/passes_amd64.go
package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

func main() {
	first("first4", 4, false)
	first("first8", 8, false)
	first("first4Floats", 4, true)
	first("first8Floats", 8, true)
	pass()
	last()
	take()
	rails()
	Generate()
}

// bytes of a vector of eight floats, and of the real and the imaginary parts of eight
// points, which lie side by side: a cache line.
const (
	vector = 32
	line   = 2 * vector
)

// A point is eight complex numbers.
type point struct{ re, im VecVirtual }

func points(n int) []point {
	p := make([]point, n)
	for i := range p {
		p[i] = point{YMM(), YMM()}
	}
	return p
}

func load(m Mem) point {
	p := point{YMM(), YMM()}
	VMOVAPS(m, p.re)
	VMOVAPS(m.Offset(vector), p.im)
	return p
}

func store(p point, m Mem) {
	VMOVAPS(p.re, m)
	VMOVAPS(p.im, m.Offset(vector))
}

func add(a, b VecVirtual) VecVirtual {
	c := YMM()
	VADDPS(b, a, c)
	return c
}

func sub(a, b VecVirtual) VecVirtual {
	c := YMM()
	VSUBPS(b, a, c)
	return c
}

func (a point) plus(b point) point   { return point{add(a.re, b.re), add(a.im, b.im)} }
func (a point) minus(b point) point  { return point{sub(a.re, b.re), sub(a.im, b.im)} }
func (a point) plusI(b point) point  { return point{sub(a.re, b.im), add(a.im, b.re)} } // a + ib
func (a point) minusI(b point) point { return point{add(a.re, b.im), sub(a.im, b.re)} } // a - ib

func (a point) times(w point) point {
	p := point{YMM(), YMM()}
	VMULPS(w.im, a.im, p.re)
	VMULPS(w.im, a.re, p.im)
	VFMSUB231PS(w.re, a.re, p.re)
	VFMADD231PS(w.re, a.im, p.im)
	return p
}

// quarters transforms four points.
func quarters(a, b, c, d point) [4]point {
	s, u := a.plus(c), a.minus(c)
	v, w := b.plus(d), b.minus(d)
	return [4]point{s.plus(v), u.minusI(w), s.minus(v), u.plusI(w)}
}

// constant is eight times v in memory.
func constant(name string, v float32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, F32(v))
	}
	return m
}

// spread is a mask for VPSHUFB that puts every other byte of 16, from first on, into the
// top of a double word.
func spread(name string, first int) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 8 {
		DATA(4*i, U32(uint32(2*i+first)<<24|0x808080))
	}
	return m
}

// first is the first pass, out of place, by radix 4 or 8: samples are converted and
// windowed, and each two results come to lie in the halves of vectors. table is read in
// one go: for each eight steps the window of each part and the twiddles of each
// result but the first.
func first(name string, radix int, floats bool) {
	kind := "byte"
	if floats {
		kind = "complex64"
	}
	TEXT(name, 0, "func(work, table *float32, samples *"+kind+", steps int)")
	Pragma("noescape")
	Doc(fmt.Sprintf("%s is the first pass by radix %d over parts of as many samples as steps.", name, radix))
	work, table := Load(Param("work"), GP64()), Load(Param("table"), GP64())
	x := Load(Param("samples"), GP64())
	steps := Load(Param("steps"), GP64())
	pair := GP64() // bytes from one pair of results to the next
	MOVQ(steps, pair)
	SHLQ(Imm(4), pair)
	var part [8]Register // bytes to each part of the samples
	part[1] = GP64()
	MOVQ(steps, part[1])
	size := 2
	SHLQ(Imm(1), part[1].(GPVirtual))
	if floats {
		size = 8
		SHLQ(Imm(2), part[1].(GPVirtual))
	}
	multiple := func(of, by Register, times uint8) GPVirtual {
		r := GP64()
		LEAQ(Mem{Base: of, Index: by, Scale: times}, r)
		return r
	}
	part[3] = multiple(part[1], part[1], 2)
	source := []Mem{{Base: x}, {Base: x, Index: part[1], Scale: 1}, {Base: x, Index: part[1], Scale: 2}, {Base: x, Index: part[3], Scale: 1}}
	if radix == 8 {
		part[5] = multiple(part[1], part[1], 4)
		part[7] = multiple(part[3], part[1], 4)
		source = append(source, Mem{Base: x, Index: part[1], Scale: 4}, Mem{Base: x, Index: part[5], Scale: 1},
			Mem{Base: x, Index: part[3], Scale: 2}, Mem{Base: x, Index: part[7], Scale: 1})
	}
	target := []Mem{{Base: work}, {Base: work, Index: pair, Scale: 1}}
	if radix == 8 {
		target = append(target, Mem{Base: work, Index: pair, Scale: 2}, Mem{Base: work, Index: multiple(pair, pair, 2), Scale: 1})
	}
	weight := func(part int) Mem { return Mem{Base: table, Disp: part * vector} }
	twiddle := func(k int) Mem { return Mem{Base: table, Disp: radix*vector + (k-1)*line} }
	samples := func(part int) point {
		if floats {
			return deinterleave(source[part])
		}
		return widen(source[part])
	}
	// half is the window, and the first half of the butterflies.
	half := func(part int) (sum, difference point) {
		a, b := samples(part), samples(part+radix/2)
		w := weight(part)
		VMULPS(w, a.re, a.re)
		VMULPS(w, a.im, a.im)
		w = weight(part + radix/2)
		sum = point{YMM(), YMM()}
		VMOVAPS(a.re, sum.re)
		VMOVAPS(a.im, sum.im)
		VFMADD231PS(w, b.re, sum.re)
		VFMADD231PS(w, b.im, sum.im)
		VFNMADD231PS(w, b.re, a.re)
		VFNMADD231PS(w, b.im, a.im)
		return sum, a
	}
	result := func(p point, k int) {
		if k > 0 {
			p = p.times(load(twiddle(k)))
		}
		m := target[k/2].Offset(k % 2 * vector / 2)
		VMOVAPS(p.re.AsX(), m)
		VMOVAPS(p.im.AsX(), m.Offset(vector))
		VEXTRACTF128(Imm(1), p.re, m.Offset(line))
		VEXTRACTF128(Imm(1), p.im, m.Offset(line+vector))
	}

	var spill Mem
	if radix == 8 {
		aligned := GP64()
		LEAQ(AllocLocal(4*line+vector).Offset(vector-1), aligned)
		ANDQ(I8(-vector), aligned)
		spill = Mem{Base: aligned}
	}
	Label("loop")
	if radix == 4 {
		s, u := half(0)
		v, w := half(1)
		for k, p := range []point{s.plus(v), u.minusI(w), s.minus(v), u.plusI(w)} {
			result(p, k)
		}
	} else {
		var sums [4]point
		for i := range sums {
			var d point
			sums[i], d = half(i)
			store(d, spill.Offset(i*line))
		}
		for i, p := range quarters(sums[0], sums[1], sums[2], sums[3]) {
			result(p, 2*i)
		}
		// Parts 1 and 3 are to be turned by odd eighths: h(1-i) and h(-1-i), h = √½.
		h := constant(name+"Half", math.Sqrt2/2)
		b, d := load(spill.Offset(line)), load(spill.Offset(3*line))
		less, more := b.minus(d), b.plus(d)
		u, v := less.minusI(more), more.minusI(less)
		a, c := load(spill), load(spill.Offset(2*line))
		s, t := a.minusI(c), a.plusI(c)
		turned := func(p, q point, re, im func(...Op)) point {
			re(h, q.re, p.re)
			im(h, q.im, p.im)
			return p
		}
		same := func(p point) point {
			q := point{YMM(), YMM()}
			VMOVAPS(p.re, q.re)
			VMOVAPS(p.im, q.im)
			return q
		}
		plus, minus := VFMADD231PS, VFNMADD231PS
		result(turned(same(s), u, plus, plus), 1)
		result(turned(s, u, minus, minus), 5)
		v = point{v.im, v.re}
		result(turned(same(t), v, plus, minus), 3)
		result(turned(t, v, minus, plus), 7)
	}
	ADDQ(Imm(uint64(8*size)), x)
	ADDQ(U32(radix*vector+(radix-1)*line), table)
	ADDQ(Imm(2*line), work)
	SUBQ(Imm(8), steps)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

var iMask, qMask Mem

// widen loads eight pairs of int8 as floats of their 2²⁴ fold.
func widen(m Mem) point {
	if iMask.Base == nil {
		iMask, qMask = spread("spreadI", 0), spread("spreadQ", 1)
	}
	p := point{YMM(), YMM()}
	raw := YMM()
	VBROADCASTI128(m, raw)
	VPSHUFB(iMask, raw, p.re)
	VPSHUFB(qMask, raw, p.im)
	VCVTDQ2PS(p.re, p.re)
	VCVTDQ2PS(p.im, p.im)
	return p
}

var fullScale Mem

// deinterleave loads eight complex64, at the scale that widen leaves int8 in.
func deinterleave(m Mem) point {
	if fullScale.Base == nil {
		fullScale = constant("fullScale", 128<<24)
	}
	a, b := YMM(), YMM()
	VBROADCASTF128(m, a) // all of it, so that avo sees that nothing of it is kept
	VINSERTF128(Imm(1), m.Offset(vector), a, a)
	VBROADCASTF128(m.Offset(vector/2), b)
	VINSERTF128(Imm(1), m.Offset(vector+vector/2), b, b)
	p := point{YMM(), YMM()}
	VSHUFPS(Imm(0x88), b, a, p.re)
	VSHUFPS(Imm(0xdd), b, a, p.im)
	VMULPS(fullScale, p.re, p.re)
	VMULPS(fullScale, p.im, p.im)
	return p
}

// halves loads the i-th of a list of four twiddles, for each half of a vector.
func halves(list Register, i int) point {
	p := point{YMM(), YMM()}
	VBROADCASTF128(Mem{Base: list, Disp: i * vector}, p.re)
	VBROADCASTF128(Mem{Base: list, Disp: i*vector + vector/2}, p.im)
	return p
}

// pass is a pass by radix 4 in place. The halves of a vector belong to different parts
// and have their twiddles in common.
func pass() {
	TEXT("pass4", NOSPLIT, "func(work, twiddles *float32, quarter, groups int)")
	Pragma("noescape")
	Doc("pass4 is a pass by radix 4 in place over groups of four times quarter vectors.")
	x, table := Load(Param("work"), GP64()), Load(Param("twiddles"), GP64())
	quarter, groups := Load(Param("quarter"), GP64()), Load(Param("groups"), GP64())
	SHLQ(Imm(6), quarter) // to bytes
	three := GP64()
	LEAQ(Mem{Base: quarter, Index: quarter, Scale: 2}, three)
	w, end := GP64(), GP64()

	Label("group")
	MOVQ(table, w)
	LEAQ(Mem{Base: x, Index: quarter, Scale: 1}, end)
	Label("loop")
	m := []Mem{{Base: x}, {Base: x, Index: quarter, Scale: 1}, {Base: x, Index: quarter, Scale: 2}, {Base: x, Index: three, Scale: 1}}
	for k, p := range quarters(load(m[0]), load(m[1]), load(m[2]), load(m[3])) {
		if k > 0 {
			p = p.times(halves(w, k-1))
		}
		store(p, m[k])
	}
	ADDQ(Imm(3*vector), w)
	ADDQ(Imm(line), x)
	CMPQ(x, end)
	JNE(LabelRef("loop"))
	ADDQ(three, x)
	SUBQ(Imm(1), groups)
	JNE(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// last does the last two passes by radix 4, over four points that are vectors and then
// over the four of each half of a vector, and gathers powers.
func last() {
	TEXT("last16", NOSPLIT, "func(work, twiddles, sum, max *float32, groups int)")
	Pragma("noescape")
	Doc("last16 does the last two passes by radix 4 over groups of four vectors, and adds powers to sum and max.")
	x, w := Load(Param("work"), GP64()), Load(Param("twiddles"), GP64())
	sum, top := Load(Param("sum"), GP64()), Load(Param("max"), GP64())
	groups := Load(Param("groups"), GP64())

	Label("loop")
	m := func(i int) Mem { return Mem{Base: x, Disp: i * line} }
	p := quarters(load(m(0)), load(m(1)), load(m(2)), load(m(3)))
	for k := 1; k < 4; k++ {
		p[k] = p[k].times(halves(w, k-1))
	}
	re := transpose([4]VecVirtual{p[0].re, p[1].re, p[2].re, p[3].re})
	im := transpose([4]VecVirtual{p[0].im, p[1].im, p[2].im, p[3].im})
	for i := range p {
		p[i] = point{re[i], im[i]}
	}
	for i, p := range quarters(p[0], p[1], p[2], p[3]) {
		VMULPS(p.re, p.re, p.re)
		VFMADD231PS(p.im, p.im, p.re)
		s, t := Mem{Base: sum, Disp: i * vector}, Mem{Base: top, Disp: i * vector}
		VMAXPS(t, p.re, p.im)
		VADDPS(s, p.re, p.re)
		VMOVAPS(p.im, t)
		VMOVAPS(p.re, s)
	}
	ADDQ(U32(4*line), x)
	ADDQ(U32(4*vector), sum)
	ADDQ(U32(4*vector), top)
	SUBQ(Imm(1), groups)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// take hands the sums of a group of windows to the detectors.
func take() {
	TEXT("take32", NOSPLIT, "func(group, sum, max, min *float32, share float32, blocks int)")
	Pragma("noescape")
	Doc("take32 adds group to sum, and share of it to max and min, and clears it, in blocks of 32.")
	group, sum := Load(Param("group"), GP64()), Load(Param("sum"), GP64())
	top, low := Load(Param("max"), GP64()), Load(Param("min"), GP64())
	blocks, share, zero := Load(Param("blocks"), GP64()), YMM(), YMM()
	VBROADCASTSS(NewParamAddr("share", 4*8), share)
	VXORPS(zero, zero, zero)
	Label("loop")
	for i := range 4 {
		m := func(base Register) Mem { return Mem{Base: base, Disp: i * vector} }
		p, s := YMM(), YMM()
		VMOVAPS(m(group), p)
		VMOVAPS(zero, m(group))
		VADDPS(m(sum), p, s)
		VMOVAPS(s, m(sum))
		VMULPS(share, p, p)
		VMAXPS(m(top), p, s)
		VMOVAPS(s, m(top))
		VMINPS(m(low), p, p)
		VMOVAPS(p, m(low))
	}
	for _, base := range []Register{group, sum, top, low} {
		ADDQ(U32(4*vector), base)
	}
	SUBQ(Imm(1), blocks)
	JNE(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// transpose turns 4×4 floats in each half of the vectors.
func transpose(v [4]VecVirtual) [4]VecVirtual {
	var t, o [4]VecVirtual
	for i := range t {
		t[i], o[i] = YMM(), YMM()
	}
	VUNPCKLPS(v[1], v[0], t[0])
	VUNPCKHPS(v[1], v[0], t[1])
	VUNPCKLPS(v[3], v[2], t[2])
	VUNPCKHPS(v[3], v[2], t[3])
	VUNPCKLPD(t[2], t[0], o[0])
	VUNPCKHPD(t[2], t[0], o[1])
	VUNPCKLPD(t[3], t[1], o[2])
	VUNPCKHPD(t[3], t[1], o[3])
	return o
}

// rails counts int8 at the converter's rails: with the negative ones inverted, both
// are 127.
func rails() {
	TEXT("rails32", NOSPLIT, "func(samples *byte, blocks int) int")
	Pragma("noescape")
	Doc("rails32 counts the int8 that are 127 or -128 in blocks of 32.")
	x, blocks := Load(Param("samples"), GP64()), Load(Param("blocks"), GP64())
	zero, top, count := YMM(), YMM(), YMM()
	VPXOR(zero, zero, zero)
	VPXOR(count, count, count)
	VPCMPEQB(top, top, top)
	VPSRLW(Imm(9), top, top) // 0x007f in each word
	VPACKUSWB(top, top, top)
	Label("loop")
	v, negative := YMM(), YMM()
	VMOVDQU(Mem{Base: x}, v)
	VPCMPGTB(v, zero, negative)
	VPXOR(negative, v, v)
	VPCMPEQB(top, v, v)
	VPSUBB(v, zero, v) // 1 for each
	VPSADBW(zero, v, v)
	VPADDQ(v, count, count)
	ADDQ(Imm(32), x)
	SUBQ(Imm(1), blocks)
	JNE(LabelRef("loop"))
	high := XMM()
	VEXTRACTI128(Imm(1), count, high)
	VPADDQ(count.AsX(), high, high)
	n, m := GP64(), GP64()
	MOVQ(high, n)
	VPEXTRQ(Imm(1), high, m)
	ADDQ(m, n)
	VZEROUPPER()
	Store(n, ReturnIndex(0))
	RET()
}
