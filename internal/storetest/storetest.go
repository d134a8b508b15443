// Package storetest is the conformance suite of the record: every store passes
// it, on the promises that the ports of the root package state. It knows no store.
package storetest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// Run runs the suite. open returns a fresh, empty store for each call; it closes it after the test.
func Run(t *testing.T, open func(t *testing.T) core.Store) {
	for _, tc := range []struct {
		name string
		test func(*testing.T, core.Store)
	}{
		{"definitions keep versions, revisions and tombstones", definitions},
		{"a definition is found by the ID and the name it had", formerDefinitions},
		{"an apply is all or nothing", applyIsAtomic},
		{"a stale version is refused", staleVersion},
		{"a pause is kept until it is resumed", pauses},
		{"many definitions are found by name at once", namedDefinitions},
		{"a schedule is behind until it is marked", schedulesFollow},
		{"schedules are listed as they were seen", schedulesAreListed},
		{"a reader of the catalogue misses no change", catalogueOrder},
		{"every revision of the catalogue has its token", catalogueTokens},
		{"a cause has one row and one claim", oneClaim},
		{"a cause that must be recorded before is not made", recordedClaim},
		{"many executions, one admission", concurrentAdmission},
		{"settled causes are not admitted", settlement},
		{"matches are recorded and settled together or not at all", matchesTogether},
		{"an event with the ID of another one is a conflict, and harms no other", eventConflicts},
		{"an event that comes again is a repeat, however it is written", eventRepeats},
		{"causes wait until they are started and admitted", pendingCauses},
		{"a plan is written once", planOnce},
		{"a small run is one step", executeSmall},
		{"a run of failed actions says why", allFailed},
		{"results and tasks are recorded once", recordActions},
		{"one active task for a unique key", uniqueKey},
		{"lists have neither holes nor repeats", paging},
		{"foreign cursors are refused", foreignCursor},
		{"marks move forward, outages merge", slotBook},
		{"a definition created again is accounted for from its first creation", marksOfTheRevived},
		{"each zone keeps the rules it had", zoneRules},
		{"an idempotency key keeps its first answer", idempotency},
		{"audit and secrets", auditAndSecrets},
		{"every change is in the audit trail, once", auditOfChanges},
		{"the types of events are told, each once", eventTypes},
		{"of what an event matched some are named and all counted", eventMatches},
		{"text that databases dislike", oddText},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.test(t, open(t)) })
	}
}

// epoch is a time with microseconds, which every store keeps.
var epoch = time.Date(2026, 3, 2, 5, 0, 0, 123456000, time.UTC)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code core.Code) {
	t.Helper()
	if core.CodeOf(err) != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func cronDefinition(name string) core.Definition {
	d := core.Definition{
		Name: name, Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{CronExpression: core.StringList{"@hourly"}},
		Vars:          map[string]any{"big": int64(1<<53 + 1), "ratio": 0.5},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "x"}}}}},
	}
	d.Normalize()
	return d
}

func create(t testing.TB, s core.Store, name string) core.StoredDefinition {
	t.Helper()
	out, err := s.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: cronDefinition(name)}}, "ann", epoch)
	must(t, err)
	return out[0]
}

