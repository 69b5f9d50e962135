package views

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"
)

// A jsonSource is a link as an NDJSON needs it.
type jsonSource struct {
	mu       sync.Mutex
	link     stream.Link
	rendered []uint64
}

func (s *jsonSource) Link() stream.Link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link
}

func (s *jsonSource) set(change func(l *stream.Link)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.link)
}

func (s *jsonSource) Rendered(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rendered = append(s.rendered, seq)
}

func (s *jsonSource) acknowledged() []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.rendered)
}

func (*jsonSource) Kick(context.Context, string) error          { return nil }
func (*jsonSource) Do(context.Context, map[string]string) error { return nil }
func (*jsonSource) Retry()                                      {}
func (*jsonSource) Show(stream.View)                            {}

func (*jsonSource) Rows(context.Context, []stream.Range) (stream.Rows, error) {
	return stream.Rows{}, nil
}

// A jsonPipe is an output that can stall and fail.
type jsonPipe struct {
	mu    sync.Mutex
	text  bytes.Buffer
	err   error
	stall chan struct{} // not nil: writes wait for it to be closed
}

func (p *jsonPipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	stall := p.stall
	p.mu.Unlock()
	if stall != nil {
		<-stall
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	return p.text.Write(b)
}

// lines are those written so far, each of which must be one JSON object.
func (p *jsonPipe) lines(t *testing.T) []map[string]any {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []map[string]any
	for text := range bytes.Lines(p.text.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(text, &m); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		found = append(found, m)
	}
	return found
}

func jsonLinesOf(lines []map[string]any, kind string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(lines), func(m map[string]any) bool { return m["kind"] != kind })
}

func jsonFrame(seq uint64) *spectrum.Frame {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	return &spectrum.Frame{
		Grid: spectrum.Grid{
			Generation: 3, StartHz: 432.92e6, BinHz: 500e3, Bins: 4, StepDB: 0.1, RBWHz: 750e3, Window: spectrum.BlackmanHarris, Simulated: true,
		},
		FirstSeq: seq, LastSeq: seq, First: at, Last: at.Add(time.Second), Lost: 9, Overload: 0.5, ErrorDB: 0.05,
		Mono:     spectrum.Mono{First: 100_250 * time.Millisecond, Last: 101_250 * time.Millisecond},
		Segments: []spectrum.Segment{{Bins: 3, Windows: 8}},
		Mean:     []int16{-903, -901, 7, spectrum.Absent},
		Max:      []int16{-853, -801, 9, spectrum.Absent},
	}
}

var jsonDevice = &spectrum.Status{
	Info:     device.Info{Driver: "synth", Name: "Syn\"th", Simulated: true, Gains: true},
	Settings: spectrum.DefaultSettings(), State: spectrum.Capturing,
}

