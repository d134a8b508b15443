package ruleeval

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"

	core "github.com/activity-core/activity-core"
)

// explainSyntax writes the parser's first complaint in a line with its place.
func explainSyntax(src string, issues *cel.Issues) error {
	first := issues.Errors()[0]
	msg := strings.TrimPrefix(first.Message, "Syntax error: ")
	if i := strings.Index(msg, " expecting {"); i >= 0 {
		msg = msg[:i]
	}
	msg = strings.ReplaceAll(msg, "'<EOF>'", "the end of the expression")
	switch key := oddField(src); {
	case doubleBraces.MatchString(src):
		msg += "; write ${" + doubleBraces.FindStringSubmatch(src)[1] + "}, with one pair of braces"
	case key != "":
		msg += "; write " + key + " for the key of that name"
	case strings.Contains(src, " and ") || strings.Contains(src, " or "):
		msg += "; CEL writes && and || for and, or"
	case regexp.MustCompile(`[^=!<>]=[^=]`).MatchString(src):
		msg += "; CEL writes == for equality"
	}
	return fmt.Errorf("%ssyntax error: %s", place(first.Location.Line(), first.Location.Column()), msg)
}

// doubleBraces is what stands between ${ and } where somebody wrote ${{ x }}, as in GitHub's
// workflows.
var doubleBraces = regexp.MustCompile(`^\s*\{\s*([^{}:]*[^{}:\s])\s*\}?\s*$`)

// place writes a position within an expression, counted from 1.
func place(line, column int) string {
	if line > 1 {
		return fmt.Sprintf("line %d, column %d: ", line, column+1)
	}
	return fmt.Sprintf("column %d: ", column+1)
}

// explainIssues writes the type checker's complaints with hints, at most three.
func explainIssues(env *cel.Env, src string, tree *ast.AST, issues []*cel.Error) error {
	if len(issues) == 0 {
		return errTold
	}
	var msgs []string
	for i, e := range issues {
		if i == 3 {
			msgs = append(msgs, fmt.Sprintf("and %d more", len(issues)-3))
			break
		}
		msgs = append(msgs, place(e.Location.Line(), e.Location.Column())+explainIssue(env, src, tree, e))
	}
	return errors.New(strings.Join(msgs, "; "))
}

var (
	undeclared = regexp.MustCompile(`^undeclared reference to '(.*)' \(in container '.*'\)$`)
	undefined  = regexp.MustCompile(`^undefined field '(.*)'$`)
	noOverload = regexp.MustCompile(`^found no matching overload for '(.*)' applied to '(.*)'$`)
)

func explainIssue(env *cel.Env, src string, tree *ast.AST, e *cel.Error) string {
	node := findNode(tree.Expr(), e.ExprID)
	if m := undeclared.FindStringSubmatch(e.Message); m != nil {
		return explainUndeclared(env, src, tree, node, m[1])
	}
	if m := undefined.FindStringSubmatch(e.Message); m != nil && node != nil {
		if key := quotedKey(src, m[1]); key != "" {
			return fmt.Sprintf("the sign behind %q is read as an operator; write %s for the key with that sign", m[1], key)
		}
		return explainUndefined(env, node, m[1])
	}
	if m := noOverload.FindStringSubmatch(e.Message); m != nil {
		name, applied := displayFunction(m[1]), cleanTypes(m[2])
		hint := ""
		switch m[1] {
		case operators.Add, operators.Subtract, operators.Multiply, operators.Divide:
			hint = "; convert with string(…), int(…) or double(…)"
		case operators.Index:
			hint = "; the fields of this object are fixed, name one with a dot"
		}
		return fmt.Sprintf("%s does not take %s%s", name, applied, hint)
	}
	return cleanTypes(e.Message)
}

