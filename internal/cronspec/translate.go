package cronspec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// translator reads what other schedulers understand, for the runs of one zone.
type translator struct{ zone string }

const (
	commandNote = "what follows is a command: what to do belongs to the rules' actions"
	weekdayNote = "0 is Sunday here, not 1"
	everyYear   = "every year"
	onceAMinute = "at most once a minute"
)

var (
	rateForm = regexp.MustCompile(`^(?i:rate)\(\s*([0-9]{1,5})\s+(?i:(minute|hour|day)s?)\s*\)$`)
	cronForm = regexp.MustCompile(`^(?i:cron)\((.*)\)$`)
)

// translate is what to write instead of a refused expression; nil where nothing is sure enough.
func (t translator) translate(text string) *Remedy {
	text = strings.TrimSpace(text)
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	if name, zone, ok := strings.Cut(words[0], "="); ok && (strings.EqualFold(name, "TZ") || strings.EqualFold(name, "CRON_TZ")) {
		return t.zoned(zone, strings.Join(words[1:], " "))
	}
	if m := rateForm.FindStringSubmatch(text); m != nil {
		n, _ := smallNumber(m[1])
		r := every(n * map[string]int{"minute": 1, "hour": 60, "day": minutesPerDay}[strings.ToLower(m[2])])
		return kept(r)
	}
	if m := cronForm.FindStringSubmatch(text); m != nil {
		if five := strings.Fields(m[1]); len(five) == 6 {
			return kept(t.eventBridge(five))
		}
		return nil
	}
	if strings.HasPrefix(words[0], "@") {
		return kept(t.macro(words))
	}
	if r := t.systemd(words); r != nil {
		return kept(r)
	}
	return kept(t.fields(words))
}

// kept is a remedy of which every expression parses, or nil.
func kept(r *Remedy) *Remedy {
	if r == nil || len(r.Expressions) == 0 || slices.ContainsFunc(r.Expressions, func(x string) bool { return !parses(x) }) {
		return nil
	}
	return r
}

// zoned is for TZ=… and CRON_TZ=… in front.
func (t translator) zoned(zone, rest string) *Remedy {
	if _, err := LoadZone(zone); zone == "" || err != nil {
		return nil
	}
	t.zone = zone
	r := &Remedy{Expressions: []string{rest}, Same: true}
	if !parses(rest) {
		if r = t.translate(rest); r == nil {
			return nil
		}
	}
	r.Timezone = zone
	return r
}

func (t translator) macro(words []string) *Remedy {
	name := strings.ToLower(words[0])
	if name == "@every" && len(words) >= 2 {
		r := everyDuration(words[1])
		if r != nil && len(words) > 2 {
			r.Notes = append(r.Notes, commandNote)
		}
		return r
	}
	if _, ok := macro(name); ok && len(words) > 1 {
		r := &Remedy{Expressions: []string{name}, Same: true}
		if !strings.HasPrefix(words[1], "#") {
			r.Notes = append(r.Notes, commandNote)
		}
		return r
	}
	return nil
}

// fields reads five fields, those of Quartz with seconds in front, those of EventBridge with
// the year at the end, and the line of a crontab.
func (t translator) fields(words []string) *Remedy {
	if len(words) > 5 && strings.HasPrefix(words[5], "#") { // a comment, as in a crontab
		r := t.mend(words[:5], false)
		if r != nil {
			r.Notes = append(r.Notes, "remove the comment")
		}
		return r
	}
	asked := questionMarks(words)
	switch {
	case len(words) < 5:
		return nil
	case len(words) == 5:
		return t.mend(words, false)
	case len(words) == 6 && (asked[3] || asked[5]):
		return t.quartz(words[0], words[1:6], "*", true)
	case len(words) == 6 && (asked[2] || asked[4]):
		return t.eventBridge(words)
	case len(words) == 7 && (isYear(words[6]) || words[6] == "?") && isDayOfWeek(words[5]):
		return t.quartz(words[0], words[1:6], words[6], asked[3] || asked[5])
	case len(words) == 6 && isDayOfWeek(words[5]):
		if !isYear(words[5]) {
			return t.quartz(words[0], words[1:6], "*", false)
		}
		return nil // seconds first, or the year last: both are told
	case len(words) == 6 && isYear(words[5]):
		return t.quartz("0", words[:5], words[5], false)
	}
	r := t.mend(words[:5], false) // a line of a crontab
	if r != nil {
		r.Notes = append(r.Notes, commandNote)
	}
	return r
}

