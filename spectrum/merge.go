package spectrum

import (
	"math"
	"slices"
	"sync"
)

// resize makes room for bins powers without keeping what was there.
func (f *Frame) resize(bins int) {
	f.Mean = slices.Grow(f.Mean[:0], bins)[:bins]
	f.Max = slices.Grow(f.Max[:0], bins)[:bins]
}

// CopyFrom makes f a deep copy of src, in the memory that f has.
func (f *Frame) CopyFrom(src *Frame) {
	segments, mean, peak := f.Segments, f.Mean, f.Max
	*f = *src
	f.Segments = append(segments[:0], src.Segments...)
	f.Mean = append(mean[:0], src.Mean...)
	f.Max = append(peak[:0], src.Max...)
}

// Reduce makes dst what src looks like in at most columns cells: the greatest Max and
// the mean power of the bins of each cell, peaks whole. Each cell stands for the same
// number of bins, the last perhaps for fewer. A src that is narrow enough is copied.
func Reduce(dst, src *Frame, columns int) {
	bins := src.Grid.Bins
	if columns <= 0 || bins <= columns {
		dst.CopyFrom(src)
		return
	}
	per := (bins + columns - 1) / columns
	cells := (bins + per - 1) / per
	segments := append(dst.Segments[:0], src.Segments...)
	dst.resize(cells)
	mean, peak := dst.Mean, dst.Max
	*dst = *src
	dst.Segments, dst.Mean, dst.Max = segments, mean, peak
	dst.Grid.Bins, dst.Grid.BinHz = cells, src.Grid.BinHz*float64(per)

	power := powers(src.Grid.StepDB)
	for c := range cells {
		low, high := c*per, min(c*per+per, bins)
		top, sum, n := int16(Absent), float32(0), 0
		for i := low; i < high; i++ {
			top = max(top, src.Max[i])
			if q := src.Mean[i]; q != Absent {
				sum += power.linear(q)
				n++
			}
		}
		peak[c], mean[c] = top, Absent
		if n > 0 {
			mean[c] = power.quantise(sum / float32(n))
		}
	}
	dst.reduceSegments(per)
}

// reduceSegments moves segments from a grid to one with per times fewer bins. A cell
// across the border of two goes to the first.
func (f *Frame) reduceSegments(per int) {
	next, kept := 0, f.Segments[:0]
	for _, s := range f.Segments {
		end := (s.Bin + s.Bins + per - 1) / per
		s.Bin = max(s.Bin/per, next)
		s.Bins = end - s.Bin
		next = end
		if s.Bins > 0 {
			kept = append(kept, s)
		}
	}
	f.Segments = kept
}

// powerTable converts quantised dB to linear power and back.
type powerTable struct {
	stepDB float64
	lowest int       // the quantised power that values[0] stands for
	values []float32 // linear power
}

// powerTables holds a table for each step in use. Steps are constants of the program
// or come from a server one is connected to, which has one.
var powerTables struct {
	sync.RWMutex
	byStep map[float64]*powerTable
}

func powers(stepDB float64) *powerTable {
	powerTables.RLock()
	t := powerTables.byStep[stepDB]
	powerTables.RUnlock()
	if t != nil {
		return t
	}
	const lowestDB, highestDB = FloorDB, 120
	t = &powerTable{stepDB: stepDB, lowest: int(math.Floor(lowestDB / stepDB))}
	t.values = make([]float32, int(math.Ceil(highestDB/stepDB))-t.lowest+1)
	for i := range t.values {
		t.values[i] = float32(math.Pow(10, float64(t.lowest+i)*stepDB/10))
	}
	powerTables.Lock()
	defer powerTables.Unlock()
	if powerTables.byStep == nil || len(powerTables.byStep) > 16 {
		powerTables.byStep = map[float64]*powerTable{}
	}
	powerTables.byStep[stepDB] = t
	return t
}

func (t *powerTable) linear(q int16) float32 {
	return t.values[min(max(int(q)-t.lowest, 0), len(t.values)-1)]
}

func (t *powerTable) quantise(power float32) int16 {
	if power <= 0 {
		return int16(t.lowest)
	}
	return int16(math.Round(10 * math.Log10(float64(power)) / t.stepDB))
}
