package ruleeval

import (
	"context"
	"errors"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// endsPlan reports whether err concerns the whole plan and not one item.
func endsPlan(err error) bool { return isContextError(err) || errors.Is(err, errPlanCost) }

// itemError says for which item something failed.
func itemError(r *rule, name named, at string, err error) error {
	if endsPlan(err) {
		return err
	}
	who := fmt.Sprintf("rule %q", r.name)
	if r.forEach != nil {
		who += fmt.Sprintf(", item %d", name.index)
		if name.key != "" && r.itemKey != nil {
			who += fmt.Sprintf(" (key %s)", quoteShort(name.key))
		}
	}
	return located(who, at, err)
}

func ruleError(r *rule, at string, err error) error {
	if endsPlan(err) {
		return err
	}
	return located(fmt.Sprintf("rule %q", r.name), at, err)
}

func located(who, at string, err error) error {
	var f *fieldFault
	if errors.As(err, &f) {
		at, err = at+"."+f.at, f.err
	}
	return &core.Error{
		Code:    codeOf(err),
		Message: fmt.Sprintf("%s, %s: %v", who, at, err),
		Fields:  []core.FieldError{{Location: at, Message: fmt.Sprintf("%s: %v", who, err)}},
	}
}

// fieldError is an error about one field, outside any rule.
func fieldError(at string, err error) error {
	if isContextError(err) {
		return err
	}
	var f *fieldFault
	if errors.As(err, &f) {
		if at != "" {
			at += "."
		}
		at, err = at+f.at, f.err
	}
	return &core.Error{Code: codeOf(err), Message: fmt.Sprintf("%s: %v", at, err),
		Fields: []core.FieldError{{Location: at, Message: err.Error()}}}
}

func codedError(err error) error {
	if isContextError(err) {
		return err
	}
	return &core.Error{Code: codeOf(err), Message: err.Error()}
}

func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
