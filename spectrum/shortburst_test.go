package spectrum

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"argos/device"
)

// A burstReader measures a tone burst of full scale at chosen positions among the windows.
type burstReader struct {
	analyzer *Analyzer
	n, hop   int
	point    int       // of the transform, where the tone lies
	weights  []float64 // sums of the window before each of its samples
}

func newBurstReader(t *testing.T, rateHz float64, n int, w Window, overlap float64) *burstReader {
	t.Helper()
	s := settingsAt(rateHz, n)
	s.Window, s.Overlap = w, overlap
	a, err := NewAnalyzer(s, device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	r := &burstReader{analyzer: a, n: n, hop: int(float64(n) * (1 - overlap)), point: n / 8, weights: make([]float64, n+1)}
	c := make([]float64, n)
	w.Coefficients(c)
	for i, v := range c {
		r.weights[i+1] = r.weights[i] + v
	}
	return r
}

// reads is the maximum in dBFS that a burst of so many samples leaves which begins at a sample of
// a window, as the analyzer says.
func (r *burstReader) reads(t *testing.T, samples, at int) (db float64) {
	t.Helper()
	x := make([]complex128, at+samples+r.n)
	copy(x[at:], tone(samples, float64(samples*r.point)/float64(r.n), 1))
	tuning := r.analyzer.Settings().Tuning
	b := device.Block{Tuning: tuning, CenterHz: tuning.CenterHz, Time: epoch, Break: true, Format: device.CF32, Samples: encode(x, device.CF32)}
	if err := r.analyzer.Add(&b, nil); err != nil {
		t.Fatal(err)
	}
	r.analyzer.Flush(func(f *Frame) { db = f.Grid.DB(f.Max[r.n/2+r.point]) })
	return db
}

// exactly is what it should read: of the windows that the burst touches, the sum of the one it
// fills best.
func (r *burstReader) exactly(samples, at int) float64 {
	best := 0.0
	for begin := 0; begin < at+samples; begin += r.hop {
		low, high := min(max(at-begin, 0), r.n), min(at+samples-begin, r.n)
		best = max(best, r.weights[high]-r.weights[low])
	}
	return 20 * math.Log10(best)
}

// over is the worst and the median loss in dB over positions, some evenly spaced and those
// around the worst, where the burst lies evenly between two windows.
func (r *burstReader) over(t *testing.T, samples int) (worst, median float64) {
	t.Helper()
	const evenly = 32
	var losses []float64
	read := func(at int) float64 {
		// Windows begin at the block, so a burst has some before it like anywhere else.
		at += r.n
		got, want := r.reads(t, samples, at), r.exactly(samples, at)
		if want > -100 && math.Abs(got-want) > 0.02 {
			t.Errorf("%d samples at %d of %d points, hop %d: %.2f dB, want %.2f", samples, at, r.n, r.hop, got, want)
		}
		return -got
	}
	for i := range evenly {
		losses = append(losses, read(i*r.hop/evenly))
	}
	slices.Sort(losses)
	worst = losses[evenly-1]
	middle := ((r.hop+r.n-samples)/2%r.hop + r.hop) % r.hop
	for at := middle - 1; at <= middle+1; at++ {
		worst = max(worst, read(at))
	}
	return worst, (losses[evenly/2-1] + losses[evenly/2]) / 2
}

// TestShortBurstsReadAsTabled holds the tables of docs/MEASUREMENT.md to what the analyzer reads.
func TestShortBurstsReadAsTabled(t *testing.T) {
	study(t)
	t.Parallel()
	text, err := os.ReadFile("../docs/MEASUREMENT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Short bursts\n")
	section, _, _ = strings.Cut(section, "\n## ")
	const figures = ` \| ([\d.]+), ([\d.]+) \| ([\d.]+), ([\d.]+) \| ([\d.]+), ([\d.]+) \|`
	number := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	check := func(row []string, rateHz float64, n, samples int) {
		for i, overlap := range []float64{0, 0.5, 0.75} {
			worst, median := newBurstReader(t, rateHz, n, Hann, overlap).over(t, samples)
			near(t, row[0]+" worst", worst, number(row[len(row)-6+2*i]), 0.2)
			near(t, row[0]+" median", median, number(row[len(row)-5+2*i]), 0.2)
		}
	}
	rates := regexp.MustCompile(`(?m)^\| (\d+)M \| (\d+)`+figures).FindAllStringSubmatch(section, -1)
	lengths := regexp.MustCompile(`(?m)^\| (\d+)(?:/(\d+))?`+figures).FindAllStringSubmatch(section, -1)
	if len(rates) != 4 || len(lengths) != 10 {
		t.Fatalf("found %d rows of rates and %d of lengths", len(rates), len(lengths))
	}
	for _, row := range rates {
		rateHz := number(row[1]) * 1e6
		check(row, rateHz, int(number(row[2])), int(rateHz*200e-6))
	}
	for _, row := range lengths {
		length := 4096 * number(row[1])
		if row[2] != "" {
			length /= number(row[2])
		}
		check(row, 1e6, 4096, int(length))
	}
}

// TestLongBurstsReadTheirLevel: a burst of N + hop - 1 samples fills a window wherever it begins.
func TestLongBurstsReadTheirLevel(t *testing.T) {
	const n = 256
	for w := range Window(len(windows)) {
		for _, overlap := range []float64{0, 0.5, 0.75} {
			r := newBurstReader(t, 1e6, n, w, overlap)
			for at := range r.hop {
				// The ends of a flat top are negative: a window that misses them reads a little more.
				got, want := r.reads(t, n+r.hop-1, at), r.exactly(n+r.hop-1, at)
				if got < 0 || want > 0.9 || math.Abs(got-want) > 0.01 {
					t.Fatalf("%v, overlap %g: at %d it reads %.3f dBFS, want %.3f", w, overlap, at, got, want)
				}
			}
		}
	}
}
