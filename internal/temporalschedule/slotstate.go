package temporalschedule

import (
	"context"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"

	activitycore "github.com/activity-core/activity-core"
)

// SlotState asks Temporal what has become of one slot: whether its execution exists and, if not, whether the schedule still
// holds the slot. It is for slots that are overdue, not for every one.
func (r *Reconciler) SlotState(ctx context.Context, activityID string, nominal time.Time) (activitycore.SlotState, error) {
	state, err := r.calls.execution(ctx, activitycore.WorkflowID(activityID, activitycore.CronCause(nominal)))
	if err != nil || state != activitycore.SlotAbsent {
		return state, err
	}
	seen, there, err := r.calls.describe(ctx, activityID)
	if err != nil {
		return "", err
	}
	if !there || seen.Paused {
		return activitycore.SlotAbsent, nil
	}
	// What is buffered is not told by nominal time. One slot that waits may be this one.
	if seen.info.GetBufferSize() > 0 {
		return activitycore.SlotWaiting, nil
	}
	if next := seen.info.GetFutureActionTimes(); len(next) > 0 && !next[0].AsTime().After(nominal) {
		return activitycore.SlotWaiting, nil
	}
	// It may have been started between the two questions.
	return r.calls.execution(ctx, activitycore.WorkflowID(activityID, activitycore.CronCause(nominal)))
}

func (c *calls) execution(ctx context.Context, workflowID string) (activitycore.SlotState, error) {
	var resp *workflowservice.DescribeWorkflowExecutionResponse
	err := c.do(ctx, "describe_workflow", func(ctx context.Context) (err error) {
		resp, err = c.service.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{
			Namespace: c.namespace, Execution: &commonpb.WorkflowExecution{WorkflowId: workflowID},
		})
		return err
	})
	switch {
	case notFound(err):
		return activitycore.SlotAbsent, nil
	case err != nil:
		return "", temporalError(err, "describe a run in Temporal")
	case resp.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return activitycore.SlotOpen, nil
	}
	return activitycore.SlotClosed, nil
}
