package spectrum

import (
	"math"
	"slices"
	"testing"
	"time"

	"argos/device"
)

// withDC is noise with a line at the radio's centre and tones at points of the transform.
func withDC(n, windows int, tones map[float64]float64) []complex128 {
	x := sum(noise(n*windows, 0.01, 4), tone(n*windows, 0, 0.3))
	for at, amplitude := range tones {
		x = sum(x, tone(n*windows, at*float64(windows), amplitude))
	}
	return x
}

// The bins of the line are left out, whatever else is: they are in no segment, and all
// others read what they do when it is kept.
func TestMaskedDC(t *testing.T) {
	const n = 1024
	for w := range Window(len(windows)) {
		for _, ranges := range [][]device.Range{nil, {{LowHz: 99.6e6, HighHz: 99.9e6}, {LowHz: 100.001e6, HighHz: 100.3e6}}} {
			s := settingsAt(n*1e3, n)
			if ranges != nil {
				tuning, err := s.Tuning.Over(ranges...)
				if err != nil {
					t.Fatal(err)
				}
				tuning.RateHz, tuning.CenterHz = s.Tuning.RateHz, 100e6
				s.Tuning = tuning
			}
			s.Window, s.Min = w, true
			x := withDC(n, 8, map[float64]float64{200: 0.1})
			kept := clone(measure(t, s, x, device.CF32, 0.5))
			s.DC = DCMask
			f := measure(t, s, x, device.CF32, 0.5)
			if f.Grid.DC != DCMask || f.Grid.Bins != kept.Grid.Bins || f.Grid.StartHz != kept.Grid.StartHz {
				t.Fatalf("%v: grid %+v", w, f.Grid)
			}
			inside := absent(f.Grid.Bins)
			for _, seg := range f.Segments {
				for i := seg.Bin; i < seg.Bin+seg.Bins; i++ {
					inside[i] = 0
				}
			}
			masked := 0
			for i := range f.Mean {
				off := math.Abs(f.Grid.BinCenterHz(i)-100e6) / f.Grid.BinHz
				want := [3]int16{kept.Mean[i], kept.Max[i], kept.Min[i]}
				if off < float64(len(windows[w].terms))+0.5 {
					if want[0] != Absent {
						masked++
					}
					want = [3]int16{Absent, Absent, Absent}
				}
				if got := [3]int16{f.Mean[i], f.Max[i], f.Min[i]}; got != want || (inside[i] == Absent) != (want[0] == Absent) {
					t.Fatalf("%v: bin %d, %g from the centre, reads %v, want %v", w, i, off, got, want)
				}
			}
			if ranges == nil && masked != 2*len(windows[w].terms)+1 || masked == 0 {
				t.Errorf("%v: %d bins masked", w, masked)
			}
			if i := strongest(f.Mean); f.Grid.BinCenterHz(i) != 100.2e6 {
				t.Errorf("%v: the strongest bin is at %g", w, f.Grid.BinCenterHz(i))
			}
		}
	}
}

// The bins of the line read what noise beside it does, in every detector, also with a carrier
// just beside it, and what is above all others stays what it was.
func TestInterpolatedDC(t *testing.T) {
	const n = 1024
	for w := range Window(len(windows)) {
		lobe := float64(len(windows[w].terms))
		s := settingsAt(n*1e3, n)
		s.Window, s.Min = w, true
		x := withDC(n, 40, map[float64]float64{lobe + 3: 0.05, 300: 0.01})
		kept := clone(measure(t, s, x, device.CF32, 0.5))
		s.DC = DCInterpolate
		f := measure(t, s, x, device.CF32, 0.5)
		if f.Grid.DC != DCInterpolate || len(f.Segments) != 1 {
			t.Fatalf("%v: grid %+v of %d segments", w, f.Grid, len(f.Segments))
		}
		level := func(trace []int16) float64 { return f.Grid.DB(median(trace[100:109])) }
		for i := range f.Mean {
			off := math.Abs(f.Grid.BinCenterHz(i)-100e6) / f.Grid.BinHz
			if off > lobe {
				if f.Mean[i] != kept.Mean[i] || f.Max[i] != kept.Max[i] || f.Min[i] != kept.Min[i] {
					t.Fatalf("%v: bin %d is not what it was", w, i)
				}
				continue
			}
			for _, trace := range [][]int16{f.Mean, f.Max, f.Min} {
				if got := f.Grid.DB(trace[i]); math.Abs(got-level(trace)) > 4 {
					t.Errorf("%v: %g bins from the centre reads %g dB, the noise %g", w, off, got, level(trace))
				}
			}
			if f.Min[i] > f.Mean[i] || f.Mean[i] > f.Max[i] {
				t.Errorf("%v: bin %d is %d %d %d", w, i, f.Min[i], f.Mean[i], f.Max[i])
			}
		}
		if i := strongest(f.Mean); f.Grid.BinCenterHz(i) != 100e6+(lobe+3)*1e3 {
			t.Errorf("%v: the strongest bin is at %g", w, f.Grid.BinCenterHz(i))
		}
		var floor NoiseFloor
		floor.Update(f)
		if want := 10 * math.Log10(2*0.01*0.01*f.Grid.RBWHz/1024e3); math.Abs(floor.Level(n/2)-want) > 1 {
			t.Errorf("%v: noise at the centre is %.1f dB, want %.1f", w, floor.Level(n/2), want)
		}
	}
}

