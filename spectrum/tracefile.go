package spectrum

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"argos/device"
)

// A NamedTrace is a column of a trace file.
type NamedTrace struct {
	Name string
	*Trace
}

// Bounds of a trace file.
const (
	maxTraceColumns = 16
	maxTraceBins    = 1 << 20
	maxTraceRows    = 4 * maxTraceBins // of hackrf_sweep, several of one bin
	maxTraceLine    = 1 << 20
	maxTraceDB      = 500
)

// WriteTraces writes traces as CSV: what they were measured with as comments, then the
// frequency of each bin in Hz and a level for each trace in dB, empty where nothing was
// measured. The first says where the bins lie; of others each has the greatest level there.
func WriteTraces(w io.Writer, radio string, now time.Time, traces []NamedTrace) error {
	if len(traces) == 0 || traces[0].Empty() {
		return errors.New("there is no trace to save")
	}
	for _, c := range traces {
		if c.grid.ZeroSpan() {
			return errors.New("a trace of zero span has no frequencies to save")
		}
	}
	b := bufio.NewWriter(w)
	g := &traces[0].grid
	t := g.Tuning
	fmt.Fprintf(b, "# argos traces\n# time: %s\n# radio: %s\n# unit: %s\n", stamp(now), strings.Join(strings.Fields(radio), " "), g.Unit())
	fmt.Fprintf(b, "# rbw_hz: %.3f\n# window: %s\n# overlap: %g\n", g.RBWHz, g.Window, g.Overlap)
	fmt.Fprintf(b, "# center_hz: %.3f\n# span_hz: %.3f\n# rate_hz: %.3f\n# tuned_hz: %.3f\n", t.CenterHz, t.SpanHz, t.RateHz, g.TunedHz)
	fmt.Fprintf(b, "# lna_db: %d\n# vga_db: %d\n# amp: %t\n# simulated: %t\n", t.LNADB, t.VGADB, t.Amp, g.Simulated)
	header := "hz"
	columns := make([][]int16, len(traces))
	for i, c := range traces {
		name := columnName(c.Name)
		fmt.Fprintf(b, "# trace %s: %s of %d frames, %s to %s\n", name, c.Kind, c.Frames, stamp(c.First), stamp(c.Last))
		header += "," + name
		columns[i] = c.levels
		if c.grid != *g {
			columns[i] = make([]int16, g.Bins)
			Peaks(columns[i], g.StartHz, g.BinHz, c.levels, c.grid.StartHz, c.grid.BinHz)
		}
	}
	fmt.Fprintln(b, header)
	var line []byte
	for i := range g.Bins {
		line = strconv.AppendFloat(line[:0], g.BinCenterHz(i), 'f', 3, 64)
		for _, levels := range columns {
			line = append(line, ',')
			if q := levels[i]; q != Absent {
				line = strconv.AppendFloat(line, g.DB(q), 'f', 2, 64)
			}
		}
		if _, err := b.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return b.Flush()
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// columnName is s without what ends a column.
func columnName(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ',' || r == ':' || r == ';' || r < ' ' {
			return '_'
		}
		return r
	}, s)
}

