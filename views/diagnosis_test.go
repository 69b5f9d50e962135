package views

import (
	"testing"
	"testing/synctest"
	"time"

	"argos/stream"
)

// The link pane alone on the screen says where the delay is.
func TestDiagnosis(t *testing.T) {
	for _, c := range []struct {
		name   string
		w, h   int
		change func(*stream.Link)
		keys   string
		want   []string
		golden bool
	}{
		{"live", 80, 24, func(*stream.Link) {}, "", []string{
			"LIVE, ", "link uses 61 % of what it has", "fffffff", "nnnnnnnnnnn", "in 1 m, a column 1.0 s", "of 67.0 kB/s", "encrypted by TLS 1.3  role operator", "69%", "<1%",
		}, true},
		{"ten-minutes", 120, 40, func(*stream.Link) {}, "-", []string{"in 10 m, a column 10 s"}, true},
		{"not-finer-than-a-minute", 60, 24, func(*stream.Link) {}, "-++", []string{"in 53 s, a column 1.0 s"}, true},
		{"degraded", 80, 24, func(l *stream.Link) { l.State, l.Behind, l.Takes = stream.Degraded, 4, 30e3 }, "", []string{
			"DEGRADED merged x4, ", "link uses 100 % of what it has",
		}, false},
		{"reconnecting", 80, 24, func(l *stream.Link) {
			l.State, l.Attempt, l.RetryAt, l.Reason = stream.Reconnecting, 3, time.Now().Add(4200*time.Millisecond), "connection\x1b refused"
		}, "", []string{": connection refused"}, true},
		{"insecure", 80, 24, func(l *stream.Link) { l.Server.Insecure = true }, "", []string{"INSECURE: nothing is encrypted"}, false},
		{"nothing-measured", 80, 24, func(l *stream.Link) { l.Age, l.Delay, l.Takes = stream.Age{}, stream.Delay{}, 0 }, "", []string{"delay not measured yet"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := startRig(t, c.w, c.h, "US-ASCII", 0, Options{})
				defer r.stop()
				r.feed(20)
				r.peek(func() { r.app.desk.focus, r.app.desk.expanded = paneLink, true })
				r.src.change(func(l *stream.Link) {
					ms := func(ms float64) time.Duration { return time.Duration(ms * 1e6) }
					l.Age = stream.Age{Capture: ms(6), Serve: ms(0.4), Link: ms(21), Draw: ms(11)}
					l.RTT.Min = ms(36)
					l.In.Now, l.Takes = 41.2e3, 67e3
					l.Server.Cipher = "TLS 1.3"
					l.Delay.Counts = [len(l.Delay.Counts)]uint64{1, 3, 150, 700, 140, 8}
					for i := range 60 {
						l.Delay.Lines[0] = append(l.Delay.Lines[0], ms(float64(30+i%7)))
						l.Delay.Lines[1] = append(l.Delay.Lines[1], ms(float64(40+i)))
						l.Delay.Lines[2] = append(l.Delay.Lines[2], 0)
					}
					l.Delay.Lines[0][30] = 0
					c.change(l)
				})
				r.keys(c.keys)
				r.feed(25)
				r.wants(c.want...)
				if c.golden {
					r.golden("diagnosis-" + c.name)
				}
			})
		})
	}
}
