package cronspec

import (
	"fmt"
	"strings"
)

// Field names one part of a cron trigger in a [ParseError].
type Field string

// The parts of a cron trigger that an error can point at.
const (
	FieldExpression Field = "expression"
	FieldMinute     Field = "minute"
	FieldHour       Field = "hour"
	FieldDayOfMonth Field = "day-of-month"
	FieldMonth      Field = "month"
	FieldDayOfWeek  Field = "day-of-week"
	FieldZone       Field = "timezone"
)

// ParseError says which part of a cron trigger was refused, why, and what to write instead. It
// is the only error type that [Parse] returns.
type ParseError struct {
	Expression string // the whole expression as it was given; empty for a zone or an empty list
	Field      Field  // the part that is wrong
	Value      string // the text of that part
	Reason     string // why it is refused
	Hint       string // what to write instead; may be empty
	// Remedy is what to write instead as data; nil where the hint cannot say it whole.
	Remedy *Remedy
}

// Error is one line: expression, field, value, reason and remedy.
func (e *ParseError) Error() string {
	var b strings.Builder
	if e.Expression != "" {
		fmt.Fprintf(&b, "cron expression %q: ", e.Expression)
	}
	b.WriteString(string(e.Field))
	if e.Value != "" && e.Value != e.Expression {
		fmt.Fprintf(&b, " %q", e.Value)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	if e.Hint != "" {
		b.WriteString("; ")
		b.WriteString(e.Hint)
	}
	return b.String()
}
