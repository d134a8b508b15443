package temporalrun_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
)

const inFlight = 16 // more only adds latency

// minimal is the least workflow that does anything: one activity.
func minimal(ctx workflow.Context) (string, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var s string
	return s, workflow.ExecuteActivity(ctx, "minimalActivity").Get(ctx, &s)
}

func minimalActivity(context.Context) (string, error) { return "done", nil }

// BenchmarkRunCost holds one-task runs of this program (cause recorded, started, admitted, task
// written, result read) against a minimal workflow with one activity on the same server:
// alternating rounds with the same concurrency, so that both see the same machine. It reports
// runs per second of both and the median ratio of the rounds.
func BenchmarkRunCost(b *testing.B) {
	r := newRig(b)
	r.work()
	def := r.define(oneTask)
	base := worker.New(r.client, "minimal-tq", worker.Options{MaxConcurrentWorkflowTaskPollers: 4, MaxConcurrentActivityTaskPollers: 4})
	base.RegisterWorkflow(minimal)
	base.RegisterActivity(minimalActivity)
	if err := base.Start(); err != nil {
		b.Fatal(err)
	}
	defer base.Stop()

	ours := func(ctx context.Context) error {
		cause := core.ManualCause(uuid.NewString())
		rec := core.CauseRecord{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Cause: cause}
		if _, err := r.store.RecordCauses(ctx, []core.CauseRecord{rec}, time.Now()); err != nil {
			return err
		}
		if _, err := r.starter.StartRun(ctx, def.ID, cause); err != nil {
			return err
		}
		if err := r.store.ConfirmStarts(ctx, []core.Start{{ActivityID: def.ID, CauseKey: cause.Key()}}, time.Now()); err != nil {
			return err
		}
		id := core.WorkflowID(def.ID, cause)
		if err := r.starter.WaitRun(ctx, id); err != nil {
			return err
		}
		run, err := r.store.RunByWorkflowID(ctx, id)
		if err == nil && run.Status != core.RunSucceeded {
			err = fmt.Errorf("run %s is %s", run.RunID, run.Status)
		}
		return err
	}
	theirs := func(ctx context.Context) error {
		run, err := r.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: uuid.NewString(), TaskQueue: "minimal-tq"}, minimal)
		if err != nil {
			return err
		}
		return run.Get(ctx, nil)
	}
	const round = 150
	perSecond(b, 50, ours) // warm both up
	perSecond(b, 50, theirs)
	var us, them, ratios []float64
	for b.Loop() {
		for range 3 {
			o, t := perSecond(b, round, ours), perSecond(b, round, theirs)
			us, them, ratios = append(us, o), append(them, t), append(ratios, o/t)
		}
	}
	b.ReportMetric(median(us), "runs/s")
	b.ReportMetric(median(them), "minimal/s")
	b.ReportMetric(median(ratios), "ratio")
	b.Logf("one-task run %.0f/s, minimal workflow with one activity %.0f/s, ratio %.2f (goal >= 1.0)", median(us), median(them), median(ratios))
}

// perSecond does n things, inFlight at once.
func perSecond(b *testing.B, n int, do func(context.Context) error) float64 {
	b.Helper()
	var left atomic.Int64
	left.Store(int64(n))
	var wg sync.WaitGroup
	begin := time.Now()
	for range inFlight {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := do(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(begin).Seconds()
}

func median(list []float64) float64 {
	sorted := append([]float64(nil), list...)
	for i := range sorted {
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}

// BenchmarkFanOut carries out one HTTP request an item with this program, and with one Temporal
// activity an item, the obvious way, on the same server. The largest size is set by
// ACTIVITY_CORE_FANOUT (default 10000).
func BenchmarkFanOut(b *testing.B) {
	largest := 10_000
	if n, err := strconv.Atoi(os.Getenv("ACTIVITY_CORE_FANOUT")); err == nil {
		largest = n
	}
	for _, n := range []int{1, 100, 10_000} {
		if n > largest {
			continue
		}
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) { benchmarkFanOut(b, n) })
	}
}

func benchmarkFanOut(b *testing.B, n int) {
	r := newRig(b)
	r.work()
	s := newSink(b)
	def := r.define(fmt.Sprintf(`{"name": "fan-out", "enabled": true, "rules": [{"name": "r", "for_each": "lists.range(%d)", "as": "i",
		"actions": [{"type": "http_request", "with": {"url": "%s", "body": {"i": "${i}"}}}]}]}`, n, s.URL))
	base := worker.New(r.client, "obvious-tq", worker.Options{})
	base.RegisterWorkflow(obvious)
	base.RegisterActivityWithOptions(post(s.URL), activityName("post"))
	if err := base.Start(); err != nil {
		b.Fatal(err)
	}
	defer base.Stop()
	r.wait(r.trigger(def, "warm")) // definitions are compiled once
	for b.Loop() {
		begin := time.Now()
		id := r.trigger(def, uuid.NewString())
		run := r.wait(id)
		took := time.Since(begin)
		if run.Status != core.RunSucceeded || run.Actions.Succeeded != n {
			b.Fatalf("run: %+v", run)
		}
		events, bytes := r.history(id)

		begin = time.Now()
		other, err := r.client.ExecuteWorkflow(b.Context(), client.StartWorkflowOptions{ID: uuid.NewString(), TaskQueue: "obvious-tq"}, obvious, n)
		if err == nil {
			err = other.Get(b.Context(), nil)
		}
		otherTook := time.Since(begin)
		if err != nil {
			b.Fatal(err)
		}
		otherEvents, otherBytes := r.history(other.GetID())
		b.ReportMetric(took.Seconds(), "s")
		b.ReportMetric(float64(events), "events")
		b.ReportMetric(float64(bytes), "bytes")
		b.ReportMetric(float64(events)/float64(n), "events/item")
		b.ReportMetric(otherTook.Seconds()/took.Seconds(), "times-as-fast")
		b.ReportMetric(float64(otherEvents)/float64(events), "times-fewer-events")
		b.Logf("%d items: %.2f s, %d history events, %d bytes (%.3f events an item); one activity an item: %.2f s, %d events, %d bytes; %.1f times as fast, %.0f times fewer events",
			n, took.Seconds(), events, bytes, float64(events)/float64(n), otherTook.Seconds(), otherEvents, otherBytes,
			otherTook.Seconds()/took.Seconds(), float64(otherEvents)/float64(events))
	}
}

// obvious is one activity an item, as many at once as this program would have.
func obvious(ctx workflow.Context, n int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	sem := workflow.NewSemaphore(ctx, 128)
	wg := workflow.NewWaitGroup(ctx)
	var failed error
	for i := range n {
		if err := sem.Acquire(ctx, 1); err != nil {
			return err
		}
		wg.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer wg.Done()
			defer sem.Release(1)
			if err := workflow.ExecuteActivity(ctx, "post", i).Get(ctx, nil); err != nil {
				failed = err
			}
		})
	}
	wg.Wait(ctx)
	return failed
}

// history counts the events of a workflow, over all executions that it continued as, and their
// bytes.
func (r *rig) history(workflowID string) (events, bytes int) {
	r.Helper()
	for runID := ""; ; {
		before := ""
		it := r.client.GetWorkflowHistory(r.Context(), workflowID, runID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			if err != nil {
				r.Fatalf("read history: %v", err)
			}
			if started := e.GetWorkflowExecutionStartedEventAttributes(); started != nil {
				before = started.ContinuedExecutionRunId
			}
			events++
			bytes += e.Size()
		}
		if runID = before; runID == "" {
			return events, bytes
		}
	}
}
