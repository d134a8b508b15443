package temporalrun

import (
	"context"
	"encoding/json"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// program is a compiled version of a definition.
type program struct {
	def         core.StoredDefinition
	rules       *ruleeval.Program
	overNetwork bool
}

func compile(def core.StoredDefinition) (*program, error) {
	rules, err := ruleeval.CompileSaved(&def.Definition)
	if err != nil {
		return nil, err
	}
	return &program{def: def, rules: rules, overNetwork: overNetwork(&def.Definition)}, nil
}

// plan evaluates the rules for one run.
func (p *program) plan(ctx context.Context, run core.Run, inputs json.RawMessage, event *core.Event, values map[string]any) (core.Plan, error) {
	var given map[string]any
	if len(inputs) > 0 {
		decoded, err := core.DecodeJSON(inputs)
		if err != nil {
			return core.Plan{}, core.Wrap(core.CodeInvalid, err, "the inputs of the run are not JSON")
		}
		given, _ = decoded.(map[string]any)
	}
	return p.rules.Plan(ctx, ruleeval.InputOf(&p.def, run, given, event, values))
}
