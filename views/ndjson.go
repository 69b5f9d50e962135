package views

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"argos/spectrum"
	"argos/stream"
)

// An NDJSON writes what comes over a link as lines of JSON: kinds "spectrum", or "zerospan" where
// that is what is measured, "link", "device" and "event". Frames are acknowledged once written, so that a reader that
// does not keep up gets them merged. Frame and Event are for one goroutine.
type NDJSON struct {
	out     io.Writer
	lines   chan line
	waiting atomic.Int64  // bytes of lines
	written chan struct{} // holds a token after a line was written
	ended   chan struct{} // closed when Run returns: nothing is written any more
	spare   sync.Pool
}

// What may wait to be written is more lines than a server sends ahead of acknowledgements,
// and as many bytes, but for the last line: one of a wide survey can have 30 MB. Beyond
// that the link waits, and the server merges.
const (
	linesWaiting = 64
	bytesWaiting = 16 << 20
)

type line struct {
	text *bytes.Buffer
	seq  uint64 // of a frame
}

var _ stream.Sink = (*NDJSON)(nil)

// NewNDJSON returns a view that writes to out.
func NewNDJSON(out io.Writer) *NDJSON {
	n := &NDJSON{out: out, lines: make(chan line, linesWaiting), written: make(chan struct{}, 1), ended: make(chan struct{})}
	n.spare.New = func() any { return new(bytes.Buffer) }
	return n
}

// Frame queues the line of f.
func (n *NDJSON) Frame(f *spectrum.Frame) {
	b := n.spare.Get().(*bytes.Buffer)
	b.Reset()
	appendFrame(b, f)
	n.queue(line{b, f.LastSeq})
}

// Gap queues a line that says that the frames first to last will not come.
func (n *NDJSON) Gap(first, last uint64) {
	n.put(map[string]any{"kind": "gap", "first_seq": first, "seq": last})
}

// Event queues the line of e.
func (n *NDJSON) Event(e stream.Event) {
	m := map[string]any{
		"kind": "event", "event": e.Kind, "severity": e.Severity.String(), "text": e.Text,
		"time": stamp(e.Time), "offset": e.Offset,
	}
	if e.Offset > 0 {
		m["h"] = e.Hash.String()
	}
	if e.HighHz > 0 {
		m["low_hz"], m["high_hz"] = e.LowHz, e.HighHz
	}
	if g := e.Gap; g != nil {
		m["first_offset"], m["missing"], m["reason"] = g.First, g.Count(), g.Reason
	}
	n.put(m)
}

// put queues a line of numbers and strings.
func (n *NDJSON) put(m map[string]any) {
	b := n.spare.Get().(*bytes.Buffer)
	b.Reset()
	_ = json.NewEncoder(b).Encode(m) // cannot fail
	n.queue(line{text: b})
}

func (n *NDJSON) queue(l line) {
	for n.waiting.Load() > bytesWaiting {
		select {
		case <-n.written:
		case <-n.ended:
			return
		}
	}
	n.waiting.Add(int64(l.text.Len()))
	select {
	case n.lines <- l:
	case <-n.ended:
	}
}

// Run writes until ctx ends or out fails; link and device state once a second and at
// each change of the link's state. An out that takes nothing holds up the end for no
// more than 2 s. It is called once.
func (n *NDJSON) Run(ctx context.Context, src Source) error {
	defer close(n.ended)
	return untilEnd(ctx, func() error { return n.write(ctx, src) })
}

func (n *NDJSON) write(ctx context.Context, src Source) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var state stream.LinkState
	var device *spectrum.Status // newest, for the lines of frames
	for ticks := 0; ; {
		select {
		case <-ctx.Done():
			return nil
		case l := <-n.lines:
			size := int64(l.text.Len())
			if l.seq > 0 {
				if device == nil {
					device = src.Link().Device
				}
				endFrame(l.text, device)
			}
			_, err := n.out.Write(l.text.Bytes())
			n.spare.Put(l.text)
			n.waiting.Add(-size)
			select {
			case n.written <- struct{}{}:
			default:
			}
			if err != nil {
				return fmt.Errorf("write: %w", err)
			}
			if l.seq > 0 {
				src.Rendered(l.seq)
			}
		case <-tick.C:
			now := src.Link()
			device = now.Device
			if ticks%10 == 0 || now.State != state {
				if err := n.status(&now); err != nil {
					return err
				}
			}
			state = now.State
			ticks++
		}
	}
}

