package catalog_test

import (
	"fmt"
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
			if got := wayOf(append([]core.Definition{c.def}, c.others...), c.def.Name); got != c.want {
				t.Errorf("want the way %q, got %q", c.want, got)
			}
		})
	}
}

// wayOf is the way on which a definition is said to reach itself, "" if it is not.
func wayOf(defs []core.Definition, name string) string {
	for _, w := range catalog.Warnings(defs, warnedAt) {
		if w.Code == "reaches-itself" && w.Definition == name {
			_, way, _ := strings.Cut(w.Message, "(")
			way, _, _ = strings.Cut(way, ")")
			return strings.ReplaceAll(way, " -> ", " ")
		}
	}
	return ""
}

func TestThatCyclesAreAllowedIsSaid(t *testing.T) {
	def := relay("a", "x", "x")
	def.TriggerConfig.AllowCycles = true
	w := catalog.Warnings([]core.Definition{def}, warnedAt)
	if len(w) != 1 || w[0].Code != "reaches-itself" || !strings.Contains(w[0].Message, "allow_cycles lets them: up to 16 times") {
		t.Errorf("want a warning that says how often, got %+v", w)
	}
}

// Five thousand definitions in a ring must not cost their product.
func TestCyclesAmongManyDefinitionsAreBounded(t *testing.T) {
	var defs []core.Definition
	for i := range 5000 {
		defs = append(defs, relay(fmt.Sprint("ring-", i), fmt.Sprint("t", (i+1)%5000), fmt.Sprint("t", i)))
	}
	if got, want := wayOf(defs, "ring-0"), "ring-0 ring-1 ring-2 ring-3 … 4994 more … ring-4998 ring-4999 ring-0"; got != want {
		t.Errorf("want the way around, %q, got %q", want, got)
	}
}
