package stream

import (
	"net"
	"slices"
	"testing"
	"time"

	"argos/spectrum"
	"argos/stream/access"
)

// The laws and the states over the kernel's TCP, through two network namespaces: a long
// way, a narrow one, one that loses packets, and one that is down for a while.
func TestThroughNetworkNamespaces(t *testing.T) {
	t.Parallel()
	tn := newTunnel(t)
	near, far := tn.ends[0], tn.ends[1]
	tr := newTrial(t, 9, true)
	tr.listen = func() net.Listener { return near.listen(t) }
	tr.options = &ServerOptions{Access: &access.Policy{Insecure: true}}
	tr.start()
	tn.delay.Store(int64(150 * time.Millisecond))
	g := tr.invite(t, "ws://"+near.address+":8470", &ClientOptions{Dial: far.dial}, func() time.Duration { return time.Millisecond })
	source := newWide()

	// watch feeds 20 frames a second for so long, and tells in how many of these moments
	// the link was in which state, and how old what was on the screen was.
	watch := func(lasts time.Duration) (states map[LinkState]int, ages []time.Duration) {
		states = map[LinkState]int{}
		tick := time.NewTicker(framePeriod)
		defer tick.Stop()
		for end := time.Now().Add(lasts); time.Now().Before(end); <-tick.C {
			f := new(spectrum.Frame)
			f.CopyFrom(source.noise[len(tr.life().frames)%len(source.noise)])
			f.First, f.Last = time.Now(), time.Now()
			f.Max[tr.random.IntN(len(f.Max))] = burstPower
			tr.append(f)
			if len(tr.life().frames)%10 == 0 {
				tr.log()
			}
			states[g.Link().State]++
			if newest := g.witness.newestFrame(); newest != nil {
				ages = append(ages, time.Since(newest.Last))
			}
		}
		slices.Sort(ages)
		return states, ages
	}
	at := func(ages []time.Duration, percent int) time.Duration {
		if len(ages) == 0 {
			return time.Hour
		}
		return ages[(len(ages)-1)*percent/100].Round(time.Millisecond)
	}
	// reached watches until the link is in a state. That it gets there counts, not how soon a
	// machine that others use has it there.
	reached := func(want LinkState) time.Duration {
		began := time.Now()
		for g.Link().State != want {
			if watch(framePeriod); time.Since(began) > time.Minute {
				t.Fatalf("%s after a minute, not %s", g.Link().State, want)
			}
		}
		return time.Since(began)
	}
	// onceIn watches until ok was true of one of several windows: who else uses the machine
	// for a moment is no fault of the link's. share is that of the moments in some states.
	onceIn := func(what string, lasts time.Duration, ok func(share func(...LinkState) float64, ages []time.Duration) bool) {
		t.Helper()
		for range 20 {
			states, ages := watch(lasts)
			t.Logf("%s: %v, age p50 %s, p99 %s, tier %d", what, states, at(ages, 50), at(ages, 99), g.Link().Tier)
			share := func(in ...LinkState) (sum float64) {
				for _, s := range in {
					sum += float64(states[s]) / float64(len(ages))
				}
				return sum
			}
			if len(ages) > 0 && ok(share, ages) {
				return
			}
		}
		t.Errorf("%s: never as it has to be", what)
	}

	watch(6 * time.Second) // TCP begins slowly, and for 2 s more it says so
	merged := g.Link().Merged
	onceIn("300 ms", 3*time.Second, func(share func(...LinkState) float64, ages []time.Duration) bool {
		before := merged
		merged = g.Link().Merged
		t.Logf("%d merged, round trip %s", merged-before, g.Link().RTT.Now.Round(time.Millisecond))
		return share(Live) > 0.9 && merged-before <= uint64(len(ages)/20) && g.Link().RTT.Now >= 300*time.Millisecond
	})

	tn.delay.Store(int64(25 * time.Millisecond))
	near.command(t, "tc", "qdisc", "add", "dev", near.device, "root", "tbf", "rate", "160kbit", "burst", "4kb", "latency", "400ms")
	watch(5 * time.Second)
	onceIn("20 kB/s", 6*time.Second, func(share func(...LinkState) float64, ages []time.Duration) bool {
		return share(Degraded) > 0.9 && at(ages, 50) < time.Second
	})
	near.command(t, "tc", "qdisc", "del", "dev", near.device, "root")
	t.Logf("LIVE %s after the rate was given back", reached(Live))

	tn.loss.Store(20)
	onceIn("2 % loss", 4*time.Second, func(share func(...LinkState) float64, _ []time.Duration) bool {
		return share(Live, Degraded, CatchingUp) > 0.75
	})
	tn.loss.Store(0)

	near.command(t, "ip", "link", "set", near.device, "down")
	stale := reached(Stale)
	watch(2 * time.Second)
	near.command(t, "ip", "link", "set", near.device, "up")
	t.Logf("down: STALE after %s; LIVE %s after it was up", stale, reached(Live))
	for end := time.Now().Add(time.Minute); tr.behind(g) != "" && time.Now().Before(end); {
		time.Sleep(framePeriod)
	}
	if lacks := tr.behind(g); lacks != "" {
		t.Error(lacks)
	}
	g.leave()
	tr.end(t, false)
	tr.proxy.Close()
	if err := tr.laws(g); err != nil {
		t.Error(err)
	}
	l := g.Link()
	t.Logf("%d frames, %d of them merged, %d missing, %d outages", len(tr.life().frames), l.Merged, l.Missing, len(l.Outages))
	if l.Missing != 0 {
		t.Errorf("%d frames are missing", l.Missing)
	}
}

// newestFrame is the newest that the witness was handed, nil if there is none.
func (w *witness) newestFrame() (newest *spectrum.Frame) {
	for _, t := range slices.Backward(w.all()) {
		if t.frame != nil && (newest == nil || t.frame.LastSeq > newest.LastSeq) {
			newest = t.frame
			return newest
		}
	}
	return nil
}