// isDayOfWeek tells a field of days from a command.
func isDayOfWeek(text string) bool {
	if _, f := dayOfWeekRule.parse(text); f == nil || text == "?" {
		return true
	}
	_, ok := condition{}.dayOfWeekSpecial(strings.Split(text, ",")[0], true)
	return ok || strings.EqualFold(text, "L")
}

func (t translator) eventBridge(words []string) *Remedy {
	if !isYear(words[5]) && words[5] != "?" {
		return nil
	}
	return t.quartz("0", words[:5], words[5], true)
}

// quartz notes what is lost with seconds and years.
func (t translator) quartz(seconds string, five []string, year string, fromOne bool) *Remedy {
	if _, f := minuteRule.parse(strings.Replace(seconds, "0/", "*/", 1)); f != nil {
		return nil
	}
	r := t.mend(five, fromOne)
	if r == nil {
		return nil
	}
	if seconds != "0" && seconds != "00" {
		r.note(onceAMinute)
	}
	if year != "*" && year != "?" {
		r.note(everyYear)
	}
	return r
}

// mend rewrites five fields; fromOne says that weekdays count from 1 for Sunday.
func (t translator) mend(five []string, fromOne bool) *Remedy {
	if r := longSteps(five); r != nil {
		return r
	}
	out := slices.Clone(five)
	for i, rule := range []fieldRule{minuteRule, hourRule, dayOfMonthRule, monthRule, dayOfWeekRule} {
		out[i] = rule.repairSteps(rule.repair(rule.shortNames(five[i]), fromOne))
	}
	r := &Remedy{Same: true}
	if fromOne && five[4] != "?" && out[4] != five[4] && strings.ContainsAny(five[4], "1234567") {
		r.Notes = append(r.Notes, weekdayNote)
	}
	if !t.conditions(r, out) {
		return nil
	}
	r.Expressions = []string{strings.Join(out, " ")}
	return kept(r)
}

// conditions takes out of the two fields of days what only a condition can say; false where
// that cannot be done.
func (t translator) conditions(r *Remedy, five []string) bool {
	hours, f := hourRule.parse(five[1])
	if f != nil {
		return true // for the parser to refuse
	}
	c := newCondition(t.zone, hours.bits)
	if strings.EqualFold(five[4], "L") {
		five[4] = "sat"
	}
	dom, domOK := specials(five[2], c.dayOfMonthSpecial, func(item string) (special, bool) {
		set, f := dayOfMonthRule.parse(item)
		return special{set.bits, c.dates(set.bits)}, f == nil && !set.star
	})
	alone := sameWeekday(five[4])
	dow, dowOK := specials(five[4], func(item string) (special, bool) { return c.dayOfWeekSpecial(item, alone) }, func(item string) (special, bool) {
		set, f := dayOfWeekRule.parse(item)
		return special{set.bits, c.weekdays(set.bits)}, f == nil && !set.star
	})
	switch {
	case !domOK || !dowOK || len(dom.when) > 0 && five[4] != "*" || len(dow.when) > 0 && five[2] != "*":
		return false
	case len(dom.when) > 0:
		five[2], r.When = strings.Join(formatValues(dom.field), ","), dom.when
	case len(dow.when) > 0:
		five[4], r.When = strings.Join(formatValues(dow.field), ","), dow.when
		if names := dayOfWeekRule.namesOf(dow.field); names != "" {
			five[4] = names
		}
	}
	return true
}

