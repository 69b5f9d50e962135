//go:build !amd64

package spectrum

func quickest(coefficients []float64) transform { return newRadix4(coefficients) }

// take adds the sums of a group of windows to those in c, and its means, which are share of
// them, to the detectors; it clears the group.
func (c cells) take(group []float32, share float32) { c.takeEach(group, share) }

// rails counts the int8 at the converter's rails.
func rails(src []byte) int { return rails8(src, 0) }
