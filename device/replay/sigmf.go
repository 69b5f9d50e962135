package replay

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"argos/device"
)

const (
	// maxMeta bounds what a meta file may make us hold.
	maxMeta = 16 << 20
	// maxHashed is how much data is checked against core:sha512: what takes no more
	// than a moment.
	maxHashed = 64 << 20
	// probed is how many samples are looked at to see whether they can be what the
	// meta says.
	probed = 65536
)

// metaJSON is the part of a SigMF meta file that we understand.
type metaJSON struct {
	Global struct {
		Datatype      *string  `json:"core:datatype"`
		SampleRate    *float64 `json:"core:sample_rate"`
		NumChannels   *int     `json:"core:num_channels"`
		SHA512        string   `json:"core:sha512"`
		Dataset       string   `json:"core:dataset"`
		TrailingBytes int64    `json:"core:trailing_bytes"`
		MetadataOnly  bool     `json:"core:metadata_only"`
	} `json:"global"`
	Captures []struct {
		SampleStart int64    `json:"core:sample_start"`
		Frequency   *float64 `json:"core:frequency"`
		HeaderBytes int64    `json:"core:header_bytes"`
	} `json:"captures"`
}

var datatypes = map[string]device.Format{
	"cu8": device.CU8, "ci8": device.CI8, "ci16_le": device.CI16, "cf32_le": device.CF32,
}

// A meta is what a SigMF meta file says of its data.
type meta struct {
	format   device.Format
	rateHz   float64
	centerHz float64
	starts   []int64 // first samples of the captures
	dataset  string  // name of the data file if it is not the usual one
	sha512   string  // in hex, empty if not given
}

// readMeta reads a meta file that is not absurdly large.
func readMeta(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > maxMeta {
		return nil, problem("give a SigMF meta file", "%s is not a file of up to 16 MB", filepath.Base(path))
	}
	return os.ReadFile(path)
}

// parseMeta reads a meta file; o helps out with what it does not tell.
func parseMeta(text []byte, o *Options) (meta, error) {
	var j metaJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return meta{}, problem("correct the meta file", "%w", jsonError(err))
	}
	g := &j.Global
	if g.Datatype == nil {
		return meta{}, problem("add it, such as \"ci8\"", "the meta does not tell its core:datatype")
	}
	m := meta{dataset: g.Dataset, sha512: g.SHA512}
	var ok bool
	if m.format, ok = datatypes[*g.Datatype]; !ok {
		return meta{}, problem("convert it to cu8, ci8, ci16_le or cf32_le", "cannot read core:datatype %q", *g.Datatype)
	}
	if g.NumChannels != nil && *g.NumChannels != 1 {
		return meta{}, problem("split it into one recording per channel", "cannot read core:num_channels %d", *g.NumChannels)
	}
	if g.MetadataOnly {
		return meta{}, problem("get the data as well", "it is a meta without data (core:metadata_only)")
	}
	if g.TrailingBytes != 0 {
		return meta{}, problem("cut them off the data", "cannot read data with core:trailing_bytes")
	}
	if d := g.Dataset; d != "" && (d != filepath.Base(d) || d == "." || d == ".." || strings.ContainsRune(d, '\\')) {
		return meta{}, problem("put both files in one folder", "core:dataset %q is not the name of a file", d)
	}
	if m.rateHz = o.RateHz; g.SampleRate != nil {
		m.rateHz = *g.SampleRate
	} else if m.rateHz == 0 {
		return meta{}, problem("give --rate, such as --rate 2M", "the meta does not tell its core:sample_rate")
	}
	if !(m.rateHz > 0 && m.rateHz <= maxRateHz) {
		return meta{}, problem("correct the meta file", "core:sample_rate %g is not above 0 and up to 1e9", m.rateHz)
	}
	return m, m.parseCaptures(&j, o)
}

