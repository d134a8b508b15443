package actionexec

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// maxWorkflowID is what a Temporal on PostgreSQL or MySQL can keep, in bytes.
const maxWorkflowID = 255

// WorkflowStart asks for a workflow of the user's own.
type WorkflowStart struct {
	Namespace string // "" is ours
	ID        string
	Type      string
	TaskQueue string
	Args      []any
	Memo      map[string]any
	// Timeout of the whole execution; 0: none.
	Timeout time.Duration
}

// WorkflowStarter starts workflows and waits for them.
type WorkflowStarter interface {
	// StartWorkflow starts an execution, or finds the one that this ID had before, running or
	// closed.
	StartWorkflow(ctx context.Context, s WorkflowStart) (core.StartOutcome, error)
	// WaitWorkflow returns an execution's result as JSON. A workflow that ends in any way but
	// completion is CodeInvalid.
	WaitWorkflow(ctx context.Context, namespace, workflowID, runID string) (json.RawMessage, error)
}

var startWorkflow = row[ruleeval.StartWorkflowParams]{
	attempt: (*Executor).startWorkflow,
	receiver: func(_ *Executor, p *ruleeval.StartWorkflowParams) string {
		if !p.Wait {
			return ""
		}
		return strings.Join([]string{"workflow", p.Namespace, p.TaskQueue}, "\x00")
	},
}

// startWorkflow starts a workflow under an ID of its own; a repeat finds the first one. Its
// result is {workflow_id, run_id, already_started, result?}.
func (e *Executor) startWorkflow(ctx context.Context, j job, p *ruleeval.StartWorkflowParams) (core.ActionResult, error) {
	if e.cfg.Workflows == nil {
		return core.ActionResult{}, core.Errorf(core.CodeInvalid, "start_workflow: no Temporal client is configured")
	}
	if parameter, problem := e.cfg.Targets.Check(p.Namespace, p.TaskQueue); problem != "" {
		return core.ActionResult{}, &core.Error{Code: core.CodeForbidden, Message: "start_workflow: " + parameter + " " + problem}
	}
	id := p.WorkflowID
	if id == "" {
		id = workflowID(j.action.Key)
	}
	started, err := e.cfg.Workflows.StartWorkflow(ctx, WorkflowStart{
		Namespace: p.Namespace, ID: id, Type: p.WorkflowType, TaskQueue: p.TaskQueue, Args: p.Args, Memo: p.Memo, Timeout: p.ExecutionTimeout.Std(),
	})
	if err != nil {
		return core.ActionResult{}, err
	}
	kept := map[string]any{"workflow_id": id, "run_id": started.TemporalRunID, "already_started": started.AlreadyStarted}
	outcome := "started"
	if started.AlreadyStarted {
		outcome = "exists"
	}
	if p.Wait {
		value, err := e.cfg.Workflows.WaitWorkflow(ctx, p.Namespace, id, started.TemporalRunID)
		if err != nil {
			return core.ActionResult{}, err
		}
		kept["result"], outcome = value, "completed"
	}
	return result(outcome, kept)
}

// workflowID is the action's key, or a hash of one that is too long for Temporal.
func workflowID(key string) string {
	if len(key) <= maxWorkflowID {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}
