package spectrum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"argos/device"
)

// surely is how many standard deviations a figure may be off. It is exceeded once in 16,000, and seeds are
// fixed, so that it never is by chance.
const surely = 4

// An estimate is a mean of many values and its standard deviation, relative to the truth.
type estimate struct{ got, want, sigma float64 }

func (e estimate) holds() bool { return math.Abs(e.got/e.want-1) <= surely*e.sigma }

// sees reports whether e would not hold if the measurement were off by so many dB either way.
func (e estimate) sees(db float64) bool {
	by := math.Pow(10, db/10)
	return !estimate{e.got * by, e.want, e.sigma}.holds() && !estimate{e.got / by, e.want, e.sigma}.holds()
}

// A banded is the lower triangle of a matrix that makes unit noise out of independent
// noise: row i has the weights of its own and of the values before it.
type banded [][]float64

// correlated makes k values of which those m apart have correlation of(m) (Cholesky).
func correlated(k int, of func(m int) float64) banded {
	width := 1
	for width < k && math.Abs(of(width)) > 1e-9 {
		width++
	}
	b := make(banded, k)
	for i := range b {
		b[i] = make([]float64, width) // b[i][m] weighs value i-m
		for m := min(width-1, i); m >= 0; m-- {
			v := 1.0
			if m > 0 {
				v = of(m)
			}
			for j := m + 1; j < width && j <= i; j++ {
				if j-m < width {
					v -= b[i][j] * b[i-m][j-m]
				}
			}
			if m == 0 {
				b[i][0] = math.Sqrt(v)
			} else {
				b[i][m] = v / b[i-m][0]
			}
		}
	}
	return b
}

const maximumTrials = 20_000

// maximum is the mean of the largest of the powers of complex Gaussian noise of mean power
// 1 in k windows that overlap, from trials and, where none overlap, from theory: the harmonic number Hₖ.
func maximum(k int, w Window, overlap float64) estimate {
	b := correlated(k, func(m int) float64 { return w.overlapped(float64(m) * (1 - overlap)) })
	rng := rand.New(rand.NewPCG(uint64(k), 77))
	re, im := make([]float64, k), make([]float64, k)
	mean, squares := 0.0, 0.0
	for range maximumTrials {
		top := 0.0
		for i := range k {
			re[i], im[i] = rng.NormFloat64(), rng.NormFloat64()
			var x, y float64
			for m, weight := range b[i][:min(i+1, len(b[i]))] {
				x += weight * re[i-m]
				y += weight * im[i-m]
			}
			top = max(top, (x*x+y*y)/2)
		}
		mean += top / maximumTrials
		squares += top * top / maximumTrials
	}
	e := estimate{mean, mean, math.Sqrt(squares/mean/mean-1) / math.Sqrt(maximumTrials)}
	if overlap == 0 {
		e.want = 0
		for i := range k {
			e.want += 1 / float64(i+1)
		}
	}
	return e
}

func TestMaximumOfIndependentLooks(t *testing.T) {
	for _, k := range []int{1, 2, 8, 128} {
		if e := maximum(k, Hann, 0); !e.holds() || !e.sees(0.3) {
			t.Errorf("of %d: %+v", k, e)
		}
	}
}

// TestNoiseLevelsAgreeWithTheory measures white noise of known density. The mean has to read density
// times RBW, whatever the window, the overlap and the number of averages K; its spread over the bins
// has to be that of as many independent averages as Grid.independent says; the maximum has to
// be that of K looks as correlated as the windows: H_K times the mean without overlap. The bounds follow from the
// number of independent values that went in, and are so tight that 0.1 dB more or less would fail.
func TestNoiseLevelsAgreeWithTheory(t *testing.T) {
	study(t)
	t.Parallel()
	const density = 1e-12 // of full scale in 1 Hz
	// So many independent values of one look each: a mean within 0.3 %.
	const looks = 110_000
	sizes := []int{256, 4096, 1024, 512, 2048} // each study has the next
	for w := range Window(len(windows)) {
		for _, overlap := range []float64{0, 0.5, 0.75} {
			for _, averages := range []int{1, 8, 32, 128} {
				if averages == 1 && overlap > 0 {
					continue // one window overlaps nothing
				}
				top := maximum(averages, w, overlap)
				bins := sizes[0]
				sizes = append(sizes[1:], bins)
				s := settingsAt(1e6, bins)
				s.Window, s.Overlap = w, overlap
				n := newNoiseStudy(s, averages, density)
				for round := range n.rounds(looks) {
					n.add(t, uint64(round+1000*averages+bins))
				}
				n.judge(t, fmt.Sprintf("%d bins, %v, overlap %g, %d averages", bins, w, overlap, averages), top)
			}
		}
	}
}

