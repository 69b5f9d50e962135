package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"argos/device"
	"argos/device/synth"
	"argos/spectrum"
)

// A band is samples to make frames of.
type band struct {
	name    string
	format  device.Format
	samples []byte
}

// bands are noise, the synthetic FM band and, if ARGOS_CAPTURES names a directory with some,
// real recordings.
func bands(b *testing.B) []band {
	b.Helper()
	const enough = 2_500_000
	noise := band{name: "noise", samples: make([]byte, 2*enough)}
	r := rand.New(rand.NewPCG(17, 18))
	for i := range noise.samples {
		noise.samples[i] = byte(int8(math.Round(r.NormFloat64() * 20)))
	}
	scene := band{name: "synthetic, 98.1 MHz"}
	radio := synth.Open(&synth.Options{Unpaced: true})
	defer func() { _ = radio.Close() }()
	if _, err := radio.Tune(b.Context(), spectrum.DefaultSettings().Tuning); err != nil {
		b.Fatal(err)
	}
	for len(scene.samples) < 2*enough {
		var block device.Block
		if err := radio.Read(b.Context(), &block); err != nil {
			b.Fatal(err)
		}
		scene.samples = append(scene.samples, block.Samples...)
	}
	return append([]band{noise, scene}, recordings(b)...)
}

func recordings(b *testing.B) (all []band) {
	b.Helper()
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		return nil
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*.sigmf-meta"))
	if err != nil || len(metas) == 0 {
		b.Fatalf("no recordings in %s: %v", dir, err)
	}
	for _, path := range metas {
		var meta struct {
			Global struct {
				Datatype string `json:"core:datatype"`
			} `json:"global"`
		}
		text, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		if err := json.Unmarshal(text, &meta); err != nil {
			b.Fatal(err)
		}
		r := band{name: strings.TrimSuffix(filepath.Base(path), ".sigmf-meta")}
		for r.format.String() != meta.Global.Datatype {
			if r.format++; r.format > device.CF32 {
				b.Fatalf("unknown type %q", meta.Global.Datatype)
			}
		}
		if r.samples, err = os.ReadFile(strings.TrimSuffix(path, "meta") + "data"); err != nil {
			b.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// frames are of 4,096 bins, a Hann window and 50 % overlap, each of so many averages. The rate
// is made up so that a frame lasts for a second.
func (d *band) frames(b *testing.B, averages int, stepDB float64) (all []*spectrum.Frame) {
	b.Helper()
	const bins, most = 4096, 60
	rate := bins / 2 * float64(averages)
	s := spectrum.Settings{
		Tuning: device.Tuning{CenterHz: 100e6, SpanHz: rate, RateHz: rate},
		Bins:   bins, Overlap: 0.5, FPS: 1, StepDB: stepDB,
	}
	a, err := spectrum.NewAnalyzer(s, device.Info{}, 1, nil)
	if err != nil {
		b.Fatal(err)
	}
	block := device.Block{Tuning: s.Tuning, CenterHz: s.Tuning.CenterHz, Time: time.Unix(1e9, 0), Format: d.format, Samples: d.samples}
	if err := a.Add(&block, func(f *spectrum.Frame) {
		if f.Averages() == averages { // the first has fewer
			g := new(spectrum.Frame)
			g.CopyFrom(f)
			all = append(all, g)
		}
	}); err != nil {
		b.Fatal(err)
	}
	for len(all) > most { // from all of the recording
		half := all[:0]
		for i := 0; i < len(all); i += 2 {
			half = append(half, all[i])
		}
		all = half
	}
	if len(all) < 2 {
		b.Fatalf("%s: %d frames of %d averages", d.name, len(all), averages)
	}
	return all
}

// entropy is that of values as if each were drawn alone.
func entropy[T comparable](values []T) (bits float64) {
	counts := make(map[T]int)
	for _, v := range values {
		counts[v]++
	}
	for _, n := range counts {
		share := float64(n) / float64(len(values))
		bits -= share * math.Log2(share)
	}
	return bits
}

// difference is that of powers to others.
func difference(powers, others []int16) []int16 {
	d := make([]int16, len(powers))
	for i := range d {
		d[i] = powers[i] - others[i]
	}
	return d
}

// BenchmarkBits prints what a bin takes, in bits, packed and by other ways: mean and maximum,
// the mean alone, and of the mean the entropy of powers, of their difference in time and along frequency, and of that
// difference, a byte each, what zstd and DEFLATE make of it by default.
func BenchmarkBits(b *testing.B) {
	small, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	row := "%-22s %8v %7v | %6s %9s | %5s %5s %5s %5s %8s\n"
	for b.Loop() { // b.N is 1: it takes seconds
		fmt.Printf("\n"+row, "bits a bin", "averages", "step", "mean", "mean, max", "raw", "time", "freq", "zstd", "deflate")
		for _, d := range bands(b) {
			for _, averages := range []int{1, 8, 32} {
				for _, step := range []float64{0.25, 0.5, 1, spectrum.StepMatched} {
					frames := d.frames(b, averages, step)
					var sums [7]float64
					for i, f := range frames[1:] {
						for k, bits := range bitsOf(b, f, frames[i], small) {
							sums[k] += bits / float64(len(frames)-1)
						}
					}
					var cells []any
					for _, bits := range sums {
						cells = append(cells, fmt.Sprintf("%.2f", bits))
					}
					name := fmt.Sprint(frames[0].Grid.StepDB)
					if step == spectrum.StepMatched {
						name = "m " + name
					}
					fmt.Printf(row, append([]any{d.name, averages, name}, cells...)...)
				}
			}
		}
	}
}

// bitsOf are the columns of BenchmarkBits, for a frame and the one before it.
func bitsOf(b *testing.B, f, before *spectrum.Frame, small *zstd.Encoder) [7]float64 {
	var p packer
	size := func(packed []byte, err error) float64 {
		if err != nil {
			b.Fatal(err)
		}
		return 8 * float64(len(packed)) / float64(f.Grid.Bins)
	}
	both := size(p.pack(f))
	alone := new(spectrum.Frame)
	alone.CopyFrom(f)
	copy(alone.Max, alone.Mean)
	mean := size(p.pack(alone))
	along := difference(f.Mean, slices.Insert(slices.Clone(f.Mean[:len(f.Mean)-1]), 0, f.Mean[0]))
	codes := make([]byte, len(along))
	for i, d := range along {
		codes[i] = byte(min(zigzag(int32(d)), escape))
	}
	var deflated bytes.Buffer
	w, err := flate.NewWriter(&deflated, flate.DefaultCompression)
	if err == nil {
		_, err = w.Write(codes)
	}
	if err == nil {
		err = w.Close()
	}
	return [7]float64{
		mean, both, entropy(f.Mean), entropy(difference(f.Mean, before.Mean)), entropy(along),
		size(small.EncodeAll(codes, nil), nil), size(deflated.Bytes(), err),
	}
}
