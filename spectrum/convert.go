package spectrum

import (
	"encoding/binary"
	"math"
	"math/bits"

	"argos/device"
)

// far bounds what a float sample may say, so that no power overflows.
const far = 1e6

// Tables of 8 bit components as shares of full scale: quicker than to convert them.
var signed8, unsigned8 = func() (s, u [256]float32) {
	for i := range s {
		s[i] = float32(int8(i)) / 128
		u[i] = (float32(i) - 127.5) / 128
	}
	return
}()

// convert fills dst from interleaved samples, so that full scale is 1. src holds at
// least len(dst) samples. A float component that is no number becomes 0.
func convert(dst []complex64, src []byte, f device.Format) {
	switch f {
	case device.CI16:
		src = src[:4*len(dst)]
		for i := range dst {
			v := binary.LittleEndian.Uint32(src[4*i:])
			dst[i] = complex(float32(int16(v))*(1.0/32768), float32(int16(v>>16))*(1.0/32768))
		}
	case device.CF32:
		src = src[:8*len(dst)]
		for i := range dst {
			v := binary.LittleEndian.Uint64(src[8*i:])
			dst[i] = complex(tame(uint32(v)), tame(uint32(v>>32)))
		}
	case device.CU8:
		convert8(dst, src, &unsigned8)
	default:
		convert8(dst, src, &signed8)
	}
}

func convert8(dst []complex64, src []byte, table *[256]float32) {
	src = src[:2*len(dst)]
	for ; len(dst) >= 4 && len(src) >= 8; dst, src = dst[4:], src[8:] {
		v := binary.LittleEndian.Uint64(src)
		dst[0] = complex(table[uint8(v)], table[uint8(v>>8)])
		dst[1] = complex(table[uint8(v>>16)], table[uint8(v>>24)])
		dst[2] = complex(table[uint8(v>>32)], table[uint8(v>>40)])
		dst[3] = complex(table[uint8(v>>48)], table[uint8(v>>56)])
	}
	for i := range dst {
		dst[i] = complex(table[src[2*i]], table[src[2*i+1]])
	}
}

func tame(b uint32) float32 {
	v := math.Float32frombits(b)
	switch {
	case v > far:
		return far
	case v < -far:
		return -far
	case v != v:
		return 0
	}
	return v
}

// railed is the share of the components of src that are at the converter's rails: the
// smallest and the largest code, in floats a magnitude of 1 and more or no number.
func railed(src []byte, f device.Format) float32 {
	n, width := 0, f.Size()/2
	src = src[:len(src)-len(src)%f.Size()]
	total := len(src) / width
	if total == 0 {
		return 0
	}
	switch f {
	case device.CI16:
		for ; len(src) >= 2; src = src[2:] {
			if v := int16(binary.LittleEndian.Uint16(src)); v == math.MinInt16 || v == math.MaxInt16 {
				n++
			}
		}
	case device.CF32:
		for ; len(src) >= 4; src = src[4:] {
			v := math.Float32frombits(binary.LittleEndian.Uint32(src))
			if !(v > -1 && v < 1) {
				n++
			}
		}
	case device.CU8:
		n = rails8(src, 0x80*ones)
	default:
		n = rails(src)
	}
	return float32(n) / float32(total)
}

const ones = 0x0101010101010101

// rails8 counts the bytes of src that are 127 or -128, once the bits of flip are
// inverted: with negative ones inverted too, both are 127, the only value whose successor has the
// top bit.
func rails8(src []byte, flip uint64) (n int) {
	for ; len(src) >= 8; src = src[8:] {
		n += railsOf(binary.LittleEndian.Uint64(src) ^ flip)
	}
	for _, b := range src {
		n += railsOf(uint64(b) ^ flip&0xff)
	}
	return n
}

func railsOf(x uint64) int {
	negative := x >> 7 & ones
	magnitude := (x ^ negative*0x7f) & (0x7f * ones)
	return bits.OnesCount64((magnitude + ones) & (0x80 * ones))
}
