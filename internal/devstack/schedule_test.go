//go:build !slim

package devstack_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/activity-core/activity-core/internal/devstack"

	"github.com/activity-core/activity-core/internal/testkit"
)

// TestSchedules shows what activity-core asks of a schedule. The CHASM scheduler of server
// 1.32.0 is left out where slots are buffered: when the run that held them back ended, it
// started two of them beside each other.
func TestSchedules(t *testing.T) {
	t.Parallel()
	both := map[string]func(*testing.T, client.Client){
		"fires with its search attributes":        schedulesFire,
		"can be found, changed and deleted":       schedulesChange,
		"keeps a pause and its note":              schedulesPause,
		"overlap skip starts none beside another": overlapSkip,
	}
	t.Run("classic", func(t *testing.T) {
		server := startMemoryTemporal(t, false)
		onFreshNamespaces(t, server, both)
		onFreshNamespaces(t, server, map[string]func(*testing.T, client.Client){
			"overlap buffer one starts one more":      overlapBufferOne,
			"overlap buffer all starts each in order": overlapBufferAll,
		})
	})
	t.Run("chasm", func(t *testing.T) { onFreshNamespaces(t, startMemoryTemporal(t, true), both) })
}

func startMemoryTemporal(t *testing.T, chasm bool) *devstack.Temporal {
	t.Helper()
	server, err := devstack.StartTemporal(testContext(t), devstack.TemporalConfig{
		SearchAttributes: searchAttributes(), NamespaceRefresh: 100 * time.Millisecond, CHASMScheduler: chasm,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, server) })
	return server
}

// onFreshNamespaces runs the tests beside each other, each in a namespace of its own.
func onFreshNamespaces(t *testing.T, server *devstack.Temporal, tests map[string]func(*testing.T, client.Client)) {
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			namespace := "ns-" + uuid.NewString()
			if err := server.CreateNamespace(testContext(t), namespace); err != nil {
				t.Fatal(err)
			}
			test(t, dialTemporal(t, server.Addr(), namespace))
		})
	}
}

const (
	scheduleID = "activity-schedule-of-test"
	workflowID = "activity-of-test:cron"
)

// everySecond creates a schedule whose workflow nobody works on: each run stays open until the
// test ends it.
func everySecond(t *testing.T, c client.Client, overlap enumspb.ScheduleOverlapPolicy) client.ScheduleHandle {
	t.Helper()
	h, err := c.ScheduleClient().Create(testContext(t), client.ScheduleOptions{
		ID:      scheduleID,
		Overlap: overlap,
		Spec:    client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Second}}},
		Action: &client.ScheduleWorkflowAction{
			ID: workflowID, Workflow: "Waiting", TaskQueue: "nobody-listens",
			TypedSearchAttributes: temporal.NewSearchAttributes(activityID.ValueSet("a1")),
		},
		TypedSearchAttributes: temporal.NewSearchAttributes(activityID.ValueSet("a1"), specHash.ValueSet("h1")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func keyword(name string) temporal.SearchAttributeKeyKeyword {
	return temporal.NewSearchAttributeKeyKeyword(name)
}

var (
	activityID = keyword("activity_id")
	specHash   = keyword("activity_spec_hash")
)

func schedulesFire(t *testing.T, c client.Client) {
	everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL)
	var ids map[string]bool
	testkit.Eventually(t, "three runs found by search attribute", func(ctx context.Context) (bool, error) {
		runs, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "activity_id = 'a1' AND WorkflowType = 'Waiting'",
		})
		ids = make(map[string]bool)
		for _, run := range runs.GetExecutions() {
			ids[run.Execution.WorkflowId] = true
		}
		return len(runs.GetExecutions()) >= 3, err
	})
	for id := range ids {
		nominal, err := time.Parse(time.RFC3339, id[len(workflowID)+1:])
		if err != nil || nominal.Location() != time.UTC {
			t.Errorf("workflow ID %q does not end in a nominal time in UTC: %v", id, err)
		}
	}
	if len(ids) < 3 {
		t.Errorf("the runs share workflow IDs: %v", ids)
	}
}

