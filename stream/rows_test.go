package stream

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"argos/spectrum"
	"argos/stream/wire"
)

// Whatever ranges are asked for, each row has the peaks of what was measured in it, exactly
// and in the view of who asks; rows are of one generation; those of a range are all that is
// held of its newest four. What comes by itself is what it would be without.
func TestRowsOfThePast(t *testing.T) {
	for name, view := range map[string]View{
		"all bins": {}, "a tier": {Columns: 7}, "a slice": {Columns: 12, LowHz: 1e9, HighHz: 1.0001e9},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tr := newTrial(t, 11, false)
				tr.budget = 1 << 20 // of which the oldest is gone
				tr.start()
				g := tr.invite(t, "ws://trial", &ClientOptions{Dial: tr.dial, View: view}, func() time.Duration { return time.Millisecond })
				random := rand.New(rand.NewPCG(1, 2))
				asked, rows, gone := 0, 0, 0
				for range 60 {
					if random.IntN(2) == 0 {
						tr.retune()
						tr.grid.StartHz = 1e9 // where the slice is
					}
					tr.feed(1 + random.IntN(30))
					frames := tr.life().frames
					var ranges []Range
					for range 1 + random.IntN(8) {
						first := 1 + random.Uint64N(uint64(len(frames)))
						ranges = append(ranges, Range{first, first + random.Uint64N(80)})
					}
					past, err := g.Rows(t.Context(), ranges)
					if err != nil || past.Answered != len(ranges) || past.Oldest != tr.history.Tail() {
						t.Fatalf("%v: %d answered, from %d on, %v", ranges, past.Answered, past.Oldest, err)
					}
					if first := frames[past.Oldest-1].First; !past.OldestAt.Equal(first) || past.OldestMono != tr.history.Mono(first) {
						t.Errorf("frame %d is of %v", past.Oldest, past.OldestAt)
					}
					for _, r := range ranges {
						asked++
						next := max(r.First, past.Oldest)
						last := min(r.Last, uint64(len(frames)))
						if next > r.First {
							gone++
						}
						for generations, n := 0, last; n >= next; n-- {
							if n == last || frames[n-1].Grid.Generation != frames[n].Grid.Generation {
								generations++
							}
							if generations > generationsAtOnce {
								next = n + 1
							}
						}
						for ; next <= last; rows++ {
							if len(past.Frames) == 0 || past.Frames[0].FirstSeq != next || past.Frames[0].LastSeq > last {
								t.Fatalf("of %v, frame %d on: %+v", r, next, past.Frames)
							}
							f := past.Frames[0]
							if err := checkCells(frames[f.FirstSeq-1:f.LastSeq], view, f); err != nil {
								t.Fatalf("%d to %d: %v", f.FirstSeq, f.LastSeq, err)
							}
							past.Frames, next = past.Frames[1:], f.LastSeq+1
						}
					}
					if len(past.Frames) > 0 {
						t.Fatalf("%d rows too many", len(past.Frames))
					}
				}
				if rows < asked || gone == 0 {
					t.Errorf("%d rows of %d ranges, of which %d were gone", rows, asked, gone)
				}
				tr.settle([]*guest{g})
				if err := checkPeaks(tr.lives, view, g.witness.all()); err != nil {
					t.Error(err)
				}
				g.leave()
				tr.end(t, true)
				tr.proxy.Close()
			})
		})
	}
}

// asking is a viewer without a network, of so many frames of a grid, over a link that takes
// so many bytes a second.
func asking(e encoding, frames, bins int, perSecond float64) *viewer {
	h := spectrum.NewHistory(0)
	f := noiseFrame(rand.New(rand.NewPCG(4, 4)), bins, 8, 0.012)
	f.First, f.Last = time.Now(), time.Now()
	for range frames {
		h.Append(f)
	}
	v := &viewer{server: NewServer(newFakeSource(), h, nil), encoding: e}
	v.flow.measure(perSecond, false, time.Now())
	return v
}

// rowsRequest asks for so many ranges of ten frames.
func rowsRequest(ranges int) *wire.RowsRequest {
	ask := &wire.RowsRequest{Key: "k"}
	for n := range uint64(ranges) {
		ask.Ranges = append(ask.Ranges, &wire.Range{First: 10*n + 1, Last: 10*n + 10})
	}
	return ask
}

