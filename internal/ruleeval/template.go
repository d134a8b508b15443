package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/cel-go/cel"

	core "github.com/activity-core/activity-core"
)

// template is a string with at least one ${…}, parsed once.
type template struct {
	source string
	parts  []part
	// places says for each part of a URL what it is; nil elsewhere.
	places []urlPlace
	// deferred: an expression reads steps, so the string is resolved when the action runs.
	deferred bool
}

// part is literal text or an expression.
type part struct {
	text string
	expr *expression
}

// whole reports whether the string is exactly one expression, whose value's type is then kept.
func (t *template) whole() bool { return len(t.parts) == 1 && t.parts[0].expr != nil }

// meant reports whether a key that is no parameter may stand for the parameter of that name.
func (n *node) meant(name string) bool {
	for _, key := range n.strays {
		if near := core.Suggest(key, n.param.fieldNames()); near == name || near == "" {
			return true
		}
	}
	return false
}

// hasParts reports whether n is a list or map whose elements have parameters of their own.
func (n *node) hasParts() bool {
	return n.isMap && (n.param.Kind == KindMap || n.param.Kind == KindObject) || n.isList && n.param.Kind == KindList
}

// resolve evaluates the template for a position. A whole template gives its
// value where the parameter takes any JSON; everything else gives text.
func (t *template) resolve(ctx context.Context, s *scope, p *Param) (any, error) {
	b := newBudget()
	v, err := t.resolveIn(ctx, s, p, b)
	if spent := s.spend(b); spent != nil {
		return nil, spent
	}
	return v, err
}

func (t *template) resolveIn(ctx context.Context, s *scope, p *Param, b *budget) (any, error) {
	if t.places != nil {
		return t.resolveURL(ctx, s, b)
	}
	if t.whole() {
		v, err := t.parts[0].expr.eval(ctx, s)
		if err != nil {
			return nil, t.fault(t.parts[0].expr, err)
		}
		var native any
		if native, err = toNative(v, b); err != nil {
			return nil, t.fault(t.parts[0].expr, err)
		}
		if p != nil && p.Kind == KindString {
			text, err := nativeText(native)
			if err != nil {
				return nil, t.fault(t.parts[0].expr, err)
			}
			return text, nil
		}
		return native, nil
	}
	var out strings.Builder
	for _, part := range t.parts {
		text := part.text
		if part.expr != nil {
			v, err := part.expr.eval(ctx, s)
			if err == nil {
				text, err = toText(v, b)
			}
			if err != nil {
				return nil, t.fault(part.expr, err)
			}
		}
		if out.Len()+len(text) > MaxStringBytes {
			return nil, &limitError{fmt.Sprintf("the text is longer than %d bytes", MaxStringBytes)}
		}
		out.WriteString(text)
	}
	return out.String(), nil
}

// fault names the expression in an error, but lets the end of a context pass.
func (t *template) fault(e *expression, err error) error {
	if endsPlan(err) {
		return err
	}
	if errors.Is(err, errNoText) {
		err = fmt.Errorf("%w; say what to write instead, for example ${%s == null ? 'none' : %s}", err, operand(e), operand(e))
	}
	msg := fmt.Sprintf("${%s}: %v", shorten(strings.TrimSpace(e.source), 120), err)
	var limit *limitError
	if errors.As(err, &limit) || errors.Is(err, errTooLarge) {
		return &limitError{msg}
	}
	return errors.New(msg)
}

// node is a value of `with`: a literal, a template, a list or a map.
type node struct {
	literal any
	tmpl    *template
	list    []*node
	keys    []string // sorted, with values
	values  []*node
	isMap   bool
	isList  bool
	strays  []string // keys that are not parameters
	param   *Param
	// constant: nothing below is a template; literal then holds the whole value.
	constant bool
	// written is a list or map as the definition has it, for messages.
	written any
}

