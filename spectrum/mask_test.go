package spectrum

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	const text = "# emission limit\nupper, 100M, -40\nupper,100.010M,-40\nupper,100.010M,-60\n100.020M,-80\nlower,100.015M,-100\nlower,100.030M,-100\n"
	m, err := ParseMask(strings.NewReader(text))
	if err != nil || len(m.Upper) != 4 || len(m.Lower) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	for _, tc := range []struct {
		hz, upper, lower float64
	}{{100.005e6, -40, math.NaN()}, {100.0101e6, -60.2, math.NaN()}, {100.015e6, -70, -100}, {100.025e6, math.NaN(), -100}} {
		up, low := Limit(m.Upper, tc.hz), Limit(m.Lower, tc.hz)
		if math.Abs(up-tc.upper) > 1e-6 || math.IsNaN(up) != math.IsNaN(tc.upper) || math.Abs(low-tc.lower) > 1e-6 || math.IsNaN(low) != math.IsNaN(tc.lower) {
			t.Errorf("at %v the limits are %v and %v", tc.hz, up, low)
		}
	}
	levels := make([]float64, 40)
	for i := range levels {
		levels[i] = -90
	}
	check := func() Verdict {
		tr := traceOf(levels...)
		return m.Check(tr.Grid(), tr.Levels(), tr.Levels())
	}
	v := check()
	if !v.Pass() || v.Bins != 35 || math.Abs(v.MarginDB-10) > 0.01 {
		t.Errorf("all at -90: %+v", v)
	}
	levels[12], levels[5], levels[25], levels[35] = -55, -39, -110, 0 // the last is beyond all points
	v = check()
	if v.Pass() || v.Failed != 3 || v.FirstHz != 100.0055e6 || v.AtHz != 100.0125e6 && v.AtHz != 100.0255e6 || math.Abs(v.MarginDB+10) > 0.01 {
		t.Errorf("three bins beyond: %+v", v)
	}
	levels[5] = math.NaN()
	if v = check(); v.FirstHz != 100.0125e6 {
		t.Errorf("one of them not measured: %+v", v)
	}
	far := traceOf(-1, -1)
	far.grid.StartHz = 2e9
	if v := m.Check(far.Grid(), far.Levels(), far.Levels()); v.Pass() || v.Bins != 0 {
		t.Errorf("elsewhere: %+v", v)
	}
	th := Threshold(-50)
	if v := th.Check(far.Grid(), far.Levels(), far.Levels()); v.Failed != 2 || v.MarginDB != -49 {
		t.Errorf("threshold: %+v", v)
	}
	tr := traceOf(levels...)
	if n := testing.AllocsPerRun(20, func() { m.Check(tr.Grid(), tr.Levels(), tr.Levels()) }); n != 0 {
		t.Errorf("%v allocations a check", n)
	}
}

func TestMasksThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "two points",
		"1M,-40":                    "two points",
		"upper,1M,-40\nlower,2M,-1": "two points",
		"middle,1M,-40":             `line 1: "middle" is neither`,
		"1M":                        "line 1: write a point",
		"x,1":                       "line 1: \"x\" is not",
		"1M,loud":                   `line 1: "loud" is not a level`,
		"1M,inf":                    "is not a level",
		"-1,1":                      "is not a frequency",
		"2M,1\n1M,1":                "line 2: 1M is below",
		strings.Repeat("1,1\n", maxLimitPoints+1): fmt.Sprintf("line %d: more than", maxLimitPoints+1),
	} {
		if _, err := ParseMask(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

// FuzzMask: what can be read gives a verdict that agrees with itself.
func FuzzMask(f *testing.F) {
	f.Add("upper,100M,-40\nupper,100.01M,-60\nlower,1,-300\nlower,1G,-200\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseMask(strings.NewReader(text))
		if err != nil {
			return
		}
		tr := traceOf(-50, math.NaN(), -60, -400, 0)
		v := m.Check(tr.Grid(), tr.Levels(), tr.Levels())
		if v.Failed > v.Bins || (v.Failed > 0) != (v.MarginDB < 0) || v.Bins > 8 {
			t.Fatalf("%+v", v)
		}
	})
}
