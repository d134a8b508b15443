package ruleeval

import lru "github.com/hashicorp/golang-lru/v2"

// maxResponses bounds the compiled expressions that [Responses] keeps.
const maxResponses = 1000

// Responses compiles expressions over answers and keeps those used last. It is safe for
// concurrent use.
type Responses struct {
	kept *lru.Cache[string, *ResponseExpression]
}

// NewResponses keeps nothing yet.
func NewResponses() *Responses {
	return &Responses{kept: newLRU[string, *ResponseExpression](maxResponses)}
}

// Get is [CompileResponse]; it does not keep errors.
func (r *Responses) Get(source string) (*ResponseExpression, error) {
	if e, ok := r.kept.Get(source); ok {
		return e, nil
	}
	e, err := CompileResponse(source)
	if err == nil {
		r.kept.Add(source, e)
	}
	return e, err
}

func newLRU[K comparable, V any](size int) *lru.Cache[K, V] {
	kept, err := lru.New[K, V](size)
	if err != nil {
		panic(err) // a size below one is a defect
	}
	return kept
}
