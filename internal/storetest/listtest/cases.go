// Package listtest holds every list of the record, with every combination of its filters,
// against the databases' query plans.
package listtest

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// Case is one list with one combination of filters.
type Case struct {
	Name string
	// Page reads a page and returns how many items it has, and the cursor of the next.
	Page func(ctx context.Context, s core.Store, p core.PageRequest) (items int, next string, err error)
}

// samples are values of each field that a filter may have: where there are several, a rare one
// first. A filter with a field that is not here fails the test: it needs values, and most
// likely an index.
var samples = map[string][]any{
	"RunFilter.ActivityID": {activity(rareActivity), activity(hotActivity)},
	"RunFilter.Status":     {core.RunRunning, core.RunSucceeded},
	"RunFilter.Kind":       {core.CauseManual, core.CauseEvent},
	"RunFilter.EventID":    {eventID(4)},
	"RunFilter.Since":      {begin.Add(100 * time.Second)},
	"RunFilter.Until":      {begin.Add(100_000 * time.Hour)},

	"LedgerFilter.ActivityID": {activity(rareActivity), activity(hotActivity)},
	"LedgerFilter.EventID":    {eventID(4)},
	"LedgerFilter.Kind":       {core.CauseManual, core.CauseEvent},
	"LedgerFilter.Verdict":    {core.VerdictSkipped, core.VerdictFired},
	"LedgerFilter.Since":      {begin.Add(100 * time.Second)},
	"LedgerFilter.Until":      {begin.Add(100_000 * time.Hour)},

	"TaskFilter.ActivityID": {activity(rareActivity), activity(hotActivity)},
	"TaskFilter.RunID":      {runID(4)},
	"TaskFilter.Status":     {[]core.TaskStatus{core.TaskInProgress}, []core.TaskStatus{core.TaskDone}, []core.TaskStatus{core.TaskOpen, core.TaskInProgress}},

	"DefinitionFilter.TriggerType": {core.TriggerCron, core.TriggerEvent},
	"DefinitionFilter.Enabled":     {new(bool), yes()},
	"DefinitionFilter.Paused":      {yes(), new(bool)},
	"DefinitionFilter.NamePrefix":  {"d-1"},

	"ScheduleFilter.Only":       {core.OnlyPending, core.ScheduleSelection(core.DriftMissing), core.ScheduleSelection(core.DriftChanged)},
	"ScheduleFilter.NamePrefix": {"d-1"},
}

func yes() *bool {
	v := true
	return &v
}

// filters are all combinations of the fields of a filter, each left out or with one of its
// samples, with a name for each.
func filters[F any](t testing.TB, few bool) (names []string, out []F) {
	t.Helper()
	names, out = []string{""}, []F{*new(F)}
	kind := reflect.TypeFor[F]()
	for i := range kind.NumField() {
		field := kind.Field(i).Name
		values := samples[kind.Name()+"."+field]
		if len(values) == 0 {
			t.Fatalf("%s.%s has no value to try its lists with; add one to samples, and an index for it to a migration", kind.Name(), field)
		}
		if few {
			values = values[:1]
		}
		for at, n := 0, len(out); at < n; at++ {
			for _, v := range values {
				f := out[at]
				reflect.ValueOf(&f).Elem().Field(i).Set(reflect.ValueOf(v))
				out = append(out, f)
				names = append(names, strings.TrimSpace(fmt.Sprintf("%s %s=%s", names[at], strings.ToLower(field), short(v))))
			}
		}
	}
	return names, out
}

func short(v any) string {
	switch v := v.(type) {
	case *bool:
		return fmt.Sprint(*v)
	case time.Time:
		return v.Format(time.DateOnly)
	case string:
		if len(v) > 12 {
			return "…" + v[len(v)-6:]
		}
	}
	return fmt.Sprint(v)
}

// casesOf makes a case of each combination.
func casesOf[F, T any](t testing.TB, list string, few bool, read func(core.Store) func(context.Context, F, core.PageRequest) (core.Page[T], error)) []Case {
	t.Helper()
	var out []Case
	names, all := filters[F](t, few)
	for i, f := range all {
		out = append(out, Case{strings.TrimSpace(list + " " + names[i]), func(ctx context.Context, s core.Store, p core.PageRequest) (int, string, error) {
			page, err := read(s)(ctx, f, p)
			return len(page.Items), page.NextCursor, err
		}})
	}
	return out
}

