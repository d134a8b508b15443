package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	core "github.com/activity-core/activity-core"
)

// Input is everything one firing is decided on.
type Input struct {
	// Event is nil for a cron run and for a manual run without one; event and
	// payload are null then.
	Event *core.Event
	// Context holds the value of every context source. Integers survive best as
	// json.RawMessage or in the form of [core.DecodeJSON].
	Context map[string]any
	// Inputs are those of a manual trigger.
	Inputs   map[string]any
	Activity ActivityInfo
	Run      RunInfo
}

// ActivityInfo is the variable activity.
type ActivityInfo struct {
	ID      string
	Name    string
	Version int64
}

// RunInfo is the variable run, and names the actions.
type RunInfo struct {
	ID         string
	WorkflowID string
	Cause      core.Cause
	// Time is the nominal time of a cron run, the event's time, or the time of a
	// manual trigger. There is no other time.
	Time time.Time
}

// MatchWhen evaluates trigger_config.when for an event; true if there is none.
// An event whose condition cannot be evaluated (a field it names does not exist)
// is an error with CodeInvalid: whether that counts as no match is the caller's rule.
func (p *Program) MatchWhen(ctx context.Context, e *core.Event) (bool, error) {
	if p.trigger == nil {
		return true, nil
	}
	decoded, err := NewEvent(e)
	if err != nil {
		return false, err
	}
	return p.MatchEvent(ctx, decoded)
}

// MatchEvent is [Program.MatchWhen] for an event that is decoded already.
func (p *Program) MatchEvent(ctx context.Context, e *Event) (bool, error) {
	if p.trigger == nil {
		return true, nil
	}
	s := &scope{event: e.fields, payload: e.payload, vars: p.vars}
	ok, err := p.trigger.condition(ctx, s)
	if err != nil {
		return false, fieldError("trigger_config.when", err)
	}
	return ok, nil
}

// HasWhen reports whether there is a trigger condition at all.
func (p *Program) HasWhen() bool { return p.trigger != nil }

// condition evaluates to true or false.
func (e *expression) condition(ctx context.Context, s *scope) (bool, error) {
	v, err := e.eval(ctx, s)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("must be bool, is %s", typeName(v))
	}
	return bool(b), nil
}

// Plan decides what a firing does. The same Input gives the same plan, byte for
// byte as JSON. An action whose parameters cannot be made stands in the plan with its
// Error; the others are planned. Plan fails with CodeInvalid where the `when` or `for_each` of a
// rule cannot be evaluated, with CodeTooLarge where the whole is above a limit, and with
// ctx's error; the FieldErrors say where.
func (p *Program) Plan(ctx context.Context, in Input) (core.Plan, error) {
	s, err := p.scope(in)
	if err != nil {
		return core.Plan{}, err
	}
	s.purse = &purse{left: MaxPlanCost}
	pl := &planner{workflowID: in.Run.WorkflowID, room: MaxPlanBytes, purse: s.purse}
	pl.plan.Rules = make([]core.RuleTrace, 0, len(p.rules))
	pl.plan.Actions = []core.PlannedAction{}
	for i := range p.rules {
		before := s.purse.left
		trace, err := pl.rule(ctx, *s, &p.rules[i])
		trace.Cost = units(before - s.purse.left)
		pl.plan.Rules = append(pl.plan.Rules, trace)
		if errors.Is(err, errPlanCost) {
			err = overBudget(pl.plan.Rules, i)
		}
		if err != nil {
			return core.Plan{}, err
		}
		pl.plan.Items += trace.Items
		pl.plan.Cost += trace.Cost
	}
	return pl.plan, nil
}

func (p *Program) scope(in Input) (*scope, error) {
	s := &scope{vars: p.vars}
	if in.Event != nil {
		e, err := NewEvent(in.Event)
		if err != nil {
			return nil, err
		}
		s.event, s.payload = e.fields, e.payload
	}
	for _, data := range []struct {
		name string
		from map[string]any
		to   *any
	}{{"context", in.Context, &s.context}, {"inputs", in.Inputs, &s.inputs}} {
		if data.from == nil {
			*data.to = map[string]any{}
			continue
		}
		v, err := normalize(data.from, 0)
		if err != nil {
			return nil, core.Errorf(core.CodeInvalid, "%s is not usable: %v", data.name, err)
		}
		*data.to = v
	}
	s.activity = map[string]any{"id": in.Activity.ID, "name": in.Activity.Name, "version": in.Activity.Version}
	cause := ""
	if in.Run.Cause.Kind != core.CauseCron || in.Run.Cause.NominalTime != nil {
		cause = in.Run.Cause.Key()
	}
	s.run = map[string]any{"id": in.Run.ID, "workflow_id": in.Run.WorkflowID, "cause": string(in.Run.Cause.Kind),
		"cause_key": cause, "time": utc(in.Run.Time)}
	return s, nil
}

// planner collects the plan of one firing.
type planner struct {
	workflowID string
	room       int // bytes left of MaxPlanBytes
	purse      *purse
	plan       core.Plan
}

func (pl *planner) rule(ctx context.Context, s scope, r *rule) (core.RuleTrace, error) {
	trace := core.RuleTrace{Rule: r.name, When: true}
	at := fmt.Sprintf("rules[%d]", r.index)
	if r.when != nil {
		ok, err := r.when.condition(ctx, &s)
		if err != nil {
			return trace, ruleError(r, at+".when", err)
		}
		if trace.When = ok; !ok {
			trace.Note = fmt.Sprintf("when is false: %s", shorten(r.when.source, 200))
			return trace, nil
		}
	}
	if r.forEach == nil {
		trace.Items = 1
		return trace, pl.item(ctx, &s, r, named{key: "0"}, &trace)
	}
	v, err := r.forEach.eval(ctx, &s)
	if err != nil {
		return trace, ruleError(r, at+".for_each", err)
	}
	list, ok := v.(traits.Lister)
	if !ok {
		return trace, ruleError(r, at+".for_each", fmt.Errorf("must be list, is %s", typeName(v)))
	}
	trace.Items = listLen(list)
	trace.Note = r.noteOn(&s, trace.Items)
	if trace.Items > r.maxItems {
		return trace, ruleError(r, at+".for_each", &limitError{fmt.Sprintf("gives %d items, at most %d are allowed; raise max_items or filter more", trace.Items, r.maxItems)})
	}
	s.itemName = r.as
	seen := make(map[string]int, trace.Items)
	i := 0
	for it := list.Iterator(); it.HasNext() == types.True; i++ {
		s.item = plain(it.Next())
		name, err := r.nameItem(ctx, &s, i, seen)
		if err == nil {
			err = pl.item(ctx, &s, r, name, &trace)
		}
		if err != nil {
			return trace, err
		}
	}
	return trace, nil
}

// noteOn explains the number of items.
func (r *rule) noteOn(s *scope, items int) string {
	if r.filter != nil {
		if v, ok := resolveChain(s, r.filter.list); ok {
			if all, isList := v.([]any); isList && len(all) > 0 {
				return fmt.Sprintf("%d of %d items; %d filtered out by %s", items, len(all), len(all)-items, r.filter.condition)
			}
		}
	}
	if items == 0 {
		return "for_each gives an empty list"
	}
	return ""
}

// plain gives the Go value of data, which is cheaper to look into and can be explained; a
// value that an expression made stays as it is.
func plain(v ref.Val) any {
	switch native := v.Value().(type) {
	case map[string]any, []any:
		return native
	}
	return v
}
