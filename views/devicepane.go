package views

import (
	"fmt"
	"strings"
	"time"

	"argos/device"
	"argos/spectrum"
	"argos/stream"

	"github.com/gdamore/tcell/v2"
)

// A devicePane is the radio at the server and the place of its antenna.
type devicePane struct{ pane }

// Draw draws as many lines as there is room for.
func (p *devicePane) Draw(screen tcell.Screen) {
	x, y, w, h := p.GetInnerRect()
	x, w = x+1, w-1
	var lines [][]word
	if h > 7 {
		lines = append(lines, nil)
	}
	lines = append(lines, p.radio(h > 7)...)
	if h > 8 {
		lines = append(lines, nil)
	}
	lines = append(lines, p.place()...)
	for i, line := range lines[:min(h, len(lines))] {
		pn := pen{screen: screen, x: x, y: y + i, to: x + w}
		for _, s := range line {
			pn.put(s.text, s.style)
		}
	}
}

// pairs makes words of labels and values by turns.
func (p *devicePane) pairs(parts ...string) []word {
	l := p.desk.look
	value := l.text
	if !p.desk.connected() {
		value = l.quiet
	}
	ws := make([]word, len(parts))
	for i, s := range parts {
		ws[i] = word{s, l.label}
		if i%2 == 1 {
			ws[i].style = value
		}
	}
	return ws
}

func (p *devicePane) radio(long bool) [][]word {
	d := p.desk
	st := d.status()
	if st == nil {
		return [][]word{p.pairs("device ", "not known yet"), nil, nil, nil}
	}
	rate := "n/a"
	if r := st.SamplesPerSec; r > 0 {
		rate = fmt.Sprintf("%5.2f Msps", r/1e6)
	}
	first := p.pairs("device ", rate, "  lost ")
	lost := word{few(st.Lost), d.look.text}
	if st.Lost > 0 {
		lost.style = d.look.warn
	}
	lines := [][]word{append(first, lost)}
	if long {
		lines = append(lines,
			p.pairs("name ", clean(st.Info.Name)),
			p.pairs("driver ", clean(st.Info.Driver), "  serial ", orNone(clean(st.Info.Serial))))
		if fw := clean(st.Info.Firmware); fw != "" {
			lines = append(lines, p.pairs("firmware ", fw))
		}
		how, much := "  bins ", fmt.Sprint(st.Settings.Bins)
		if st.Settings.Tuning.ZeroSpan() {
			how, much = "  sweep ", p.desk.look.lasts(st.Settings.SweepTime.Seconds())
		}
		lines = append(lines, p.pairs("sample rate ", device.FormatHz(st.Settings.Tuning.RateHz, 3)+"Hz", how, much))
	}
	lines = append(lines, p.stateLine(st), p.overloadLine(st))
	lines = append(lines, p.correction(st, long)...)
	if st.Info.Duration > 0 {
		lines = append(lines, p.pairs("at ", clockOf(st.Position), " of ", clockOf(st.Info.Duration)))
	} else {
		lines = append(lines, p.pairs("frames ", grouped(st.Frames)))
	}
	return lines
}

// correction is what a calibration does to what is seen, if there is one, and what it
// does not.
func (p *devicePane) correction(st *spectrum.Status, long bool) (lines [][]word) {
	k := st.Correction
	if long && k != (spectrum.Correction{}) {
		lines = append(lines, p.pairs("clock ", fmt.Sprintf("%+.2f ppm", k.PPM), "  IQ ", onOff(k.IQ), "  slope ", onOff(k.Slope), "  dBm ", onOff(k.Level)))
	}
	if k.Missing != "" {
		lines = append(lines, []word{{clean(k.Missing), p.desk.look.warn}})
	}
	return lines
}

func (p *devicePane) stateLine(st *spectrum.Status) []word {
	if d := p.desk; !d.current() && d.board.frames > 0 {
		return append(p.pairs("state "), word{fmt.Sprintf("as of %s, %s ago", d.board.last.UTC().Format("15:04:05"), ago(d.age)), d.look.warn})
	}
	if st.State == spectrum.Capturing {
		return p.pairs("state ", "capturing", "  ", strings.TrimSpace(perSecond(st.BytesPerSec)))
	}
	ws := p.pairs("state ")
	return append(ws, word{strings.TrimSpace(st.State.String() + " " + clean(st.Reason)), p.desk.look.warn})
}

func (p *devicePane) overloadLine(st *spectrum.Status) []word {
	l := p.desk.look
	ws := p.pairs("overload ")
	switch since := p.desk.since(st.LastOverload); {
	case st.LastOverload.IsZero():
		return append(ws, word{"never", l.quiet})
	case since < 2*time.Second && st.Overload > 0:
		return append(ws, word{fmt.Sprintf(" now, %.1f%% of samples ", st.Overload*100), l.alarm})
	case since < 2*time.Second:
		return append(ws, word{" now ", l.alarm})
	default:
		return append(ws, word{ago(since) + " ago", l.warn})
	}
}

// place is where the antenna is.
func (p *devicePane) place() [][]word {
	g := p.desk.link.GPS
	if g == nil {
		return [][]word{{{"GPS ", p.desk.look.label}, {"none", p.desk.look.quiet}}}
	}
	fix := "no fix"
	if g.Fix >= 2 {
		fix = fmt.Sprintf("%dD %s", g.Fix, coordinates(g))
	}
	accuracy := "n/a"
	if g.AccuracyM > 0 {
		accuracy = fmt.Sprintf("%.0f m", g.AccuracyM)
	}
	second := p.pairs("accuracy ", accuracy, "  sats ", fmt.Sprint(g.Satellites))
	if !g.Time.IsZero() {
		second = append(second, p.pairs("  age ", ago(p.desk.since(g.Time)))...)
	}
	return [][]word{p.pairs("GPS ", fix), second}
}

func coordinates(g *stream.GPS) string {
	ns, ew, lat, lon := "N", "E", g.Lat, g.Lon
	if lat < 0 {
		ns, lat = "S", -lat
	}
	if lon < 0 {
		ew, lon = "W", -lon
	}
	return fmt.Sprintf("%.4f%s %.4f%s", lat, ns, lon, ew)
}

// clockOf writes a position in a recording.
func clockOf(d time.Duration) string {
	return fmt.Sprintf("%d:%04.1f", int(d.Minutes()), d.Seconds()-60*float64(int(d.Minutes())))
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
