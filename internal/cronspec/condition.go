package cronspec

import (
	"fmt"
	"math/bits"
	"strings"
)

// condition writes what a rule's when: must say of the day of a run, for one zone and the hours
// of one expression.
type condition struct {
	zone          string
	first, latest int // hours of the day at which runs are due
}

func newCondition(zone string, hours uint64) condition {
	if zone == "" {
		zone = "UTC"
	}
	return condition{zone: zone, first: bits.TrailingZeros64(hours), latest: bits.Len64(hours) - 1}
}

func (c condition) date() string    { return fmt.Sprintf("run.time.getDate('%s')", c.zone) }
func (c condition) weekday() string { return fmt.Sprintf("run.time.getDayOfWeek('%s')", c.zone) }

// dateAfter is the day of the month some days later. It looks at the middle of that day, since
// a day has 22 to 26 hours where clocks change.
func (c condition) dateAfter(days int) string {
	noon := 24*days + 12
	if c.latest-c.first > 14 {
		return fmt.Sprintf("(run.time + duration(string(%d - run.time.getHours('%s')) + 'h')).getDate('%s')", noon, c.zone, c.zone)
	}
	return fmt.Sprintf("(run.time + duration('%dh')).getDate('%s')", noon-(c.first+c.latest)/2, c.zone)
}

// dates keeps days of the month.
func (c condition) dates(days uint64) string { return among(c.date(), days) }

// weekdays keeps days of the week.
func (c condition) weekdays(days uint64) string { return among(c.weekday(), days) }

func among(value string, set uint64) string {
	first, last := bits.TrailingZeros64(set), bits.Len64(set)-1
	switch {
	case first == last:
		return fmt.Sprintf("%s == %d", value, first)
	case set == stride(first, last, 1):
		return fmt.Sprintf("%s >= %d && %s <= %d", value, first, value, last)
	}
	var list []string
	for left := set; left != 0; left &= left - 1 {
		list = append(list, fmt.Sprint(bits.TrailingZeros64(left)))
	}
	return fmt.Sprintf("%s in [%s]", value, strings.Join(list, ", "))
}

// lastDay keeps the day that many days before the last of its month.
func (c condition) lastDay(before int) string { return c.dateAfter(before+1) + " == 1" }

// lastWorkingDay keeps the last of Monday to Friday in a month.
func (c condition) lastWorkingDay() string {
	return fmt.Sprintf("(%s == 5 && %s <= 3 || %s && %s)", c.weekday(), c.dateAfter(3), c.weekdays(0b11110), c.lastDay(0))
}

// nearestWorkingDay keeps the one of Monday to Friday that is nearest to a day and in its month.
func (c condition) nearestWorkingDay(day int) string {
	friday, monday := c.weekday()+" == 5", c.weekday()+" == 1"
	kept := []string{fmt.Sprintf("%s == %d && %s", c.date(), day, c.weekdays(0b111110))}
	if day == 1 { // a Saturday's is the Monday after
		return kept[0] + fmt.Sprintf(" || %s <= 3 && %s", c.date(), monday)
	}
	kept = append(kept, fmt.Sprintf("%s == %d && %s", c.dateAfter(1), day, friday))
	if day < 31 {
		kept = append(kept, fmt.Sprintf("%s == %d && %s", c.date(), day+1, monday))
	}
	if day >= 28 { // of a Sunday that ends the month, the Friday before
		kept = append(kept, fmt.Sprintf("%s == %d && %s == 1 && %s", c.dateAfter(2), day, c.dateAfter(3), friday))
	}
	return strings.Join(kept, " || ")
}

// special is one element of a day field that needs a condition.
type special struct {
	field uint64 // days of the month, or of the week, on which it may fall
	when  string
}

// dayOfMonthSpecial reads L, L-3, LW and 15W.
func (c condition) dayOfMonthSpecial(item string) (special, bool) {
	upper := strings.ToUpper(item)
	days, working := strings.CutSuffix(upper, "W")
	switch n, isNumber := smallNumber(strings.TrimPrefix(upper, "L-")); {
	case upper == "L":
		return special{stride(28, 31, 1), c.lastDay(0)}, true
	case upper == "LW" || upper == "WL":
		return special{stride(26, 31, 1), c.lastWorkingDay()}, true
	case strings.HasPrefix(upper, "L-") && isNumber && n >= 1 && n <= 27:
		return special{stride(28-n, 31-n, 1), c.lastDay(n)}, true
	case working:
		if n, ok := smallNumber(days); ok && n >= 1 && n <= 31 {
			return special{stride(max(1, n-2), min(31, n+2), 1), c.nearestWorkingDay(n)}, true
		}
	}
	return special{}, false
}

// dayOfWeekSpecial reads 5L, FRIL, 5#2 and FRI#2. Where alone is set, the weekday itself needs
// no condition.
func (c condition) dayOfWeekSpecial(item string, alone bool) (special, bool) {
	name, nth, isNth := strings.Cut(item, "#")
	if !isNth {
		var last bool
		if name, last = strings.CutSuffix(strings.ToUpper(item), "L"); !last || name == "" {
			return special{}, false
		}
	}
	day, f := dayOfWeekRule.parseValue(name, item)
	if f != nil {
		return special{}, false
	}
	s := special{field: 1 << uint(dayOfWeekRule.fold(day))}
	if isNth {
		n, ok := smallNumber(nth)
		if !ok || n < 1 || n > 5 {
			return special{}, false
		}
		s.when = c.dates(stride(7*n-6, min(7*n, 31), 1))
	} else {
		s.when = c.dateAfter(7) + " <= 7"
	}
	if !alone {
		s.when = c.weekdays(s.field) + " && " + s.when
	}
	return s, true
}
