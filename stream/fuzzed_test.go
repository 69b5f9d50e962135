package stream

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream/faultproxy"
)

// seeds are the schedules of a property test: so many from seed 1 on, or the one that
// ARGOS_SEED says, or as many as ARGOS_SCHEDULES says.
func seeds(t *testing.T, usual uint64) (first, last uint64) {
	t.Helper()
	number := func(name string) uint64 {
		s := os.Getenv(name)
		if s == "" {
			return 0
		}
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	first, many := number("ARGOS_SEED"), number("ARGOS_SCHEDULES")
	switch {
	case first > 0 && many == 0:
		return first, first
	case first == 0:
		first = 1
	}
	if many == 0 {
		many = usual
	}
	return first, first + many - 1
}

// Both laws hold whatever the network, the radio, the screen and the server's life do.
func TestLawsUnderFaults(t *testing.T) {
	first, last := seeds(t, 200)
	for seed := first; seed <= last; seed++ {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				virtualUnderFaults(t, seed)
			})
		})
	}
}

// virtualUnderFaults plays a schedule on a virtual clock.
func virtualUnderFaults(t *testing.T, seed uint64) playout {
	t.Helper()
	tr := newTrial(t, seed, false)
	tr.period *= 2 // so that there is time for more faults
	return tr.underFaults(t, faultproxy.NewSchedule(seed, 15*time.Second), "ws://trial", &ClientOptions{Dial: tr.proxy.Dial})
}

// The same on real sockets, as the program serves them.
func TestLawsUnderFaultsOnSockets(t *testing.T) {
	t.Parallel()
	first, last := seeds(t, 30)
	socketsUnderFaults(t, first, last)
}

// socketsUnderFaults plays schedules on real sockets. Most of the time is spent waiting,
// so all run at once.
func socketsUnderFaults(t *testing.T, first, last uint64) playout {
	t.Helper()
	var running sync.WaitGroup
	var mu sync.Mutex
	var sum playout
	for seed := first; seed <= last; seed++ {
		tr := newTrial(t, seed, true)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		running.Go(func() {
			if err := tr.proxy.Serve(ln); err != nil {
				t.Error(err)
			}
		})
		running.Go(func() {
			o := tr.underFaults(t, faultproxy.NewSchedule(seed, 8*time.Second), "ws://"+ln.Addr().String(), new(ClientOptions))
			_ = ln.Close()
			mu.Lock()
			defer mu.Unlock()
			sum.add(&o)
		})
	}
	running.Wait()
	return sum
}

// A playout is what schedules did, and what came of it.
type playout struct {
	schedules, steps, lives, frames, events int
	messages, outages                       int // of all viewers: frame messages, links lost
	missing, unread                         int // frames and events in counted gaps
	commands, repeated                      int
	rows                                    int // of the past, asked for
}

func (o *playout) add(more *playout) {
	o.schedules += more.schedules
	o.steps += more.steps
	o.lives += more.lives
	o.frames += more.frames
	o.events += more.events
	o.messages += more.messages
	o.outages += more.outages
	o.missing += more.missing
	o.unread += more.unread
	o.commands += more.commands
	o.repeated += more.repeated
	o.rows += more.rows
}

// playout counts what the trial was.
func (tr *trial) playout(guests []*guest) playout {
	o := playout{schedules: 1, lives: len(tr.lives), repeated: tr.repeated}
	for _, l := range tr.lives {
		o.frames += len(l.frames)
		o.events += len(l.ledger.stored)
	}
	for _, g := range guests {
		l := g.Link()
		o.outages += len(l.Outages)
		o.missing += int(l.Missing)
		o.unread += int(l.EventsMissing)
		for _, got := range g.witness.all() {
			if got.frame != nil {
				o.messages++
			}
		}
	}
	return o
}

// recovers bounds how long a viewer takes to have everything once the network is well:
// 15 s until it knows that its link is dead, and the waits between attempts.
const recovers = time.Minute

