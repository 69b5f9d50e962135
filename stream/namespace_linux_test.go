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
	// healed watches until the link is LIVE.
	healed := func(limit time.Duration) time.Duration {
		began := time.Now()
		for g.Link().State != Live {
			if watch(framePeriod); time.Since(began) > limit {
				t.Fatalf("%s after %s", g.Link().State, limit)
			}
		}
		return time.Since(began)
	}
	at := func(ages []time.Duration, percent int) time.Duration {
		return ages[(len(ages)-1)*percent/100].Round(time.Millisecond)
	}

	watch(6 * time.Second)  // TCP begins slowly, and for 2 s more it says so
	for try := 1; ; try++ { // who else uses the machine for a moment is no fault of the link's
		merged := g.Link().Merged
		states, ages := watch(4 * time.Second)
		merged = g.Link().Merged - merged
		t.Logf("300 ms: %v, %d merged, age p50 %s, p99 %s, round trip %s", states, merged, at(ages, 50), at(ages, 99), g.Link().RTT.Now.Round(time.Millisecond))
		if states[Live] >= 75 && merged <= 1 && g.Link().RTT.Now >= 300*time.Millisecond {
			break
		}
		if try == 3 {
			t.Errorf("over 300 ms: %v, %d merged", states, merged)
			break
		}
	}

	tn.delay.Store(int64(25 * time.Millisecond))
	near.command(t, "tc", "qdisc", "add", "dev", near.device, "root", "tbf", "rate", "160kbit", "burst", "4kb", "latency", "400ms")
	watch(5 * time.Second)
	states, ages := watch(6 * time.Second)
	t.Logf("20 kB/s: %v, age p50 %s, p99 %s, tier %d", states, at(ages, 50), at(ages, 99), g.Link().Tier)
	if states[Degraded] < len(ages)*9/10 || at(ages, 50) > time.Second {
		t.Errorf("at 20 kB/s: %v, age p50 %s", states, at(ages, 50))
	}
	near.command(t, "tc", "qdisc", "del", "dev", near.device, "root")
	t.Logf("LIVE %s after the rate was given back", healed(30*time.Second))

	tn.loss.Store(20)
	states, ages = watch(4 * time.Second)
	t.Logf("2 %% loss: %v, age p50 %s, p99 %s", states, at(ages, 50), at(ages, 99))
	if states[Live]+states[Degraded]+states[CatchingUp] < 60 {
		t.Errorf("with 2 %% of the packets lost: %v", states)
	}
	tn.loss.Store(0)

	near.command(t, "ip", "link", "set", near.device, "down")
	states, _ = watch(3 * time.Second)
	near.command(t, "ip", "link", "set", near.device, "up")
	back := healed(20 * time.Second)
	t.Logf("down for 3 s: %v; LIVE %s after it was up", states, back)
	if states[Stale] == 0 {
		t.Errorf("down: %v", states)
	}
	for end := time.Now().Add(20 * time.Second); tr.behind(g) != "" && time.Now().Before(end); {
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
