package stream

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream/faultproxy"
)

// This file has the figures that the link is to reach, on a virtual clock.

func atOnce() time.Duration { return 0 }

// perfect is a way to the server that the proxy is not on.
func (tr *trial) perfect(t *testing.T) (o *ClientOptions, end func()) {
	t.Helper()
	p := faultproxy.New(0, tr.dial)
	return &ClientOptions{Dial: p.Dial}, p.Close
}

func TestLongRoundTripIsLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 3, false)
		tr.start()
		way := faultproxy.Way{Delay: 150 * time.Millisecond}
		tr.proxy.Set(faultproxy.Conditions{Up: way, Down: way})
		g := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.proxy.Dial}, atOnce)
		live := 0
		const frames = 1200
		for range frames {
			tr.produce()
			time.Sleep(framePeriod)
			if g.Link().State == Live {
				live++
			}
		}
		time.Sleep(time.Second)
		g.leave()
		tr.end(t, false)
		tr.proxy.Close()
		if err := tr.laws(g); err != nil {
			t.Error(err)
		}
		single := 0
		for _, got := range g.witness.all() {
			if got.frame != nil && got.frame.Merged() == 1 {
				single++
			}
		}
		t.Logf("%d of %d frames came one by one, LIVE at %d; round trip %s", single, frames, live, g.Link().RTT.P50)
		if single < frames*99/100 || live != frames {
			t.Errorf("%d of %d frames came one by one, LIVE at %d", single, frames, live)
		}
		if rtt := g.Link().RTT.P50; rtt < 300*time.Millisecond || rtt > 310*time.Millisecond {
			t.Errorf("round trip %s", rtt)
		}
	})
}

// A gauge is a sink that keeps no frames: it looks for bursts and notes what is shown.
type gauge struct {
	client *Client
	bursts map[uint64]int // measured bin by sequence number

	mu     sync.Mutex
	frames int
	merged int    // of them
	whole  int    // bursts that came with their peak
	past   int    // rows of holes
	first  uint64 // newest frame of the first message since it was 0
	last   uint64
	newest time.Time // last sample on the screen
	ages   []time.Duration
}

func (g *gauge) Event(Event)        {}
func (g *gauge) Gap(uint64, uint64) {}

func (g *gauge) Frame(f *spectrum.Frame) {
	g.mu.Lock()
	g.frames++
	if f.Merged() > 1 {
		g.merged++
	}
	for seq, bin := range g.bursts {
		cell := (bin - f.Grid.Part.First) / max(f.Grid.Part.Cell, 1)
		if seq >= f.FirstSeq && seq <= f.LastSeq && f.Max[cell] == burstPower {
			g.whole++
		}
	}
	if g.first == 0 {
		g.first = f.LastSeq
	}
	if f.LastSeq < g.last {
		g.past++
	} else {
		g.last, g.newest = f.LastSeq, f.Last
		g.ages = append(g.ages, time.Since(f.Last))
	}
	g.mu.Unlock()
	g.client.Rendered(f.LastSeq)
}

func (g *gauge) age() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.newest)
}

// takeAges is how old each frame was when it was on the screen, since the last time.
func (g *gauge) takeAges() []time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	ages := g.ages
	g.ages = nil
	return ages
}

const burstPower = -7 // in steps of a wide frame

// wide produces frames that are 12.5 kB each on the link, 250 kB/s at 20 fps: noise
// with a burst in some.
type wide struct{ noise []*spectrum.Frame }

const wideBins = 4_000

func newWide() *wide {
	r := rand.New(rand.NewPCG(4, 4))
	w := new(wide)
	for range 8 {
		w.noise = append(w.noise, noiseFrame(r, wideBins, 8, 0.012))
	}
	return w
}

func (w *wide) append(h *spectrum.History, burstAt int) {
	f := w.noise[h.Head()%uint64(len(w.noise))]
	f.First, f.Last = time.Now(), time.Now()
	if burstAt > 0 {
		usual := f.Max[burstAt]
		f.Max[burstAt] = burstPower
		defer func() { f.Max[burstAt] = usual }()
	}
	h.Append(f)
}

