package spectrum

import (
	"bufio"
	"cmp"
	_ "embed" // of the plans that are shipped
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"argos/device"
)

// A Band is a part of the spectrum with a name.
type Band struct {
	LowHz, HighHz float64
	Name          string
	Use           string // "amateur", "broadcast", ...; empty: not said
}

// A BandPlan says what is where. It is in order of LowHz; bands may overlap.
type BandPlan []Band

// Bounds of a band plan.
const (
	maxBands    = 10_000
	maxBandName = 64
)

//go:embed bandplan.csv
var bandPlans string

// Regions are the names of the plans that are shipped, of the ITU's three regions: Europe,
// Africa and the north of Asia; the Americas; the rest of Asia and Oceania.
var Regions = []string{"itu1", "itu2", "itu3"}

// RegionPlan is a plan that is shipped, by its name in Regions; nil: there is none.
func RegionPlan(name string) BandPlan {
	i := slices.Index(Regions, name)
	if i < 0 {
		return nil
	}
	p, err := parseBands(strings.NewReader(bandPlans), byte('1'+i))
	if err != nil {
		panic("bandplan.csv: " + err.Error())
	}
	return p
}

// ParseBandPlan reads lines of low, high, name and, if wanted, use: "87.5M,108M,FM,broadcast".
// What follows # at the begin of a line is a comment.
func ParseBandPlan(r io.Reader) (BandPlan, error) { return parseBands(r, 0) }

// parseBands leaves out what has regions that this one, if it is not 0, is none of.
func parseBands(r io.Reader, region byte) (BandPlan, error) {
	var p BandPlan
	scan := bufio.NewScanner(r)
	for n := 1; scan.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(scan.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, ",")
		b, err := parseBand(fields)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(p) == maxBands {
			return nil, fmt.Errorf("line %d: more than %d bands", n, maxBands)
		}
		if region == 0 || len(fields) < 5 || strings.IndexByte(fields[4], region) >= 0 {
			p = append(p, b)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, err
	}
	slices.SortStableFunc(p, func(a, b Band) int { return cmp.Compare(a.LowHz, b.LowHz) })
	return p, nil
}

func parseBand(fields []string) (Band, error) {
	if len(fields) < 3 {
		return Band{}, errors.New("write a band like 87.5M,108M,FM,broadcast")
	}
	low, err := device.ParseHz(fields[0])
	if err != nil {
		return Band{}, err
	}
	high, err := device.ParseHz(fields[1])
	if err != nil {
		return Band{}, err
	}
	b := Band{LowHz: low, HighHz: high, Name: strings.TrimSpace(fields[2])}
	if len(fields) > 3 {
		b.Use = strings.TrimSpace(fields[3])
	}
	switch {
	case !(low >= 0 && low < high):
		return Band{}, fmt.Errorf("%s is not below %s", fields[0], fields[1])
	case b.Name == "" || len(b.Name) > maxBandName || len(b.Use) > maxBandName:
		return Band{}, fmt.Errorf("a name has 1 to %d bytes", maxBandName)
	}
	return b, nil
}

// Within appends to dst the bands that reach into lowHz to highHz, in order.
func (p BandPlan) Within(dst []Band, lowHz, highHz float64) []Band {
	for _, b := range p {
		if b.LowHz >= highHz {
			break
		}
		if b.HighHz > lowHz {
			dst = append(dst, b)
		}
	}
	return dst
}

// At is the narrowest band around hz, and whether there is one.
func (p BandPlan) At(hz float64) (Band, bool) {
	var at Band
	found := false
	for _, b := range p {
		if b.LowHz > hz {
			break
		}
		if hz < b.HighHz && (!found || b.HighHz-b.LowHz < at.HighHz-at.LowHz) {
			at, found = b, true
		}
	}
	return at, found
}
