package replay

import (
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"argos/device"
)

const goodMeta = `{
  "global": {"core:datatype": "ci8", "core:sample_rate": 1000000, "core:version": "1.0.0"},
  "captures": [{"core:sample_start": 0, "core:frequency": 433920000}],
  "annotations": []
}`

// writeSigMF makes a recording and returns the path of its meta file.
func writeSigMF(t testing.TB, meta string, data []byte) string {
	t.Helper()
	path := write(t, "x.sigmf-meta", meta)
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "x.sigmf-data"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// edited is goodMeta with global keys added, or replaced.
func edited(t testing.TB, global map[string]any) string {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(goodMeta), &m); err != nil {
		t.Fatal(err)
	}
	maps.Copy(m["global"].(map[string]any), global)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSigMFByAnyName(t *testing.T) {
	x := samples(1000)
	sum := sha512.Sum512(x)
	meta := writeSigMF(t, edited(t, map[string]any{"core:sha512": hex.EncodeToString(sum[:])}), x)
	base := strings.TrimSuffix(meta, ".sigmf-meta")
	for _, path := range []string{meta, base, base + ".sigmf-data"} {
		r, err := Open(path, nil)
		if err != nil {
			t.Error(err)
			continue
		}
		if i := r.Info(); i.Name != "x.sigmf-meta" || i.MinHz != 433.42e6 || i.MaxRateHz != 1e6 {
			t.Errorf("%+v", i)
		}
		r.Close()
	}
}

func TestSigMFFormats(t *testing.T) {
	for name, format := range map[string]device.Format{
		"cu8": device.CU8, "ci8": device.CI8, "ci16_le": device.CI16, "cf32_le": device.CF32,
	} {
		x := make([]byte, 64*format.Size()) // silence, but for unsigned samples
		if format == device.CU8 {
			x = []byte(strings.Repeat("\x7f\x80", 64))
		}
		r, err := Open(writeSigMF(t, edited(t, map[string]any{"core:datatype": name}), x), &Options{NoLoop: true, Unpaced: true})
		if err != nil {
			t.Error(err)
			continue
		}
		var b device.Block
		if err := r.Read(t.Context(), &b); err != nil || b.Format != format || len(b.Samples) != len(x) {
			t.Errorf("%s: %d bytes of %s, %v", name, len(b.Samples), b.Format, err)
		}
		r.Close()
	}
}

func TestSigMFDataset(t *testing.T) {
	path := write(t, "x.sigmf-meta", edited(t, map[string]any{"core:dataset": "other.bin"}))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "other.bin"), samples(100), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func TestSigMFCaptures(t *testing.T) {
	meta := strings.Replace(goodMeta, `"core:frequency": 433920000}`,
		`"core:frequency": 433920000}, {"core:sample_start": 12000}`, 1)
	r, err := Open(writeSigMF(t, meta, samples(50000)), &Options{Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		for i, want := range []struct {
			n      int
			broken bool
		}{{10000, true}, {2000, false}, {10000, true}, {3000, false}} {
			var b device.Block
			if err := r.Read(t.Context(), &b); err != nil || len(b.Samples) != 2*want.n || b.Break != want.broken {
				t.Errorf("block %d: %d samples, break %v, %v", i, len(b.Samples)/2, b.Break, err)
			}
		}
	}
}

func TestBadRecordings(t *testing.T) {
	raw := &Options{RateHz: 2e6, CenterHz: 433.92e6}
	unsigned := make([]byte, 4000) // weak, and so at both rails when read as signed
	for i, v := range samples(len(unsigned)) {
		unsigned[i] = v + 0x80
	}
	floats := make([]byte, 8000)
	for i := range floats {
		floats[i] = byte(i * 37)
	}
	meta := func(global map[string]any) string { return edited(t, global) }
	for _, c := range []struct {
		what string
		name string // of the one file, or "" for a SigMF recording of meta and data
		meta string
		data []byte
		opts *Options
		want string // {} is the path
	}{
		{
			"no rate", "x.cs8", "", samples(10), nil,
			"a raw recording tells neither its sample rate nor its frequency; give --rate and --freq, such as --rate 2M --freq 433.92M",
		},
		{"odd bytes", "x.cu8", "", samples(11), raw, "x.cu8 holds 11 bytes, not a whole number of 2-byte cu8 samples; cut off the last byte, or correct the name"},
		{"odd cf32", "x.cf32", "", samples(13), raw, "x.cf32 holds 13 bytes, not a whole number of 8-byte cf32_le samples; cut off the last 5 bytes, or correct the name"},
		{"empty", "x.cs16", "", nil, raw, "x.cs16 is empty; record again"},
		{
			"unknown", "x.wav", "", samples(10), raw,
			"x.wav does not tell its format by its name; use .sigmf-meta, .cs8, .cu8, .cs16, .cf32, or .csv and .bin of hackrf_sweep",
		},
		{"bad rate", "x.cs8", "", samples(10), &Options{RateHz: math.Inf(1), CenterHz: 1}, "sample rate +Inf is out of range; give --rate above 0 and up to 1G"},
		{"bad freq", "x.cs8", "", samples(10), &Options{RateHz: 1, CenterHz: -1}, "centre frequency -1 is out of range; give --freq from 0 to 1000G"},
		{
			"bad speed", "x.cs8", "", samples(10), &Options{RateHz: 1, CenterHz: 1, Speed: -1},
			"speed -1 is out of range; give a --speed from 0.001 to 1000000, or 0 for as fast as it can",
		},
		{"lone data", "x.sigmf-data", "", samples(10), nil, "its x.sigmf-meta: file does not exist; put both files in one folder"},
		{"lone meta", "x.sigmf-meta", "", []byte(goodMeta), nil, "its data x.sigmf-data: file does not exist; put both files in one folder"},

		{"no JSON", "", "garbage", samples(10), nil, "the meta is not JSON: invalid character 'g' looking for beginning of value; correct the meta file"},
		{"cut JSON", "", goodMeta[:90], samples(10), nil, "the meta is not JSON: unexpected end of JSON input; correct the meta file"},
		{
			"wrong type", "", meta(map[string]any{"core:sample_rate": "fast"}), samples(10), nil,
			"global.core:sample_rate of the meta cannot be a string; correct the meta file",
		},
		{"no datatype", "", "{}", samples(10), nil, `the meta does not tell its core:datatype; add it, such as "ci8"`},
		{
			"big endian", "", meta(map[string]any{"core:datatype": "ci16_be"}), samples(10), nil,
			`cannot read core:datatype "ci16_be"; convert it to cu8, ci8, ci16_le or cf32_le`,
		},
		{
			"real", "", meta(map[string]any{"core:datatype": "ri8"}), samples(10), nil,
			`cannot read core:datatype "ri8"; convert it to cu8, ci8, ci16_le or cf32_le`,
		},
		{
			"no rate in meta", "", meta(map[string]any{"core:sample_rate": nil}), samples(10), nil,
			"the meta does not tell its core:sample_rate; give --rate, such as --rate 2M",
		},
		{
			"rate 0", "", meta(map[string]any{"core:sample_rate": 0}), samples(10), raw,
			"core:sample_rate 0 is not above 0 and up to 1e9; correct the meta file",
		},
		{
			"channels", "", meta(map[string]any{"core:num_channels": 2}), samples(10), nil,
			"cannot read core:num_channels 2; split it into one recording per channel",
		},
		{
			"elsewhere", "", meta(map[string]any{"core:dataset": "../x"}), samples(10), nil,
			`core:dataset "../x" is not the name of a file; put both files in one folder`,
		},
		{
			"no data", "", meta(map[string]any{"core:metadata_only": true}), samples(10), nil,
			"it is a meta without data (core:metadata_only); get the data as well",
		},
		{
			"trailer", "", meta(map[string]any{"core:trailing_bytes": 4}), samples(10), nil,
			"cannot read data with core:trailing_bytes; cut them off the data",
		},
		{
			"headers", "", strings.Replace(goodMeta, `"core:sample_start": 0`, `"core:header_bytes": 16`, 1), samples(10), nil,
			"cannot read data with core:header_bytes; cut the headers out of the data",
		},
		{
			"no frequency", "", strings.Replace(goodMeta, `"core:frequency": 433920000`, `"core:global_index": 0`, 1), samples(10), nil,
			"the meta does not tell its core:frequency; give --freq, such as --freq 433.92M",
		},
		{
			"frequency", "", strings.Replace(goodMeta, "433920000", "-5", 1), samples(10), nil,
			"core:frequency -5 of capture 0 is not from 0 to 1e12; correct the meta file",
		},
		{
			"two frequencies", "", strings.Replace(goodMeta, "433920000}", `433920000}, {"core:sample_start": 2, "core:frequency": 868300000}`, 1), samples(10), nil,
			"its captures are on different frequencies, 433.92M and 868.3M; split it into one recording per frequency",
		},
		{
			"disorder", "", strings.Replace(goodMeta, `"core:sample_start": 0`, `"core:sample_start": 3}, {"core:sample_start": 2`, 1), samples(10), nil,
			"core:sample_start 2 of capture 1 is out of order; correct the meta file",
		},
		{
			"beyond", "", strings.Replace(goodMeta, `"core:sample_start": 0`, `"core:sample_start": 5`, 1), samples(10), nil,
			"a capture begins at sample 5, but x.sigmf-data holds 5; get the whole of the data, or correct the meta file",
		},
		{
			"odd data", "", goodMeta, samples(299047), nil,
			"x.sigmf-data holds 299047 bytes, not a whole number of 2-byte ci8 samples; cut off the last byte, or correct core:datatype",
		},
		{"empty data", "", goodMeta, nil, nil, "x.sigmf-data is empty; record again"},
		{
			"unsigned as signed", "", goodMeta, unsigned, nil,
			"x.sigmf-data is not ci8: its values make no sense as such; correct core:datatype in the meta",
		},
		{
			"signed as unsigned", "", meta(map[string]any{"core:datatype": "cu8"}), samples(4000), nil,
			"x.sigmf-data is not cu8: its values make no sense as such; correct core:datatype in the meta",
		},
		{
			"bytes as 16 bit", "", meta(map[string]any{"core:datatype": "ci16_le"}), unsigned, nil,
			"x.sigmf-data is not ci16_le: its values make no sense as such; correct core:datatype in the meta",
		},
		{
			"bytes as float", "", meta(map[string]any{"core:datatype": "cf32_le"}), floats, nil,
			"x.sigmf-data is not cf32_le: its values make no sense as such; correct core:datatype in the meta",
		},
		{
			"other data", "", meta(map[string]any{"core:sha512": strings.Repeat("0", 128)}), samples(10), nil,
			"x.sigmf-data does not match its meta: core:sha512 differs; get it again, or remove core:sha512 from the meta if it was changed on purpose",
		},

		{"empty CSV", "x.csv", "", []byte("\n\n"), nil, "it holds no sweep; record again"},
		{"no sweep", "x.csv", "", []byte("a,b\n"), nil, "line 1: it is cut short, or not a line of hackrf_sweep; correct the line or remove it"},
		{"no date", "x.csv", "", []byte("a,b,c,d,e,f,g\n"), nil, "line 1: it does not begin with a date and a time; correct the line or remove it"},
		{
			"no range", "x.csv", "", []byte("2026-11-22, 12:00:00, 5, 4, 1, 20, -1\n"), nil,
			"line 1: its frequencies are not a range; correct the line or remove it",
		},
		{
			"no frequencies", "x.csv", "", []byte("2026-11-22, 12:00:00, low, 4, 1, 20, -1\n"), nil,
			"line 1: its frequencies are not numbers; correct the line or remove it",
		},
		{
			"no powers", "x.csv", "", []byte("2026-11-22, 12:00:00, 4, 5, 1, 20, x\n"), nil,
			"line 1: its powers are not numbers; correct the line or remove it",
		},
		{
			"no dB", "x.csv", "", []byte("2026-11-22, 12:00:00, 4, 5, 1, 20, nan\n"), nil,
			"line 1: its powers are not dB; correct the line or remove it",
		},
		{"long line", "x.csv", "", make([]byte, 2*maxLine), nil, "line 1: it is longer than 1 MB; correct the line or remove it"},
		{
			"cut CSV", "x.csv", "", []byte(sweepCSV(3)[:1200]), nil,
			"the last line: it is cut short, or not a line of hackrf_sweep; remove the last line",
		},
		{
			"widths", "x.csv", "", []byte(sweepCSV(1)[:80] + "\n2026-11-22, 12:00:00, 7, 8, 1, 20, -1\n"), nil,
			"line 1: it is cut short, or not a line of hackrf_sweep; correct the line or remove it",
		},
		{
			"no binary sweep", "x.bin", "", samples(1000), nil,
			"it is not binary output of hackrf_sweep; rename it to .cu8 or .cs8 if it holds IQ samples",
		},
		{"cut binary", "x.bin", "", sweepBinary(2)[:90], nil, "it ends in the middle of a record of 40 bytes; cut off the last 10 bytes"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var path string
			if c.name == "" {
				path = writeSigMF(t, c.meta, c.data)
			} else {
				path = write(t, c.name, string(c.data))
			}
			_, err := Open(path, c.opts)
			want := "open replay:" + path + ": " + c.want
			if known := (*device.Error)(nil); !errors.As(err, &known) || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
		})
	}
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.cs8"):        "no such file or directory; check the path",
		filepath.Join(t.TempDir(), "none"):            "no such file or directory; check the path",
		filepath.Join(t.TempDir(), "none.sigmf-meta"): "no such file or directory; check the path",
		filepath.Dir(write(t, "x", "")):               "",
	} {
		_, err := Open(path, raw)
		if err == nil || want != "" && err.Error() != "open replay:"+path+": "+want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

func TestClippedIsPlausible(t *testing.T) {
	x := samples(20000)
	for i, v := range x {
		x[i] = byte(int8(max(-128, min(127, 50*int(int8(v))))))
	}
	if !plausible(device.CI8, x) {
		t.Error("an overloaded recording was refused")
	}
}

// TestCaptures plays real recordings through, where there are some.
func TestCaptures(t *testing.T) {
	dir := os.Getenv("ARGOS_CAPTURES")
	if dir == "" {
		t.Skip("ARGOS_CAPTURES is not set")
	}
	metas, err := filepath.Glob(filepath.Join(dir, "*.sigmf-meta"))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no recordings in %s", dir)
	}
	for _, path := range metas {
		r, err := Open(path, &Options{Unpaced: true, NoLoop: true})
		if err != nil {
			t.Error(err)
			continue
		}
		defer r.Close()
		st, err := os.Stat(strings.TrimSuffix(path, "meta") + "data")
		if err != nil {
			t.Fatal(err)
		}
		var b device.Block
		var n int64
		for err = r.Read(t.Context(), &b); err == nil; err = r.Read(t.Context(), &b) {
			n += int64(len(b.Samples))
		}
		if !errors.Is(err, io.EOF) || n != st.Size() || b.Position != r.Info().Duration {
			t.Errorf("%s: %d of %d bytes, %v of %v, then %v", r.Info().Name, n, st.Size(), b.Position, r.Info().Duration, err)
		}
	}
}
