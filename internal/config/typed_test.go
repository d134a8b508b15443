package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/config"
)

func TestANumberInTheSettingsIsTheOneThatWasTyped(t *testing.T) {
	for text, want := range map[string]string{
		"database: {max_conns: 010}":         "leading zero",
		"database: {max_conns: 0x10}":        "another base",
		"nats: {max_bytes: 1_000_000}":       "disagree about _",
		"api: {token: 1234e56}":              "in quotes",
		"secrets: {key: 0123}":               "in quotes",
		"webhooks: {github: {secret: 1.10}}": "in quotes",
	} {
		path := filepath.Join(t.TempDir(), "settings.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(config.Sources{File: path})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "1234e56") {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	for value, ok := range map[string]bool{"16": true, "016": false, "0x10": false, "+16": false, "1_6": false, "1e1": false} {
		_, err := config.Load(config.Sources{Environ: []string{"ACTIVITY_CORE_DATABASE_MAX_CONNS=" + value}})
		if refused := err != nil && strings.Contains(err.Error(), "database.max_conns"); refused == ok {
			t.Errorf("ACTIVITY_CORE_DATABASE_MAX_CONNS=%s: want it taken %v, got %v", value, ok, err)
		}
	}
}
