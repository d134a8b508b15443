//go:build !slim

package temporalschedule_test

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func (b *bench) observation() core.ScheduleObservation {
	b.Helper()
	o, err := b.store.LastObservation(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	return o
}

// drifted are the schedules that the record says differed so.
func (b *bench) drifted(kind core.DriftKind) []core.ScheduleState {
	b.Helper()
	page, err := b.store.Schedules(b.Context(), core.ScheduleFilter{Only: core.ScheduleSelection(kind)}, core.PageRequest{Limit: 10})
	if err != nil {
		b.Fatal(err)
	}
	return page.Items
}

// What a sync saw stands in the record, so that a list of schedules asks nobody: what a dry run
// found, what a sync mended, and that one failed.
func TestEachSyncNotesWhatItSaw(t *testing.T) {
	b := newBench(t)
	front := &frontend{WorkflowServiceClient: b.client.WorkflowService(), calls: make(map[string]int)}
	b.rec = temporalschedule.New(temporalschedule.Config{Service: front, Namespace: b.namespace, Store: b.store, Instance: "host/7"})
	b.store.put(cron("lost"))
	before := time.Now().UTC().Truncate(time.Microsecond)

	b.sync(core.SyncOptions{DryRun: true})
	if o := b.observation(); o.By != "host/7" || !o.DryRun || o.Wanted != 1 || o.Drift[core.DriftMissing] != 1 || o.Differ() != 1 || o.At.Before(before) {
		t.Errorf("a dry run noted %+v; want by host/7, 1 wanted, 1 missing, none mended, at %s or later", o, before)
	}
	if got := b.drifted(core.DriftMissing); len(got) != 1 || got[0].ActivityName != "lost" || got[0].State != core.SchedulePending || got[0].Drift[0].Mended {
		t.Errorf("missing are %+v; want lost, pending and not mended", got)
	}

	b.sync(core.SyncOptions{})
	if o := b.observation(); o.DryRun || o.Drift[core.DriftMissing] != 1 || o.Mended != 1 || o.Differ() != 0 || o.Writes != 1 {
		t.Errorf("the sync that made the schedule noted %+v; want 1 missing, mended by 1 write", o)
	}
	if got := b.drifted(core.DriftMissing); len(got) != 1 || got[0].State != core.ScheduleFollows || !got[0].Drift[0].Mended {
		t.Errorf("missing were %+v; want lost, which follows and is mended", got)
	}

	front.set(func(context.Context, string, string) error {
		return serviceerror.NewPermissionDenied("not for you", "")
	})
	if _, err := b.rec.Sync(b.context(), core.SyncOptions{}); err == nil {
		t.Error("a sync that Temporal refuses succeeded")
	}
	if o := b.observation(); o.Mended != 1 || o.Failed == nil || o.Failed.By != "host/7" || o.Failed.Error == "" {
		t.Errorf("after a failure the record has %+v; want the observation before, and the failure", o)
	}
	front.set(nil)
	b.sync(core.SyncOptions{Full: true})
	if o := b.observation(); o.Failed != nil || len(o.Drift) != 0 || o.Observed != 1 || o.InSync != 1 {
		t.Errorf("a converged sync noted %+v; want 1 in sync, no drift and no failure", o)
	}
	if got := b.drifted(core.DriftMissing); len(got) != 0 {
		t.Errorf("missing are %+v, want none", got)
	}
}
