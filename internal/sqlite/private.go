package sqlite

import (
	"errors"
	"io/fs"
	"os"
)

// filePrivate is the mode of everything that holds payloads: readable and writable by the user
// who runs the program, and by nobody else.
const filePrivate = 0o600

// makePrivate creates the file if it is missing and takes the rights of others from it, and
// from the files that SQLite keeps beside it. SQLite gives new ones the mode of the file.
func makePrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePrivate)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, beside := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Chmod(path+beside, filePrivate); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
