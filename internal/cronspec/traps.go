package cronspec

import (
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// Trap is a part of a valid expression that hardly ever means what its writer thinks. Value is
// the part, Message says what it does, Remedy what to write instead.
type Trap struct {
	Code, Value, Message, Remedy string
}

// The codes of the traps.
const (
	TrapEitherDay   = "cron-either-day"
	TrapBothDays    = "cron-both-days"
	TrapUnevenStep  = "cron-uneven-step"
	TrapClockChange = "cron-clock-change"
)

// Traps lists the traps of an expression that [Parse] accepts; zone is the IANA name that
// remedies speak of.
func Traps(expression, zone string) []Trap {
	words := strings.Fields(expression)
	if len(words) != 5 {
		return nil // a macro has none
	}
	rules := [5]fieldRule{minuteRule, hourRule, dayOfMonthRule, monthRule, dayOfWeekRule}
	var sets [5]valueSet
	for i, r := range rules {
		set, f := r.parse(words[i])
		if f != nil {
			return nil
		}
		sets[i] = set
	}
	var traps []Trap
	days := dayTrap(words, sets[2], sets[4], zone)
	if days != nil {
		traps = append(traps, *days)
	}
	for i, r := range rules {
		if i == 2 && days != nil {
			continue // the days of the month are told already
		}
		if t := r.unevenStep(words[i], zone); t != nil {
			traps = append(traps, *t)
		}
	}
	return traps
}

// dayTrap is about two day fields that both say something.
func dayTrap(words []string, dom, dow valueSet, zone string) *Trap {
	value := fmt.Sprintf("day-of-month %s with day-of-week %s", words[2], words[4])
	weekly := strings.Join([]string{words[0], words[1], "*", words[3], words[4]}, " ")
	monthly := strings.Join([]string{words[0], words[1], words[2], words[3], "*"}, " ")
	domAll, dowAll := dom.full(dayOfMonthRule), dow.full(dayOfWeekRule)
	both := fmt.Sprintf("for days that satisfy both write %q and, in each rule, when: \"%s\"", weekly, dayCondition(dom, zone))
	switch {
	case domAll && dom.star || dowAll && dow.star:
		return nil // a plain "*": the other field decides alone
	case !dom.star && !dow.star && (domAll || dowAll):
		field, alone := words[4], weekly
		if dowAll {
			field, alone = words[2], monthly
		}
		return &Trap{TrapEitherDay, value, fmt.Sprintf("fires every day: a day that satisfies either field is enough, and one of them accepts every day, so that %s decides nothing", field),
			fmt.Sprintf("write %q", alone)}
	case !dom.star && !dow.star:
		return &Trap{TrapEitherDay, value,
			fmt.Sprintf("fires on %s and also on %s: a day that satisfies either field is enough", monthDays(dom), weekdays(dow)),
			fmt.Sprintf("%s; for days that satisfy either write two expressions, %q and %q", both, monthly, weekly)}
	case domAll || dowAll:
		return nil
	}
	second := ""
	if words[2] == "*/2" {
		second = fmt.Sprintf("; for every second week write %q and, in each rule, when: \"(%s + 3) / 7 %% 2 == 0\"", weekly, dayNumber(zone))
	}
	return &Trap{TrapBothDays, value,
		fmt.Sprintf("fires on %s that fall on %s: where a day field begins with *, both must hold", weekdays(dow), monthDays(dom)),
		both + second}
}

// dayNumber is the CEL expression for the days since 1970-01-01 on the zone's calendar. Day -3
// was a Monday. Seconds of UTC would not do: a run at midnight in London is on another day of
// UTC in summer than in winter.
func dayNumber(zone string) string {
	if zone == "" || zone == "UTC" {
		return "int(run.time) / 86400"
	}
	return fmt.Sprintf("int(time.parse(time.format(run.time, '%%F', '%s'), 'UTC')) / 86400", zone)
}

// dayCondition is the CEL condition for the days of the month of a set.
func dayCondition(dom valueSet, zone string) string {
	if zone == "" {
		zone = "UTC"
	}
	day := fmt.Sprintf("run.time.getDate('%s')", zone)
	if n := bits.OnesCount64(dom.bits); dom.bits == stride(1, n, 1) {
		return fmt.Sprintf("%s <= %d", day, n)
	}
	var list []string
	for b := dom.bits; b != 0; b &= b - 1 {
		list = append(list, fmt.Sprint(bits.TrailingZeros64(b)))
	}
	return fmt.Sprintf("%s in [%s]", day, strings.Join(list, ", "))
}

func monthDays(dom valueSet) string {
	word := "day "
	if bits.OnesCount64(dom.bits) > 1 {
		word = "days "
	}
	return word + strings.Join(formatValues(dom.bits), ", ") + " of the month"
}

func weekdays(dow valueSet) string {
	var names []string
	for b := dow.bits; b != 0; b &= b - 1 {
		names = append(names, time.Weekday(bits.TrailingZeros64(b)).String())
	}
	return "every " + strings.Join(names, ", ")
}

// unevenStep is about a step over the whole field that the field's length is no multiple of.
// Months have no common length: in day-of-month every step is uneven.
func (r fieldRule) unevenStep(text, zone string) *Trap {
	for item := range strings.SplitSeq(text, ",") {
		span, stepText, stepped := strings.Cut(item, "/")
		step, ok := smallNumber(stepText)
		if !stepped || !ok || step < 2 || span != "*" && span != fmt.Sprintf("%d-%d", r.min, r.lastValue()) {
			continue
		}
		length := r.lastValue() - r.min + 1
		last := r.min + (length-1)/step*step
		if r.field == FieldDayOfMonth {
			return &Trap{TrapUnevenStep, item, fmt.Sprintf("counts anew from day 1 of each month: after day %d comes day 1, 28 to 31 days after the one before it", last),
				fmt.Sprintf("list the days that are meant, such as 1,15; for every %d days write \"*\" here and, in each rule, when: \"%s %% %d == 0\"", step, dayNumber(zone), step)}
		}
		if length%step == 0 {
			continue
		}
		return &Trap{TrapUnevenStep, item, fmt.Sprintf("does not divide the %d %ss evenly: after %d it begins again at %d, %d later and not %d",
			length, r.unit(), last, r.min, r.min+length-last, step), "write a step that divides: " + divisors(length)}
	}
	return nil
}

func (r fieldRule) unit() string {
	switch r.field {
	case FieldMinute:
		return "minute"
	case FieldHour:
		return "hour"
	case FieldMonth:
		return "month"
	case FieldDayOfMonth, FieldDayOfWeek, FieldExpression, FieldZone:
	}
	return "day"
}

func divisors(n int) string {
	var list []string
	for d := 2; d <= n/2; d++ {
		if n%d == 0 {
			list = append(list, fmt.Sprintf("*/%d", d))
		}
	}
	if list == nil {
		return fmt.Sprintf("there is none for %d, so list the values", n)
	}
	return strings.Join(list, ", ")
}

// ClockTraps says which fixed times a change of the zone's clocks skips or shows twice in
// [from, to), one trap at most.
func (s *Spec) ClockTraps(from, to time.Time) []Trap {
	var notes []string
	for _, c := range changesIn(s.loc, from.Unix(), to.Unix()) {
		first, end := c.at+c.before, c.at+c.after
		does := "does not exist on %s and runs later by the length of the gap"
		if c.after < c.before {
			first, end = end, first
			does = "comes twice on %s and runs once, the first time"
		}
		for _, e := range s.entries {
			if wall, ok := e.nextWall(first); ok && wall < end && !e.followsElapsedTime() {
				notes = append(notes, clock(wall)+" "+fmt.Sprintf(does, time.Unix(wall, 0).UTC().Format(time.DateOnly)))
				break
			}
		}
		if len(notes) == 2 {
			break
		}
	}
	if notes == nil {
		return nil
	}
	return []Trap{{TrapClockChange, s.Zone(), strings.Join(notes, ", "),
		"write a time that no clock change touches, such as 04:30, or timezone: UTC"}}
}
