package listtest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// CheckContents holds what each list gives, page by page, against what the whole list has that
// satisfies its filter.
func CheckContents(t *testing.T, s core.Store) {
	given := func(v string, filter string) bool { return filter == "" || v == filter }
	within := func(at, since, until time.Time) bool {
		return (since.IsZero() || !at.Before(since)) && (until.IsZero() || at.Before(until))
	}
	contents(t, s.Runs, func(r core.Run) string { return r.RunID }, func(r core.Run, f core.RunFilter) bool {
		return given(r.ActivityID, f.ActivityID) && given(string(r.Status), string(f.Status)) && given(string(r.Cause.Kind), string(f.Kind)) &&
			given(r.Cause.EventID, f.EventID) && within(r.CreatedAt, f.Since, f.Until)
	})
	contents(t, s.LedgerEntries, func(e core.LedgerEntry) string { return e.ActivityID + e.CauseKey }, func(e core.LedgerEntry, f core.LedgerFilter) bool {
		return given(e.ActivityID, f.ActivityID) && given(string(e.Verdict), string(f.Verdict)) && given(string(e.Cause.Kind), string(f.Kind)) &&
			given(e.Cause.EventID, f.EventID) && within(e.CreatedAt, f.Since, f.Until)
	})
	contents(t, s.Tasks, func(v core.Task) string { return v.TaskID }, func(v core.Task, f core.TaskFilter) bool {
		return given(v.ActivityID, f.ActivityID) && given(v.RunID, f.RunID) && (len(f.Status) == 0 || slices.Contains(f.Status, v.Status))
	})
	contents(t, s.Definitions, func(d core.StoredDefinition) string { return d.ID }, func(d core.StoredDefinition, f core.DefinitionFilter) bool {
		return given(string(d.TriggerType), string(f.TriggerType)) && (f.Paused == nil || *f.Paused == (d.Paused != nil)) && strings.HasPrefix(d.Name, f.NamePrefix)
	}, "enabled") // the bulk rows' documents say nothing of it
	contents(t, s.Schedules, func(x core.ScheduleState) string { return x.ActivityID }, func(x core.ScheduleState, f core.ScheduleFilter) bool {
		return strings.HasPrefix(x.ActivityName, f.NamePrefix)
	}, "only") // in another order, and with others
}

func contents[F, T any](t *testing.T, read func(context.Context, F, core.PageRequest) (core.Page[T], error), id func(T) string, wants func(T, F) bool, but ...string) {
	t.Helper()
	all := func(f F, limit int) (out []T) {
		for p := (core.PageRequest{Limit: limit}); ; {
			page, err := read(t.Context(), f, p)
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			out = append(out, page.Items...)
			if p.Cursor = page.NextCursor; p.Cursor == "" {
				return out
			}
		}
	}
	whole := all(*new(F), 1000)
	names, fs := filters[F](t, false)
	for i, f := range fs {
		if slices.ContainsFunc(but, func(field string) bool { return strings.Contains(names[i], field) }) {
			continue
		}
		var want, got []string
		for _, v := range whole {
			if wants(v, f) {
				want = append(want, id(v))
			}
		}
		for _, v := range all(f, 97) {
			got = append(got, id(v))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%T %s: %d items, want %d; in the same order, each once", f, names[i], len(got), len(want))
		}
	}
}
