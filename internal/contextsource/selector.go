package contextsource

import (
	"context"
	"sync"

	"github.com/activity-core/activity-core/internal/ruleeval"
)

// maxSelectors bounds the compiled expressions kept; beyond, all are compiled anew.
const maxSelectors = 1000

// selectors keeps compiled `select` and `paging.cursor` expressions.
type selectors struct {
	mu sync.Mutex
	by map[string]*ruleeval.ResponseExpression
}

func newSelectors() *selectors { return &selectors{by: map[string]*ruleeval.ResponseExpression{}} }

func (s *selectors) eval(ctx context.Context, expression string, p page) (any, error) {
	compiled, err := s.compiled(expression)
	if err != nil {
		return nil, err
	}
	return compiled.Value(ctx, ruleeval.Response{Status: p.status, Headers: p.headers, Body: p.body})
}

func (s *selectors) compiled(expression string) (*ruleeval.ResponseExpression, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e, ok := s.by[expression]; ok {
		return e, nil
	}
	e, err := ruleeval.CompileResponse(expression)
	if err != nil {
		return nil, err
	}
	if len(s.by) >= maxSelectors {
		clear(s.by)
	}
	s.by[expression] = e
	return e, nil
}
