//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// TestReplicasAgreeAfterRandomChangesAndDeaths lets two replicas change definitions at random and reconcile beside each
// other, while their calls are cut off at random as a killed process's would be, and people pause schedules in Temporal.
// After it is quiet, record and Temporal must be equal. With ACTIVITY_CORE_LONG=1 it takes 500 definitions.
func TestReplicasAgreeAfterRandomChangesAndDeaths(t *testing.T) {
	b := newBench(t)
	n, rounds := 40, 150
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		n, rounds = 500, 3000
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = cron(fmt.Sprintf("raced-%03d", i)).ID
	}
	replicas := []*temporalschedule.Reconciler{b.replica(), b.replica()}
	var busy sync.WaitGroup
	for r, replica := range replicas {
		random := rand.New(rand.NewPCG(7, uint64(r))) //nolint:gosec // a repeatable sequence
		busy.Go(func() {
			for range rounds {
				b.changeAtRandom(random, n, replica)
			}
		})
		busy.Go(func() {
			for range max(3, rounds/100) {
				ctx, die := context.WithTimeout(b.Context(), time.Duration(50+random.IntN(400))*time.Millisecond)
				_, _ = replica.Sync(ctx, activitycore.SyncOptions{}) // may be cut off anywhere
				die()
			}
		})
	}
	busy.Wait()

	wrong := b.untilConverged()
	for _, drift := range wrong {
		t.Errorf("not converged: %+v", drift)
	}
	rows, _, err := b.store.ChangesSince(t.Context(), 0, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	byHand := 0
	for _, row := range rows {
		s := b.describe(row.ID)
		wanted := row.Live() && row.TriggerType == activitycore.TriggerCron
		switch {
		case wanted && row.Enabled && s == nil:
			t.Errorf("%s has no schedule", row.Name)
		case !wanted && s != nil:
			t.Errorf("%s has a schedule and is to have none", row.Name)
		case s != nil && s.Schedule.State.Paused == row.Effective():
			t.Errorf("%s: schedule paused %t, definition effective %t", row.Name, s.Schedule.State.Paused, row.Effective())
		}
		if row.Paused != nil && strings.Contains(row.Paused.Reason, "by hand") {
			byHand++
		}
	}
	t.Logf("%d rows, %d pauses made in Temporal are kept", len(rows), byHand)
}

// untilConverged syncs until a full comparison finds nothing, and returns what is left at the end.
func (b *bench) untilConverged() []activitycore.ScheduleDrift {
	b.Helper()
	var drift []activitycore.ScheduleDrift
	for range 20 {
		report := b.sync(activitycore.SyncOptions{Full: true})
		if drift = report.Drift; len(drift) == 0 && report.Writes == 0 {
			return nil
		}
	}
	return drift
}

// changeAtRandom does what a user, or an operator, could, and reconciles as the API does; the calls may be cut off.
func (b *bench) changeAtRandom(random *rand.Rand, n int, replica *temporalschedule.Reconciler) {
	d := cron(fmt.Sprintf("raced-%03d", random.IntN(n)))
	ctx, die := context.WithTimeout(b.Context(), time.Duration(1+random.IntN(60))*time.Millisecond)
	if random.IntN(3) > 0 {
		die()
		ctx, die = context.WithTimeout(b.Context(), time.Minute)
	}
	defer die()
	change := activitycore.DefinitionChange{Definition: d, ExpectVersion: activitycore.AnyVersion}
	switch random.IntN(8) {
	case 0:
		change.Delete = true
	case 1:
		change.Definition.Enabled = false
	case 2:
		change.Definition.TriggerType = activitycore.TriggerEvent
		change.Definition.TriggerConfig = activitycore.TriggerConfig{EventType: activitycore.StringList{"x"}}
	case 3:
		_, _ = b.store.SetPaused(ctx, d.ID, &activitycore.Pause{By: "alice", At: time.Now()}, time.Now())
		_ = replica.SyncDefinition(ctx, d.ID)
		return
	case 4:
		_, _ = b.store.SetPaused(ctx, d.ID, nil, time.Now())
		_ = replica.SyncDefinition(ctx, d.ID)
		return
	case 5:
		h := b.client.ScheduleClient().GetHandle(ctx, activitycore.ScheduleID(d.ID))
		_ = h.Pause(ctx, client.SchedulePauseOptions{Note: "by hand"})
		return
	default:
		change.Definition.TriggerConfig.CronExpression = activitycore.StringList{fmt.Sprintf("%d 3 * * *", random.IntN(60))}
	}
	_, _ = b.store.ApplyChanges(ctx, []activitycore.DefinitionChange{change}, "test", time.Now())
	_ = replica.SyncDefinition(ctx, d.ID)
}

// TestAnUpdateNeverUndoesAPauseMadeMeanwhile pauses the schedule in Temporal between the description and the update made
// from it.
func TestAnUpdateNeverUndoesAPauseMadeMeanwhile(t *testing.T) {
	b := newBench(t)
	d := cron("paused-meanwhile")
	b.save(d)
	between := &oncePaused{b: b, id: d.ID}
	b.rec = temporalschedule.New(temporalschedule.Config{
		Service: b.client.WorkflowService(), Namespace: b.namespace, Store: b.store, Slots: between,
	})
	d.TriggerConfig.CronExpression = activitycore.StringList{"@daily"}
	b.save(d)
	if !between.done {
		t.Fatal("the edit wrote nothing")
	}
	row, err := b.store.DefinitionAny(t.Context(), d.ID)
	if err != nil || row.Paused == nil || !b.paused(d.ID) {
		t.Errorf("the pause is lost: record %+v, schedule paused %t, %v", row.Paused, b.paused(d.ID), err)
	}
	if report := b.sync(activitycore.SyncOptions{Full: true}); len(report.Drift) > 0 {
		t.Errorf("drift %+v", report.Drift)
	}
}

// oncePaused pauses a schedule by hand before the first write to it.
type oncePaused struct {
	b    *bench
	id   string
	done bool
}

func (o *oncePaused) BeforeWrite(context.Context, string) (func(context.Context) error, error) {
	if !o.done {
		o.done = true
		o.b.pauseByHand(o.id, "stop it")
	}
	return nil, nil
}