func TestBridge(t *testing.T) {
	for _, tt := range []struct {
		powers    []int16
		low, high int
		want      []int16
	}{
		{[]int16{-10, 0, 0, 0, -50}, 1, 4, []int16{-10, -20, -30, -40, -50}},
		{[]int16{-10, -10, -90, 0, -20}, 3, 4, []int16{-10, -10, -90, -15, -20}},
		{[]int16{0, 0, -40}, 0, 2, []int16{-40, -40, -40}},
		{[]int16{-40, 0, 0}, 1, 3, []int16{-40, -40, -40}},
		{[]int16{7, 8}, 0, 2, []int16{7, 8}},
	} {
		got := slices.Clone(tt.powers)
		bridge(got, tt.low, tt.high)
		if !slices.Equal(got, tt.want) {
			t.Errorf("%v from %d to %d becomes %v, want %v", tt.powers, tt.low, tt.high, got, tt.want)
		}
	}
}

// Where the radio's centre is not in what is measured, nothing was done, and the grid
// says so. So it does where nothing else would be left.
func TestDCElsewhere(t *testing.T) {
	s := settingsAt(1024e3, 1024)
	s.Tuning.SpanHz = 100e3
	for _, tt := range []struct {
		dc       DC
		centerHz float64 // of the span
		spanHz   float64
		want     DC
		segments int
	}{
		{DCMask, 100.2e6, 100e3, DCKeep, 1},
		{DCInterpolate, 100.2e6, 100e3, DCKeep, 1},
		{DCMask, 100e6, 100e3, DCMask, 2},
		{DCMask, 100.05e6, 100e3, DCMask, 1}, // at the edge
		{DCInterpolate, 100.05e6, 100e3, DCInterpolate, 1},
		{DCMask, 100e6, 4e3, DCKeep, 1},
		{DCInterpolate, 100e6, 4e3, DCKeep, 1},
	} {
		s.DC, s.Tuning.CenterHz, s.Tuning.SpanHz = tt.dc, tt.centerHz, tt.spanHz
		a, err := NewAnalyzer(s, device.Info{}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := device.Block{
			Tuning: s.Tuning, CenterHz: 100e6, Time: epoch, Format: device.CF32,
			Samples: encode(withDC(1024, 4, nil), device.CF32),
		}
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
		a.Flush(func(f *Frame) {
			if f.Grid.DC != tt.want || len(f.Segments) != tt.segments || a.Settings().DC != tt.dc {
				t.Errorf("%v of %g at %g: %v in %d segments", tt.dc, tt.spanHz, tt.centerHz, f.Grid.DC, len(f.Segments))
			}
		})
	}
	// A sweep keeps clear of it anyway.
	s = Settings{Tuning: device.Tuning{CenterHz: 2420e6, SpanHz: 40e6, RateHz: 20e6}, Bins: 256, DC: DCMask}
	a, err := NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range centres {
		b := sweepBlock(s.Tuning, c, nil, 0.01, uint64(i), epoch.Add(time.Duration(i)*time.Millisecond))
		if err := a.Add(&b, nil); err != nil {
			t.Fatal(err)
		}
	}
	a.Flush(func(f *Frame) {
		if f.Grid.DC != DCKeep || slices.Contains(f.Mean, Absent) {
			t.Errorf("a sweep has DC %v", f.Grid.DC)
		}
	})
}

func TestDCSetting(t *testing.T) {
	for d := range DC(len(dcNames)) {
		s, err := DefaultSettings().With(map[string]string{"dc": d.String()})
		if err != nil || s.DC != d || FindParam("dc").Get(&s) != d.String() {
			t.Errorf("dc %v is %v, %v", d, s.DC, err)
		}
	}
	const want = `dc: "hide" is nothing that can become of DC: use keep, mask, interpolate`
	if _, err := DefaultSettings().With(map[string]string{"dc": "hide"}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if DefaultSettings().DC != DCKeep {
		t.Error("levels are changed without being asked")
	}
}
