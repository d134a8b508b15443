package ruleeval_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// costly is a rule whose every item does some thousands of units of work, each far below the
// limit of an evaluation.
func costly(name string, items, work int, title string) core.Rule {
	return core.Rule{Name: name, ForEach: fmt.Sprintf("lists.range(%d)", items), As: "i",
		Actions: []core.Action{{Type: core.ActionCreateTask, With: map[string]any{"title": strings.ReplaceAll(title, "N", fmt.Sprint(work))}}}}
}

func TestAPlanHasOneBudgetForAllItsExpressions(t *testing.T) {
	loop := "${lists.range(N).map(x, x + i).size()}"
	for name, c := range map[string]struct {
		rules []core.Rule
		data  string
		want  []string
	}{
		"the dear one is not the last": {[]core.Rule{costly("dear", 1_000, 5000, loop), costly("cheap", 10_000, 2000, loop)}, `{}`,
			[]string{`rule "dear" cost most`, `rule "cheap" was cut off`, "more than 50000000 units in all"}},
		"items that fail": {[]core.Rule{costly("poison", 10_000, 2000, "${lists.range(N).map(x, x + i).map(x, payload.none)}")}, `{}`,
			[]string{`rule "poison" cost most`}},
		"text that is too long": {[]core.Rule{costly("long", 10_000, 0, "${payload.l} x")}, `{"l": ["` + strings.Repeat("x", 1<<20) + `"]}`,
			[]string{`rule "long" cost most`}},
		"keys": {[]core.Rule{func() core.Rule {
			r := costly("keys", 10_000, 0, "t")
			r.ItemKey = "string(i) + string(lists.range(5000).map(x, x).size())"
			return r
		}()}, `{}`, []string{`rule "keys" cost most`}},
	} {
		t.Run(name, func(t *testing.T) {
			p := compile(t, task("t", func(d *core.Definition) { d.Rules = c.rules }))
			begun := time.Now()
			_, err := p.Plan(t.Context(), input(c.data, nil))
			t.Logf("the budget lasts %v", time.Since(begun))
			if !core.IsCode(err, core.CodeTooLarge) {
				t.Fatalf("error %v, want one with code %s", err, core.CodeTooLarge)
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("error %q lacks %q", err, w)
				}
			}
		})
	}
}

func TestAPlanTellsWhatItCost(t *testing.T) {
	p := compile(t, task("t", func(d *core.Definition) {
		d.Rules = []core.Rule{costly("few", 10, 10, "${i + N}"), costly("many", 1000, 10, "${i + N}")}
	}))
	plan, err := p.Plan(t.Context(), input(`{}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	few, many := plan.Rules[0].Cost, plan.Rules[1].Cost
	if few <= 0 || many < 50*few || plan.Cost != few+many || plan.Cost > ruleeval.MaxPlanCost {
		t.Errorf("10 items cost %d, 1000 cost %d, together %d; want about a hundredfold and the sum", few, many, plan.Cost)
	}
}

func TestTheLargestPlanOfTasksFitsTheBudget(t *testing.T) {
	p := compile(t, task("t", func(d *core.Definition) {
		d.Rules = nil
		for n := range 5 {
			r := costly(fmt.Sprintf("r%d", n), 10_000, 0, "Look at ${payload.name} ${i}")
			r.ItemKey = "'k' + string(i)"
			r.Actions[0].With["labels"] = []any{"${payload.name}", "${run.time.getFullYear()}"}
			d.Rules = append(d.Rules, r)
		}
	}))
	plan, err := p.Plan(t.Context(), input(`{"name": "x"}`, nil))
	if err != nil || len(plan.Actions) != 50_000 {
		t.Fatalf("%d actions (%v), want 50000", len(plan.Actions), err)
	}
	t.Logf("50,000 actions cost %d of %d units", plan.Cost, int64(ruleeval.MaxPlanCost))
}

func TestExpressionsThatWaitForStepsShareABudgetToo(t *testing.T) {
	d := task("t", func(d *core.Definition) {
		d.Rules[0].Actions = []core.Action{
			{Type: core.ActionHTTPRequest, Name: "call", With: map[string]any{"url": "https://h/"}},
			{Type: core.ActionCreateTask, With: map[string]any{"title": "${lists.range(steps.call.n).map(x, x + 1).size()}"}},
		}
	})
	plan, err := compile(t, d).Plan(t.Context(), input(`{}`, nil))
	if err != nil {
		t.Fatal(err)
	}
	r, steps := ruleeval.NewResolver(), map[string]any{"call": map[string]any{"n": 50_000}}
	if _, err := r.Resolve(t.Context(), plan.Actions[1], steps, 2); err != nil {
		t.Errorf("one of two actions: %v, want it resolved", err)
	}
	_, err = r.Resolve(t.Context(), plan.Actions[1], steps, 10_000)
	if !core.IsCode(err, core.CodeTooLarge) || !strings.Contains(err.Error(), "its share of the plan's budget") {
		t.Errorf("one of 10,000 actions: %v, want an error about its share", err)
	}
}
