package stream

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"argos/spectrum"
	"argos/stream/faultproxy"
	"argos/stream/wire"
)

// This file has what could make the spectrum lane stall or starve.

// watchOver lets a gauge watch grids of so many bins over a link of so many bytes a
// second, and feeds them until done says so.
func watchOver(t *testing.T, rate, bins int, done func(tr *trial, g *gauge, second int) bool) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 5, false)
		tr.start()
		tr.proxy.Set(faultproxy.Conditions{Down: faultproxy.Way{Rate: rate, Queue: 8 << 10}})
		g, leave := tr.measure(t, &ClientOptions{Dial: tr.proxy.Dial})
		f := noiseFrame(rand.New(rand.NewPCG(4, 4)), bins, 8, 0.012)
		for second := 0; !done(tr, g, second); second++ {
			for range 20 {
				f.First, f.Last = time.Now(), time.Now()
				tr.history.Append(f)
				time.Sleep(framePeriod)
			}
		}
		if l := g.client.Link(); len(l.Outages) > 0 {
			t.Errorf("%d bins at %d B/s: %d outages: %s", bins, rate, len(l.Outages), l.Outages[0].Reason)
		}
		leave()
		tr.end(t, true)
		tr.proxy.Close()
	})
}

// However slow the link and wide the grid, there is a picture soon, and it stays young.
func TestSlowestLinks(t *testing.T) {
	for _, c := range []struct {
		rate, bins int
		age        time.Duration
	}{{3_000, 4_000, 4 * time.Second}, {20_000, 65_536, time.Second}} {
		watchOver(t, c.rate, c.bins, func(_ *trial, g *gauge, second int) bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			switch {
			case second == 10 && g.frames == 0:
				t.Errorf("%d bins at %d B/s: nothing after 10 s", c.bins, c.rate)
			case second > 20 && time.Since(g.newest) > c.age:
				t.Errorf("%d bins at %d B/s: %s old after %d s", c.bins, c.rate, time.Since(g.newest), second)
			}
			return second == 40
		})
	}
}

// What a viewer has no use for is acknowledged, too: otherwise it would fill the window.
func TestRowsOfAForgottenHole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
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
		feed(600)
		tr.proxy.Cut()
		g.client.mu.Lock()
		g.client.holes = append(g.client.holes, hole{2, 450})
		for n := range uint64(holesMost - 1) {
			g.client.holes = append(g.client.holes, hole{10*n + 460, 10*n + 465})
		}
		g.client.mu.Unlock()
		feed(20)
		tr.proxy.Heal()
		g.client.Retry()
		synctest.Wait()
		g.client.mu.Lock() // it forgets what the server goes on to send
		g.client.holes = nil
		g.client.mu.Unlock()
		time.Sleep(20 * time.Second) // without a live frame
		feed(20)
		if l := g.client.Link(); l.LastSeq != tr.history.Head()-1 {
			t.Errorf("at %d of %d, %s", l.LastSeq, tr.history.Head()-1, l.State)
		}
		leave()
		tr.end(t, true)
		tr.proxy.Close()
	})
}

// Many events do not keep the picture away.
func TestEventsLeaveRoomForFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := newTrial(t, 5, false)
		tr.start()
		g, leave := tr.measure(t, &ClientOptions{Dial: tr.proxy.Dial})
		tr.feed(20)
		tr.proxy.Cut()
		for range 9_900 {
			tr.log()
		}
		tr.feed(20)
		tr.proxy.Set(faultproxy.Conditions{Down: faultproxy.Way{Rate: 20_000, Queue: 8 << 10}})
		before := g.client.Link().LastSeq
		g.client.Retry()
		tr.feed(40)
		if g.client.Link().LastSeq == before {
			t.Error("no frame within 2 s")
		}
		leave()
		tr.end(t, true)
		tr.proxy.Close()
	})
}

// resumeRaw comes back with a position and returns what comes within a time, each frame
// message acknowledged.
func resumeRaw(t *testing.T, r *rig, from *wire.Position, within time.Duration) (got []*wire.ServerMessage) {
	t.Helper()
	conn := r.dialRaw(t, protocolPB)
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	says := make(chan *wire.ClientMessage, 1000)
	says <- &wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Resume: from}}}
	var speaking sync.WaitGroup
	speaking.Go(func() {
		for m := range says {
			_ = tell(conn, encodingPB, m)
		}
	})
	frames := uint64(0)
	for {
		_, data, err := conn.Read(ctx)
		if err != nil {
			break
		}
		m := new(wire.ServerMessage)
		if err := encodingPB.unmarshal(data, m); err != nil {
			t.Fatal(err)
		}
		got = append(got, m)
		if m.GetFrame() != nil {
			frames++
			says <- &wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: frames}}}
		}
	}
	close(says)
	_ = conn.CloseNow()
	speaking.Wait()
	return got
}

