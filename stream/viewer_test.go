package stream

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"argos/spectrum"
	"argos/stream/wire"
)

// take is what a viewer does with a message, as far as it goes without a network.
func (v *viewer) take(m *wire.ClientMessage) {
	switch kind := m.GetKind().(type) {
	case *wire.ClientMessage_Hello:
		v.setView(kind.Hello.GetView())
		v.place(kind.Hello.GetResume())
	case *wire.ClientMessage_Ack:
		v.acknowledge(kind.Ack.GetFrames())
	case *wire.ClientMessage_View:
		v.setView(kind.View)
	case *wire.ClientMessage_Command:
		_ = v.server.set(context.Background(), kind.Command.GetSet())
	}
}

func FuzzClientMessage(f *testing.F) {
	h := spectrum.NewHistory(0)
	for n := range 100 {
		frame := testFrame(n)
		frame.Grid.Generation = uint64(n / 20)
		h.Append(frame)
	}
	server := NewServer(newFakeSource(), h, nil)
	for range 5 {
		server.events.Append(Event{Kind: "test"})
	}
	for _, m := range []*wire.ClientMessage{
		helloMessage,
		{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{Resume: &wire.Position{Epoch: server.epoch, Seq: 3, Offset: 2}}}},
		{Kind: &wire.ClientMessage_Hello{Hello: &wire.Hello{
			View:   &wire.View{Columns: 5, LowHz: 100.01e6, HighHz: 100.02e6, RowMs: 3},
			Resume: &wire.Position{Epoch: server.epoch, Seq: 60, Holes: []*wire.Range{{First: 2, Last: 3}, {First: 7, Last: 50}}},
		}}},
		{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Frames: 5}}},
		{Kind: &wire.ClientMessage_View{View: &wire.View{Columns: 7}}},
		{Kind: &wire.ClientMessage_Ping{Ping: &wire.Ping{Id: 1}}},
		{Kind: &wire.ClientMessage_Command{Command: &wire.Command{Key: "k", Set: map[string]string{"freq": "1G", "range": "1M:2M"}}}},
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
		v := &viewer{server: server, metrics: server.metrics, encoding: e, flow: newFlow(0), wake: make(chan struct{}, 1), events: eventCursor{log: server.events}}
		v.flow.send(5, 5, time.Now())
		v.flow.send(9, 9, time.Now())
		v.cursor = 1
		v.take(m)
		head := h.Head()
		if v.cursor < 1 || v.cursor > head || len(v.holes) > holesMost+1 || v.events.offset > server.events.Head() {
			t.Fatalf("cursor %d of %d, offset %d, holes %v", v.cursor, head, v.events.offset, v.holes)
		}
		last := uint64(0)
		for _, h := range v.holes {
			if h.first <= last || h.last < h.first || h.last >= v.cursor {
				t.Fatalf("holes %v before %d", v.holes, v.cursor)
			}
			last = h.last
		}
		if len(v.holes) > 0 && (v.rowFrames == 0 || v.oldest == 0) {
			t.Fatalf("rows of %d from %d on", v.rowFrames, v.oldest)
		}
		if v.cursor < head {
			if p, err := v.part(v.cursor, head); err != nil || p == nil {
				t.Fatalf("%+v from %d: %v", v.view, v.cursor, err)
			}
		}
	})
}
