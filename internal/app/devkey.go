//go:build !slim

package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/activity-core/activity-core/internal/secrets"
)

// devKeyFile keeps the key that `dev` makes for itself.
const devKeyFile = "secrets.key"

// devKey is the key of a folder of `dev`, made the first time; without a folder it lives as
// long as the process.
func devKey(dir string) (string, error) {
	path := filepath.Join(dir, devKeyFile)
	if dir != "" {
		text, err := os.ReadFile(path)
		if err == nil {
			return string(text), os.Chmod(path, 0o600)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	key := make([]byte, secrets.KeySize)
	rand.Read(key) // never fails, see its documentation
	text := base64.StdEncoding.EncodeToString(key)
	if dir == "" {
		return text, nil
	}
	return text, os.WriteFile(path, []byte(text+"\n"), 0o600)
}
