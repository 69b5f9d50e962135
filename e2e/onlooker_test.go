package e2e

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// An onlooker takes a viewer's lines of JSON and notes how old each frame is when it
// comes, from its last sample on, by the clock of this machine.
type onlooker struct {
	mu   sync.Mutex
	part []byte
	seen []sighting
	lost bool   // the link, ever
	raw  string // a line with control characters

	seq, offset int    // of the last frame and event
	hole        string // where one was left out
}

type sighting struct {
	at  time.Time
	age time.Duration
}

var (
	frameLine = regexp.MustCompile(`^\{"kind":"spectrum","seq":(\d+),"first_seq":(\d+),.{0,200}?"time":"([^"]+)"`)
	eventLine = regexp.MustCompile(`"kind":"event","offset":(\d+)`)
)

func (o *onlooker) Write(p []byte) (int, error) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = append(o.part, p...)
	for {
		end := bytes.IndexByte(o.part, '\n')
		if end < 0 {
			return len(p), nil
		}
		if m := frameLine.FindSubmatch(o.part[:end]); m != nil {
			if taken, err := time.Parse(time.RFC3339Nano, string(m[3])); err == nil {
				o.seen = append(o.seen, sighting{now, now.Sub(taken)})
			}
			o.follow("frame", &o.seq, m[2], m[1])
		} else if m := eventLine.FindSubmatch(o.part[:end]); m != nil {
			o.follow("event", &o.offset, m[1], m[1])
		} else if bytes.Contains(o.part[:end], []byte(`"state":"RECONNECTING"`)) {
			o.lost = true
		}
		if o.raw == "" && (control(string(o.part[:end])) || bytes.Contains(o.part[:end], []byte(`\u001b`))) {
			o.raw = string(o.part[:end])
		}
		o.part = append(o.part[:0], o.part[end+1:]...)
	}
}

// follow notes what was left out between the last one and first.
func (o *onlooker) follow(what string, at *int, first, last []byte) {
	from, _ := strconv.Atoi(string(first)) // digits
	if *at > 0 && from != *at+1 && o.hole == "" {
		o.hole = fmt.Sprintf("%s %d after %d", what, from, *at)
	}
	*at, _ = strconv.Atoi(string(last))
}

// A view is what an onlooker saw in some time.
type view struct {
	frames   int
	p50, p99 time.Duration
}

// since is what was seen since then.
func (o *onlooker) since(when time.Time) view {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ages []time.Duration
	for _, s := range o.seen {
		if s.at.After(when) {
			ages = append(ages, s.age)
		}
	}
	if len(ages) == 0 {
		return view{p50: time.Hour, p99: time.Hour}
	}
	slices.Sort(ages)
	return view{len(ages), ages[len(ages)/2], ages[len(ages)*99/100]}
}

// trouble is whether the link was lost, what was left out, and a line that no terminal
// should get.
func (o *onlooker) trouble() (lost bool, hole, raw string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost, o.hole, o.raw
}

// metric is a number that the server tells, 0 for none. Right after a flood it may break off
// who asks, too.
func metric(t *testing.T, addr, token, name string) (v float64) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // it is ours
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	eventually(t, startup, "answer of /metrics", func() error {
		response, err := client.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return errors.New(response.Status)
		}
		v = 0 // some are there once there is something to tell
		for line := range strings.Lines(string(body)) {
			if value, ok := strings.CutPrefix(line, name+" "); ok {
				v, err = strconv.ParseFloat(strings.TrimSpace(value), 64)
			}
		}
		return err
	})
	return v
}

// mostMemory is the most memory that a process had until over, in megabytes.
func mostMemory(pid int, over chan struct{}) (most float64) {
	for {
		status, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm")) // it may have ended, which shows elsewhere
		if fields := strings.Fields(string(status)); len(fields) > 1 {
			pages, _ := strconv.ParseFloat(fields[1], 64) // a number
			most = max(most, pages*float64(os.Getpagesize())/1e6)
		}
		select {
		case <-over:
			return most
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// tick is the unit of processor times in /proc.
const tick = 10 * time.Millisecond

// processorTime is what a process has had of the processors.
func processorTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		t.Fatal(err)
	}
	// Behind the name, which may have blanks, utime and stime are the 12th and 13th.
	return ticks(t, strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))[11:13])
}

// machineTime is what all programs have had of the processors, and the host that this
// machine may be a guest of. Interrupts are nobody's.
func machineTime(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		t.Fatal(err)
	}
	// cpu user nice system idle iowait irq softirq steal
	fields := strings.Fields(string(text))
	return ticks(t, append(fields[1:4:4], fields[8]))
}

func ticks(t *testing.T, fields []string) (sum time.Duration) {
	t.Helper()
	for _, field := range fields {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(n) * tick
	}
	return sum
}
