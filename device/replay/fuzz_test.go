package replay

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"argos/device"
)

// oneLine fails unless err is something to show to a person.
func oneLine(t *testing.T, err error) {
	t.Helper()
	if known := (*device.Error)(nil); !errors.As(err, &known) {
		t.Fatalf("%v is not a *device.Error", err)
	}
	if strings.ContainsAny(err.Error(), "\n\r") {
		t.Fatalf("%q is more than one line", err)
	}
}

func FuzzSigMFMeta(f *testing.F) {
	f.Add([]byte(goodMeta))
	f.Add([]byte(`{"global":{"core:datatype":"cf32_le","core:sample_rate":1e400}}`))
	f.Add([]byte(`{"global":{"core:datatype":"ci8","core:dataset":"../x"},"captures":[{"core:sample_start":-1}]}`))
	f.Add([]byte(`{"captures":[{"core:frequency":1},{"core:frequency":2}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMeta(text, &Options{})
		if err != nil {
			oneLine(t, err)
			return
		}
		if !(m.rateHz > 0 && m.rateHz <= maxRateHz) || !(m.centerHz >= 0 && m.centerHz <= maxHz) {
			t.Errorf("rate %g, centre %g", m.rateHz, m.centerHz)
		}
		if strings.ContainsAny(m.dataset, "/\\") {
			t.Errorf("dataset %q is elsewhere", m.dataset)
		}
		if err := m.matches(strings.NewReader("\x01\x02\x03\x04\x05\x06\x07\x08"), 8, "x"); err != nil {
			oneLine(t, err)
		}
	})
}

// playSweep plays two passes of a sweep and checks what comes.
func playSweep(t *testing.T, records recordReader) {
	s, err := newSweep(records)
	if err != nil {
		oneLine(t, err)
		return
	}
	for range 2 {
		for {
			var b device.Block
			err := s.next(&b)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				oneLine(t, err)
				return
			}
			if len(b.Power) == 0 || len(b.Power) > maxBins || !(b.BinHz > 0) || b.Position < 0 || !(b.StartHz >= 0) {
				t.Fatalf("a block of %d bins of %g Hz at %g Hz and %v", len(b.Power), b.BinHz, b.StartHz, b.Position)
			}
			for _, v := range b.Power {
				if !(math.Abs(float64(v)) <= 1000) {
					t.Fatalf("power %g", v)
				}
			}
		}
		if length := s.rewind(); length < 0 {
			t.Fatalf("a pass of %v", length)
		}
	}
	if s.duration < 0 {
		t.Fatalf("a duration of %v", s.duration)
	}
}

func FuzzSweepCSV(f *testing.F) {
	f.Add([]byte(sweepCSV(2)))
	f.Add([]byte("2026-11-22, 12:00:00, 1, 2, 0.5, 20, -inf, nan\n"))
	f.Add([]byte("\n\n2026-11-22, 12:00:00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		playSweep(t, newCSVReader(bytes.NewReader(text), int64(len(text))))
	})
}

func FuzzSweepBinary(f *testing.F) {
	f.Add(sweepBinary(2))
	f.Add([]byte("\xff\xff\xff\xff"))
	f.Add([]byte("\x14\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		playSweep(t, newBinaryReader(bytes.NewReader(data), int64(len(data))))
	})
}
