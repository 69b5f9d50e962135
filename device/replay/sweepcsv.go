package replay

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"math"
	"strconv"
	"time"
)

const (
	// maxLine is room for maxBins powers.
	maxLine = 1 << 20
	// maxLength is the longest recording that is believed.
	maxLength = 365 * 24 * time.Hour
)

// csvReader reads what hackrf_sweep prints:
//
//	date, time, hz_low, hz_high, hz_bin_width, num_samples, dB, dB, ...
type csvReader struct {
	file  io.ReaderAt
	size  int64
	lines *bufio.Scanner
	line  int
	used  int64 // bytes read
}

func newCSVReader(f io.ReaderAt, size int64) recordReader {
	r := &csvReader{file: f, size: size}
	r.rewind()
	return r
}

func (r *csvReader) rewind() {
	r.lines = bufio.NewScanner(io.NewSectionReader(r.file, 0, r.size))
	r.lines.Buffer(nil, maxLine)
	r.line, r.used = 0, 0
}

func (r *csvReader) read(rec *record) error {
	for r.lines.Scan() {
		r.line++
		r.used += int64(len(r.lines.Bytes())) + 1
		text := bytes.TrimSpace(r.lines.Bytes())
		if len(text) == 0 {
			continue
		}
		if err := parseCSV(text, rec); err != nil {
			return r.bad("%w", err)
		}
		return nil
	}
	if err := r.lines.Err(); err != nil {
		r.line++
		if errors.Is(err, bufio.ErrTooLong) {
			return r.bad("it is longer than 1 MB")
		}
		return r.bad("%w", err)
	}
	return io.EOF
}

func (r *csvReader) bad(format string, args ...any) error {
	return problem("correct the line or remove it", "line %d: "+format, append([]any{r.line}, args...)...)
}

// extent reads the last line. Where a clock was set in between, it is the length of
// the passes that would fill the file.
func (r *csvReader) extent(first *record, pass time.Duration) (time.Duration, error) {
	tail := make([]byte, min(r.size, maxLine))
	if _, err := r.file.ReadAt(tail, r.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	tail = bytes.TrimSpace(tail)
	tail = tail[bytes.LastIndexByte(tail, '\n')+1:]
	var last record
	if err := parseCSV(bytes.TrimSpace(tail), &last); err != nil {
		return 0, problem("remove the last line", "the last line: %w", err)
	}
	length := last.at.Sub(first.at)
	if length < 0 || length > maxLength {
		return time.Duration(float64(pass) * float64(r.size) / float64(r.used)), nil
	}
	return length + pass, nil
}

var errShort = errors.New("it is cut short, or not a line of hackrf_sweep")

// parseCSV reads one line into rec.
func parseCSV(line []byte, rec *record) error {
	var fields [6][]byte
	for i := range fields {
		field, rest, ok := bytes.Cut(line, []byte{','})
		if !ok {
			return errShort
		}
		fields[i], line = bytes.TrimSpace(field), rest
	}
	var err error
	rec.at, err = time.Parse("2006-01-02 15:04:05", string(fields[0])+" "+string(fields[1]))
	if err != nil {
		return errors.New("it does not begin with a date and a time")
	}
	var width float64
	hz := fields[2:]
	for i, dst := range []*float64{&rec.lowHz, &rec.highHz, &width} {
		if *dst, err = strconv.ParseFloat(string(hz[i]), 64); err != nil {
			return errors.New("its frequencies are not numbers")
		}
	}
	rec.power = rec.power[:0]
	for more := true; more; {
		var field []byte
		field, line, more = bytes.Cut(line, []byte{','})
		v, err := strconv.ParseFloat(string(bytes.TrimSpace(field)), 32)
		if err != nil {
			return errors.New("its powers are not numbers")
		}
		if len(rec.power) == maxBins {
			return errors.New("it holds too many powers")
		}
		rec.power = append(rec.power, float32(v))
	}
	if wrong := checkRecord(rec); wrong != "" {
		return errors.New(wrong)
	}
	// The width is printed with two decimals, so it can only be held against the count.
	if bins := (rec.highHz - rec.lowHz) / width; !(math.Abs(bins-float64(len(rec.power))) < 0.51) {
		return errShort
	}
	return nil
}