// An answer is as large as the link takes in an eighth of a second, but never nothing.
func TestRowsAreBounded(t *testing.T) {
	for _, tt := range []struct {
		name        string
		encoding    encoding
		bins        int
		perSecond   float64
		least, most int // ranges
	}{
		{"a good link", encodingPB, 4096, 1e9, rowsAtOnce, rowsAtOnce},
		{"a slow link", encodingPB, 4096, 64e3, 4, 16},
		{"the slowest link", encodingPB, 4096, 1e3, 1, 1},
		{"numbers", encodingJSON, 4096, 1e9, 5, 40},
		{"a wide grid", encodingPB, maxBins / 4, 1e9, 1, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := asking(tt.encoding, 10, tt.bins, tt.perSecond)
			ask := rowsRequest(100)
			for _, r := range ask.Ranges {
				r.First, r.Last = 1, 10
			}
			answer, err := v.recall(t.Context(), ask)
			if err != nil || answer.GetKey() != "k" || answer.GetOldest() != 1 || len(answer.GetRows()) != int(answer.GetAnswered()) {
				t.Fatalf("%v, %v", answer, err)
			}
			if n := int(answer.GetAnswered()); n < tt.least || n > tt.most {
				t.Errorf("%d ranges, want %d to %d", n, tt.least, tt.most)
			}
			if cells := answer.GetRows()[0].GetGrid().GetBins(); cells < tierCells {
				t.Errorf("%d cells", cells)
			}
			b, err := tt.encoding.marshal(nil, answer)
			if err != nil {
				t.Fatal(err)
			}
			if took := v.flow.takes(len(b)); answer.GetAnswered() > 1 && (took > messageMost || len(b) > rowsBytes*11/10) {
				t.Errorf("%d bytes, which take %s", len(b), took)
			}
		})
	}
}

// All viewers together take so much of the server and no more; who comes too soon is told
// to come again.
func TestRowsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := asking(encodingPB, 640, 4_096, 1e9)
		began, rows := time.Now(), 0
		for time.Since(began) < 20*time.Second {
			answer, err := v.recall(t.Context(), rowsRequest(rowsAtOnce))
			if err != nil {
				t.Fatal(err)
			}
			rows += len(answer.GetRows())
		}
		const each = 4 * 4_096
		if most := (20*mergedRate + 2*mergedMost) / each; rows > most || rows < most*9/10 {
			t.Errorf("%d rows in 20 s, want %d", rows, most)
		}
		c := &recall{history: v.server.history}
		for _, r := range []struct {
			first, last uint64
			cost        int
		}{{1, 10, each}, {631, 640, each}, {1, 640, 6 * each}, {0, math.MaxUint64, 6 * each}, {641, 650, tierCells}, {10, 1, tierCells}} {
			if n := c.cost(r.first, r.last); n != r.cost {
				t.Errorf("%d to %d costs %d, want %d", r.first, r.last, n, r.cost)
			}
		}
		v.server.merging.SetLimit(1)
		if answer, err := v.recall(t.Context(), rowsRequest(1)); err != nil || answer.GetAnswered() != 0 || answer.GetOldest() != 1 {
			t.Errorf("%v, %v", answer, err)
		}
	})
}

// What goes beside frames is under way with the next of them, as far as the link has not
// taken it, and tells nothing of a route that is probed.
func TestFlowBeside(t *testing.T) {
	now := time.Now()
	f := newFlow(0, now)
	f.measure(100_000, false, now)
	f.sendBeside(10_000, now)
	if !f.room() {
		t.Error("no room where no frame is under way")
	}
	now = now.Add(50 * time.Millisecond)
	f.send(20_000, now)
	if got := f.sent[0].bytes; got != 25_000 || f.beside != 0 {
		t.Errorf("%d bytes under way, %d beside", got, f.beside)
	}
	f.sendBeside(10, now)
	if f.room() {
		t.Error("room for more than 250 ms")
	}
	f.acknowledge(1, 1, now.Add(time.Second), func(time.Duration) {})
	f.probe = probeEmpty
	f.send(100, now)
	if f.probe != probeEmpty {
		t.Error("a message beside others was taken for a probe")
	}
	f.send(100, now)
	if f.probe != probeAlone {
		t.Error("no probe goes")
	}
	f.sendBeside(10_000, now)
	f.send(100, now.Add(time.Hour))
	if got := f.sent[2].bytes; got != 100 {
		t.Errorf("%d bytes, which went an hour ago", got)
	}
}

// Who asks again and again over a slow link sees what is live, not much older than without.
func TestRowsOnASlowLink(t *testing.T) {
	rows := 0
	watchOver(t, 64_000, 4_000, func(_ *trial, g *gauge, second int) bool {
		switch {
		case second == 10:
			go func() {
				for {
					ranges := []Range{{91, 100}, {81, 90}, {71, 80}, {61, 70}, {51, 60}, {41, 50}}
					past, err := g.client.Rows(context.Background(), ranges)
					if err != nil {
						return // the link has ended
					}
					rows += past.Answered
				}
			}()
		case second > 12:
			if ages := g.takeAges(); len(ages) < 2 || slices.Max(ages) > time.Second {
				t.Errorf("second %d: ages %v", second, ages)
			}
		}
		return second == 30
	})
	if rows < 100 { // as wide as what is live there would be 36 without that
		t.Errorf("%d rows in 20 s", rows)
	}
}