func TestWriteFrameHasTheFieldsAskedFor(t *testing.T) {
	var out bytes.Buffer
	if err := WriteFrame(&out, jsonFrame(5), jsonDevice); err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 || !bytes.HasSuffix(out.Bytes(), []byte("}\n")) {
		t.Errorf("%d line ends in %s", n, out.Bytes())
	}
	var got struct {
		Kind      string
		Seq       uint64
		StartHz   float64    `json:"start_hz"`
		BinHz     float64    `json:"bin_hz"`
		MeanDB    []*float64 `json:"mean_db"`
		MaxDB     []*float64 `json:"max_db"`
		Unit      string
		RBWHz     float64 `json:"rbw_hz"`
		Averages  int
		Device    map[string]any
		Simulated bool
		Merged    int
		Time      time.Time
		Lost      int
		MonoS     float64 `json:"mono_s"`
		FirstMono float64 `json:"first_mono_s"`
		StepDB    float64 `json:"step_db"`
		ErrorDB   float64 `json:"error_db"`
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Kind != "spectrum" || got.Seq != 5 || got.StartHz != 432.92e6 || got.BinHz != 500e3 || got.Unit != "dBFS" ||
		got.RBWHz != 750e3 || got.Averages != 8 || !got.Simulated || got.Merged != 1 || got.Lost != 9 || got.StepDB != 0.1 || got.ErrorDB != 0.05 {
		t.Errorf("%+v", got)
	}
	if got.FirstMono != 100.25 || got.MonoS != 101.25 {
		t.Errorf("from %g s to %g s of the epoch", got.FirstMono, got.MonoS)
	}
	if want := jsonFrame(5).Last; !got.Time.Equal(want) {
		t.Errorf("time %s, want %s", got.Time, want)
	}
	for i, want := range []float64{-90.3, -90.1, 0.7} {
		if *got.MeanDB[i] != want {
			t.Errorf("mean of bin %d is %g, want %g", i, *got.MeanDB[i], want)
		}
	}
	if len(got.MeanDB) != 4 || len(got.MaxDB) != 4 || got.MeanDB[3] != nil || got.MaxDB[3] != nil || *got.MaxDB[1] != -80.1 {
		t.Errorf("mean %v, max %v", got.MeanDB, got.MaxDB)
	}
	if got.Device["driver"] != "synth" || got.Device["name"] != "Syn\"th" || got.Device["lna_db"] != 24.0 || got.Device["simulated"] != true {
		t.Errorf("device %v", got.Device)
	}
	if bytes.Contains(out.Bytes(), []byte("min_db")) || !bytes.Contains(out.Bytes(), []byte(`"vbw_hz":0,"window":"blackman-harris","dc":"keep"`)) {
		t.Errorf("without min, vbw and dc: %s", out.Bytes())
	}
	out.Reset()
	detectors := jsonFrame(5)
	detectors.Grid.Min, detectors.Grid.VBWHz, detectors.Grid.DC = true, 12.5, spectrum.DCMask
	detectors.Min = []int16{-953, -951, 5, spectrum.Absent}
	if err := WriteFrame(&out, detectors, jsonDevice); err != nil || !bytes.Contains(out.Bytes(), []byte(`"vbw_hz":12.5,"window":"blackman-harris","dc":"mask"`)) ||
		!bytes.Contains(out.Bytes(), []byte(`"min_db":[-95.3,-95.1,0.5,null]`)) {
		t.Errorf("%v: %s", err, out.Bytes())
	}
	out.Reset()
	calibrated := jsonFrame(5)
	calibrated.Grid.Calibrated = true
	if err := WriteFrame(&out, calibrated, nil); err != nil || !bytes.Contains(out.Bytes(), []byte(`"unit":"dBm"`)) || !bytes.Contains(out.Bytes(), []byte(`"device":{}`)) {
		t.Errorf("%v: %s", err, out.Bytes())
	}
	if err := WriteFrame(&jsonPipe{err: errors.New("disk full")}, jsonFrame(5), nil); err == nil {
		t.Error("a failed write is no error")
	}
}

func TestNDJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, src := new(jsonPipe), new(jsonSource)
		src.set(func(l *stream.Link) { l.State = stream.Live })
		n := NewNDJSON(out)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx, src) }()

		n.Frame(jsonFrame(1))
		n.Event(stream.Event{Offset: 4, Time: time.Now(), Kind: "overload", Severity: stream.Warning, Text: "it \"says\" <&>", LowHz: 433e6, HighHz: 434e6})
		n.Event(stream.Event{Offset: 9, Kind: "gap", Severity: stream.Warning, Gap: &stream.EventGap{First: 5, Last: 9, Reason: "evicted"}})
		n.Event(stream.Event{Kind: "link"})
		time.Sleep(150 * time.Millisecond)
		lines := out.lines(t)
		if f := jsonLinesOf(lines, "spectrum"); len(f) != 1 || len(f[0]["device"].(map[string]any)) != 0 {
			t.Errorf("frames %v", f)
		}
		if e := jsonLinesOf(lines, "event"); len(e) != 3 || e[0]["event"] != "overload" || e[0]["low_hz"] != 433e6 || e[0]["high_hz"] != 434e6 || e[0]["h"] != strings.Repeat("0", 32) ||
			e[1]["first_offset"] != 5.0 || e[1]["offset"] != 9.0 || e[1]["missing"] != 5.0 || e[1]["reason"] != "evicted" || len(e[2]) != 6 || e[0]["severity"] != "warning" || e[0]["text"] != "it \"says\" <&>" {
			t.Errorf("events %v", e)
		}
		if l, d := jsonLinesOf(lines, "link"), jsonLinesOf(lines, "device"); len(l) != 1 || l[0]["state"] != "LIVE" || len(d) != 0 {
			t.Errorf("link %v, device %v", l, d)
		}
		if got := src.acknowledged(); !slices.Equal(got, []uint64{1}) {
			t.Errorf("acknowledged %v", got)
		}

		// Link and device once a second, and at a change of state.
		src.set(func(l *stream.Link) { l.Device = jsonDevice })
		time.Sleep(5 * time.Second)
		lines = out.lines(t)
		if l, d := jsonLinesOf(lines, "link"), jsonLinesOf(lines, "device"); len(l) != 6 || len(d) != 5 {
			t.Errorf("%d lines of the link, %d of the device", len(l), len(d))
		}
		src.set(func(l *stream.Link) {
			l.State, l.Reason, l.RetryAt = stream.Reconnecting, "cut", time.Now().Add(time.Second)
		})
		time.Sleep(150 * time.Millisecond)
		l := jsonLinesOf(out.lines(t), "link")
		if last := l[len(l)-1]; last["state"] != "RECONNECTING" || last["reason"] != "cut" || last["retry_in_ms"].(float64) <= 0 {
			t.Errorf("%v", last)
		}
		n.Frame(jsonFrame(2))
		synctest.Wait()
		f := jsonLinesOf(out.lines(t), "spectrum")
		if device := f[len(f)-1]["device"].(map[string]any); device["driver"] != "synth" {
			t.Errorf("device %v", device)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// fillJSON feeds frames without end from another goroutine, as a link does, and returns
// a channel that is closed when it was let go after stop.
func fillJSON(n *NDJSON, stop <-chan struct{}) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for seq := uint64(1); ; seq++ {
			select {
			case <-stop:
				return
			default:
				n.Frame(jsonFrame(seq))
			}
		}
	}()
	return gone
}

func TestNDJSONEndsWhenItsOutputFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken pipe")
		n, stop := NewNDJSON(&jsonPipe{err: broken}), make(chan struct{})
		gone := fillJSON(n, stop)
		synctest.Wait() // the queue is full
		if err := n.Run(t.Context(), new(jsonSource)); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
		close(stop)
		<-gone
	})
}

func TestNDJSONWithAStalledReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		out, src := &jsonPipe{stall: stall}, new(jsonSource)
		n, stop := NewNDJSON(out), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx, src) }()
		gone := fillJSON(n, stop)
		time.Sleep(time.Minute)
		if got := src.acknowledged(); len(got) != 0 {
			t.Errorf("acknowledged %v, which nobody has read", got)
		}
		cancel()
		close(stall)
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(stop)
		<-gone
		out.lines(t)
	})
}

func TestNDJSONEndsThoughNothingIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stall := make(chan struct{})
		defer close(stall)
		n := NewNDJSON(&jsonPipe{stall: stall})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- n.Run(ctx, new(jsonSource)) }()
		n.Frame(jsonFrame(1))
		synctest.Wait()
		cancel()
		began := time.Now()
		if err := <-done; !errors.Is(err, errAbandoned) {
			t.Errorf("ended with %v", err)
		}
		if took := time.Since(began); took > patience {
			t.Errorf("took %v to end", took)
		}
	})
}

func TestNDJSONEndsWithAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, stop := NewNDJSON(new(jsonPipe)), make(chan struct{})
		gone := fillJSON(n, stop)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := n.Run(ctx, new(jsonSource)); err != nil {
			t.Error(err)
		}
		close(stop)
		<-gone
	})
}
