package spectrum

import "math"

// decibels is 10·log₁₀ of a power within a millionth of a dB, and FloorDB where there is none:
// without a branch, and in a third of the time of math.Log10. Of what is no number it makes some level.
func decibels(power float64) float64 {
	const (
		least     = 1e-30 // FloorDB
		sqrtHalf  = 0x3fe6a09e667f3bcd
		perOctave = 10 * math.Ln2 / math.Ln10
		perNeper  = 10 / math.Ln10
	)
	b := math.Float64bits(max(power, least))
	// power = m·2^octaves, m from √½ to √2.
	octaves := int64(b-sqrtHalf) >> 52
	m := math.Float64frombits(b - uint64(octaves)<<52)
	// ln m = 2·artanh s, of whose series the first term left out is 2s⁹/9 < 3e-8.
	s := (m - 1) / (m + 1)
	z := s * s
	return float64(octaves)*perOctave + s*(2*perNeper+z*(2*perNeper/3+z*(2*perNeper/5+z*(2*perNeper/7))))
}

// ratio is the ratio of powers that is so many dB.
func ratio(db float64) float64 { return math.Pow(10, db/10) }

// quantise is a power in steps of dB, of which there are perDB in one, rounded to the
// nearest.
func quantise(power, perDB float64) int16 {
	const most = math.MaxInt16
	steps := int(decibels(power)*perDB + (most + 0.5)) // truncated: of what is above 0, the floor
	return int16(min(max(steps, 0), 2*most) - most)
}
