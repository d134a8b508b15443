//go:build !slim

package devstack

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// What holds payloads is the business of the user who runs the program, and of nobody else.
const (
	dirPrivate  = 0o700
	filePrivate = 0o600
)

// makePrivate takes the rights of others from the files that the servers keep below dir:
// earlier versions let everybody read some of them. Other files that somebody keeps in the
// folder stay as they are.
func makePrivate(dir string) error {
	db := filepath.Join(dir, temporalDBFile)
	for _, path := range []string{db, db + "-wal", db + "-shm", db + "-journal"} {
		if err := os.Chmod(path, filePrivate); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("make %s private: %w", path, err)
		}
	}
	err := filepath.WalkDir(filepath.Join(dir, natsDir), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			return os.Chmod(path, dirPrivate)
		case entry.Type().IsRegular():
			return os.Chmod(path, filePrivate)
		}
		return nil // a link may lead outside
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make the files of NATS private: %w", err)
	}
	return nil
}
