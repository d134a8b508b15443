package storetest

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

func eventRecord(d core.StoredDefinition, id string) core.CauseRecord {
	return core.CauseRecord{
		ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: d.Version, Cause: core.EventCause(id),
		Event: &core.Event{EventID: id, Type: "t", Time: epoch, Payload: []byte(`{"n":12000000}`), Hops: 2, Chain: []string{"d-1", d.ID},
			Extensions: core.Extensions{"partitionkey": "k-7", "n": int64(9007199254740993), "b": true}}, StreamSeq: 7,
	}
}

func claim(d core.StoredDefinition, cause core.Cause, run string) core.Claim {
	return core.Claim{
		ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: d.Version, Cause: cause,
		WorkflowID: core.WorkflowID(d.ID, cause), TemporalRunID: run, At: epoch,
	}
}

// recordedClaim holds a claim of what must be recorded before to that.
func recordedClaim(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	c := claim(d, core.EventCause("e1"), "r1")
	c.Recorded = true
	_, err := s.Admit(ctx, c)
	if !core.IsCode(err, core.CodeNotFound) {
		t.Fatalf("a cause that nobody recorded: %v, want not_found", err)
	}
	if _, err := s.LedgerEntry(ctx, d.ID, c.Cause.Key()); !core.IsCode(err, core.CodeNotFound) {
		t.Fatalf("its row: %v, want none", err)
	}
	_, err = s.RecordCauses(ctx, []core.CauseRecord{eventRecord(d, "e1")}, epoch)
	must(t, err)
	for range 2 { // also when it asks again
		adm, err := s.Admit(ctx, c)
		must(t, err)
		if !adm.Admitted || adm.Entry.Verdict != core.VerdictFired || adm.Entry.TemporalRunID != "r1" || adm.Run.Status != core.RunRunning || adm.Event == nil {
			t.Fatalf("recorded, it is %+v, want it admitted with its event", adm)
		}
	}
	c.TemporalRunID = "r2"
	adm, err := s.Admit(ctx, c)
	must(t, err)
	if adm.Admitted || adm.Entry.TemporalRunID != "r1" {
		t.Fatalf("for another execution it is %+v, want it refused", adm)
	}
}

func oneClaim(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	states, err := s.RecordCauses(ctx, []core.CauseRecord{eventRecord(d, "e1"), eventRecord(d, "e2"), eventRecord(d, "e1")}, epoch)
	must(t, err)
	if len(states) != 3 || !states[0].Inserted || !states[1].Inserted || states[2].Inserted {
		t.Fatalf("recorded as %+v", states)
	}
	if states[0].Entry.Verdict != core.VerdictPending || states[0].Entry.RunID != core.RunID(core.WorkflowID(d.ID, core.EventCause("e1"))) {
		t.Fatalf("entry %+v", states[0].Entry)
	}
	kept, err := s.Event(ctx, "e1")
	must(t, err)
	if e := kept.Event; e.Hops != 2 || !slices.Equal(e.Chain, []string{"d-1", d.ID}) {
		t.Fatalf("the event is kept with %d hops and the chain %v", e.Hops, e.Chain)
	}
	run, err := s.Run(ctx, states[0].Entry.RunID)
	must(t, err)
	if run.Status != core.RunPending {
		t.Fatalf("recorded run is %s", run.Status)
	}
	first, err := s.Admit(ctx, claim(d, core.EventCause("e1"), "r1"))
	must(t, err)
	if !first.Admitted || first.Run.Status != core.RunRunning || first.Event == nil || string(first.Event.Payload) != `{"n":12000000}` {
		t.Fatalf("first claim: %+v", first)
	}
	if want := eventRecord(d, "e1").Event.Extensions; !reflect.DeepEqual(first.Event.Extensions, want) {
		t.Fatalf("the event's extensions are %v, want %v", first.Event.Extensions, want)
	}
	again, err := s.Admit(ctx, claim(d, core.EventCause("e1"), "r1"))
	must(t, err)
	if !again.Admitted {
		t.Fatal("the holder of the claim was refused when it asked again")
	}
	other, err := s.Admit(ctx, claim(d, core.EventCause("e1"), "r2"))
	must(t, err)
	if other.Admitted || other.Entry.TemporalRunID != "r1" || other.Entry.Verdict != core.VerdictFired {
		t.Fatalf("a second execution: %+v", other)
	}
	cron, err := s.Admit(ctx, claim(d, core.CronCause(epoch), "r3"))
	must(t, err)
	if !cron.Admitted || !cron.Run.Cause.NominalTime.Equal(epoch.Truncate(time.Second)) {
		t.Fatalf("cron claim without a row: %+v", cron)
	}
	keys, err := s.CronKeys(ctx, d.ID, epoch.Add(-time.Hour), epoch.Add(time.Hour))
	must(t, err)
	if len(keys) != 1 || keys[0] != core.CronCause(epoch).Key() {
		t.Fatalf("cron keys %v", keys)
	}
}

