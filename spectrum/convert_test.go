package spectrum

import (
	"math"
	"math/rand/v2"
	"testing"

	"argos/device"
)

func TestConvert(t *testing.T) {
	for _, test := range []struct {
		format device.Format
		raw    []byte
		want   complex64
		railed float32
	}{
		{device.CI8, []byte{0x80, 0x7f}, complex(-1, 127.0/128), 1},
		{device.CI8, []byte{0x81, 0x7e}, complex(-127.0/128, 126.0/128), 0},
		{device.CI8, []byte{0, 0xff}, complex(0, -1.0/128), 0},
		{device.CU8, []byte{0, 255}, complex(-127.5/128, 127.5/128), 1},
		{device.CU8, []byte{127, 128}, complex(-0.5/128, 0.5/128), 0},
		{device.CI16, []byte{0, 0x80, 0xff, 0x7f}, complex(-1, 32767.0/32768), 1},
		{device.CI16, []byte{1, 0, 0x80, 0xff}, complex(1.0/32768, -128.0/32768), 0},
		{device.CF32, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf}, complex(1, -0.5), 0.5},
		{device.CF32, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0x80, 0xff}, complex(0, -far), 1}, // NaN, -Inf
	} {
		// Several in a row, so that every branch of an unrolled loop is taken.
		for n := 1; n < 12; n++ {
			var raw []byte
			for range n {
				raw = append(raw, test.raw...)
			}
			dst := make([]complex64, n)
			convert(dst, raw, test.format)
			for i, v := range dst {
				if v != test.want {
					t.Errorf("%v % x: sample %d is %v, want %v", test.format, test.raw, i, v, test.want)
				}
			}
			if got := railed(append(raw, 0), test.format); got != test.railed {
				t.Errorf("%v % x times %d: %g at the rails, want %g", test.format, test.raw, n, got, test.railed)
			}
		}
	}
	if railed(nil, device.CI8) != 0 {
		t.Error("no samples are at the rails")
	}
	for b := range 256 {
		want := 0
		if b == 127 || b == 128 {
			want = 1
		}
		if got := railsOf(uint64(b) << 16); got != want {
			t.Errorf("byte %d counts %d, want %d", b, got, want)
		}
	}
}

func TestRailsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 7))
	for n := range 200 {
		src := make([]byte, n)
		for i := range src {
			src[i] = byte(126 + rng.IntN(4))
		}
		if got, want := rails(src), rails8(src, 0); got != want {
			t.Errorf("%d of %d bytes at the rails, want %d", got, n, want)
		}
	}
}

func TestQuantiseStaysInRange(t *testing.T) {
	for _, step := range []float64{minStepDB, DefaultStepDB, 3} {
		for _, p := range []float64{0, math.SmallestNonzeroFloat64, 1e-30, 1, math.MaxFloat32, math.Inf(1)} {
			q := quantise(p, 1/step)
			if q == Absent {
				t.Errorf("power %g in steps of %g dB reads as absent", p, step)
			}
			if p == 0 && float64(q)*step != FloorDB {
				t.Errorf("no power reads %g dB", float64(q)*step)
			}
		}
	}
}
