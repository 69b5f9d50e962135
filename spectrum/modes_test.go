package spectrum

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"
)

// Mode S at 2 Msps (ICAO Annex 10, volume IV): 8 µs of preamble, then a bit a microsecond, which is
// 1 where the first half is the stronger.
const (
	modesRate     = 2e6
	modesPreamble = 16 // samples
	modesParity   = 0x1fff409
)

// replies are the replies of transponders in x whose parity says that they are there: squitters,
// long (DF 17) and short (DF 11).
func replies(x []complex128) (found []burst) {
	m := make([]float64, len(x))
	for i, v := range x {
		m[i] = cmplx.Abs(v)
	}
	for at := 0; at+modesPreamble+2*112 <= len(m); at++ {
		p := m[at:]
		pulses, gaps := min(p[0], p[2], p[7], p[9]), max(p[1], p[3], p[4], p[5], p[6], p[8])
		if pulses <= gaps {
			continue
		}
		bit := func(i int) uint32 {
			if k := modesPreamble + 2*i; p[k] > p[k+1] {
				return 1
			}
			return 0
		}
		kind := 0
		for i := range 5 {
			kind = kind<<1 | int(bit(i))
		}
		bits := map[int]int{17: 112, 11: 56}[kind]
		if bits == 0 {
			continue
		}
		rest := uint32(0)
		for i := range bits {
			if rest = rest<<1 | bit(i); rest>>24 != 0 {
				rest ^= modesParity
			}
		}
		if rest == 0 {
			found = append(found, burst{at, at + modesPreamble + 2*bits})
			at += modesPreamble + 2*bits - 1
		}
	}
	return found
}

// TestRecordedRepliesAreFound looks for bursts that are shorter than a window, the replies of transponders, in
// rows of one window a quarter apart. One stands out where it is, and the rows fall to half of its
// power at its ends, to a hop.
func TestRecordedRepliesAreFound(t *testing.T) {
	recordings(t, func(t *testing.T, _ string, c capture) {
		if c.rateHz != modesRate {
			return // no Mode S
		}
		c.n, c.overlap = MinBins, 0.75
		rows, all := c.rows(t), replies(c.x)
		alone := 0
		for _, r := range all {
			before, after := burst{r.from - c.n, r.from - 2}, burst{r.to + 2, r.to + c.n}
			if before.from < 0 || after.to > len(c.x)-c.n || max(c.mean(before), c.mean(after)) > c.mean(r)/6 {
				continue
			}
			alone++
			// Row i lies around sample n/2 + i·hop.
			first, end := (r.from-c.n/2)/c.hop(), (r.to-c.n/2)/c.hop()+1
			best := first + slices.Index(rows[first:end], slices.Max(rows[first:end]))
			edge := func(step int) int {
				i := best
				for rows[i+step] > rows[best]/2 {
					i += step
				}
				share := (rows[i] - rows[best]/2) / (rows[i] - rows[i+step])
				return c.n/2 + int((float64(i)+share*float64(step))*float64(c.hop()))
			}
			from, to := edge(-1), edge(1)
			if max(from-r.from, r.from-from, to-r.to, r.to-to) > c.hop() {
				t.Errorf("reply from %d to %d is found from %d to %d", r.from, r.to, from, to)
			}
			if got, want := c.bandwidth(t, burst{r.from, r.from + c.n}); math.Abs(got-want) > 2 {
				t.Errorf("reply from %d to %d is %.1f bins wide, want %.1f", r.from, r.to, got, want)
			}
		}
		t.Logf("%d replies, %d stand alone", len(all), alone)
		if alone < 10 {
			t.Errorf("only %d of %d replies stand alone", alone, len(all))
		}
	})
}
