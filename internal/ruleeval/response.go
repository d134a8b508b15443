package ruleeval

import (
	"context"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	core "github.com/activity-core/activity-core"
)

// responseScope is what an expression over an HTTP response sees.
type responseScope struct {
	status  int64
	headers map[string]any
	body    any
}

// ResolveName implements cel's Activation.
func (s *responseScope) ResolveName(name string) (any, bool) {
	switch name {
	case "status":
		return s.status, true
	case "headers":
		return s.headers, true
	case "body":
		return s.body, true
	}
	return nil, false
}

// Parent implements cel's Activation.
func (s *responseScope) Parent() interpreter.Activation { return nil }

func responseVariables() []variable {
	return []variable{{"status", cel.IntType}, {"headers", cel.MapType(cel.StringType, cel.StringType)}, {"body", cel.DynType}}
}

func (c *compiler) responseEnv() *cel.Env {
	if c.response == nil {
		env, err := c.extend(c.language.env, nil, responseVariables())
		if err != nil {
			c.broken = err
			return c.language.env
		}
		c.response = env
	}
	return c.response
}

// ResponseExpression is a compiled expression over an HTTP response: expect.body
// of an http_request, select and paging.cursor of a context source. It is safe
// for concurrent use.
type ResponseExpression struct{ e *expression }

// CompileResponse compiles an expression with status, headers and body in scope.
// It fails with CodeInvalid.
func CompileResponse(src string) (*ResponseExpression, error) {
	lang, err := sharedLanguage()
	if err != nil {
		return nil, core.Wrap(core.CodeInternal, err, "the expression language cannot be set up")
	}
	c := &compiler{language: lang}
	e, err := c.compile(c.responseEnv(), src)
	if c.broken != nil {
		return nil, core.Wrap(core.CodeInternal, c.broken, "the expression cannot be checked")
	}
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%v", err)
	}
	return &ResponseExpression{e}, nil
}

// Response is what a ResponseExpression looks at.
type Response struct {
	Status int
	// Headers by name in lower case, several values joined with ", ".
	Headers map[string]string
	// Body is decoded JSON in the form of [core.DecodeJSON] (or of
	// encoding/json), or text, or nil.
	Body any
}

// Value evaluates the expression to the Go form of a JSON value. It fails with
// CodeInvalid or CodeTooLarge, or with ctx's error.
func (x *ResponseExpression) Value(ctx context.Context, r Response) (any, error) {
	body, err := normalize(r.Body, 0)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "the response body is not usable: %v", err)
	}
	headers := make(map[string]any, len(r.Headers))
	for k, v := range r.Headers {
		headers[k] = v
	}
	s := &responseScope{status: int64(r.Status), headers: headers, body: body}
	v, err := x.e.evalIn(ctx, s)
	if err != nil {
		return nil, codedError(err)
	}
	native, err := toNative(v, newBudget())
	if err != nil {
		return nil, codedError(err)
	}
	return native, nil
}

// Holds evaluates a condition.
func (x *ResponseExpression) Holds(ctx context.Context, r Response) (bool, error) {
	v, err := x.Value(ctx, r)
	if err != nil {
		return false, err
	}
	b, ok := v.(bool)
	if !ok {
		return false, core.Errorf(core.CodeInvalid, "the condition must be true or false, is %s", describeNative(v))
	}
	return b, nil
}
