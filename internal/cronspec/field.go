package cronspec

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// fieldRule describes one of the five fields: its name, the values it may hold and the names it
// understands.
type fieldRule struct {
	field    Field
	min, max int
	names    []string // three-letter names, names[0] standing for the value min; nil when only numbers are allowed
}

var (
	minuteRule     = fieldRule{field: FieldMinute, min: 0, max: 59}
	hourRule       = fieldRule{field: FieldHour, min: 0, max: 23}
	dayOfMonthRule = fieldRule{field: FieldDayOfMonth, min: 1, max: 31}
	monthRule      = fieldRule{field: FieldMonth, min: 1, max: 12, names: []string{
		"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}}
	// 7 is read as Sunday too, as in every cron; it is folded into 0 after parsing.
	dayOfWeekRule = fieldRule{field: FieldDayOfWeek, min: 0, max: 7, names: []string{
		"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}
)

// valueSet is the set of values a field matches, bit v standing for the value v. star remembers
// that the field began with "*", on which the day rule and the clock-change rule depend.
type valueSet struct {
	bits uint64
	star bool
}

func (s valueSet) has(v int) bool { return s.bits>>uint(v)&1 == 1 }

func (s valueSet) full(r fieldRule) bool { return s.bits == r.all() }

// all is the set of every value of the field, with Sunday as 0 only.
func (r fieldRule) all() uint64 {
	top := r.max
	if r.field == FieldDayOfWeek {
		top = 6
	}
	return (uint64(1)<<uint(top+1) - 1) &^ (uint64(1)<<uint(r.min) - 1)
}

// fault is a refusal that does not yet know the whole expression.
type fault struct{ value, reason, hint string }

func (r fieldRule) parse(text string) (valueSet, *fault) {
	set := valueSet{star: strings.HasPrefix(text, "*")}
	for item := range strings.SplitSeq(text, ",") {
		if item == "" {
			return valueSet{}, &fault{text, "has an empty list element", "remove the stray comma"}
		}
		if f := r.foreignSyntax(item); f != nil {
			return valueSet{}, f
		}
		b, f := r.parseItem(item)
		if f != nil {
			return valueSet{}, f
		}
		set.bits |= b
	}
	if r.field == FieldDayOfWeek && set.bits>>7&1 == 1 {
		set.bits = set.bits&^(1<<7) | 1
	}
	return set, nil
}

// parseItem reads one element of a list: "*", "*/n", "a", "a-b" or "a-b/n".
func (r fieldRule) parseItem(item string) (uint64, *fault) {
	span, stepText, stepped := strings.Cut(item, "/")
	first, last, ranged := strings.Cut(span, "-")
	lo, hi := r.min, r.lastValue() // "*/n" must not reach Sunday a second time as 7
	var f *fault
	if span != "*" {
		if lo, f = r.parseValue(first, item); f != nil {
			return 0, f
		}
		hi = lo
	}
	if ranged {
		if hi, f = r.parseValue(last, item); f != nil {
			return 0, f
		}
	}
	step := 1
	if stepped {
		if step, f = r.parseStep(stepText, item); f != nil {
			return 0, f
		}
	}
	switch {
	case lo > hi:
		return 0, &fault{item, "the range runs backwards", r.forwardRange(lo, hi, step)}
	case stepped && !ranged && span != "*":
		return 0, &fault{item, "a step needs a range or * before it", r.steppedFrom(lo, step)}
	}
	return stride(lo, hi, step), nil
}

func (r fieldRule) lastValue() int { return bits.Len64(r.all()) - 1 }

func (r fieldRule) parseStep(text, item string) (int, *fault) {
	step, ok := smallNumber(text)
	switch {
	case !ok:
		return 0, &fault{item, "the step is not a whole number", `write a number after "/"`}
	case step == 0:
		return 0, &fault{item, "the step is zero", "write a step of 1 or more"}
	case step > r.max:
		return 0, &fault{item, fmt.Sprintf("the step is larger than the field (%d to %d), so it would never step", r.min, r.max),
			"a step counts within one field only: list the times, or write several expressions"}
	}
	return step, nil
}

func (r fieldRule) parseValue(text, item string) (int, *fault) {
	if v, ok := smallNumber(text); ok {
		if v < r.min || v > r.max {
			return 0, &fault{item, fmt.Sprintf("%s is out of range", text), fmt.Sprintf("write %d to %d", r.min, r.max)}
		}
		return v, nil
	}
	lower := strings.ToLower(text)
	for i, name := range r.names {
		if lower == name {
			return r.min + i, nil
		}
		if len(lower) > 3 && strings.HasPrefix(r.longName(i), lower) {
			return 0, &fault{item, fmt.Sprintf("%q is not a three-letter name", text), fmt.Sprintf("write %q", name)}
		}
	}
	hint := fmt.Sprintf("write a number from %d to %d", r.min, r.max)
	switch {
	case text == "":
		return 0, &fault{item, "a number is missing", hint}
	case text == "*":
		return 0, &fault{item, "* cannot be part of a range", `write "*" alone, or "*/n"`}
	case len(r.names) > 0:
		hint += fmt.Sprintf(" or a name from %s to %s", r.names[0], r.names[len(r.names)-1])
	}
	return 0, &fault{item, fmt.Sprintf("%q is not a value of this field", text), hint}
}

// longName is the English name that names[i] begins.
func (r fieldRule) longName(i int) string {
	if r.field == FieldMonth {
		return strings.ToLower(time.Month(r.min + i).String())
	}
	return strings.ToLower(time.Weekday(r.min + i).String())
}

// smallNumber reads an unsigned decimal of at most four digits, so that nothing can overflow.
func smallNumber(text string) (int, bool) {
	if text == "" || len(text) > 4 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// format writes the set in canonical form: the same set (and star, where it matters) always
// gives the same text, and parsing that text gives the set back.
func (r fieldRule) format(s valueSet) string {
	if s.full(r) {
		return "*"
	}
	var parts []string
	left := s.bits
	if s.star {
		step := 2
		for ; step <= r.max && stride(r.min, r.lastValue(), step)&^s.bits != 0; step++ {
		}
		parts = append(parts, "*/"+strconv.Itoa(step))
		left &^= stride(r.min, r.lastValue(), step)
	}
	return strings.Join(append(parts, formatValues(left)...), ",")
}

func formatValues(set uint64) []string {
	var parts []string
	for _, r := range ranges(set) {
		switch {
		case r.Start == r.End:
			parts = append(parts, strconv.Itoa(r.Start))
		case r.Step == 1:
			parts = append(parts, fmt.Sprintf("%d-%d", r.Start, r.End))
		default:
			parts = append(parts, fmt.Sprintf("%d-%d/%d", r.Start, r.End, r.Step))
		}
	}
	return parts
}

// ranges writes a set of values in the fewest simple ranges: one stride where the whole set is
// one, otherwise runs of three or more and single values.
func ranges(set uint64) []Range {
	if set == 0 {
		return nil
	}
	first, last := bits.TrailingZeros64(set), bits.Len64(set)-1
	if n := bits.OnesCount64(set); n >= 3 {
		step := bits.TrailingZeros64(set&(set-1)) - first
		if even := stride(first, last, step); even == set {
			return []Range{{first, last, step}}
		}
	}
	var out []Range
	for left := set; left != 0; {
		start := bits.TrailingZeros64(left)
		length := bits.TrailingZeros64(^(left >> uint(start)))
		left &^= (1<<uint(length) - 1) << uint(start)
		if length >= 3 {
			out = append(out, Range{start, start + length - 1, 1})
			continue
		}
		for v := start; v < start+length; v++ {
			out = append(out, Range{v, v, 1})
		}
	}
	return out
}

// stride is the set first, first+step, … up to last.
func stride(first, last, step int) uint64 {
	var b uint64
	for v := first; v <= last; v += step {
		b |= 1 << uint(v)
	}
	return b
}