func schedulesChange(t *testing.T, c client.Client) {
	ctx := testContext(t)
	h := everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP)
	found := func(query string) func(context.Context) (bool, error) {
		return func(ctx context.Context) (bool, error) {
			list, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{Query: query})
			if err != nil {
				return false, err
			}
			for list.HasNext() {
				entry, err := list.Next()
				if err != nil {
					return false, err
				}
				if entry.ID == scheduleID {
					return true, nil
				}
			}
			return false, nil
		}
	}
	testkit.Eventually(t, "list to show the schedule", found(""))
	testkit.Eventually(t, "list to find the schedule by its hash", found("activity_id = 'a1' AND activity_spec_hash = 'h1'"))

	err := h.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			s := in.Description.Schedule
			s.Spec = &client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}}
			s.Policy.CatchupWindow = 72 * time.Hour
			attrs := temporal.NewSearchAttributes(activityID.ValueSet("a1"), specHash.ValueSet("h2"))
			return &client.ScheduleUpdate{Schedule: &s, TypedSearchAttributes: &attrs}, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the update to be described", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil {
			return false, err
		}
		return d.Schedule.Policy.CatchupWindow == 72*time.Hour && d.Schedule.Spec.Intervals[0].Every == time.Hour, nil
	})
	testkit.Eventually(t, "list to find the schedule by its new hash", found("activity_spec_hash = 'h2'"))

	if err := h.Delete(ctx); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "describe to say that the schedule is gone", func(ctx context.Context) (bool, error) {
		_, err := h.Describe(ctx)
		var notFound *serviceerror.NotFound
		if errors.As(err, &notFound) {
			return true, nil
		}
		return false, err
	})
	testkit.Eventually(t, "list to forget the schedule", func(ctx context.Context) (bool, error) {
		still, err := found("")(ctx)
		return !still, err
	})
	// The ID is free again at once.
	everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP)
}

func schedulesPause(t *testing.T, c client.Client) {
	ctx := testContext(t)
	h := everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_ALLOW_ALL)
	if err := h.Pause(ctx, client.SchedulePauseOptions{Note: "by the operator"}); err != nil {
		t.Fatal(err)
	}
	var before int
	testkit.Eventually(t, "the pause to be described", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil {
			return false, err
		}
		before = d.Info.NumActions
		return d.Schedule.State.Paused && d.Schedule.State.Note == "by the operator", nil
	})
	testkit.Eventually(t, "list to show the pause", func(ctx context.Context) (bool, error) {
		list, err := c.ScheduleClient().List(ctx, client.ScheduleListOptions{})
		if err != nil || !list.HasNext() {
			return false, err
		}
		entry, err := list.Next()
		return err == nil && entry.Paused && entry.Note == "by the operator", err
	})
	if err := h.Unpause(ctx, client.ScheduleUnpauseOptions{Note: "resumed"}); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the schedule to fire again", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil {
			return false, err
		}
		return !d.Schedule.State.Paused && d.Info.NumActions > before, nil
	})
}

func overlapSkip(t *testing.T, c client.Client) {
	h := everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_SKIP)
	testkit.Eventually(t, "two slots to be skipped", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil {
			return false, err
		}
		return d.Info.NumActionsSkippedOverlap >= 2, nil
	})
	if n := running(t, c); n != 1 {
		t.Errorf("%d runs beside each other, want 1", n)
	}
}

func overlapBufferOne(t *testing.T, c client.Client) {
	h := everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE)
	twoSlotsPassBesideARun(t, h)
	nextStartsWhenOneEnds(t, c, h)
}

// twoSlotsPassBesideARun waits until the first run has been open for two more slots.
func twoSlotsPassBesideARun(t *testing.T, h client.ScheduleHandle) {
	t.Helper()
	testkit.Eventually(t, "two slots to pass beside the first run", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil || len(d.Info.RecentActions) == 0 {
			return false, err
		}
		return time.Since(d.Info.RecentActions[0].ScheduleTime) > 3*time.Second, nil
	})
}

func overlapBufferAll(t *testing.T, c client.Client) {
	h := everySecond(t, c, enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL)
	twoSlotsPassBesideARun(t, h)
	nextStartsWhenOneEnds(t, c, h)
	nextStartsWhenOneEnds(t, c, h)
	d, err := h.Describe(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	actions := d.Info.RecentActions
	for i := 1; i < len(actions); i++ {
		if gap := actions[i].ScheduleTime.Sub(actions[i-1].ScheduleTime); gap != time.Second {
			t.Errorf("slots %s and %s: want each second, none left out", actions[i-1].ScheduleTime, actions[i].ScheduleTime)
		}
	}
}

// nextStartsWhenOneEnds ends the one run there is and waits for the next.
func nextStartsWhenOneEnds(t *testing.T, c client.Client, h client.ScheduleHandle) {
	t.Helper()
	ctx := testContext(t)
	d, err := h.Describe(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Info.RunningWorkflows) != 1 {
		t.Fatalf("%d runs beside each other, want 1", len(d.Info.RunningWorkflows))
	}
	current := d.Info.RunningWorkflows[0].WorkflowID
	if err := c.TerminateWorkflow(ctx, current, "", "makes room"); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the next run", func(ctx context.Context) (bool, error) {
		d, err := h.Describe(ctx)
		if err != nil || len(d.Info.RunningWorkflows) != 1 {
			return false, err
		}
		return d.Info.RunningWorkflows[0].WorkflowID != current, nil
	})
}

func running(t *testing.T, c client.Client) int64 {
	t.Helper()
	n, err := c.CountWorkflow(testContext(t), &workflowservice.CountWorkflowExecutionsRequest{
		Query: "WorkflowType = 'Waiting' AND ExecutionStatus = 'Running'",
	})
	if err != nil {
		t.Fatal(err)
	}
	return n.Count
}
