package spectrum

import "time"

// A pace tells how many of something come a second, over the last second. Blocks come
// in lumps of up to a tenth of a second, so it divides by the time between lumps
// and not by one second. The zero value is ready.
type pace struct {
	total uint64
	marks [24]mark // a ring; newest at next-1
	next  int
	count int
}

type mark struct {
	at    time.Time
	total uint64
}

// markEvery is the least time between marks, so that the ring holds over a second.
const markEvery = time.Second / 16

// add counts n that have come now.
func (m *pace) add(now time.Time, n int) {
	m.total += uint64(n)
	// The newest mark moves with what comes until its time has passed.
	if m.count > 1 && now.Sub(m.back(2).at) < markEvery {
		*m.back(1) = mark{now, m.total}
		return
	}
	m.marks[m.next] = mark{now, m.total}
	m.next = (m.next + 1) % len(m.marks)
	m.count = min(m.count+1, len(m.marks))
}

// back is the i-th newest mark.
func (m *pace) back(i int) *mark {
	return &m.marks[(m.next-i+len(m.marks))%len(m.marks)]
}

// rate is what comes a second, 0 when nothing came for a second or for two of the
// latest intervals.
func (m *pace) rate(now time.Time) float64 {
	if m.count < 2 {
		return 0
	}
	newest := m.back(1)
	if idle := now.Sub(newest.at); idle >= time.Second && idle >= 2*newest.at.Sub(m.back(2).at) {
		return 0
	}
	i := 2
	for i < m.count && newest.at.Sub(m.back(i).at) < time.Second {
		i++
	}
	oldest := m.back(i)
	took := newest.at.Sub(oldest.at)
	if took <= 0 {
		return 0
	}
	return float64(newest.total-oldest.total) / took.Seconds()
}
