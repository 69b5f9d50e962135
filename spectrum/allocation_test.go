package spectrum

import (
	"fmt"
	"testing"
	"time"

	"argos/device"
)

// TestMeasuringAllocatesNothing goes the way of a block to its frame in a full history, in each format, through
// every window and overlap, over losses and pieces too short for a window: once all was seen,
// nothing is allocated, so that no collection of garbage comes between a radio and its samples.
func TestMeasuringAllocatesNothing(t *testing.T) {
	study(t)
	type kind struct {
		name   string
		s      Settings
		blocks func(f device.Format) []device.Block
	}
	samples := func(f device.Format, n int) []byte { return encode(noise(n, 0.1, 1), f) }
	pieces := func(f device.Format) []device.Block {
		long, short := samples(f, 15_000), samples(f, 300)
		return []device.Block{{Samples: long}, {Samples: short}, {Samples: short, Break: true}, {Samples: long, Break: true, Lost: 12_345}, {Samples: long[:f.Size()*777]}}
	}
	swept := func(f device.Format) []device.Block {
		x := samples(f, 8192)
		var all []device.Block
		for _, c := range centres {
			all = append(all, device.Block{CenterHz: c, Samples: x, Break: true})
		}
		return all
	}
	streamed, zero := device.Tuning{CenterHz: 100e6, SpanHz: 1.5e6, RateHz: 2e6}, device.Tuning{CenterHz: 100e6, RateHz: 2e6}
	sweeping := device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}
	kinds := []kind{
		{"stream", Settings{Tuning: streamed}, pieces},
		{"stream with min and vbw", Settings{Tuning: streamed, Min: true, VBWHz: 500, DC: DCMask}, pieces},
		{"stream with dc bridged", Settings{Tuning: streamed, Min: true, DC: DCInterpolate}, pieces},
		{"zero span", Settings{Tuning: zero}, pieces},
		{"zero span with min", Settings{Tuning: zero, Min: true}, pieces},
		{"sweep", Settings{Tuning: sweeping}, swept},
		{"sweep with min and vbw", Settings{Tuning: sweeping, Min: true, VBWHz: 10e3}, swept},
		{"survey", Settings{Tuning: device.Tuning{CenterHz: 2420e6, SpanHz: 40e6}}, func(device.Format) []device.Block {
			var all []device.Block
			for i := range 8 {
				all = append(all, device.Block{StartHz: 2400e6 + 5e6*float64(i), BinHz: 50e3, RBWHz: 75e3, Power: make([]float32, 100)})
			}
			return all
		}},
	}
	for _, k := range kinds {
		for format := device.CI8; format <= device.CF32; format++ {
			i := int(format) % 3
			overlap := []float64{0.5, 0.75, 0}[i]
			s := k.s
			s.Bins, s.Window, s.Overlap, s.FPS = 512, Window(i), overlap, MaxFPS
			a, err := NewAnalyzer(s, device.Info{MaxHz: 6e9}, 1, nil)
			if err != nil {
				t.Fatal(err)
			}
			h, floor := NewHistory(1<<18), new(NoiseFloor)
			frames := 0
			emit := func(f *Frame) {
				frames++
				h.Append(f)
				floor.Update(f)
			}
			blocks, now := k.blocks(format), epoch
			var b device.Block
			round := func() {
				for i := range blocks {
					b = blocks[i]
					now = now.Add(4 * time.Millisecond)
					b.Tuning, b.Time, b.Format = s.Tuning, now, format
					if len(b.Power) == 0 && !s.Tuning.Sweeps() {
						b.CenterHz = s.Tuning.CenterHz
					}
					if err := a.Add(&b, emit); err != nil {
						t.Fatal(err)
					}
				}
			}
			for range 60 {
				round()
			}
			frames = 0
			if n := testing.AllocsPerRun(20, round); n != 0 || frames == 0 {
				t.Errorf("%s: %g allocations, %d frames", fmt.Sprint(k.name, " of ", format, ", overlap ", overlap), n, frames)
			}
		}
	}
}
