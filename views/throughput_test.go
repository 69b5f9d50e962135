package views

import (
	"bytes"
	"math"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A terminal that takes so many bytes a second is said to take them.
func TestThroughput(t *testing.T) {
	for _, rate := range []float64{1e3, 20e3, 1e6} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			took := 0
			go func() {
				defer far.Close()
				b := make([]byte, 512)
				for {
					n, err := far.Read(b)
					if err != nil {
						return
					}
					took += n
					time.Sleep(time.Duration(float64(n) / rate * float64(time.Second)))
					if bytes.HasSuffix(b[:n], []byte(whereIsCursor)) {
						time.Sleep(40 * time.Millisecond) // the way there and back
						_, _ = far.Write([]byte("\x1b[12;1R"))
					}
				}
			}()
			got, answer, err := throughput(near)
			if err != nil || math.Abs(got/rate-1) > 0.02 || answer < 40*time.Millisecond || answer > 50*time.Millisecond {
				t.Errorf("at %.0f B/s: %.0f B/s, %v, %v", rate, got, answer, err)
			}
			if took > 2*mostBurst {
				t.Errorf("took %d bytes for it", took)
			}
		})
	}
}

// One that does not answer, or takes nothing at all, holds nobody up.
func TestThroughputSilent(t *testing.T) {
	for _, reads := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			if reads {
				go func() {
					b := make([]byte, 512)
					for {
						if _, err := far.Read(b); err != nil {
							return
						}
					}
				}()
			}
			began := time.Now()
			f := MeasureTerminal(near)
			if f.Text != "not measured: the terminal does not answer" || time.Since(began) > answerWithin {
				t.Errorf("%+v after %v", f, time.Since(began))
			}
		})
	}
}

// A burst stays on its line and leaves nothing.
func TestBurst(t *testing.T) {
	b := burst(firstBurst)
	if len(b) != firstBurst || !strings.HasSuffix(b, "\r\x1b[K") {
		t.Errorf("%d bytes, ends in %q", len(b), b[len(b)-8:])
	}
	for _, part := range strings.Split(strings.TrimSuffix(b, "\x1b[K"), "\r") {
		if len(part) > 60 || strings.ContainsFunc(part, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("drew %q", part)
		}
	}
}
