package ruleeval

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"github.com/google/cel-go/parser"

	core "github.com/activity-core/activity-core"
)

// unknownSizes says that nothing is known of the data's size: only what an
// expression costs at least is of use then.
type unknownSizes struct{}

func (unknownSizes) EstimateSize(checker.AstNode) *checker.SizeEstimate { return nil }
func (unknownSizes) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// children are the parts of an expression, in order.
func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.MapKind:
		var out []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			out = append(out, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return out
	case ast.StructKind:
		var out []ast.Expr
		for _, f := range e.AsStruct().Fields() {
			out = append(out, f.AsStructField().Value())
		}
		return out
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return []ast.Expr{c.IterRange(), c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()}
	}
	return nil
}

// checkShape bounds the syntax tree.
func checkShape(tree *ast.AST) error {
	nodes := 0
	var walk func(e ast.Expr) error
	walk = func(e ast.Expr) error {
		if nodes++; nodes > MaxExpressionNodes {
			return fmt.Errorf("the expression has more than %d parts; split it, or move data into vars", MaxExpressionNodes)
		}
		size := 0
		switch e.Kind() {
		case ast.ListKind:
			size = e.AsList().Size()
		case ast.MapKind:
			size = e.AsMap().Size()
		}
		if size > MaxLiteralEntries {
			return fmt.Errorf("a list or map written in an expression has at most %d entries, this one has %d; move it into vars", MaxLiteralEntries, size)
		}
		for _, c := range children(e) {
			if err := walk(c); err != nil {
				return err
			}
		}
		return nil
	}
	return walk(tree.Expr())
}

// reference is a variable that an expression reads, with the fixed field path below it.
type reference struct {
	root string
	path []string
}

// references lists what the expression reads, without the names it binds itself.
func references(e ast.Expr) []reference {
	found := map[string]reference{}
	bound := map[string]int{}
	add := func(r reference) {
		if bound[r.root] == 0 && !strings.HasPrefix(r.root, "@") {
			found[r.root+"\x00"+strings.Join(r.path, "\x00")] = r
		}
	}
	var walk func(e ast.Expr)
	walk = func(e ast.Expr) {
		if r, ok := fixedChain(e); ok {
			add(r)
			return
		}
		if e.Kind() == ast.ComprehensionKind {
			c := e.AsComprehension()
			walk(c.IterRange())
			walk(c.AccuInit())
			names := []string{c.IterVar(), c.AccuVar()}
			if c.HasIterVar2() {
				names = append(names, c.IterVar2())
			}
			for _, n := range names {
				bound[n]++
			}
			walk(c.LoopCondition())
			walk(c.LoopStep())
			// The result sees the accumulator only; the loop variables hide nothing that it could
			// read.
			walk(c.Result())
			for _, n := range names {
				bound[n]--
			}
			return
		}
		for _, c := range children(e) {
			walk(c)
		}
	}
	walk(e)
	out := make([]reference, 0, len(found))
	for _, k := range sortedKeys(found) {
		out = append(out, found[k])
	}
	sort.SliceStable(out, func(i, j int) bool { return len(out[i].path) < len(out[j].path) })
	return out
}

// fixedChain recognizes name.field.field, also with ['field'] and .?field.
func fixedChain(e ast.Expr) (reference, bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return reference{root: strings.TrimPrefix(e.AsIdent(), ".")}, true
	case ast.SelectKind:
		r, ok := fixedChain(e.AsSelect().Operand())
		r.path = append(r.path, e.AsSelect().FieldName())
		return r, ok
	case ast.CallKind:
		c := e.AsCall()
		if (c.FunctionName() == operators.Index || c.FunctionName() == operators.OptIndex || c.FunctionName() == operators.OptSelect) && len(c.Args()) == 2 {
			if key, ok := literalString(c.Args()[1]); ok {
				r, ok := fixedChain(c.Args()[0])
				r.path = append(r.path, key)
				return r, ok
			}
		}
	}
	return reference{}, false
}

