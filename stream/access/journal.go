package access

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// A journal is a file that is made with its first line. When it is full it becomes
// journal.1 and a new one begins, so that two are kept.
type journal struct {
	dir    string
	failed func(error) // called once

	mu   sync.Mutex
	file *os.File
	size int64
	over bool // it cannot be written: failed was called
}

const (
	journalFile = "journal"
	oldJournal  = ".1"
	journalMost = 4 << 20 // bytes of a file
)

// Journal is where what operators and admins do is written down, a line of JSON each,
// in the directory of the entrance. Where that cannot be, failed is called, once.
func (e *Entrance) Journal(failed func(error)) *slog.Logger {
	e.journal = &journal{dir: e.options.Dir, failed: failed}
	return slog.New(slog.NewJSONHandler(e.journal, nil))
}

// Close ends what the entrance holds open.
func (e *Entrance) Close() error {
	if e.journal == nil {
		return nil
	}
	return e.journal.close()
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.over {
		return 0, os.ErrClosed
	}
	if err := j.room(len(line)); err != nil {
		j.fail(err)
		return 0, err
	}
	n, err := j.file.Write(line)
	j.size += int64(n)
	if err != nil {
		j.fail(err)
	}
	return n, err
}

// room opens the file, or a new one where the old one is full.
func (j *journal) room(n int) error {
	path := filepath.Join(j.dir, journalFile)
	if j.file != nil && j.size+int64(n) > journalMost {
		err := j.file.Close()
		j.file = nil
		if err == nil {
			err = os.Rename(path, path+oldJournal)
		}
		if err != nil {
			return err
		}
	}
	if j.file != nil {
		return nil
	}
	if err := makeDir(j.dir); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = private(path, info)
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	j.file, j.size = f, info.Size()
	return nil
}

func (j *journal) fail(err error) {
	j.over = true
	j.failed(fmt.Errorf("journal in %s: %w", j.dir, err))
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.over = true
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}
