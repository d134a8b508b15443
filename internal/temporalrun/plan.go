package temporalrun

import (
	"context"
	"encoding/json"

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
	var given map[string]any
	if len(inputs) > 0 {
		decoded, err := activitycore.DecodeJSON(inputs)
		if err != nil {
			return activitycore.Plan{}, activitycore.Wrap(activitycore.CodeInvalid, err, "the inputs of the run are not JSON")
		}
		given, _ = decoded.(map[string]any)
	}
	return p.rules.Plan(ctx, ruleeval.InputOf(&p.def, run, given, event, values))
}
