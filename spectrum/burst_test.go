package spectrum

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"argos/device"
)

// A burst is where samples, or what was measured of them, are over a threshold.
type burst struct{ from, to int } // samples

// runs are the bursts in levels that lie a step of samples apart, the first at a sample. Those with
// less than gap samples between them are one.
func runs(levels []float64, first, step, gap int, over func(level float64) bool) (found []burst) {
	for i, level := range levels {
		if !over(level) {
			continue
		}
		at := first + i*step
		if n := len(found); n > 0 && at-found[n-1].to < gap {
			found[n-1].to = at
		} else {
			found = append(found, burst{at, at})
		}
	}
	return found
}

// truth finds the bursts in samples themselves: where the mean power of so many samples is over the
// threshold.
func truth(x []complex128, smooth int, power float64, gap int) []burst {
	levels := make([]float64, len(x)-smooth+1)
	sum := 0.0
	for i, v := range x {
		sum += real(v)*real(v) + imag(v)*imag(v)
		if i >= smooth {
			v := x[i-smooth]
			sum -= real(v)*real(v) + imag(v)*imag(v)
		}
		if i >= smooth-1 {
			levels[i-smooth+1] = sum / float64(smooth)
		}
	}
	return runs(levels, smooth/2, 1, gap, func(level float64) bool { return level > power })
}

// A capture is samples to look for bursts in.
type capture struct {
	rateHz  float64
	format  device.Format
	raw     []byte
	x       []complex128 // the same
	power   float64      // over which there is a burst
	n       int          // points of the transform
	overlap float64
}

func (c *capture) settings() Settings {
	s := settingsAt(c.rateHz, c.n)
	s.Overlap = c.overlap
	return s
}

func (c *capture) hop() int { return int(float64(c.n) * (1 - c.overlap)) }

// rows measures c in frames of one window each: as fine as there are any. Each is the
// power of all bins, which has to be that of the samples weighted by the square of the window. The
// first lies around sample n/2.
func (c *capture) rows(t *testing.T) (levels []float64) {
	t.Helper()
	a, err := NewAnalyzer(c.settings(), device.Info{}, 1, &AnalyzerOptions{StepDB: 0.01})
	if err != nil {
		t.Fatal(err)
	}
	weights := make([]float64, c.n)
	a.Settings().Window.Coefficients(weights)
	for i, w := range weights {
		weights[i] = w * w * float64(c.n) / a.Settings().Window.ENBW()
	}
	size, hop := c.format.Size(), c.hop()
	for at := 0; at+hop <= len(c.x); at += hop {
		b := device.Block{
			Tuning: a.Settings().Tuning, CenterHz: a.Settings().Tuning.CenterHz, Format: c.format, Samples: c.raw[at*size : (at+hop)*size],
			Time: epoch.Add(lasting(int64(at+hop-1), c.rateHz)),
		}
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
		a.Flush(func(f *Frame) {
			if first := int(math.Round(f.First.Sub(epoch).Seconds() * c.rateHz)); first != len(levels)*hop || f.Averages() != 1 {
				t.Fatalf("row %d of %d averages begins at sample %d, want %d", len(levels), f.Averages(), first, len(levels)*hop)
			}
			g := &f.Grid
			level, want := g.ChannelPower(f.Mean, g.StartHz, g.StopHz()), 0.0
			for i, w := range weights {
				v := c.x[len(levels)*hop+i]
				want += w * (real(v)*real(v) + imag(v)*imag(v))
			}
			if want = 10 * math.Log10(want); want > -100 && math.Abs(level-want) > 0.01 {
				t.Fatalf("row %d reads %.3f dBFS, want %.3f", len(levels), level, want)
			}
			levels = append(levels, math.Pow(10, level/10))
		})
	}
	return levels
}

// bandwidth is the occupied bandwidth of a burst as the analyzer measures it, and as
// double precision does, both in bins.
func (c *capture) bandwidth(t *testing.T, b burst) (got, want float64) {
	t.Helper()
	size := c.format.Size()
	s := c.settings()
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	block := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: epoch, Format: c.format, Samples: c.raw[b.from*size : b.to*size]}
	if err := a.Add(&block, nil); err != nil {
		t.Fatal(err)
	}
	a.Flush(func(f *Frame) {
		from, to := f.Grid.OccupiedBandwidth(f.Mean, f.Grid.StartHz, f.Grid.StopHz(), 0.99)
		got = (to - from) / f.Grid.BinHz
	})
	mean, _, _ := welchReference(c.x[b.from:b.to], c.n, c.hop(), s.Window)
	return got, occupied(mean, 0.99)
}

// occupied is how many bins hold a share of the power, with half of the rest on either side.
func occupied(power []float64, share float64) float64 {
	total := 0.0
	for _, p := range power {
		total += p
	}
	edge := func(want float64) float64 {
		for i, p := range power {
			if p >= want {
				return float64(i) + want/p
			}
			want -= p
		}
		return float64(len(power))
	}
	return edge(total*(1+share)/2) - edge(total*(1-share)/2)
}

