package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// texts are the events of a kind.
func texts(events []Event, kind string) []string {
	var found []string
	for _, e := range events {
		if e.Kind == kind {
			found = append(found, e.Text)
		}
	}
	return found
}

func TestCutLinkComesBackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.network.cut()
		synctest.Wait()
		if l := c.Link(); l.State != Live || len(l.Outages) != 1 || l.Outages[0].To.IsZero() {
			t.Errorf("state %s, outages %v", l.State, l.Outages)
		}
		r.feed(20)
		_, events := rec.taken()
		if got := texts(events, "link"); len(got) != 2 || !strings.HasPrefix(got[0], "link lost: ") || !strings.HasSuffix(got[1], ": nothing missed") {
			t.Errorf("events %q", got)
		}
		frames, _ := rec.taken()
		if missing := checkLaws(t, r.produced, frames); missing != 0 || len(frames) != 40 {
			t.Errorf("%d frames, %d missing", len(frames), missing)
		}
		leave()
		r.close(t)
	})
}

func TestOutageIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.network.refuseAll(true)
		r.network.cut()
		r.feed(600)
		l := c.Link()
		if l.State != Reconnecting || l.Attempt < 2 || time.Until(l.RetryAt) > backoffMost || !strings.Contains(l.Reason, "cannot reach ws://rig") {
			t.Errorf("state %s, attempt %d in %s: %s", l.State, l.Attempt, time.Until(l.RetryAt), l.Reason)
		}
		if len(l.Outages) != 1 || !l.Outages[0].To.IsZero() {
			t.Errorf("outages %v", l.Outages)
		}
		r.network.refuseAll(false)
		c.Retry()
		synctest.Wait()
		if l := c.Link(); l.State != Live || l.Attempt != 0 || l.Missing != 0 {
			t.Errorf("state %s, missing %d", l.State, l.Missing)
		}
		frames, events := rec.taken()
		if missing := checkLaws(t, r.produced, frames); missing != 0 || len(frames) != 20+1+60 || frames[20].LastSeq != 620 {
			t.Errorf("%d frames, %d missing", len(frames), missing)
		}
		// The outage began with the silence, up to a frame before the cut.
		want := fmt.Sprintf(" s: 600 frames in %d rows, nothing lost", len(frames)-20)
		if got := texts(events, "link"); len(got) != 2 || !strings.HasPrefix(got[1], "link back after 30") || !strings.HasSuffix(got[1], want) {
			t.Errorf("events %q, want %q", got, want)
		}
		leave()
		r.close(t)
	})
}

// A hole of more generations than are sent again loses the oldest, and says so.
func TestOutageOverManyRetunes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.network.refuseAll(true)
		r.network.cut()
		for g := range 6 {
			for range 20 {
				f := testFrame(len(r.produced))
				f.Grid.Generation = uint64(2 + g)
				r.append(f)
			}
		}
		r.network.refuseAll(false)
		c.Retry()
		synctest.Wait()
		frames, events := rec.taken()
		if missing := checkLaws(t, r.produced, frames); missing != 40 || c.Link().Missing != 40 {
			t.Errorf("%d missing, the link says %d", missing, c.Link().Missing)
		}
		if got := texts(events, "link"); len(got) != 2 || !strings.HasSuffix(got[1], "rows, 40 frames lost") {
			t.Errorf("events %q", got)
		}
		if l := c.Link(); l.State != Live {
			t.Errorf("state %s", l.State)
		}
		leave()
		r.close(t)
	})
}

func TestEventsComeOnceAcrossReconnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		var want []string
		for n := range 300 {
			want = append(want, fmt.Sprint("event ", n))
			r.server.Event(Event{Kind: "test", Text: want[n]})
			if n%37 == 0 {
				r.network.cut()
			}
			time.Sleep(time.Duration(n%5) * 10 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		_, events := rec.taken()
		if got := texts(events, "test"); !slices.Equal(got, want) {
			t.Errorf("%d events, want %d", len(got), len(want))
		}
		leave()
		r.close(t)
	})
}

func TestServerRestartIsANewEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(50)
		r.network.refuseAll(true)
		r.network.cut() // killed: no goodbye
		r.close(t)
		time.Sleep(time.Second)
		before, _ := rec.taken()
		r.start(t)
		r.network.refuseAll(false)
		r.feed(100)
		l := c.Link()
		if l.State != Live || l.Restarts != 1 || l.Missing != 0 || l.LastSeq != 100 {
			t.Errorf("state %s, %d restarts, %d missing, at %d", l.State, l.Restarts, l.Missing, l.LastSeq)
		}
		frames, events := rec.taken()
		if missing := checkLaws(t, r.produced, frames[len(before):]); missing != 0 {
			t.Errorf("%d missing in the new epoch", missing)
		}
		if got := texts(events, kindRestart); len(got) != 1 || !strings.HasSuffix(got[0], "the server was restarted, what it saw meanwhile is not known") {
			t.Errorf("events %q", got)
		}
		if !slices.ContainsFunc(events, func(e Event) bool { return e.Restart() }) {
			t.Error("no event tells the screen that numbers begin anew")
		}
		leave()
		r.close(t)
	})
}

