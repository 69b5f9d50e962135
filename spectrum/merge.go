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
	if f.Min = f.Min[:0]; f.Grid.Min {
		f.Min = slices.Grow(f.Min, bins)[:bins]
	}
}

// CopyFrom makes f a deep copy of src, in the memory that f has.
func (f *Frame) CopyFrom(src *Frame) {
	segments, mean, peak, least := f.Segments, f.Mean, f.Max, f.Min
	*f = *src
	f.Segments = append(segments[:0], src.Segments...)
	f.Mean = append(mean[:0], src.Mean...)
	f.Max = append(peak[:0], src.Max...)
	f.Min = append(least[:0], src.Min...)
}

// powerTable converts quantised dB to linear power and back.
type powerTable struct {
	perDB  float64   // steps
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
	t = &powerTable{perDB: 1 / stepDB, lowest: int(math.Floor(lowestDB / stepDB))}
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
	return quantise(float64(power), t.perDB)
}