// underFaults plays a schedule to two viewers while the radio is retuned, events are
// logged and servers end and begin, and checks the laws.
func (tr *trial) underFaults(t *testing.T, s faultproxy.Schedule, url string, o *ClientOptions) playout {
	t.Helper()
	r := tr.random
	if r.IntN(4) == 0 {
		tr.budget = 200_000 // bytes, which forgets
	}
	if r.IntN(4) == 0 {
		tr.keep = 60 // events, which are fewer than come during an outage
	}
	tr.source.delay([]time.Duration{0, 200 * time.Millisecond, time.Second}[r.IntN(3)])
	var commands commander
	var looks onlooker
	tr.start()
	tr.produce()
	tr.log()
	began := time.Now()
	guests := make([]*guest, 1+r.IntN(2))
	for n := range guests {
		options := *o
		options.View = View{Columns: []int{0, 7, 32, 80}[r.IntN(4)], Row: time.Duration(r.IntN(3)) * 300 * time.Millisecond}
		if r.IntN(2) == 0 {
			options.Filter = randomFilter(r)
		}
		if r.IntN(3) == 0 { // somewhere in the grid, until the next retune
			options.View.LowHz = tr.grid.StartHz + float64(r.IntN(tr.grid.Bins))*tr.grid.BinHz
			options.View.HighHz = options.View.LowHz + (1+r.Float64()*float64(tr.grid.Bins))*tr.grid.BinHz
		}
		slow, pace := r.IntN(2) == 0, rand.New(rand.NewPCG(s.Seed, uint64(2+n)))
		guests[n] = tr.invite(t, url, &options, func() time.Duration {
			if slow && pace.IntN(4) == 0 {
				return time.Duration(pace.Int64N(int64(s.Length / 20)))
			}
			return time.Millisecond
		})
	}
	played := make(chan struct{})
	go func() {
		defer close(played)
		s.Play(t.Context(), tr.proxy)
	}()
	for over := false; !over; {
		select {
		case <-played:
			over = true
		default:
		}
		tr.produce()
		switch n := r.IntN(1000); {
		case n < 20:
			tr.retune()
		case n < 24:
			for range generationsAtOnce + r.IntN(3) {
				tr.retune()
				tr.produce()
			}
		case n < 28:
			tr.end(t, r.IntN(2) == 0)
			time.Sleep(time.Duration(r.Int64N(int64(time.Second))))
			tr.start()
		case n < 32:
			for range 150 {
				tr.log()
			}
		case n < 40:
			guests[r.IntN(len(guests))].Retry()
		case n < 44:
			guests[r.IntN(len(guests))].filterBy(randomFilter(r))
		case n < 90:
			commands.give(t.Context(), guests[r.IntN(len(guests))].Client)
		case n < 240:
			tr.log()
		case n < 300:
			looks.look(t.Context(), guests[r.IntN(len(guests))], rand.New(rand.NewPCG(s.Seed, uint64(n))))
		}
		time.Sleep(tr.period)
	}
	commands.answers.Wait()
	looks.answers.Wait()
	tr.idle()
	tr.settle(guests)
	for _, g := range guests {
		if lacks := tr.behind(g); lacks != "" {
			t.Errorf("ARGOS_SEED=%d: a viewer of %+v %s\n%s", s.Seed, g.view, lacks, s)
		}
		g.leave()
	}
	tr.end(t, false)
	tr.proxy.Close()
	if err := commands.check(tr.source.applications()); err != nil {
		t.Errorf("ARGOS_SEED=%d: %v\n%s", s.Seed, err, s)
	}
	if err := looks.check(tr.lives); err != nil {
		t.Errorf("ARGOS_SEED=%d: %v\n%s", s.Seed, err, s)
	}
	for _, g := range guests {
		if err := tr.laws(g); err != nil {
			t.Errorf("ARGOS_SEED=%d: a viewer of %+v: %v\n%s", s.Seed, g.view, err, s)
		}
	}
	sum := tr.playout(guests)
	sum.steps, sum.commands, sum.rows = len(s.Steps), len(commands.said), len(looks.seen)
	t.Logf("seed %d: %s: %+v", s.Seed, time.Since(began), sum)
	return sum
}

// randomFilter is one of some that a viewer of a trial may ask for.
func randomFilter(r *rand.Rand) Filter {
	return []Filter{
		{},
		{Severity: Warning},
		{Kinds: []string{"signal", "tuned"}},
		{LowHz: 100, HighHz: 500},
		{Kinds: []string{"test"}, Severity: Alarm},
		{Kinds: []string{"none such"}},
	}[r.IntN(6)]
}

// filterBy changes what the guest asks for.
func (g *guest) filterBy(f Filter) {
	g.filters = append(g.filters, f)
	g.SetFilter(f)
}

// A commander gives commands, each of which can be told from all others by its effect.
type commander struct {
	answers sync.WaitGroup
	mu      sync.Mutex
	said    []error // of the command that sets the frequency to so many MHz, and 100
}

func (o *commander) give(ctx context.Context, c *Client) {
	o.mu.Lock()
	n := len(o.said)
	o.said = append(o.said, errNoAnswer)
	o.mu.Unlock()
	o.answers.Go(func() {
		err := c.Do(ctx, map[string]string{"freq": fmt.Sprintf("%dM", 100+n)})
		o.mu.Lock()
		defer o.mu.Unlock()
		o.said[n] = err
	})
}

// check compares what was answered with what the radio was set to: once where it was
// done, never where it was not, and at most once where nobody knows.
func (o *commander) check(applied []spectrum.Settings) error {
	times := make([]int, len(o.said))
	for _, s := range applied {
		times[int(s.Tuning.CenterHz/1e6)-100]++
	}
	for n, err := range o.said {
		var no *ReplyError
		unknown := errors.Is(err, errNoAnswer) || errors.Is(err, errCutOff) || errors.Is(err, errRestarted)
		switch {
		case err == nil && times[n] == 1, unknown && times[n] <= 1:
		case errors.As(err, &no) && times[n] == 0, errors.Is(err, ErrNoLink) && times[n] == 0:
		case errors.Is(err, errNotSent) && times[n] == 0, errors.Is(err, errManyCommands) && times[n] == 0:
		default:
			return fmt.Errorf("command %d had its effect %d times, and the answer was: %w", n, times[n], err)
		}
	}
	return nil
}

// idle waits until the server has done what it took and logged what came of it.
func (tr *trial) idle() {
	tr.source.delay(0)
	c := tr.server.control
	busy := func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return slices.ContainsFunc(c.old, func(o *order) bool { return !o.isDone() })
	}
	for busy() {
		time.Sleep(tr.period)
	}
	time.Sleep(tr.period)
}

// settle waits until the guests have everything that was produced. On real time an
// operator does not wait for a dead link: they ask for another.
func (tr *trial) settle(guests []*guest) {
	tr.log()
	tr.produce()
	deadline := time.Now().Add(recovers)
	asked := time.Now()
	for _, g := range guests {
		for tr.behind(g) != "" && time.Now().Before(deadline) {
			if s := g.Link().State; tr.impatient && (s == Stale || s == Reconnecting) && time.Since(asked) > time.Second {
				g.Retry()
				asked = time.Now()
			}
			time.Sleep(tr.period)
		}
	}
}
