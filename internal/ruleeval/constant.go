package ruleeval

import (
	"context"

	"github.com/google/cel-go/interpreter"
)

// Constant tells whether a condition reads no variable, and what it always says. Of what is no
// such condition it is false.
func Constant(src string) (value, constant bool) {
	lang, err := sharedLanguage()
	if err != nil {
		return false, false
	}
	parsed, issues := lang.env.Parse(src)
	if issues.Err() != nil || len(references(parsed.NativeRep().Expr())) > 0 {
		return false, false
	}
	e, err := lang.compile(lang.env, src, unknownNames{})
	if err != nil {
		return false, false
	}
	v, err := e.evalIn(context.Background(), interpreter.EmptyActivation())
	if err != nil {
		return false, false
	}
	value, constant = v.Value().(bool)
	return value, constant
}
