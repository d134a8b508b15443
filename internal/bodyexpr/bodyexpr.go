// Package bodyexpr owns CEL expressions over the answer of an HTTP request: `select` and `paging.cursor` of a context source
// and `expect.body` of an action. It must not do requests, nor know what the value is for.
package bodyexpr

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/ext"

	activitycore "github.com/activity-core/activity-core"
)

// Bounds: the cost of one evaluation, expressions kept compiled, nesting of a value.
const (
	selectCost   = 1_000_000
	maxSelectors = 1000
	maxDepth     = 200
)

// Set compiles expressions and keeps them. It is safe for concurrent use.
type Set struct {
	env func() (*cel.Env, error)
	mu  sync.Mutex
	by  map[string]cel.Program
}

// New makes a set of expressions over the named variables, all of any type.
func New(variables ...string) *Set {
	return &Set{by: map[string]cel.Program{}, env: sync.OnceValues(func() (*cel.Env, error) {
		options := []cel.EnvOption{
			cel.CrossTypeNumericComparisons(true),
			cel.OptionalTypes(),
			ext.Strings(ext.StringsVersion(4)),
			ext.Lists(ext.ListsVersion(2), ext.ListsMaxRangeSize(100_000)),
			ext.Sets(ext.SetsVersion(0)),
			ext.Math(ext.MathVersion(2)),
			cel.ParserExpressionSizeLimit(activitycore.MaxExpressionBytes),
		}
		for _, name := range variables {
			options = append(options, cel.Variable(name, cel.DynType))
		}
		return cel.NewEnv(options...)
	})}
}

// Eval evaluates an expression over the values of the variables and gives the value its JSON form, whole numbers whole.
// Its errors are CodeInvalid.
func (s *Set) Eval(ctx context.Context, expression string, values map[string]any) (any, error) {
	prog, err := s.program(expression)
	if err != nil {
		return nil, err
	}
	out, _, err := prog.ContextEval(ctx, values)
	if err != nil {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "%v", err)
	}
	return native(out, 0)
}

// native gives a value its JSON form; whole numbers stay whole.
func native(v ref.Val, depth int) (any, error) {
	if depth > maxDepth {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "the value is nested deeper than %d", maxDepth)
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil //nolint:nilnil // null
	case types.Bool:
		return bool(v), nil
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return uint64(v), nil
	case types.Double:
		return float64(v), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, nil //nolint:nilnil // none is null
		}
		return native(v.GetValue(), depth)
	case traits.Lister:
		list := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := native(it.Next(), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		return list, nil
	case traits.Mapper:
		m := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			key, ok := k.(types.String)
			if !ok {
				return nil, activitycore.Errorf(activitycore.CodeInvalid, "a key of type %s has no JSON form", k.Type().TypeName())
			}
			e, err := native(v.Get(k), depth+1)
			if err != nil {
				return nil, err
			}
			m[string(key)] = e
		}
		return m, nil
	}
	return nil, activitycore.Errorf(activitycore.CodeInvalid, "a value of type %s has no JSON form", v.Type().TypeName())
}

func (s *Set) program(expression string) (cel.Program, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, ok := s.by[expression]; ok {
		return p, nil
	}
	env, err := s.env()
	if err != nil {
		return nil, fmt.Errorf("make the environment of select: %w", err)
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "%v", issues.Err())
	}
	p, err := env.Program(ast, cel.CostLimit(selectCost), cel.InterruptCheckFrequency(100))
	if err != nil {
		return nil, activitycore.Errorf(activitycore.CodeInvalid, "%v", err)
	}
	if len(s.by) >= maxSelectors {
		clear(s.by)
	}
	s.by[expression] = p
	return p, nil
}
