package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/eventmatch"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// DryRunRequest asks what one firing would do.
type DryRunRequest struct {
	Definition core.Definition
	// Event fires an event definition, or stands as `event` for others.
	Event *core.Event
	// At is the nominal time (run.time); zero: now.
	At     time.Time
	Inputs map[string]any
	// Context replaces fetched entries by name; entries not given are fetched as a run would.
	Context map[string]any
}

// DryRunResult is the plan of one firing. Nothing was stored or carried out.
type DryRunResult struct {
	// Matched tells whether the trigger would fire for the event; true without one.
	Matched bool `json:"matched"`
	// Reasons hold each condition of the trigger against the event.
	Reasons []core.FilterExplanation `json:"reasons"`
	Rules   []core.RuleTrace         `json:"rules"`
	Actions []core.PlannedAction     `json:"actions"`
}

// DryRun evaluates a definition, stored or not, and returns the full plan.
func (s *Service) DryRun(ctx context.Context, req DryRunRequest) (DryRunResult, error) {
	def := req.Definition
	def.Normalize()
	if err := Check(&def); err != nil {
		return DryRunResult{}, err
	}
	program, err := ruleeval.Compile(&def)
	if err != nil {
		return DryRunResult{}, err
	}
	out := DryRunResult{Matched: true, Reasons: []core.FilterExplanation{}, Rules: []core.RuleTrace{}, Actions: []core.PlannedAction{}}
	if def.TriggerType == core.TriggerEvent && req.Event != nil {
		if out.Matched, out.Reasons, err = ExplainTrigger(ctx, &def, program, req.Event); err != nil || !out.Matched {
			return out, err
		}
	}
	stored, err := s.find(ctx, def.Name)
	if err != nil {
		return out, err
	}
	version := int64(1)
	if stored != nil {
		version = stored.Version
	}
	values, err := s.dryContext(ctx, core.StoredDefinition{Definition: def, Version: version}, req.Context)
	if err != nil {
		return out, err
	}
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	cause := core.ManualCause("dry-run")
	switch {
	case req.Event != nil:
		cause = core.EventCause(req.Event.EventID)
	case def.TriggerType == core.TriggerCron:
		cause = core.CronCause(at)
	}
	workflowID := core.WorkflowID(def.ID, cause)
	plan, err := program.Plan(ctx, ruleeval.Input{
		Event: req.Event, Context: values, Inputs: req.Inputs,
		Activity: ruleeval.ActivityInfo{ID: def.ID, Name: def.Name, Version: version},
		Run:      ruleeval.RunInfo{ID: core.RunID(workflowID), WorkflowID: workflowID, Time: at, Cause: cause},
	})
	if err != nil {
		return out, err
	}
	if plan.Rules != nil {
		out.Rules = plan.Rules
	}
	if plan.Actions != nil {
		out.Actions = plan.Actions
	}
	return out, nil
}

// dryContext fetches the entries that the request does not replace.
func (s *Service) dryContext(ctx context.Context, def core.StoredDefinition, given map[string]any) (map[string]any, error) {
	for name := range given {
		if _, ok := def.Context[name]; !ok {
			return nil, core.InvalidField("context."+name, nil, "the definition has no context entry of this name; it has %v", sortedKeys(def.Context))
		}
	}
	wanted := def
	wanted.Context = map[string]core.ContextSource{}
	for name, src := range def.Context {
		if _, replaced := given[name]; !replaced {
			wanted.Context[name] = src
		}
	}
	values := map[string]any{}
	if len(wanted.Context) > 0 {
		if s.Context == nil {
			return nil, core.InvalidField("context", sortedKeys(wanted.Context), "this process fetches no context; give the values with the request")
		}
		fetched, err := s.Context.Fetch(ctx, wanted)
		if err != nil {
			return nil, err
		}
		values = fetched
	}
	for name, v := range given {
		values[name] = v
	}
	return values, nil
}

// ExplainTrigger holds an event against an event definition's type, filters and
// `when`, and says for each what was expected and found.
func ExplainTrigger(ctx context.Context, def *core.Definition, program *ruleeval.Program, e *core.Event) (bool, []core.FilterExplanation, error) {
	pattern, err := eventmatch.ParsePattern(def.TriggerConfig.EventType, def.TriggerConfig.Filters)
	if err != nil {
		return false, nil, core.Wrap(core.CodeInvalid, err, "%v", err)
	}
	explained, err := eventmatch.Explain(pattern, &eventmatch.Event{
		Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload,
	})
	if err != nil {
		return false, nil, core.Wrap(core.CodeMalformed, err, "the event's payload is not JSON: %v", err)
	}
	reasons := make([]core.FilterExplanation, 0, len(explained.Filters)+1)
	for _, f := range explained.Filters {
		reasons = append(reasons, core.FilterExplanation{
			Path: f.Path, Operator: f.Operator, Expected: f.Expected, Actual: f.Actual, Present: f.Present, OK: f.OK, Note: f.Note,
		})
	}
	if !program.HasWhen() {
		return explained.Matched, reasons, nil
	}
	when := core.FilterExplanation{Path: "when", Operator: "cel", Expected: def.TriggerConfig.When, Present: true}
	if explained.Matched {
		ok, err := program.MatchWhen(ctx, e)
		when.Actual, when.OK = ok, ok
		if err != nil {
			when.Actual = fmt.Sprintf("error: %s", core.MessageOf(err))
		}
		explained.Matched = ok && err == nil
	} else {
		when.Present, when.Note = false, "not evaluated, since a filter said no"
	}
	return explained.Matched, append(reasons, when), nil
}

var errNoInputs = errors.New("inputs must be a JSON object")

// DecodeInputs turns the JSON of inputs into values for expressions.
func DecodeInputs(raw []byte) (map[string]any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	v, err := core.DecodeJSON(raw)
	if err != nil {
		return nil, core.Wrap(core.CodeMalformed, err, "inputs are not JSON: %v", err)
	}
	if v == nil {
		return nil, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, core.Wrap(core.CodeInvalid, errNoInputs, "inputs must be a JSON object")
	}
	return m, nil
}
