package views

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A meter counts what the terminal takes and keeps it to a budget. What a draw will take
// is known only afterwards, so each draw is paid for by the wait that follows it.
type meter struct {
	mu     sync.Mutex
	budget float64       // bytes a second; 0: none
	taken  uint64        // bytes
	busy   time.Duration // spent until they were taken
	debt   float64       // bytes not paid for yet at paid; negative: saved
	paid   time.Time
	asked  bool // what is drawn now was asked for by key
}

const (
	maxAsked = 2 * time.Second        // keys, however many, keep frames waiting no longer
	maxSaved = 100 * time.Millisecond // a pause earns no more than this
)

// took notes that the terminal took n bytes within d.
func (m *meter) took(n int, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.taken += uint64(n)
	m.busy += d
	if m.budget == 0 {
		return
	}
	m.pay(time.Now())
	owed := m.debt + float64(n)
	if m.asked {
		owed = min(owed, max(maxAsked.Seconds()*m.budget, m.debt))
	}
	m.debt = owed
}

// draws says whether what the terminal is sent next was asked for by key.
func (m *meter) draws(asked bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked = asked
}

func (m *meter) pay(now time.Time) {
	m.debt = max(m.debt-now.Sub(m.paid).Seconds()*m.budget, -maxSaved.Seconds()*m.budget)
	m.paid = now
}

// wait is how long until the next draw is within the budget.
func (m *meter) wait() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.budget == 0 {
		return 0
	}
	m.pay(time.Now())
	if m.debt <= 0 {
		return 0
	}
	return time.Duration(m.debt / m.budget * float64(time.Second))
}

// setBudget begins to keep to so many bytes a second; 0: to none.
func (m *meter) setBudget(perSecond int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.budget, m.debt, m.paid = float64(perSecond), 0, time.Now()
}

func (m *meter) read() (taken uint64, busy time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.taken, m.busy
}

// A traffic is what the terminal took in the last second.
type traffic struct {
	budget    int     // bytes a second that it is kept to; 0: none
	perSecond float64 // bytes
	draws     float64 // a second
	slow      bool    // the terminal takes bytes slower than they come

	at      time.Time // of the counts that follow
	taken   uint64
	busy    time.Duration
	counted int // draws since then
	lagging int // seconds in a row in which it mostly waited
}

// slowShare is the share of time spent waiting for the terminal from which on it is
// slow, if it lasts for slowSeconds.
const (
	slowShare   = 0.5
	slowSeconds = 3
)

// sample closes the second that ends at now and reports whether the terminal has turned
// out to be slow in it.
func (t *traffic) sample(now time.Time, m *meter) bool {
	taken, busy := m.read()
	took := now.Sub(t.at).Seconds()
	was := t.slow
	if !t.at.IsZero() && took > 0 {
		t.perSecond = float64(taken-t.taken) / took
		t.draws = float64(t.counted) / took
		if (busy - t.busy).Seconds() > slowShare*took {
			t.lagging++
		} else {
			t.lagging = 0
		}
		t.slow = t.slow || t.lagging >= slowSeconds
	}
	t.at, t.taken, t.busy, t.counted = now, taken, busy, 0
	return t.slow && !was
}

// words is what the terminal takes: "tty  18.2 kB/s", and of how much.
func (t *traffic) words() string {
	text := "tty " + perSecond(t.perSecond)
	if b := t.budgetWords(); b != "" {
		text += ", " + b
	}
	return text
}

// budgetWords is "20 kB/s budget: 8 draws/s", or "" where there is none.
func (t *traffic) budgetWords() string {
	if t.budget == 0 {
		return ""
	}
	return fmt.Sprintf("%s kB/s budget: %4.1f draws/s", strconv.FormatFloat(float64(t.budget)/1e3, 'f', -1, 64), t.draws)
}

// remoteBudget is what a terminal at the other end of an SSH session is sent at most.
const remoteBudget = 40_000

// ParseBudget reads how many bytes a second a terminal is sent at most: "20k", "off" (0) or
// "auto", which has one where the terminal is at the other end of an SSH session.
func ParseBudget(s string) (int, error) {
	switch s {
	case "off":
		return 0, nil
	case "auto":
		if os.Getenv("SSH_CONNECTION") == "" && os.Getenv("SSH_TTY") == "" {
			return 0, nil
		}
		return remoteBudget, nil
	}
	number, unit := s, 1.0
	if head, ok := strings.CutSuffix(strings.ToLower(s), "k"); ok {
		number, unit = head, 1e3
	} else if head, ok := strings.CutSuffix(strings.ToLower(s), "m"); ok {
		number, unit = head, 1e6
	}
	v, err := strconv.ParseFloat(number, 64)
	if v *= unit; err != nil || !(v >= leastBudget && v <= mostBudget) {
		return 0, fmt.Errorf("%q is not a budget: use bytes a second from 2k to 100M, off or auto", clean(s))
	}
	return int(v), nil
}

const (
	leastBudget = 2e3
	mostBudget  = 100e6
)