// status writes link and device.
func (n *NDJSON) status(l *stream.Link) error {
	e := json.NewEncoder(n.out)
	if err := e.Encode(linkJSON(l)); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	if l.Device == nil {
		return nil
	}
	d := deviceJSON(l.Device)
	d["kind"] = "device"
	if err := e.Encode(d); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// WriteFrame writes the line of one frame.
func WriteFrame(out io.Writer, f *spectrum.Frame, device *spectrum.Status) error {
	var b bytes.Buffer
	appendFrame(&b, f)
	endFrame(&b, device)
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil
}

// appendFrame writes the line of a frame up to its device, which endFrame adds when
// the line goes out: the first frame may come before a device is known.
func appendFrame(b *bytes.Buffer, f *spectrum.Frame) {
	g := &f.Grid
	kind, axis := "spectrum", fmt.Sprintf(`"start_hz":%s,"bin_hz":%s`, number(g.StartHz), number(g.BinHz))
	if g.ZeroSpan() { // who reads frequencies must not take it for any
		kind, axis = "zerospan", fmt.Sprintf(`"freq_hz":%s,"start_s":%s,"point_s":%s`, number(g.StartHz), number(g.StartSec()), number(g.PointSec))
	}
	fmt.Fprintf(b, `{"kind":%q,"seq":%d,"first_seq":%d,"merged":%d,"first_time":%q,"time":%q,"first_mono_s":%s,"mono_s":%s,"generation":%d,`,
		kind, f.LastSeq, f.FirstSeq, f.Merged(), stamp(f.First), stamp(f.Last), number(f.Mono.First.Seconds()), number(f.Mono.Last.Seconds()), g.Generation)
	fmt.Fprintf(b, `%s,"unit":%q,"rbw_hz":%s,"vbw_hz":%s,"window":%q,"dc":%q,"averages":%d,"step_db":%s,"error_db":%s,"simulated":%t,"overload":%s,"lost":%d`,
		axis, g.Unit(), number(g.RBWHz), number(g.VBWHz), g.Window, g.DC, f.Averages(), number(g.StepDB), number(f.ErrorDB), g.Simulated, number(float64(f.Overload)), f.Lost)
	appendPowers(b, `,"mean_db":[`, g, f.Mean)
	appendPowers(b, `,"max_db":[`, g, f.Max)
	if g.Min {
		appendPowers(b, `,"min_db":[`, g, f.Min)
	}
}

func endFrame(b *bytes.Buffer, device *spectrum.Status) {
	text := []byte("{}")
	if device != nil {
		// Marshalling a map of numbers and strings cannot fail.
		text, _ = json.Marshal(deviceJSON(device))
	}
	b.WriteString(`,"device":`)
	b.Write(text)
	b.WriteString("}\n")
}

func appendPowers(b *bytes.Buffer, name string, g *spectrum.Grid, powers []int16) {
	b.WriteString(name)
	for i, q := range powers {
		if i > 0 {
			b.WriteByte(',')
		}
		if q == spectrum.Absent {
			b.WriteString("null")
			continue
		}
		// Steps are thousandths; rounding hides what binary makes of them.
		db := math.Round(g.DB(q)*1000) / 1000
		b.Write(strconv.AppendFloat(b.AvailableBuffer(), db, 'g', -1, 64))
	}
	b.WriteByte(']')
}

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func ms(d time.Duration) float64 { return math.Round(d.Seconds()*1e6) / 1e3 }

func linkJSON(l *stream.Link) map[string]any {
	m := map[string]any{
		"kind": "link", "state": l.State.String(), "since": stamp(l.Since), "url": l.URL, "reason": l.Reason,
		"attempt": l.Attempt, "outages": len(l.Outages), "restarts": l.Restarts,
		"rtt_ms": ms(l.RTT.Now), "rtt_p50_ms": ms(l.RTT.P50), "rtt_p95_ms": ms(l.RTT.P95), "rtt_p99_ms": ms(l.RTT.P99),
		"jitter_ms": ms(l.RTT.Jitter), "clock_offset_ms": ms(l.RTT.ClockOffset),
		"frames_per_s": l.Frames.Now, "in_bytes_per_s": l.In.Now, "out_bytes_per_s": l.Out.Now,
		"merged": l.Merged, "missing": l.Missing, "events_missing": l.EventsMissing, "pending": l.Pending, "refused": l.Refused, "seq": l.LastSeq, "tier": l.Tier,
		"age_ms": map[string]any{"capture": ms(l.Age.Capture), "serve": ms(l.Age.Serve), "link": ms(l.Age.Link), "write": ms(l.Age.Draw)},
		"server": map[string]any{
			"name": l.Server.Name, "version": l.Server.Version, "role": l.Server.Role, "insecure": l.Server.Insecure, "pid": l.Server.PID, "epoch": l.Server.Epoch,
		},
	}
	if l.State == stream.Reconnecting {
		m["retry_in_ms"] = ms(max(time.Until(l.RetryAt), 0))
	}
	return m
}

func deviceJSON(s *spectrum.Status) map[string]any {
	t := &s.Settings.Tuning
	m := map[string]any{
		"driver": s.Info.Driver, "name": s.Info.Name, "serial": s.Info.Serial, "firmware": s.Info.Firmware,
		"simulated": s.Info.Simulated, "state": s.State.String(), "reason": s.Reason,
		"center_hz": t.CenterHz, "span_hz": t.SpanHz, "rate_hz": t.RateHz,
		"rbw_hz": s.Settings.RBWHz, "bins": s.Settings.Bins, "window": s.Settings.Window.String(),
		"overlap": s.Settings.Overlap, "fps": s.Settings.FPS,
		"vbw_hz": s.Settings.VBWHz, "min": s.Settings.Min, "step_db": s.Settings.StepDB, "dc": s.Settings.DC.String(),
		"samples_per_s": math.Round(s.SamplesPerSec), "lost": s.Lost, "frames": s.Frames,
	}
	if k := s.Correction; k != (spectrum.Correction{}) {
		m["correction"] = map[string]any{"ppm": k.PPM, "iq": k.IQ, "slope": k.Slope, "level": k.Level, "missing": k.Missing}
	}
	if t.ZeroSpan() {
		m["sweep_time_s"] = s.Settings.SweepTime.Seconds()
	}
	if s.Info.Gains {
		m["lna_db"], m["vga_db"], m["amp"], m["bias_tee"] = t.LNADB, t.VGADB, t.Amp, t.BiasTee
	}
	if !s.LastOverload.IsZero() {
		m["last_overload"] = stamp(s.LastOverload)
	}
	if s.Info.Duration > 0 {
		m["position_s"], m["duration_s"] = s.Position.Seconds(), s.Info.Duration.Seconds()
	}
	return m
}
