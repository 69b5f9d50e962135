package access

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/adrg/xdg"
	"github.com/rogpeppe/go-internal/lockedfile"
)

// DefaultDir is where keys, tokens and known hosts of this user lie:
// $XDG_STATE_HOME/argos, which is ~/.local/state/argos.
func DefaultDir() string { return filepath.Join(xdg.StateHome, "argos") }

// The files in a directory.
const (
	serverKeyFile         = "server.key"
	serverCertificateFile = "server.crt"
	tokensFile            = "tokens"
	knownHostsFile        = "known_hosts"
	lockFile              = "lock"
)

// maxFile bounds what is read of a file of ours, in bytes.
const maxFile = 1 << 20

// A PermissionError is a file or directory that others may read or write.
type PermissionError struct {
	Path string
	Mode fs.FileMode
	want fs.FileMode
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("%s may be used by others (mode %04o): run chmod %o %s", e.Path, e.Mode, e.want, e.Path)
}

// private checks that a file or directory is its user's alone.
func private(path string, info fs.FileInfo) error {
	want := fs.FileMode(0o600)
	if info.IsDir() {
		want = 0o700
	}
	// Windows knows no modes: a profile is its user's alone.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return &PermissionError{path, mode, want}
	}
	return nil
}

// makeDir makes dir unless it is there, and checks it.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return checkDir(dir)
}

// checkDir checks dir, which need not be there, and the files in it.
func checkDir(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := private(dir, info); err != nil {
		return err
	}
	for _, name := range []string{serverKeyFile, serverCertificateFile, tokensFile, knownHostsFile, lockFile, journalFile, journalFile + oldJournal} {
		path := filepath.Join(dir, name)
		switch info, err := os.Stat(path); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			if err := private(path, info); err != nil {
				return err
			}
		}
	}
	return nil
}

// readFile reads a file of ours, which has to be private. One that is not there is empty.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := private(path, info); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("%s has more than %d bytes", path, maxFile)
	}
	return data, err
}

// locked calls f while no other process changes files in dir.
func locked(dir string, f func() error) error {
	if err := makeDir(dir); err != nil {
		return err
	}
	lock, err := lockedfile.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	err = f()
	return errors.Join(err, lock.Close())
}

// A stamp tells a file that was written or replaced from what it was. It is empty for one
// that is not there.
type stamp struct{ info fs.FileInfo }

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info}
}

func (s stamp) is(t stamp) bool {
	if s.info == nil || t.info == nil {
		return s.info == t.info
	}
	return os.SameFile(s.info, t.info) && s.info.ModTime().Equal(t.info.ModTime()) && s.info.Size() == t.info.Size()
}