// A noiseStudy gathers the levels of frames of noise.
type noiseStudy struct {
	settings  Settings
	averages  int
	power     float64 // expected in a bin
	sigma     float64 // of a component of a sample
	looks     float64 // independent averages in a bin of a frame
	separate  float64 // independent bins of a frame
	count     float64 // of bins
	frames    float64
	mean, max float64 // sums over bins
	squares   float64
}

func newNoiseStudy(s Settings, averages int, density float64) *noiseStudy {
	g := Grid{Window: s.Window, Overlap: s.Overlap}
	bins := float64(s.Bins)
	return &noiseStudy{
		settings: s, averages: averages,
		power:    density * s.Window.ENBW() * s.Tuning.RateHz / bins,
		sigma:    math.Sqrt(density * s.Tuning.RateHz / 2),
		looks:    g.independent(averages),
		separate: bins / (1 + 2*correlation(bins, s.Window.leaked)),
	}
}

// rounds is how many frames have so many independent looks in all.
func (n *noiseStudy) rounds(looks float64) int {
	return max(1, int(math.Ceil(looks/n.looks/n.separate)))
}

func (n *noiseStudy) add(t *testing.T, seed uint64) {
	t.Helper()
	hop := int(float64(n.settings.Bins) * (1 - n.settings.Overlap))
	x := noise(n.settings.Bins+(n.averages-1)*hop, n.sigma, seed)
	f := measure(t, n.settings, x, device.CF32, 0.01)
	if f.Averages() != n.averages {
		t.Fatalf("%d averages, want %d", f.Averages(), n.averages)
	}
	for i := range f.Mean {
		p := math.Pow(10, f.Grid.DB(f.Mean[i])/10)
		n.mean += p
		n.squares += p * p
		n.max += math.Pow(10, f.Grid.DB(f.Max[i])/10)
	}
	n.frames++
	n.count += float64(len(f.Mean))
}

func (n *noiseStudy) judge(t *testing.T, name string, top estimate) {
	t.Helper()
	independent := n.frames * n.separate
	mean := n.mean / n.count
	level := estimate{mean, n.power, 1 / math.Sqrt(independent*n.looks)}
	if !level.holds() {
		t.Errorf("%s: mean reads %.3f dB too much, sigma %.3f dB", name, 10*math.Log10(level.got/level.want), 10*math.Log10(1+level.sigma))
	}
	if !level.sees(0.1) {
		t.Errorf("%s: 0.1 dB would not be seen: %+v", name, level)
	}
	// The variance of a power that is Gamma distributed varies by √(2 + 6/K).
	spread := estimate{n.squares/n.count/mean/mean - 1, 1 / n.looks, math.Sqrt((2 + 6/n.looks) / independent)}
	if !spread.holds() {
		t.Errorf("%s: spread like %.2f averages, want %.2f, sigma %.0f %%", name, 1/spread.got, 1/spread.want, 100*spread.sigma)
	}
	// A maximum varies by this much from bin to bin.
	top.sigma *= math.Sqrt(float64(maximumTrials))
	top.got, top.sigma = n.max/n.count/n.power, top.sigma*math.Sqrt(1/independent+1.0/maximumTrials)
	if !top.holds() {
		t.Errorf("%s: max is %.3f times the mean, want %.3f, sigma %.2f %%", name, top.got, top.want, 100*top.sigma)
	}
	if !top.sees(0.3) {
		t.Errorf("%s: 0.3 dB of max would not be seen: %+v", name, top)
	}
}
