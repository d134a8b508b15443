package catalog_test

import (
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
)

// relay fires on types and publishes one, if it is not empty.
func relay(name, publishes string, on ...string) core.Definition {
	d := core.Definition{Name: name, TriggerType: core.TriggerEvent, TriggerConfig: core.TriggerConfig{EventType: on}}
	if publishes != "" {
		d.Rules = []core.Rule{{Name: "r", Actions: []core.Action{{Type: core.ActionPublishEvent, With: map[string]any{"type": publishes}}}}}
	}
	d.Normalize()
	return d
}

func TestADefinitionThatCanReachItselfIsFound(t *testing.T) {
	filtered := func(f any) core.Definition {
		d := relay("tell", "", "activity.run.failed")
		d.TriggerConfig.Filters = map[string]any{"activity_name": f}
		return d
	}
	clock := relay("clock", "a")
	clock.TriggerType, clock.TriggerConfig = core.TriggerCron, core.TriggerConfig{CronExpression: core.StringList{"@daily"}}
	for name, c := range map[string]struct {
		def    core.Definition
		others []core.Definition
		want   string
	}{
		"itself":              {relay("a", "x", "x"), nil, "a a"},
		"another type":        {relay("a", "y", "x"), nil, ""},
		"through others":      {relay("a", "x", "z"), []core.Definition{relay("b", "y", "x"), relay("c", "z", "y")}, "a b c a"},
		"the shortest way":    {relay("a", "x", "z"), []core.Definition{relay("b", "y", "x"), relay("c", "z", "y"), relay("d", "z", "x")}, "a d a"},
		"others among them":   {relay("a", "x", "w"), []core.Definition{relay("b", "y", "x"), relay("c", "x", "y")}, ""},
		"a type of data":      {relay("a", "${payload.type}", "x"), nil, ""},
		"outcomes":            {relay("tell", "", "activity.run.succeeded"), nil, "tell tell"},
		"outcomes of others":  {filtered([]any{map[string]any{"anything-but": "tell"}}), nil, ""},
		"outcomes of one":     {filtered("other"), nil, ""},
		"outcomes through it": {filtered("other"), []core.Definition{relay("other", "", "activity.run.failed")}, "tell other tell"},
		"fired by the clock":  {clock, []core.Definition{relay("b", "", "a")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(catalog.CycleOf(&c.def, c.others), " "); got != c.want {
				t.Errorf("the way is %q, want %q", got, c.want)
			}
		})
	}
}
