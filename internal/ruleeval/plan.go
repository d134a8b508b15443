package ruleeval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	activitycore "github.com/activity-core/activity-core"
)

// Input is everything one firing is decided on.
type Input struct {
	// Event is nil for a cron run and for a manual run without one; event and
	// payload are null then.
	Event *activitycore.Event
	// Context holds the value of every context source. Integers survive best as
	// json.RawMessage or in the form of [activitycore.DecodeJSON].
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
	Cause      activitycore.Cause
	// Time is the nominal time of a cron run, the event's time, or the time of a
	// manual trigger. There is no other time.
	Time time.Time
}

// MatchWhen evaluates trigger_config.when for an event; true if there is none.
// An event whose condition cannot be evaluated (a field it names does not exist)
// is an error with CodeInvalid: whether that counts as no match is the caller's rule.
func (p *Program) MatchWhen(ctx context.Context, e *activitycore.Event) (bool, error) {
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
// byte as JSON. It fails with CodeInvalid where an expression cannot be
// evaluated or a parameter is wrong, with CodeTooLarge beyond a limit, and with
// ctx's error; the FieldErrors say where, the message also for which item.
func (p *Program) Plan(ctx context.Context, in Input) (activitycore.Plan, error) {
	s, err := p.scope(in)
	if err != nil {
		return activitycore.Plan{}, err
	}
	pl := &planner{workflowID: in.Run.WorkflowID, room: MaxPlanBytes}
	pl.plan.Rules = make([]activitycore.RuleTrace, 0, len(p.rules))
	pl.plan.Actions = []activitycore.PlannedAction{}
	for i := range p.rules {
		trace, err := pl.rule(ctx, *s, &p.rules[i])
		if err != nil {
			return activitycore.Plan{}, err
		}
		pl.plan.Rules = append(pl.plan.Rules, trace)
		pl.plan.Items += trace.Items
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
			return nil, activitycore.Errorf(activitycore.CodeInvalid, "%s is not usable: %v", data.name, err)
		}
		*data.to = v
	}
	s.activity = map[string]any{"id": in.Activity.ID, "name": in.Activity.Name, "version": in.Activity.Version}
	cause := ""
	if in.Run.Cause.Kind != activitycore.CauseCron || in.Run.Cause.NominalTime != nil {
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
	plan       activitycore.Plan
}

func (pl *planner) rule(ctx context.Context, s scope, r *rule) (activitycore.RuleTrace, error) {
	trace := activitycore.RuleTrace{Rule: r.name, When: true}
	at := fmt.Sprintf("rules[%d]", r.index)
	fail := func(field string, err error) (activitycore.RuleTrace, error) {
		return trace, ruleError(r, at+field, err)
	}
	if r.when != nil {
		ok, err := r.when.condition(ctx, &s)
		if err != nil {
			return fail(".when", err)
		}
		if trace.When = ok; !ok {
			trace.Note = fmt.Sprintf("when is false: %s", shorten(r.when.source, 200))
			return trace, nil
		}
	}
	before := len(pl.plan.Actions)
	if r.forEach == nil {
		trace.Items = 1
		if err := pl.item(ctx, &s, r, 0, "0"); err != nil {
			return trace, err
		}
		trace.Actions = len(pl.plan.Actions) - before
		return trace, nil
	}
	v, err := r.forEach.eval(ctx, &s)
	if err != nil {
		return fail(".for_each", err)
	}
	list, ok := v.(traits.Lister)
	if !ok {
		return fail(".for_each", fmt.Errorf("must be list, is %s", typeName(v)))
	}
	trace.Items = listLen(list)
	trace.Note = r.noteOn(&s, trace.Items)
	if trace.Items > r.maxItems {
		return fail(".for_each", &limitError{fmt.Sprintf("gives %d items, at most %d are allowed; raise max_items or filter more", trace.Items, r.maxItems)})
	}
	s.itemName = r.as
	seen := make(map[string]int, trace.Items)
	i := 0
	for it := list.Iterator(); it.HasNext() == types.True; i++ {
		s.item = plain(it.Next())
		key, err := r.key(ctx, &s, i)
		if err != nil {
			return trace, itemError(r, i, "", at+".item_key", err)
		}
		if first, twice := seen[key]; twice {
			return fail(".item_key", fmt.Errorf("items %d and %d have the same key %s; a key names one item of the rule, so choose what is unique, such as an ID or full name", first, i, quoteShort(key)))
		}
		seen[key] = i
		if err := pl.item(ctx, &s, r, i, key); err != nil {
			return trace, err
		}
	}
	trace.Actions = len(pl.plan.Actions) - before
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

// key is the item's name within the rule.
func (r *rule) key(ctx context.Context, s *scope, i int) (string, error) {
	if r.itemKey == nil {
		return fmt.Sprint(i), nil
	}
	v, err := r.itemKey.eval(ctx, s)
	if err != nil {
		return "", err
	}
	var key string
	switch v := v.(type) {
	case types.String:
		key = string(v)
	case types.Int, types.Uint:
		key = fmt.Sprint(v.Value())
	default:
		return "", fmt.Errorf("must be string or int, is %s", typeName(v))
	}
	if key == "" {
		return "", errors.New("is empty")
	}
	if len(key) > MaxItemKeyBytes {
		return "", fmt.Errorf("%s has %d bytes, at most %d are allowed", quoteShort(key), len(key), MaxItemKeyBytes)
	}
	return key, nil
}

// item plans the actions of one item.
func (pl *planner) item(ctx context.Context, s *scope, r *rule, index int, key string) error {
	for j := range r.actions {
		a := &r.actions[j]
		pa, err := a.plan(ctx, s)
		if err != nil {
			return itemError(r, index, key, fmt.Sprintf("rules[%d].actions[%d]", r.index, j), err)
		}
		pa.Seq = len(pl.plan.Actions)
		pa.Rule, pa.ItemKey, pa.ItemIndex, pa.ActionIndex = r.name, key, index, j
		pa.Key = activitycore.ActionKey(pl.workflowID, r.name, key, j)
		if pl.room -= jsonSize(pa.With) + jsonSize(pa.Scope) + 200 + len(pa.Key); pl.room < 0 {
			return itemError(r, index, key, fmt.Sprintf("rules[%d].actions[%d]", r.index, j),
				&limitError{fmt.Sprintf("the plan is larger than %d MiB; pass references instead of whole values, or fewer items", MaxPlanBytes>>20)})
		}
		pl.plan.Actions = append(pl.plan.Actions, pa)
	}
	return nil
}

// plan resolves the parameters of one action.
func (a *action) plan(ctx context.Context, s *scope) (activitycore.PlannedAction, error) {
	pa := activitycore.PlannedAction{Type: a.def.Type, Name: a.def.Name, Retry: a.def.Retry, Timeout: a.def.Timeout, OnError: a.def.OnError}
	var deferred []any
	v, err := a.with.resolve(ctx, s, nil, &deferred)
	if err != nil {
		return pa, err
	}
	skip := map[string]bool(nil)
	if len(deferred) > 0 {
		skip = make(map[string]bool, len(deferred))
		for _, p := range deferred {
			skip[path(p.([]any)).String()] = true
		}
	}
	if v, err = coerce(a.params, v, nil, skip); err != nil {
		return pa, err
	}
	pa.With = v.(map[string]any)
	if a.waiting {
		pa.Deferred = true
		if pa.Scope, err = capture(s, a.needs, deferred); err != nil {
			return pa, err
		}
	}
	return pa, nil
}

// jsonSize is about the size of v's JSON.
func jsonSize(v any) int {
	switch v := v.(type) {
	case string:
		return len(v) + 2
	case []any:
		n := 2
		for _, e := range v {
			n += jsonSize(e) + 1
		}
		return n
	case map[string]any:
		n := 2
		for k, e := range v {
			n += len(k) + 4 + jsonSize(e)
		}
		return n
	case json.RawMessage:
		return len(v)
	}
	return 8
}

// itemError says for which item something failed.
func itemError(r *rule, index int, key, at string, err error) error {
	if isContextError(err) {
		return err
	}
	who := fmt.Sprintf("rule %q", r.name)
	if r.forEach != nil {
		who += fmt.Sprintf(", item %d", index)
		if key != "" && r.itemKey != nil {
			who += fmt.Sprintf(" (key %s)", quoteShort(key))
		}
	}
	return located(who, at, err)
}

func ruleError(r *rule, at string, err error) error {
	if isContextError(err) {
		return err
	}
	return located(fmt.Sprintf("rule %q", r.name), at, err)
}

func located(who, at string, err error) error {
	var f *fieldFault
	if errors.As(err, &f) {
		at, err = at+"."+f.at, f.err
	}
	return &activitycore.Error{
		Code:    codeOf(err),
		Message: fmt.Sprintf("%s, %s: %v", who, at, err),
		Fields:  []activitycore.FieldError{{Location: at, Message: fmt.Sprintf("%s: %v", who, err)}},
	}
}

// fieldError is an error about one field, outside any rule.
func fieldError(at string, err error) error {
	if isContextError(err) {
		return err
	}
	var f *fieldFault
	if errors.As(err, &f) {
		if at != "" {
			at += "."
		}
		at, err = at+f.at, f.err
	}
	return &activitycore.Error{Code: codeOf(err), Message: fmt.Sprintf("%s: %v", at, err),
		Fields: []activitycore.FieldError{{Location: at, Message: err.Error()}}}
}

func codedError(err error) error {
	if isContextError(err) {
		return err
	}
	return &activitycore.Error{Code: codeOf(err), Message: err.Error()}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
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
