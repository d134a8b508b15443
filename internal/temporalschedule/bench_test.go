//go:build !slim

package temporalschedule_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// size is how many definitions a benchmark takes: ACTIVITY_CORE_BENCH_N if set, the long one with ACTIVITY_CORE_LONG=1.
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

// parallel calls do for 0 to n-1 with the concurrency of a sync and returns how long it took.
func parallel(tb testing.TB, n int, do func(int) error) time.Duration {
	tb.Helper()
	start := time.Now()
	next := make(chan int)
	var wg sync.WaitGroup
	for range benchConcurrency {
		wg.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					tb.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	return time.Since(start)
}

// BenchmarkSync compares the first sync of N definitions with a bare loop of CreateSchedule through the SDK, the same
// concurrency, on the same server in the same run, half of the loop before and half after; and the converged sync with
// the first. Run with -benchtime=1x.
func BenchmarkSync(b *testing.B) {
	n := size(200, 10_000)
	for b.Loop() {
		synced, bare := devstacktest.Temporal(b), devstacktest.Temporal(b)
		sdk, c := bare.Client(b), synced.Client(b)
		store := newRecord(b)
		var changes []activitycore.DefinitionChange
		for i := range n {
			d := cron(fmt.Sprintf("bench-%05d", i))
			d.TriggerConfig.CronExpression = activitycore.StringList{fmt.Sprintf("%d %d * * *", i%60, i/60%24)}
			changes = append(changes, activitycore.DefinitionChange{Definition: d})
		}
		store.apply(changes...)
		loop := func(from, to int) time.Duration {
			return parallel(b, to-from, func(i int) error { return createBare(b.Context(), sdk, from+i) })
		}
		before := loop(0, n/2)
		rec := temporalschedule.New(temporalschedule.Config{Service: c.WorkflowService(), Namespace: synced.Name, Store: store})
		first, err := rec.Sync(b.Context(), activitycore.SyncOptions{})
		if err != nil || first.Writes != n {
			b.Fatal(err, first.Writes, first.Drift[:1])
		}
		loopTime := before + loop(n/2, n)

		awaitListed(b, c, synced.Name, n)
		again, err := rec.Sync(b.Context(), activitycore.SyncOptions{})
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

func createBare(ctx context.Context, c client.Client, i int) error {
	id := activitycore.DefinitionID(fmt.Sprintf("bare-%05d", i))
	_, err := c.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID:      activitycore.ScheduleID(id),
		Overlap: enumspb.SCHEDULE_OVERLAP_POLICY_SKIP,
		Spec: client.ScheduleSpec{
			Calendars:    []client.ScheduleCalendarSpec{{Hour: []client.ScheduleRange{{Start: i / 60 % 24}}, Minute: []client.ScheduleRange{{Start: i % 60}}}},
			TimeZoneName: "Europe/Berlin",
		},
		Action: &client.ScheduleWorkflowAction{
			ID: activitycore.CronWorkflowBase(id), Workflow: activitycore.WorkflowType, TaskQueue: activitycore.TaskQueue,
			Args: []any{activitycore.RunInput{ActivityID: id}},
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

// BenchmarkFullHour has N definitions due at the same minute: when has the last one started, how late are they, against a
// bare loop of ExecuteWorkflow calls in the same run, on both of Temporal's schedulers. Run with -benchtime=1x; each
// scheduler takes up to two minutes.
func BenchmarkFullHour(b *testing.B) {
	n := size(100, 1000)
	for name, cfg := range map[string]devstack.TemporalConfig{
		"classic": {},
		"chasm":   {CHASMScheduler: true},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				fullHour(b, n, name, cfg)
			}
		})
	}
}

func fullHour(b *testing.B, n int, name string, cfg devstack.TemporalConfig) {
	cfg.SearchAttributes = devstacktest.SearchAttributes()
	server, err := devstack.StartTemporal(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Stop(context.Background()) })
	c, err := client.Dial(client.Options{HostPort: server.Addr()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	bare := parallel(b, n, func(i int) error {
		_, err := c.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: fmt.Sprintf("bare-%d", i), TaskQueue: "bare"}, "Bare", activitycore.RunInput{})
		return err
	})

	store := newRecord(b)
	due := time.Now().UTC().Add(20*time.Second + time.Duration(n)*15*time.Millisecond).Truncate(time.Minute).Add(time.Minute)
	var changes []activitycore.DefinitionChange
	for i := range n {
		d := cron(fmt.Sprintf("hour-%04d", i))
		d.TriggerConfig.CronExpression = activitycore.StringList{fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())}
		d.TriggerConfig.Timezone = "UTC"
		changes = append(changes, activitycore.DefinitionChange{Definition: d})
	}
	store.apply(changes...)
	rec := temporalschedule.New(temporalschedule.Config{Service: c.WorkflowService(), Namespace: server.Namespace(), Store: store})
	if _, err := rec.Sync(b.Context(), activitycore.SyncOptions{}); err != nil {
		b.Fatal(err)
	}
	if !time.Now().Before(due) {
		b.Fatal("the schedules were not made in time")
	}
	late := awaitStarted(b, c, n, due)
	slices.Sort(late)
	last := late[len(late)-1]
	b.ReportMetric(last.Seconds(), "last-started-s")
	b.ReportMetric(bare.Seconds()/last.Seconds(), "ratio")
	b.Logf("%s: %d due at once: last started after %s, lateness p50 %s p99 %s; bare loop of starts %s, ratio %.2f",
		name, n, last, late[n/2], late[n*99/100], bare, bare.Seconds()/last.Seconds())
}

// awaitStarted returns how late each of the n runs was started.
func awaitStarted(b *testing.B, c client.Client, n int, due time.Time) []time.Duration {
	b.Helper()
	for deadline := due.Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		var late []time.Duration
		var token []byte
		for {
			resp, err := c.ListWorkflow(b.Context(), &workflowservice.ListWorkflowExecutionsRequest{
				Query: "WorkflowType = '" + activitycore.WorkflowType + "'", PageSize: 1000, NextPageToken: token,
			})
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range resp.Executions {
				late = append(late, e.StartTime.AsTime().Sub(due))
			}
			if token = resp.NextPageToken; len(token) == 0 {
				break
			}
		}
		if len(late) >= n {
			return late
		}
	}
	b.Fatal("not all runs were started")
	return nil
}
