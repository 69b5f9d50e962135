//go:build soak

package stream

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A reading is what the process held at the end of a round.
type reading struct {
	at         time.Duration
	heap, rss  float64 // bytes
	goroutines int
}

// read settles what can be settled first.
func read(t *testing.T, began time.Time) reading {
	t.Helper()
	runtime.GC()
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	status, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(status))[1])
	if err != nil {
		t.Fatal(err)
	}
	return reading{time.Since(began), float64(m.HeapAlloc), float64(pages * os.Getpagesize()), runtime.NumGoroutine()}
}

// slope is the change a minute of what of has, by least squares.
func slope(readings []reading, of func(r *reading) float64) float64 {
	var n, x, y, xx, xy float64
	for _, r := range readings {
		at, v := r.at.Minutes(), of(&r)
		n, x, y, xx, xy = n+1, x+at, y+v, xx+at*at, xy+at*v
	}
	return (n*xy - x*y) / (n*xx - x*x)
}

// TestSoak plays schedules for as long as ARGOS_SOAK says (10m), 500 at a time on a
// virtual clock and then 30 on real sockets, and writes a report to ARGOS_SOAK_REPORT.
// Memory must not grow: the first fifth of the time fills pools.
func TestSoak(t *testing.T) {
	lasts := 10 * time.Minute
	if s := os.Getenv("ARGOS_SOAK"); s != "" {
		var err error
		if lasts, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := seeds(t, 1)
	if os.Getenv("ARGOS_SEED") == "" {
		first = uint64(time.Now().Unix()) // others than those of every day
	}
	t.Logf("seeds from %d on", first)
	var virtual, sockets playout
	began, seed := time.Now(), first
	before := read(t, began)
	var readings []reading
	for time.Since(began) < lasts && !t.Failed() {
		// Not as tests with names of their own: package testing keeps each name for good.
		for range 500 {
			synctest.Test(t, func(t *testing.T) {
				o := virtualUnderFaults(t, seed)
				virtual.add(&o)
			})
			seed++
		}
		o := socketsUnderFaults(t, seed, seed+29)
		sockets.add(&o)
		seed += 30
		readings = append(readings, read(t, began))
	}
	end := readings[len(readings)-1]
	settled := readings[len(readings)/5:]
	heapSlope := slope(settled, func(r *reading) float64 { return r.heap })
	rssSlope := slope(settled, func(r *reading) float64 { return r.rss })

	var b strings.Builder
	fmt.Fprintf(&b, "| | virtual clock | real sockets |\n|---|---|---|\n")
	for _, row := range []struct {
		what string
		of   func(o *playout) int
	}{
		{"schedules of faults", func(o *playout) int { return o.schedules }},
		{"faults in them", func(o *playout) int { return o.steps }},
		{"lives of servers", func(o *playout) int { return o.lives }},
		{"frames measured", func(o *playout) int { return o.frames }},
		{"frame messages received and checked", func(o *playout) int { return o.messages }},
		{"frames in counted gaps", func(o *playout) int { return o.missing }},
		{"events logged", func(o *playout) int { return o.events }},
		{"events in counted gaps", func(o *playout) int { return o.unread }},
		{"links lost", func(o *playout) int { return o.outages }},
		{"commands", func(o *playout) int { return o.commands }},
	} {
		fmt.Fprintf(&b, "| %s | %d | %d |\n", row.what, row.of(&virtual), row.of(&sockets))
	}
	verdict := "both laws held in all"
	if t.Failed() {
		verdict = "FAILED"
	}
	const mb, kb = 1 << 20, 1 << 10
	fmt.Fprintf(&b, "\nSeeds %d to %d: %s.\n\n", first, seed-1, verdict)
	fmt.Fprintf(&b, "| | before | after the first round | at the end | slope after the first fifth |\n|---|---|---|---|---|\n")
	fmt.Fprintf(&b, "| heap in use | %.1f MB | %.1f MB | %.1f MB | %+.0f kB/min |\n", before.heap/mb, readings[0].heap/mb, end.heap/mb, heapSlope/kb)
	fmt.Fprintf(&b, "| resident | %.1f MB | %.1f MB | %.1f MB | %+.0f kB/min |\n", before.rss/mb, readings[0].rss/mb, end.rss/mb, rssSlope/kb)
	fmt.Fprintf(&b, "| goroutines | %d | %d | %d | |\n", before.goroutines, readings[0].goroutines, end.goroutines)
	t.Logf("%s in %d rounds\n%s", time.Since(began).Round(time.Second), len(readings), &b)

	if end.goroutines > before.goroutines {
		t.Errorf("%d goroutines before, %d after", before.goroutines, end.goroutines)
	}
	if len(settled) > 4 && heapSlope > 100*kb {
		t.Errorf("the heap grows by %.0f kB a minute", heapSlope/kb)
	}
	if path := os.Getenv("ARGOS_SOAK_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(soakHead(time.Since(began), len(readings))+b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// soakHead is what a report says of when and where.
func soakHead(lasted time.Duration, rounds int) string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(info), "model name\t: "); ok {
			model, _, _ = strings.Cut(rest, "\n")
		}
	}
	return fmt.Sprintf(`# Soak

Written by `+"`make soak`"+`: schedules of faults made from seeds, as in the tests of every day, for a long time, with both laws of the link checked for each viewer.
What a schedule is stands in [ARCHITECTURE.md](ARCHITECTURE.md).

%s, %s in %d rounds. %d × %s, %s %s, %s.

`, time.Now().UTC().Format(time.DateOnly), lasted.Round(time.Second), rounds, runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
