package temporalrun

import (
	"context"
	"errors"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// Starter starts, cancels and awaits runs. Given the same client as a [Worker] of this process,
// it hands the first workflow task of a run to it directly (eager start), which saves a round
// trip through the task queue.
type Starter struct {
	client client.Client
}

// NewStarter makes a starter on a connected client.
func NewStarter(c client.Client) *Starter { return &Starter{client: c} }

// startTimeout bounds one start, with the SDK's own retries.
const startTimeout = 10 * time.Second

// StartRun asks Temporal to start the one run of (definition, cause). The cause must be in the
// ledger before. An execution that exists, running or closed, is no error. CodeUnavailable:
// whether it was started is not known, or something has to be set up first; ask again.
func (s *Starter) StartRun(ctx context.Context, activityID string, cause core.Cause) (core.StartOutcome, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	run, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       core.WorkflowID(activityID, cause),
		TaskQueue:                                core.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true, // or the SDK reports the old run as a success
		EnableEagerStart:                         true,
		TypedSearchAttributes:                    temporal.NewSearchAttributes(subject.ValueSet(activityID), trigger.ValueSet(string(cause.Kind))),
	}, core.WorkflowType, core.RunInput{ActivityID: activityID, Cause: cause})
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &exists):
		return core.StartOutcome{TemporalRunID: exists.RunId, AlreadyStarted: true}, nil
	case err != nil:
		return core.StartOutcome{}, startError(err)
	}
	return core.StartOutcome{TemporalRunID: run.GetRunID()}, nil
}

// CancelRun asks the run's workflow to end; it returns before it has. A run that has ended
// stays as it is, which is no error. CodeNotFound: Temporal knows no execution with this ID.
func (s *Starter) CancelRun(ctx context.Context, workflowID string) error {
	err := s.client.CancelWorkflow(ctx, workflowID, "")
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return core.NotFound("workflow", workflowID)
	}
	if err != nil {
		return temporalerr.Of(err, "cancel the run in Temporal")
	}
	return nil
}

// WaitRun returns when the run's workflow has ended, in whatever way: the record says how.
// CodeNotFound: Temporal knows no execution with this ID, or not any more.
func (s *Starter) WaitRun(ctx context.Context, workflowID string) error {
	err := s.client.GetWorkflow(ctx, workflowID, "").Get(ctx, nil)
	if _, ok := errors.AsType[*temporal.WorkflowExecutionError](err); err == nil || ok {
		return nil
	}
	if _, ok := errors.AsType[*serviceerror.NotFound](err); ok {
		return core.NotFound("workflow", workflowID)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return temporalerr.Of(err, "wait for the run in Temporal")
}

// startError translates what the service answers to a start. All of the request is the same for
// every run but the cause's identity, which stands in the workflow ID under the encoding rule
// of conventions.md. So a refusal says nothing against this cause: something is to be set up,
// an operator may be at it, and the same start succeeds afterwards. That is CodeUnavailable,
// like no answer.
func startError(err error) error {
	const doing = "start the run in Temporal"
	var (
		invalid *serviceerror.InvalidArgument
		denied  *serviceerror.PermissionDenied
		missing *serviceerror.NotFound
	)
	switch {
	case errors.As(err, &invalid):
		return core.Wrap(core.CodeUnavailable, err,
			"cannot %s: it refuses every start: %s; check that the search attributes activity_id, activity_trigger and activity_outcome are registered (activity-core doctor)", doing, invalid.Message)
	case errors.As(err, &denied):
		return core.Wrap(core.CodeUnavailable, err, "cannot %s: permission denied; check the credentials of temporal.* in the configuration", doing)
	case errors.As(err, &missing):
		return core.Wrap(core.CodeUnavailable, err, "cannot %s: %s; check temporal.namespace", doing, missing.Message)
	}
	return temporalerr.Of(err, doing)
}
