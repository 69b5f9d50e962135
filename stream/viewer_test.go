package stream

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/protobuf/encoding/protojson"

	"argos/spectrum"
	"argos/stream/wire"
)

// take is what a viewer does with a message, as far as it goes without a network.
func (v *viewer) take(t *testing.T, m *wire.ClientMessage) (said *wire.Past, err error) {
	switch kind := m.GetKind().(type) {
	case *wire.ClientMessage_Hello:
		if err := v.begin(kind.Hello); err != nil {
			return nil, err
		}
		v.setView(kind.Hello.GetView())
		v.place(kind.Hello.GetResume())
		_, err = v.events.join(kind.Hello.GetResume())
	case *wire.ClientMessage_Ack:
		v.acknowledge(kind.Ack.GetReceived(), kind.Ack.GetFrames())
		v.events.acknowledge(kind.Ack.GetOffset())
	case *wire.ClientMessage_Filter:
		var f Filter
		if f, err = filterOf(kind.Filter); err == nil {
			v.events.set(f)
		}
	case *wire.ClientMessage_Past:
		said, err = v.events.past(kind.Past, v.encoding)
	case *wire.ClientMessage_View:
		v.setView(kind.View)
	case *wire.ClientMessage_Rows:
		checkRecall(t, v, kind.Rows)
	case *wire.ClientMessage_Kick:
		_ = v.kick(kind.Kick.GetSession()) // nobody is there
	case *wire.ClientMessage_Command:
		_ = v.server.set(context.Background(), kind.Command.GetSet())
		_, _ = v.server.control.take("fuzzer", kind.Command)
	}
	return said, err
}

func FuzzClientMessage(f *testing.F) {
	h := spectrum.NewHistory(0)
	for n := range 100 {
		frame := testFrame(n)
		frame.Grid.Generation = uint64(n / 20)
		h.Append(frame)
	}
	server := NewServer(newFakeSource(), h, nil)
	server.merging.SetLimit(rate.Inf)
	for range 5 {
		server.Event(Event{Kind: "test"})
	}
	for _, m := range []*wire.ClientMessage{
		helloMessage,
		{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Resume: &wire.Position{Epoch: server.epoch, Seq: 3, Offset: 2}}}},
		{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{
			View:   &wire.View{Columns: 5, LowHz: 100.01e6, HighHz: 100.02e6, RowMs: 3},
			Resume: &wire.Position{Epoch: server.epoch, Seq: 60, Holes: []*wire.Range{{First: 2, Last: 3}, {First: 7, Last: 50}}},
			Client: "c", Filter: &wire.Filter{Kinds: []string{"test"}, LowHz: 1, HighHz: 2},
		}}},
		{Kind: &wire.ClientMessage_Filter{Filter: &wire.Filter{Severity: 1}}},
		{Kind: &wire.ClientMessage_Past{Past: &wire.PastRequest{Key: "p", Before: 3, Limit: 1}}},
		{Kind: &wire.ClientMessage_Rows{Rows: &wire.RowsRequest{Key: "r", Ranges: []*wire.Range{{First: 91, Last: 100}, {First: 15, Last: 44}, {First: 200, Last: 3}}}}},
		{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: 5, Offset: 3}}},
		{Kind: &wire.ClientMessage_View{View: &wire.View{Columns: 7}}},
		{Kind: &wire.ClientMessage_Ping{Ping: &wire.Ping{Id: 1}}},
		{Kind: &wire.ClientMessage_Kick{Kick: &wire.Kick{Key: "k", Session: "s"}}},
		{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: "k", WaitMs: 5, Set: map[string]string{"freq": "1G", "range": "1M:2M"}}}},
	} {
		f.Add(mustMarshal(f, m), false)
		text, err := protojson.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, asText bool) {
		e := encodingPB
		if asText {
			e = encodingJSON
		}
		m := new(wire.ClientMessage)
		if e.unmarshal(data, m) != nil {
			return
		}
		// An epoch cannot be guessed by a fuzzer.
		if resume := m.GetHello().GetResume(); resume.GetEpoch() != "" {
			resume.Epoch = server.epoch
		}
		v := &viewer{server: server, metrics: server.metrics, encoding: e, flow: newFlow(0, time.Time{}), wake: make(chan struct{}, 1), events: eventCursor{feed: server.events}}
		v.flow.send(5, time.Now())
		v.flow.send(9, time.Now())
		v.cursor = 1
		past, err := v.take(t, m)
		if err != nil && !errors.Is(err, errMessage) {
			t.Fatal(err)
		}
		if len(past.GetEvents()) > pastAtOnce {
			t.Fatalf("%d past events", len(past.GetEvents()))
		}
		checkLane(t, &v.events, e)
		head := h.Head()
		if v.cursor < 1 || v.cursor > head || v.unasked > len(v.holes) {
			t.Fatalf("cursor %d of %d, holes %v", v.cursor, head, v.holes)
		}
		last := uint64(0)
		for _, h := range v.holes {
			if h.first <= last || h.last < h.first || h.last >= v.cursor {
				t.Fatalf("holes %v before %d", v.holes, v.cursor)
			}
			last = h.last
		}
		if len(v.holes) > 0 && v.oldest == 0 {
			t.Fatalf("holes %v from %d on", v.holes, v.oldest)
		}
		if v.cursor < head {
			if p, err := v.part(v.cursor, head, true); err != nil || p == nil {
				t.Fatalf("%+v from %d: %v", v.view, v.cursor, err)
			}
		}
	})
}

// checkLane reads a cursor to its end: the chain that it tells of ends with the log's.
func checkLane(t *testing.T, c *eventCursor, e encoding) {
	t.Helper()
	before := c.at
	for range logEntries {
		m, err := c.next(&c.filter, e)
		if err != nil {
			t.Fatal(err)
		}
		if m == nil {
			break
		}
		if m.GetEventGap() == nil && c.at.offset <= before.offset {
			t.Fatalf("event %d after %d", c.at.offset, before.offset)
		}
		before = c.at
	}
	if c.at != c.feed.Head() {
		t.Fatalf("ends at %+v, and the log at %+v", c.at, c.feed.Head())
	}
}

// checkRecall asks for rows: an answer is what its client takes, and within its bounds.
func checkRecall(t *testing.T, v *viewer, ask *wire.RowsRequest) {
	t.Helper()
	answer, err := v.recall(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	if len(answer.GetRows()) > rowsAtOnce*generationsAtOnce {
		t.Fatalf("%d rows", len(answer.GetRows()))
	}
	var ranges []Range
	for _, r := range ask.GetRanges() {
		ranges = append(ranges, Range{r.GetFirst(), r.GetLast()})
	}
	if _, err := rowsOf(answer, ranges); err != nil {
		t.Fatalf("%v: %v", ask, err)
	}
}
