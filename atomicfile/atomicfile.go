// Package atomicfile replaces files at once. Every room may use it; it knows none of
// them. Libraries that do the same lack Windows or do not make the new name outlast a
// power cut.
package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// Write makes data what the file at path has, and mode its mode. Who reads meanwhile
// reads the old file or the new one, and so does who comes after a power cut. The folder
// has to be there. After an error the file is the old one, or the new one that a power
// cut may undo.
func Write(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // 0600 while it is written
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // the first error tells
		return err
	}
	return syncDir(dir)
}

// syncDir makes the names in dir outlast a power cut, where the system can.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which syncs no folders
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // nor do some network file systems
		err = nil
	}
	return errors.Join(err, d.Close())
}