// rate is what the frames take at 20 fps, in bytes a second.
func (w *wide) rate(t *testing.T) int {
	t.Helper()
	b, err := new(frameEncoder).encode(nil, encodingPB, w.noise[0], time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return 20 * len(b)
}

// measure connects a gauge.
func (tr *trial) measure(t *testing.T, o *ClientOptions) (*gauge, func()) {
	t.Helper()
	g := &gauge{bursts: map[uint64]int{}}
	g.client = NewClient("ws://trial", g, o)
	return g, run(t, g.client)
}

func heap() int {
	runtime.GC()
	runtime.GC() // pools last for one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// A link that takes less than a tenth of the stream: merged, with its peaks, in a lower
// tier, and without memory that grows; who is beside it gets all, as soon as before.
func TestSlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 4, false)
		tr.budget = 8 << 20 // full within seconds, so that its growth is over
		tr.start()
		tr.proxy.Set(faultproxy.Conditions{Down: faultproxy.Way{Rate: 20_000, Queue: 8 << 10}})
		slow, leave := tr.measure(t, &ClientOptions{Dial: tr.proxy.Dial})
		options, end := tr.perfect(t)
		options.View.Columns = 250 // enough to see what came, and cheap
		beside, leaveToo := tr.measure(t, options)
		source := newWide()
		const frames, settled = 1200, 300
		var ages []time.Duration
		tiers := map[int]int{}
		bytes, before := int64(0), 0
		for n := range frames {
			burst := 0
			if n%137 == 100 {
				burst = 1 + (n*7919)%(wideBins-1)
				seq := tr.history.Head()
				for _, g := range []*gauge{slow, beside} {
					g.mu.Lock()
					g.bursts[seq] = burst
					g.mu.Unlock()
				}
			}
			source.append(tr.history, burst)
			time.Sleep(framePeriod)
			switch {
			case n == settled:
				before, bytes = heap(), slow.client.traffic.in.Load()
			case n > settled:
				ages = append(ages, slow.age())
				l := slow.client.Link()
				tiers[l.Tier]++
				if l.State != Degraded {
					t.Fatalf("%s at frame %d", l.State, n)
				}
				if s := beside.client.Link().State; s != Live {
					t.Fatalf("%s beside it at frame %d", s, n)
				}
			}
		}
		grown := heap() - before
		rate := float64(slow.client.traffic.in.Load()-bytes) / float64(frames-settled) * 20
		time.Sleep(5 * time.Second)
		leave()
		t.Logf("%d messages of a stream of %d kB/s in %d kB/s, tiers %v; age on screen p50 %s, p99 %s, most %s; heap grew by %d kB",
			slow.frames, source.rate(t)/1000, int(rate)/1000, tiers, percentile(ages, 50), percentile(ages, 99), percentile(ages, 100), grown/1000)
		for name, g := range map[string]*gauge{"slow": slow, "beside": beside} {
			if g.whole != len(g.bursts) || g.last != frames || g.client.Link().Missing != 0 {
				t.Errorf("%s: %d of %d bursts came whole, to frame %d, %d missing", name, g.whole, len(g.bursts), g.last, g.client.Link().Missing)
			}
		}
		if takes := slow.client.Link().Takes; takes < 0.9*rate || takes > 25_000 {
			t.Errorf("the link is said to take %g B/s", takes)
		}
		if rate > 20_500 || beside.frames != frames || beside.merged != 0 {
			t.Errorf("%g B/s; beside it %d frames, %d merged", rate, beside.frames, beside.merged)
		}
		if most := percentile(ages, 100); most >= time.Second {
			t.Errorf("what is on the screen is up to %s old", most)
		}
		if grown > 1<<20 {
			t.Errorf("the heap grew by %d bytes in %d frames", grown, frames-settled)
		}
		with := beside.takeAges()[settled:]
		for range frames { // without the slow one
			source.append(tr.history, 0)
			time.Sleep(framePeriod)
		}
		if a, b := percentile(with, 99), percentile(beside.takeAges(), 99); a > b+b/10 {
			t.Errorf("age p99 beside a slow viewer %s, without it %s", a, b)
		}
		leaveToo()
		tr.end(t, false)
		tr.proxy.Close()
		end()
	})
}

// percentile sorts times.
func percentile(times []time.Duration, percent int) time.Duration {
	slices.Sort(times)
	return times[(len(times)-1)*percent/100]
}

