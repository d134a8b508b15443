//go:build !slim

package devstack

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const lockFileName = "lock"

// errLockHeld is what lockFile returns when another open file holds the lock.
var errLockHeld = errors.New("lock is held")

// FolderInUseError says that another process (or another stack in this one) runs on a data folder.
type FolderInUseError struct {
	// Dir is the data folder.
	Dir string
	// PID is the process that holds it, as that process wrote it down; empty if it could not be
	// read.
	PID string
}

// Error names the folder, the process and the remedy.
func (e *FolderInUseError) Error() string {
	holder := "another process"
	if e.PID != "" {
		holder = "process " + e.PID
	}
	return fmt.Sprintf("data folder %s is in use by %s: stop it, or choose another folder with --data-dir", e.Dir, holder)
}

// folderLock keeps a data folder to one process. The operating system drops the lock when the
// process dies, so a kill -9 leaves nothing to clean up.
type folderLock struct{ file *os.File }

// lockFolder creates dir if it is missing and locks it, or returns a [FolderInUseError].
func lockFolder(dir string) (*folderLock, error) {
	// The folder holds payloads of every workflow: nobody else's business.
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFileName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of data folder: %w", err)
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		if !errors.Is(err, errLockHeld) {
			return nil, fmt.Errorf("lock data folder %s: %w", dir, err)
		}
		pid, _ := io.ReadAll(io.LimitReader(f, 32)) // best effort: the PID only makes the message better
		return nil, &FolderInUseError{Dir: dir, PID: strings.TrimSpace(string(pid))}
	}
	if err := errors.Join(f.Chmod(0o600), writePID(f)); err != nil {
		f.Close()
		return nil, fmt.Errorf("write lock of data folder %s: %w", dir, err)
	}
	return &folderLock{file: f}, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// release gives the folder back. The file stays: removing it could remove the lock of the next
// holder.
func (l *folderLock) release() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.file.Truncate(0), l.file.Close())
}
