package temporalrun

import (
	"context"
	"encoding/json"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// program is a compiled version of a definition.
type program struct {
	def         activitycore.StoredDefinition
	rules       *ruleeval.Program
	overNetwork bool
}

func compile(def activitycore.StoredDefinition) (*program, error) {
	rules, err := ruleeval.CompileSaved(&def.Definition)
	if err != nil {
		return nil, err
	}
	return &program{def: def, rules: rules, overNetwork: overNetwork(&def.Definition)}, nil
}

// plan evaluates the rules for one run.
func (p *program) plan(ctx context.Context, run activitycore.Run, inputs json.RawMessage, event *activitycore.Event, values map[string]any) (activitycore.Plan, error) {
	in := ruleeval.Input{
		Event:    event,
		Context:  values,
		Activity: ruleeval.ActivityInfo{ID: p.def.ID, Name: p.def.Name, Version: p.def.Version},
		Run:      ruleeval.RunInfo{ID: run.RunID, WorkflowID: run.WorkflowID, Cause: run.Cause, Time: timeOf(run, event)},
	}
	if len(inputs) > 0 {
		decoded, err := activitycore.DecodeJSON(inputs)
		if err != nil {
			return activitycore.Plan{}, activitycore.Wrap(activitycore.CodeInvalid, err, "the inputs of the run are not JSON")
		}
		in.Inputs, _ = decoded.(map[string]any)
	}
	return p.rules.Plan(ctx, in)
}

// timeOf is run.time: the nominal time, the event's time, or when a person asked.
func timeOf(run activitycore.Run, event *activitycore.Event) time.Time {
	switch {
	case run.Cause.NominalTime != nil:
		return *run.Cause.NominalTime
	case event != nil && run.Cause.Kind == activitycore.CauseEvent:
		return event.Time
	}
	return run.CreatedAt
}
