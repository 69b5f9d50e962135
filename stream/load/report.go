package load

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"
)

// A Report is what was measured. Its names in JSON are part of what argos-tui promises.
type Report struct {
	URL         string  `json:"url"`
	Version     string  `json:"version"`     // of the server
	Viewers     int     `json:"viewers"`     // slow ones and others
	Connected   int     `json:"connected"`   // of them, at the end
	Seconds     float64 `json:"seconds"`     // that were measured
	Interrupted bool    `json:"interrupted"` // it was to be more

	Frames    int64   `json:"frames"` // messages to all viewers
	FramesPS  float64 `json:"frames_per_s"`
	Bytes     int64   `json:"bytes"` // to all viewers, as on the wire
	BytesPS   float64 `json:"bytes_per_s"`
	Latency   Latency `json:"latency_ms"` // of those who are not slow, from the last sample to here
	Merged    int64   `json:"merged"`     // frames that came to them merged into another
	Gaps      int64   `json:"gaps"`       // frames that will not come to them
	Reconnect int     `json:"reconnects"` // of all

	Slow   *Slow   `json:"slow,omitempty"`
	Storm  *Storm  `json:"storm,omitempty"`
	Server *Server `json:"server,omitempty"` // nil: it does not tell

	OwnCPU float64 `json:"own_cpu,omitempty"` // cores that the viewers took; 0: not known
}

// Slow is what came to viewers that are slow.
type Slow struct {
	Viewers int   `json:"viewers"`
	Frames  int64 `json:"frames"`
	Merged  int64 `json:"merged"`
	Gaps    int64 `json:"gaps"`
}

// Storm is how viewers came back that were cut off all at once.
type Storm struct {
	Cut   int      `json:"cut"`
	Back  int      `json:"back"`
	HalfS *float64 `json:"half_s"` // until half of them were; nil: they were not
	AllS  *float64 `json:"all_s"`
}

// Server is what a server needed.
type Server struct {
	FPS        float64 `json:"fps"`              // frames measured a second
	CPU        float64 `json:"cpu"`              // cores
	PerFrameUS float64 `json:"cpu_us_per_frame"` // CPU time for each frame delivered, capture included
	Resident   float64 `json:"resident_bytes"`
	IdleBytes  float64 `json:"resident_bytes_before"` // the viewers came
}

// conclude makes the report.
func (r *run) conclude(ctx context.Context) error {
	took := time.Since(r.began)
	own := ownCPU() - r.own
	interrupted := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), nursePatience)
	defer cancel()
	quick, ages := r.crowd.quick.read() // frames still come: what is said of them has to agree
	slow := r.crowd.slow.counts()
	all := quick.plus(slow)
	seconds := took.Seconds()
	p := &Report{
		URL: r.URL, Version: r.crowd.first().Link().Server.Version, Viewers: r.Viewers, Connected: r.crowd.Connected(),
		Seconds: thousandths(seconds), Interrupted: interrupted,
		Frames: all.frames, FramesPS: thousandths(float64(all.frames) / seconds), Bytes: all.bytes, BytesPS: thousandths(float64(all.bytes) / seconds),
		Latency: ages, Merged: quick.merged, Gaps: quick.gaps,
		OwnCPU: thousandths(own.Seconds() / seconds),
	}
	r.report = p
	if n := r.slow(); n > 0 {
		p.Slow = &Slow{n, slow.frames, slow.merged, slow.gaps}
	}
	var back []time.Duration
	p.Reconnect, back = r.returns()
	if r.cut > 0 {
		p.Storm = newStorm(r.cut, back)
	}
	if r.unwell == nil {
		// It may have gone, which the viewers tell.
		if now, err := r.nurse.read(ctx); err == nil {
			since := now.at.Sub(r.before.at).Seconds()
			cpu := (now.cpu - r.before.cpu) / since
			p.Server = &Server{
				FPS: thousandths((now.frames - r.before.frames) / since), CPU: thousandths(cpu), Resident: now.resident, IdleBytes: r.idle.resident,
			}
			if p.FramesPS > 0 {
				p.Server.PerFrameUS = thousandths(1e6 * cpu / p.FramesPS)
			}
		}
	}
	if p.Connected < p.Viewers {
		return fmt.Errorf("%d of %d viewers are connected at the end%s", p.Connected, p.Viewers, r.crowd.excuse())
	}
	return nil
}

