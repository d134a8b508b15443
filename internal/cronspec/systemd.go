package cronspec

import (
	"regexp"
	"strings"
)

// systemdNames are the shorthands of systemd's calendars.
var systemdNames = map[string]string{
	"minutely": "* * * * *", "hourly": "0 * * * *", "daily": "0 0 * * *", "weekly": "0 0 * * 1", "monthly": "0 0 1 * *",
	"quarterly": "0 0 1 1,4,7,10 *", "semiannually": "0 0 1 1,7 *", "yearly": "0 0 1 1 *", "annually": "0 0 1 1 *",
}

var (
	systemdDate  = regexp.MustCompile(`^(?:([0-9*/,.]+)-)?([0-9*/,.]+)-([0-9*/,.]+)$`)
	leadingZeros = regexp.MustCompile(`(^|[^0-9])0+([0-9])`)
	systemdTime  = regexp.MustCompile(`^([0-9*/,.]+):([0-9*/,.]+)(?::([0-9*/,.]+))?$`)
)

// systemd reads a calendar such as "Mon..Fri *-*-* 09:00:00"; nil for what is none.
func (t translator) systemd(words []string) *Remedy {
	r := &Remedy{Same: true}
	if _, err := LoadZone(words[len(words)-1]); err == nil && len(words) > 1 {
		r.Timezone, t.zone = words[len(words)-1], words[len(words)-1]
		words = words[:len(words)-1]
	}
	if x, ok := systemdNames[strings.ToLower(words[0])]; ok && len(words) == 1 {
		r.Expressions = []string{x}
		return r
	}
	five := []string{"0", "0", "*", "*", "*"}
	known := false
	for i, word := range words {
		switch date, clock := systemdDate.FindStringSubmatch(word), systemdTime.FindStringSubmatch(word); {
		case clock != nil && i == len(words)-1:
			known = true
			five[0], five[1] = clock[2], clock[1]
			if s := clock[3]; s != "" && s != "0" && s != "00" {
				r.note(onceAMinute)
			}
		case date != nil && (strings.Contains(word, "*") || date[1] != ""):
			known = true
			five[2], five[3] = date[3], date[2]
			if date[1] != "" && date[1] != "*" {
				r.note(everyYear)
			}
		case i == 0 && len(words) > 1:
			five[4] = strings.ToLower(word)
		default:
			return nil
		}
	}
	if !known {
		return nil
	}
	return t.systemdFields(r, five)
}

// systemdFields writes ranges with a hyphen. Days of the month and of the week must both hold
// there, of which one goes into a condition.
func (t translator) systemdFields(r *Remedy, five []string) *Remedy {
	for i, rule := range []fieldRule{minuteRule, hourRule, dayOfMonthRule, monthRule, dayOfWeekRule} {
		five[i] = leadingZeros.ReplaceAllString(five[i], "$1$2")
		five[i] = rule.repair(rule.shortNames(strings.ReplaceAll(five[i], "..", "-")), false)
	}
	if five[2] != "*" && five[4] != "*" {
		days, f := dayOfMonthRule.parse(five[2])
		hours, g := hourRule.parse(five[1])
		if f != nil || g != nil {
			return nil
		}
		r.When = newCondition(t.zone, hours.bits).dates(days.bits)
		five[2] = "*"
	}
	r.Expressions = []string{strings.Join(five, " ")}
	return r
}
