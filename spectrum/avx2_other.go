//go:build !amd64

package spectrum

func quickest(coefficients []float64) transform { return newRadix4(coefficients) }

// rails counts the int8 at the converter's rails.
func rails(src []byte) int { return rails8(src, 0) }