func definitions(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	if d.Version != 1 || !d.CreatedAt.Equal(epoch) || d.Vars["big"] != int64(1<<53+1) {
		t.Fatalf("created as %+v", d)
	}
	_, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: cronDefinition("a")}}, "bob", epoch)
	wantCode(t, err, core.CodeConflict)

	changed := cronDefinition("a")
	changed.Description = "new"
	out, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: changed, ExpectVersion: 1}}, "bob", epoch.Add(time.Hour))
	must(t, err)
	if out[0].Version != 2 || out[0].Revision <= d.Revision {
		t.Fatalf("updated to version %d, revision %d after %d", out[0].Version, out[0].Revision, d.Revision)
	}
	out, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: changed, ExpectVersion: 2}}, "bob", epoch.Add(2*time.Hour))
	must(t, err)
	if out[0].Version != 2 {
		t.Fatalf("an equal document made version %d", out[0].Version)
	}
	old, err := s.DefinitionVersion(ctx, d.ID, 1)
	must(t, err)
	if old.Description != "" {
		t.Fatalf("version 1 reads %q", old.Description)
	}
	for _, ref := range []string{"a", d.ID} {
		got, err := s.Definition(ctx, ref)
		must(t, err)
		if got.Description != "new" {
			t.Fatalf("%s reads %q", ref, got.Description)
		}
	}
	_, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Delete: true, Definition: core.Definition{ID: d.ID}, ExpectVersion: 2}}, "bob", epoch.Add(3*time.Hour))
	must(t, err)
	_, err = s.Definition(ctx, "a")
	wantCode(t, err, core.CodeNotFound)
	tomb, err := s.DefinitionAny(ctx, d.ID)
	must(t, err)
	if tomb.Live() {
		t.Fatal("a deleted definition is live")
	}
	for _, purge := range []bool{false, true} {
		if purge {
			must(t, s.PurgeTombstone(ctx, d.ID, tomb.Version))
		}
		for after, want := range map[time.Time]int{epoch: 1, epoch.Add(3 * time.Hour): 0} {
			gone, err := s.Tombstones(ctx, after)
			must(t, err)
			if len(gone) != want || want > 0 && (gone[0].ID != d.ID || gone[0].Live()) {
				t.Fatalf("deleted after %s, purged %v: %+v, want %d", after, purge, gone, want)
			}
		}
	}
	revived := create(t, s, "a")
	if gone, err := s.Tombstones(ctx, epoch); err != nil || len(gone) != 0 {
		t.Fatalf("a revived definition counts as deleted: %+v, %v", gone, err)
	}
	if revived.ID != d.ID || revived.Version <= 2 || !revived.Live() {
		t.Fatalf("revived as %+v", revived)
	}
	must(t, s.PurgeTombstone(ctx, d.ID, tomb.Version))
	if _, err := s.Definition(ctx, "a"); err != nil {
		t.Fatalf("purging an old tombstone removed the revived definition: %v", err)
	}
	versions, err := s.Versions(ctx, d.ID, core.PageRequest{Limit: 10})
	must(t, err)
	if len(versions.Items) < 3 || versions.Items[0].Version != revived.Version {
		t.Fatalf("versions: %d, newest %d", len(versions.Items), versions.Items[0].Version)
	}
}

func formerDefinitions(t *testing.T, s core.Store) {
	ctx := t.Context()
	is := func(ref, want string) {
		t.Helper()
		got, err := s.DefinitionID(ctx, ref)
		must(t, err)
		if got != want {
			t.Fatalf("%s is %s, want %s", ref, got, want)
		}
	}
	remove := func(id string, after time.Duration) {
		t.Helper()
		_, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Delete: true, Definition: core.Definition{ID: id}, ExpectVersion: core.AnyVersion}}, "bob", epoch.Add(after))
		must(t, err)
	}
	for _, ref := range []string{"a", core.DefinitionID("a"), "", "nul\x00"} {
		_, err := s.DefinitionID(ctx, ref)
		wantCode(t, err, core.CodeNotFound)
	}
	b, a := create(t, s, "b"), create(t, s, "a")
	is("a", a.ID)
	is(a.ID, a.ID)
	names, err := s.DefinitionNames(ctx, 10)
	must(t, err)
	if fmt.Sprint(names) != "[a b]" {
		t.Fatalf("names %v", names)
	}
	if names, err = s.DefinitionNames(ctx, 1); err != nil || fmt.Sprint(names) != "[a]" {
		t.Fatalf("names %v, %v", names, err)
	}
	remove(a.ID, time.Hour)
	is("a", a.ID)
	if names, err = s.DefinitionNames(ctx, 10); err != nil || fmt.Sprint(names) != "[b]" {
		t.Fatalf("names %v, %v", names, err)
	}
	tomb, err := s.DefinitionAny(ctx, a.ID)
	must(t, err)
	must(t, s.PurgeTombstone(ctx, a.ID, tomb.Version))
	is("a", a.ID)
	is(a.ID, a.ID)
	// The name comes back with an ID of its own.
	other := cronDefinition("a")
	other.ID = "0193b0a4-7e1b-7c3d-9a54-0d1c5f7b2a11"
	_, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: other}}, "ann", epoch.Add(2*time.Hour))
	must(t, err)
	is("a", other.ID)
	is(a.ID, a.ID)
	remove(other.ID, 3*time.Hour)
	is("a", other.ID)
	is("b", b.ID)
}

