package device

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var errSI = errors.New("not a frequency: write it like 433.92M, 2.4G, 12.5k or 98100000")

var prefixes = map[byte]float64{'k': 1e3, 'K': 1e3, 'M': 1e6, 'm': 1e6, 'G': 1e9, 'g': 1e9}

// ParseHz reads a frequency, width or rate with an optional SI prefix k, M or G and
// an optional unit: "433.92M", "2.4 GHz", "12.5k", "98100000".
func ParseHz(s string) (float64, error) {
	t := strings.TrimSpace(s)
	if n := len(t) - 2; n >= 0 && strings.EqualFold(t[n:], "Hz") {
		t = strings.TrimSpace(t[:n])
	}
	scale := 1.0
	if n := len(t) - 1; n >= 0 {
		if m, ok := prefixes[t[n]]; ok {
			scale, t = m, strings.TrimSpace(t[:n])
		}
	}
	v, err := strconv.ParseFloat(t, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is %w", s, errSI)
	}
	return v * scale, nil
}

// FormatHz writes hz with an SI prefix and at most the given number of decimals,
// trailing zeros dropped: FormatHz(433.92e6, 3) is "433.92M".
func FormatHz(hz float64, decimals int) string {
	s := FixedHz(hz, decimals)
	unit := s[len(s)-1:]
	if unit >= "0" && unit <= "9" {
		unit = ""
	}
	s = strings.TrimSuffix(s, unit)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + unit
}

// FixedHz writes hz with an SI prefix and exactly the given number of decimals, so
// that a number keeps its width on a screen: FixedHz(98.1e6, 3) is "98.100M".
func FixedHz(hz float64, decimals int) string {
	unit, scale := "", 1.0
	switch a := math.Abs(hz); {
	case a >= 1e9:
		unit, scale = "G", 1e9
	case a >= 1e6:
		unit, scale = "M", 1e6
	case a >= 1e3:
		unit, scale = "k", 1e3
	default:
		decimals = 0
	}
	return strconv.FormatFloat(hz/scale, 'f', decimals, 64) + unit
}
