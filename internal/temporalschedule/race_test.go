//go:build !slim

package temporalschedule_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// TestReplicasAgreeAfterRandomChangesAndDeaths lets two replicas change definitions at random
// and reconcile beside each other, while their calls are cut off at random as a killed
// process's would be, and people pause schedules in Temporal. After it is quiet, record and
// Temporal must be equal. With ACTIVITY_CORE_LONG=1 it takes 500 definitions.
func TestReplicasAgreeAfterRandomChangesAndDeaths(t *testing.T) {
	b := newBench(t)
	n, rounds := 40, 150
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		n, rounds = 500, 3000
	}
	replicas := []*temporalschedule.Reconciler{b.replica(), b.replica()}
	var busy sync.WaitGroup
	for r, replica := range replicas {
		busy.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(r))) //nolint:gosec // a repeatable sequence
			for range rounds {
				b.changeAtRandom(random, n, replica)
			}
		})
		busy.Go(func() {
			random := rand.New(rand.NewPCG(8, uint64(r))) //nolint:gosec // a sequence of its own: two goroutines cannot share one
			for range max(3, rounds/100) {
				ctx, die := context.WithTimeout(b.Context(), time.Duration(50+random.IntN(400))*time.Millisecond)
				_, _ = replica.Sync(ctx, core.SyncOptions{}) // may be cut off anywhere
				die()
			}
		})
	}
	busy.Wait()

	wrong := b.untilConverged()
	for _, drift := range wrong {
		t.Errorf("not converged: %+v", drift)
	}
	t.Logf("audited: %s", b.audit(nil))
}

// untilConverged syncs until a full comparison finds nothing, and returns what is left at the end.
func (b *bench) untilConverged() []core.ScheduleDrift {
	b.Helper()
	var drift []core.ScheduleDrift
	for range 20 {
		report := b.sync(core.SyncOptions{Full: true})
		if drift = report.Drift; len(drift) == 0 && report.Writes == 0 {
			return nil
		}
	}
	return drift
}

// changeAtRandom makes one change, whose calls may be cut off.
func (b *bench) changeAtRandom(random *rand.Rand, n int, replica *temporalschedule.Reconciler) {
	ctx, die := context.WithTimeout(b.Context(), time.Duration(1+random.IntN(60))*time.Millisecond)
	if random.IntN(3) > 0 {
		die()
		ctx, die = context.WithTimeout(b.Context(), time.Minute)
	}
	defer die()
	_, _ = b.changeRaced(ctx, random, raced(random.IntN(n)), replica)
}

// changeRaced does to a definition what a user, or an operator, could, reconciles it as the API
// does, and says what it was.
func (b *bench) changeRaced(ctx context.Context, random *rand.Rand, d core.Definition, replica *temporalschedule.Reconciler) (what string, err error) {
	change := core.DefinitionChange{Definition: d}
	switch random.IntN(8) {
	case 0:
		what, change.Delete = "delete", true
	case 1:
		what, change.Definition.Enabled = "disable", false
	case 2:
		what, change.Definition.TriggerType = "turn into event", core.TriggerEvent
		change.Definition.TriggerConfig = core.TriggerConfig{EventType: core.StringList{"x"}}
	case 3:
		_, err = b.store.SetPaused(ctx, d.ID, &core.Pause{By: "alice", At: time.Now()}, "test", time.Now())
		return "pause", cmp.Or(err, replica.SyncDefinition(ctx, d.ID))
	case 4:
		_, err = b.store.SetPaused(ctx, d.ID, nil, "test", time.Now())
		return "resume", cmp.Or(err, replica.SyncDefinition(ctx, d.ID))
	case 5:
		if strings.HasPrefix(d.Name, "occupied") {
			return "nothing", nil // what is there is somebody else's
		}
		h := b.client.ScheduleClient().GetHandle(ctx, core.ScheduleID(d.ID))
		_ = h.Pause(ctx, client.SchedulePauseOptions{Note: "by hand"}) // if there is one
		return "pause in Temporal", nil
	default:
		what = "create or edit"
		randomTrigger(random, &change.Definition)
	}
	return what, b.applyAndReconcile(ctx, change, replica)
}

// randomTrigger changes when a definition fires and what becomes of what it missed; not all of
// it shows in Temporal's listing.
func randomTrigger(random *rand.Rand, d *core.Definition) {
	d.TriggerConfig.CronExpression = core.StringList{fmt.Sprintf("%d %d * * *", random.IntN(60), 1+random.IntN(5))}
	d.TriggerConfig.Timezone = []string{"Europe/Berlin", "UTC", "America/St_Johns"}[random.IntN(3)]
	d.TriggerConfig.MisfirePolicy = []core.MisfirePolicy{core.MisfireSkip, core.MisfireCatchup, core.MisfireCompress}[random.IntN(3)]
}

func (b *bench) applyAndReconcile(ctx context.Context, change core.DefinitionChange, replica *temporalschedule.Reconciler) error {
	change.ExpectVersion = core.AnyVersion
	_, err := b.store.ApplyChanges(ctx, []core.DefinitionChange{change}, "test", time.Now())
	return cmp.Or(err, replica.SyncDefinition(ctx, change.Definition.ID))
}

// TestAnUpdateNeverUndoesAPauseMadeMeanwhile pauses the schedule in Temporal between the
// description and the update made from it.
func TestAnUpdateNeverUndoesAPauseMadeMeanwhile(t *testing.T) {
	b := newBench(t)
	d := cron("paused-meanwhile")
	b.save(d)
	between := &oncePaused{b: b, id: d.ID}
	b.rec = temporalschedule.New(temporalschedule.Config{
		Service: b.client.WorkflowService(), Namespace: b.namespace, Store: b.store, Slots: between,
	})
	d.TriggerConfig.CronExpression = core.StringList{"@daily"}
	b.save(d)
	if !between.done {
		t.Fatal("the edit wrote nothing")
	}
	row, err := b.store.DefinitionAny(t.Context(), d.ID)
	if err != nil || row.Paused == nil || !b.paused(d.ID) {
		t.Errorf("the pause is lost: record %+v, schedule paused %t, %v", row.Paused, b.paused(d.ID), err)
	}
	if report := b.sync(core.SyncOptions{Full: true}); len(report.Drift) > 0 {
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
