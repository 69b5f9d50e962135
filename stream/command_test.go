package stream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/spectrum"
)

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		idle := NewClient("ws://rig", nobody{}, nil)
		if err := idle.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, ErrNoLink) {
			t.Errorf("before the link: %v", err)
		}
		c, rec, leave := r.watch(t)
		<-c.Connected()
		if err := c.Do(t.Context(), map[string]string{"lna": "8", "freq": "433.92M"}); err != nil {
			t.Fatal(err)
		}
		if s := r.source.Settings(); s.Tuning.LNADB != 8 || s.Tuning.CenterHz != 433.92e6 {
			t.Errorf("set to %+v", s)
		}
		synctest.Wait()
		if d := c.Link().Device; d.Settings.Tuning.CenterHz != 433.92e6 {
			t.Errorf("the link's device is at %g Hz", d.Settings.Tuning.CenterHz)
		}
		if _, events := rec.taken(); len(texts(events, "tuned")) != 1 {
			t.Errorf("events %v", events)
		}
		for _, bad := range []struct {
			set  map[string]string
			want string
		}{
			{map[string]string{"lna": "7"}, `lna: "7" is not a gain: use 0 to 40 dB in steps of 8`},
			{map[string]string{"colour\n": "red"}, `there is no setting "colour\n"`},
			{map[string]string{"freq": "9\x1b"}, ""},
		} {
			err := c.Do(t.Context(), bad.set)
			if err == nil || bad.want != "" && err.Error() != bad.want || err.Error() != cleanText(err.Error()) {
				t.Errorf("%v: %v", bad.set, err)
			}
		}
		r.source.fail(errors.New("usb:\n\tpipe error"))
		if err := c.Do(t.Context(), map[string]string{"lna": "16"}); err == nil || err.Error() != "usb:  pipe error" {
			t.Errorf("a radio that fails: %v", err)
		}
		leave()
		if err := c.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, ErrNoLink) {
			t.Errorf("after the link: %v", err)
		}
		r.close(t)
	})
}

// The link breaks while the radio tunes: the server goes on, and the client learns by the
// same key what became of it.
func TestCommandAnsweredOverTheNextLink(t *testing.T) {
	for name, c := range map[string]struct {
		radio error
		takes time.Duration // of the radio
		away  time.Duration // from 500 ms on
		want  string        // of the error
		times int
	}{
		"done meanwhile":     {nil, time.Second, 2 * time.Second, "", 1},
		"under way still":    {nil, 4 * time.Second, 2 * time.Second, "", 1},
		"failed meanwhile":   {errors.New("usb: pipe error"), time.Second, 2 * time.Second, "usb: pipe error", 0},
		"back too late":      {nil, time.Second, 20 * time.Second, "the link broke before the answer: not known whether it was done", 1},
		"done after we left": {nil, 15 * time.Second, time.Second, "no answer from the server: not known whether it was done", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				client, _, leave := r.watch(t)
				<-client.Connected()
				r.source.delay(c.takes)
				r.source.fail(c.radio)
				done := make(chan error)
				go func() { done <- client.Do(t.Context(), map[string]string{"lna": "8"}) }()
				time.Sleep(500 * time.Millisecond)
				r.network.refuseAll(true)
				r.network.cut()
				go func() {
					time.Sleep(c.away)
					r.network.refuseAll(false)
					client.Retry()
				}()
				if err := <-done; err == nil && c.want != "" || err != nil && err.Error() != c.want {
					t.Errorf("%v, want %q", err, c.want)
				}
				time.Sleep(30 * time.Second)
				if n := len(r.source.applications()); n != c.times {
					t.Errorf("it had its effect %d times, want %d", n, c.times)
				}
				leave()
				r.close(t)
			})
		})
	}
}

