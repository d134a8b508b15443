package eventlog

import (
	"context"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

// explainer holds one event against definitions, one after the other. The event is decoded once.
type explainer struct {
	filters   *eventmatch.Explainer
	candidate eventtrigger.Candidate
	compile   eventtrigger.CompileWhen
}

func newExplainer(e *core.Event, compile eventtrigger.CompileWhen) (*explainer, error) {
	filters, err := eventtrigger.Explain(e)
	if err != nil {
		return nil, err
	}
	return &explainer{filters: filters, candidate: eventtrigger.Candidate{Event: e}, compile: compile}, nil
}

// explain holds the event against one definition; entry is the ledger's row, or nil. A
// definition that cannot be used is explained as such: the router leaves it out, too. An error
// is ctx's.
func (x *explainer) explain(ctx context.Context, def *core.StoredDefinition, entry *core.LedgerEntry) (core.EventExplanation, error) {
	return x.conclude(ctx, x.begin(def), def, entry)
}

// begin holds the event against type and filters.
func (x *explainer) begin(def *core.StoredDefinition) core.EventExplanation {
	out := core.EventExplanation{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version, Conditions: []core.FilterExplanation{}}
	pattern, err := eventtrigger.ParsePattern(def)
	if err != nil {
		out.Error = core.MessageOf(err)
		return out
	}
	found := x.filters.Explain(pattern)
	out.Matched = found.Matched
	for _, f := range found.Filters {
		out.Conditions = append(out.Conditions, core.FilterExplanation{
			Path: f.Path, Operator: f.Operator, Expected: f.Expected, Actual: f.Actual, Present: f.Present, OK: f.OK, Note: f.Note,
		})
	}
	return out
}

// conclude asks what the definition does, if type and filters have let the event through, and
// sums up.
func (x *explainer) conclude(ctx context.Context, out core.EventExplanation, def *core.StoredDefinition, entry *core.LedgerEntry) (core.EventExplanation, error) {
	var decision eventtrigger.Decision
	if out.Matched {
		var err error
		if decision, err = x.decide(ctx, def, &out); err != nil {
			return out, err
		}
	}
	switch {
	case entry != nil:
		out.Verdict, out.RunID = entry.Verdict, entry.RunID
		out.Summary = decided(out, *entry)
	case out.Error != "":
		out.Summary = "cannot be used, and no event starts it: " + out.Error
	default:
		out.Summary = undecided(out, def.Live(), decision)
	}
	return out, nil
}

// decide compiles the definition, whose condition costs a hundred times as much as all filters,
// and asks what it does.
func (x *explainer) decide(ctx context.Context, def *core.StoredDefinition, out *core.EventExplanation) (eventtrigger.Decision, error) {
	trigger, _, err := eventtrigger.Compile(def, x.compile)
	if err != nil {
		out.Matched, out.Error = false, core.MessageOf(err)
		return eventtrigger.Decision{}, nil
	}
	decision, err := trigger.Decide(ctx, &x.candidate)
	if err != nil || def.TriggerConfig.When == "" {
		return decision, err
	}
	yes := decision.Outcome != eventtrigger.NoMatch && decision.Outcome != eventtrigger.Failed
	c := core.FilterExplanation{Path: "when", Operator: "cel", Expected: def.TriggerConfig.When, Actual: yes, Present: true, OK: yes}
	if decision.Outcome == eventtrigger.Failed {
		c.Actual = "error: " + decision.Reason
	}
	out.Conditions = append(out.Conditions, c)
	out.Matched = yes
	return decision, nil
}