// resolve evaluates the templates below n. A deferred template stays as its
// source, and its path is added to deferred.
func (n *node) resolve(ctx context.Context, s *scope, at path, deferred *[]any) (any, error) {
	switch {
	case n.constant:
		return n.literal, nil
	case n.tmpl != nil:
		if n.tmpl.deferred {
			*deferred = append(*deferred, at.copy())
			return n.tmpl.source, nil
		}
		v, err := n.tmpl.resolve(ctx, s, n.param)
		if err != nil {
			return nil, &fieldFault{at: at.String(), err: err}
		}
		return v, nil
	case n.isList:
		out := make([]any, len(n.list))
		for i, e := range n.list {
			v, err := e.resolve(ctx, s, append(at, i), deferred)
			if err != nil {
				return nil, err
			}
			out[i] = v
		}
		return out, nil
	}
	out := make(map[string]any, len(n.keys))
	for i, k := range n.keys {
		v, err := n.values[i].resolve(ctx, s, append(at, k), deferred)
		if err != nil {
			return nil, err
		}
		out[k] = v
	}
	return out, nil
}

// path is where a value stands in `with`: keys and indexes.
type path []any

func (p path) copy() []any { return append([]any(nil), p...) }

func (p path) String() string {
	var b strings.Builder
	b.WriteString("with")
	for _, e := range p {
		switch e := e.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", e)
		case string:
			b.WriteString(pathText("", []string{e}))
		}
	}
	return b.String()
}

// fieldFault is what is wrong with one field of `with`.
type fieldFault struct {
	at    string
	err   error
	value any // as it was found, or nil
}

func (f *fieldFault) Error() string { return f.at + ": " + f.err.Error() }
func (f *fieldFault) Unwrap() error { return f.err }

// parse compiles one string of `with`. The result is nil for a string without expressions,
// whose text, with $${ resolved, is returned instead.
func (c *compiler) parse(env envFor, at, s string, p *Param) (*template, string) {
	pieces, err := scan(s)
	if err != nil {
		c.fault(at, s, "%v", err)
		return nil, s
	}
	hasExpr := false
	for _, piece := range pieces {
		hasExpr = hasExpr || piece.isExpr
	}
	if !hasExpr {
		var text strings.Builder
		for _, piece := range pieces {
			text.WriteString(piece.text)
		}
		return nil, text.String()
	}
	if p != nil && p.Position == PositionSecret {
		c.fault(at, s, "must be the name of a secret as it is, without ${…}, so that data cannot choose a secret")
		return nil, s
	}
	t := &template{source: s}
	failed := false
	for _, piece := range pieces {
		if !piece.isExpr {
			t.parts = append(t.parts, part{text: piece.text})
			continue
		}
		e, err := c.compile(env(), piece.text)
		if err != nil {
			where := ""
			if len(pieces) > 1 {
				where = fmt.Sprintf("in ${…} at character %d: ", piece.at-1)
			}
			c.refused(at, s, where, err)
			failed = true
			continue
		}
		t.deferred = t.deferred || e.reads("steps")
		t.parts = append(t.parts, part{expr: e})
	}
	if failed {
		return nil, s
	}
	if p != nil {
		if p.Position == PositionURL {
			if t.places, err = planURL(t.parts); err != nil {
				c.fault(at, s, "%v", err)
			}
		}
		c.checkStatic(at, t, p)
	}
	return t, ""
}

