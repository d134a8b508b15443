package ruleeval_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestWhatIsOursOrTemporalsIsNoTargetOfAWorkflow(t *testing.T) {
	start := func(parameter, value string) *core.Definition {
		return task("t", func(d *core.Definition) {
			with := map[string]any{"workflow_type": "W", "task_queue": "q"}
			with[parameter] = value
			d.Rules[0].Actions[0] = core.Action{Type: core.ActionStartWorkflow, With: with}
		})
	}
	for _, c := range []struct {
		parameter, value string
		refused          bool
	}{
		{"namespace", "temporal-system", true}, {"namespace", "Temporal-System", true}, {"namespace", "temporal", false}, {"namespace", "orders.acct1", false},
		{"task_queue", core.TaskQueue, true}, {"task_queue", "temporal-sys-per-ns-tq", true}, {"task_queue", "/_sys/q/1", true}, {"task_queue", "default-worker-tq", true}, {"task_queue", "orders", false},
		{"workflow_id", "activity-x", true}, {"workflow_id", "temporal-sys-scheduler:x", true}, {"workflow_id", "order-activity-7", false},
		{"workflow_type", core.WorkflowType, true}, {"workflow_type", "temporal-sys-batch-workflow", true}, {"workflow_type", "OrderWorkflow", false},
	} {
		_, err := ruleeval.Compile(start(c.parameter, c.value))
		if refused := err != nil && strings.Contains(err.Error(), "with."+c.parameter); refused != c.refused {
			t.Errorf("%s %q in a document: %v, want refused %v", c.parameter, c.value, err, c.refused)
		}
		_, err = planOf(compile(t, start(c.parameter, "${payload.x}")), t.Context(), input(`{"x":"`+c.value+`"}`, nil))
		if refused := err != nil && strings.Contains(err.Error(), "with."+c.parameter); refused != c.refused {
			t.Errorf("%s %q from data: %v, want refused %v", c.parameter, c.value, err, c.refused)
		}
	}
}
