package spectrum

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// surveyFrame fills f with what a sweep of bins in pieces of 2,048 measures from one
// frame tick to the next: at 20 fps that is a 20th of 814 blocks, of two pieces each.
func surveyFrame(f *Frame, rng *rand.Rand, tick, bins int) {
	const piece, pieces = 2048, 82
	f.Grid = Grid{Generation: 1, BinHz: 2441.40625, Bins: bins, StepDB: 0.5}
	f.Reset(bins)
	f.First = time.Unix(int64(tick), 0)
	f.Last = f.First.Add(50 * time.Millisecond)
	all := bins / piece
	first := tick * pieces % all
	for i := range min(pieces, all-first) {
		s := Segment{Bin: (first + i) * piece, Bins: piece, Windows: 1, First: f.First, Last: f.Last}
		f.Segments = append(f.Segments, s)
		for k := s.Bin; k < s.Bin+s.Bins; k++ {
			f.Mean[k] = int16(-200 + rng.IntN(100))
			f.Max[k] = f.Mean[k] + int16(rng.IntN(20))
		}
	}
}

func BenchmarkHistory(b *testing.B) {
	rng := rand.New(rand.NewPCG(11, 12))
	var frames [64]Frame
	for _, bins := range []int{4096, 65536, 7250e6 / 20e6 * 8192} {
		fill := func(i int) { noiseFrame(&frames[i], rng, 1, bins) }
		kind, used := "dense", len(frames)
		if bins > 65536 {
			fill = func(i int) { surveyFrame(&frames[i], rng, i, bins) }
			kind, used = "survey", 18
		}
		for i := range used {
			fill(i)
		}
		b.Run(fmt.Sprintf("append/%s/%d", kind, bins), func(b *testing.B) {
			h := NewHistory(0)
			for i := range 200 {
				h.Append(&frames[i%used])
			}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				h.Append(&frames[n%used])
				n++
			}
			memory, _ := h.Memory()
			b.ReportMetric(float64(memory)/(1<<20), "MB")
			b.ReportMetric(float64(h.Head()-h.Tail()), "frames")
		})
		for _, span := range []uint64{1, 7, 20} {
			b.Run(fmt.Sprintf("merge%d/%s/%d", span, kind, bins), func(b *testing.B) {
				h := NewHistory(0)
				for i := range 64 {
					h.Append(&frames[i%used])
				}
				var got Frame
				for b.Loop() {
					h.Merge(&got, h.Head()-span, h.Head())
				}
			})
		}
		frames = [64]Frame{}
	}
}

func BenchmarkReduce(b *testing.B) {
	rng := rand.New(rand.NewPCG(13, 14))
	for _, bins := range []int{65536, 7250e6 / 20e6 * 8192} {
		var f, got Frame
		if bins == 65536 {
			noiseFrame(&f, rng, 1, bins)
		} else {
			surveyFrame(&f, rng, 1, bins)
		}
		b.Run(fmt.Sprint(bins), func(b *testing.B) {
			for b.Loop() {
				Reduce(&got, &f, f.Grid.Slice(0, 0, 2048))
			}
		})
	}
}
