package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	lru "github.com/hashicorp/golang-lru/v2"

	core "github.com/activity-core/activity-core"
)

// deferredPaths is the entry of a PlannedAction's Scope that lists where in With
// the templates stand. Everything else in With is a value, whatever it looks
// like: text from data is never taken for a template. The $ keeps it apart from variables.
const deferredPaths = "$deferred"

// capture keeps the values that deferred templates will read, cut down to the
// fields they name.
func capture(s *scope, needs []reference, deferred []any) (out map[string]any, err error) {
	out = map[string]any{deferredPaths: deferred}
	whole := map[string]bool{}
	b := newBudget()
	defer func() {
		if spent := s.spend(b); err == nil {
			err = spent
		}
	}()
	for _, need := range needs { // shortest path first
		v, ok := s.ResolveName(need.root)
		if !ok || whole[need.root] {
			continue
		}
		native, err := captured(v, b)
		if err != nil {
			return nil, fmt.Errorf("%s, which a later step needs: %w", need.root, err)
		}
		if len(need.path) == 0 {
			out[need.root], whole[need.root] = native, true
			continue
		}
		to, from := out, native
		name := need.root
		for _, field := range need.path {
			m, isMap := from.(map[string]any)
			if !isMap {
				break
			}
			next, exists := to[name].(map[string]any)
			if !exists {
				next = map[string]any{}
				to[name] = next
			}
			to, name = next, field
			if from, exists = m[field]; !exists {
				name = ""
				break
			}
		}
		if name != "" {
			to[name] = from
		}
	}
	return out, nil
}

// captured gives a value of the scope the form it has after a round trip through JSON.
func captured(v any, b *budget) (any, error) {
	switch v := v.(type) {
	case ref.Val:
		return toNative(v, b)
	case time.Time:
		return formatTime(v), nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			if t, ok := e.(time.Time); ok {
				e = map[string]any{"$time": formatTime(t)}
			}
			out[k] = e
		}
		return out, nil
	}
	return v, nil
}

// Resolver resolves what actions waited for. It keeps compiled templates, at most a few
// hundred. It is safe for concurrent use.
type Resolver struct {
	templates *lru.Cache[string, *template]
}

// NewResolver returns an empty resolver.
func NewResolver() *Resolver {
	return &Resolver{templates: newLRU[string, *template](resolverCacheSize)}
}

// resolverCacheSize bounds the templates a Resolver keeps.
const resolverCacheSize = 512

// Resolve resolves what an action waited for: steps maps the names of earlier actions of the
// same item to their results. It returns the complete With, checked as [Decode] expects it. An
// action that is not deferred comes back as it is. It fails with CodeInvalid where a result
// lacks what a template names. The action is one of so many of its plan, which share a second
// budget of MaxPlanCost: beyond its share it fails with CodeTooLarge.
func (r *Resolver) Resolve(ctx context.Context, a core.PlannedAction, steps map[string]any, among int) (map[string]any, error) {
	if !a.Deferred {
		return a.With, nil
	}
	params := paramsRoot(a.Type)
	if params == nil {
		return nil, core.InvalidField("type", string(a.Type), "%q is not an action type", a.Type)
	}
	s, names, err := restore(a.Scope, steps)
	if err != nil {
		return nil, located("action "+a.Key, "with", err)
	}
	share := shareOf(among)
	s.purse = &purse{left: share}
	normalized, err := normalize(a.With, 0)
	if err != nil {
		return nil, located("action "+a.Key, "with", err)
	}
	with, _ := normalized.(map[string]any)
	paths, _ := a.Scope[deferredPaths].([]any)
	for _, raw := range paths {
		p, err := readPath(raw)
		if err == nil {
			err = r.replace(ctx, with, p, params, s, names)
		}
		if err != nil {
			if isContextError(err) {
				return nil, err
			}
			if errors.Is(err, errPlanCost) {
				err = &limitError{fmt.Sprintf("what waits for steps costs more than %.0f units, its share of the plan's budget; keep less of the response (max_response_bytes) or make the expression simpler", share)}
			}
			return nil, located(fmt.Sprintf("rule %q, item %s", a.Rule, quoteShort(a.ItemKey)), fmt.Sprintf("actions[%d]", a.ActionIndex), err)
		}
	}
	v, err := coerce(params, with, nil, nil)
	if err != nil {
		return nil, located(fmt.Sprintf("rule %q, item %s", a.Rule, quoteShort(a.ItemKey)), fmt.Sprintf("actions[%d]", a.ActionIndex), err)
	}
	return v.(map[string]any), nil
}

