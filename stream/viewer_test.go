package stream

import (
	"context"
	"testing"

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
		v.acknowledge(kind.Ack.GetSeq())
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
		{Kind: &wire.ClientMessage_Ack{Ack: &wire.Ack{Seq: 5}}},
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
		v := &viewer{server: server, metrics: server.metrics, encoding: e, window: windowMost, wake: make(chan struct{}, 1), events: eventCursor{log: server.events}}
		v.sent = []flight{{last: 5}, {last: 9}}
		v.cursor = 1
		v.take(m)
		head := h.Head()
		if v.cursor < 1 || v.cursor > head || len(v.fill) > rowsAtOnce || v.events.offset > server.events.Head() {
			t.Fatalf("cursor %d of %d, offset %d, %d rows", v.cursor, head, v.events.offset, len(v.fill))
		}
		last := v.cursor
		for _, end := range v.fill {
			if end < last || end > head {
				t.Fatalf("rows end at %v, from %d to %d", v.fill, v.cursor, head)
			}
			last = end
		}
		if v.cursor < head {
			if s := server.share.get(part{e, v.columns, v.cursor, head}); s.err != nil || s.last == 0 {
				t.Fatalf("%d columns from %d: %v", v.columns, v.cursor, s.err)
			}
		}
	})
}
