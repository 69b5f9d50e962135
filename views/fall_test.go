package views

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"argos/spectrum"
)

// fallFrame is the frames first to last of 50 ms each, whose only bin tells the last.
func fallFrame(first, last uint64) *spectrum.Frame {
	at := func(seq uint64) time.Duration { return time.Duration(seq) * 50 * time.Millisecond }
	return &spectrum.Frame{
		Grid:     spectrum.Grid{Generation: 1, BinHz: 1, Bins: 1, StepDB: 1},
		FirstSeq: first, LastSeq: last, Mono: spectrum.Mono{First: at(first - 1), Last: at(last)},
		Segments: []spectrum.Segment{{Bins: 1, Windows: 1}}, Max: []int16{int16(last)},
	}
}

// A drawn is what a row of a fall shows, newest first.
type drawn struct {
	peak        int16
	first, last uint64 // of a gap
}

func (f *fall) all() (rows []drawn) {
	for i := 0; f.row(i) != nil; i++ {
		r := f.row(i)
		if r.gap {
			rows = append(rows, drawn{0, r.gapFirst, r.gapLast})
		} else {
			rows = append(rows, drawn{peak: r.cells[0]})
		}
	}
	return rows
}

func TestGapIsFilled(t *testing.T) {
	for _, tt := range []struct {
		name string
		fill [][2]uint64
		want []drawn
	}{
		{"not yet", nil, []drawn{{peak: 101}, {0, 11, 100}, {peak: 10}}},
		{"from the newest", [][2]uint64{{91, 100}, {81, 90}}, []drawn{{peak: 101}, {peak: 100}, {peak: 90}, {0, 11, 80}, {peak: 10}}},
		{"from the oldest", [][2]uint64{{11, 20}, {21, 30}}, []drawn{{peak: 101}, {0, 31, 100}, {peak: 30}, {peak: 20}, {peak: 10}}},
		{"within", [][2]uint64{{41, 50}}, []drawn{{peak: 101}, {0, 51, 100}, {peak: 50}, {0, 11, 40}, {peak: 10}}},
		{"whole", [][2]uint64{{11, 100}}, []drawn{{peak: 101}, {peak: 100}, {peak: 10}}},
		{"in small pieces", [][2]uint64{{99, 100}, {97, 98}, {95, 96}}, []drawn{{peak: 101}, {0, 11, 94}, {peak: 10}}},
		{"what is no part of it", [][2]uint64{{5, 6}, {95, 101}, {1000, 1001}}, []drawn{{peak: 101}, {0, 11, 100}, {peak: 10}}},
	} {
		f := newFall()
		f.add(fallFrame(1, 10), time.Second/2, -100, 0)
		f.gap(fallFrame(10, 10).Mono.Last, fallFrame(101, 101), 11, 100)
		f.add(fallFrame(101, 101), time.Second/2, -100, 0)
		for _, part := range tt.fill {
			f.fill(fallFrame(part[0], part[1]), time.Second/2, -100, 0)
		}
		if got := f.all(); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestLostGapIsNotAwaited(t *testing.T) {
	f := newFall()
	f.add(fallFrame(1, 10), time.Second, -100, 0)
	f.gap(time.Second, fallFrame(101, 101), 11, 100)
	f.add(fallFrame(101, 101), time.Second, -100, 0)
	if !f.row(1).pending {
		t.Error("a gap that may be filled is not awaited")
	}
	f.lose(1, 5)
	if !f.row(1).pending {
		t.Error("another gap was lost")
	}
	f.lose(11, 100)
	if f.row(1).pending {
		t.Error("a lost gap is awaited")
	}
}

// What is drawn follows what is live through every kind of change, also while frozen
// for long and across the end of the ring.
func TestFollowSeesEveryChange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	live, shown := newFall(), newFall()
	seq := uint64(0)
	var open [][2]uint64
	for range 20_000 {
		switch n := r.IntN(20); {
		case n == 0:
			lost := uint64(1 + r.IntN(50))
			live.gap(fallFrame(seq+1, seq+1).Mono.First, fallFrame(seq+lost+1, seq+lost+1), seq+1, seq+lost)
			open = append(open, [2]uint64{seq + 1, seq + lost})
			seq += lost
		case n < 8 && len(open) > 0:
			at := r.IntN(len(open))
			part := &open[at]
			from := part[0] + r.Uint64N(part[1]-part[0]+1)
			live.fill(fallFrame(from, part[1]), time.Duration(r.IntN(2))*time.Second, -100, 0)
			if part[1] = from - 1; part[1] < part[0] {
				open = slices.Delete(open, at, at+1)
			}
		case n == 8 && len(open) > 0:
			live.lose(open[0][0], open[0][1])
			open = open[1:]
		default:
			seq++
			live.add(fallFrame(seq, seq), time.Duration(r.IntN(200))*time.Millisecond, -100, 0)
		}
		if r.IntN(10) > 0 {
			continue
		}
		shown.follow(&live)
		if got, want := shown.all(), live.all(); !slices.Equal(got, want) {
			t.Fatalf("at %d: shown %v, live %v", seq, got, want)
		}
		for i := 0; live.row(i) != nil; i++ {
			r, before := shown.row(i), shown.row(i+1)
			if r.line != live.row(i).line || r.lower != live.row(i).lower {
				t.Fatalf("row %d is in line %d, live %d", i, r.line, live.row(i).line)
			}
			if before != nil {
				paired := !r.gap && !before.gap && !before.lower
				if r.lower != paired || r.line != before.line+1 && !paired || r.line != before.line && paired {
					t.Fatalf("row %d is in line %d after one in line %d", i, r.line, before.line)
				}
			}
			if shown.row(i).pending != live.row(i).pending {
				t.Fatalf("row %d: pending %t, live %t", i, shown.row(i).pending, live.row(i).pending)
			}
		}
	}
}

// The server's clock is set back by an hour and forward by two: rows keep their pace and
// order, a gap its length, and only what people read of the time jumps.
func TestFallWhenTheClockIsSet(t *testing.T) {
	f := newFall()
	wall := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	add := func(seq uint64) {
		fr := fallFrame(seq, seq)
		switch seq {
		case 21:
			wall = wall.Add(-time.Hour)
		case 31:
			wall = wall.Add(2 * time.Hour)
		}
		fr.First, fr.Last = wall.Add(fr.Mono.First), wall.Add(fr.Mono.Last)
		if seq == 101 {
			f.gap(fallFrame(50, 50).Mono.Last, fr, 51, 100)
		}
		f.add(fr, time.Second/2, -100, 0)
	}
	for seq := range uint64(50) {
		add(seq + 1)
	}
	add(101)
	want := []drawn{{peak: 101}, {0, 51, 100}, {peak: 50}, {peak: 45}, {peak: 36}, {peak: 27}, {peak: 18}, {peak: 9}}
	if got := f.all(); !slices.Equal(got, want) {
		t.Errorf("rows %v, want %v", got, want)
	}
	if g := f.row(1); g.to-g.from != 50*50*time.Millisecond {
		t.Errorf("the gap lasted %v", g.to-g.from)
	}
	if last := f.row(4).last; !last.Equal(wall.Add(1800 * time.Millisecond)) {
		t.Errorf("the row of frame 36 is of %v", last)
	}
}

// A sweep that takes longer than the pace fills its row before the next begins.
func TestSlowSweepFillsItsRow(t *testing.T) {
	f := newFall()
	const bins, frames = 6000, 12 // a sweep: 600 ms
	fr := &spectrum.Frame{Grid: spectrum.Grid{Generation: 1, BinHz: 1, Bins: bins, StepDB: 1}, Max: resized(nil, bins)}
	for n := range uint64(5 * frames) {
		fr.FirstSeq, fr.LastSeq = n+1, n+1
		fr.Mono.First, fr.Mono.Last = time.Duration(n)*50*time.Millisecond, time.Duration(n+1)*50*time.Millisecond
		s := spectrum.Segment{Bin: int(n%frames) * bins / frames, Bins: bins / frames, Windows: 1}
		fr.Segments = []spectrum.Segment{s}
		for i := range s.Bins {
			fr.Max[s.Bin+i] = int16(n / frames)
		}
		f.add(fr, 500*time.Millisecond, -100, 0)
	}
	for i := range 5 {
		r := f.row(i)
		if r == nil || r.to-r.from != 600*time.Millisecond {
			t.Fatalf("row %d: %+v", i, r)
		}
		for _, q := range r.cells {
			if q != int16(4-i) {
				t.Fatalf("row %d has %d", i, q)
			}
		}
	}
}
