package catalog

import (
	"errors"
	"fmt"
	"slices"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Check says whether a definition may be saved: document rules, cron and zone, filters, and
// every expression. It returns one CodeInvalid error with all faults, or nil. It needs no store
// and no server. Where the document could not be read whole, unread says what is missing here
// (see [core.Unread]).
func Check(def *core.Definition, unread ...string) error {
	faults := def.Validate(unread...)
	further := checkTrigger(def)
	if !tooLarge(def) {
		_, err := ruleeval.Compile(def, unread...)
		var e *core.Error
		switch {
		case errors.As(err, &e) && len(e.Fields) > 0:
			further = append(further, e.Fields...)
		case err != nil:
			return err
		}
	}
	faults = append(faults, news(further, faults, unread)...)
	if len(faults) == 0 {
		return nil
	}
	name := def.Name
	if name == "" {
		name = "(unnamed)"
	}
	return core.InvalidFields(fmt.Sprintf("definition %s is not valid", name), faults...)
}

// tooLarge reports whether there is more of something than the document rules allow, and so
// more than is worth compiling.
func tooLarge(def *core.Definition) bool {
	large := len(def.Rules) > core.MaxRules || len(def.Context) > core.MaxContextSources
	for i := range def.Rules {
		large = large || len(def.Rules[i].Actions) > core.MaxActionsPerRule
	}
	return large
}

// news are the faults at places of which nothing is told yet: what is wrong in its form is not
// judged by its meaning as well.
func news(faults, told []core.FieldError, unread core.Unread) []core.FieldError {
	at := map[string]bool{}
	for _, f := range told {
		at[f.Location] = true
	}
	return slices.DeleteFunc(faults, func(f core.FieldError) bool { return at[f.Location] || unread.Covers(f.Location) })
}

// checkTrigger judges cron expressions, zone and filters; all that is there if the type is
// neither cron nor event.
func checkTrigger(def *core.Definition) []core.FieldError {
	c := &def.TriggerConfig
	var faults []core.FieldError
	if def.TriggerType != core.TriggerEvent {
		faults = cronFaults(c.CronExpression, c.Timezone)
		if err := misfire.Check(c.MisfirePolicy); err != nil {
			faults = append(faults, core.FieldError{Location: "trigger_config.misfire_policy", Value: string(c.MisfirePolicy), Message: err.Error()})
		}
	}
	if def.TriggerType != core.TriggerCron {
		faults = append(faults, filterFaults(c.Filters)...)
	}
	return faults
}

// filterFaults lists what is wrong with filters, whatever the event types; Validate judges those.
func filterFaults(filters map[string]any) []core.FieldError {
	_, err := eventmatch.ParsePattern([]string{"any"}, filters)
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

// cronFaults lists what is wrong with a zone and with each expression, so that all of it can be
// mended at once.
func cronFaults(expressions []string, zone string) []core.FieldError {
	var faults []core.FieldError
	if zone != "" {
		if _, err := cronspec.Parse([]string{"@daily"}, zone); err != nil {
			faults = append(faults, cronFault("", zone, err))
		}
	}
	known := zone // in which remedies are told
	if len(faults) > 0 {
		known = ""
	}
	for i, x := range expressions {
		if _, err := cronspec.Parse([]string{x}, known); err != nil {
			at := ""
			if len(expressions) > 1 {
				at = fmt.Sprintf("[%d]", i)
			}
			faults = append(faults, cronFault(at, zone, err))
		}
	}
	if len(faults) > 0 || len(expressions) == 0 {
		return faults
	}
	spec, err := cronspec.Parse(expressions, zone)
	if err == nil {
		err = spec.Compiles()
	}
	if err != nil {
		faults = append(faults, cronFault("", zone, err))
	}
	return faults
}

// cronFault is a fault of the zone, or of the expression at an index such as "[1]".
func cronFault(index, zone string, err error) core.FieldError {
	f := core.FieldError{Location: "trigger_config.cron_expression" + index, Message: err.Error()}
	var e *cronspec.ParseError
	if !errors.As(err, &e) {
		return f
	}
	if e.Field == cronspec.FieldZone {
		return core.FieldError{Location: "trigger_config.timezone", Value: zone, Message: sentence(fmt.Sprintf("%q %s", e.Value, e.Reason), e.Hint)}
	}
	f.Value = e.Expression
	f.Message = sentence(e.Reason, e.Hint)
	if e.Field != cronspec.FieldExpression {
		f.Message = fmt.Sprintf("%s %q: %s", e.Field, e.Value, f.Message)
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
		f := cronFault("", def.TriggerConfig.Timezone, err)
		return nil, core.Invalid(f.String(), f)
	}
	return spec, nil
}
