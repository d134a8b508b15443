package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// running returns a run that was admitted.
func running(t testing.TB, s core.Store, d core.StoredDefinition, key string) core.Run {
	t.Helper()
	a, err := s.Admit(t.Context(), claim(d, core.ManualCause(key), "r-"+key))
	must(t, err)
	return a.Run
}

func planOf(run core.Run, n int) core.Plan {
	p := core.Plan{Items: n, Rules: []core.RuleTrace{{Rule: "r", When: true, Items: n, Actions: n}}}
	for i := range n {
		key := core.ActionKey(run.WorkflowID, "r", fmt.Sprint(i), 0)
		p.Actions = append(p.Actions, core.PlannedAction{
			Seq: i, Rule: "r", ItemKey: fmt.Sprint(i), ItemIndex: i, Key: key, Type: core.ActionCreateTask, With: map[string]any{"title": fmt.Sprint("t", i)},
		})
	}
	return p
}

func taskOf(run core.Run, a core.PlannedAction) core.TaskWrite {
	return core.TaskWrite{Seq: a.Seq, Task: core.Task{
		TaskID: core.TaskID(a.Key), RunID: run.RunID, ActivityID: run.ActivityID, Rule: a.Rule, ItemKey: a.ItemKey, ActionKey: a.Key,
		Title: fmt.Sprint(a.With["title"]), Labels: []string{"x"}, Priority: "normal", Status: core.TaskOpen, CreatedAt: epoch, UpdatedAt: epoch,
	}}
}

func outcomes(run core.Run, p core.Plan, status core.ActionStatus) (results []core.ActionResult, tasks []core.TaskWrite) {
	for _, a := range p.Actions {
		results = append(results, core.ActionResult{Seq: a.Seq, Status: status, Attempts: 1, FinishedAt: epoch})
		if status == core.ActionSucceeded {
			tasks = append(tasks, taskOf(run, a))
		}
	}
	return results, tasks
}

func planOnce(t *testing.T, s core.Store) {
	ctx := t.Context()
	run := running(t, s, create(t, s, "a"), "k")
	var wg sync.WaitGroup
	counts := make([]int, 6)
	for i := range counts {
		wg.Go(func() {
			_, n, err := s.SavePlan(ctx, run.RunID, planOf(run, 100*(i+1)))
			if err != nil {
				t.Error(err)
			}
			counts[i] = n
		})
	}
	wg.Wait()
	if slices.Min(counts) != slices.Max(counts) {
		t.Fatalf("writers saw different plans: %v", counts)
	}
	stored, err := s.Plan(ctx, run.RunID)
	must(t, err)
	if stored.Items != counts[0] {
		t.Fatalf("the plan has %d items, its actions are %d", stored.Items, counts[0])
	}
	actions, err := s.Actions(ctx, run.RunID, 10, 15)
	must(t, err)
	if len(actions) != 5 || actions[0].Seq != 10 || actions[0].Status != core.ActionPending {
		t.Fatalf("actions 10 to 15: %+v", actions)
	}
}

func executeSmall(t *testing.T, s core.Store) {
	ctx := t.Context()
	run := running(t, s, create(t, s, "a"), "k")
	p := planOf(run, 3)
	results, tasks := outcomes(run, p, core.ActionSucceeded)
	done, stored, err := s.ExecuteSmall(ctx, run.RunID, p, results, tasks, epoch.Add(time.Second))
	must(t, err)
	if !stored || done.Status != core.RunSucceeded || done.Actions != (core.ActionCounts{Total: 3, Succeeded: 3}) || !done.FinishedAt.Equal(epoch.Add(time.Second)) {
		t.Fatalf("stored %v, run %+v", stored, done)
	}
	_, stored, err = s.ExecuteSmall(ctx, run.RunID, p, results, tasks, epoch)
	must(t, err)
	if stored {
		t.Fatal("a second execution was stored")
	}
	list, err := s.Tasks(ctx, core.TaskFilter{RunID: run.RunID}, core.PageRequest{Limit: 10})
	must(t, err)
	if len(list.Items) != 3 || list.Items[0].Labels[0] != "x" {
		t.Fatalf("tasks %+v", list.Items)
	}
	latest, err := s.LatestRun(ctx, run.ActivityID, nil)
	must(t, err)
	if latest.RunID != run.RunID {
		t.Fatalf("latest run is %s", latest.RunID)
	}
}

