package replay

import (
	"errors"
	"io"
	"math"
	"time"

	"argos/device"
)

// maxBlockBytes is what libhackrf hands over at once.
const maxBlockBytes = 262144

// An iq is a recording of samples.
type iq struct {
	file     io.ReaderAt
	format   device.Format
	rateHz   float64
	centerHz float64
	total    int64   // samples
	breaks   []int64 // samples that do not follow the one before, ascending
	blockLen int64   // samples, about 10 ms
	buf      []byte

	pos     int64 // samples handed over
	segment int   // breaks passed
}

func (s *iq) next(b *device.Block) error {
	if s.pos == s.total {
		return io.EOF
	}
	for s.segment < len(s.breaks) && s.breaks[s.segment] <= s.pos {
		b.Break = b.Break || s.breaks[s.segment] == s.pos
		s.segment++
	}
	n := min(s.blockLen, s.total-s.pos)
	if s.segment < len(s.breaks) {
		n = min(n, s.breaks[s.segment]-s.pos)
	}
	size := int64(s.format.Size())
	buf := s.buf[:n*size]
	if got, err := s.file.ReadAt(buf, s.pos*size); got < len(buf) {
		if errors.Is(err, io.EOF) {
			return problem("open it again", "the file has become shorter: %d of %d bytes are left",
				s.pos*size+int64(got), s.total*size)
		}
		return err
	}
	s.pos += n
	b.CenterHz = s.centerHz
	b.Position = s.at(s.pos)
	b.Format = s.format
	b.Samples = buf
	return nil
}

func (s *iq) rewind() time.Duration {
	s.pos, s.segment = 0, 0
	return s.at(s.total)
}

// at is the offset of sample n. A rate near zero must not make it overflow.
func (s *iq) at(n int64) time.Duration {
	return time.Duration(min(float64(n)/s.rateHz*1e9, math.MaxInt64/2))
}
