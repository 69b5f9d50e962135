package synth

import "math"

// A packed is a complex number in fixed point, the real part in the upper 32 bits. It
// adds, and multiplies by a real number, in one instruction for both parts, and gives
// the same bytes on every processor. The borrow that a negative lower part takes from
// the upper one is 2^-18 of a converter step.
type packed int64

const (
	unitBits = 9 // fraction of a sample of amplitude 1, and of a gain as well

	// maxGain keeps sums of all that is on the air at once within 32 bits. With more,
	// the samples are at the rails just as well.
	maxGain = 400
)

func pack(c complex128) packed {
	const unit = 1 << unitBits
	return packed(math.Round(real(c)*unit))<<32 + packed(math.Round(imag(c)*unit))
}

// gain is what to multiply a sample of amplitude 1 by to get the given amplitude in
// converter steps.
func gain(amplitude float64) packed {
	return packed(math.Round(min(amplitude, maxGain) * (1 << unitBits)))
}

const waveBits = 12

// wave is one turn of a complex tone of amplitude 1.
var wave = func() (w [1 << waveBits]packed) {
	for i := range w {
		s, c := math.Sincos(2 * math.Pi * float64(i) / float64(len(w)))
		w[i] = pack(complex(c, s))
	}
	return w
}()

// tone adds a complex tone of constant frequency.
func tone(acc []packed, phase, step uint32, amp packed) {
	const shift = 32 - waveBits
	for ; len(acc) >= 4; acc = acc[4:] {
		acc[0] += wave[phase>>shift] * amp
		acc[1] += wave[(phase+step)>>shift] * amp
		acc[2] += wave[(phase+2*step)>>shift] * amp
		acc[3] += wave[(phase+3*step)>>shift] * amp
		phase += 4 * step
	}
	for i := range acc {
		acc[i] += wave[phase>>shift] * amp
		phase += step
	}
}

// quantise is the converter: it rounds and clips.
func quantise(dst []byte, acc *[chunkLen]packed) {
	const half = 1 << (2*unitBits - 1)
	dst = dst[:2*chunkLen]
	for i, v := range acc {
		re := (int32(v>>32) + half) >> (2 * unitBits)
		im := (int32(v) + half) >> (2 * unitBits)
		dst[2*i] = byte(min(max(re, -128), 127))
		dst[2*i+1] = byte(min(max(im, -128), 127))
	}
}
