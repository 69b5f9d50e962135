package spectrum

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSlice(t *testing.T) {
	g := Grid{StartHz: 1000, BinHz: 10, Bins: 4096}
	odd := g
	odd.Bins = 1000
	for _, tt := range []struct {
		name      string
		grid      Grid
		low, high float64
		cells     int
		want      Slice
	}{
		{"all", g, 0, 0, 0, Slice{0, 4096, 1}},
		{"as many as there are", g, 0, 0, 4096, Slice{0, 4096, 1}},
		{"at least a quarter", g, 0, 0, 1024, Slice{0, 4096, 4}},
		{"not less than asked for", g, 0, 0, 1025, Slice{0, 4096, 2}},
		{"one", g, 0, 0, 1, Slice{0, 4096, 4096}},
		{"odd", odd, 0, 0, 300, Slice{0, 1000, 2}},
		{"aligned part", g, 1000 + 10*1024, 1000 + 10*2047.5, 0, Slice{1024, 1024, 1}},
		{"part that is not aligned", g, 1000 + 10*1000, 1000 + 10*1999.5, 500, Slice{768, 1280, 2}},
		{"beyond the edges", g, 0, 1e9, 512, Slice{0, 4096, 8}},
		{"far out", g, 0, 1e300, 512, Slice{0, 4096, 8}},
		{"one bin", g, 1005, 1006, 100, Slice{0, 1, 1}},
		{"nowhere", g, 1e9, 2e9, 100, Slice{4095, 1, 1}},
		{"upside down is all", g, 2000, 1000, 0, Slice{0, 4096, 1}},
	} {
		if got := tt.grid.Slice(tt.low, tt.high, tt.cells); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestSliceCoversWhatIsAskedFor(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 10_000 {
		g := Grid{StartHz: r.Float64() * 1e9, BinHz: 1 + r.Float64()*1e4, Bins: 1 + r.IntN(10_000)}
		width := g.StopHz() - g.StartHz
		low := g.StartHz + r.Float64()*width
		high := low + r.Float64()*(g.StopHz()-low)
		cells := r.IntN(2000)
		s := g.Slice(low, high, cells)
		first, last := g.BinAt(low), min(g.BinAt(high), g.Bins-1)
		if s.First > first || s.First+s.Bins <= last || s.First+s.Bins > g.Bins || s.First%s.Cell != 0 {
			t.Fatalf("bins %d to %d of %d in %d cells: %+v", first, last, g.Bins, cells, s)
		}
		asked := last + 1 - first
		if cells > 0 && (asked/s.Cell < min(cells, asked) || asked > cells && asked/s.Cell >= 2*cells+1) {
			t.Fatalf("%d bins in %d cells: %+v", asked, cells, s)
		}
		if s.Bins > 2*asked+2*s.Cell {
			t.Fatalf("%d bins asked for: %+v", asked, s)
		}
		if low := s.Tier(2); low.First%low.Cell != 0 || low.First+low.Bins != s.First+s.Bins || low.First > s.First {
			t.Fatalf("%+v becomes %+v", s, low)
		}
	}
}

func TestReduceKeepsPeaks(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var src, dst Frame
	for _, bins := range []int{1, 255, 256, 257, 1000, 4096} {
		noiseFrame(&src, rng, 1, bins)
		addMin(&src, rng)
		g := &src.Grid
		for _, s := range []Slice{
			g.Slice(0, 0, 256),
			g.Slice(0, 0, 0),
			g.Slice(g.BinCenterHz(bins/3), g.BinCenterHz(bins/2), 32),
			g.Slice(g.BinCenterHz(bins-1), g.BinCenterHz(bins-1)+1, 32),
		} {
			Reduce(&dst, &src, s)
			if len(dst.Max) != s.Cells() || dst.Grid.Bins != s.Cells() {
				t.Fatalf("%d bins, %+v: became %d", bins, s, dst.Grid.Bins)
			}
			want := make([]int16, dst.Grid.Bins)
			for i := range want {
				want[i] = Absent
			}
			least := slices.Repeat([]int16{math.MaxInt16}, dst.Grid.Bins)
			for i, q := range src.Max[s.First : s.First+s.Bins] {
				c := dst.Grid.BinAt(g.BinCenterHz(s.First + i))
				want[c] = max(want[c], q)
				least[c] = min(least[c], src.Min[s.First+i])
			}
			for c := range want {
				if dst.Max[c] != want[c] || dst.Min[c] != least[c] {
					t.Fatalf("%d bins, %+v: cell %d is %d and %d, want %d and %d", bins, s, c, dst.Max[c], dst.Min[c], want[c], least[c])
				}
			}
			if part := dst.Grid.Part; part != (Part{}) && part != (Part{Cell: s.Cell, First: s.First, Of: bins}) {
				t.Fatalf("%d bins, %+v: part %+v", bins, s, part)
			}
			if s := dst.Segments; len(s) != 1 || s[0].Bins != dst.Grid.Bins {
				t.Fatalf("segments %+v of %d cells", s, dst.Grid.Bins)
			}
		}
	}
}

// Of a survey, cells lie across the borders of what was measured, and outside of it. What
// was in the memory before is gone.
func TestReduceOfASurvey(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 8))
	const bins = 250_000
	var src, dst Frame
	for tick := range 6 {
		surveyFrame(&src, rng, tick, bins)
		addMin(&src, rng)
		g := &src.Grid
		for _, s := range []Slice{g.Slice(0, 0, 2048), g.Slice(0, 0, 30), g.Slice(g.BinCenterHz(bins/2), g.BinCenterHz(bins-1), 500)} {
			Reduce(&dst, &src, s)
			want, sum, n := absent(s.Cells()), make([]float64, s.Cells()), make([]int, s.Cells())
			least := absent(s.Cells())
			for i := s.First; i < s.First+s.Bins; i++ {
				c := (i - s.First) / s.Cell
				want[c] = max(want[c], src.Max[i])
				if src.Mean[i] != Absent {
					sum[c] += math.Pow(10, src.Grid.DB(src.Mean[i])/10)
					if n[c]++; n[c] == 1 || src.Min[i] < least[c] {
						least[c] = src.Min[i]
					}
				}
			}
			inside := absent(s.Cells())
			for _, seg := range dst.Segments {
				for c := seg.Bin; c < seg.Bin+seg.Bins; c++ {
					inside[c] = 0
				}
			}
			for c := range want {
				mean := math.Round(10 * math.Log10(sum[c]/float64(n[c])) / g.StepDB)
				if dst.Max[c] != want[c] || dst.Min[c] != least[c] || (inside[c] != Absent) != (n[c] > 0) || n[c] == 0 && dst.Mean[c] != Absent ||
					n[c] > 0 && math.Abs(mean-float64(dst.Mean[c])) > 1 {
					t.Fatalf("tick %d, %+v: cell %d is %d %d, want %d %g; a segment has it: %v",
						tick, s, c, dst.Max[c], dst.Mean[c], want[c], mean, inside[c] != Absent)
				}
			}
		}
	}
}
