//go:build !slim

package temporalschedule_test

import (
	"testing"
	"time"

	schedulepb "go.temporal.io/api/schedule/v1"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// aheadReplica is a reconciler whose clock is ahead, which is how time passes between two syncs
// here.
func (b *bench) aheadReplica(ahead *time.Duration) *temporalschedule.Reconciler {
	return temporalschedule.New(temporalschedule.Config{
		Service: b.client.WorkflowService(), Namespace: b.namespace, Store: b.store, Now: func() time.Time { return time.Now().Add(*ahead) },
	})
}

func TestAPauseMadeInTemporalIsAdoptedFromTheTimeAtWhichTheScheduleWasLastKnownToFire(t *testing.T) {
	for _, c := range []struct {
		name string
		// known prepares what is known, and returns the reconciler that finds the pause and the
		// time it should count from.
		known func(b *bench, id string, ahead *time.Duration) (*temporalschedule.Reconciler, time.Time)
	}{
		{"seen by the reconciler", func(b *bench, id string, ahead *time.Duration) (*temporalschedule.Reconciler, time.Time) {
			rec := b.aheadReplica(ahead)
			*ahead = 2 * time.Minute
			if err := rec.SyncDefinition(b.context(), id); err != nil {
				b.Fatal(err)
			}
			return rec, time.Now().Add(*ahead)
		}},
		{"after a restart, up to where slots have verdicts", func(b *bench, id string, ahead *time.Duration) (*temporalschedule.Reconciler, time.Time) {
			mark := time.Now().Add(time.Minute).Truncate(time.Second)
			if err := b.store.Advance(b.context(), map[string]time.Time{id: mark}); err != nil {
				b.Fatal(err)
			}
			return b.aheadReplica(ahead), mark
		}},
		{"after a resume", func(b *bench, id string, ahead *time.Duration) (*temporalschedule.Reconciler, time.Time) {
			resumed := time.Now().Add(3 * time.Minute).Truncate(time.Second)
			if _, err := b.store.SetPaused(b.context(), id, &core.Pause{By: "alice", At: time.Now()}, "test", time.Now()); err != nil {
				b.Fatal(err)
			}
			if _, err := b.store.SetPaused(b.context(), id, nil, "test", resumed); err != nil {
				b.Fatal(err)
			}
			return b.aheadReplica(ahead), resumed
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			d := cron("stopped-by-hand-" + c.name[:5])
			b.save(d)
			var ahead time.Duration
			rec, want := c.known(b, d.ID, &ahead)
			b.pauseByHand(d.ID, "database migration")
			b.listed("the pause", func(m map[string]*schedulepb.ScheduleListEntry) bool {
				return m[core.ScheduleID(d.ID)].GetInfo().GetPaused()
			})
			ahead = 10 * time.Minute // reconciliation comes late

			if _, _, err := rec.Backlog(b.context(), d.ID); !core.IsCode(err, core.CodeConflict) {
				t.Errorf("before the pause is adopted its backlog is %v, want a conflict", err)
			}
			if _, err := rec.Sync(b.context(), core.SyncOptions{}); err != nil {
				t.Fatal(err)
			}
			row, err := b.store.DefinitionAny(b.context(), d.ID)
			if err != nil || row.Paused == nil {
				t.Fatalf("the pause was not adopted: %+v, %v", row.Paused, err)
			}
			if off := row.Paused.At.Sub(want).Abs(); off > 20*time.Second { // listings may be older than what they list
				t.Errorf("adopted from %s, want %s", row.Paused.At, want)
			}
			if _, next, err := rec.Backlog(b.context(), d.ID); err != nil || !next.IsZero() {
				t.Errorf("after the adoption its backlog is %s, %v", next, err)
			}
		})
	}
}