// find looks for bursts in rows, and holds each that stands alone against the truth. A row whose window
// touches a burst may be over the threshold and one whose middle lies in it is, if the burst is 3 dB over it, so
// that start and end are right to half a window and a hop. It returns the bursts held.
func (c *capture) find(t *testing.T, want []burst) (held []burst) {
	t.Helper()
	found := runs(c.rows(t), c.n/2, c.hop(), c.n, func(level float64) bool { return level > c.power })
	within := c.n/2 + c.hop()
	for i, w := range want {
		if w.from < c.n || w.to > len(c.x)-c.n || w.to-w.from < c.n ||
			i > 0 && w.from-want[i-1].to < 2*c.n || i+1 < len(want) && want[i+1].from-w.to < 2*c.n {
			continue
		}
		if c.mean(w) < 2*c.power {
			continue
		}
		held = append(held, w)
		matches := 0
		for _, f := range found {
			if f.to <= w.from-within || f.from >= w.to+within {
				continue
			}
			matches++
			if max(f.from-w.from, w.from-f.from) > within || max(f.to-w.to, w.to-f.to) > within {
				t.Errorf("burst from %d to %d is found from %d to %d, allowed are %d", w.from, w.to, f.from, f.to, within)
			}
		}
		if matches != 1 {
			t.Errorf("burst from %d to %d is found %d times", w.from, w.to, matches)
		}
		if got, want := c.bandwidth(t, w); math.Abs(got-want) > 2 {
			t.Errorf("burst from %d to %d is %.1f bins wide, want %.1f", w.from, w.to, got, want)
		}
	}
	for _, f := range found {
		real := false
		for _, w := range want {
			real = real || f.from < w.to+within && f.to > w.from-within
		}
		if !real {
			t.Errorf("there is no burst from %d to %d", f.from, f.to)
		}
	}
	return held
}

// mean is the mean power of a burst.
func (c *capture) mean(b burst) (power float64) {
	for _, v := range c.x[b.from:b.to] {
		power += (real(v)*real(v) + imag(v)*imag(v)) / float64(b.to-b.from)
	}
	return power
}

// frames looks for the same bursts in the frames that an operator gets at the highest rate. A burst is found if
// the frames that were measured while it lasted, and none but their neighbours, have its power in the maximum of
// a bin: it begins and ends right to one frame and a window.
func (c *capture) frames(t *testing.T, want []burst, bin float64) (held int) {
	t.Helper()
	s := c.settings()
	s.FPS = MaxFPS
	period := int(c.rateHz / MaxFPS)
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	var lit []float64
	b := device.Block{
		Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Format: c.format, Samples: c.raw,
		Time: epoch.Add(lasting(int64(len(c.x)-1), c.rateHz)),
	}
	if err := a.Add(&b, func(f *Frame) {
		if off := f.First.Sub(epoch) - lasting(int64(len(lit)*period), c.rateHz); off < -lasting(int64(c.n), c.rateHz) || off > time.Millisecond {
			t.Errorf("frame %d is %v off", len(lit), off)
		}
		lit = append(lit, math.Pow(10, f.Grid.DB(f.Max[strongest(f.Max)])/10))
	}); err != nil {
		t.Fatal(err)
	}
	found := runs(lit, 0, period, period+1, func(level float64) bool { return level > bin })
	for i, w := range want {
		if i > 0 && w.from-want[i-1].to < 2*period || i+1 < len(want) && want[i+1].from-w.to < 2*period || w.to > len(lit)*period-period || c.mean(w) < 4*c.power {
			continue
		}
		held++
		matches := 0
		for _, f := range found {
			if f.to+period < w.from-c.n || f.from > w.to+c.n {
				continue
			}
			matches++
			if first, end := w.from-f.from, f.to+period-w.to; first < -c.n || first > period+c.n || end < -c.n || end > period+c.n {
				t.Errorf("burst from %d to %d lights frames from %d to %d", w.from, w.to, f.from, f.to+period)
			}
		}
		if matches != 1 {
			t.Errorf("burst from %d to %d lights frames %d times", w.from, w.to, matches)
		}
	}
	return held
}

// TestBurstsAreFound makes bursts of FSK and of a tone, of known place, length and bandwidth, in noise.
func TestBurstsAreFound(t *testing.T) {
	study(t)
	t.Parallel()
	apart := 0
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 5))
		c := capture{rateHz: 1e6, format: device.Format(seed % 4), n: 256 << (seed % 3), overlap: []float64{0.75, 0.5}[seed%2], power: 1e-4}
		x := noise(400_000, 1e-3, seed)
		var made []burst
		for at := 10_000 + rng.IntN(5000); ; {
			b := burst{at, at + 3*c.n + rng.IntN(20_000)}
			if b.to > len(x)-30_000 {
				break
			}
			made = append(made, b)
			amplitude, deviation, phase := 0.05+0.4*rng.Float64(), 20e3+60e3*rng.Float64(), 0.0
			symbol := 0.0
			for i := b.from; i < b.to; i++ {
				if (i-b.from)%100 == 0 {
					symbol = float64(2*rng.IntN(2) - 1)
				}
				phase += 2 * math.Pi * (100e3 + symbol*deviation) / c.rateHz
				x[i] += complex(amplitude*math.Cos(phase), amplitude*math.Sin(phase))
			}
			at = b.to + 3*c.n + rng.IntN(40_000)
		}
		c.raw = encode(x, c.format)
		c.x = decode(c.raw, c.format)
		t.Run(fmt.Sprintf("%v of %d", c.format, c.n), func(t *testing.T) {
			if held := c.find(t, made); len(held) != len(made) {
				t.Errorf("%d bursts are held of %d", len(held), len(made))
			}
			apart += c.frames(t, made, c.power/10)
			// The reference has to agree with what was made.
			for i, b := range truth(c.x, 32, c.power, c.n) {
				if w := made[i]; max(b.from-w.from, w.from-b.from, b.to-w.to, w.to-b.to) > 32 {
					t.Errorf("the reference finds %+v, made was %+v", b, w)
				}
			}
		})
	}
	if apart < 20 {
		t.Errorf("only %d bursts stand apart by two frames", apart)
	}
}