func applyIsAtomic(t *testing.T, s core.Store) {
	create(t, s, "taken")
	before, _, err := s.Head(t.Context(), 0)
	must(t, err)
	_, err = s.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: cronDefinition("fresh")}, {Definition: cronDefinition("taken")}}, "ann", epoch)
	wantCode(t, err, core.CodeConflict)
	if _, err := s.Definition(t.Context(), "fresh"); !core.IsCode(err, core.CodeNotFound) {
		t.Fatalf("half of an apply was kept: %v", err)
	}
	after, _, err := s.Head(t.Context(), 0)
	must(t, err)
	if before != after {
		t.Fatalf("a refused apply moved the revision from %d to %d", before, after)
	}
}

func staleVersion(t *testing.T, s core.Store) {
	d := create(t, s, "a")
	changed := cronDefinition("a")
	changed.Description = "1"
	_, err := s.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: changed, ExpectVersion: d.Version}}, "ann", epoch)
	must(t, err)
	changed.Description = "2"
	_, err = s.ApplyChanges(t.Context(), []core.DefinitionChange{{Definition: changed, ExpectVersion: d.Version}}, "ann", epoch)
	wantCode(t, err, core.CodePreconditionFailed)
	_, err = s.ApplyChanges(t.Context(), []core.DefinitionChange{{Delete: true, Definition: core.Definition{ID: d.ID}, ExpectVersion: d.Version}}, "ann", epoch)
	wantCode(t, err, core.CodePreconditionFailed)
}

func pauses(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	first, err := s.SetPaused(ctx, d.ID, &core.Pause{By: "ann", Reason: "why", At: epoch}, "test", epoch)
	must(t, err)
	if first.Paused == nil || first.Version != d.Version || first.Revision <= d.Revision || first.Effective() {
		t.Fatalf("paused as %+v", first)
	}
	again, err := s.SetPaused(ctx, d.ID, &core.Pause{By: "bob", At: epoch.Add(time.Minute)}, "test", epoch.Add(time.Minute))
	must(t, err)
	if again.Paused.By != "ann" {
		t.Fatalf("a second pause replaced the first: %+v", again.Paused)
	}
	resumed, err := s.SetPaused(ctx, d.ID, nil, "test", epoch.Add(time.Hour))
	must(t, err)
	if resumed.Paused != nil {
		t.Fatal("resume left the pause")
	}
	holds, err := s.Holds(ctx, d.ID, epoch.Add(-time.Hour), epoch.Add(2*time.Hour))
	must(t, err)
	found := false
	for _, h := range holds {
		found = found || h.Kind == "paused" && h.From.Equal(epoch) && h.Until != nil && h.Until.Equal(epoch.Add(time.Hour))
	}
	if !found {
		t.Fatalf("the pause is not among the holds: %+v", holds)
	}
}

func catalogueOrder(t *testing.T, s core.Store) {
	ctx := t.Context()
	var writers sync.WaitGroup
	const n = 24
	for i := range n {
		writers.Go(func() {
			if _, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: cronDefinition(fmt.Sprintf("d%02d", i))}}, "ann", epoch); err != nil {
				t.Error(err)
			}
		})
	}
	seen, at := map[string]bool{}, int64(0)
	read := func() {
		for {
			rows, next, err := s.ChangesSince(ctx, at, 5)
			must(t, err)
			for _, r := range rows {
				if r.Revision <= at {
					t.Errorf("row of revision %d after %d", r.Revision, at)
				}
				seen[r.Name] = true
			}
			if next == at {
				return
			}
			at = next
		}
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		read()
	}
	read()
	if len(seen) != n {
		t.Fatalf("saw %d of %d changes", len(seen), n)
	}
}

