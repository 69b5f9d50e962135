package hackrf

import "time"

const (
	// clockMemory is after how many transfers that were all late a clock believes
	// that samples are missing.
	clockMemory = 16
	// clockSlack is lateness that proves nothing.
	clockSlack = 5 * time.Millisecond
	// clockDrift is how much slower than it says a radio's oscillator may run.
	clockDrift = 100e-6
)

// A clock says when samples were taken. They are taken evenly but handed over late, now
// more and now less: the least late transfers tell.
type clock struct {
	rateHz float64
	last   time.Time // when the newest sample was taken; zero before the first
	least  time.Duration
	late   int           // transfers that were more than clockSlack late, in a row
	debt   time.Duration // of samples that were missing and came after all
}

// tick is told that n samples were handed over at now, and returns when the last was
// taken and how many are missing before the n.
func (c *clock) tick(now time.Time, n int) (taken time.Time, missing uint64) {
	if c.last.IsZero() {
		c.last = now
		return now, 0
	}
	lasting := time.Duration(float64(n) * 1e9 / c.rateHz)
	c.last = c.last.Add(lasting + time.Duration(float64(lasting)*clockDrift))
	lateness := now.Sub(c.last)
	switch {
	case lateness <= 0:
		if lateness < -clockSlack {
			c.debt -= lateness
		}
		c.last, c.late = now, 0
	case lateness <= clockSlack:
		c.late = 0
	default:
		if c.late == 0 || lateness < c.least {
			c.least = lateness
		}
		if c.late++; c.late == clockMemory {
			c.last, c.late = c.last.Add(c.least), 0
			paid := min(c.debt, c.least)
			c.debt -= paid
			missing = uint64((c.least - paid).Seconds() * c.rateHz)
		}
	}
	return c.last, missing
}
