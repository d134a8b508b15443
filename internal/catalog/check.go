package catalog

import (
	"errors"
	"fmt"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Check says whether a definition may be saved: document rules, cron and zone,
// filters, and every expression. It returns one CodeInvalid error with all
// faults, or nil. It needs no store and no server.
func Check(def *core.Definition) error {
	faults := def.Validate()
	faults = append(faults, checkTrigger(def)...)
	// Expressions are compiled even where something else is wrong, so that one answer
	// names everything; but not on a document whose structure would only cause echoes.
	if len(faults) == 0 {
		_, err := ruleeval.Compile(def)
		var e *core.Error
		switch {
		case errors.As(err, &e) && len(e.Fields) > 0:
			faults = append(faults, e.Fields...)
		case err != nil:
			return err
		}
	}
	if len(faults) == 0 {
		return nil
	}
	name := def.Name
	if name == "" {
		name = "(unnamed)"
	}
	msg := fmt.Sprintf("definition %s is not valid: %s", name, faults[0])
	if n := len(faults) - 1; n > 0 {
		msg += fmt.Sprintf(" (and %d more)", n)
	}
	return core.Invalid(msg, faults...)
}

func checkTrigger(def *core.Definition) []core.FieldError {
	c := &def.TriggerConfig
	switch def.TriggerType {
	case core.TriggerCron:
		if len(c.CronExpression) == 0 {
			return nil // reported by Validate
		}
		return cronFaults(c.CronExpression, c.Timezone)
	case core.TriggerEvent:
		if len(c.EventType) == 0 {
			return nil
		}
		_, err := eventmatch.ParsePattern(c.EventType, c.Filters)
		var many eventmatch.PatternErrors
		if !errors.As(err, &many) {
			var one *eventmatch.PatternError
			if errors.As(err, &one) {
				many = eventmatch.PatternErrors{one}
			} else if err != nil {
				return []core.FieldError{{Location: "trigger_config.filters", Message: err.Error()}}
			}
		}
		faults := make([]core.FieldError, len(many))
		for i, e := range many {
			faults[i] = core.FieldError{Location: "trigger_config." + e.Path, Value: e.Value, Message: sentence(e.Problem, e.Remedy)}
		}
		return faults
	}
	return nil
}

// cronFaults lists what is wrong with a zone and with each expression, so that all of it can be mended at once.
func cronFaults(expressions []string, zone string) []core.FieldError {
	spec, err := cronspec.Parse(expressions, zone)
	if err == nil {
		err = spec.Compiles()
	}
	if err == nil {
		return nil
	}
	faults := []core.FieldError{cronFault(expressions, zone, err)}
	for _, x := range expressions {
		if _, err := cronspec.Parse([]string{x}, ""); err != nil {
			if f := cronFault(expressions, zone, err); f.Location != faults[0].Location {
				faults = append(faults, f)
			}
		}
	}
	return faults
}

func cronFault(expressions []string, zone string, err error) core.FieldError {
	f := core.FieldError{Location: "trigger_config.cron_expression", Message: err.Error()}
	var e *cronspec.ParseError
	if !errors.As(err, &e) {
		return f
	}
	if e.Field == cronspec.FieldZone {
		return core.FieldError{Location: "trigger_config.timezone", Value: zone, Message: sentence(e.Reason, e.Hint)}
	}
	f.Value = e.Expression
	f.Message = sentence(e.Reason, e.Hint)
	if e.Field != cronspec.FieldExpression {
		f.Message = fmt.Sprintf("%s %q: %s", e.Field, e.Value, f.Message)
	}
	for i, x := range expressions {
		if len(expressions) > 1 && x == e.Expression {
			f.Location = fmt.Sprintf("%s[%d]", f.Location, i)
			break
		}
	}
	return f
}

func sentence(problem, remedy string) string {
	if remedy == "" {
		return problem
	}
	return problem + "; " + remedy
}

// CronSpec parses the cron trigger of a definition that has passed [Check].
func CronSpec(def *core.Definition) (*cronspec.Spec, error) {
	if def.TriggerType != core.TriggerCron {
		return nil, core.Errorf(core.CodeInvalid, "definition %s has trigger_type %s, which has no fire times", def.Name, def.TriggerType)
	}
	spec, err := cronspec.Parse(def.TriggerConfig.CronExpression, def.TriggerConfig.Timezone)
	if err != nil {
		f := cronFault(def.TriggerConfig.CronExpression, def.TriggerConfig.Timezone, err)
		return nil, core.Invalid(f.String(), f)
	}
	return spec, nil
}
