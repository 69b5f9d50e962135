package e2e

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/gonum/dsp/fourier"
)

// A recording is IQ samples in a SigMF file, and what the tests know of it.
type recording struct {
	meta     string // path of the .sigmf-meta
	rateHz   float64
	centerHz float64
	samples  []complex128 // 1 is full scale
}

// seconds is how long the recording takes once through.
func (r recording) seconds() float64 { return float64(len(r.samples)) / r.rateHz }

// sigmfMeta is the part of a SigMF meta file that the tests read and write.
type sigmfMeta struct {
	Global struct {
		Datatype string  `json:"core:datatype"`
		Rate     float64 `json:"core:sample_rate"`
		Version  string  `json:"core:version"`
	} `json:"global"`
	Captures []sigmfCapture `json:"captures"`
	Notes    []struct{}     `json:"annotations"`
}

type sigmfCapture struct {
	Start uint64  `json:"core:sample_start"`
	Hz    float64 `json:"core:frequency"`
}

// captures are the real recordings that ARGOS_CAPTURES points at.
func captures(t *testing.T) []recording {
	t.Helper()
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		return nil
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*.sigmf-meta"))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no recordings in ARGOS_CAPTURES=%s (%v)", dir, err)
	}
	var all []recording
	for _, m := range metas {
		all = append(all, readRecording(t, m))
	}
	return all
}

func readRecording(t *testing.T, meta string) recording {
	t.Helper()
	text, err := os.ReadFile(meta)
	if err != nil {
		t.Fatal(err)
	}
	var m sigmfMeta
	if err := json.Unmarshal(text, &m); err != nil || len(m.Captures) == 0 {
		t.Fatalf("%s: %v, %d captures", meta, err, len(m.Captures))
	}
	data, err := os.ReadFile(strings.TrimSuffix(meta, "-meta") + "-data")
	if err != nil {
		t.Fatal(err)
	}
	f, ok := formats[m.Global.Datatype]
	if !ok {
		t.Fatalf("%s: the tests do not read %s", meta, m.Global.Datatype)
	}
	r := recording{meta: meta, rateHz: m.Global.Rate, centerHz: m.Captures[0].Hz}
	for i := 0; i+2*f.size <= len(data); i += 2 * f.size {
		r.samples = append(r.samples, complex(f.get(data[i:]), f.get(data[i+f.size:])))
	}
	return r
}

// A format says how one component of a sample is stored.
type format struct {
	size int
	get  func([]byte) float64
	put  func([]byte, float64)
}

func clamp(v, lo, hi float64) float64 { return math.Min(math.Max(math.Round(v), lo), hi) }

var formats = map[string]format{
	"ci8": {
		1, func(b []byte) float64 { return float64(int8(b[0])) / 128 },
		func(b []byte, v float64) { b[0] = byte(int8(clamp(v*128, -128, 127))) },
	},
	"cu8": {
		1, func(b []byte) float64 { return (float64(b[0]) - 127.5) / 128 },
		func(b []byte, v float64) { b[0] = byte(clamp(v*128+127.5, 0, 255)) },
	},
	"ci16_le": {
		2, func(b []byte) float64 { return float64(int16(binary.LittleEndian.Uint16(b))) / 32768 },
		func(b []byte, v float64) {
			binary.LittleEndian.PutUint16(b, uint16(int16(clamp(v*32768, -32768, 32767))))
		},
	},
	"cf32_le": {
		4, func(b []byte) float64 { return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))) },
		func(b []byte, v float64) { binary.LittleEndian.PutUint32(b, math.Float32bits(float32(v))) },
	},
}

// writeRecording stores samples as a SigMF recording and reads it back, so that the
// reference sees what rounding made of them.
func writeRecording(t *testing.T, datatype string, rateHz, centerHz float64, samples []complex128) recording {
	t.Helper()
	f := formats[datatype]
	data := make([]byte, 2*f.size*len(samples))
	for i, v := range samples {
		f.put(data[2*i*f.size:], real(v))
		f.put(data[(2*i+1)*f.size:], imag(v))
	}
	var m sigmfMeta
	m.Global.Datatype, m.Global.Rate, m.Global.Version = datatype, rateHz, "1.0.0"
	m.Captures = []sigmfCapture{{Hz: centerHz}}
	m.Notes = []struct{}{}
	meta, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "generated.sigmf-")
	for name, content := range map[string][]byte{"meta": meta, "data": data} {
		if err := os.WriteFile(base+name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return readRecording(t, base+"meta")
}

// scene makes samples with what real recordings have and detectors trip over: noise, an
// offset at DC stronger than everything, a steady carrier, and a burst between two bins
// that is the strongest signal while it lasts.
func scene(n int) []complex128 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]complex128, n)
	for i := range out {
		v := complex(rng.NormFloat64(), rng.NormFloat64()) * 0.01
		v += 0.5
		v += cmplx.Rect(0.05, 2*math.Pi*math.Mod(0.21*float64(i), 1))
		if at := i - n/3; at >= 0 && at < 6000 {
			v += cmplx.Rect(0.2, 2*math.Pi*math.Mod(-0.137*float64(i), 1))
		}
		out[i] = v
	}
	return out
}

