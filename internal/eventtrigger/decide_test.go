package eventtrigger

import (
	"context"
	"errors"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestTheFirstOutcomeThatAppliesIsTheDecision(t *testing.T) {
	t.Parallel()
	saying := func(yes bool, err error) CompileWhen {
		return func(core.Definition) (When, error) {
			return func(context.Context, *Candidate) (bool, error) { return yes, err }, nil
		}
	}
	own := event("e", "x", nil)
	own.Hops, own.Chain = 1, []string{core.DefinitionID("d")}
	disabled := func(r *core.StoredDefinition) { r.Enabled = false }
	paused := func(r *core.StoredDefinition) {
		r.Paused = &core.Pause{By: "jane", Reason: "it floods"}
	}
	cycles := func(r *core.StoredDefinition) { r.TriggerConfig.AllowCycles = true }
	for name, c := range map[string]struct {
		when  CompileWhen
		event core.Event
		edits []func(*core.StoredDefinition)
		want  Outcome
		says  string
	}{
		"nothing against it":           {saying(true, nil), event("e", "x", nil), nil, Runs, ""},
		"when says no":                 {saying(false, nil), own, []func(*core.StoredDefinition){disabled, paused}, NoMatch, ""},
		"when fails, before the cycle": {saying(true, errors.New("no such key")), own, nil, Failed, ""},
		"a cycle, before the state":    {saying(true, nil), own, []func(*core.StoredDefinition){disabled, paused}, Cycle, "cycle: a run of this definition published the event"},
		"a cycle that is allowed":      {saying(true, nil), own, []func(*core.StoredDefinition){cycles}, Runs, ""},
		"disabled, before paused":      {saying(true, nil), event("e", "x", nil), []func(*core.StoredDefinition){disabled, paused}, Disabled, ""},
		"paused":                       {saying(true, nil), event("e", "x", nil), []func(*core.StoredDefinition){paused}, Paused, "paused by jane: it floods"},
	} {
		row := core.StoredDefinition{Definition: definition("d", "x")}
		row.TriggerConfig.When = "asked"
		for _, edit := range c.edits {
			edit(&row)
		}
		one, err := Of(&row, c.when)
		if err != nil {
			t.Fatal(err)
		}
		got, err := one.Decide(t.Context(), &Candidate{Event: &c.event})
		if err != nil || len(got) != 1 || got[0].Outcome != c.want || !strings.Contains(got[0].Reason, c.says) || c.says == "" && c.want != Failed && got[0].Reason != "" {
			t.Errorf("%s: got %+v, %v; want outcome %d with reason %q", name, got, err, c.want, c.says)
		}
	}
	row := core.StoredDefinition{Definition: definition("d", "other")}
	one, err := Of(&row, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := one.Decide(t.Context(), &Candidate{Event: &own}); err != nil || len(got) != 0 {
		t.Errorf("an event of another type: got %+v, %v; want no decision", got, err)
	}
}
