package ruleeval

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/cel-go/common/types"

	core "github.com/activity-core/activity-core"
)

// named is an item's place in its rule's list and its name; err says why it has none of its own.
type named struct {
	index int
	key   string
	err   error
}

// nameItem gives an item its name within the rule. It returns an error only if the plan cannot
// go on.
func (r *rule) nameItem(ctx context.Context, s *scope, i int, seen map[string]int) (named, error) {
	if !s.purse.take(1) {
		return named{}, errPlanCost
	}
	key, err := r.key(ctx, s, i)
	if endsPlan(err) {
		return named{}, err
	}
	if err != nil {
		return named{index: i, err: err}, nil
	}
	if first, twice := seen[key]; twice {
		err = fmt.Errorf("items %d and %d have the same key %s, so only the first is carried out; a key names one item of the rule, so choose what is unique, such as an ID or full name",
			first, i, quoteShort(key))
		return named{index: i, key: key, err: err}, nil
	}
	seen[key] = i
	return named{index: i, key: key}, nil
}

// key is what item_key gives, or the item's number.
func (r *rule) key(ctx context.Context, s *scope, i int) (string, error) {
	if r.itemKey == nil {
		return fmt.Sprint(i), nil
	}
	v, err := r.itemKey.eval(ctx, s)
	if err != nil {
		return "", err
	}
	const remedy = "; filter such items out in for_each, or choose a field that every item has"
	var key string
	switch v := v.(type) {
	case types.String:
		key = string(v)
	case types.Int, types.Uint:
		key = fmt.Sprint(v.Value())
	default:
		return "", fmt.Errorf("must be string or int, is %s%s", typeName(v), remedy)
	}
	if key == "" {
		return "", errors.New("is empty" + remedy)
	}
	if len(key) > MaxItemKeyBytes {
		return "", fmt.Errorf("%s has %d bytes, at most %d are allowed", quoteShort(key), len(key), MaxItemKeyBytes)
	}
	return key, nil
}

// item plans the actions of one item. What cannot be made is planned with its error, since
// items are independent: such an action fails when its turn comes, as one that fails while it
// is carried out. An error ends the plan.
func (pl *planner) item(ctx context.Context, s *scope, r *rule, name named, trace *core.RuleTrace) error {
	for j := range r.actions {
		a := &r.actions[j]
		at, err := fmt.Sprintf("rules[%d].item_key", r.index), name.err
		var pa core.PlannedAction
		if err == nil {
			at = fmt.Sprintf("rules[%d].actions[%d]", r.index, j)
			pa, err = a.plan(ctx, s)
		}
		if endsPlan(err) {
			return err
		}
		if err != nil {
			pa = a.unresolved()
			pa.With, pa.Error = map[string]any{}, core.MessageOf(itemError(r, name, at, err))
			trace.Failed++
		}
		pa.Seq = len(pl.plan.Actions)
		pa.Rule, pa.ItemKey, pa.ItemIndex, pa.ActionIndex = r.name, name.key, name.index, j
		pa.Key = core.ActionKey(pl.workflowID, r.name, name.key, j)
		if name.err != nil { // no key of its own: # stands in no encoded one
			pa.Key = fmt.Sprintf("%s/%s/#%d/%d", pl.workflowID, r.name, name.index, j)
		}
		if pl.room -= jsonSize(pa.With) + jsonSize(pa.Scope) + 200 + len(pa.Key) + len(pa.Error); pl.room < 0 {
			return itemError(r, name, fmt.Sprintf("rules[%d].actions[%d]", r.index, j),
				&limitError{fmt.Sprintf("the plan is larger than %d MiB; pass references instead of whole values, or fewer items", MaxPlanBytes>>20)})
		}
		if !pl.purse.take(actionCost) {
			return errPlanCost
		}
		trace.Actions++
		pl.plan.Actions = append(pl.plan.Actions, pa)
	}
	return nil
}

// unresolved is the action without its parameters.
func (a *action) unresolved() core.PlannedAction {
	return core.PlannedAction{Type: a.def.Type, Name: a.def.Name, Retry: a.def.Retry, Timeout: a.def.Timeout, OnError: a.def.OnError}
}

// plan resolves the parameters of one action.
func (a *action) plan(ctx context.Context, s *scope) (core.PlannedAction, error) {
	pa := a.unresolved()
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
		return pa, a.withRemedy(ctx, s, err)
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
