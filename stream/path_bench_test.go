package stream

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/pprof"
	"strconv"
	"testing"
	"time"

	"argos/device"
	"argos/spectrum"
)

// A path is the whole way of samples at 20 Msps and 20 frames a second, 8,192 bins, from
// a block of the HackRF to the bytes of frames that viewers share.
type path struct {
	analyzer *spectrum.Analyzer
	in       device.Block
	encoder  frameEncoder
	message  []byte
	frames   uint64
}

func newPath(b *testing.B, overlap float64, least bool, known *spectrum.Calibration) *path {
	b.Helper()
	s := spectrum.DefaultSettings()
	s.Tuning = device.Tuning{CenterHz: 2437e6, SpanHz: 20e6, RateHz: 20e6}
	s.Bins, s.Overlap, s.Min = 8192, overlap, least
	analyzer, err := spectrum.NewAnalyzer(s, device.Info{MaxHz: 6e9}, 1, &spectrum.AnalyzerOptions{Calibration: known})
	if err != nil {
		b.Fatal(err)
	}
	p := &path{analyzer: analyzer}
	p.in = device.Block{CenterHz: s.Tuning.CenterHz, Samples: make([]byte, 262144), Time: time.Unix(1e9, 0)}
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range p.in.Samples {
		p.in.Samples[i] = byte(int8(rng.NormFloat64() * 20))
	}
	return p
}

// block measures one, and encodes the frame that is due, if one is.
func (p *path) block(b *testing.B) {
	p.in.Time = p.in.Time.Add(time.Duration(len(p.in.Samples)/2) * time.Second / 20e6)
	err := p.analyzer.Add(&p.in, func(f *spectrum.Frame) {
		p.frames++
		f.FirstSeq, f.LastSeq = p.frames, p.frames
		var err error
		if p.message, err = p.encoder.encode(p.message[:0], encodingPB, f, p.in.Time); err != nil {
			b.Fatal(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkPath(b *testing.B) {
	for _, row := range []struct {
		name    string
		overlap float64
		least   bool
		known   *spectrum.Calibration
	}{
		{"overlap=0%", 0, false, nil},
		{"overlap=50%", 0.5, false, nil},
		{"overlap=75%", 0.75, false, nil},
		{"min", 0.5, true, nil},
		{"iq", 0.5, false, &spectrum.Calibration{IQ: spectrum.Imbalance{GainDB: 0.5, PhaseDeg: 2}}},
	} {
		b.Run(row.name, func(b *testing.B) {
			path := newPath(b, row.overlap, row.least, row.known)
			for b.Loop() {
				path.block(b)
			}
			ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N*len(path.in.Samples)/2)
			b.ReportMetric(ns, "ns/sample")
			b.ReportMetric(1e9/20e6/ns, "x-real-time")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("shares", func(b *testing.B) {
		path := newPath(b, 0, false, nil)
		profile := filepath.Join(b.TempDir(), "cpu")
		f, err := os.Create(profile)
		if err != nil {
			b.Fatal(err)
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			b.Fatal(err)
		}
		for range 20_000 { // 100 samples of the profile a second
			path.block(b)
		}
		pprof.StopCPUProfile()
		if err := f.Close(); err != nil {
			b.Fatal(err)
		}
		for stage, percent := range shares(b, profile) {
			b.ReportMetric(percent, "%"+stage)
		}
		b.ReportMetric(0, "ns/op")
	})
}

// stages are parts of the path by what the functions in which the time is spent are called.
var stages = []struct{ name, functions string }{
	{"convert+window+first-pass", `spectrum\.(first|convert8|\(\*radix4\)\.(first|bytes))`},
	{"middle-passes", `spectrum\.pass`},
	{"last-pass+power", `spectrum\.(last16|power|gather|\(\*radix4\)\.last)`},
	{"overload", `spectrum\.rail`},
	{"order", `\.fold`},
	{"dB", `spectrum\.(decibels|quantise|\(\*row\)\.emit)`},
	{"encode", `argos/stream|flate|protobuf`},
}

// shares is the percentage of each stage in a profile.
func shares(b *testing.B, profile string) map[string]float64 {
	b.Helper()
	out, err := exec.CommandContext(b.Context(), "go", "tool", "pprof", "-top", "-nodefraction=0", profile).Output()
	if err != nil {
		b.Fatal(err)
	}
	sum := make(map[string]float64)
	for _, m := range regexp.MustCompile(`(?m)^ *\S+ +([\d.]+)% +\S+ +\S+ +\S+ +(.+)$`).FindAllStringSubmatch(string(out), -1) {
		percent, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			b.Fatal(err)
		}
		stage := "rest"
		for _, s := range stages {
			if regexp.MustCompile(s.functions).MatchString(m[2]) {
				stage = s.name
				break
			}
		}
		sum[stage] += percent
	}
	return sum
}
