package load

import (
	"strings"
	"testing"
	"time"

	"argos/stream/access"
)

func TestTally(t *testing.T) {
	tally := newTally()
	for ms := 1; ms <= 1000; ms++ {
		tally.frame(1, time.Duration(ms)*time.Millisecond)
	}
	tally.frame(7, -1) // of no known age
	tally.gap(3)
	tally.bytes(100)
	if got := tally.counts(); got != (counts{frames: 1001, bytes: 100, merged: 7, gaps: 3}) {
		t.Errorf("%+v", got)
	}
	got := tally.ages()
	for _, c := range []struct{ got, want float64 }{{got.P50, 500}, {got.P95, 950}, {got.P99, 990}, {got.P999, 999}, {got.Max, 1000}} {
		if c.got < 0.999*c.want || c.got > 1.001*c.want { // three digits are told apart
			t.Errorf("%g ms, want %g", c.got, c.want)
		}
	}
	if got.Frames != 1000 {
		t.Errorf("%d frames timed", got.Frames)
	}
	tally.frame(1, 24*time.Hour)
	if most := tally.ages().Max; most < 599e3 || most > 601e3 {
		t.Errorf("a day is %g ms", most)
	}
	tally.reset()
	if got := tally.ages(); got != (Latency{}) || tally.counts() != (counts{}) {
		t.Errorf("%+v", got)
	}
}

func TestStormOfReturns(t *testing.T) {
	at := func(ms ...int) (back []time.Duration) {
		for _, n := range ms {
			back = append(back, time.Duration(n)*time.Millisecond)
		}
		return back
	}
	for _, c := range []struct {
		cut       int
		back      []time.Duration
		half, all float64 // -1: never
	}{
		{4, at(400, 100, 300, 200), 0.2, 0.4},
		{5, at(500, 100, 300, 200), 0.3, -1},
		{1, at(70), 0.07, 0.07},
		{4, at(100), -1, -1},
		{2, nil, -1, -1},
	} {
		s := newStorm(c.cut, c.back)
		for _, v := range []struct {
			got  *float64
			want float64
		}{{s.HalfS, c.half}, {s.AllS, c.all}} {
			if (v.got == nil) != (v.want < 0) || v.got != nil && *v.got != v.want {
				t.Errorf("%+v: %v, want %g", c, v.got, v.want)
			}
		}
		if s.Cut != c.cut || s.Back != len(c.back) {
			t.Errorf("%+v: %+v", c, s)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, c := range []struct{ address, token, want string }{
		{"ws://127.0.0.1:8470", "", ""},
		{"ws://localhost:8470", "", ""},
		{"ws://[::1]:8470", "", ""},
		{"wss://127.8.7.6:1", "", ""},
		{"wss://box:8470", "secret", ""},
		{"wss://box:8470", "", "is not this machine: load takes an operator's token"},
		{"ws://box:8470", "", "use wss://"},
		{"ws://10.0.0.1:8470", "secret", "use wss://"},
		{"ws://localhost.example.org:8470", "secret", "use wss://"},
		{"ssh://box", "secret", "run load there"},
		{"ssh://127.0.0.1", "", "run load there"},
	} {
		err := checkTarget(c.address, c.token)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s with token %q: %v, want %q", c.address, c.token, err, c.want)
		}
	}
	for role, may := range map[string]bool{"viewer": false, "operator": true, "admin": true, "": false, "king": false} {
		if err := checkRole("wss://box:8470", role); (err == nil) != may {
			t.Errorf("role %q: %v", role, err)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{URL: "ws://127.0.0.1:8470", Login: &access.Login{}, Viewers: 20, Duration: time.Second}
	for _, c := range []struct {
		change func(*Options)
		want   string
	}{
		{func(*Options) {}, ""},
		{func(o *Options) { o.Viewers = MostViewers }, ""},
		{func(o *Options) { o.Viewers = MostViewers + 1 }, "1 to 10000"},
		{func(o *Options) { o.Viewers = 0 }, "1 to 10000"},
		{func(o *Options) { o.Duration = MostDuration + 1 }, "1h0m0s"},
		{func(o *Options) { o.Duration = 0 }, "1s to"},
		{func(o *Options) { o.Columns = -1 }, "-1 columns"},
		{func(o *Options) { o.Slow = 0.99 }, "none is left"},
		{func(o *Options) { o.Viewers, o.Slow = 1, 0.4 }, ""}, // none is slow
		{func(o *Options) { o.URL = "wss://box:8470" }, "operator's token"},
	} {
		o := good
		c.change(&o)
		err := o.Check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", o, err, c.want)
		}
	}
	for text, want := range map[string]float64{"5%": 0.05, "5": 0.05, "0": 0, "12.5%": 0.125, "100%": -1, "-1%": -1, "NaN": -1, "few": -1, "": -1} {
		if got, err := ParseShare(text); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %g, %v", text, got, err)
		}
	}
}

func TestFilesThatAreTooFew(t *testing.T) {
	if err := checkFiles(1000, 1064); err != nil {
		t.Error(err)
	}
	err := checkFiles(1000, 1063)
	if err == nil || !strings.Contains(err.Error(), "1000 viewers take 1064 open files, and this process can have 1063") || !strings.Contains(err.Error(), "ulimit -Hn 1064") {
		t.Error(err)
	}
	if got := raiseFiles(1); got < 1 {
		t.Errorf("%d", got)
	}
}

const exposition = `# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 5.72
process_resident_memory_bytes 7.6517376e+07
argos_viewers{role="operator",state="live"} 3
argos_capture_frames_total 1234
`

func TestVitals(t *testing.T) {
	got, err := parseVitals(strings.NewReader(exposition))
	if want := (vitals{cpu: 5.72, resident: 76517376, frames: 1234}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{
		"", "process_cpu_seconds_total 1\n", strings.Replace(exposition, "5.72", "much", 1),
		strings.Replace(exposition, "5.72", "NaN", 1), strings.Replace(exposition, "1234", "-1", 1), strings.Repeat("x", 1<<17),
	} {
		if got, err := parseVitals(strings.NewReader(text)); err == nil {
			t.Errorf("%.40q: %+v", text, got)
		}
	}
}

func FuzzVitals(f *testing.F) {
	f.Add(exposition)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := parseVitals(strings.NewReader(text))
		if err == nil && !(v.cpu >= 0 && v.resident >= 0 && v.frames >= 0) {
			t.Errorf("%+v", v)
		}
	})
}
