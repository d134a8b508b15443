package eventtrigger

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestARouterThatLivesThroughARestoreForgetsWhatTheRestoredRecordDoesNotKnow(t *testing.T) {
	t.Parallel()
	kept, gone, late := definition("kept", "x"), definition("gone", "x"), definition("late", "x")
	lived, backup := openRecordOf(t, kept, gone, late), openRecordOf(t, kept)
	known := New(lived, CompileCEL, slog.New(slog.DiscardHandler))
	e := event("e1", "x", nil)
	for _, step := range []struct {
		store *sqlstore.Store
		want  []string
	}{{lived, []string{"gone", "kept", "late"}}, {backup, []string{"kept"}}, {openRecordOf(t, kept, late), []string{"kept", "late"}}} {
		known.catalogue = step.store
		if err := known.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		found, err := known.Decide(t.Context(), &Candidate{Event: &e})
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range found {
			names = append(names, f.Name)
		}
		if slices.Sort(names); fmt.Sprint(names) != fmt.Sprint(step.want) {
			t.Errorf("matched %v, want %v", names, step.want)
		}
	}
}