// checkStatic refuses what the type of a whole expression already shows to be wrong.
func (c *compiler) checkStatic(at string, t *template, p *Param) {
	if !t.whole() {
		switch p.Kind {
		case KindString, KindAny, KindStatus, KindDuration:
		case KindInt, KindNumber, KindBool, KindList, KindMap, KindObject, KindCEL:
			c.fault(at, t.source, "must be %s; text around ${…} makes it text, so write one ${…} alone", p.what())
		}
		return
	}
	got := kindOf(t.parts[0].expr.typ)
	ok := got == "" // known at run time only
	switch p.Kind {
	case KindAny, KindString, KindStatus:
		ok = ok || got != "null"
		if p.Kind == KindAny {
			ok = true
		}
	case KindInt:
		ok = ok || got == "int"
	case KindNumber:
		ok = ok || got == "int" || got == "double"
	case KindBool:
		ok = ok || got == "bool"
	case KindDuration:
		ok = ok || got == "string" || got == "duration"
	case KindList:
		ok = ok || got == "list"
	case KindMap, KindObject:
		ok = ok || got == "map"
	case KindCEL: // a condition is no template
	}
	if !ok {
		c.fault(at, t.source, "must be %s, the expression gives %s", p.what(), got)
	}
}

// condition compiles a KindCEL parameter.
func (c *compiler) condition(at, src string, p *Param) {
	if strings.TrimSpace(src) == "" {
		c.fault(at, src, "is empty; leave it out or give %s", p.what())
		return
	}
	before := len(c.faults)
	c.typed(c.responseEnv, at, src, cel.BoolType)
	if len(c.faults) > before && strings.Contains(src, "${") {
		c.faults[before].Message += "; it is an expression as it stands, so write it without ${…}"
	}
}

// build compiles the value at a path of `with`.
func (c *compiler) build(env envFor, at string, v any, p *Param) *node {
	n := &node{param: p}
	switch v := v.(type) {
	case string:
		if p != nil && p.Kind == KindCEL {
			n.constant, n.literal = true, v
			c.condition(at, v, p)
			return n
		}
		t, text := c.parse(env, at, v, p)
		n.tmpl, n.literal, n.constant = t, text, t == nil
	case []any:
		n.isList, n.constant, n.written = true, true, v
		var elem *Param
		if p != nil && p.Kind == KindList {
			elem = p.Elem
		}
		if p != nil && p.Kind == KindStatus {
			elem = p
		}
		lit := make([]any, len(v))
		for i, e := range v {
			child := c.build(env, fmt.Sprintf("%s[%d]", at, i), e, elem)
			n.list = append(n.list, child)
			n.constant = n.constant && child.constant
			lit[i] = child.literal
		}
		n.literal = lit
	case map[string]any:
		n.isMap, n.constant, n.written = true, true, v
		lit := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			field := at + pathText("", []string{k})
			var elem *Param
			if p != nil {
				switch p.Kind {
				case KindMap:
					elem = p.Elem
				case KindObject:
					if elem = p.field(k); elem == nil {
						n.strays = append(n.strays, k)
						c.fault(field, nil, "is not a parameter here%s; known: %s", didYouMean(k, p.fieldNames()), strings.Join(p.fieldNames(), ", "))
						continue
					}
				case KindString, KindInt, KindNumber, KindBool, KindDuration, KindAny, KindList, KindStatus, KindCEL:
				}
			}
			child := c.build(env, field, v[k], elem)
			n.keys = append(n.keys, k)
			n.values = append(n.values, child)
			n.constant = n.constant && child.constant
			lit[k] = child.literal
		}
		n.literal = lit
	default:
		n.constant, n.literal = true, v
	}
	return n
}

// hasDeferred reports whether a template below n waits for steps.
func (n *node) deferredReferences() (refs []reference, any bool) {
	if n.tmpl != nil && n.tmpl.deferred {
		for _, p := range n.tmpl.parts {
			if p.expr != nil {
				refs = append(refs, p.expr.roots...)
			}
		}
		return refs, true
	}
	for _, group := range [][]*node{n.list, n.values} {
		for _, child := range group {
			r, found := child.deferredReferences()
			refs, any = append(refs, r...), any || found
		}
	}
	return refs, any
}

// codeOf gives an evaluation error its code.
func codeOf(err error) core.Code {
	var limit *limitError
	if errors.As(err, &limit) || errors.Is(err, errTooLarge) {
		return core.CodeTooLarge
	}
	return core.CodeInvalid
}
