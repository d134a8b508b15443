//go:build !slim

package crowd_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/crowd"
	"github.com/activity-core/activity-core/internal/devstack"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// benchSize is how many definitions are due at once: ACTIVITY_CORE_BENCH_N, or 1,000.
func benchSize() int {
	if n, err := strconv.Atoi(os.Getenv("ACTIVITY_CORE_BENCH_N")); err == nil && n > 0 {
		return n
	}
	return 1000
}

// BenchmarkFullHour has N definitions due at the same minute: when has the last run started,
// and how late are they, with their schedules alone, on both of Temporal's schedulers, and with
// a [crowd.Starter] beside them, against a bare loop of ExecuteWorkflow calls of the same
// workflow with the same concurrency on the same server, half of it before and half after.
// Nobody works on the runs. Run with -benchtime=1x.
func BenchmarkFullHour(b *testing.B) {
	for _, mode := range []struct {
		name            string
		chasm, together bool
	}{{name: "schedules"}, {name: "schedules-chasm", chasm: true}, {name: "crowd", together: true}} {
		b.Run(mode.name, func(b *testing.B) {
			for b.Loop() {
				fullHour(b, benchSize(), mode.chasm, mode.together)
			}
		})
	}
}

func fullHour(b *testing.B, n int, chasm, together bool) {
	server, err := devstack.StartTemporal(b.Context(), devstack.TemporalConfig{SearchAttributes: devstacktest.SearchAttributes(), CHASMScheduler: chasm})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = server.Stop(context.Background()) })
	c, err := client.Dial(client.Options{HostPort: server.Addr()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	store, err := sqlite.Open(b.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	starter := temporalrun.NewStarter(c)
	bare := func(from, to int) time.Duration {
		return devstacktest.Parallel(b, 16, to-from, func(i int) error {
			_, err := starter.StartRun(b.Context(), core.DefinitionID("bare"), core.ManualCause(fmt.Sprint(from+i)))
			return err
		})
	}
	before := bare(0, n/2)

	due := time.Now().UTC().Add(20*time.Second + time.Duration(n)*15*time.Millisecond).Truncate(time.Minute).Add(time.Minute)
	var changes []core.DefinitionChange
	for i := range n {
		changes = append(changes, core.DefinitionChange{Definition: daily(fmt.Sprintf("hour-%04d", i), due)})
	}
	if _, err := store.ApplyChanges(b.Context(), changes, "bench", time.Now()); err != nil {
		b.Fatal(err)
	}
	rec := temporalschedule.New(temporalschedule.Config{Service: c.WorkflowService(), Namespace: server.Namespace(), Store: store})
	if _, err := rec.Sync(b.Context(), core.SyncOptions{}); err != nil {
		b.Fatal(err)
	}
	if !time.Now().Before(due) {
		b.Fatal("the schedules were not made in time")
	}
	if together {
		s := crowd.New(crowd.Config{Record: store, Runs: starter, Schedules: rec})
		report, err := s.Instant(b.Context(), due)
		if err != nil {
			b.Fatal(err)
		}
		b.Logf("%+v", report)
	}
	late := awaitStarted(b, c, n, due)
	bareTime := before + bare(n/2, n)
	slices.Sort(late)
	last := late[len(late)-1]
	b.ReportMetric(last.Seconds(), "last-started-s")
	b.ReportMetric(bareTime.Seconds()/last.Seconds(), "ratio")
	b.Logf("%d due at once: last started after %s, lateness p50 %s p99 %s; bare loop of starts %s, ratio %.2f",
		n, last, late[n/2], late[n*99/100], bareTime, bareTime.Seconds()/last.Seconds())
}

// daily is a definition that is due once a day at the minute of t.
func daily(name string, t time.Time) core.Definition {
	return core.Definition{
		ID: core.DefinitionID(name), Name: name, Enabled: true, TriggerType: core.TriggerCron,
		TriggerConfig: core.TriggerConfig{CronExpression: core.StringList{fmt.Sprintf("%d %d * * *", t.Minute(), t.Hour())}, Timezone: "UTC"},
		Rules:         []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}}}},
	}
}

// awaitStarted returns how late each of the n cron runs was started.
func awaitStarted(tb testing.TB, c client.Client, n int, due time.Time) []time.Duration {
	tb.Helper()
	for deadline := due.Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(time.Second) {
		var late []time.Duration
		var token []byte
		for {
			resp, err := c.ListWorkflow(tb.Context(), &workflowservice.ListWorkflowExecutionsRequest{
				Query: core.SearchAttrTrigger + " = 'cron'", PageSize: 1000, NextPageToken: token,
			})
			if err != nil {
				tb.Fatal(err)
			}
			for _, e := range resp.Executions {
				if e.GetType().GetName() == core.WorkflowType {
					late = append(late, e.StartTime.AsTime().Sub(due))
				}
			}
			if token = resp.NextPageToken; len(token) == 0 {
				break
			}
		}
		if len(late) > n {
			tb.Fatalf("%d runs for %d slots", len(late), n)
		}
		if len(late) == n {
			return late
		}
	}
	tb.Fatal("not all runs were started")
	return nil
}
