package storetest

import (
	"fmt"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// wantBehind holds the schedules that are behind, newest change first, against "name" or "name:
// error".
func wantBehind(t testing.TB, s core.Store, f core.BehindFilter, total int, want ...string) core.SchedulesBehind {
	t.Helper()
	f.Limit = 100
	found, err := s.SchedulesBehind(t.Context(), f)
	must(t, err)
	got := []string{}
	for _, b := range found.Items {
		line := b.ActivityName
		if b.Error != "" {
			line += ": " + b.Error
		}
		got = append(got, line)
	}
	if found.Total != total || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("behind are %d, listed %q; want %d, listed %q", found.Total, got, total, want)
	}
	return found
}

// schedulesFollow: what has to follow stands in the record from the transaction that changes it
// until it is marked.
func schedulesFollow(t *testing.T, s core.Store) {
	ctx := t.Context()
	all := core.BehindFilter{}
	apply := func(changes ...core.DefinitionChange) core.StoredDefinition {
		t.Helper()
		out, err := s.ApplyChanges(ctx, changes, "ann", epoch)
		must(t, err)
		return out[0]
	}
	mark := func(d core.StoredDefinition) {
		t.Helper()
		must(t, s.MarkSchedules(ctx, []core.ScheduleMark{{ActivityID: d.ID, Revision: d.Revision}}))
	}
	event := core.Definition{Name: "event", Enabled: true, TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: core.StringList{"x"}}}
	event.Normalize()
	if d := apply(core.DefinitionChange{Definition: event}); d.SchedulePending() {
		t.Fatal("a definition without a schedule has one pending")
	}
	paused, err := s.SetPaused(ctx, event.ID, &core.Pause{By: "ann", At: epoch}, "ann", epoch)
	must(t, err)
	if paused.SchedulePending() {
		t.Fatal("a paused definition without a schedule has one pending")
	}
	wantBehind(t, s, all, 0)

	a, b := create(t, s, "a"), create(t, s, "b")
	if !a.SchedulePending() {
		t.Fatalf("a new cron definition at revision %d is said to be followed up to %d", a.Revision, a.Followed)
	}
	wantBehind(t, s, all, 2, "b", "a")
	wantBehind(t, s, core.BehindFilter{After: a.Revision}, 1, "b")
	wantBehind(t, s, core.BehindFilter{UpTo: a.Revision}, 1, "a")
	mark(a)
	if d, err := s.Definition(ctx, "a"); err != nil || d.SchedulePending() || d.Revision != a.Revision {
		t.Fatalf("marked, it is pending: %v, revision %d, want %d; %v", d.SchedulePending(), d.Revision, a.Revision, err)
	}
	// What changes while it is written is behind all the same.
	resumed, err := s.SetPaused(ctx, a.ID, &core.Pause{By: "ann", At: epoch}, "ann", epoch)
	must(t, err)
	mark(a)
	wantBehind(t, s, all, 2, "a", "b")
	mark(resumed)
	mark(a) // a mark does not go back
	wantBehind(t, s, all, 1, "b")

	must(t, s.HoldUpSchedules(ctx, core.CodeUnavailable, "no answer"))
	if got := wantBehind(t, s, all, 1, "b: no answer"); got.Failing != 1 || got.Refused != 0 {
		t.Fatalf("failing %d, refused %d; want 1 and 0", got.Failing, got.Refused)
	}
	must(t, s.MarkSchedules(ctx, []core.ScheduleMark{{ActivityID: b.ID, Error: "too long", Code: core.CodeInvalid}, {ActivityID: a.ID, Error: "not behind", Code: core.CodeInvalid}}))
	if got := wantBehind(t, s, all, 1, "b: too long"); got.Failing != 1 || got.Refused != 1 {
		t.Fatalf("failing %d, refused %d; want 1 and 1", got.Failing, got.Refused)
	}
	wantBehind(t, s, core.BehindFilter{Open: true}, 1)
	// An edit is tried again.
	edited := cronDefinition("b")
	edited.Description = "shorter"
	b = apply(core.DefinitionChange{Definition: edited, ExpectVersion: 1})
	wantBehind(t, s, core.BehindFilter{Open: true}, 1, "b")
	wantBehind(t, s, core.BehindFilter{Failing: true}, 1)
	mark(b)
	wantBehind(t, s, all, 0)

	// What becomes an event definition has a schedule to lose; what is deleted, too, until its row
	// is purged.
	turned := event
	turned.Name, turned.ID = "b", b.ID
	b = apply(core.DefinitionChange{Definition: turned, ExpectVersion: 2})
	wantBehind(t, s, all, 1, "b")
	mark(b)
	gone := apply(core.DefinitionChange{Delete: true, Definition: core.Definition{ID: a.ID}, ExpectVersion: 1})
	apply(core.DefinitionChange{Delete: true, Definition: core.Definition{ID: event.ID}, ExpectVersion: 1}) // never had one
	wantBehind(t, s, all, 1, "a")
	must(t, s.PurgeTombstone(ctx, gone.ID, gone.Version))
	wantBehind(t, s, all, 0)
	before, _, err := s.Head(ctx, 0)
	must(t, err)
	mark(gone)
	if after, _, err := s.Head(ctx, 0); err != nil || after != before {
		t.Fatalf("a mark moved the revision from %d to %d, %v", before, after, err)
	}
	create(t, s, "a")
	wantBehind(t, s, all, 1, "a")
}

// namedDefinitions: many are found at once.
func namedDefinitions(t *testing.T, s core.Store) {
	ctx := t.Context()
	var changes []core.DefinitionChange
	var names []string
	for i := range 600 {
		d := cronDefinition(fmt.Sprintf("d-%03d", i))
		changes = append(changes, core.DefinitionChange{Definition: d})
		names = append(names, d.Name)
	}
	_, err := s.ApplyChanges(ctx, changes, "ann", epoch)
	must(t, err)
	_, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Delete: true, Definition: core.Definition{ID: core.DefinitionID("d-007")}, ExpectVersion: 1}}, "ann", epoch.Add(time.Minute))
	must(t, err)
	found, err := s.DefinitionsNamed(ctx, append(names, "nobody", "nul\x00"))
	must(t, err)
	seen := map[string]bool{}
	for _, d := range found {
		seen[d.Name] = true
	}
	if len(found) != 599 || len(seen) != 599 || seen["d-007"] {
		t.Fatalf("found %d, %d different, the deleted one among them: %v; want 599 and not it", len(found), len(seen), seen["d-007"])
	}
	if none, err := s.DefinitionsNamed(ctx, nil); err != nil || len(none) != 0 {
		t.Fatalf("no names: %v, %v", none, err)
	}
}