// allFailed holds a run of which every action failed to the error of the first, in one
// transaction and by steps.
func allFailed(t *testing.T, s core.Store) {
	ctx := t.Context()
	def := create(t, s, "a")
	const want = "no action succeeded; the first that failed: it broke first"
	for _, small := range []bool{true, false} {
		run := running(t, s, def, fmt.Sprint("k", small))
		p := planOf(run, 2)
		p.Cost, p.Actions[1].Error = 7, "has no title"
		results := []core.ActionResult{ // the later one first: the order of the plan counts
			{Seq: 1, Status: core.ActionFailed, Error: "it broke second", FinishedAt: epoch},
			{Seq: 0, Status: core.ActionFailed, Error: "it broke first", FinishedAt: epoch},
		}
		var done core.Run
		var err error
		if small {
			done, _, err = s.ExecuteSmall(ctx, run.RunID, p, results, nil, epoch)
		} else {
			_, _, err = s.SavePlan(ctx, run.RunID, p)
			must(t, err)
			must(t, s.RecordActions(ctx, run.RunID, results, nil))
			done, err = s.FinishRun(ctx, run.RunID, "", "", epoch)
		}
		must(t, err)
		read, err := s.Run(ctx, run.RunID)
		must(t, err)
		if done.Status != core.RunFailed || done.Error != want || read.Error != want {
			t.Errorf("small %v: %+v, read as %+v, want failed with the error %q", small, done, read, want)
		}
		plan, err := s.Plan(ctx, run.RunID)
		must(t, err)
		actions, err := s.Actions(ctx, run.RunID, 0, 2)
		must(t, err)
		if plan.Cost != 7 || actions[1].PlannedAction.Error != "has no title" {
			t.Errorf("small %v: plan %+v with %+v, want the cost 7 and an error of the second action", small, plan, actions)
		}
	}
}

func recordActions(t *testing.T, s core.Store) {
	ctx := t.Context()
	run := running(t, s, create(t, s, "a"), "k")
	p := planOf(run, 4)
	_, _, err := s.SavePlan(ctx, run.RunID, p)
	must(t, err)
	results, tasks := outcomes(run, p, core.ActionSucceeded)
	results[1].Status, results[1].Error = core.ActionFailed, "no"
	must(t, s.RecordActions(ctx, run.RunID, results[:3], []core.TaskWrite{tasks[0], tasks[2]}))
	results[0].Status = core.ActionFailed
	must(t, s.RecordActions(ctx, run.RunID, results[:3], []core.TaskWrite{tasks[0], tasks[2]}))
	done, err := s.FinishRun(ctx, run.RunID, "", "", epoch)
	must(t, err)
	if done.Status != core.RunPartial || done.Actions.Succeeded != 2 || done.Actions.Failed != 1 || done.Actions.Total != 4 {
		t.Fatalf("finished as %+v", done)
	}
	again, err := s.FinishRun(ctx, run.RunID, core.RunFailed, "late", epoch.Add(time.Hour))
	must(t, err)
	if again.Status != core.RunPartial || again.Error != "" {
		t.Fatalf("a finished run changed: %+v", again)
	}
	actions, err := s.Actions(ctx, run.RunID, 0, 10)
	must(t, err)
	if actions[0].Status != core.ActionSucceeded || actions[1].Result.Error != "no" || actions[3].Status != core.ActionSkipped {
		t.Fatalf("actions %+v", actions)
	}
	list, err := s.Tasks(ctx, core.TaskFilter{RunID: run.RunID}, core.PageRequest{Limit: 10})
	must(t, err)
	if len(list.Items) != 2 {
		t.Fatalf("%d tasks, want 2", len(list.Items))
	}
}

func uniqueKey(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	open := func(key string, how core.IfOpen, title string) string {
		run := running(t, s, d, key)
		p := planOf(run, 1)
		results, tasks := outcomes(run, p, core.ActionSucceeded)
		tasks[0].Task.UniqueKey, tasks[0].Task.Title, tasks[0].IfOpen, tasks[0].Comment = "u", title, how, "seen again"
		_, _, err := s.ExecuteSmall(ctx, run.RunID, p, results, tasks, epoch)
		must(t, err)
		actions, err := s.Actions(ctx, run.RunID, 0, 1)
		must(t, err)
		return actions[0].Result.Outcome
	}
	if got := open("1", core.IfOpenSkip, "first"); got != "created" {
		t.Fatalf("first: %s", got)
	}
	if got := open("2", core.IfOpenSkip, "second"); got != "exists" {
		t.Fatalf("skip: %s", got)
	}
	if got := open("3", core.IfOpenUpdate, "third"); got != "updated" {
		t.Fatalf("update: %s", got)
	}
	if got := open("4", core.IfOpenComment, "fourth"); got != "commented" {
		t.Fatalf("comment: %s", got)
	}
	list, err := s.Tasks(ctx, core.TaskFilter{ActivityID: d.ID}, core.PageRequest{Limit: 10})
	must(t, err)
	if len(list.Items) != 1 || list.Items[0].Title != "third" || len(list.Items[0].Comments) != 1 {
		t.Fatalf("tasks %+v", list.Items)
	}
	status := core.TaskDone
	_, err = s.PatchTask(ctx, list.Items[0].TaskID, core.TaskPatch{Status: &status}, epoch.Add(time.Hour))
	must(t, err)
	if got := open("5", core.IfOpenSkip, "fifth"); got != "created" {
		t.Fatalf("after the first was done: %s", got)
	}
}