// What a black hole swallowed is sent when the link is back, each once, in order, but not
// after its time.
func TestCommandsWhenTheLinkIsLost(t *testing.T) {
	for name, away := range map[string]time.Duration{"in time": time.Second, "too late": replyTimeout} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c, _, leave := r.watch(t)
				<-c.Connected()
				r.network.swallow()
				done := make(chan error, 40)
				for n := range cap(done) {
					go func() { done <- c.Do(t.Context(), map[string]string{"freq": fmt.Sprintf("%dM", 100+n)}) }()
					synctest.Wait()
				}
				r.network.refuseAll(true)
				r.network.cut()
				time.Sleep(500 * time.Millisecond)
				if err := c.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, ErrNoLink) {
					t.Errorf("while the link is down: %v", err)
				}
				time.Sleep(away)
				r.network.refuseAll(false)
				c.Retry()
				time.Sleep(time.Minute)
				answers := map[string]int{}
				for range cap(done) {
					answers[fmt.Sprint(<-done)]++
				}
				applied := r.source.applications()
				many := cap(done) - requestsWaiting
				if away < replyTimeout {
					for n, s := range applied {
						if s.Tuning.CenterHz != float64(100+n)*1e6 {
							t.Errorf("command %d set %g Hz", n, s.Tuning.CenterHz)
						}
					}
					if len(applied) != requestsWaiting || answers["<nil>"] != requestsWaiting || answers[errManyCommands.Error()] != many {
						t.Errorf("%d done, answers %v", len(applied), answers)
					}
				} else if len(applied) != 0 || answers[errCutOff.Error()+": not known whether it was done"] != requestsWaiting || answers[errManyCommands.Error()] != many {
					t.Errorf("%d done, answers %v", len(applied), answers)
				}
				if err := c.Do(t.Context(), map[string]string{"lna": "8"}); err != nil {
					t.Errorf("after it: %v", err)
				}
				leave()
				r.close(t)
			})
		})
	}
}

// Another server than that which was asked is not asked to do what may have been done.
func TestCommandsAcrossARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.source.delay(2 * time.Second)
		done := make(chan error)
		go func() { done <- c.Do(t.Context(), map[string]string{"lna": "8"}) }()
		time.Sleep(time.Second)
		r.network.cut()
		r.close(t)
		r.start(t)
		c.Retry()
		if err := <-done; err == nil || err.Error() != "the server was restarted before it answered: not known whether it was done" {
			t.Errorf("%v", err)
		}
		time.Sleep(time.Minute)
		if n := len(r.source.applications()); n != 0 {
			t.Errorf("done %d times", n)
		}
		leave()
		r.close(t)
	})
}

// A radio that takes long to tune holds up neither frames nor pings, nor the end.
func TestSlowRadio(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, rec, leave := r.watch(t)
		<-c.Connected()
		r.source.delay(30 * time.Second)
		began := time.Now()
		done := make(chan error)
		go func() { done <- c.Do(t.Context(), map[string]string{"lna": "8"}) }()
		r.feed(500)
		if err := <-done; !errors.Is(err, errNoAnswer) {
			t.Errorf("%v", err)
		}
		frames, _ := rec.taken()
		if l := c.Link(); l.State != Live || len(l.Outages) != 0 || l.RTT.P99 > time.Second || len(frames) != 500 {
			t.Errorf("state %s, round trip %s, %d frames", l.State, l.RTT.P99, len(frames))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if err := c.Do(ctx, map[string]string{"lna": "16"}); !errors.Is(err, errNoAnswer) {
			t.Errorf("given up: %v", err)
		}
		cancel()
		leave()
		r.close(t)
		if took := time.Since(began); took > 29*time.Second {
			t.Errorf("the end came after %s", took)
		}
	})
}

func TestAsk(t *testing.T) {
	server := NewServer(newFakeSource(), spectrum.NewHistory(0), nil)
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listener) }()
	url := "ws://" + listener.Addr().String()
	l, err := Ask(t.Context(), url, nil)
	if err != nil || l.Device.Info.Name != "Fake" || l.Server.Epoch != server.epoch {
		t.Errorf("%+v, %v", l, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := Ask(t.Context(), url, nil); err == nil || !strings.Contains(err.Error(), "cannot reach "+url) {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Ask(ended, url, nil); err == nil {
		t.Error("nothing was asked and nothing is wrong")
	}
}
