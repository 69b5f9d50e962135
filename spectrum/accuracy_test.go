package spectrum

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"math/cmplx"
	"math/rand/v2"
	"testing"

	"argos/device"
)

// decode is what samples say, in double precision.
func decode(raw []byte, f device.Format) []complex128 {
	x := make([]complex128, len(raw)/f.Size())
	component := func(i int) float64 {
		switch f {
		case device.CU8:
			return (float64(raw[i]) - 127.5) / 128
		case device.CI16:
			return float64(int16(binary.LittleEndian.Uint16(raw[2*i:]))) / 32768
		case device.CF32:
			return float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
		default:
			return float64(int8(raw[i])) / 128
		}
	}
	for i := range x {
		x[i] = complex(component(2*i), component(2*i+1))
	}
	return x
}

// TestAveragesAgreeWithDoublePrecision: down to -100 dBFS, averages are within 0.01 dB of what gonum
// makes of the same samples, at every size, through every window and in every format. In floats each
// window has noise of -100 dBFS in every bin, at a phase of its own beside the signal: what single
// precision rounds off full scale, up to 4e-8 of it in the points that share its last additions, shows there
// most. It is 0.03 dB in one window and averages out.
func TestAveragesAgreeWithDoublePrecision(t *testing.T) {
	study(t)
	t.Parallel()
	worst := make(map[string]float64)
	for n := MinBins; n <= MaxBins; n *= 2 {
		faint := math.Sqrt(1e-10 * float64(n) / 2)
		for i, s := range signals {
			// The reference is slow: at every size the hardest signals go through every window, others through one.
			hard := s.name == "dc" || s.name == "tone on a bin" && n <= 8192
			if n > 8192 && !hard {
				continue
			}
			signal := s.make(n)
			for _, format := range []device.Format{device.CF32, device.Format(i % 3)} {
				count, sigma := 32, faint // a frame at 2 Msps and 20 a second has 48 windows of 4,096 points
				if format != device.CF32 {
					count, sigma = 2, 1.0/128 // that every converter has
				}
				rng := rand.New(rand.NewPCG(uint64(n), uint64(i)))
				raw, exact := make([][]byte, count), make([][]complex128, count)
				for r := range raw {
					turn := cmplx.Rect(1, 2*math.Pi*rng.Float64())
					x := noise(n, sigma, rng.Uint64())
					for k, v := range signal {
						x[k] += v * turn
					}
					raw[r] = encode(x, format)
					exact[r] = decode(raw[r], format)
				}
				for w := range Window(len(windows)) {
					if !hard && int(w) != (i+bits.Len(uint(n)))%len(windows) {
						continue
					}
					power := referenceFor(n, w)
					want := make([]float64, n)
					for _, x := range exact {
						for k, p := range power(x) {
							want[k] += p / float64(count)
						}
					}
					for engine, f := range engines(n, w) {
						c := newCells(n)
						x := make([]complex64, n)
						for r := range raw {
							if format == device.CI8 {
								f.bytes(raw[r], c)
							} else {
								convert(x, raw[r], format)
								f.floats(x, c)
							}
						}
						for k := range c.sum {
							c.sum[k] /= float32(count)
						}
						name := fmt.Sprintf("%s n=%d %v %v %s", engine, n, w, format, s.name)
						worst[engine] = max(worst[engine], compare(t, name, f, c, want, 1e-10, 0.01))
					}
				}
			}
		}
	}
	t.Logf("worst error in dB: %v", worst)
}

// Two tones that a Blackman-Harris window can tell apart: far in level and near in frequency, or as far
// in level as single precision goes.
func TestTwoTones(t *testing.T) {
	const n, rate = 4096, 4.096e6
	for _, test := range []struct {
		name     string
		at, dB   [2]float64 // bins, dBFS
		format   device.Format
		within   float64
		scallops bool
	}{
		{"60 dB apart, 5 bins", [2]float64{100, 105}, [2]float64{0, -60}, device.CF32, 0.01, false},
		{"60 dB apart, 5 bins, 16 bit", [2]float64{-7, -12}, [2]float64{-0.1, -60.1}, device.CI16, 0.05, false},
		// Side lobes of -92 dB lie 32 dB below the weak one: 0.22 dB.
		{"60 dB apart, between bins", [2]float64{100.5, 106.5}, [2]float64{0, -60}, device.CF32, 0.25, true},
		{"100 dB apart", [2]float64{-1000, 900}, [2]float64{0, -100}, device.CF32, 0.05, false},
		{"alike, 5 bins", [2]float64{2040, 2045}, [2]float64{-6.1, -6.1}, device.CI8, 0.02, false},
	} {
		s := settingsAt(rate, n)
		s.Window = BlackmanHarris
		x := make([]complex128, 16*n)
		for i, at := range test.at {
			x = sum(x, tone(len(x), 16*at, math.Pow(10, test.dB[i]/20)))
		}
		f := measure(t, s, x, test.format, 0.01)
		for i, at := range test.at {
			want := test.dB[i]
			if test.scallops {
				want -= 0.83 // halfway between two bins (TestWindowFigures)
			}
			bin := f.Grid.BinAt(100e6 + math.Floor(at)*f.Grid.BinHz)
			for _, q := range []int16{f.Mean[bin], f.Max[bin]} {
				near(t, test.name, f.Grid.DB(q), want, test.within+f.Grid.StepDB)
			}
		}
	}
}
