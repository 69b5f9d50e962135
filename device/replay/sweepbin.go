package replay

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"time"
)

// headSize is that of a record's two frequencies.
const headSize = 16

// binaryReader reads what hackrf_sweep -B writes: records of a u32 that counts the
// bytes after it, u64 Hz low, u64 Hz high and f32 dB, all little endian. It has no
// times, and all records are of one length.
type binaryReader struct {
	file   io.ReaderAt
	size   int64
	in     *bufio.Reader
	length int64 // of every record after its length field; 0 before the first
	offset int64 // of the record after the last one read
	buf    []byte
}

func newBinaryReader(f io.ReaderAt, size int64) recordReader {
	r := &binaryReader{file: f, size: size}
	r.rewind()
	return r
}

func (r *binaryReader) rewind() {
	r.in = bufio.NewReaderSize(io.NewSectionReader(r.file, 0, r.size), 1<<16)
	r.offset = 0
}

func (r *binaryReader) read(rec *record) error {
	if r.offset == r.size {
		return io.EOF
	}
	if r.length == 0 {
		if err := r.begin(); err != nil {
			return err
		}
	}
	if _, err := io.ReadFull(r.in, r.buf); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return problem("open it again", "the file has become shorter: less than %d of %d bytes are left",
				r.offset+int64(len(r.buf)), r.size)
		}
		return err
	}
	r.offset += int64(len(r.buf))
	if n := int64(binary.LittleEndian.Uint32(r.buf)); n != r.length {
		return r.bad("its length is %d, not %d as before", n, r.length)
	}
	rec.lowHz = float64(binary.LittleEndian.Uint64(r.buf[4:]))
	rec.highHz = float64(binary.LittleEndian.Uint64(r.buf[12:]))
	rec.power = rec.power[:0]
	for p := r.buf[4+headSize:]; len(p) > 0; p = p[4:] {
		rec.power = append(rec.power, math.Float32frombits(binary.LittleEndian.Uint32(p)))
	}
	if wrong := checkRecord(rec); wrong != "" {
		return r.bad("%s", wrong)
	}
	return nil
}

// begin learns the length of records from the first one.
func (r *binaryReader) begin() error {
	head := make([]byte, 4)
	if _, err := r.file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	n := int64(binary.LittleEndian.Uint32(head))
	if n <= headSize || n > headSize+4*maxBins || n%4 != 0 {
		return problem("rename it to .cu8 or .cs8 if it holds IQ samples", "it is not binary output of hackrf_sweep")
	}
	if over := r.size % (4 + n); over != 0 {
		return problem("cut off the last "+plural(over, "byte"), "it ends in the middle of a record of %d bytes", 4+n)
	}
	r.length = n
	r.buf = make([]byte, 4+n)
	return nil
}

func (r *binaryReader) bad(format string, args ...any) error {
	return problem("record again", "the record at byte %d: "+format,
		append([]any{r.offset - int64(len(r.buf))}, args...)...)
}

func (r *binaryReader) extent(first *record, _ time.Duration) (time.Duration, error) {
	count := float64(r.size / (4 + r.length))
	return time.Duration(count * (first.highHz - first.lowHz) / sweepHzPerSec * 1e9), nil
}
