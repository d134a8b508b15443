package cronspec

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// What to write instead of an expression that other schedulers understand. Whatever is quoted
// as a whole expression or as a field can be written as it stands; where it does not mean all
// of what was given, the hint says so.

// exampleHint is for what cannot be guessed at.
const exampleHint = `write five fields such as "0 6 * * 1"`

// ambiguous says how to write six fields of which the first may be seconds or the last a year;
// "" for all else.
func (t translator) ambiguous(words []string) string {
	if len(words) != 6 || !isYear(words[5]) {
		return ""
	}
	seconds, year := t.quartz(words[0], words[1:], "*", false), t.quartz("0", words[:5], words[5], false)
	switch {
	case seconds != nil && year != nil:
		return fmt.Sprintf("seconds and years are not supported: if the first field is seconds, %s; if the last is a year, %s", seconds, year)
	case seconds != nil:
		return "seconds are not supported: " + seconds.String()
	case year != nil:
		return "years are not supported: " + year.String()
	}
	return ""
}

func parses(text string) bool {
	_, err := parseExpression(text)
	return err == nil
}

func questionMarks(words []string) map[int]bool {
	asked := make(map[int]bool)
	for i, w := range words {
		asked[i] = w == "?"
	}
	return asked
}

func isYear(text string) bool {
	n, ok := smallNumber(text[:min(4, len(text))])
	return text == "*" || ok && n >= 1970
}

// repair rewrites a field of another scheduler, or leaves it as it is where that is right or
// cannot be helped.
func (r fieldRule) repair(text string, quartz bool) string {
	isDay := r.field == FieldDayOfMonth || r.field == FieldDayOfWeek
	if text == "?" && isDay {
		return "*"
	}
	shifted := quartz && r.field == FieldDayOfWeek && slices.ContainsFunc(strings.Split(text, ","), func(item string) bool {
		return !strings.HasPrefix(item, "*") && strings.ContainsAny(item, "0123456789")
	})
	if _, f := r.parse(text); f == nil && !shifted {
		return text
	}
	if shifted && len(text) > 1 && strings.Contains("#Ll", text[1:2]) { // the third, or the last, of a weekday
		if v, f := r.parseValue(text[:1], text); f == nil && v >= 1 {
			return r.names[v-1] + text[1:]
		}
	}
	var set uint64
	for item := range strings.SplitSeq(text, ",") {
		b, ok := r.loosely(item, shifted)
		if !ok {
			return text
		}
		set |= b
	}
	return strings.Join(formatValues(set), ",")
}

// loosely reads an item as other schedulers do: "a/n" steps from a to the end, a range may wrap
// around, and where shifted a weekday counts from 1 for Sunday.
func (r fieldRule) loosely(item string, shifted bool) (set uint64, ok bool) {
	span, stepText, stepped := strings.Cut(item, "/")
	first, last, ranged := strings.Cut(span, "-")
	step := 1
	if stepped {
		var f *fault
		if step, f = r.parseStep(stepText, item); f != nil {
			return 0, false
		}
	}
	if span == "*" {
		return stride(r.min, r.lastValue(), step), true
	}
	value := func(text string) (int, bool) {
		v, f := r.parseValue(text, item)
		if _, number := smallNumber(text); number && shifted {
			return v - 1, f == nil && v >= 1
		}
		return v, f == nil
	}
	lo, ok := value(first)
	if !ok {
		return 0, false
	}
	hi := lo
	switch {
	case ranged:
		if hi, ok = value(last); !ok {
			return 0, false
		}
	case stepped:
		hi = r.lastValue()
		lo = r.fold(lo)
	}
	return r.wrapped(lo, hi, step), true
}

// fold is Sunday as 0.
func (r fieldRule) fold(v int) int {
	if r.field == FieldDayOfWeek && v == 7 {
		return 0
	}
	return v
}

// wrapped is every step-th value from lo to hi, over the end of the field if hi is less.
func (r fieldRule) wrapped(lo, hi, step int) uint64 {
	if hi >= lo {
		hi -= lo
	} else {
		lo, hi = r.fold(lo), r.fold(hi)
		if hi -= lo; hi < 0 {
			hi += bits.OnesCount64(r.all())
		}
	}
	var set uint64
	for n := 0; n <= hi; n += step {
		set |= 1 << uint(r.min+(r.fold(lo)-r.min+n)%bits.OnesCount64(r.all()))
	}
	return set
}

// forwardRange says how to write a range that wraps around, for instance 22-4 as "22-23,0-4".
func (r fieldRule) forwardRange(lo, hi, step int) string {
	part := func(a, b int) string {
		if a == b {
			return strconv.Itoa(a)
		}
		return fmt.Sprintf("%d-%d", a, b)
	}
	switch {
	case step > 1:
		return fmt.Sprintf("write %q", strings.Join(formatValues(r.wrapped(lo, hi, step)), ","))
	case r.fold(lo) != lo: // Sunday first
		return fmt.Sprintf("write %q", part(r.fold(lo), hi))
	case r.field == FieldDayOfWeek && hi == 0:
		return fmt.Sprintf("write %q", part(lo, 7))
	}
	return fmt.Sprintf("write %q", part(lo, r.lastValue())+","+part(r.min, hi))
}

// steppedFrom says how to write "a/n".
func (r fieldRule) steppedFrom(lo, step int) string {
	if lo = r.fold(lo); lo+step > r.lastValue() {
		return fmt.Sprintf("write %q", strconv.Itoa(lo))
	}
	return fmt.Sprintf("write %q", fmt.Sprintf("%d-%d/%d", lo, r.lastValue(), step))
}
