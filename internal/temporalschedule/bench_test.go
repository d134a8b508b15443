//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/slots"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// size is how many definitions a benchmark takes: ACTIVITY_CORE_BENCH_N if set, the long one
// with ACTIVITY_CORE_LONG=1.
func size(small, long int) int {
	if n, err := strconv.Atoi(os.Getenv("ACTIVITY_CORE_BENCH_N")); err == nil {
		return n
	}
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		return long
	}
	return small
}

const benchConcurrency = 16

// BenchmarkSync compares the first sync of N definitions with a bare loop of CreateSchedule
// through the SDK, the same concurrency, on the same server in the same run, half of the loop
// before and half after; and the converged sync with the first. Run with -benchtime=1x.
func BenchmarkSync(b *testing.B) {
	n := size(200, 10_000)
	for b.Loop() {
		synced, bare := devstacktest.Temporal(b), devstacktest.Temporal(b)
		sdk, c := bare.Client(b), synced.Client(b)
		store := newRecord(b)
		var changes []core.DefinitionChange
		for i := range n {
			d := cron(fmt.Sprintf("bench-%05d", i))
			d.TriggerConfig.CronExpression = core.StringList{fmt.Sprintf("%d %d * * *", i%60, i/60%24)}
			changes = append(changes, core.DefinitionChange{Definition: d})
		}
		store.apply(changes...)
		loop := func(from, to int) time.Duration {
			return devstacktest.Parallel(b, benchConcurrency, to-from, func(i int) error { return createBare(b.Context(), sdk, from+i) })
		}
		before := loop(0, n/2)
		rec := asInProduction(c, synced.Name, store)
		first, err := rec.Sync(b.Context(), core.SyncOptions{})
		if err != nil || first.Writes != n {
			b.Fatal(err, first.Writes, first.Drift[:1])
		}
		loopTime := before + loop(n/2, n)

		awaitListed(b, c, synced.Name, n)
		again, err := rec.Sync(b.Context(), core.SyncOptions{})
		if err != nil || again.Writes != 0 || again.InSync != n {
			b.Fatalf("%v %+v", err, again)
		}
		b.ReportMetric(float64(n)/first.Seconds, "sync-creates/s")
		b.ReportMetric(float64(n)/loopTime.Seconds(), "bare-creates/s")
		b.ReportMetric(loopTime.Seconds()/first.Seconds, "ratio")
		b.ReportMetric(again.Seconds, "converged-s")
		b.Logf("%d definitions: first sync %.2f s %v, bare loop %.2f s, ratio %.2f; converged sync %.3f s %v, %.4f of the first",
			n, first.Seconds, first.Calls, loopTime.Seconds(), loopTime.Seconds()/first.Seconds, again.Seconds, again.Calls, again.Seconds/first.Seconds)
	}
}

// asInProduction is the reconciler with the slot keeper that app gives it, which reads the
// record before every write and looks for slots to rescue after it.
func asInProduction(c client.Client, namespace string, store record) *temporalschedule.Reconciler {
	keeper := &slotKeeper{}
	rec := temporalschedule.New(temporalschedule.Config{Service: c.WorkflowService(), Namespace: namespace, Store: store, Slots: keeper})
	keeper.Watchdog = slots.NewWatchdog(slots.Config{Record: store.Store, Starter: temporalrun.NewStarter(c), Scheduler: rec})
	return rec
}

// slotKeeper is app's: watchdog and reconciler need each other.
type slotKeeper struct{ *slots.Watchdog }

func createBare(ctx context.Context, c client.Client, i int) error {
	id := core.DefinitionID(fmt.Sprintf("bare-%05d", i))
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      core.ScheduleID(id),
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		Spec: client.ScheduleSpec{
			Calendars:    []client.ScheduleCalendarSpec{{Hour: []client.ScheduleRange{{Start: i / 60 % 24}}, Minute: []client.ScheduleRange{{Start: i % 60}}}},
			TimeZoneName: "Europe/Berlin",
		},
		Action: &client.ScheduleWorkflowAction{
			ID: core.CronWorkflowBase(id), Workflow: core.WorkflowType, TaskQueue: core.TaskQueue,
			Args: []any{core.RunInput{ActivityID: id}},
		},
		Memo:                  map[string]any{"activity_core_owner": "bare"},
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword("activity_id").ValueSet(id)),
	})
	return err
}

func awaitListed(tb testing.TB, c client.Client, namespace string, n int) {
	tb.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		resp, err := c.WorkflowService().CountSchedules(tb.Context(), &workflowservice.CountSchedulesRequest{Namespace: namespace})
		if err != nil {
			tb.Fatal(err)
		}
		if int(resp.Count) == n {
			return
		}
	}
	tb.Fatalf("the listing never showed %d schedules", n)
}
