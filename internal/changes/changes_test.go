package changes_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestAFollowerReadsOnlyWhatIsNewAndEverythingAfterARestore(t *testing.T) {
	now, older := open(t), open(t)
	save(t, older, "a")
	save(t, now, "a")
	save(t, now, "b")

	var f changes.Follower
	picture, resets := map[string]int64{}, 0
	follow := func(store *sqlstore.Store) (rows int) {
		t.Helper()
		if err := f.Follow(t.Context(), store, func() { resets++; clear(picture) }, func(row activitycore.StoredDefinition) {
			rows++
			picture[row.Name] = row.Version
		}); err != nil {
			t.Fatal(err)
		}
		return rows
	}
	for _, step := range []struct {
		what         string
		store        *sqlstore.Store
		change       string
		rows, resets int
		picture      string
	}{
		{"first", now, "", 2, 1, "map[a:1 b:1]"},
		{"nothing new", now, "", 0, 1, "map[a:1 b:1]"},
		{"a new one", now, "c", 1, 1, "map[a:1 b:1 c:1]"},
		{"restored", older, "", 1, 2, "map[a:1]"},
	} {
		if step.change != "" {
			save(t, step.store, step.change)
		}
		if rows := follow(step.store); rows != step.rows || resets != step.resets || fmt.Sprint(picture) != step.picture {
			t.Errorf("%s: %d rows, %d resets, %v; want %d, %d, %s", step.what, rows, resets, picture, step.rows, step.resets, step.picture)
		}
	}
}

func open(t *testing.T) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func save(t *testing.T, store *sqlstore.Store, name string) {
	t.Helper()
	d := activitycore.Definition{Name: name, Enabled: true, TriggerType: activitycore.TriggerEvent,
		TriggerConfig: activitycore.TriggerConfig{EventType: activitycore.StringList{"e"}}}
	d.Normalize()
	if _, err := store.ApplyChanges(t.Context(), []activitycore.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
}
