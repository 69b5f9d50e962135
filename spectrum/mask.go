package spectrum

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"argos/device"
)

// A LimitPoint is where a limit line bends.
type LimitPoint struct{ Hz, DB float64 }

// A Mask is the levels that a spectrum has to keep to: straight lines between points, in
// order of frequency; two at one frequency make a step. Beyond the points everything goes.
type Mask struct{ Upper, Lower []LimitPoint }

const maxLimitPoints = 1000

// Threshold is one upper limit everywhere.
func Threshold(db float64) Mask {
	return Mask{Upper: []LimitPoint{{0, db}, {math.MaxFloat64, db}}}
}

// Empty reports whether there is no limit.
func (m *Mask) Empty() bool { return len(m.Upper) == 0 && len(m.Lower) == 0 }

// ParseMask reads lines of upper or lower, frequency and level: "upper,87.5M,-40". Without
// the first they are upper limits. What follows # at the begin of a line is a comment.
func ParseMask(r io.Reader) (Mask, error) {
	var m Mask
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(scan.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		if err := m.add(strings.Split(line, ",")); err != nil {
			return Mask{}, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := scan.Err(); err != nil {
		return Mask{}, err
	}
	if len(m.Upper) == 1 || len(m.Lower) == 1 || m.Empty() {
		return Mask{}, errors.New("a limit takes two points or more")
	}
	return m, nil
}

func (m *Mask) add(fields []string) error {
	points := &m.Upper
	if len(fields) == 3 {
		switch kind := strings.TrimSpace(fields[0]); kind {
		case "upper":
		case "lower":
			points = &m.Lower
		default:
			return fmt.Errorf("%q is neither upper nor lower", kind)
		}
		fields = fields[1:]
	}
	if len(fields) != 2 {
		return errors.New("write a point like upper,87.5M,-40")
	}
	hz, err := device.ParseHz(fields[0])
	if err != nil {
		return err
	}
	db, err := strconv.ParseFloat(strings.TrimSpace(fields[1]), 64)
	switch {
	case err != nil || !(math.Abs(db) <= maxTraceDB):
		return fmt.Errorf("%q is not a level in dB", fields[1])
	case !(hz >= 0):
		return fmt.Errorf("%s is not a frequency", fields[0])
	case len(*points) > 0 && hz < (*points)[len(*points)-1].Hz:
		return fmt.Errorf("%s is below the point before", fields[0])
	case len(*points) == maxLimitPoints:
		return fmt.Errorf("more than %d points", maxLimitPoints)
	}
	*points = append(*points, LimitPoint{hz, db})
	return nil
}

// A Verdict is what came of a check.
type Verdict struct {
	Bins    int     // that a limit is about and that were measured; 0: no verdict
	Failed  int     // of them beyond it
	FirstHz float64 // the lowest frequency that failed
	// MarginDB is the least distance to a limit, below 0 beyond it, and AtHz where that is.
	MarginDB, AtHz float64
}

// Pass reports whether all that was checked keeps to the limits.
func (v *Verdict) Pass() bool { return v.Bins > 0 && v.Failed == 0 }

// Check holds a row over g against the limits: top against the upper, bottom against the
// lower. It allocates nothing.
func (m *Mask) Check(g *Grid, top, bottom []int16) Verdict {
	v := Verdict{MarginDB: math.Inf(1)}
	v.check(g, m.Upper, top, 1)
	v.check(g, m.Lower, bottom, -1)
	return v
}

// check holds levels against one limit; sign is 1 where they must be below it.
func (v *Verdict) check(g *Grid, points []LimitPoint, levels []int16, sign float64) {
	if len(points) < 2 {
		return
	}
	at := 0
	for i, q := range levels {
		hz := g.BinCenterHz(i)
		if q == Absent || hz < points[0].Hz {
			continue
		}
		for at+2 < len(points) && points[at+1].Hz < hz {
			at++
		}
		a, b := points[at], points[at+1]
		if hz > b.Hz {
			return
		}
		margin := sign * (between(a, b, hz) - g.DB(q))
		v.Bins++
		if margin < 0 {
			if v.Failed == 0 || hz < v.FirstHz {
				v.FirstHz = hz
			}
			v.Failed++
		}
		if margin < v.MarginDB {
			v.MarginDB, v.AtHz = margin, hz
		}
	}
}

// Limit is the level of a limit line at hz, NaN beyond its points.
func Limit(points []LimitPoint, hz float64) float64 {
	for i := 1; i < len(points); i++ {
		if hz >= points[i-1].Hz && hz <= points[i].Hz {
			return between(points[i-1], points[i], hz)
		}
	}
	return math.NaN()
}

func between(a, b LimitPoint, hz float64) float64 {
	if a.Hz == b.Hz {
		return b.DB
	}
	return a.DB + (b.DB-a.DB)*(hz-a.Hz)/(b.Hz-a.Hz)
}