func concurrentAdmission(t *testing.T, s core.Store) {
	d := create(t, s, "a")
	var wg sync.WaitGroup
	admitted := make([]bool, 16)
	for i := range admitted {
		wg.Go(func() {
			a, err := s.Admit(t.Context(), claim(d, core.CronCause(epoch), fmt.Sprint("r", i)))
			if err != nil {
				t.Error(err)
			}
			admitted[i] = a.Admitted
		})
	}
	wg.Wait()
	n := 0
	for _, a := range admitted {
		if a {
			n++
		}
	}
	if n != 1 {
		t.Fatalf("%d of %d executions were admitted", n, len(admitted))
	}
}

func settlement(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	slot := func(h int) core.Cause { return core.CronCause(epoch.Add(time.Duration(h) * time.Hour)) }
	settle := func(c core.Cause, v core.Verdict) core.Settlement {
		return core.Settlement{ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Cause: c, Verdict: v, Reason: "why"}
	}
	_, err := s.Admit(ctx, claim(d, slot(0), "r0"))
	must(t, err)
	entries, err := s.Settle(ctx, []core.Settlement{settle(slot(0), core.VerdictSkipped), settle(slot(1), core.VerdictSkipped)}, epoch)
	must(t, err)
	if entries[0].Verdict != core.VerdictFired || entries[1].Verdict != core.VerdictSkipped || entries[1].Reason != "why" {
		t.Fatalf("settled as %+v", entries)
	}
	namesRun(t, s, entries[0], core.RunID(core.WorkflowID(d.ID, slot(0))), "")
	namesRun(t, s, entries[1], "", "")
	late, err := s.Admit(ctx, claim(d, slot(1), "r1"))
	must(t, err)
	if late.Admitted {
		t.Fatal("a skipped slot was admitted")
	}
	c := claim(d, slot(2), "r2")
	verdict := settle(slot(2), core.VerdictPaused)
	c.Settle = &verdict
	paused, err := s.Admit(ctx, c)
	must(t, err)
	if paused.Admitted || paused.Entry.Verdict != core.VerdictPaused {
		t.Fatalf("admission with a verdict: %+v", paused)
	}
	namesRun(t, s, paused.Entry, "", "")
	compressed := settle(slot(3), core.VerdictCompressed)
	compressed.Into = slot(0).Key()
	entries, err = s.Settle(ctx, []core.Settlement{compressed}, epoch)
	must(t, err)
	namesRun(t, s, entries[0], "", core.RunID(core.WorkflowID(d.ID, slot(0))))
	recorded, err := s.RecordCauses(ctx, []core.CauseRecord{eventRecord(d, "e1")}, epoch)
	must(t, err)
	_, err = s.FinishRun(ctx, recorded[0].Entry.RunID, core.RunFailed, "its workflow was terminated", epoch)
	must(t, err)
	lost, err := s.LedgerEntry(ctx, d.ID, "e1")
	must(t, err)
	if lost.Verdict != core.VerdictLost {
		t.Fatalf("ended before it began, a cause is %s", lost.Verdict)
	}
	namesRun(t, s, lost, recorded[0].Entry.RunID, "")
}

// namesRun checks that a row names the runs that there are, and no others, however it is read.
func namesRun(t *testing.T, s core.Store, e core.LedgerEntry, own, into string) {
	t.Helper()
	page, err := s.LedgerEntries(t.Context(), core.LedgerFilter{ActivityID: e.ActivityID, Verdict: e.Verdict}, core.PageRequest{Limit: 10})
	must(t, err)
	one, err := s.LedgerEntry(t.Context(), e.ActivityID, e.CauseKey)
	must(t, err)
	for _, e := range append(page.Items, one, e) {
		if e.RunID != own || e.IntoRunID != into {
			t.Fatalf("%s %s has run %q and went into run %q; want %q and %q", e.CauseKey, e.Verdict, e.RunID, e.IntoRunID, own, into)
		}
	}
	for _, id := range []string{own, into} {
		if id == "" {
			continue
		}
		if _, err := s.Run(t.Context(), id); err != nil {
			t.Fatalf("%s names a run that there is not: %v", e.CauseKey, err)
		}
	}
}

func pendingCauses(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "a")
	_, err := s.RecordCauses(ctx, []core.CauseRecord{eventRecord(d, "e1"), eventRecord(d, "e2")}, epoch)
	must(t, err)
	must(t, s.ConfirmStarts(ctx, []core.Start{{ActivityID: d.ID, CauseKey: "e1"}}, epoch))
	e, err := s.LedgerEntry(ctx, d.ID, "e1")
	must(t, err)
	if e.Verdict != core.VerdictStarted {
		t.Fatalf("confirmed cause is %s", e.Verdict)
	}
	waiting, err := s.PendingCauses(ctx, epoch.Add(time.Minute), 10)
	must(t, err)
	if len(waiting) != 2 {
		t.Fatalf("%d causes wait, want 2", len(waiting))
	}
	_, err = s.Admit(ctx, claim(d, core.EventCause("e1"), "r1"))
	must(t, err)
	waiting, err = s.PendingCauses(ctx, epoch.Add(time.Minute), 10)
	must(t, err)
	if len(waiting) != 1 || waiting[0].Cause.EventID != "e2" {
		t.Fatalf("waiting: %+v", waiting)
	}
	if none, err := s.PendingCauses(ctx, epoch.Add(-time.Minute), 10); err != nil || len(none) != 0 {
		t.Fatalf("younger causes: %v %v", none, err)
	}
}
