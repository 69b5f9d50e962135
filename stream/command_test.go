package stream

import (
	"context"
	"errors"
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
		c, rec, leave := r.watch(t)
		if err := c.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, ErrNoLink) {
			t.Errorf("before the link: %v", err)
		}
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

// A command whose answer never came is not carried out when the link is back.
func TestCommandsWhenTheLinkIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		c, _, leave := r.watch(t)
		<-c.Connected()
		r.network.swallow()
		done := make(chan error)
		for range 40 {
			go func() { done <- c.Do(t.Context(), map[string]string{"lna": "8"}) }()
		}
		time.Sleep(time.Second)
		r.network.refuseAll(true)
		r.network.cut()
		for range 40 {
			err := <-done
			if !errors.Is(err, errCutOff) && !errors.Is(err, errManyCommands) {
				t.Errorf("%v", err)
			}
		}
		synctest.Wait()
		if err := c.Do(t.Context(), map[string]string{"lna": "8"}); !errors.Is(err, ErrNoLink) {
			t.Errorf("while the link is down: %v", err)
		}
		r.network.refuseAll(false)
		c.Retry()
		time.Sleep(10 * time.Second)
		if n := r.source.applied(); n != 0 {
			t.Errorf("%d late commands", n)
		}
		if err := c.Do(t.Context(), map[string]string{"lna": "8"}); err != nil {
			t.Errorf("after it: %v", err)
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
	l, err := Ask(t.Context(), url)
	if err != nil || l.Device.Info.Name != "Fake" || l.Server.Epoch != server.epoch {
		t.Errorf("%+v, %v", l, err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if _, err := Ask(t.Context(), url); err == nil || !strings.Contains(err.Error(), "cannot reach "+url) {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := Ask(ended, url); err == nil {
		t.Error("nothing was asked and nothing is wrong")
	}
}
