package replay

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"argos/device"
)

// Pieces come in the order of hackrf_sweep; power tells them and their bins apart.
var sweepLows = []uint64{2400e6, 2410e6, 2405e6, 2415e6}

func sweepPower(pass, piece, bin int) float32 {
	return float32(-90 + 10*piece + bin + pass)
}

func sweepCSV(passes int) string {
	var text strings.Builder
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for pass := range passes {
		for piece, low := range sweepLows {
			fmt.Fprintf(&text, "%s, %d, %d, 1000000.00, 20", at.Format("2006-01-02, 15:04:05.000000"), low, low+5e6)
			for bin := range 5 {
				fmt.Fprintf(&text, ", %.2f", sweepPower(pass, piece, bin))
			}
			text.WriteString("\n")
		}
		at = at.Add(100 * time.Millisecond)
	}
	return text.String()
}

func sweepBinary(passes int) []byte {
	var x []byte
	for pass := range passes {
		for piece, low := range sweepLows {
			x = binary.LittleEndian.AppendUint32(x, 16+4*5)
			x = binary.LittleEndian.AppendUint64(x, low)
			x = binary.LittleEndian.AppendUint64(x, low+5e6)
			for bin := range 5 {
				x = binary.LittleEndian.AppendUint32(x, math.Float32bits(sweepPower(pass, piece, bin)))
			}
		}
	}
	return x
}

func TestSweep(t *testing.T) {
	for _, c := range []struct {
		name, text string
		pass       time.Duration
	}{
		{"sweep.csv", sweepCSV(3), 100 * time.Millisecond},
		{"sweep.bin", string(sweepBinary(3)), 2500 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := write(t, c.name, c.text)
			synctest.Test(t, func(t *testing.T) {
				r, err := Open(path, nil)
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				want := device.Info{Driver: "replay", Name: c.name, MinHz: 2400e6, MaxHz: 2420e6, Duration: 3 * c.pass}
				if r.Info() != want {
					t.Errorf("got  %+v\nwant %+v", r.Info(), want)
				}
				begin := time.Now()
				for n := range 24 {
					var b device.Block
					if err := r.Read(t.Context(), &b); err != nil {
						t.Fatal(err)
					}
					pass, piece := n/4, n%4
					at := time.Duration(pass) * c.pass
					if strings.HasSuffix(c.name, ".bin") {
						at += time.Duration(piece+1) * c.pass / 4
					}
					if b.Position != at%r.info.Duration && b.Position != r.info.Duration || time.Since(begin) != at || !b.Time.Equal(time.Now()) {
						t.Errorf("piece %d at %v of the recording came after %v, want %v", n, b.Position, time.Since(begin), at)
					}
					if b.StartHz != float64(sweepLows[piece]) || b.BinHz != 1e6 || b.CenterHz != b.StartHz+2.5e6 ||
						b.Samples != nil || b.Break != (n%12 == 0) || !b.Tuning.Sweeps() || b.Tuning.SpanHz != 20e6 {
						t.Errorf("piece %d is %+v", n, b)
					}
					for bin, v := range b.Power {
						if want := sweepPower(pass%3, piece, bin) + hannLossDB; v != want || len(b.Power) != 5 {
							t.Errorf("piece %d, bin %d of %d is %g, want %g", n, bin, len(b.Power), v, want)
						}
					}
				}
			})
		})
	}
}

func TestSweepEnds(t *testing.T) {
	for name, text := range map[string]string{"a.csv": sweepCSV(2), "a.sweep": string(sweepBinary(2))} {
		r, err := Open(write(t, name, text), &Options{NoLoop: true, Unpaced: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var b device.Block
		n := 0
		for err = r.Read(t.Context(), &b); err == nil; err = r.Read(t.Context(), &b) {
			n++
		}
		if !errors.Is(err, io.EOF) || n != 8 {
			t.Errorf("%s: %d pieces, then %v", name, n, err)
		}
	}
}

func TestSweepClockSetBack(t *testing.T) {
	text := sweepCSV(3)
	text = strings.ReplaceAll(text, "12:00:00.100000", "11:00:00.000000")
	text = strings.ReplaceAll(text, "12:00:00.200000", "11:00:00.100000")
	r, err := Open(write(t, "a.csv", text), &Options{NoLoop: true, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var b device.Block
	var at []time.Duration
	for r.Read(t.Context(), &b) == nil {
		at = append(at, b.Position)
	}
	if d := r.Info().Duration; d <= 0 || d > time.Second {
		t.Errorf("duration %v", d)
	}
	if !slices.IsSorted(at) || len(at) != 12 || at[11] != 100*time.Millisecond {
		t.Errorf("positions %v", at)
	}
}

func TestSweepBadLater(t *testing.T) {
	// What a look at the first pass does not find is told when it is reached, and again.
	lines := strings.SplitAfter(sweepCSV(3), "\n")
	records := sweepBinary(3)
	for _, c := range []struct{ name, text, want string }{
		{
			"a.csv", strings.Join(lines[:6], "") + "nonsense\n" + strings.Join(lines[6:], ""),
			"line 7: it is cut short, or not a line of hackrf_sweep; correct the line or remove it",
		},
		{
			"b.csv", strings.Join(lines[:6], "") + "2026-11-22, 12:00:00, 2400000000, 2405000000, 2500000.00, 20, -1, -2\n" + strings.Join(lines[6:], ""),
			"line 7: its bins are 2500000.00 Hz wide, not 1000000.00 Hz as before; correct the line or remove it",
		},
		{
			"c.bin", string(records[:240]) + "\x28" + string(records[241:]),
			"the record at byte 240: its length is 40, not 36 as before; record again",
		},
		{
			"d.bin", string(records[:244]) + strings.Repeat("\xff", 8) + string(records[252:]),
			"the record at byte 240: its frequencies are not a range; record again",
		},
	} {
		path := write(t, c.name, c.text)
		r, err := Open(path, &Options{Unpaced: true})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		var b device.Block
		n := 0
		for err = r.Read(t.Context(), &b); err == nil; err = r.Read(t.Context(), &b) {
			n++
		}
		if got := err.Error(); n != 6 || got != "read replay:"+path+": "+c.want {
			t.Errorf("after %d pieces: %s", n, got)
		}
		if again := r.Read(t.Context(), &b); !errors.Is(again, err) {
			t.Errorf("Read after that: %v", again)
		}
	}
}
