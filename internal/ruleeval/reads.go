package ruleeval

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"

	core "github.com/activity-core/activity-core"
)

// StepRead is a place in the result of an earlier action that a deferred action reads.
type StepRead struct {
	// Step is the earlier action's name, Path the fields below its result as far as they are fixed.
	Step string
	Path []string
	// Certain: the action cannot be resolved without it. A read under has(), ?:, && and ||, with .?
	// or in a loop is not.
	Certain bool
}

// Text writes the place as expressions do: steps.ticket.body.id.
func (r StepRead) Text() string { return pathText("steps."+r.Step, r.Path) }

// Reads lists what an action that is deferred reads of earlier actions' results, nothing for
// any other.
func (r *Resolver) Reads(a core.PlannedAction) []StepRead {
	params := paramsRoot(a.Type)
	if !a.Deferred || params == nil {
		return nil
	}
	var names []string
	for _, name := range sortedKeys(a.Scope) {
		if name != deferredPaths {
			names = append(names, name)
		}
	}
	var reads []StepRead
	paths, _ := a.Scope[deferredPaths].([]any)
	for _, raw := range paths {
		p, err := readPath(raw)
		if err != nil {
			continue
		}
		source, param := templateAt(a.With, p, params)
		t, err := r.template(source, param, names)
		if err != nil {
			continue
		}
		for _, part := range t.parts {
			if part.expr != nil {
				reads = stepReads(part.expr.tree.Expr(), true, reads)
			}
		}
	}
	return reads
}

// templateAt is the text at a path of with, and the parameter that it is for.
func templateAt(with any, p path, param *Param) (string, *Param) {
	at := with
	for _, step := range p {
		switch step := step.(type) {
		case string:
			m, _ := at.(map[string]any)
			at, param = m[step], param.child(step)
		case int:
			l, _ := at.([]any)
			if step < 0 || step >= len(l) {
				return "", nil
			}
			at, param = l[step], param.child("")
		}
	}
	source, _ := at.(string)
	return source, param
}

// stepReads adds the reads of steps in an expression; certain is whether the expression is
// evaluated, and its error counts.
func stepReads(e ast.Expr, certain bool, reads []StepRead) []StepRead {
	if r, ok := fixedChain(e); ok {
		if r.root == "steps" && len(r.path) > 0 {
			reads = append(reads, StepRead{Step: r.path[0], Path: r.path[1:], Certain: certain && !tested(e)})
		}
		return reads
	}
	switch e.Kind() {
	case ast.CallKind:
		switch c := e.AsCall(); c.FunctionName() {
		case operators.Conditional:
			reads = stepReads(c.Args()[0], certain, reads)
			for _, branch := range c.Args()[1:] {
				reads = stepReads(branch, false, reads)
			}
			return reads
		case operators.LogicalAnd, operators.LogicalOr, operators.OptIndex, operators.OptSelect:
			certain = false
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		reads = stepReads(c.IterRange(), certain, reads)
		for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			reads = stepReads(part, false, reads)
		}
		return reads
	}
	for _, c := range children(e) {
		reads = stepReads(c, certain, reads)
	}
	return reads
}

// tested reports whether a part of a chain asks first: has(a.b), a.?b.
func tested(e ast.Expr) bool {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().IsTestOnly() || tested(e.AsSelect().Operand())
	case ast.CallKind:
		c := e.AsCall()
		return c.FunctionName() != operators.Index || tested(c.Args()[0])
	}
	return false
}
