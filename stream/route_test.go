package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"argos/stream/faultproxy"
)

// A route that becomes a long one costs a viewer its frames one by one for no longer
// than it takes to know that the short one will not come back.
func TestRouteThatBecomesLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 8, false)
		tr.start()
		delay := func(d time.Duration) {
			way := faultproxy.Way{Delay: d}
			tr.proxy.Set(faultproxy.Conditions{Up: way, Down: way})
		}
		delay(25 * time.Millisecond)
		g := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.proxy.Dial}, atOnce)
		tr.feed(20 * 20)
		delay(300 * time.Millisecond)
		began := time.Now()
		tr.feed(20 * 20)
		if s := g.Link().State; s != Live {
			t.Errorf("%s after %s on a long route", s, time.Since(began))
		}
		merged := g.Link().Merged
		tr.feed(20 * 60)
		if more := g.Link().Merged - merged; more != 0 {
			t.Errorf("%d frames merged on a long route that takes everything", more)
		}
		time.Sleep(time.Second)
		g.leave()
		tr.end(t, false)
		tr.proxy.Close()
		if err := tr.laws(g); err != nil {
			t.Error(err)
		}
	})
}
