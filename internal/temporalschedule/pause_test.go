//go:build !slim

package temporalschedule_test

import (
	"strings"
	"testing"
	"time"

	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func (b *bench) setPaused(id string, p *core.Pause) {
	b.Helper()
	if _, err := b.store.SetPaused(b.Context(), id, p, "test", time.Now()); err != nil {
		b.Fatal(err)
	}
	b.syncOne(id)
}

func TestAPauseMadeInTemporalIsAdoptedAndOnlyResumeClearsIt(t *testing.T) {
	b := newBench(t)
	d := cron("stopped-by-hand")
	b.save(d)
	b.pauseByHand(d.ID, "database migration")
	b.listed("the pause", func(m map[string]*schedulepb.ScheduleListEntry) bool {
		return m[core.ScheduleID(d.ID)].GetInfo().GetPaused()
	})

	report := b.sync(core.SyncOptions{DryRun: true})
	if len(report.Drift) != 1 || report.Drift[0].Kind != core.DriftPausedOutside || report.Writes != 0 {
		t.Fatalf("dry run: %+v", report)
	}
	if row, _ := b.store.DefinitionAny(t.Context(), d.ID); row.Paused != nil {
		t.Fatal("the dry run adopted the pause")
	}

	b.sync(core.SyncOptions{})
	row, _ := b.store.DefinitionAny(t.Context(), d.ID)
	if row.Paused == nil || !strings.Contains(row.Paused.Reason, "database migration") {
		t.Fatalf("the record says %+v", row.Paused)
	}
	if !b.paused(d.ID) {
		t.Fatal("the pause is gone")
	}

	// An edit leaves it alone, an unpause in Temporal is undone, resume ends it.
	d.TriggerConfig.CronExpression = core.StringList{"@daily"}
	b.save(d)
	if !b.paused(d.ID) {
		t.Error("an edit ended the pause")
	}
	h := b.client.ScheduleClient().GetHandle(t.Context(), core.ScheduleID(d.ID))
	if err := h.Unpause(b.context(), client.ScheduleUnpauseOptions{}); err != nil {
		t.Fatal(err)
	}
	b.syncOne(d.ID)
	if !b.paused(d.ID) {
		t.Error("unpausing in Temporal ended a pause of the record")
	}
	b.setPaused(d.ID, nil)
	if b.paused(d.ID) {
		t.Error("resume did not end the pause")
	}
}

func TestAPauseMadeInTemporalOutlivesDisablingAndEnabling(t *testing.T) {
	for _, first := range []string{"paused first", "disabled first"} {
		t.Run(first, func(t *testing.T) {
			b := newBench(t)
			d := cron("stopped-twice")
			b.save(d)
			d.Enabled = false
			if first == "paused first" { // and nothing has adopted the pause when it is disabled
				b.pauseByHand(d.ID, "database migration")
				b.save(d)
			} else {
				b.save(d)
				b.pauseByHand(d.ID, "database migration")
				b.syncOne(d.ID)
			}
			d.Enabled = true
			b.save(d)
			row, err := b.store.DefinitionAny(t.Context(), d.ID)
			if err != nil || row.Paused == nil || !strings.Contains(row.Paused.Reason, "database migration") || !b.paused(d.ID) {
				t.Errorf("the pause is lost: record %+v, schedule paused %t, %v", row.Paused, b.paused(d.ID), err)
			}
			b.setPaused(d.ID, nil)
			if b.paused(d.ID) {
				t.Error("resume did not end the pause")
			}
		})
	}
}

// TestAHeldScheduleSaysByWhomAndWhyNow changes the reason for which a schedule is held, one way
// after the other, and reads the note that people see in Temporal.
func TestAHeldScheduleSaysByWhomAndWhyNow(t *testing.T) {
	b := newBench(t)
	d := cron("held")
	b.save(d)
	says := func(after, want string) {
		t.Helper()
		state := b.describe(d.ID).GetSchedule().GetState()
		if got, held := strings.CutPrefix(state.GetNotes(), "Held by activity-core: "); !state.GetPaused() || !held || got != want {
			t.Errorf("after %s: paused %t, note %q, want held and %q", after, state.GetPaused(), state.GetNotes(), want)
		}
	}
	b.pauseByHand(d.ID, "database migration")
	b.syncOne(d.ID)
	says("a pause in Temporal", "paused by temporal: paused in Temporal: database migration")

	// Resumed and paused again before anybody reconciled it, as when the replica that resumed it
	// dies.
	again := func(by, reason string) {
		t.Helper()
		for _, p := range []*core.Pause{nil, {By: by, Reason: reason, At: time.Now()}} {
			if _, err := b.store.SetPaused(t.Context(), d.ID, p, "test", time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	again("alice", "audit")
	b.syncOne(d.ID)
	says("a pause in its place", "paused by alice: audit")

	d.Enabled = false
	b.save(d)
	says("disabling", "the definition is disabled")

	d.Enabled = true
	b.save(d)
	says("enabling", "paused by alice: audit")

	// The sync finds it in the listing.
	again("bob", "")
	b.listed("alice's pause", func(m map[string]*schedulepb.ScheduleListEntry) bool {
		return strings.HasSuffix(m[core.ScheduleID(d.ID)].GetInfo().GetNotes(), "alice: audit")
	})
	if report := b.sync(core.SyncOptions{}); report.Writes != 1 || len(report.Drift) != 1 || report.Drift[0].Action != temporalschedule.ActionPause {
		t.Errorf("sync made %d writes for %+v, want one pause", report.Writes, report.Drift)
	}
	says("the sync", "paused by bob")
}
