// Package ruleeval turns one firing of a definition into a plan: it compiles
// the definition's CEL expressions and ${…} templates once, and evaluates them
// into an ordered list of actions whose parameters are resolved and checked.
//
// It owns the expression language (what is in scope, which functions exist, what
// an evaluation may cost), interpolation, and the parameters of every action
// type. It must not do I/O, read a clock, log, or carry anything out: the same
// inputs give the same bytes. A context is taken only to interrupt a long
// evaluation.
//
// Data is never code: a template is parsed when the definition is compiled, and
// a value that is inserted is never looked at again, whatever it contains.
package ruleeval

// Limits. An expression above one of them is refused when it is compiled, an
// evaluation when it is about to pass it.
const (
	// CostLimit bounds one evaluation of one expression. One unit is about the
	// work of one field access; see prices.go.
	CostLimit = 1_000_000
	// MaxPlanCost bounds what all evaluations of one plan cost together, in the same units.
	MaxPlanCost = 50_000_000
	// MaxTemplates bounds the expressions of one definition.
	MaxTemplates = 2_000
	// MaxLiteralEntries bounds one list or map written in an expression.
	MaxLiteralEntries = 1_000
	// MaxExpressionNodes bounds the syntax tree of one expression.
	MaxExpressionNodes = 10_000
	// MaxNesting bounds how deep filter, map, exists … stand inside each other.
	MaxNesting = 5
	// MaxRegexBytes bounds a regular expression, also one that comes from data.
	MaxRegexBytes = 4 << 10
	// MaxStringBytes bounds a string made by an expression.
	MaxStringBytes = 16 << 20
	// MaxListItems bounds a list made by an expression.
	MaxListItems = 1_000_000
	// MaxDataDepth bounds the nesting of payload, context and results.
	MaxDataDepth = 200
	// MaxPlanBytes bounds the JSON of a plan.
	MaxPlanBytes = 16 << 20
	// MaxItemKeyBytes bounds the value of item_key.
	MaxItemKeyBytes = 512

	// interruptEvery is after how many iterations of a comprehension the context is looked at.
	interruptEvery = 100
)
