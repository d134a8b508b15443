package cronspec

import (
	"fmt"
	"strings"
)

// foreignSyntax refuses what other schedulers understand and this one does not, each with its
// replacement.
func (r fieldRule) foreignSyntax(text string) *fault {
	isDay := r.field == FieldDayOfMonth || r.field == FieldDayOfWeek
	upper := strings.ToUpper(text)
	value, last := strings.CutSuffix(upper, "L")
	near, working := strings.CutSuffix(upper, "W")
	base, calendar := strings.CutSuffix(upper, "C")
	switch {
	case strings.Contains(text, "#"):
		return &fault{text, "# (the n-th weekday of a month) is not supported", nthHint(text)}
	case text == "?" && isDay:
		return &fault{text, "? is not supported", `write "*"`}
	case strings.Contains(text, "?"):
		return &fault{text, "? is not supported", `write a value, or "*" for every one`}
	case strings.Contains(text, "~"):
		return &fault{text, "~ (a random value) is not supported", "write a fixed value and set jitter: beside the expression"}
	case strings.HasPrefix(upper, "H/") && strings.Trim(upper[2:], "0") != "" && r.isValue(upper[2:]):
		return &fault{text, "H (a hashed value) is not supported", fmt.Sprintf("write \"*/%s\" and set jitter: beside the expression", upper[2:])}
	case upper == "H" || strings.HasPrefix(upper, "H/") || strings.HasPrefix(upper, "H("):
		return &fault{text, "H (a hashed value) is not supported", "write a fixed value and set jitter: beside the expression"}
	case !isDay:
		return nil
	case upper == "L" && r.field == FieldDayOfWeek:
		return &fault{text, "L (the last day of the week) is not supported", `write "sat" as day-of-week`}
	case strings.HasPrefix(upper, "LW"):
		return &fault{text, "LW (the last working day) is not supported",
			`write "1-5" as day-of-week and "*" as day-of-month, and add a when: to the rule that keeps the last working day only`}
	case strings.HasPrefix(upper, "L"):
		return &fault{text, "L (the last day) is not supported",
			`write "28-31" as day-of-month and add a when: to the rule that keeps the last day only, or run on day 1`}
	case last && dayOfWeekRule.isValue(value):
		return &fault{text, "L (the last such weekday) is not supported",
			fmt.Sprintf("write %q as day-of-week and add a when: to the rule that keeps the last one only", strings.ToLower(value))}
	case working && (near == "" || r.isValue(near)), strings.HasPrefix(upper, "W") && r.isValue(upper[1:]):
		return &fault{text, "W (the nearest working day) is not supported",
			`write "1-5" as day-of-week and add a when: on the day of the month to the rule`}
	case calendar && (base == "" || r.isValue(base)):
		return &fault{text, "C (the days of a calendar) is not supported",
			`write "*" and add a when: to the rule that knows the calendar, for instance from its context`}
	}
	return nil
}

// isValue tells a number or name of the field, such as the FRI of FRIL.
func (r fieldRule) isValue(text string) bool {
	_, f := r.parseValue(text, text)
	return f == nil
}

// nthHint says on which days the n-th weekday falls.
func nthHint(text string) string {
	weekday, nth, _ := strings.Cut(text, "#")
	if n, ok := smallNumber(nth); ok && n >= 1 && n <= 5 && dayOfWeekRule.isValue(weekday) {
		return fmt.Sprintf("write %q as day-of-week, and add a when: to the rule that keeps days %d-%d of the month", strings.ToLower(weekday), 7*n-6, min(7*n, 31))
	}
	return "write the weekday alone, and add a when: on the day of the month to the rule, for instance days 15-21 for the third"
}
