package stream

import "slices"

// A hole is frames that a viewer lacks and may still get.
type hole struct{ first, last uint64 }

// holes are in order and do not overlap.
type holes []hole

// frames is how many are lacking.
func (h holes) frames() (n uint64) {
	for _, one := range h {
		n += one.last - one.first + 1
	}
	return n
}

// fill takes the frames first to last out. It reports false, and changes nothing, unless
// they lie in one hole.
func (h *holes) fill(first, last uint64) bool {
	at := slices.IndexFunc(*h, func(one hole) bool { return one.first <= first && last <= one.last })
	if at < 0 || last < first {
		return false
	}
	was := (*h)[at]
	left := make([]hole, 0, 2)
	if was.first < first {
		left = append(left, hole{was.first, first - 1})
	}
	if last < was.last {
		left = append(left, hole{last + 1, was.last})
	}
	*h = slices.Replace(*h, at, at+1, left...)
	return true
}
