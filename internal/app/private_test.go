//go:build !slim && !windows

package app_test

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/activity-core/activity-core/internal/app"
	"github.com/activity-core/activity-core/internal/config"
)

// Whoever shares the machine reads no payload, secret or document, also where an earlier
// version left files that all may read.
func TestTheFilesOfADataFolderAreTheUsersAlone(t *testing.T) {
	dir := t.TempDir()
	foreign := filepath.Join(dir, "notes.txt")
	start := func() {
		t.Helper()
		cfg, err := config.Load(config.Sources{})
		if err != nil {
			t.Fatal(err)
		}
		dev, err := app.StartDev(t.Context(), app.DevOptions{DataDir: dir, Config: cfg, Logger: slog.New(slog.DiscardHandler), Version: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := dev.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		}()
		wantPrivate(t, dir, foreign)
	}
	start()
	if err := os.WriteFile(foreign, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	loosen(t, dir)
	start()
	if info, err := os.Stat(foreign); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("a file of somebody else in the folder has mode %v (%v), want it left at 0644", info.Mode(), err)
	}
}

// loosen gives everybody the rights that earlier versions gave.
func loosen(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return os.Chmod(path, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	// What a killed process leaves behind.
	for _, db := range []string{"activity-core.db", "temporal.db"} {
		for _, beside := range []string{"-wal", "-shm"} {
			path := filepath.Join(dir, db+beside)
			f, err := os.OpenFile(path, os.O_CREATE, 0o644) // Temporal's are still open, and must not be cut
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
			if err := os.Chmod(path, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func wantPrivate(t *testing.T, dir, foreign string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir || path == foreign {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, want nothing for group and others", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 8 {
		t.Errorf("%d files in the folder, want at least two databases with WAL and shm, lock and key", files)
	}
}