// tone is a complex tone of full scale, cycles turns in every window of n samples.
func tone(samples, cycles, n int) []complex128 {
	out := make([]complex128, samples)
	for i := range out {
		out[i] = cmplx.Rect(1, 2*math.Pi*float64(i*cycles%n)/float64(n))
	}
	return out
}

// lightRadio names a radio that costs next to nothing, for tests of something else: with
// the race detector the synthetic one fills a core, and a picture that is late for want
// of a core is rightly not LIVE.
func lightRadio(t *testing.T) string {
	t.Helper()
	return "replay:" + writeRecording(t, "ci8", 200e3, 433.92e6, scene(200_000)).meta
}

// A reference is a power spectrum computed in float64 by somebody else's transform:
// Hann window, half overlapped, every whole window of the recording.
type reference struct {
	binHz        float64
	centerHz     float64
	meanDB       []float64 // lowest frequency first, DC at len/2
	maxDB        []float64
	windows      int
	strongestBin int // of maxDB, DC left out
}

// dcBins on either side of the middle hold the receiver's own offset, not a signal.
const dcBins = 3

func newReference(r recording, n int) reference {
	taper := make([]float64, n)
	for i := range taper {
		taper[i] = (1 - math.Cos(2*math.Pi*float64(i)/float64(n))) / float64(n)
	}
	ref := reference{binHz: r.rateHz / float64(n), centerHz: r.centerHz}
	sum, most := make([]float64, n), make([]float64, n)
	fft, in, out := fourier.NewCmplxFFT(n), make([]complex128, n), make([]complex128, n)
	for at := 0; at+n <= len(r.samples); at += n / 2 {
		for i, v := range r.samples[at : at+n] {
			in[i] = v * complex(taper[i], 0)
		}
		for k, v := range fft.Coefficients(out, in) {
			i := (k + n/2) % n
			p := real(v)*real(v) + imag(v)*imag(v)
			sum[i] += p
			most[i] = max(most[i], p)
		}
		ref.windows++
	}
	for i := range sum {
		ref.meanDB = append(ref.meanDB, 10*math.Log10(sum[i]/float64(ref.windows)))
		ref.maxDB = append(ref.maxDB, 10*math.Log10(most[i]))
	}
	ref.strongestBin = strongest(ref.maxDB)
	return ref
}

// hz is the frequency in the middle of bin i.
func (r reference) hz(i int) float64 { return r.centerHz + float64(i-len(r.maxDB)/2)*r.binHz }

// strongest is the highest bin, DC left out.
func strongest(db []float64) int {
	best := -1
	for i, v := range db {
		if i >= len(db)/2-dcBins && i <= len(db)/2+dcBins {
			continue
		}
		if best < 0 || v > db[best] {
			best = i
		}
	}
	return best
}

// forEachRecording runs f on a generated recording always, and on the real ones where
// there are any.
func forEachRecording(t *testing.T, f func(t *testing.T, r recording)) {
	t.Run("generated", func(t *testing.T) {
		t.Parallel()
		f(t, writeRecording(t, "ci8", 1e6, 433.92e6, scene(1_200_000)))
	})
	real := captures(t)
	if len(real) == 0 {
		t.Run("recorded", func(t *testing.T) { t.Skip("ARGOS_CAPTURES is not set") })
	}
	for _, r := range real {
		t.Run(strings.TrimSuffix(filepath.Base(r.meta), ".sigmf-meta"), func(t *testing.T) {
			t.Parallel()
			f(t, r)
		})
	}
}

// TestReference holds the reference itself to what is known without it.
func TestReference(t *testing.T) {
	t.Parallel()
	const n, cycles = 1024, 100
	ref := newReference(recording{rateHz: n, samples: tone(8*n, cycles, n)}, n)
	if got := ref.hz(ref.strongestBin); got != cycles {
		t.Errorf("a tone at %d Hz is seen at %g Hz", cycles, got)
	}
	if got := ref.maxDB[ref.strongestBin]; math.Abs(got) > 1e-9 {
		t.Errorf("a tone of full scale reads %g dB", got)
	}
	if ref.windows != 15 {
		t.Errorf("%d windows of %d, half overlapped, in %d samples, want 15", ref.windows, n, 8*n)
	}
	// White noise of power p reads p·ENBW/n in a bin on average: 1.5 for Hann.
	rng := rand.New(rand.NewPCG(3, 4))
	noise := make([]complex128, 400*n)
	for i := range noise {
		noise[i] = complex(rng.NormFloat64(), rng.NormFloat64()) * complex(math.Sqrt(0.5), 0)
	}
	ref = newReference(recording{rateHz: n, samples: noise}, n)
	var mean float64
	for _, db := range ref.meanDB {
		mean += math.Pow(10, db/10) / n
	}
	if got, want := 10*math.Log10(mean), 10*math.Log10(1.5/n); math.Abs(got-want) > 0.1 {
		t.Errorf("white noise reads %.2f dB, want %.2f", got, want)
	}
}