func matchesTogether(t *testing.T, s core.Store) {
	ctx := t.Context()
	runs, skipped := create(t, s, "runs"), create(t, s, "skipped")
	settle := func(v core.Verdict) []core.Settlement {
		return []core.Settlement{{ActivityID: skipped.ID, ActivityName: skipped.Name, DefinitionVersion: skipped.Version, Cause: core.EventCause("e1"), Verdict: v, Reason: "when: no"}}
	}
	_, err := s.RecordMatches(ctx, []core.CauseRecord{eventRecord(runs, "e1")}, settle(core.VerdictPending), epoch)
	wantCode(t, err, core.CodeInvalid)
	for _, d := range []core.StoredDefinition{runs, skipped} {
		_, err := s.LedgerEntry(ctx, d.ID, core.EventCause("e1").Key())
		wantCode(t, err, core.CodeNotFound)
	}
	for i := range 2 { // the second time the rows are there
		states, err := s.RecordMatches(ctx, []core.CauseRecord{eventRecord(runs, "e1")}, settle(core.VerdictSkipped), epoch)
		must(t, err)
		if len(states) != 2 || states[0].Inserted != (i == 0) || states[0].Entry.Verdict != core.VerdictPending ||
			states[1].Inserted || states[1].Entry.Verdict != core.VerdictSkipped {
			t.Fatalf("%d: %+v", i, states)
		}
		e, err := s.LedgerEntry(ctx, skipped.ID, core.EventCause("e1").Key())
		must(t, err)
		if e.Verdict != core.VerdictSkipped || e.Reason != "when: no" {
			t.Fatalf("%+v", e)
		}
	}
	if states, err := s.RecordMatches(ctx, nil, nil, epoch); err != nil || len(states) != 0 {
		t.Fatalf("nothing to record: %v %v", states, err)
	}
}

// catalogueTokens: every kind of change gets a token of its own, which stays; a refused one
// gets none.
func catalogueTokens(t *testing.T, s core.Store) {
	ctx := t.Context()
	seen := map[string]int64{}
	tokens := map[int64]string{}
	look := func(what string) {
		t.Helper()
		now, _, err := s.Head(ctx, 0)
		must(t, err)
		revision, token, err := s.Head(ctx, now)
		must(t, err)
		if other, twice := seen[token]; token == "" || twice || revision != now {
			t.Fatalf("%s: revision %d has token %q, as has revision %d", what, now, token, other)
		}
		seen[token], tokens[now] = now, token
	}
	d := create(t, s, "a")
	look("create")
	_, err := s.SetPaused(ctx, d.ID, &core.Pause{By: "ann"}, "test", epoch)
	must(t, err)
	look("pause")
	_, err = s.SetPaused(ctx, d.ID, nil, "test", epoch)
	must(t, err)
	look("resume")
	d.Definition.Description = "changed"
	out, err := s.ApplyChanges(ctx, []core.DefinitionChange{{Definition: d.Definition, ExpectVersion: core.AnyVersion}}, "ann", epoch)
	must(t, err)
	look("update")
	_, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Delete: true, Definition: d.Definition, ExpectVersion: core.AnyVersion}}, "ann", epoch)
	must(t, err)
	look("delete")
	must(t, s.PurgeTombstone(ctx, d.ID, out[0].Version))
	look("purge")

	latest, _, err := s.Head(ctx, 0)
	must(t, err)
	_, err = s.ApplyChanges(ctx, []core.DefinitionChange{{Delete: true, Definition: d.Definition, ExpectVersion: core.AnyVersion}}, "ann", epoch)
	wantCode(t, err, core.CodeNotFound)
	for revision, token := range tokens {
		now, again, err := s.Head(ctx, revision)
		must(t, err)
		if again != token || now != latest {
			t.Errorf("revision %d had token %q, now %q; the catalogue is at %d, was at %d", revision, token, again, now, latest)
		}
	}
	for _, unknown := range []int64{-1, latest + 1} {
		if _, token, err := s.Head(ctx, unknown); err != nil || token != "" {
			t.Errorf("revision %d, which never was, has token %q (%v)", unknown, token, err)
		}
	}
}
