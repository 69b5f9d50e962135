package stream

import (
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
	"argos/stream/wire"
)

func TestLiveState(t *testing.T) {
	status := func(fps float64) *spectrum.Status { return &spectrum.Status{Settings: spectrum.Settings{FPS: fps}} }
	zeroSpan := func(sweep time.Duration) *spectrum.Status {
		d := status(20)
		d.Settings.SweepTime, d.Settings.Tuning.RateHz = sweep, 2e6
		return d
	}
	for _, c := range []struct {
		name   string
		change func(c *Client, now time.Time)
		want   LinkState
	}{
		{"a frame just now", nil, Live},
		{"no frame for 1 s", func(c *Client, now time.Time) { c.link.LastFrame = now.Add(-1001 * time.Millisecond) }, Stale},
		{"slow frames", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-29*time.Second), status(0.1)
		}, Live},
		{"slow frames stop", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-31*time.Second), status(0.1)
		}, Stale},
		{"frames slower than asked for", func(c *Client, now time.Time) {
			c.link.LastFrame, c.period = now.Add(-5*time.Second), 2*time.Second
		}, Live},
		{"a frame that cannot have taken so long", func(c *Client, now time.Time) {
			c.link.LastFrame, c.period = now.Add(-31*time.Second), time.Hour
		}, Stale},
		{"a recording that ended", func(c *Client, now time.Time) {
			ended := status(20)
			ended.State = spectrum.Ended
			c.link.LastFrame, c.link.Device = now.Add(-time.Hour), ended
		}, Live},
		{"a rate that cannot be", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-2*time.Second), status(1e-300)
		}, Stale},
		{"a slow sweep of zero span", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-11*time.Second), zeroSpan(1000*time.Second)
		}, Live},
		{"a slow sweep of zero span stops", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-12*time.Second), zeroSpan(1000*time.Second)
		}, Stale},
		{"a quick sweep of zero span", func(c *Client, now time.Time) {
			c.link.LastFrame, c.link.Device = now.Add(-1001*time.Millisecond), zeroSpan(50*time.Millisecond)
		}, Stale},
		{"just connected", func(c *Client, now time.Time) { c.link.LastFrame, c.link.Since = now.Add(-time.Hour), now }, Live},
		{"merged lately", func(c *Client, now time.Time) { c.lastMerge = now.Add(-time.Second) }, Degraded},
		{"merged long ago", func(c *Client, now time.Time) { c.lastMerge = now.Add(-mergedShows) }, Live},
		{"a hole being filled", func(c *Client, _ time.Time) { c.catchUp.to = 5 }, CatchingUp},
		{"a hole no longer being filled", func(c *Client, now time.Time) {
			c.catchUp.to, c.link.LastFrame = 5, now.Add(-2*time.Second)
		}, Stale},
	} {
		client, now := connectedClient(nobody{}), time.Now()
		client.link.Since, client.link.LastFrame = now.Add(-time.Hour), now
		if c.change != nil {
			c.change(client, now)
		}
		if got, _ := client.liveState(now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// One that was cut off before its first frame has missed nothing that it knew of.
func TestCutOffBeforeTheFirstFrame(t *testing.T) {
	c := connectedClient(nobody{})
	c.down(Reconnecting, errCutOff)
	again := welcomeMessage.GetWelcome()
	again = &wire.Welcome{Epoch: again.GetEpoch(), Resumed: true, Head: &wire.Position{Seq: 1000}}
	c.news = nil
	if c.welcome(again, "", func(error) {}); len(c.news) != 1 || c.catchUp.to != 0 {
		t.Errorf("%+v, catching up to %d", c.news, c.catchUp.to)
	}
}

func TestAgeByStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connectedClient(nobody{})
		// The server's epoch began a day ago. Its system clock is a minute ahead, and is set
		// back by an hour while it makes the frame.
		const epoch, ahead, back = 24 * time.Hour, time.Minute, -time.Hour
		sent := time.Now()
		c.rtt.add(sent, sent.Add(ahead+back), sent)
		c.mono.add(sent, c.began.Add(epoch), sent)
		m := frameFrom(t, 1, 1)
		sampled := time.Now()
		f := m.GetFrame()
		f.LastNs, f.LastMonoNs = sampled.Add(ahead).UnixNano(), int64(epoch)
		f.MeasuredNs, f.MeasuredMonoNs = sampled.Add(ahead+back+10*time.Millisecond).UnixNano(), int64(epoch+10*time.Millisecond)
		f.SentNs, f.SentMonoNs = sampled.Add(ahead+back+15*time.Millisecond).UnixNano(), int64(epoch+15*time.Millisecond)
		time.Sleep(45 * time.Millisecond)
		if err := c.take(m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		c.Rendered(1)
		want := Age{
			Capture: 10 * time.Millisecond, Serve: 5 * time.Millisecond, Link: 30 * time.Millisecond, Draw: 5 * time.Millisecond,
		}
		got := c.Link().Age
		if last := got.Last; !last.Equal(sampled) {
			t.Errorf("last sample at %s, want %s", last, sampled)
		}
		if got.Last = (time.Time{}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		if began := c.Link().Server.Began; !began.Equal(sampled.Add(-epoch)) {
			t.Errorf("the epoch began at %s, want %s", began, sampled.Add(-epoch))
		}
	})
}
