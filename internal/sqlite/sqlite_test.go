package sqlite_test

import (
	"path/filepath"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/storetest"
)

func TestSQLiteKeepsThePromisesOfTheRecord(t *testing.T) {
	storetest.Run(t, func(t *testing.T) core.Store {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func TestAChangeBrokenOffAtAnyStatementLeavesNothing(t *testing.T) {
	storetest.RunAtomic(t, func(t *testing.T, wrap func(sqlstore.Engine) sqlstore.Engine) core.Store {
		s, err := sqlite.OpenWith(t.Context(), sqlite.Config{Ephemeral: true}, wrap)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	})
}