// specials reads a list in which at least one element needs a condition; an empty condition
// where none does.
func specials(field string, read, plain func(string) (special, bool)) (all special, ok bool) {
	var when []string
	found := false
	for item := range strings.SplitSeq(field, ",") {
		s, isSpecial := read(item)
		if found = found || isSpecial; !isSpecial {
			if s, ok = plain(item); !ok {
				when = append(when, "")
				continue
			}
		}
		all.field |= s.field
		when = append(when, s.when)
	}
	if !found {
		return special{}, true
	}
	if slices.Contains(when, "") {
		return special{}, false
	}
	all.when = strings.Join(when, " || ")
	return all, true
}

// sameWeekday tells that all elements such as 1#1,1#3 name the same day.
func sameWeekday(field string) bool {
	seen := ""
	for item := range strings.SplitSeq(strings.ToUpper(field), ",") {
		name, _, isNth := strings.Cut(item, "#")
		if name = strings.TrimSuffix(name, "L"); !isNth && name == item || seen != "" && name != seen {
			return false
		}
		seen = name
	}
	return true
}

// namesOf is one weekday by its name, as it was meant whatever number it had; "" for several.
func (r fieldRule) namesOf(set uint64) string {
	for i, name := range r.names {
		if set == 1<<uint(r.min+i) {
			return name
		}
	}
	return ""
}

// shortNames writes monday as mon.
func (r fieldRule) shortNames(text string) string {
	if r.names == nil {
		return text
	}
	return regexp.MustCompile(`[A-Za-z]{4,}`).ReplaceAllStringFunc(text, func(word string) string {
		for i, name := range r.names {
			if strings.HasPrefix(r.longName(i), strings.ToLower(word)) {
				return name
			}
		}
		return word
	})
}

// repairSteps writes a step of a whole field, such as */60 minutes, as the one value at which
// it fires.
func (r fieldRule) repairSteps(text string) string {
	items := strings.Split(text, ",")
	for i, item := range items {
		span, step, ok := strings.Cut(item, "/")
		n, isNumber := smallNumber(step)
		if ok && isNumber && n == r.max+1 && (span == "*" || span == "0" || span == fmt.Sprintf("0-%d", r.max)) && r.min == 0 && r.names == nil {
			items[i] = "0"
		}
	}
	return strings.Join(items, ",")
}

// longSteps is for steps of more than an hour in the field of minutes, and of more than a day
// in that of hours; nil for all else.
func longSteps(five []string) *Remedy {
	rest := strings.Join(five[2:], " ")
	if n, ok := stepOfAll(five[0], 59); ok && n > 60 {
		lo, hi, ranged := strings.Cut(five[1], "-")
		switch {
		case five[1] == "*" && n <= minutesPerDay:
			r := every(n)
			for i, x := range r.Expressions {
				r.Expressions[i] = strings.Join(append(strings.Fields(x)[:2], rest), " ")
			}
			return kept(r)
		case five[1] == "*" && rest == "* * *":
			return kept(every(n))
		case ranged && n%60 == 0 && n/60 <= 23:
			return kept(&Remedy{Expressions: []string{fmt.Sprintf("0 %s-%s/%d %s", lo, hi, n/60, rest)}, Same: true})
		}
		return nil
	}
	if n, ok := stepOfAll(five[1], 23); ok && n > 24 && five[0] == "0" && rest == "* * *" {
		return kept(every(n * 60))
	}
	return nil
}

// stepOfAll is the step of "*/n", 0/n or 0-last/n.
func stepOfAll(text string, last int) (int, bool) {
	span, step, ok := strings.Cut(text, "/")
	n, isNumber := smallNumber(step)
	return n, ok && isNumber && (span == "*" || span == "0" || span == fmt.Sprintf("0-%d", last))
}
