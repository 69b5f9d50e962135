package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/cmplx"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A flawed radio makes recordings with errors that the test knows.
type flawed struct {
	rateHz, centerHz float64
	ppm              float64
	gain, phase      float64 // of Q, as a ratio and in radians
	slope            complex128
}

// filter is what the radio does to what lies at an offset from its centre.
func (r *flawed) filter(offsetHz float64) complex128 {
	return 1 + r.slope*cmplx.Exp(complex(0, -2*math.Pi*offsetHz/r.rateHz))
}

// record writes noise of a level in all, and a tone of a level at a frequency if that is
// not 0, as SigMF in dir. The name is always the same: a recording is known by it.
func (r *flawed) record(t *testing.T, dir string, noiseDB, toneHz, toneDB float64, seed uint64) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	const n = 1 << 20
	sigma := math.Pow(10, noiseDB/20) / math.Sqrt2
	// What is at toneHz in truth, the radio takes for less: its clock is fast.
	offset := toneHz/(1+r.ppm*1e-6) - r.centerHz
	amplitude := r.filter(offset) * complex(math.Pow(10, toneDB/20), 0)
	if toneHz == 0 {
		amplitude = 0
	}
	raw := make([]byte, 0, 4*n)
	code := func(v float64) uint16 {
		return uint16(int16(math.Round(min(max(v*32768, math.MinInt16), math.MaxInt16))))
	}
	var before complex128
	for i := range n {
		white := complex(rng.NormFloat64()*sigma, rng.NormFloat64()*sigma)
		x := white + r.slope*before + amplitude*cmplx.Exp(complex(0, math.Mod(2*math.Pi*offset/r.rateHz*float64(i), 2*math.Pi)))
		before = white
		sin, cos := math.Sincos(r.phase)
		raw = binary.LittleEndian.AppendUint16(raw, code(real(x)))
		raw = binary.LittleEndian.AppendUint16(raw, code(r.gain*(imag(x)*cos+real(x)*sin)))
	}
	meta := fmt.Sprintf(`{"global": {"core:datatype": "ci16_le", "core:sample_rate": %f, "core:version": "1.0.0"},
		"captures": [{"core:sample_start": 0, "core:frequency": %f}], "annotations": []}`, r.rateHz, r.centerHz)
	path := filepath.Join(dir, "radio.sigmf-meta")
	for name, text := range map[string][]byte{"radio.sigmf-meta": []byte(meta), "radio.sigmf-data": raw} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// argos runs the program with env and returns what it prints.
func argos(t *testing.T, env []string, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*startup)
	defer cancel()
	cmd := command(ctx, t, strings.Fields(line)...)
	cmd.Env = append(cmd.Env, env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("argos-tui %s: %v, stderr %q", line, err, stderr.String())
	}
	if !strings.HasPrefix(line, "--once") {
		t.Logf("argos-tui %s\n%s", line, out)
	}
	return string(out)
}