// Holes beyond those that a server remembers are declared, the oldest first.
func TestHolesThatAreTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.feed(200)
		from := &wire.Position{Epoch: r.server.epoch, Seq: 150}
		for n := range uint64(12) {
			from.Holes = append(from.Holes, &wire.Range{First: 10*n + 1, Last: 10*n + 2})
		}
		open := holes{{151, 199}}
		for n := range uint64(12) {
			open = append(open, hole{10*n + 1, 10*n + 2})
		}
		declared := 0
		for _, m := range resumeRaw(t, r, from, 10*time.Second) {
			if g := m.GetGap(); g != nil {
				declared++
				if g.GetReason() != gapHoles || !open.fill(g.GetFirst(), g.GetLast()) || g.GetFirst() > 50 {
					t.Errorf("gap %v", g)
				}
			}
			if f := m.GetFrame(); f != nil && f.GetLastSeq() < 200 && !open.fill(f.GetFirstSeq(), f.GetLastSeq()) {
				t.Errorf("frames %d to %d come, of %v", f.GetFirstSeq(), f.GetLastSeq(), open)
			}
		}
		if declared != 13-holesMost || len(open) > 0 {
			t.Errorf("%d gaps, %v never came", declared, open)
		}
		r.close(t)
	})
}

// Viewers that come back about together share the rows of their holes.
func TestHerdSharesRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.feed(1000)
		var all sync.WaitGroup
		before, _ := r.server.share.counts()
		const herd = 60
		rows := make([]int, herd)
		for n := range herd {
			r.feed(1)
			all.Go(func() {
				for _, m := range resumeRaw(t, r, &wire.Position{Epoch: r.server.epoch, Seq: 400}, 20*time.Second) {
					if f := m.GetFrame(); f != nil && f.GetLastSeq() < 1000 {
						rows[n]++
					}
				}
			})
		}
		r.feed(100)
		all.Wait()
		after, _ := r.server.share.counts()
		total := 0
		for _, n := range rows {
			total += n
		}
		t.Logf("%d viewers got %d rows, for which and for the live frames %d parts were encoded", herd, total, after-before)
		if total < herd*60 || after-before > 600 {
			t.Errorf("%d rows, %d parts encoded", total, after-before)
		}
		r.close(t)
	})
}

// What is kept for others is bounded by its bytes, too.
func TestShareIsBounded(t *testing.T) {
	h := spectrum.NewHistory(0)
	f := noiseFrame(rand.New(rand.NewPCG(4, 4)), 65_536, 8, 0.012)
	for range 40 {
		h.Append(f)
	}
	s := share{history: h}
	for n := range uint64(40) {
		s.get(part{encodingJSON, f.Grid.Generation, f.Grid.Slice(0, 0, 0), n + 1, n + 2})
	}
	held := 0
	for _, e := range s.order {
		held += len(e.prepared)
	}
	if held != s.bytes || held > shareBytes || held < shareBytes/2 {
		t.Errorf("%d bytes held, %d counted", held, s.bytes)
	}
}

// A server that fills holes in pieces cannot make more of them than are remembered.
func TestSplitHolesAreBounded(t *testing.T) {
	c := connectedClient(nobody{})
	c.link.LastSeq = 1 << 40
	c.holes = holes{{1, 1 << 40}}
	for n := range uint64(100) {
		c.gone(&wire.Gap{First: 2*n + 2, Last: 2*n + 2})
		c.tell()
	}
	if len(c.holes) > holesMost {
		t.Errorf("%d holes", len(c.holes))
	}
}

// A view that comes right behind Hello is the one that counts.
func TestViewBehindHello(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.feed(10)
		for range 50 {
			conn := r.dialRaw(t, protocolPB)
			for _, m := range []*wire.ClientMessage{
				{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{View: &wire.View{Columns: 4096}}}},
				{Kind: &wire.ClientMessage_View{View: &wire.View{Columns: 64, RowMs: 1000}}},
			} {
				if err := tell(conn, encodingPB, m); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				if _, _, err := conn.Read(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			r.server.mu.Lock()
			for v := range r.server.viewers {
				v.mu.Lock()
				if v.view.Columns != 64 || v.view.Row != time.Second {
					t.Errorf("view %+v", v.view)
				}
				v.mu.Unlock()
			}
			r.server.mu.Unlock()
			_ = conn.Close(websocket.StatusNormalClosure, "")
			synctest.Wait()
		}
		r.close(t)
	})
}
