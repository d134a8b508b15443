package temporalschedule

import (
	"context"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// Backlog says which slots a definition's schedule has still to start: any of those due, if
// buffered is more than 0, and otherwise those from next on. Both are zero for a schedule that
// is paused, has no time left, or does not exist. CodeConflict: somebody paused it in Temporal,
// and the record does not know of it yet; the next sync adopts the pause.
func (r *Reconciler) Backlog(ctx context.Context, activityID string) (buffered int64, next time.Time, err error) {
	seen, there, err := r.calls.describe(ctx, activityID)
	if err != nil || !there {
		return 0, time.Time{}, err
	}
	if outside, err := r.pausedOutside(ctx, seen); err != nil {
		return 0, time.Time{}, err
	} else if outside {
		return 0, time.Time{}, core.Errorf(core.CodeConflict, "the schedule of definition %s was paused in Temporal; the next sync takes the pause into the record", activityID)
	}
	// What is buffered is started even if the schedule has been paused since.
	buffered = seen.info.GetBufferSize()
	if times := seen.info.GetFutureActionTimes(); len(times) > 0 && !seen.Paused {
		next = times[0].AsTime()
	}
	return buffered, next, nil
}

// SlotState says whether the execution of a slot exists in Temporal.
func (r *Reconciler) SlotState(ctx context.Context, activityID string, nominal time.Time) (core.SlotState, error) {
	workflowID := core.WorkflowID(activityID, core.CronCause(nominal))
	var resp *workflowservice.DescribeWorkflowExecutionResponse
	err := r.calls.do(ctx, "describe_workflow", func(ctx context.Context) (err error) {
		resp, err = r.calls.service.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
			Namespace: r.calls.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		})
		return err
	})
	switch {
	case notFound(err):
		return core.SlotAbsent, nil
	case err != nil:
		return "", temporalerr.Of(err, "describe a run in Temporal")
	case resp.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return core.SlotOpen, nil
	}
	return core.SlotClosed, nil
}

// Firing returns the IDs of the definitions whose schedule of ours exists and is not paused, by
// whomever. Temporal's listing may lag behind by moments.
func (r *Reconciler) Firing(ctx context.Context) (map[string]bool, error) {
	observed, err := r.calls.list(ctx)
	if err != nil {
		return nil, err
	}
	firing := make(map[string]bool, len(observed))
	for _, o := range observed {
		if o.Owned && !o.Paused {
			firing[o.ActivityID] = true
		}
	}
	return firing, nil
}
