package load

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

const (
	arrivals = 200 // viewers a second: fewer than a server lets in

	gatherLeast = 30 * time.Second       // for all to come, beside what that takes
	looks       = 100 * time.Millisecond // between two looks at whether they have
	settles     = time.Second            // after they came, before anything is counted
	restores    = 5 * time.Second        // for the server to be as it was
)

// A run is one measurement under way.
type run struct {
	*Options
	crowd  *Crowd
	nurse  *nurse
	admit  chan struct{} // closed when the others may follow the first
	fpsWas string        // of the server; empty: it was not changed

	idle, before vitals // of the server without viewers, and as measuring began
	unwell       error  // why they are not known
	began        time.Time
	own          time.Duration // CPU time of this process then
	storm        time.Time     // zero: there was none
	cut          int           // viewers in it
	report       *Report       // nil: there is nothing to report
}

// Run gathers viewers, measures, and reports. When ctx ends it reports what it has. An
// error beside a report says what makes it doubtful.
func Run(ctx context.Context, o *Options) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if err := checkFiles(o.Viewers, raiseFiles(uint64(o.Viewers)+filesBeside)); err != nil {
		return nil, err
	}
	r := &run{Options: o, nurse: newNurse(o.URL, o.Login, o.dial), admit: make(chan struct{})}
	r.crowd = NewCrowd(o.URL, &CrowdOptions{
		Viewers: o.Viewers, Slow: o.slow(), Columns: o.Columns, Agent: o.Agent, Login: o.Login, admit: r.admit, dial: o.dial,
	})
	// The viewers outlast ctx: at its end the server is asked how it is, and to be as it was.
	viewers, leave := context.WithCancel(context.WithoutCancel(ctx))
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var running sync.WaitGroup
	var refused error
	running.Go(func() {
		refused = r.crowd.Run(viewers, arrivals)
		stop()
	})
	err := errors.Join(r.measure(ctx), r.restore(ctx))
	leave()
	running.Wait()
	if refused != nil {
		return nil, refused
	}
	return r.report, err
}

var errEnded = errors.New("ended before anything was measured")

func (r *run) measure(ctx context.Context) error {
	r.idle, r.unwell = r.nurse.read(ctx)
	select {
	case <-r.crowd.first().Connected():
	case <-ctx.Done():
		return errEnded
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	close(r.admit)
	if err := r.gather(ctx); err != nil {
		return err
	}
	r.crowd.begin()
	r.began, r.own = time.Now(), ownCPU()
	if r.unwell == nil {
		r.before, r.unwell = r.nurse.read(ctx)
	}
	if r.unwell != nil {
		r.say("the report goes without the server's CPU and memory: %v", r.unwell)
	}
	r.watch(ctx)
	return r.conclude(ctx)
}

// prepare asks the server for the frame rate, if it lets us.
func (r *run) prepare(ctx context.Context) error {
	first := r.crowd.first()
	if err := checkRole(r.URL, first.Link().Server.Role); err != nil {
		return err
	}
	if r.FPS == "" {
		return nil
	}
	if !until(ctx, gatherLeast, func() bool { return first.Link().Device != nil }) {
		return fmt.Errorf("%s does not say what its frame rate is", r.URL)
	}
	r.fpsWas = strconv.FormatFloat(first.Link().Device.Settings.FPS, 'g', -1, 64)
	if err := first.Do(ctx, map[string]string{"fps": r.FPS}); err != nil {
		return fmt.Errorf("frame rate: %w", err)
	}
	return nil
}

// restore has the frame rate as it was.
func (r *run) restore(ctx context.Context) error {
	if r.fpsWas == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restores)
	defer cancel()
	if err := r.crowd.first().Do(ctx, map[string]string{"fps": r.fpsWas}); err != nil {
		return fmt.Errorf("the server's frame rate was %s and may not be again: %w", r.fpsWas, err)
	}
	return nil
}

// gather waits until all viewers are there and have settled.
func (r *run) gather(ctx context.Context) error {
	began, told := time.Now(), time.Now()
	come := func() bool {
		n := r.crowd.Connected()
		if time.Since(told) >= time.Second {
			told = time.Now()
			r.say("%d of %d viewers are there", n, r.Viewers)
		}
		return n == r.Viewers
	}
	if !until(ctx, gatherLeast+time.Duration(r.Viewers)*time.Second/arrivals, come) {
		if ctx.Err() != nil {
			return errEnded
		}
		return fmt.Errorf("%d of %d viewers came within %.0f s%s", r.crowd.Connected(), r.Viewers, time.Since(began).Seconds(), r.crowd.excuse())
	}
	if until(ctx, settles, func() bool { return false }); ctx.Err() != nil {
		return errEnded
	}
	return nil
}

// until waits for a condition to hold, for as long as limit or ctx last.
func until(ctx context.Context, limit time.Duration, holds func() bool) bool {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	end := time.NewTimer(limit)
	defer end.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// watch lets time pass and tells how it goes, and raises the storm.
func (r *run) watch(ctx context.Context) {
	end := time.NewTimer(r.Duration)
	defer end.Stop()
	half := time.NewTimer(r.Duration / 2)
	defer half.Stop()
	if !r.Storm {
		half.Stop()
	}
	tell := time.NewTicker(max(time.Second, r.Duration/30))
	defer tell.Stop()
	for before := (counts{}); ; {
		select {
		case <-end.C:
			return
		case <-ctx.Done():
			return
		case <-half.C:
			r.storm, r.cut = time.Now(), r.crowd.Cut(0)
			r.say("cut %d viewers off", r.cut)
		case <-tell.C:
			now := r.crowd.counts()
			r.say("%.0f s: %d viewers, %d frames, %s, p99 %.1f ms", time.Since(r.began).Seconds(), r.crowd.Connected(),
				now.frames-before.frames, bytesText(float64(now.bytes-before.bytes)), r.crowd.quick.ages().P99)
			before = now
		}
	}
}

// say tells the person who waits.
func (r *run) say(format string, args ...any) {
	if r.Progress != nil {
		fmt.Fprintf(r.Progress, "load: "+format+"\n", args...)
	}
}
