package ruleeval

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/cel-go/common/types"
)

// textFault is a kind of fault that a text has for its parameter.
type textFault int

const (
	faultEnum textFault = iota + 1
	faultLength
	faultLine
)

// textError is a text that its parameter does not take, of a kind for which there is a remedy.
type textError struct {
	error
	param *Param
	kind  textFault
}

func (e *textError) Unwrap() error { return e.error }

func (p *Param) maxLen() int {
	if p.MaxLen == 0 {
		return maxText
	}
	return p.MaxLen
}

// breaksLine reports whether a rune may not stand in one line of text.
func breaksLine(r rune) bool {
	return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029
}

// withRemedy adds to a fault of a parameter what to write instead, where it comes from a
// template: an expression that works for any text, not only for this one.
func (a *action) withRemedy(ctx context.Context, s *scope, err error) error {
	var f *fieldFault
	var text *textError
	if !errors.As(err, &f) || !errors.As(f.err, &text) {
		return err
	}
	n := a.with.find(nil, f.at)
	if n == nil || n.tmpl == nil || n.tmpl.deferred {
		return err
	}
	remedy, err2 := n.tmpl.remedy(ctx, s, text)
	if err2 != nil {
		return err2
	}
	if remedy == "" {
		return err
	}
	return &fieldFault{f.at, fmt.Errorf("%w; write ${%s}%s", f.err, remedy, quoting(remedy)), f.value}
}

// find returns the node at a place of with, as path writes it.
func (n *node) find(at path, place string) *node {
	if at.String() == place {
		return n
	}
	for i, child := range n.list {
		if found := child.find(append(at, i), place); found != nil {
			return found
		}
	}
	for i, child := range n.values {
		if found := child.find(append(at, n.keys[i]), place); found != nil {
			return found
		}
	}
	return nil
}

// remedy is what to write in place of the template's expression that is at fault; empty if that
// is not a text. The error is one that ends the plan.
func (t *template) remedy(ctx context.Context, s *scope, text *textError) (string, error) {
	var worst *expression
	var found string
	literal := 0
	for _, part := range t.parts {
		literal += len(part.text)
		if part.expr == nil {
			continue
		}
		v, err := part.expr.eval(ctx, s)
		if endsPlan(err) {
			return "", err
		}
		value, ok := v.(types.String)
		if err != nil || !ok {
			continue
		}
		if !s.purse.take(float64(len(value)) / bytesPerUnit) {
			return "", errPlanCost
		}
		longer := len(value) > len(found)
		if text.kind == faultLine {
			longer = strings.ContainsFunc(string(value), breaksLine)
		}
		if worst == nil && longer || longer && text.kind != faultLine {
			worst, found = part.expr, string(value)
		}
	}
	if worst == nil {
		return "", nil
	}
	return rewrite(operand(worst), found, text, literal), nil
}

// rewrite is the expression x, whose value is v, so that it gives what the parameter takes.
func rewrite(x, v string, text *textError, literal int) string {
	switch text.kind {
	case faultEnum:
		other := text.param.Enum[0]
		if d, ok := text.param.Default.(string); ok {
			other = d
		}
		return fmt.Sprintf("%s in ['%s'] ? %s : '%s'", x, strings.Join(text.param.Enum, "', '"), x, other)
	case faultLength:
		// substring counts characters, of which each has at most four bytes.
		n := (text.param.maxLen() - literal) / 4
		if n < 1 {
			return ""
		}
		return fmt.Sprintf("size(%s) > %d ? %s.substring(0, %d) : %s", x, n, x, n, x)
	case faultLine:
		return oneLine(x, v)
	}
	return ""
}

// oneLine is the expression x, whose value is v, cut to its first line.
func oneLine(x, v string) string {
	if clean := strings.TrimSpace(v); clean != "" && !strings.ContainsFunc(clean, breaksLine) {
		return x + ".trim()"
	}
	if strings.ContainsAny(v, "\r\n") {
		if first, _, _ := strings.Cut(v, "\n"); strings.TrimSpace(first) == "" {
			x, v = x+".trim()", strings.TrimSpace(v)
		}
		if strings.Contains(v, "\r") {
			x, v = x+`.replace('\r', '\n')`, strings.ReplaceAll(v, "\r", "\n")
		}
		first, _, _ := strings.Cut(v, "\n")
		x, v = x+`.split('\n')[0]`, first
	}
	if strings.ContainsFunc(v, breaksLine) {
		return `regex.replace(` + x + `, '[\\p{Cc}\\x{2028}\\x{2029}]', ' ')`
	}
	return x
}

// quoting warns of the one place where a backslash does not stay one.
func quoting(remedy string) string {
	if strings.Contains(remedy, `\`) {
		return ` (with \\ for each \ where the YAML text stands in double quotes)`
	}
	return ""
}

var tight = regexp.MustCompile(`^[A-Za-z0-9_.?\[\]()'"]+$`)

// operand is the expression's source, in parentheses if anything but a chain of fields and calls.
func operand(e *expression) string {
	source := strings.TrimSpace(e.source)
	if tight.MatchString(source) {
		return source
	}
	return "(" + source + ")"
}