// restore makes a scope of what capture kept.
func restore(kept map[string]any, steps map[string]any) (*scope, []string, error) {
	s := &scope{}
	stepValues, err := normalize(steps, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("steps: %w", err)
	}
	if s.steps = stepValues; steps == nil {
		s.steps = map[string]any{}
	}
	var names []string
	for _, name := range sortedKeys(kept) {
		if name == deferredPaths {
			continue
		}
		v, err := normalize(kept[name], 0)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
		if m, ok := v.(map[string]any); ok && (name == "run" || name == "event") {
			if err := restoreTimes(m); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		names = append(names, name)
		switch name {
		case "event":
			s.event = v
		case "payload":
			s.payload = v
		case "context":
			s.context = v
		case "vars":
			s.vars = v
		case "inputs":
			s.inputs = v
		case "activity":
			s.activity = v
		case "run":
			s.run = v
		default:
			s.itemName, s.item = name, v
		}
	}
	return s, names, nil
}

// restoreTimes turns the times of run and event back into times.
func restoreTimes(m map[string]any) error {
	if t, ok := m["time"].(map[string]any); ok {
		if text, ok := t["$time"].(string); ok {
			parsed, err := time.Parse(time.RFC3339Nano, text)
			if err != nil {
				return err
			}
			m["time"] = parsed
		}
	}
	return nil
}

func readPath(raw any) (path, error) {
	list, ok := raw.([]any)
	if !ok {
		return nil, fmt.Errorf("the list of deferred parameters is damaged")
	}
	out := make(path, len(list))
	for i, e := range list {
		if n, ok := wholeNumber(e); ok {
			out[i] = int(n)
		} else {
			out[i] = e
		}
	}
	return out, nil
}

// replace resolves the template at a path of with, in place.
func (r *Resolver) replace(ctx context.Context, with map[string]any, p path, param *Param, s *scope, names []string) error {
	var at any = with
	set := func(any) {}
	for _, step := range p {
		switch step := step.(type) {
		case string:
			m, ok := at.(map[string]any)
			if !ok {
				return fmt.Errorf("%s is not there any more", p)
			}
			at, set = m[step], func(v any) { m[step] = v }
			param = param.child(step)
		case int:
			l, ok := at.([]any)
			if !ok || step < 0 || step >= len(l) {
				return fmt.Errorf("%s is not there any more", p)
			}
			at, set = l[step], func(v any) { l[step] = v }
			param = param.child("")
		}
	}
	source, ok := at.(string)
	if !ok {
		return fmt.Errorf("%s is not a template any more", p)
	}
	t, err := r.template(source, param, names)
	if err != nil {
		return &fieldFault{at: p.String(), err: err}
	}
	v, err := t.resolve(ctx, s, param)
	if err != nil {
		return &fieldFault{at: p.String(), err: err}
	}
	set(v)
	return nil
}

// child is the parameter of an element; nil where any JSON may stand.
func (p *Param) child(key string) *Param {
	if p == nil {
		return nil
	}
	switch p.Kind {
	case KindObject:
		return p.field(key)
	case KindMap, KindList:
		return p.Elem
	case KindStatus:
		return p
	case KindString, KindInt, KindNumber, KindBool, KindDuration, KindAny, KindCEL: // no elements, or any
	}
	return nil
}

// template compiles a deferred template with the names in its scope. Types are
// dynamic here; they were checked when the definition was compiled.
func (r *Resolver) template(source string, p *Param, names []string) (*template, error) {
	id := fmt.Sprintf("%q %v", source, names)
	if p != nil {
		id += string(p.Kind) + string(p.Position)
	}
	if t, ok := r.templates.Get(id); ok {
		return t, nil
	}
	lang, err := sharedLanguage()
	if err != nil {
		return nil, err
	}
	vars := []variable{{"steps", cel.MapType(cel.StringType, cel.DynType)}}
	for _, n := range names {
		vars = append(vars, variable{n, cel.DynType})
	}
	c := &compiler{language: lang}
	env := c.env(func() *cel.Env { return lang.env }, nil, vars)
	t, _ := c.parse(env, "", source, p)
	if c.broken != nil {
		return nil, c.broken
	}
	if len(c.faults) > 0 {
		return nil, fmt.Errorf("%s", c.faults[0].Message)
	}
	if t == nil {
		return nil, fmt.Errorf("holds no ${…}")
	}
	r.templates.Add(id, t)
	return t, nil
}