// returns counts the links that came back since measuring began, and tells how long after
// the storm each viewer was back.
func (r *run) returns() (reconnects int, back []time.Duration) {
	for l := range r.crowd.Links() {
		first := true
		for _, o := range l.Outages {
			if !o.To.Before(r.began) {
				reconnects++
			}
			if r.cut > 0 && first && !o.To.Before(r.storm) {
				first = false
				back = append(back, o.To.Sub(r.storm))
			}
		}
	}
	return reconnects, back
}

// newStorm tells of so many viewers that were cut off, of whom some were back after so
// long.
func newStorm(cut int, back []time.Duration) *Storm {
	slices.Sort(back)
	s := &Storm{Cut: cut, Back: len(back)}
	after := func(n int) *float64 {
		if n > len(back) {
			return nil
		}
		seconds := thousandths(back[n-1].Seconds())
		return &seconds
	}
	s.HalfS, s.AllS = after((cut+1)/2), after(cut)
	return s
}

// Write writes the report as a table for people.
func (p *Report) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("server", "%s, %s", p.URL, p.Version)
	early := ""
	if p.Interrupted {
		early = ", ended early"
	}
	row("measured", "%.1f s%s", p.Seconds, early)
	row("viewers", "%d, %d connected at the end", p.Viewers, p.Connected)
	row("delivered", "%.0f frames/s, %s/s", p.FramesPS, bytesText(p.BytesPS))
	l := &p.Latency
	row("latency", "p50 %.1f  p95 %.1f  p99 %.1f  p99.9 %.1f  max %.1f ms, last sample to here, %d frames", l.P50, l.P95, l.P99, l.P999, l.Max, l.Frames)
	row("merged", "%d frames", p.Merged)
	row("gaps", "%d frames", p.Gaps)
	row("reconnects", "%d", p.Reconnect)
	if s := p.Slow; s != nil {
		row("slow", "%d of the viewers, counted apart: %d frames, %d merged, %d in gaps", s.Viewers, s.Frames, s.Merged, s.Gaps)
	}
	if s := p.Storm; s != nil {
		row("storm", "%d cut off, %d back: half in %s, all in %s", s.Cut, s.Back, secondsText(s.HalfS), secondsText(s.AllS))
	}
	if s := p.Server; s != nil {
		row("server CPU", "%.0f %% of a core at %.1f frames/s measured, %.1f us for each delivered", 100*s.CPU, s.FPS, s.PerFrameUS)
		row("server memory", "%s, %s before the viewers came", bytesText(s.Resident), bytesText(s.IdleBytes))
	}
	if p.OwnCPU > 0 {
		row("viewers' CPU", "%.0f %% of a core", 100*p.OwnCPU)
	}
	return w.Flush()
}

// thousandths is v without digits that nobody measured.
func thousandths(v float64) float64 { return math.Round(v*1e3) / 1e3 }

func secondsText(s *float64) string {
	if s == nil {
		return "never"
	}
	return fmt.Sprintf("%.2f s", *s)
}

func bytesText(v float64) string {
	switch {
	case v < 1e3:
		return fmt.Sprintf("%.0f B", v)
	case v < 1e6:
		return fmt.Sprintf("%.1f kB", v/1e3)
	case v < 1e9:
		return fmt.Sprintf("%.1f MB", v/1e6)
	default:
		return fmt.Sprintf("%.2f GB", v/1e9)
	}
}
