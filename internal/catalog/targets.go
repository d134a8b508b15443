package catalog

import (
	"fmt"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// checkTargets refuses a start_workflow to a place that the operator does not allow, as far as
// the document names it. What an expression gives is judged when the action is carried out.
func (s *Service) checkTargets(def *core.Definition) []core.FieldError {
	var faults []core.FieldError
	for i := range def.Rules {
		for j, a := range def.Rules[i].Actions {
			if spec, _ := ruleeval.SpecOf(a.Type); !spec.StartsWorkflow {
				continue
			}
			namespace, queue := literal(a.With["namespace"], s.Targets.Own), literal(a.With["task_queue"], "")
			targets := s.Targets
			if queue == "" {
				targets.TaskQueues = nil
			}
			if parameter, problem := targets.Check(namespace, queue); problem != "" {
				faults = append(faults, core.FieldError{Location: fmt.Sprintf("rules[%d].actions[%d].with.%s", i, j, parameter), Value: a.With[parameter], Message: problem})
			}
		}
	}
	return faults
}

// literal is a text as the document has it, or what to take for one that is absent or made by
// an expression.
func literal(v any, otherwise string) string {
	if text, ok := v.(string); ok && !strings.Contains(text, "${") {
		return text
	}
	return otherwise
}

// mayStart is checkTargets as one error.
func (s *Service) mayStart(def *core.Definition) error {
	if faults := s.checkTargets(def); len(faults) > 0 {
		return core.InvalidFields(fmt.Sprintf("definition %s is not valid", def.Name), faults...)
	}
	return nil
}

// mayStartAll is mayStart for many definitions.
func (s *Service) mayStartAll(defs []core.Definition) error {
	var faults []core.FieldError
	for i := range defs {
		for _, f := range s.checkTargets(&defs[i]) {
			f.Location = fmt.Sprintf("definitions[%d].%s", i, f.Location)
			faults = append(faults, f)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return core.InvalidFields("not valid", faults...)
}
