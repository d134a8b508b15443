package changes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
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
		if err := f.Follow(t.Context(), store, func() { resets++; clear(picture) }, func(row core.StoredDefinition) {
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

// The revision alone does not tell a restore after which the record was changed as often as it
// had been before, or more.
func TestAFollowerNoticesARestoreBehindWhichTheRevisionHasGrownAgain(t *testing.T) {
	for name, saves := range map[string][]string{"as far": {"x", "y"}, "further": {"x", "y", "z"}, "not as far": {"x"}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path, backup := filepath.Join(dir, "record.db"), filepath.Join(dir, "backup.db")
			store := openAt(t, path)
			save(t, store, "kept")
			copyRecord(t, store, path, backup)
			store = openAt(t, path)
			save(t, store, "forgotten")
			save(t, store, "forgotten-too")

			var f changes.Follower
			picture, resets := map[string]bool{}, 0
			follow := func() {
				t.Helper()
				if err := f.Follow(t.Context(), store, func() { resets++; clear(picture) }, func(row core.StoredDefinition) { picture[row.Name] = true }); err != nil {
					t.Fatal(err)
				}
			}
			follow()
			if len(picture) != 3 || resets != 1 {
				t.Fatalf("%v after %d resets", picture, resets)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			store = openAt(t, backup)
			want := map[string]bool{"kept": true}
			for _, s := range saves {
				save(t, store, s)
				want[s] = true
			}
			follow()
			if fmt.Sprint(picture) != fmt.Sprint(want) || resets != 2 {
				t.Errorf("%v after %d resets, want %v", picture, resets, want)
			}
			follow()
			save(t, store, "later")
			if follow(); resets != 2 || !picture["later"] {
				t.Errorf("%v after %d resets: the restore is noticed again", picture, resets)
			}
		})
	}
}

// flaky fails its nth call of Head.
type flaky struct {
	core.Catalogue
	fail int
}

func (c *flaky) Head(ctx context.Context, known int64) (int64, string, error) {
	if c.fail--; c.fail == 0 {
		return 0, "", errors.New("no answer")
	}
	return c.Catalogue.Head(ctx, known)
}

func TestAFollowerThatWasInterruptedGoesOnWithoutReadingAllAgain(t *testing.T) {
	store := open(t)
	save(t, store, "a")
	var f changes.Follower
	rows, resets := 0, 0
	c := &flaky{Catalogue: store, fail: 2} // after the rows, before their token
	follow := func() error {
		return f.Follow(t.Context(), c, func() { resets++ }, func(core.StoredDefinition) { rows++ })
	}
	if follow() == nil {
		t.Fatal("no error")
	}
	for range 2 {
		if err := follow(); err != nil || rows != 1 || resets != 1 {
			t.Fatalf("%d rows, %d resets, %v", rows, resets, err)
		}
	}
}

// copyRecord closes a store and copies its file, as a backup does.
func copyRecord(t *testing.T, store *sqlstore.Store, from, to string) {
	t.Helper()
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T) *sqlstore.Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "record.db"))
}

func openAt(t *testing.T, path string) *sqlstore.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func save(t *testing.T, store *sqlstore.Store, name string) {
	t.Helper()
	d := core.Definition{Name: name, Enabled: true, TriggerType: core.TriggerEvent,
		TriggerConfig: core.TriggerConfig{EventType: core.StringList{"e"}}}
	d.Normalize()
	if _, err := store.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
}
