package actionexec

import (
	"context"
	"encoding/json"
	"errors"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// TemporalStarter starts workflows with a Temporal client, and with clients derived from it in
// other namespaces.
type TemporalStarter struct {
	Client client.Client
}

// StartWorkflow implements [WorkflowStarter].
func (t TemporalStarter) StartWorkflow(ctx context.Context, s WorkflowStart) (core.StartOutcome, error) {
	c, done, err := t.in(s.Namespace)
	if err != nil {
		return core.StartOutcome{}, err
	}
	defer done()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID:                                       s.ID,
		TaskQueue:                                s.TaskQueue,
		WorkflowExecutionTimeout:                 s.Timeout,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		Memo:                                     s.Memo,
	}, s.Type, s.Args...)
	if exists, ok := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); ok {
		return core.StartOutcome{TemporalRunID: exists.RunId, AlreadyStarted: true}, nil
	}
	if err != nil {
		return core.StartOutcome{}, translated(err, "start workflow "+s.ID)
	}
	return core.StartOutcome{TemporalRunID: run.GetRunID()}, nil
}

// WaitWorkflow implements [WorkflowStarter].
func (t TemporalStarter) WaitWorkflow(ctx context.Context, namespace, workflowID, runID string) (json.RawMessage, error) {
	c, done, err := t.in(namespace)
	if err != nil {
		return nil, err
	}
	defer done()
	var value json.RawMessage
	err = c.GetWorkflow(ctx, workflowID, runID).Get(ctx, &value)
	if failed, ok := errors.AsType[*temporal.WorkflowExecutionError](err); ok {
		return nil, core.Wrap(core.CodeInvalid, failed, "workflow %s did not complete: %s", workflowID, endOf(failed))
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, core.Wrap(core.CodeUnavailable, context.Cause(ctx), "workflow %s did not complete in time; raise the action's timeout", workflowID)
		}
		return nil, translated(err, "wait for workflow "+workflowID)
	}
	return value, nil
}

// endOf says how a workflow ended, in its own words where it failed.
func endOf(err *temporal.WorkflowExecutionError) string {
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	var terminated *temporal.TerminatedError
	switch {
	case errors.As(err, &app):
		return "it failed: " + app.Message()
	case errors.As(err, &timeout):
		return "it timed out"
	case errors.As(err, &terminated):
		return "it was terminated"
	case temporal.IsCanceledError(err):
		return "it was canceled"
	}
	return "it failed"
}

// in returns a client of the namespace, and what to call when done with it.
func (t TemporalStarter) in(namespace string) (client.Client, func(), error) {
	if namespace == "" {
		return t.Client, func() {}, nil
	}
	c, err := client.NewClientFromExisting(t.Client, client.Options{Namespace: namespace})
	if err != nil {
		return nil, nil, translated(err, "connect to namespace "+namespace)
	}
	return c, c.Close, nil
}

// translated puts into our words what Temporal answers. The action chose the namespace: one
// that does not exist is final.
func translated(err error, doing string) error {
	if missing, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return core.Wrap(core.CodeInvalid, err, "cannot %s: there is no namespace %q", doing, missing.Namespace)
	}
	return temporalerr.Of(err, doing)
}
