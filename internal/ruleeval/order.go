package ruleeval

import (
	"sort"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// CEL leaves open in which order a loop visits a map, and cel-go takes Go's
// random one: {'a': 1, 'b': 2}.map(k, k) would differ from plan to plan. So each
// loop's range goes through @ordered, which shows a map with its keys sorted.

// orderedFunction is the name; the @ keeps it out of expressions.
const orderedFunction = "@ordered"

func orderedFunctionDecl() cel.EnvOption {
	t := cel.TypeParamType("T")
	return cel.Function(orderedFunction, cel.Overload("ordered_any", []*cel.Type{t}, t, cel.UnaryBinding(ordered)))
}

// orderRanges puts @ordered around the range of every loop of a parsed expression.
func orderRanges(tree *ast.AST) {
	factory := ast.NewExprFactory()
	next := ast.MaxID(tree)
	var walk func(e ast.Expr)
	walk = func(e ast.Expr) {
		for _, c := range children(e) {
			walk(c)
		}
		if e.Kind() != ast.ComprehensionKind {
			return
		}
		c := e.AsComprehension()
		if c.IterRange().Kind() == ast.ListKind {
			return // a list stays as it is
		}
		next++
		call := factory.NewCall(next, orderedFunction, c.IterRange())
		if at, ok := tree.SourceInfo().GetOffsetRange(c.IterRange().ID()); ok {
			tree.SourceInfo().SetOffsetRange(next, at)
		}
		loop := factory.NewComprehensionTwoVar(e.ID(), call, c.IterVar(), c.IterVar2(), c.AccuVar(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result())
		e.SetKindCase(loop)
	}
	walk(tree.Expr())
}

// loopRange is a loop's range as it was written.
func loopRange(c ast.ComprehensionExpr) ast.Expr {
	r := c.IterRange()
	if r.Kind() == ast.CallKind && r.AsCall().FunctionName() == orderedFunction {
		return r.AsCall().Args()[0]
	}
	return r
}

func ordered(v ref.Val) ref.Val {
	m, ok := v.(traits.Mapper)
	if !ok || listLen(m) < 2 {
		return v
	}
	keys := make([]ref.Val, 0, listLen(m))
	for it := m.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	sort.Slice(keys, func(i, j int) bool { return keyLess(keys[i], keys[j]) })
	return &orderedMap{Mapper: m, keys: keys}
}

// keyLess orders keys: false, true, numbers by value, then texts.
func keyLess(a, b ref.Val) bool {
	rank := func(v ref.Val) int {
		switch v.(type) {
		case types.Bool:
			return 0
		case types.Int, types.Uint, types.Double:
			return 1
		}
		return 2
	}
	if x, y := rank(a), rank(b); x != y {
		return x < y
	}
	c, ok := a.(traits.Comparer)
	return ok && c.Compare(b) == types.IntNegOne
}

// orderedMap is a map whose keys are visited in order.
type orderedMap struct {
	traits.Mapper
	keys []ref.Val
}

// Iterator visits the keys in order.
func (m *orderedMap) Iterator() traits.Iterator { return &keyIterator{keys: m.keys} }

// Fold visits keys and values in order.
func (m *orderedMap) Fold(f traits.Folder) {
	for _, k := range m.keys {
		if !f.FoldEntry(k, m.Get(k)) {
			return
		}
	}
}

// keyIterator walks a slice. The embedded nil value is never asked for anything:
// the interpreter calls HasNext and Next only.
type keyIterator struct {
	types.Null
	keys []ref.Val
	at   int
}

// HasNext implements the iterator.
func (i *keyIterator) HasNext() ref.Val { return types.Bool(i.at < len(i.keys)) }

// Next implements the iterator.
func (i *keyIterator) Next() ref.Val {
	i.at++
	return i.keys[i.at-1]
}
