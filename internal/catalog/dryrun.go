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
	// Event fires an event definition, or stands as `event` of a manual trigger: of other
	// definitions, and with Inputs.
	Event *core.Event
	// At is the nominal time of a cron run, or the time of a manual trigger; zero: now. A run that
	// an event causes has the event's.
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
	// Cost is what the evaluations cost together, of at most MaxCost, in units.
	Cost    int64 `json:"cost"`
	MaxCost int64 `json:"max_cost"`
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
	out := DryRunResult{Matched: true, Reasons: []core.FilterExplanation{}, Rules: []core.RuleTrace{}, Actions: []core.PlannedAction{}, MaxCost: ruleeval.MaxPlanCost}
	run, err := s.dryCause(&req, &def)
	if err != nil {
		return out, err
	}
	if run.Cause.Kind == core.CauseEvent {
		if out.Matched, out.Reasons, err = ExplainTrigger(ctx, &def, program, req.Event); err != nil || !out.Matched {
			return out, err
		}
	}
	stored, err := s.dryVersion(ctx, def)
	if err != nil {
		return out, err
	}
	values, err := s.dryContext(ctx, stored, req.Context)
	if err != nil {
		return out, err
	}
	run.WorkflowID = core.WorkflowID(stored.ID, run.Cause)
	run.RunID = core.RunID(run.WorkflowID)
	plan, err := program.Plan(ctx, ruleeval.InputOf(&stored, run, req.Inputs, req.Event, values))
	if err != nil {
		return out, err
	}
	out.Cost = plan.Cost
	if plan.Rules != nil {
		out.Rules = plan.Rules
	}
	if plan.Actions != nil {
		out.Actions = plan.Actions
	}
	return out, nil
}

// dryCause is the run that the request asks about, with its cause and its time.
func (s *Service) dryCause(req *DryRunRequest, def *core.Definition) (core.Run, error) {
	at := req.At
	if at.IsZero() {
		at = s.now()
	}
	run := core.Run{Cause: core.ManualCause("dry-run"), CreatedAt: at}
	switch {
	case def.TriggerType == core.TriggerEvent && req.Event != nil && len(req.Inputs) == 0:
		if !req.At.IsZero() && !req.At.Equal(req.Event.Time) {
			return run, core.InvalidField("at", core.FormatNominal(req.At), "the run of an event has the event's time, %s; leave it out, or change the time of the event",
				req.Event.Time.UTC().Format(time.RFC3339Nano))
		}
		run.Cause = core.EventCause(req.Event.EventID)
	case def.TriggerType == core.TriggerCron && req.Event == nil && len(req.Inputs) == 0:
		run.Cause = core.CronCause(at)
	}
	return run, nil
}

// dryVersion is the definition as it would be stored: with the ID and the version that it has,
// or would get.
func (s *Service) dryVersion(ctx context.Context, def core.Definition) (core.StoredDefinition, error) {
	stored, err := s.find(ctx, def.Name)
	if err != nil {
		return core.StoredDefinition{}, err
	}
	if stored == nil {
		deleted, err := s.Store.DefinitionAny(ctx, def.ID)
		if err != nil && !core.IsCode(err, core.CodeNotFound) {
			return core.StoredDefinition{}, err
		}
		return core.StoredDefinition{Definition: def, Version: deleted.Version + 1}, nil
	}
	if def.ID == core.DefinitionID(def.Name) {
		def.ID = stored.ID
	}
	version := stored.Version
	if len(diffDefinitions(stored.Definition, def)) > 0 {
		version++
	}
	return core.StoredDefinition{Definition: def, Version: version}, nil
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
		Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload, Extensions: e.Extensions.JSON(),
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
	if _, err := core.DecodeJSON(raw); err != nil {
		return nil, core.Wrap(core.CodeMalformed, err, "inputs are not JSON: %v", err)
	}
	v, err := core.DecodeTyped(raw)
	if err != nil {
		return nil, core.InvalidField("inputs", nil, "%v", err)
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