// one makes a case of a list whose filter is one value.
func one[T any](name, value string, read func(core.Store) func(context.Context, string, core.PageRequest) (core.Page[T], error)) Case {
	return Case{name, func(ctx context.Context, s core.Store, p core.PageRequest) (int, string, error) {
		page, err := read(s)(ctx, value, p)
		return len(page.Items), page.NextCursor, err
	}}
}

// Cases are all lists with all combinations of their filters, few: with one value each.
func Cases(t testing.TB, few bool) []Case {
	t.Helper()
	type store = core.Store
	out := casesOf(t, "runs", few, func(s store) func(context.Context, core.RunFilter, core.PageRequest) (core.Page[core.Run], error) {
		return s.Runs
	})
	out = append(out, casesOf(t, "ledger", few, func(s store) func(context.Context, core.LedgerFilter, core.PageRequest) (core.Page[core.LedgerEntry], error) {
		return s.LedgerEntries
	})...)
	out = append(out, casesOf(t, "tasks", few, func(s store) func(context.Context, core.TaskFilter, core.PageRequest) (core.Page[core.Task], error) {
		return s.Tasks
	})...)
	out = append(out, casesOf(t, "definitions", few, func(s store) func(context.Context, core.DefinitionFilter, core.PageRequest) (core.Page[core.StoredDefinition], error) {
		return s.Definitions
	})...)
	schedules := func(s store) func(context.Context, core.ScheduleFilter, core.PageRequest) (core.Page[core.ScheduleState], error) {
		return s.Schedules
	}
	out = append(out, casesOf(t, "schedules", few, schedules)...)
	for _, only := range samples["ScheduleFilter.Only"][1:] {
		if !few {
			break // they are among the others
		}
		for _, prefix := range []string{"", "d-1"} {
			f := core.ScheduleFilter{Only: only.(core.ScheduleSelection), NamePrefix: prefix}
			out = append(out, Case{fmt.Sprintf("schedules only=%s nameprefix=%s", f.Only, prefix), func(ctx context.Context, s core.Store, p core.PageRequest) (int, string, error) {
				page, err := s.Schedules(ctx, f, p)
				return len(page.Items), page.NextCursor, err
			}})
		}
	}
	events := func(s store) func(context.Context, string, core.PageRequest) (core.Page[core.EventRecord], error) {
		return s.EventList
	}
	trail := func(s store) func(context.Context, string, core.PageRequest) (core.Page[core.AuditEntry], error) {
		return s.AuditEntries
	}
	return append(out,
		one("events", "", events), one("events type=rare", "rare", events), one("events type=common", "common", events),
		one("audit", "", trail), one("audit object=rare", "rare", trail), one("audit object=common", "common", trail),
		one("versions", activity(hotActivity), func(s store) func(context.Context, string, core.PageRequest) (core.Page[core.StoredDefinition], error) {
			return s.Versions
		}),
		Case{"outages", func(ctx context.Context, s core.Store, _ core.PageRequest) (int, string, error) {
			found, err := s.Outages(ctx, begin.Add(time.Hour), begin.Add(2*time.Hour))
			return len(found), "", err
		}},
		Case{"deleted definitions", func(ctx context.Context, s core.Store, _ core.PageRequest) (int, string, error) {
			found, err := s.Tombstones(ctx, begin)
			return len(found), "", err
		}},
		Case{"actions", func(ctx context.Context, s core.Store, p core.PageRequest) (int, string, error) {
			found, err := s.Actions(ctx, runID(4), 0, p.Limit)
			return len(found), "", err
		}},
		Case{"latest run, failed", func(ctx context.Context, s core.Store, _ core.PageRequest) (int, string, error) {
			_, err := s.LatestRun(ctx, activity(hotActivity), []core.RunStatus{core.RunFailed})
			return 1, "", err
		}},
	)
}