// parseCaptures takes captures that differ in time only.
func (m *meta) parseCaptures(j *metaJSON, o *Options) error {
	var hz *float64
	for i, c := range j.Captures {
		if c.HeaderBytes != 0 {
			return problem("cut the headers out of the data", "cannot read data with core:header_bytes")
		}
		if c.SampleStart < 0 || i > 0 && c.SampleStart < m.starts[i-1] {
			return problem("correct the meta file", "core:sample_start %d of capture %d is out of order", c.SampleStart, i)
		}
		m.starts = append(m.starts, c.SampleStart)
		if c.Frequency == nil {
			continue
		}
		if !(*c.Frequency >= 0 && *c.Frequency <= maxHz) {
			return problem("correct the meta file", "core:frequency %g of capture %d is not from 0 to 1e12", *c.Frequency, i)
		}
		if hz != nil && *hz != *c.Frequency {
			return problem("split it into one recording per frequency", "its captures are on different frequencies, %s and %s",
				device.FormatHz(*hz, 6), device.FormatHz(*c.Frequency, 6))
		}
		hz = c.Frequency
	}
	if m.centerHz = o.CenterHz; hz != nil {
		m.centerHz = *hz
	} else if m.centerHz == 0 {
		return problem("give --freq, such as --freq 433.92M", "the meta does not tell its core:frequency")
	}
	return nil
}

// jsonError says it without the names of Go types.
func jsonError(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s of the meta cannot be a %s", wrong.Field, wrong.Value)
	}
	return fmt.Errorf("the meta is not JSON: %w", err)
}

// matches checks data against what the meta says, as far as that is cheap.
func (m *meta) matches(data io.ReaderAt, size int64, name string) error {
	unit := int64(m.format.Size())
	if over := size % unit; over != 0 {
		return problem(fmt.Sprintf("cut off the last %s, or correct core:datatype", plural(over, "byte")),
			"%s holds %d bytes, not a whole number of %d-byte %s samples", name, size, unit, m.format)
	}
	if n := len(m.starts); n > 0 && m.starts[n-1] >= size/unit {
		return problem("get the whole of the data, or correct the meta file",
			"a capture begins at sample %d, but %s holds %d", m.starts[n-1], name, size/unit)
	}
	probe := make([]byte, min(size, probed*unit))
	if _, err := data.ReadAt(probe, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !plausible(m.format, probe) {
		return problem("correct core:datatype in the meta", "%s is not %s: its values make no sense as such", name, m.format)
	}
	if m.sha512 == "" || size > maxHashed {
		return nil
	}
	h := sha512.New()
	if _, err := io.Copy(h, io.NewSectionReader(data, 0, size)); err != nil {
		return err
	}
	if want, err := hex.DecodeString(m.sha512); err != nil || !bytes.Equal(h.Sum(nil), want) {
		return problem("get it again, or remove core:sha512 from the meta if it was changed on purpose",
			"%s does not match its meta: core:sha512 differs", name)
	}
	return nil
}

// plausible reports whether x can be samples of the format. Integers read with the
// wrong sign or width lie near both rails and hardly anywhere else; clipped ones lie
// exactly on the rails, or cross the middle now and then.
func plausible(format device.Format, x []byte) bool {
	var all, above, below, exact int
	count := func(v, rail float64) {
		all++
		switch {
		case v >= rail*0.75:
			above++
		case v <= -rail*0.75:
			below++
		default:
			return
		}
		if v >= rail-1 || v <= -rail {
			exact++
		}
	}
	switch format {
	case device.CF32:
		for ; len(x) >= 4; x = x[4:] {
			v := math.Float32frombits(binary.LittleEndian.Uint32(x))
			if !(math.Abs(float64(v)) <= 1e9) {
				return false
			}
		}
		return true
	case device.CI16:
		for ; len(x) >= 2; x = x[2:] {
			count(float64(int16(binary.LittleEndian.Uint16(x))), 32768)
		}
	case device.CU8:
		for _, v := range x {
			count(float64(v)-127.5, 127.5)
		}
	default:
		for _, v := range x {
			count(float64(int8(v)), 128)
		}
	}
	near := above + below
	if min(above, below)*100 < all || near*10 < all*9 {
		return true
	}
	return exact*2 >= near && near*1000 < all*999
}
