package stream

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/klauspost/compress/flate"
)

// BenchmarkPack reports CPU time, of the thread, for a frame of 4,096 bins and a detector:
// the median of many turns. inflate-us and library-us are of what unpack-us has in it, by
// our inflater and by the library's.
func BenchmarkPack(b *testing.B) {
	for _, averages := range []int{1, 8, 32} {
		for _, least := range []bool{false, true} {
			name, detectors := fmt.Sprintf("averages=%d", averages), 2.0
			if least {
				name, detectors = name+",min", 3
			}
			b.Run(name, func(b *testing.B) {
				r := rand.New(rand.NewPCG(7, 8))
				f := windowed(r, 4096, averages, hann)
				if least {
					withMin(r, f)
				}
				var p packer
				packed, err := p.pack(f)
				if err != nil {
					b.Fatal(err)
				}
				packed = slices.Clone(packed)
				var u unpacker
				var d inflater
				in := bytes.NewReader(nil)
				library := flate.NewReader(in)
				plain := make([]byte, 3*mostCodeBytes*4096)
				n, err := d.inflate(plain, packed[weightsBytes:])
				if err != nil {
					b.Fatal(err)
				}
				ways := []struct {
					unit string
					once func() error
				}{
					{"pack-us", func() error { _, err := p.pack(f); return err }},
					{"unpack-us", func() error { return u.unpack(f, packed) }},
					{"inflate-us", func() error { _, err := d.inflate(plain, packed[weightsBytes:]); return err }},
					{"library-us", func() error {
						in.Reset(packed[weightsBytes:])
						err := library.(flate.Resetter).Reset(in, nil)
						if err == nil {
							_, err = io.ReadFull(library, plain[:n])
						}
						return err
					}},
				}
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				spent := make([][]float64, len(ways))
				for b.Loop() {
					for i, way := range ways {
						began := threadTime(b)
						for range 10 {
							if err := way.once(); err != nil {
								b.Fatal(err)
							}
						}
						spent[i] = append(spent[i], float64((threadTime(b)-began).Nanoseconds())/1e4/detectors)
					}
				}
				for i, way := range ways {
					b.ReportMetric(median(spent[i]), way.unit)
				}
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