func literalString(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

func findNode(e ast.Expr, id int64) ast.Expr {
	if e.ID() == id {
		return e
	}
	for _, c := range children(e) {
		if n := findNode(c, id); n != nil {
			return n
		}
	}
	return nil
}

// render writes a part of an expression back, shortened.
func (e *expression) render(part ast.Expr) string {
	s, err := parser.Unparse(part, e.tree.SourceInfo())
	if err != nil {
		if r, ok := fixedChain(part); ok {
			return pathText(r.root, r.path)
		}
		return "this part"
	}
	return shorten(s, 80)
}

func pathText(root string, path []string) string {
	var b strings.Builder
	b.WriteString(root)
	for _, p := range path {
		if isIdentifier(p) {
			b.WriteString("." + p)
		} else {
			b.WriteString("[" + strconv.Quote(p) + "]")
		}
	}
	return b.String()
}

func isIdentifier(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// resolveChain evaluates name.field[0].field on plain data.
func resolveChain(s interpreter.Activation, e ast.Expr) (any, bool) {
	v, _, missing := followChain(s.ResolveName, e)
	return v, missing == ""
}

// opaque is followChain's answer for what is not a chain over plain data.
const opaque = "?"

// followChain walks a chain of fields, keys and constant indexes. It returns the
// value, the path walked, and the sentence about the first part that does not exist.
func followChain(lookup func(string) (any, bool), e ast.Expr) (v any, path, missing string) {
	switch e.Kind() {
	case ast.IdentKind:
		v, ok := lookup(e.AsIdent())
		if !ok {
			return nil, "", opaque
		}
		return v, e.AsIdent(), ""
	case ast.SelectKind:
		sel := e.AsSelect()
		v, path, missing := followChain(lookup, sel.Operand())
		if missing != "" {
			return nil, path, missing
		}
		if sel.IsTestOnly() {
			return nil, path, opaque
		}
		return field(v, path, sel.FieldName())
	case ast.CallKind:
		c := e.AsCall()
		if c.FunctionName() != operators.Index || len(c.Args()) != 2 {
			return nil, "", opaque
		}
		v, path, missing := followChain(lookup, c.Args()[0])
		if missing != "" {
			return nil, path, missing
		}
		if key, ok := literalString(c.Args()[1]); ok {
			return field(v, path, key)
		}
		if c.Args()[1].Kind() == ast.LiteralKind {
			if i, ok := c.Args()[1].AsLiteral().(types.Int); ok {
				list, isList := v.([]any)
				if !isList {
					return nil, path, opaque
				}
				at := fmt.Sprintf("%s[%d]", path, i)
				if i < 0 || int(i) >= len(list) {
					return nil, at, fmt.Sprintf("%s does not exist: the list has %d elements", at, len(list))
				}
				return list[i], at, ""
			}
		}
		return nil, "", opaque
	}
	return nil, "", opaque
}

func field(v any, path, name string) (any, string, string) {
	at := path + pathText("", []string{name})
	switch m := v.(type) {
	case map[string]any:
		if e, ok := m[name]; ok {
			return e, at, ""
		}
		msg := at + " does not exist"
		if near := core.Suggest(name, sortedKeys(m)); near != "" {
			msg += fmt.Sprintf("; did you mean %q?", near)
		} else if keys := sortedKeys(m); len(keys) > 0 && len(keys) <= 12 {
			msg += "; it has " + strings.Join(keys, ", ")
		}
		return nil, at, msg
	case nil:
		return nil, at, fmt.Sprintf("%s does not exist: %s is null", at, path)
	case ref.Val:
		return nil, at, opaque
	}
	return nil, at, fmt.Sprintf("%s does not exist: %s is %s", at, path, describeNative(v))
}

// describeNative names a value's type and, for a scalar, the value.
func describeNative(v any) string {
	switch v := v.(type) {
	case string:
		return "the string " + quoteShort(v)
	case bool, int64, uint64:
		return fmt.Sprintf("the %s %v", nativeTypeName(v), v)
	case float64:
		return "the double " + formatDouble(v)
	case []any:
		return fmt.Sprintf("a list of %d", len(v))
	case map[string]any:
		return "a map"
	case nil:
		return "null"
	}
	return fmt.Sprintf("a %s", strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", v), "time.")))
}

// missingPath finds the chain that "no such key" is about and writes its full
// path, with the index of the element where the chain begins at a loop variable
// of filter, map and their like.
func (e *expression) missingPath(s interpreter.Activation, key string) string {
	return findMissing(e.tree.Expr(), s.ResolveName, key)
}

func findMissing(e ast.Expr, lookup func(string) (any, bool), key string) string {
	if e.Kind() == ast.SelectKind || e.Kind() == ast.CallKind {
		if _, path, missing := followChain(lookup, e); missing != "" && missing != opaque && endsWithKey(path, key) {
			return missing
		}
	}
	if e.Kind() != ast.ComprehensionKind {
		for _, c := range children(e) {
			if m := findMissing(c, lookup, key); m != "" {
				return m
			}
		}
		return ""
	}
	c := e.AsComprehension()
	if m := findMissing(loopRange(c), lookup, key); m != "" {
		return m
	}
	v, path, missing := followChain(lookup, loopRange(c))
	list, isList := v.([]any)
	if missing != "" || !isList || c.HasIterVar2() {
		return ""
	}
	for i, element := range list {
		inner := func(name string) (any, bool) {
			if name == c.IterVar() {
				return element, true
			}
			return lookup(name)
		}
		for _, part := range []ast.Expr{c.LoopCondition(), c.LoopStep()} {
			if m := findMissing(part, inner, key); m != "" {
				if rest, ok := strings.CutPrefix(m, c.IterVar()+"."); ok {
					return fmt.Sprintf("%s[%d].%s", path, i, rest)
				}
				return m
			}
		}
	}
	return ""
}

func endsWithKey(path, key string) bool {
	return strings.HasSuffix(path, "."+key) || strings.HasSuffix(path, "["+strconv.Quote(key)+"]")
}