// Over a link that is gone there are no rows, and those of a server that makes them up are
// not taken.
func TestRowsThatAreNone(t *testing.T) {
	c := NewClient("ws://rig", new(recorder), nil)
	if _, err := c.Rows(t.Context(), []Range{{1, 2}}); err == nil || !strings.Contains(err.Error(), "no link") {
		t.Errorf("without a link: %v", err)
	}
	row := func(first, last uint64) *wire.Frame { return frameFrom(t, first, last).GetFrame() }
	ranges := []Range{{21, 30}, {11, 20}}
	for _, tt := range []struct {
		name string
		rows []*wire.Frame
		good bool
	}{
		{"whole", []*wire.Frame{row(21, 30), row(11, 20)}, true},
		{"in parts", []*wire.Frame{row(23, 23), row(24, 30), row(12, 12)}, true},
		{"none", nil, true},
		{"only the second", []*wire.Frame{row(11, 20)}, true},
		{"more than was asked for", []*wire.Frame{row(21, 31)}, false},
		{"twice", []*wire.Frame{row(21, 30), row(21, 30)}, false},
		{"in another order", []*wire.Frame{row(11, 20), row(21, 30)}, false},
		{"no frame", []*wire.Frame{{FirstSeq: 21, LastSeq: 30}}, false},
	} {
		past, err := rowsOf(&wire.Rows{Answered: 77, Rows: tt.rows, Oldest: 3}, ranges)
		if (err == nil) != tt.good || tt.good && (len(past.Frames) != len(tt.rows) || past.Answered != 2 || past.Oldest != 3) {
			t.Errorf("%s: %+v, %v", tt.name, past, err)
		}
	}
	if _, err := rowsOf(&wire.Rows{Answered: 1, Rows: []*wire.Frame{row(11, 20)}}, ranges); err == nil {
		t.Error("a row of a range that is not answered was taken")
	}
}

// An onlooker asks for rows of the past, whatever becomes of the link.
type onlooker struct {
	answers sync.WaitGroup

	mu   sync.Mutex
	seen []look
}

// A look is a row as it came.
type look struct {
	epoch string
	view  View
	row   *spectrum.Frame
}

// look asks for ranges of what g has or soon will have, and does not wait.
func (o *onlooker) look(ctx context.Context, g *guest, random *rand.Rand) {
	o.answers.Go(func() {
		before := g.Link()
		var ranges []Range
		for range 1 + random.IntN(9) {
			first := 1 + random.Uint64N(before.LastSeq+20)
			ranges = append(ranges, Range{first, first + random.Uint64N(40)})
		}
		rows, err := g.Rows(ctx, ranges)
		if err != nil || g.Link().Server.Epoch != before.Server.Epoch {
			return // as it may be; then nobody knows of which epoch they are
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, f := range rows.Frames {
			o.seen = append(o.seen, look{before.Server.Epoch, g.view, f})
		}
	})
}

// check holds what came against what was produced.
func (o *onlooker) check(lives []*life) error {
	for _, l := range o.seen {
		at := slices.IndexFunc(lives, func(one *life) bool { return one.epoch == l.epoch })
		if err := checkCells(lives[at].frames[l.row.FirstSeq-1:l.row.LastSeq], l.view, l.row); err != nil {
			return fmt.Errorf("the row of frames %d to %d of %q: %w", l.row.FirstSeq, l.row.LastSeq, l.epoch, err)
		}
	}
	return nil
}

// What an answer of rows of ten frames each takes of the server.
func BenchmarkRows(b *testing.B) {
	for _, bins := range []int{1024, 4096, 8192, 65_536} {
		b.Run(fmt.Sprint(bins), func(b *testing.B) {
			v := asking(encodingPB, 100, bins, 1e9)
			v.server.merging.SetLimit(rate.Inf)
			v.setView(&wire.View{Columns: 4096})
			const rows = 8
			b.ReportAllocs()
			for b.Loop() {
				answer, err := v.recall(b.Context(), rowsRequest(rows))
				if err != nil || len(answer.GetRows()) != rows {
					b.Fatalf("%d rows, %v", len(answer.GetRows()), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}

// Who asks for more than one answer at a time is told that the server is busy: its link is
// read on, since what it acknowledges makes room for the answer.
func TestRowsByTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.feed(20)
		conn := r.dialRaw(t, protocolPB)
		say := func(m *wire.ClientMessage) {
			t.Helper()
			if err := tell(conn, encodingPB, m); err != nil {
				t.Fatal(err)
			}
		}
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{View: &wire.View{Columns: 64}}}})
		r.feed(100) // more than go without an acknowledgement
		const asked = 8
		for range asked {
			say(&wire.ClientMessage{Kind: &wire.ClientMessage_Rows{Rows: rowsRequest(1)}})
		}
		say(&wire.ClientMessage{Kind: &wire.ClientMessage_Ping{Ping: &wire.Ping{Id: 1}}})
		frames, busy, rows := uint64(0), 0, 0
		for rows+busy < asked {
			switch m := hear(t, conn, encodingPB); {
			case m.GetFrame() != nil:
				frames++
			case m.GetRows() != nil && m.GetRows().GetAnswered() == 0:
				busy++
			case m.GetRows() != nil:
				rows++
			case m.GetPong() != nil:
				say(&wire.ClientMessage{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: frames, Received: frames}}})
			}
		}
		if rows == 0 || busy == 0 {
			t.Errorf("%d answers, %d times busy", rows, busy)
		}
		_ = conn.CloseNow()
		r.close(t)
	})
}
