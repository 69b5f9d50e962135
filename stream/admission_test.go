package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A lockedBuffer takes what is logged while tests read it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// counted is the value of a counter.
func counted(t testing.TB, c *prometheus.CounterVec, label string) float64 {
	t.Helper()
	var m dto.Metric
	if err := c.WithLabelValues(label).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// become makes an admission in use let in what the other does.
func (a *admission) become(other *admission) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turns, a.later, a.line = other.turns, other.later, other.line
}

// Three thousand that come at once are let in at the rate, in the time that the rate
// takes, and each that was put off is put off once.
func TestAdmissionOfACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const crowd = 3000
		m := newMetrics()
		a := usualAdmission(m.handshakes, admitRate)
		burst, line := burstOf(admitRate), lineOf(admitRate)
		began := time.Now()
		var mu sync.Mutex
		var in []time.Duration
		var running sync.WaitGroup
		for n := range crowd {
			jitter := rand.New(rand.NewPCG(1, uint64(n)))
			running.Go(func() {
				for {
					ok, comeBack := a.admit(t.Context())
					if ok {
						break
					}
					w := httptest.NewRecorder()
					a.refuse(w, comeBack)
					if w.Code != http.StatusServiceUnavailable {
						t.Errorf("refused by %d", w.Code)
					}
					time.Sleep(retryAfter(w.Header()) + time.Duration(jitter.Int64N(int64(time.Second))))
				}
				mu.Lock()
				defer mu.Unlock()
				in = append(in, time.Since(began))
			})
		}
		running.Wait()
		slices.Sort(in)
		for n := range in {
			if earliest := time.Duration(n+1-burst) * time.Second / admitRate; in[n] < earliest-time.Microsecond {
				t.Fatalf("number %d came in after %s, the rate allows %s", n+1, in[n], earliest)
			}
		}
		least := time.Duration(crowd-burst) * time.Second / admitRate
		if last := in[crowd-1]; last > least+2*time.Second {
			t.Errorf("the last came in after %s, the rate allows %s", last, least)
		}
		refused := counted(t, m.handshakes, handshakeRefused)
		if waited, once := counted(t, m.handshakes, handshakeWaited), counted(t, m.handshakes, handshakeAtOnce); waited+once != crowd ||
			refused < float64(crowd-burst-line) || refused > 1.2*crowd {
			t.Errorf("%g at once, %g waited, %g refused", once, waited, refused)
		}
		var logged bytes.Buffer
		log := slog.New(slog.NewTextHandler(&logged, nil))
		a.report(log, false)
		time.Sleep(admitQuiet)
		a.report(log, false)
		a.report(log, true)
		if text := logged.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, fmt.Sprintf("refused=%g ", refused)) {
			t.Errorf("logged:\n%s", text)
		}
	})
}

// Who leaves the line makes room.
func TestAdmissionForgetsWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics()
		a := newAdmission(m.handshakes, 1, 1, 1)
		if ok, _ := a.admit(t.Context()); !ok {
			t.Fatal("the first was put off")
		}
		ctx, leave := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			if ok, _ := a.admit(ctx); ok {
				t.Error("one that left came in")
			}
		}()
		synctest.Wait()
		if ok, _ := a.admit(t.Context()); ok {
			t.Error("the line had no end")
		}
		leave()
		<-done
		began := time.Now()
		if ok, _ := a.admit(t.Context()); !ok || time.Since(began) != time.Second {
			t.Errorf("the next: %t after %s", ok, time.Since(began))
		}
		if gone := counted(t, m.handshakes, handshakeGone); gone != 1 {
			t.Errorf("%g left", gone)
		}
	})
}

func TestWaitsAsTheServerSays(t *testing.T) {
	for _, tc := range []struct {
		name        string
		attempts    int // before
		err         error
		least, most time.Duration
	}{
		{"lost", 0, errors.New("link broke"), 0, 0},
		{"lost again", 8, errors.New("link broke"), 0, backoffMost},
		{"busy", 0, &busyError{}, 1, 2 * backoffFirst},
		{"busy again", 9, &busyError{}, 1, backoffMostBusy},
		{"its turn", 9, &busyError{comeBack: 3 * time.Second}, 3 * time.Second, 4 * time.Second},
		{"in a year", 0, &busyError{comeBack: 365 * 24 * time.Hour}, backoffMostBusy, backoffMostBusy},
		{"goodbye", 0, &goodbyeError{retry: 700 * time.Millisecond}, 700 * time.Millisecond, 700 * time.Millisecond},
		{"goodbye for a year", 0, &goodbyeError{retry: 365 * 24 * time.Hour}, backoffMostBusy, backoffMostBusy},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 100 {
				b := backoff{attempt: tc.attempts}
				if wait := b.after(fmt.Errorf("attempt: %w", tc.err)); wait < tc.least || wait > tc.most || b.attempt != tc.attempts+1 {
					t.Errorf("attempt %d waits %s, want %s to %s", b.attempt, wait, tc.least, tc.most)
				}
			}
		})
	}
	for _, tc := range []struct {
		header string
		want   time.Duration
	}{{"", 0}, {"7", 7 * time.Second}, {"-1", 0}, {"Wed, 21 Oct 2026 07:28:00 GMT", 0}, {strconv.Itoa(1 << 40), 0}} {
		if got := retryAfter(http.Header{"Retry-After": {tc.header}}); got != tc.want {
			t.Errorf("%q is %s, want %s", tc.header, got, tc.want)
		}
	}
}
