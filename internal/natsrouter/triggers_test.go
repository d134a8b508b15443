package natsrouter

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestARouterThatLivesThroughARestoreForgetsWhatTheRestoredRecordDoesNotKnow(t *testing.T) {
	t.Parallel()
	open := func(definitions ...activitycore.Definition) *sqlstore.Store {
		store, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(t.TempDir(), "record.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close() })
		for _, d := range definitions {
			d.Normalize()
			if _, err := store.ApplyChanges(t.Context(), []activitycore.DefinitionChange{{Definition: d}}, "test", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
		return store
	}
	kept, gone, late := definition("kept", "x"), definition("gone", "x"), definition("late", "x")
	lived, backup := open(kept, gone, late), open(kept)
	known := newTriggers(lived, CompileCEL, slog.New(slog.DiscardHandler))
	e := event("e1", "x", nil)
	for _, step := range []struct {
		store *sqlstore.Store
		want  []string
	}{{lived, []string{"gone", "kept", "late"}}, {backup, []string{"kept"}}, {open(kept, late), []string{"kept", "late"}}} {
		known.catalogue = step.store
		if err := known.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := known.match(&e)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range found {
			names = append(names, f.name)
		}
		if slices.Sort(names); fmt.Sprint(names) != fmt.Sprint(step.want) {
			t.Errorf("matched %v, want %v", names, step.want)
		}
	}
}