func TestServerThatStopsSaysGoodbye(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(50)
		stopped := time.Now()
		r.close(t)
		if took := time.Since(stopped); took > goodbyeTimeout {
			t.Errorf("stopping took %s", took)
		}
		synctest.Wait()
		l := c.Link()
		if wait := l.RetryAt.Sub(stopped); l.State != Reconnecting || wait < 500*time.Millisecond || wait > 1500*time.Millisecond {
			t.Errorf("state %s, back in %s", l.State, wait)
		}
		r.start(t)
		time.Sleep(1500 * time.Millisecond)
		if l := c.Link(); l.UpSince.Before(stopped) || l.Restarts != 1 {
			t.Errorf("up since %s, %d restarts", l.UpSince, l.Restarts)
		}
		_, events := rec.taken()
		if got := texts(events, "link"); len(got) != 1 || got[0] != "link lost: server is stopping" {
			t.Errorf("events %q", got)
		}
		leave()
		r.close(t)
	})
}

func TestBlackHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.feed(50)
		state := func() LinkState { return c.Link().State }
		r.network.refuseAll(true)
		r.network.swallow()
		time.Sleep(900 * time.Millisecond)
		if s := state(); s != Live {
			t.Errorf("%s after 0.9 s", s)
		}
		time.Sleep(200 * time.Millisecond)
		if s := state(); s != Stale {
			t.Errorf("%s after 1.1 s", s)
		}
		if err := c.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, errNoAnswer) {
			t.Errorf("a command into a black hole: %v", err)
		}
		time.Sleep(4 * time.Second)
		if l := c.Link(); l.State != Reconnecting || l.Reason == "" {
			t.Errorf("%s after 15.1 s: %s", l.State, l.Reason)
		}
		r.network.refuseAll(false)
		c.Retry()
		synctest.Wait()
		r.feed(1)
		if s := state(); s != Live {
			t.Errorf("%s after a retry", s)
		}

		r.network.swallow()
		time.Sleep(2 * time.Second)
		c.Retry()
		synctest.Wait()
		r.feed(1)
		if l := c.Link(); l.State != Live || len(l.Outages) != 2 {
			t.Errorf("%s after a retry of a stale link, outages %v", l.State, l.Outages)
		}
		leave()
		r.close(t)
	})
}

// An attempt into a black hole takes 10 s, unless one is asked for that may fare better.
func TestRetryOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.network.hangAll(true)
		r.network.cut()
		time.Sleep(3 * time.Second)
		if l := c.Link(); l.State != Reconnecting || l.Attempt != 1 {
			t.Errorf("state %s, attempt %d", l.State, l.Attempt)
		}
		r.network.hangAll(false)
		time.Sleep(time.Second)
		if l := c.Link(); l.State != Reconnecting {
			t.Errorf("the attempt under way became %s by itself", l.State)
		}
		c.Retry()
		synctest.Wait()
		r.feed(1)
		if l := c.Link(); l.State != Live || len(l.Outages) != 1 || len(c.retry) != 0 {
			t.Errorf("state %s after a retry, outages %v", l.State, l.Outages)
		}
		leave()
		r.close(t)
	})
}

// A retry that comes while all is well changes nothing, now or later.
func TestRetryOfALiveLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		c.Retry()
		r.feed(20)
		if l := c.Link(); l.State != Live || len(l.Outages) != 0 || len(c.retry) != 0 {
			t.Errorf("state %s, outages %v", l.State, l.Outages)
		}
		leave()
		r.close(t)
	})
}

func TestRefusedStaysUntilRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.feed(20)
		r.close(t)
		var asked atomic.Int64
		forbidding := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked.Add(1)
			http.Error(w, "no", http.StatusForbidden)
		})}
		listener := r.network.listen()
		go func() { _ = forbidding.Serve(listener) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if l := c.Link(); l.State != Refused || l.Reason != "ws://rig says 403 Forbidden: no" || asked.Load() != 1 {
			t.Errorf("state %s: %s; asked %d times", l.State, l.Reason, asked.Load())
		}
		_ = forbidding.Close()
		r.start(t)
		c.Retry()
		synctest.Wait()
		r.feed(1)
		if l := c.Link(); l.State != Live {
			t.Errorf("state %s after a retry", l.State)
		}
		_, events := rec.taken()
		if got := texts(events, "link"); len(got) != 2 || got[1] != "refused: ws://rig says 403 Forbidden: no" {
			t.Errorf("events %q", got)
		}
		leave()
		r.close(t)
	})
}

// A viewer that reads nothing keeps a server from stopping no longer than its goodbye.
func TestStopWithAStalledViewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		conn := r.dialRaw(t, protocolPB)
		if err := sendClient(context.Background(), conn, helloMessage); err != nil {
			t.Fatal(err)
		}
		r.feed(2)
		began := time.Now()
		r.close(t)
		if took := time.Since(began); took > 2*goodbyeTimeout {
			t.Errorf("stopping took %s", took)
		}
		_ = conn.CloseNow()
	})
}
