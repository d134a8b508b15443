package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	core "github.com/activity-core/activity-core"
)

// expression is one compiled CEL expression. It is safe for concurrent use.
type expression struct {
	source  string
	tree    *ast.AST
	typ     *cel.Type
	program cel.Program
	// roots are the variables it reads, except those it binds itself, with the
	// field path below each as far as it is fixed.
	roots []reference
}

// compile parses, checks and plans src. The error is a message for people, or errTold.
func (l *language) compile(env *cel.Env, src string, unknown unknownNames) (*expression, error) {
	if len(src) > core.MaxExpressionBytes {
		return nil, fmt.Errorf("the expression has %d bytes, at most %d are allowed", len(src), core.MaxExpressionBytes)
	}
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return nil, explainSyntax(src, issues)
	}
	if err := checkShape(parsed.NativeRep()); err != nil {
		return nil, err
	}
	orderRanges(parsed.NativeRep())
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, explainIssues(env, src, parsed.NativeRep(), unknown.others(parsed.NativeRep(), issues.Errors()))
	}
	// cel-go's own estimate counts a little differently, and some of its library's
	// estimates overflow: only a clear excess is taken for one.
	if cost, err := env.EstimateCost(checked, unknownSizes{}); err == nil && cost.Min > 10*CostLimit && cost.Min < math.MaxInt64 {
		return nil, fmt.Errorf("every evaluation would cost about %d units, the limit is %d; make the lists it writes or ranges over smaller", cost.Min, CostLimit)
	}
	program, err := env.Program(checked, l.options...)
	if err != nil {
		return nil, fmt.Errorf("the expression cannot be planned: %w", err)
	}
	tree := checked.NativeRep()
	return &expression{source: src, tree: tree, typ: checked.OutputType(), program: program, roots: references(tree.Expr())}, nil
}

// reads reports whether the expression uses the variable.
func (e *expression) reads(name string) bool {
	for _, r := range e.roots {
		if r.root == name {
			return true
		}
	}
	return false
}

// eval evaluates. The error is a message for people, except that the end of ctx comes back as
// its own error.
func (e *expression) eval(ctx context.Context, s *scope) (ref.Val, error) {
	if s.purse == nil {
		return e.evalIn(ctx, s)
	}
	limit := min(CostLimit, s.purse.left)
	m := &metered{Activation: s, left: limit}
	v, err := e.evalMetered(ctx, m)
	cost := evaluationCost + min(limit-m.left, limit)
	if err != nil {
		cost *= 2 // the error was looked for in the same data
	}
	if broke := m.left < 0 && limit < CostLimit; !s.purse.take(cost) || broke {
		return nil, errPlanCost
	}
	return v, err
}

// evalIn evaluates outside a plan.
func (e *expression) evalIn(ctx context.Context, s interpreter.Activation) (ref.Val, error) {
	return e.evalMetered(ctx, &metered{Activation: s, left: CostLimit})
}

func (e *expression) evalMetered(ctx context.Context, m *metered) (ref.Val, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	v, _, err := e.program.ContextEval(ctx, m)
	if err == nil {
		return v, nil
	}
	var interrupted interpreter.InterruptError
	if errors.As(err, &interrupted) || ctx.Err() != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
	}
	return nil, e.explain(m.Activation, err)
}

// limitError is an evaluation that went beyond the cost limit.
type limitError struct{ msg string }

func (e *limitError) Error() string { return e.msg }

// explain turns a runtime error into one that names the path.
func (e *expression) explain(s interpreter.Activation, err error) error {
	var canceled interpreter.EvalCancelledError
	if errors.As(err, &canceled) && canceled.Cause == interpreter.CostLimitExceeded {
		return &limitError{canceled.Message}
	}
	var fault *valueError
	var labeled *types.Err
	if errors.As(err, &fault) && errors.As(err, &labeled) {
		return errors.New(e.explainValue(s, fault, findNode(e.tree.Expr(), labeled.NodeID())))
	}
	msg := err.Error()
	if key, ok := strings.CutPrefix(msg, "no such key: "); ok {
		if better := e.missingPath(s, key); better != "" {
			return errors.New(better)
		}
		return fmt.Errorf("%s does not exist", key)
	}
	if index, ok := strings.CutPrefix(msg, "index out of bounds: "); ok {
		return fmt.Errorf("there is no element %s in the list", index)
	}
	if strings.HasPrefix(msg, "no such overload") {
		return errors.New(e.explainOverload(s, err))
	}
	return errors.New(shorten(msg, 500))
}

// explainOverload says which operation met which types, as far as the node at fault tells.
func (e *expression) explainOverload(s interpreter.Activation, err error) string {
	var labeled *types.Err
	if !errors.As(err, &labeled) {
		return shorten(err.Error(), 500)
	}
	node := findNode(e.tree.Expr(), labeled.NodeID())
	if node == nil {
		return shorten(err.Error(), 500)
	}
	where := e.render(node)
	switch node.Kind() {
	case ast.CallKind:
		var operands []string
		null := ""
		call := node.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			args = append([]ast.Expr{call.Target()}, args...)
		}
		for _, a := range args {
			if v, ok := resolveChain(s, a); ok {
				operands = append(operands, fmt.Sprintf("%s is %s", e.render(a), describeNative(v)))
				if v == nil && null == "" {
					null = e.render(a)
				}
			}
		}
		if null != "" {
			return fmt.Sprintf("%s cannot be evaluated: %s; %s", where, strings.Join(operands, ", "), guard(null))
		}
		if len(operands) > 0 {
			return fmt.Sprintf("%s cannot be evaluated: %s; convert with string(…), int(…) or double(…)", where, strings.Join(operands, ", "))
		}
		return fmt.Sprintf("%s cannot be evaluated: its operands have types that %s does not take; convert with string(…), int(…) or double(…)", where, displayFunction(call.FunctionName()))
	case ast.SelectKind:
		if v, ok := resolveChain(s, node.AsSelect().Operand()); ok {
			return fmt.Sprintf("%s does not exist: %s is %s", where, e.render(node.AsSelect().Operand()), describeNative(v))
		}
	case ast.ComprehensionKind:
		if v, ok := resolveChain(s, loopRange(node.AsComprehension())); ok {
			return fmt.Sprintf("%s is %s; a list or map is needed", e.render(loopRange(node.AsComprehension())), describeNative(v))
		}
	}
	return fmt.Sprintf("%s cannot be evaluated: %s", where, shorten(err.Error(), 300))
}
