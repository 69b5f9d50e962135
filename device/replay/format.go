package replay

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"argos/device"
)

// What a recording may say of itself: Hz.
const (
	maxRateHz = 1e9
	maxHz     = 1e12
)

const (
	metaExt = ".sigmf-meta"
	dataExt = ".sigmf-data"
)

var rawFormats = map[string]device.Format{
	".cs8":  device.CI8,
	".cu8":  device.CU8,
	".cs16": device.CI16,
	".cf32": device.CF32,
}

// open tells the format by the name and opens it.
func (r *Radio) open() error {
	ext := filepath.Ext(r.path)
	base := strings.TrimSuffix(r.path, ext)
	ext = strings.ToLower(ext)
	r.info.Name = filepath.Base(r.path)
	if format, ok := rawFormats[ext]; ok {
		return r.openRaw(format)
	}
	switch ext {
	case metaExt:
		return r.openSigMF(r.path, base+dataExt)
	case dataExt:
		return r.openSigMF(base+metaExt, r.path)
	case ".csv":
		return r.openSweep(newCSVReader)
	case ".bin", ".sweep":
		return r.openSweep(newBinaryReader)
	}
	if _, err := os.Stat(r.path + metaExt); err == nil {
		return r.openSigMF(r.path+metaExt, r.path+dataExt)
	}
	if _, err := os.Stat(r.path); err != nil {
		return err
	}
	return problem("use .sigmf-meta, .cs8, .cu8, .cs16, .cf32, or .csv and .bin of hackrf_sweep",
		"%s does not tell its format by its name", r.info.Name)
}

func (r *Radio) openRaw(format device.Format) error {
	f, size, err := r.openFile(r.path)
	if err != nil {
		return err
	}
	if r.opts.RateHz == 0 || r.opts.CenterHz == 0 {
		return problem("give --rate and --freq, such as --rate 2M --freq 433.92M",
			"a raw recording tells neither its sample rate nor its frequency")
	}
	if over := size % int64(format.Size()); over != 0 {
		return problem(fmt.Sprintf("cut off the last %s, or correct the name", plural(over, "byte")),
			"%s holds %d bytes, not a whole number of %d-byte %s samples",
			r.info.Name, size, format.Size(), format)
	}
	r.playIQ(&iq{
		file: f, format: format, rateHz: r.opts.RateHz, centerHz: r.opts.CenterHz,
		total: size / int64(format.Size()),
	})
	return nil
}

func (r *Radio) openSigMF(metaPath, dataPath string) error {
	text, err := readMeta(metaPath)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && metaPath != r.path {
			return problem("put both files in one folder", "its %s: %w", filepath.Base(metaPath), fs.ErrNotExist)
		}
		return err
	}
	m, err := parseMeta(text, &r.opts)
	if err != nil {
		return err
	}
	if m.dataset != "" {
		dataPath = filepath.Join(filepath.Dir(metaPath), m.dataset)
	}
	f, size, err := r.openFile(dataPath)
	if errors.Is(err, fs.ErrNotExist) {
		return problem("put both files in one folder", "its data %s: %w", filepath.Base(dataPath), fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	if err := m.matches(f, size, filepath.Base(dataPath)); err != nil {
		return err
	}
	r.info.Name = filepath.Base(metaPath)
	r.playIQ(&iq{
		file: f, format: m.format, rateHz: m.rateHz, centerHz: m.centerHz,
		total: size / int64(m.format.Size()), breaks: m.starts,
	})
	return nil
}

func (r *Radio) playIQ(s *iq) {
	s.blockLen = max(1, min(int64(s.rateHz/100), maxBlockBytes/int64(s.format.Size())))
	s.buf = make([]byte, s.blockLen*int64(s.format.Size()))
	r.src = s
	r.info.MinHz, r.info.MaxHz = s.centerHz-s.rateHz/2, s.centerHz+s.rateHz/2
	r.info.MinRateHz, r.info.MaxRateHz = s.rateHz, s.rateHz
	r.info.Duration = s.at(s.total)
}

func (r *Radio) openSweep(reader func(io.ReaderAt, int64) recordReader) error {
	f, size, err := r.openFile(r.path)
	if err != nil {
		return err
	}
	s, err := newSweep(reader(f, size))
	if err != nil {
		return err
	}
	r.src = s
	r.info.MinHz, r.info.MaxHz = s.lowHz, s.highHz
	r.info.Duration = s.duration
	return nil
}

func plural(n int64, what string) string {
	if n == 1 {
		return what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
