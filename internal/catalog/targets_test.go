package catalog_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/sqlite"
)

func TestADefinitionThatReachesTooFarIsNotSaved(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := catalog.New(catalog.Config{Store: store, Targets: core.WorkflowTargets{Own: "ours", Namespaces: []string{"billing"}, TaskQueues: []string{"orders"}}})
	starting := func(namespace, queue string) core.Definition {
		with := map[string]any{"workflow_type": "W", "task_queue": queue}
		if namespace != "" {
			with["namespace"] = namespace
		}
		return core.Definition{Name: "starts", Enabled: true, TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: core.StringList{"x"}},
			Rules: []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionStartWorkflow, With: with}}}}}
	}
	for _, c := range []struct{ namespace, queue, want string }{
		{"payroll", "orders", "rules[0].actions[0].with.namespace"}, {"", "other", "rules[0].actions[0].with.task_queue"},
		{"temporal-system", "orders", "rules[0].actions[0].with.namespace"},
		{"billing", "orders", ""}, {"${payload.ns}", "${payload.q}", ""}, {"", "orders", ""},
	} {
		_, err := s.Create(t.Context(), starting(c.namespace, c.queue), "test")
		if c.want == "" {
			if err != nil {
				t.Errorf("%q %q: %v, want it saved", c.namespace, c.queue, err)
			} else if err := s.Delete(t.Context(), "starts", core.AnyVersion, "test"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %q: %v, want a fault of %s", c.namespace, c.queue, err, c.want)
		}
		if _, err := s.Apply(t.Context(), catalog.Batch{Definitions: []core.Definition{starting(c.namespace, c.queue)}}, "test"); err == nil || !strings.Contains(err.Error(), "definitions[0]."+c.want) {
			t.Errorf("%q %q applied: %v, want a fault of definitions[0].%s", c.namespace, c.queue, err, c.want)
		}
	}
}
