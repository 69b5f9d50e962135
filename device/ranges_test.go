package device

import (
	"strings"
	"testing"
)

func TestOver(t *testing.T) {
	for _, tt := range []struct {
		name   string
		ranges []Range
		center float64
		span   float64
		parts  string
		wrong  string
	}{
		{"one", []Range{{2400e6, 2500e6}}, 2450e6, 100e6, "2.4G:2.5G", ""},
		{"two", []Range{{2400e6, 2500e6}, {5150e6, 5850e6}}, 4125e6, 3450e6, "2.4G:2.5G 5.15G:5.85G", ""},
		{"out of order", []Range{{5150e6, 5850e6}, {0, 1e6}}, 2925e6, 5850e6, "0:1M 5.15G:5.85G", ""},
		{"side by side", []Range{{10, 20}, {20, 30}}, 20, 20, "10:20 20:30", ""},
		{"overlapping", []Range{{2400e6, 2500e6}, {2450e6, 2600e6}}, 0, 0, "", "ranges overlap: 2.4G:2.5G and 2.45G:2.6G; write them as one"},
		{"no width", []Range{{2400e6, 2400e6}}, 0, 0, "", `"2.4G:2.4G" is not a range: the lower edge comes first`},
		{"eleven", make([]Range, 11), 0, 0, "", "use at most 10 ranges"},
		{"none", nil, 0, 0, "", "use at most 10 ranges"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			was := Tuning{CenterHz: 98.1e6, SpanHz: 2e6, LNADB: 24}
			got, err := was.Over(tt.ranges...)
			if tt.wrong != "" {
				if err == nil || err.Error() != tt.wrong {
					t.Fatalf("error %v, want %s", err, tt.wrong)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var parts []string
			for _, r := range got.Parts() {
				parts = append(parts, r.String())
			}
			if got.CenterHz != tt.center || got.SpanHz != tt.span || strings.Join(parts, " ") != tt.parts || got.LNADB != 24 {
				t.Errorf("got %+v in %v", got, parts)
			}
		})
	}
}
