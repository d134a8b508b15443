package ruleeval

import core "github.com/activity-core/activity-core"

var startWorkflow = ActionSpec{
	Type:           core.ActionStartWorkflow,
	Doc:            "Starts a workflow of your own in Temporal; its result is {workflow_id, run_id, already_started, result?}.",
	StartsWorkflow: true,
	Params: []Param{
		{Name: "workflow_type", Kind: KindString, Required: true, Position: PositionWorkflow, MaxLen: 200, Doc: "The workflow's type as its worker registers it."},
		{Name: "task_queue", Kind: KindString, Required: true, Position: PositionQueue, MaxLen: 200, Doc: "The task queue that its worker polls."},
		{Name: "workflow_id", Kind: KindString, Position: PositionWorkflowID, MaxLen: 200, Doc: "The workflow's ID, not beginning with activity-; made of the idempotency key if absent."},
		{Name: "namespace", Kind: KindString, Position: PositionNamespace, MaxLen: 200, Doc: "The Temporal namespace, one that the operator allows; ours if absent."},
		{Name: "input", Kind: KindAny, Excludes: []string{"args"}, Doc: "The workflow's only argument."},
		{Name: "args", Kind: KindList, Elem: &Param{Kind: KindAny}, Max: 20, Excludes: []string{"input"}, Doc: "The workflow's arguments, at most 20."},
		{Name: "wait", Kind: KindBool, Default: false, Doc: "Whether to wait for the result, which is then steps.<name>.result."},
		{Name: "memo", Kind: KindMap, Elem: &Param{Kind: KindAny}, Doc: "Notes kept with the workflow."},
		{Name: "execution_timeout", Kind: KindDuration, Doc: "How long the workflow may take in all."},
	},
	Example: map[string]any{"workflow_type": "Rebuild", "task_queue": "builders"},
	decode:  decodeWorkflow,
}

// StartWorkflowParams are the parameters of start_workflow.
type StartWorkflowParams struct {
	WorkflowType, TaskQueue string
	WorkflowID, Namespace   string // empty: the caller's default
	// Args are the arguments; input is the only one where it is used.
	Args             []any
	Wait             bool
	Memo             map[string]any
	ExecutionTimeout core.Duration // 0: none
}

func decodeWorkflow(f fields) any {
	p := &StartWorkflowParams{WorkflowType: f.text("workflow_type", ""), TaskQueue: f.text("task_queue", ""),
		WorkflowID: f.text("workflow_id", ""), Namespace: f.text("namespace", "")}
	if in, ok := f["input"]; ok {
		p.Args = []any{in}
	} else {
		p.Args, _ = f["args"].([]any)
	}
	p.Wait, _ = f["wait"].(bool)
	p.Memo, _ = f["memo"].(map[string]any)
	p.ExecutionTimeout, _ = core.ParseDuration(f.text("execution_timeout", "0s"))
	return p
}