func paging(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	want := map[string]bool{}
	for i := range 25 {
		want[running(t, s, d, fmt.Sprint("k", i)).RunID] = true // all created at the same instant
	}
	var cursor string
	pages := 0
	for {
		p, err := s.Runs(ctx, core.RunFilter{ActivityID: d.ID}, core.PageRequest{Limit: 7, Cursor: cursor})
		must(t, err)
		for _, r := range p.Items {
			if !want[r.RunID] {
				t.Fatalf("run %s twice or unknown", r.RunID)
			}
			delete(want, r.RunID)
		}
		running(t, s, d, fmt.Sprint("later", pages)) // an insert between pages
		pages++
		if cursor = p.NextCursor; cursor == "" || pages > 20 {
			break
		}
		for i := range 3 { // forget the later ones: they may or may not be seen
			want[core.RunID(core.WorkflowID(d.ID, core.ManualCause(fmt.Sprint("later", pages-1-i))))] = true
		}
	}
	for i := range 25 {
		if want[core.RunID(core.WorkflowID(d.ID, core.ManualCause(fmt.Sprint("k", i))))] {
			t.Fatalf("run k%d was never listed", i)
		}
	}
}

func foreignCursor(t *testing.T, s core.Store) {
	_, err := s.Runs(t.Context(), core.RunFilter{}, core.PageRequest{Limit: 1, Cursor: "nonsense"})
	wantCode(t, err, core.CodeInvalid)
	d := create(t, s, "a")
	running(t, s, d, "1")
	running(t, s, d, "2")
	p, err := s.Runs(t.Context(), core.RunFilter{}, core.PageRequest{Limit: 1})
	must(t, err)
	_, err = s.Tasks(t.Context(), core.TaskFilter{}, core.PageRequest{Limit: 1, Cursor: p.NextCursor})
	wantCode(t, err, core.CodeInvalid)
}

// Its row forgets the first creation, and with it where its slots begin.
func marksOfTheRevived(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	revive := func(at time.Time) (mark time.Time) {
		t.Helper()
		for _, c := range []core.DefinitionChange{{Delete: true, Definition: d.Definition}, {Definition: d.Definition}} {
			c.ExpectVersion = core.AnyVersion
			_, err := s.ApplyChanges(ctx, []core.DefinitionChange{c}, "bob", at)
			must(t, err)
		}
		marks, err := s.AccountedUntil(ctx, []string{d.ID})
		must(t, err)
		return marks[d.ID]
	}
	for _, at := range []time.Time{epoch.Add(time.Hour), epoch.Add(2 * time.Hour)} {
		if mark := revive(at); !mark.Equal(d.CreatedAt) {
			t.Fatalf("created again at %s: mark %s, want its first creation, %s", at, mark, d.CreatedAt)
		}
	}
	known := epoch.Add(90 * time.Minute)
	must(t, s.Advance(ctx, map[string]time.Time{d.ID: known}))
	if mark := revive(epoch.Add(3 * time.Hour)); !mark.Equal(known) {
		t.Fatalf("created again with a mark: %s, want it as it was, %s", mark, known)
	}
}

func slotBook(t *testing.T, s core.Store) {
	ctx := t.Context()
	must(t, s.Advance(ctx, map[string]time.Time{"a": epoch, "b": epoch}))
	must(t, s.Advance(ctx, map[string]time.Time{"a": epoch.Add(-time.Hour), "b": epoch.Add(time.Hour)}))
	marks, err := s.AccountedUntil(ctx, []string{"a", "b", "c"})
	must(t, err)
	if len(marks) != 2 || !marks["a"].Equal(epoch) || !marks["b"].Equal(epoch.Add(time.Hour)) {
		t.Fatalf("marks %v", marks)
	}
	before, err := s.Beat(ctx, "worker", "one", epoch)
	must(t, err)
	if !before.IsZero() {
		t.Fatalf("previous beat %v before the first", before)
	}
	before, err = s.Beat(ctx, "worker", "two", epoch.Add(time.Minute))
	must(t, err)
	if !before.Equal(epoch) {
		t.Fatalf("previous beat %v", before)
	}
	at := func(m int) time.Time { return epoch.Add(time.Duration(m) * time.Minute) }
	for _, o := range []core.Outage{{From: at(0), To: at(10), What: "worker"}, {From: at(5), To: at(20), What: "worker"}, {From: at(5), To: at(6), What: "temporal"}} {
		must(t, s.RecordOutage(ctx, o))
	}
	outages, err := s.Outages(ctx, at(0), at(30))
	must(t, err)
	if len(outages) != 2 || !outages[0].From.Equal(at(0)) || !outages[0].To.Equal(at(20)) {
		t.Fatalf("outages %+v", outages)
	}
}

