package postgres

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/postgres/postgrestest"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/storetest/listtest"
)

// filled is a database with lists of a size.
func filled(t *testing.T, size listtest.Size) listtest.Database {
	t.Helper()
	cfg := Config{URL: postgrestest.Database(t), MaxConns: 1}
	err := Migrate(t.Context(), cfg, func(ctx context.Context, m *sqlstore.Migrator) error {
		_, err := m.Up(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := openDB(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	listtest.Fill(t.Context(), t, db, listtest.PostgreSQL, size)
	return listtest.Database{DB: db, Dialect: dialect(), Explain: "EXPLAIN ", Faults: listtest.PostgreSQLFaults, Droppable: true}
}

func TestEveryListHasAnIndexForItsFilters(t *testing.T) {
	d := filled(t, listtest.Small)
	// A table this small is scanned with good reason; whether it has to be is the question. One
	// connection, so that SET stays.
	for _, setting := range []string{"enable_seqscan", "enable_sort", "enable_incremental_sort", "enable_bitmapscan"} {
		if _, err := d.DB.ExecContext(t.Context(), "SET "+setting+" = off"); err != nil {
			t.Fatal(err)
		}
	}
	listtest.CheckPlans(t, d)
}

func TestEveryListHasWhatItsFilterSays(t *testing.T) {
	listtest.CheckContents(t, filled(t, listtest.Tiny).Store())
}

// TestListsOfALargeRecord prints what a page costs at the size that is promised.
func TestListsOfALargeRecord(t *testing.T) {
	if os.Getenv("ACTIVITY_CORE_LONG") == "" {
		t.Skip("fills a record with millions of rows; set ACTIVITY_CORE_LONG=1")
	}
	slow := listtest.Measure(t, filled(t, listtest.Large), 20*time.Millisecond)
	t.Logf("%d pages of 100 took more than 20 ms", slow)
}
