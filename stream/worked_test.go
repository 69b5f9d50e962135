package stream

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"argos/spectrum"
	"argos/stream/wire"
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
	if len(lines) != 3 {
		t.Fatalf("%d lines of worked bytes, want the codes, those of points without samples, and the stream", len(lines))
	}
	codes, holes, packed := lines[0], lines[1], lines[2]

	worked := &spectrum.Frame{
		Grid: spectrum.Grid{Bins: 3, StepDB: 0.5}, Segments: []spectrum.Segment{{Bins: 3}},
		Mean: []int16{-160, -158, -180}, Max: []int16{-156, -158, -40},
	}
	made, err := new(packer).pack(worked)
	if err != nil {
		t.Fatal(err)
	}
	for name, stream := range map[string][]byte{"made": made, "worked": packed} {
		plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(stream[weightsBytes:])))
		if err != nil || !bytes.Equal(plain, codes) {
			t.Errorf("%s: %X inflates to % X (%v), want % X", name, stream, plain, err, codes)
		}
	}
	got := blank(worked)
	if err := new(unpacker).unpack(got, packed); err != nil || !slices.Equal(got.Mean, worked.Mean) || !slices.Equal(got.Max, worked.Max) {
		t.Errorf("unpacked %v and %v (%v)", got.Mean, got.Max, err)
	}

	const none = spectrum.Absent
	lost := &spectrum.Frame{
		Grid: spectrum.Grid{Bins: 4, PointSec: 1e-3, StepDB: 0.5}, Segments: []spectrum.Segment{{Bins: 4}},
		Mean: []int16{-160, none, none, -160}, Max: []int16{-150, none, none, -150},
	}
	if made, err = new(packer).pack(lost); err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(made[weightsBytes:])))
	if want := slices.Concat(holes, []byte{10, 0, 0, 10}); err != nil || !bytes.Equal(plain, want) {
		t.Errorf("points without samples are % X (%v), want % X", plain, err, want)
	}
}

// Those of "The chain" are a chain that a client follows, and what a server makes of the
// same events.
func TestWorkedChain(t *testing.T) {
	page, err := os.ReadFile("../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	worked := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^((?:h|stored|message) [0-9]) +([0-9A-F ]+)$`).FindAllStringSubmatch(string(page), -1) {
		b, err := hex.DecodeString(strings.ReplaceAll(m[2], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		worked[m[1]] = string(b)
	}
	log := newEventFeed(newMemoryLog("EXAMPLE", 10))
	if h := log.Head().hash; worked["h 0"] != string(h[:]) || len(worked) != 7 {
		t.Errorf("begins with %s, %d lines", h, len(worked))
	}
	client := NewClient("ws://rig", nobody{}, nil)
	client.welcome(&wire.Welcome{Epoch: "EXAMPLE"}, "", func(error) {})
	for n, e := range []Event{
		{Time: time.Unix(1_700_000_000, 0), Kind: "device", Text: "up"},
		{Time: time.Unix(1_700_000_001, 0), Kind: "overload", Severity: Warning, Text: "hot", LowHz: 433e6, HighHz: 435e6},
	} {
		if err := log.add(&e); err != nil {
			t.Fatal(err)
		}
		made, err := log.ReadFrom(nil, uint64(n+1), 1)
		if err != nil {
			t.Fatal(err)
		}
		m := eventMessage(made[0].place, made[0].stored)
		message := mustMarshal(t, m)
		if h := made[0].hash; worked[fmt.Sprint("stored ", n+1)] != string(made[0].stored) || worked[fmt.Sprint("h ", n+1)] != string(h[:]) || worked[fmt.Sprint("message ", n+1)] != string(message) {
			t.Errorf("stored % X, %s, % X", made[0].stored, h, message)
		}
		if err := client.take(m); err != nil {
			t.Error(err)
		}
	}
}
