package views

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// How the speed of a terminal is measured: bursts that grow until one takes long enough
// to be timed, each followed by a question whose answer says that it was drawn.
const (
	firstBurst   = 2 << 10 // bytes
	mostBurst    = 128 << 10
	longBurst    = 150 * time.Millisecond
	answerWithin = 3 * time.Second
	slowBelow    = 100e3 // bytes a second: a waterfall in colour takes about that much
)

// whereIsCursor asks for the cursor's place (DSR); the answer ends in R.
const whereIsCursor = "\x1b[6n"

var errNoAnswer = errors.New("the terminal does not answer")

// MeasureTerminal says how fast tty, which has to be raw, takes bytes. It draws on one
// line for about as long as longBurst, and clears it.
func MeasureTerminal(tty io.ReadWriter) Finding {
	f := Finding{Name: "speed"}
	rate, answer, err := throughput(tty)
	switch {
	case err != nil:
		f.OK, f.Text = true, "not measured: "+err.Error()
	case rate < slowBelow:
		f.Text = fmt.Sprintf("%s, answers after %s", strings.TrimSpace(perSecond(rate)), ago(answer))
		f.Hint = "slow: a smaller window and ssh -C help, and --plain takes next to nothing"
	default:
		f.OK, f.Text = true, fmt.Sprintf("%s, answers after %s", strings.TrimSpace(perSecond(rate)), ago(answer))
	}
	return f
}

// throughput measures bytes a second and the time until an answer.
func throughput(tty io.ReadWriter) (rate float64, answer time.Duration, err error) {
	answers := make(chan struct{}, 1)
	go func() {
		b := make([]byte, 64)
		for {
			n, err := tty.Read(b)
			for _, c := range b[:n] {
				if c == 'R' {
					select {
					case answers <- struct{}{}:
					default: // typed by somebody
					}
				}
			}
			if err != nil {
				return
			}
		}
	}()
	ask := func(text string) (time.Duration, error) {
		began := time.Now()
		wrote := make(chan error, 1)
		go func() {
			_, err := io.WriteString(tty, text+whereIsCursor)
			wrote <- err
		}()
		late := time.NewTimer(answerWithin)
		defer late.Stop()
		for {
			select {
			case err := <-wrote:
				if err != nil {
					return 0, err
				}
				wrote = nil
			case <-answers:
				return time.Since(began), nil
			case <-late.C:
				return 0, errNoAnswer
			}
		}
	}
	if answer, err = ask(""); err != nil {
		return 0, 0, err
	}
	for n := firstBurst; ; n *= 4 {
		took, err := ask(burst(n))
		if err != nil {
			return 0, 0, err
		}
		if took >= longBurst || n >= mostBurst {
			return float64(n) / max(took-answer, time.Millisecond).Seconds(), answer, nil
		}
	}
}

// burst is n bytes that stay on one line and leave nothing there. It does not repeat, so
// that a compressed link gains nothing by it.
func burst(n int) string {
	const clear, width = "\r\x1b[K", 40
	b := make([]byte, 0, n)
	state := uint32(n)
	for len(b) < n-len(clear) {
		if len(b)%width == 0 {
			b = append(b, '\r')
			continue
		}
		state = state*1664525 + 1013904223 // Numerical Recipes
		b = append(b, '!'+byte(state>>24)%94)
	}
	return string(b) + clear
}
