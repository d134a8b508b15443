package ruleeval

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"

	core "github.com/activity-core/activity-core"
)

// unknownNames are names of which it is not known what they stand for, since a document
// declares them wrongly or where it cannot be read. That an expression uses one is no fault of
// its own. Of vars, context and steps it is the fields that are unknown.
type unknownNames map[string]bool

// anyName stands for every name that is not in scope.
const anyName = "*"

// errTold is an expression with which nothing is wrong but what has been told.
var errTold = errors.New("it cannot be compiled before other faults are mended")

// unknownIn are the unknown names of all expressions of a definition.
func (c *compiler) unknownIn(def *core.Definition) unknownNames {
	u := unknownNames{}
	u["vars"] = c.unread.Covers("vars")
	u["context"] = c.unread.Covers("context")
	for name := range def.Vars {
		u.badName("vars", name)
	}
	for name := range def.Context {
		u.badName("context", name)
	}
	return u
}

// unknownInRule are those, and the unknown loop variable and steps of a rule.
func (c *compiler) unknownInRule(at string, def *core.Rule) unknownNames {
	u := maps.Clone(c.unknown)
	u[anyName] = c.unread.Covers(at + ".as")
	if def.As != "" {
		u.badName("", def.As)
	}
	if slices.Contains(core.ScopeNames(), def.As) {
		u[def.As] = true
	}
	for j := range def.Actions {
		if c.unread.Covers(fmt.Sprintf("%s.actions[%d].name", at, j)) {
			u["steps"] = true
		}
		if name := def.Actions[j].Name; name != "" {
			u.badName("steps", name)
		}
	}
	return u
}

// badName adds what an expression may make of a name that cannot be written in one: max-age is
// read as max minus age.
func (u unknownNames) badName(owner, name string) {
	if isIdentifier(name) {
		return
	}
	if owner != "" {
		u[owner] = true
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !isIdentifier("a" + string(r)) }) {
		u[word] = true
	}
}

// others are the issues that do not come from unknown names.
func (u unknownNames) others(tree *ast.AST, issues []*cel.Error) []*cel.Error {
	var out []*cel.Error
	for _, e := range issues {
		node := findNode(tree.Expr(), e.ExprID)
		if m := undeclared.FindStringSubmatch(e.Message); m != nil && (u[m[1]] || u[anyName]) && (node == nil || node.Kind() == ast.IdentKind) {
			continue
		}
		if undefined.MatchString(e.Message) && node != nil && u[ownerOf(node)] {
			continue
		}
		out = append(out, e)
	}
	return out
}
