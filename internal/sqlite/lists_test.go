package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/storetest/listtest"
)

// filled is a database with lists of a size.
func filled(t *testing.T, path string, size listtest.Size) listtest.Database {
	t.Helper()
	cfg := Config{Path: path}
	store, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := openDB(cfg.writerDSN(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	listtest.Fill(t.Context(), t, db, listtest.SQLite, size)
	return listtest.Database{DB: db, Dialect: dialect(), Explain: "EXPLAIN QUERY PLAN ", Column: 3, Faults: listtest.SQLiteFaults}
}

func TestEveryListHasAnIndexForItsFilters(t *testing.T) {
	listtest.CheckPlans(t, filled(t, filepath.Join(t.TempDir(), "record.db"), listtest.Small))
}

func TestEveryListHasWhatItsFilterSays(t *testing.T) {
	listtest.CheckContents(t, filled(t, filepath.Join(t.TempDir(), "record.db"), listtest.Tiny).Store())
}

// TestListsOfALargeRecord prints what a page costs at the size that is promised.
func TestListsOfALargeRecord(t *testing.T) {
	if os.Getenv("ACTIVITY_CORE_LONG") == "" {
		t.Skip("fills a record with millions of rows; set ACTIVITY_CORE_LONG=1")
	}
	slow := listtest.Measure(t, filled(t, filepath.Join(t.TempDir(), "record.db"), listtest.Large), 20*time.Millisecond)
	t.Logf("%d pages of 100 took more than 20 ms", slow)
}
