package actionexec

import (
	"sync"

	"github.com/activity-core/activity-core/internal/ruleeval"
)

// maxConditions bounds the compiled expressions kept; beyond, all are compiled anew.
const maxConditions = 1000

// conditions keeps compiled expect.body expressions.
type conditions struct {
	mu sync.Mutex
	by map[string]*ruleeval.ResponseExpression
}

func (c *conditions) get(source string) (*ruleeval.ResponseExpression, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.by[source]; ok {
		return e, nil
	}
	e, err := ruleeval.CompileResponse(source)
	if err != nil {
		return nil, err
	}
	if len(c.by) >= maxConditions {
		clear(c.by)
	}
	c.by[source] = e
	return e, nil
}