// ReadTraces reads what WriteTraces writes, the two or more columns of another instrument
// (a frequency, then levels in dB, between commas, semicolons or tabs), or the lines of
// hackrf_sweep, whose sweeps become the greatest level of each bin. Bins must be evenly
// spaced; some may be missing.
func ReadTraces(r io.Reader) ([]NamedTrace, error) {
	t := table{scale: 1}
	scan := bufio.NewScanner(r)
	scan.Buffer(nil, maxTraceLine)
	for n := 1; scan.Scan(); n++ {
		if err := t.line(bytes.TrimSpace(scan.Bytes())); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	return t.traces()
}

// A table is a trace file as it is read.
type table struct {
	about  Grid
	names  []string
	scale  float64 // Hz in a unit of the first column
	of     []NamedTrace
	levels int // in a row; 0: no row yet
	rows   []tableRow
	values []int16 // of all rows, one after another
}

type tableRow struct {
	hz float64
	at int // in values
}

func (t *table) line(text []byte) error {
	line := strings.TrimPrefix(string(text), "\ufeff")
	if line == "" {
		return nil
	}
	if comment, ok := strings.CutPrefix(line, "#"); ok {
		t.comment(strings.TrimSpace(comment))
		return nil
	}
	fields := tableFields(line)
	if _, err := time.Parse(time.DateOnly, fields[0]); err == nil {
		return t.sweepLine(fields)
	}
	hz, err := strconv.ParseFloat(fields[0], 64)
	if err != nil {
		if t.levels > 0 {
			return fmt.Errorf("%q is not a frequency", fields[0])
		}
		t.header(fields)
		return nil
	}
	if len(fields) < 2 {
		return errors.New("no level beside the frequency")
	}
	return t.add(hz*t.scale, fields[1:])
}

// tableFields are the columns of a line. Where semicolons are between them, a comma may be
// the decimal point.
func tableFields(line string) []string {
	sep := ","
	switch {
	case strings.Contains(line, ";"):
		sep, line = ";", strings.ReplaceAll(line, ",", ".")
	case strings.Contains(line, "\t"):
		sep = "\t"
	}
	fields := strings.Split(line, sep)
	for i := range fields {
		fields[i] = strings.Trim(fields[i], " \"")
	}
	return fields
}

// header takes the names of the columns; the first may say its unit.
func (t *table) header(fields []string) {
	if len(fields) < 2 {
		return
	}
	t.names, t.scale = fields[1:], 1
	first := strings.ToLower(fields[0])
	for _, unit := range []struct {
		name  string
		scale float64
	}{{"ghz", 1e9}, {"mhz", 1e6}, {"khz", 1e3}} {
		if strings.Contains(first, unit.name) {
			t.scale = unit.scale
		}
	}
}

// comment takes what WriteTraces says of the measurement. What it does not know it passes
// over.
func (t *table) comment(text string) {
	key, value, _ := strings.Cut(text, ": ")
	number := func(into *float64) {
		if v, err := strconv.ParseFloat(value, 64); err == nil && v >= 0 && v < 1e15 {
			*into = v
		}
	}
	g := &t.about
	switch key {
	case "unit":
		g.Calibrated = value == "dBm"
	case "rbw_hz":
		number(&g.RBWHz)
	case "overlap":
		number(&g.Overlap)
	case "window":
		if w, err := ParseWindow(value); err == nil {
			g.Window = w
		}
	case "center_hz":
		number(&g.Tuning.CenterHz)
	case "span_hz":
		number(&g.Tuning.SpanHz)
	case "rate_hz":
		number(&g.Tuning.RateHz)
	case "tuned_hz":
		number(&g.TunedHz)
	case "simulated":
		g.Simulated = value == "true"
	}
	if name, ok := strings.CutPrefix(key, "trace "); ok && len(t.of) < maxTraceColumns {
		of := NamedTrace{Name: name, Trace: new(Trace)}
		of.Kind = Stored
		_, numbers, _ := strings.Cut(value, " of ")
		var first, last string
		if n, _ := fmt.Sscanf(numbers, "%d frames, %s to %s", &of.Frames, &first, &last); n == 3 {
			of.First, _ = time.Parse(time.RFC3339Nano, first)
			of.Last, _ = time.Parse(time.RFC3339Nano, last)
		}
		t.of = append(t.of, of)
	}
}

// sweepLine is one of hackrf_sweep: date, time, low, high, bin width, samples, levels.
func (t *table) sweepLine(fields []string) error {
	if len(fields) < 7 {
		return errors.New("a line of hackrf_sweep has 7 columns or more")
	}
	low, err := device.ParseHz(fields[2])
	if err != nil {
		return err
	}
	width, err := device.ParseHz(fields[4])
	if err != nil {
		return err
	}
	for i, level := range fields[6:] {
		if err := t.add(low+(float64(i)+0.5)*width, []string{level}); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) add(hz float64, levels []string) error {
	switch {
	case !(hz >= 0 && hz < 1e15):
		return fmt.Errorf("%g Hz is not a frequency", hz)
	case t.levels == 0 && len(levels) > maxTraceColumns:
		return fmt.Errorf("%d traces: %d are the most", len(levels), maxTraceColumns)
	case t.levels == 0:
		t.levels = len(levels)
	case len(levels) != t.levels:
		return fmt.Errorf("%d levels, where the lines before have %d", len(levels), t.levels)
	case len(t.rows) >= maxTraceRows:
		return fmt.Errorf("more than %d levels a trace", maxTraceRows)
	}
	t.rows = append(t.rows, tableRow{hz, len(t.values)})
	for _, s := range levels {
		q, err := parseLevel(s)
		if err != nil {
			return err
		}
		t.values = append(t.values, q)
	}
	return nil
}

// parseLevel reads dB; what is empty or no number was not measured.
func parseLevel(s string) (int16, error) {
	if s == "" {
		return Absent, nil
	}
	db, err := strconv.ParseFloat(s, 64)
	switch {
	case err == nil && (math.IsNaN(db) || math.IsInf(db, -1)):
		return Absent, nil
	case err != nil || math.Abs(db) > maxTraceDB:
		return 0, fmt.Errorf("%q is not a level in dB", s)
	default:
		return int16(math.Round(db / TraceStepDB)), nil
	}
}

// traces puts the rows on a grid.
func (t *table) traces() ([]NamedTrace, error) {
	slices.SortStableFunc(t.rows, func(a, b tableRow) int { return cmp.Compare(a.hz, b.hz) })
	step := math.Inf(1)
	for i := 1; i < len(t.rows); i++ {
		if d := t.rows[i].hz - t.rows[i-1].hz; d > sameHz {
			step = min(step, d)
		}
	}
	if math.IsInf(step, 1) {
		return nil, errors.New("it takes two frequencies or more, with a level each")
	}
	first := t.rows[0].hz
	width := t.rows[len(t.rows)-1].hz - first
	bins := math.Round(width/step) + 1
	if bins > maxTraceBins {
		return nil, fmt.Errorf("more than %d bins, or frequencies that are not evenly spaced", maxTraceBins)
	}
	step = width / (bins - 1) // frequencies are rounded, the longest distance least
	g := t.about
	g.StartHz, g.BinHz, g.Bins, g.StepDB = first-step/2, step, int(bins), TraceStepDB
	set := make([]NamedTrace, t.levels)
	for i := range set {
		set[i] = t.column(i)
		set[i].grid, set[i].levels = g, resized(nil, g.Bins)
	}
	for _, r := range t.rows {
		at := (r.hz - first) / step
		bin := int(math.Round(at))
		if math.Abs(at-float64(bin)) > 0.1 {
			return nil, fmt.Errorf("the frequencies are not evenly spaced: %.0f Hz lies between two that are %.0f Hz apart", r.hz, step)
		}
		for i := range set {
			set[i].levels[bin] = max(set[i].levels[bin], t.values[r.at+i])
		}
	}
	return set, nil
}

// sameHz is how near frequencies are that mean the same bin: files give them to this.
const sameHz = 0.002

// column is the i-th trace, without levels.
func (t *table) column(i int) NamedTrace {
	c := NamedTrace{Trace: &Trace{Kind: Stored, Frames: 1}}
	if i < len(t.names) {
		c.Name = t.names[i]
	}
	for _, of := range t.of {
		if of.Name == c.Name && of.Frames > 0 {
			c.Frames, c.First, c.Last = of.Frames, of.First, of.Last
		}
	}
	return c
}