func explainUndeclared(env *cel.Env, src string, tree *ast.AST, node ast.Expr, name string) string {
	if node != nil && node.Kind() == ast.CallKind {
		var names []string
		for fn := range env.Functions() {
			if fn[0] != '_' && fn[0] != '@' && fn[0] != '!' && fn[0] != '-' {
				names = append(names, fn)
			}
		}
		names = append(names, "filter", "map", "exists", "exists_one", "all", "has", "sortBy", "transformList", "transformMap", "orValue")
		if name == "now" {
			return "there is no function now: an expression sees no wall clock; run.time is the run's nominal time"
		}
		if form := otherFunction(env, tree, node); form != "" {
			return fmt.Sprintf("there is no function %q; write %s", name, form)
		}
		return fmt.Sprintf("there is no function %q%s; docs/expressions.md lists them", name, didYouMean(name, names))
	}
	if key := quotedKey(src, name); key != "" {
		return fmt.Sprintf("%q is not in scope, since the sign before it is read as an operator; write %s for the key with that sign", name, key)
	}
	var names []string
	for _, v := range env.Variables() {
		if !strings.Contains(v.Name(), ".") && v.Name() != "optional_type" {
			names = append(names, v.Name())
		}
	}
	names = scopeOnly(names)
	switch name {
	case "steps":
		return "steps is not in scope: no earlier action of this rule has a name"
	case "now":
		return "there is no wall clock; run.time is the run's nominal time"
	}
	return fmt.Sprintf("%q is not in scope%s; in scope: %s", name, didYouMean(name, names), strings.Join(names, ", "))
}

// scopeOnly drops the type names that CEL declares as variables.
func scopeOnly(names []string) []string {
	celTypes := map[string]bool{"bool": true, "bytes": true, "double": true, "duration": true, "dyn": true, "int": true,
		"list": true, "map": true, "null_type": true, "string": true, "timestamp": true, "type": true, "uint": true}
	out := names[:0]
	for _, n := range names {
		if !celTypes[n] {
			out = append(out, n)
		}
	}
	return out
}

// ownerOf is the variable of which a node selects a field, "" if it selects none of a variable.
func ownerOf(node ast.Expr) string {
	var operand ast.Expr
	if node.Kind() == ast.SelectKind {
		operand = node.AsSelect().Operand()
	} else if node.Kind() == ast.CallKind && len(node.AsCall().Args()) > 0 {
		operand = node.AsCall().Args()[0] // a.?b
	}
	if operand == nil || operand.Kind() != ast.IdentKind {
		return ""
	}
	return operand.AsIdent()
}

func explainUndefined(env *cel.Env, node ast.Expr, name string) string {
	owner := ownerOf(node)
	if owner == "" {
		return fmt.Sprintf("there is no field %q", name)
	}
	known, _ := env.CELTypeProvider().FindStructFieldNames("object " + owner)
	msg := fmt.Sprintf("%s.%s is not declared%s", owner, name, didYouMean(name, known))
	switch {
	case owner == "steps":
		return msg + "; a step is an earlier action of the same rule that has a name" + listed(known)
	case len(known) == 0:
		return msg + fmt.Sprintf("; the definition has no %s", owner)
	}
	return msg + listed(known)
}

func listed(known []string) string {
	if len(known) == 0 || len(known) > 20 {
		return ""
	}
	return "; declared: " + strings.Join(known, ", ")
}

func didYouMean(word string, candidates []string) string {
	near := core.Suggest(word, candidates)
	for i := 0; near == "" && len(word) >= 3 && i < len(candidates); i++ {
		if strings.HasPrefix(candidates[i], word) {
			near = candidates[i] // the beginning of a longer name
		}
	}
	if near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// cleanTypes takes the blanks and wrappers of internal type names out of a message.
func cleanTypes(s string) string { return strings.ReplaceAll(s, "object ", "") }

// displayFunction is how an operator or function is written in an expression.
func displayFunction(name string) string {
	if symbol, ok := operators.FindReverse(name); ok && symbol != "" {
		return symbol
	}
	switch name {
	case operators.Conditional:
		return "? :"
	case operators.Index:
		return "[…]"
	case "@sortByAssociatedKeys":
		return "sortBy"
	}
	return strings.Replace(name, "@", "", 1)
}
