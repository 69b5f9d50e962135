package spectrum

import (
	"fmt"
	"strings"
	"testing"
)

func TestRegionPlans(t *testing.T) {
	for _, tc := range []struct {
		region string
		hz     float64
		want   string
	}{
		{"itu1", 98.1e6, "FM"},
		{"itu1", 433.92e6, "ISM 433"},
		{"itu2", 433.92e6, "70 cm"},
		{"itu2", 915e6, "ISM 915 33 cm"},
		{"itu1", 942e6, "GSM LTE 900 down"},
		{"itu3", 923e6, "SRD 923 LoRa"},
		{"itu3", 1090e6, "ADS-B"},
		{"itu2", 161.975e6, "AIS 1"},
		{"itu1", 1575.42e6, "GNSS L1 E1"},
		{"itu1", 2437e6, "WiFi BT ZigBee"},
		{"itu1", 145.5e6, "2 m"},
		{"itu1", 147e6, ""},
		{"itu2", 147e6, "2 m"},
		{"itu1", 121.5e6, "airband"},
	} {
		b, ok := RegionPlan(tc.region).At(tc.hz)
		if b.Name != tc.want || ok != (tc.want != "") {
			t.Errorf("%s at %.3f MHz: %q, want %q", tc.region, tc.hz/1e6, b.Name, tc.want)
		}
	}
	if RegionPlan("mars") != nil {
		t.Error("there is a plan of Mars")
	}
	for _, r := range Regions {
		for _, b := range RegionPlan(r) {
			if b.Use == "" || b.HighHz > 7.3e9 {
				t.Errorf("%s: %+v", r, b)
			}
		}
	}
}

func TestParseBandPlan(t *testing.T) {
	p, err := ParseBandPlan(strings.NewReader("# ours\n\n433M,435M, site B ,alarm\n87.5M,108M,FM\n"))
	if err != nil || len(p) != 2 || p[0].Name != "FM" || p[1] != (Band{433e6, 435e6, "site B", "alarm"}) {
		t.Errorf("%+v, %v", p, err)
	}
	if got := p.Within(nil, 100e6, 200e6); len(got) != 1 || got[0].Name != "FM" {
		t.Errorf("within 100 to 200 MHz: %+v", got)
	}
	if got := p.Within(nil, 108e6, 433e6); len(got) != 0 {
		t.Errorf("between two bands: %+v", got)
	}
	for text, want := range map[string]string{
		"1M,2M":                                  "line 1: write a band like",
		"\n1M,x,a":                               `line 2: "x" is not`,
		"2M,1M,a":                                "line 1: 2M is not below 1M",
		"1M,2M,":                                 "line 1: a name has",
		"1M,2M," + longName:                      "line 1: a name has",
		strings.Repeat("1,2,a\n", 1e4) + "1,2,a": fmt.Sprintf("line 10001: more than %d bands", maxBands),
	} {
		if _, err := ParseBandPlan(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
}

var longName = strings.Repeat("a", maxBandName+1)

// FuzzBandPlan: a plan that can be read is in order, and of what it has nothing is empty.
func FuzzBandPlan(f *testing.F) {
	f.Add("# x\n87.5M,108M,FM,broadcast,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseBandPlan(strings.NewReader(text))
		if err != nil {
			return
		}
		for i, b := range p {
			if !(b.LowHz < b.HighHz) || b.Name == "" || i > 0 && b.LowHz < p[i-1].LowHz {
				t.Fatalf("band %d: %+v", i, b)
			}
		}
	})
}