func zoneRules(t *testing.T, s core.Store) {
	ctx := t.Context()
	got, err := s.ZoneRules(ctx, "")
	must(t, err)
	if len(got) != 0 {
		t.Fatalf("rules in a new record: %+v", got)
	}
	rules := func(zone string, at time.Time, release, data string) core.ZoneRules {
		return core.ZoneRules{Zone: zone, Since: at, Release: release, Data: []byte(data)}
	}
	must(t, s.AdoptZoneRules(ctx, nil))
	must(t, s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Europe/Berlin", epoch, "2026f", "one"), rules("America/Vancouver", epoch, "2026f", "\x00\xff")}))
	must(t, s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Europe/Berlin", epoch.Add(time.Hour), "2026g", "one")})) // nothing new
	must(t, s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Europe/Berlin", epoch.Add(-time.Hour), "2026g", "two")}))
	must(t, s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Europe/Berlin", epoch.Add(time.Hour), "2026h", "one")})) // back again
	got, err = s.ZoneRules(ctx, "Europe/Berlin")
	must(t, err)
	want := []core.ZoneRules{rules("Europe/Berlin", epoch, "2026f", "one"), rules("Europe/Berlin", epoch.Add(time.Microsecond), "2026g", "two"),
		rules("Europe/Berlin", epoch.Add(time.Hour), "2026h", "one")}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("Berlin: %+v, want %+v", got, want)
	}
	if got, err = s.ZoneRules(ctx, ""); err != nil || len(got) != 4 || !reflect.DeepEqual(got[0], rules("America/Vancouver", epoch, "2026f", "\x00\xff")) {
		t.Fatalf("all: %+v %v, want Vancouver and the three of Berlin", got, err)
	}
	// All or none.
	err = s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Asia/Tokyo", epoch, "2026h", "x"), rules("", epoch, "2026h", "x")})
	wantCode(t, err, core.CodeInvalid)
	err = s.AdoptZoneRules(ctx, []core.ZoneRules{rules("Asia/Tokyo", epoch, "2026h", "x"), rules("Asia/Seoul", time.Time{}, "2026h", "x")})
	wantCode(t, err, core.CodeInvalid)
	if got, err = s.ZoneRules(ctx, "Asia/Tokyo"); err != nil || len(got) != 0 {
		t.Fatalf("after a refusal: %+v %v, want none", got, err)
	}
}

func idempotency(t *testing.T, s core.Store) {
	ctx := t.Context()
	got, existed, err := s.Remember(ctx, "scope", "key", "hash", []byte("first"), epoch)
	must(t, err)
	if existed || string(got) != "first" {
		t.Fatalf("%q %v", got, existed)
	}
	got, existed, err = s.Remember(ctx, "scope", "key", "hash", []byte("second"), epoch)
	must(t, err)
	if !existed || string(got) != "first" {
		t.Fatalf("%q %v", got, existed)
	}
	_, _, err = s.Recall(ctx, "scope", "key", "another request")
	wantCode(t, err, core.CodeConflict)
	_, existed, err = s.Recall(ctx, "other scope", "key", "hash")
	must(t, err)
	if existed {
		t.Fatal("scopes share keys")
	}
}

func auditAndSecrets(t *testing.T, s core.Store) {
	ctx := t.Context()
	for i := range 3 {
		must(t, s.AppendAudit(ctx, core.AuditEntry{At: epoch.Add(time.Duration(i) * time.Second), By: "ann", Action: fmt.Sprint("a", i), Object: "o"}))
	}
	p, err := s.AuditEntries(ctx, "o", core.PageRequest{Limit: 2})
	must(t, err)
	if len(p.Items) != 2 || p.Items[0].Action != "a2" || p.NextCursor == "" {
		t.Fatalf("audit %+v", p)
	}
	must(t, s.PutSecret(ctx, core.SealedSecret{Name: "n", Sealed: []byte{0, 255, 1}, Hosts: []string{"h"}, UpdatedAt: epoch}, "ann"))
	must(t, s.PutSecret(ctx, core.SealedSecret{Name: "n", Sealed: []byte{2}, Hosts: []string{"h"}, UpdatedAt: epoch.Add(time.Second)}, "bob"))
	secret, err := s.Secret(ctx, "n")
	must(t, err)
	if len(secret.Sealed) != 1 || secret.Hosts[0] != "h" {
		t.Fatalf("secret %+v", secret)
	}
	must(t, s.DeleteSecret(ctx, "n", "ann", epoch.Add(time.Minute)))
	_, err = s.Secret(ctx, "n")
	wantCode(t, err, core.CodeNotFound)
	wantCode(t, s.DeleteSecret(ctx, "n", "bob", epoch.Add(time.Hour)), core.CodeNotFound)
	wantTrail(t, s, "n", `ann secret.set {"hosts":["h"]}`, `bob secret.set {"hosts":["h"]}`, "ann secret.delete")
}

// wantTrail holds the audit entries of an object, oldest first, against "actor action detail".
func wantTrail(t testing.TB, s core.Store, object string, want ...string) {
	t.Helper()
	p, err := s.AuditEntries(t.Context(), object, core.PageRequest{Limit: 1000})
	must(t, err)
	var got []string
	for _, e := range slices.Backward(p.Items) {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s", e.By, e.Action, e.Detail)))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the trail of %s is %q, want %q", object, got, want)
	}
}

// auditOfChanges: whoever finds a change finds its author.
func auditOfChanges(t *testing.T, s core.Store) {
	ctx := t.Context()
	at := epoch
	next := func() time.Time { at = at.Add(time.Minute); return at }
	apply := func(by core.Actor, changes ...core.DefinitionChange) {
		t.Helper()
		_, err := s.ApplyChanges(ctx, changes, by, next())
		must(t, err)
	}
	d := cronDefinition("a")
	apply("ann", core.DefinitionChange{Definition: d}, core.DefinitionChange{Definition: cronDefinition("b")})
	d.Description = "new"
	apply("bob", core.DefinitionChange{Definition: d, ExpectVersion: 1})
	apply("eve", core.DefinitionChange{Definition: d, ExpectVersion: 2}) // changes nothing
	for _, by := range []core.Actor{"ann", "eve"} {                      // the second changes nothing
		_, err := s.SetPaused(ctx, d.ID, &core.Pause{By: string(by), At: next()}, by, at)
		must(t, err)
	}
	for _, by := range []core.Actor{"bob", "eve"} {
		_, err := s.SetPaused(ctx, d.ID, nil, by, next())
		must(t, err)
	}
	record := core.CauseRecord{
		ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 2, Cause: core.ManualCause("key"),
		Audit: []core.AuditEntry{{At: next(), By: "ann", Action: "run.trigger", Object: d.Name}},
	}
	for range 2 { // the second finds the row
		_, err := s.RecordCauses(ctx, []core.CauseRecord{record}, at)
		must(t, err)
	}
	apply("bob", core.DefinitionChange{Delete: true, Definition: core.Definition{ID: d.ID, Name: d.Name}, ExpectVersion: 2})
	apply("ann", core.DefinitionChange{Definition: d})
	wantTrail(t, s, "a", "ann definition.create", "bob definition.update", "ann definition.pause", "bob definition.resume",
		"ann run.trigger", "bob definition.delete", "ann definition.create")
	wantTrail(t, s, "b", "ann definition.create")
}

func oddText(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	run := running(t, s, d, "k")
	p := planOf(run, 1)
	results, tasks := outcomes(run, p, core.ActionSucceeded)
	tasks[0].Task.Title = "nul\x00 bad\xff 雪 '; DROP TABLE tasks; --"
	_, _, err := s.ExecuteSmall(ctx, run.RunID, p, results, tasks, epoch)
	must(t, err)
	list, err := s.Tasks(ctx, core.TaskFilter{RunID: run.RunID}, core.PageRequest{Limit: 1})
	must(t, err)
	if got := list.Items[0].Title; got != "nul\uFFFD bad\uFFFD 雪 '; DROP TABLE tasks; --" {
		t.Fatalf("title %q", got)
	}
	_, err = s.RecordCauses(ctx, []core.CauseRecord{eventRecord(d, "e\x00")}, epoch)
	var e *core.Error
	if !errors.As(err, &e) || e.Code != core.CodeInvalid {
		t.Fatalf("an event ID with a NUL: %v", err)
	}
}