// A radio with all the errors there are is calibrated by the commands, and measures right.
func TestCalibrationRoundTrip(t *testing.T) {
	t.Parallel()
	r := &flawed{
		rateHz: 2e6, centerHz: 433.92e6, ppm: 12.5,
		gain: math.Pow(10, 0.6/20), phase: 2 * math.Pi / 180, slope: 0.2i,
	}
	const toneHz, toneDB, levelDBm = 434.3123456e6, -20, -42.5
	const weakerHz, weakerDB = 433.3e6, -33
	imageHz := 2*r.centerHz*(1+r.ppm*1e-6) - toneHz
	other := r.record(t, t.TempDir(), -30, 433.7e6, -12, 1)
	noise := r.record(t, t.TempDir(), -30, 0, 0, 2)
	quiet := r.record(t, t.TempDir(), -30, 0, 0, 3)
	tone := r.record(t, t.TempDir(), -60, toneHz, toneDB, 4)
	weaker := r.record(t, t.TempDir(), -60, weakerHz, weakerDB, 5)

	file := filepath.Join(t.TempDir(), "new", "calibration.toml")
	with := " --calibration " + file
	once := func(what string) row {
		return parseRow(t, argos(t, nil, "--once --json --overlap 50% --device replay:"+what))
	}
	raw := once(tone + " --bins 8192")
	argos(t, nil, "calibrate iq --freq 433.7M --device replay:"+other+with)
	argos(t, nil, "calibrate slope --freq 433.92M --device replay:"+noise+with)
	argos(t, nil, fmt.Sprintf("calibrate freq --freq %.1f --device replay:%s", toneHz, tone)+with)
	argos(t, nil, fmt.Sprintf("calibrate level --freq %.1f --level %g --device replay:%s", toneHz, levelDBm, tone)+with)
	argos(t, nil, "calibrate show"+with)

	for _, c := range []struct {
		what   string
		hz, db float64
	}{{tone, toneHz, levelDBm}, {weaker, weakerHz, levelDBm + weakerDB - toneDB}} {
		r := once(c.what + " --bins 8192 --window flattop" + with)
		peak := r.highest(c.hz)
		t.Logf("%.3f MHz: %.3f %s, want %g dBm", c.hz/1e6, peak, r.Unit, c.db)
		if r.Unit != "dBm" || math.Abs(peak-c.db) > 0.1 {
			t.Errorf("%.3f MHz reads %.3f %s, want %g dBm", c.hz/1e6, peak, r.Unit, c.db)
		}
	}

	fine := once(tone + " --bins 8192" + with)
	at := fine.peakHz(toneHz)
	t.Logf("frequency %.1f Hz off, %.4f of a bin; uncorrected %.1f Hz", at-toneHz, (at-toneHz)/fine.BinHz, raw.peakHz(toneHz)-toneHz)
	if math.Abs(at-toneHz) > fine.BinHz/10 {
		t.Errorf("the tone is at %.1f Hz, %.2f bins off", at, (at-toneHz)/fine.BinHz)
	}
	image := func(r *row) float64 { return r.highest(toneHz) - r.highest(imageHz) }
	t.Logf("image %.1f dB below, %.1f uncorrected", image(&fine), image(&raw))
	if image(&fine)-image(&raw) < 20 {
		t.Errorf("the image is %.1f dB below its tone, %.1f uncorrected", image(&fine), image(&raw))
	}

	// Other noise than that by which the slope was measured.
	most, least := once(quiet + with).spread(24)
	rawMost, rawLeast := once(quiet).spread(24)
	t.Logf("noise varies by %.3f dB, %.3f uncorrected", most-least, rawMost-rawLeast)
	if rawMost-rawLeast < 3 || most-least > 0.2 {
		t.Errorf("noise from %.3f to %.3f dB, %.3f to %.3f uncorrected", least, most, rawLeast, rawMost)
	}
}

// near are the bins within some hertz of a frequency.
func (r row) near(hz, withinHz float64) (low, high int) {
	at := func(hz float64) int { return int(math.Floor((hz - r.StartHz) / r.BinHz)) }
	return max(at(hz-withinHz), 1), min(at(hz+withinHz), len(r.MeanDB)-2)
}

// strongest is the bin with the most mean power about a frequency.
func (r row) strongest(hz float64) int {
	best, high := r.near(hz, 30e3)
	for i := best; i <= high; i++ {
		if r.MeanDB[i] > r.MeanDB[best] {
			best = i
		}
	}
	return best
}

func (r row) highest(hz float64) float64 { return r.MeanDB[r.strongest(hz)] }

// peakHz is where the line about a frequency is: amplitudes of its two strongest bins in
// a Hann window are as 1+d to 2-d.
func (r row) peakHz(hz float64) float64 {
	i, side := r.strongest(hz), 1
	if r.MeanDB[i-1] > r.MeanDB[i+1] {
		side = -1
	}
	a := math.Pow(10, (r.MeanDB[i+side]-r.MeanDB[i])/20)
	return r.centerHz(i) + float64(side)*(2*a-1)/(a+1)*r.BinHz
}

// spread is the most and the least mean power of so many parts of the span, without the
// bins beside the centre.
func (r row) spread(parts int) (most, least float64) {
	most, least = math.Inf(-1), math.Inf(1)
	n := len(r.MeanDB)
	for k := range parts {
		var sum, count float64
		for i := k * n / parts; i < (k+1)*n/parts; i++ {
			if i < n/2-8 || i > n/2+8 {
				sum, count = sum+math.Pow(10, r.MeanDB[i]/10), count+1
			}
		}
		db := 10 * math.Log10(sum/count)
		most, least = max(most, db), min(least, db)
	}
	return most, least
}