// fillAfterCut cuts a link for 30 s at 20 fps and tells in how many rows the hole was
// filled so long after the link was back, how much of it was not, and how soon the
// newest frame came.
func fillAfterCut(t *testing.T, after faultproxy.Conditions, within time.Duration) (rows int, lacking uint64, live time.Duration) {
	t.Helper()
	tr := newTrial(t, 5, false)
	tr.start()
	g, leave := tr.measure(t, &ClientOptions{Dial: tr.proxy.Dial})
	source := newWide()
	feed := func(frames int) {
		for range frames {
			source.append(tr.history, 0)
			time.Sleep(framePeriod)
		}
	}
	feed(20)
	tr.proxy.Cut()
	feed(600)
	tr.proxy.Set(after)
	head := tr.history.Head() - 1
	g.first = 0
	g.client.Retry()
	synctest.Wait()
	began := time.Now()
	for time.Since(began) < within {
		feed(1)
		g.mu.Lock()
		if live == 0 && g.last >= head {
			live = time.Since(began)
			if g.first < head {
				t.Errorf("frame %d came before the newest, %d", g.first, head)
			}
		}
		g.mu.Unlock()
	}
	g.mu.Lock()
	rows = g.past
	g.mu.Unlock()
	lacking = g.client.Link().Pending
	if s := g.client.Link().State; lacking > 0 && s != CatchingUp {
		t.Errorf("%s while %d frames are to come", s, lacking)
	}
	feed(60 * 20)
	if l := g.client.Link(); l.Missing != 0 || l.Pending != 0 {
		t.Errorf("%d frames are missing, %d pending", l.Missing, l.Pending)
	}
	leave()
	tr.end(t, true)
	tr.proxy.Close()
	return rows, lacking, live
}

func TestHoleIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rows, lacking, live := fillAfterCut(t, faultproxy.Conditions{}, 2*time.Second)
		t.Logf("unlimited: the hole filled in %d rows within 2 s, all but %d frames; the newest after %s", rows, lacking, live)
		if rows < 60 || lacking > 0 || live > framePeriod {
			t.Errorf("%d rows, %d frames lacking, the newest after %s", rows, lacking, live)
		}
	})
}

func TestHoleIsFilledOverASlowLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := faultproxy.Conditions{Down: faultproxy.Way{Rate: 20_000, Queue: 8 << 10}}
		rows, lacking, live := fillAfterCut(t, slow, 10*time.Second)
		t.Logf("20 kB/s: %d rows within 10 s, %d of 600 frames lacking; the newest after %s", rows, lacking, live)
		if rows < 15 || live > time.Second {
			t.Errorf("%d rows in 10 s, the newest after %s", rows, live)
		}
	})
}

// A server that is killed and started again twenty times is watched again at once.
func TestRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 6, false)
		tr.start()
		g := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.proxy.Dial}, atOnce)
		var took []time.Duration
		for n := range 20 {
			tr.log()
			tr.feed(20)
			tr.proxy.Cut() // nobody listens where nobody lives
			tr.end(t, true)
			time.Sleep(time.Duration(tr.random.Int64N(int64(time.Second))))
			tr.start()
			tr.proxy.Heal()
			began := time.Now()
			for tick := 0; ; tick++ {
				if tick%50 == 0 {
					tr.produce()
				}
				if seq := g.witness.newest(tr.server.epoch); seq > 0 && g.Link().State == Live {
					break
				}
				if time.Since(began) > time.Minute {
					t.Fatalf("restart %d: %s after a minute", n, g.Link().State)
				}
				time.Sleep(time.Millisecond)
			}
			took = append(took, time.Since(began))
		}
		tr.feed(20)
		g.leave()
		tr.end(t, false)
		tr.proxy.Close()
		if err := tr.laws(g); err != nil {
			t.Error(err)
		}
		slices.Sort(took)
		t.Logf("LIVE again p50 %s, p90 %s, most %s after the server listens", took[10], took[18], took[19])
		if took[10] >= time.Second || g.Link().Restarts != 20 {
			t.Errorf("p50 %s, %d restarts", took[10], g.Link().Restarts)
		}
	})
}
