package activitycore_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestOnlyAllowedTargetsOfWorkflowsPass(t *testing.T) {
	some := core.WorkflowTargets{Own: "ours", Namespaces: []string{"team-*", "billing"}, TaskQueues: []string{"orders", "batch-*"}}
	for _, c := range []struct {
		targets          core.WorkflowTargets
		namespace, queue string
		want             string // the parameter at fault
	}{
		{core.WorkflowTargets{Own: "ours"}, "", "orders", ""},
		{core.WorkflowTargets{Own: "ours"}, "ours", "orders", ""},
		{core.WorkflowTargets{Own: "ours"}, "billing", "orders", "namespace"},
		{some, "billing", "orders", ""},
		{some, "team-blue", "batch-1", ""},
		{some, "team", "orders", "namespace"},
		{some, "billing2", "orders", "namespace"},
		{some, "", "other", "task_queue"},
		{some, "", "batch", "task_queue"},
		{core.WorkflowTargets{Own: "ours", Namespaces: []string{"*"}}, "any", "q", ""},
	} {
		parameter, problem := c.targets.Check(c.namespace, c.queue)
		if parameter != c.want || (problem == "") != (c.want == "") {
			t.Errorf("namespace %q, queue %q: %s %s, want a fault of %q", c.namespace, c.queue, parameter, problem, c.want)
		}
	}
	if _, problem := some.Check("payroll", "orders"); !strings.Contains(problem, `"payroll" is not allowed; the operator allows ours, team-*, billing with start_workflow.namespaces`) {
		t.Errorf("the fault says %q, want what is allowed", problem)
	}
}
