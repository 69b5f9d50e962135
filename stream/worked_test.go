package stream

import (
	"bytes"
	"encoding/hex"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"

	"argos/spectrum"
)

// The worked bytes of docs/PROTOCOL.md, "Packed powers", are what this code makes and
// reads. e2e has Python read the same.
func TestWorkedBytes(t *testing.T) {
	page, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### Packed powers")
	var lines [][]byte
	for _, m := range regexp.MustCompile(`(?m)^    ((?:[0-9A-F]{2} *)+)$`).FindAllStringSubmatch(section, -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(m[1], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, b)
	}
	if len(lines) != 2 {
		t.Fatalf("%d lines of worked bytes, want the codes and the stream", len(lines))
	}
	codes, packed := lines[0], lines[1]

	worked := &spectrum.Frame{
		Grid: spectrum.Grid{Bins: 3, StepDB: 0.5}, Segments: []spectrum.Segment{{Bins: 3}},
		Mean: []int16{-160, -158, -180}, Max: []int16{-156, -158, -40},
	}
	made, err := new(packer).pack(worked)
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string][]byte{"made": made, "worked": packed} {
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(stream)))
		if err != nil || !bytes.Equal(plain, codes) {
			t.Errorf("%s: %X inflates to % X (%v), want % X", name, stream, plain, err, codes)
		}
	}
	got := blank(worked)
	if err := new(unpacker).unpack(got, packed); err != nil || !slices.Equal(got.Mean, worked.Mean) || !slices.Equal(got.Max, worked.Max) {
		t.Errorf("unpacked %v and %v (%v)", got.Mean, got.Max, err)
	}
}
