package cronspec

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Spec is a parsed cron trigger: one or more expressions in one zone. It is immutable and safe
// for concurrent use. Get one from [Parse].
type Spec struct {
	entries []*entry // canonical order, no two alike
	loc     *time.Location
	rules   *zoneRules
}

// Zone is the IANA name in which the expressions are read; "UTC" when none was given.
func (s *Spec) Zone() string { return s.rules.name }

// Location is the loaded zone.
func (s *Spec) Location() *time.Location { return s.loc }

// Expressions are the canonical forms of the expressions, sorted. Parsing them again gives an
// equal Spec.
func (s *Spec) Expressions() []string {
	out := make([]string, len(s.entries))
	for i, e := range s.entries {
		out[i] = e.String()
	}
	return out
}

// String is the canonical form of the whole: equal strings mean equal fire times.
func (s *Spec) String() string {
	return strings.Join(s.Expressions(), "; ") + " [" + s.Zone() + "]"
}

// Hash is the hexadecimal SHA-256 of the canonical form. It identifies what the user asked for;
// what is sent to Temporal also depends on the zone data and on the horizon and has its own
// [TemporalSpec.Hash].
func (s *Spec) Hash() string {
	sum := sha256.Sum256([]byte("cronspec/1 " + s.String()))
	return hex.EncodeToString(sum[:])
}

func (s *Spec) sortEntries() {
	slices.SortFunc(s.entries, func(a, b *entry) int { return cmp.Compare(a.String(), b.String()) })
}

// entry is one expression after parsing.
type entry struct {
	minute, hour, dom, month, dow valueSet
}

func (e *entry) String() string {
	return strings.Join([]string{minuteRule.format(e.minute), hourRule.format(e.hour), dayOfMonthRule.format(e.dom),
		monthRule.format(e.month), dayOfWeekRule.format(e.dow)}, " ")
}

// followsElapsedTime tells the hour-wildcard expressions from those that name fixed times.
// Vixie cron also counts an expression whose minute field alone begins with "*", such as "*/15
// 2 * * *"; that rule would drop its four runs on the night without a 02:00 hour and double
// them on the other, so only the hour decides here.
func (e *entry) followsElapsedTime() bool { return e.hour.star }

// eitherDay is Vixie cron's rule for two restricted day fields.
func (e *entry) eitherDay() bool { return !e.dom.star && !e.dow.star }

// normalize gives expressions that always fire alike the same form.
func (e *entry) normalize() {
	if e.eitherDay() && (e.dom.full(dayOfMonthRule) || e.dow.full(dayOfWeekRule)) {
		e.dom = valueSet{dayOfMonthRule.all(), true} // one side already accepts every day
		e.dow = valueSet{dayOfWeekRule.all(), true}
	}
	e.minute.star = e.minute.full(minuteRule)
	e.month.star = e.month.full(monthRule)
	e.hour.star = e.hour.star || e.hour.full(hourRule)
	domFull, dowFull := e.dom.full(dayOfMonthRule), e.dow.full(dayOfWeekRule)
	if domFull || dowFull { // a leading "*" only matters while both fields are restricted
		e.dom.star, e.dow.star = domFull, dowFull
	}
}

// longestMonth is the number of days of a month in its longest year, index 1 for January.
var longestMonth = [13]int{0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// impossible explains a day of the month that none of the months has.
func (e *entry) impossible() (reason, hint string) {
	longest := 0
	for m := 1; m <= 12; m++ {
		if e.month.has(m) {
			longest = max(longest, longestMonth[m])
		}
	}
	first := bits.TrailingZeros64(e.dom.bits)
	if first <= longest {
		return "", ""
	}
	months := strings.Join(formatMonths(e.month.bits), ", ")
	return fmt.Sprintf("no such date: day %d never occurs in %s", first, months),
		fmt.Sprintf("write a day up to %d, or other months", longest)
}

func formatMonths(set uint64) []string {
	var names []string
	for b := set; b != 0; b &= b - 1 {
		names = append(names, time.Month(bits.TrailingZeros64(b)).String())
	}
	return names
}

// days is the set of days of one month on which the entry fires, bit d standing for day d.
func (e *entry) days(year, month int) uint64 {
	if !e.month.has(month) {
		return 0
	}
	inMonth := uint64(1)<<uint(daysIn(year, month)+1) - 2
	if e.dow.full(dayOfWeekRule) {
		return e.dom.bits & inMonth
	}
	// Repeat the week over the month: bit d is set when the weekday of day d is in the set.
	first := weekday(daysFromCivil(year, month, 1))
	week := e.dow.bits | e.dow.bits<<7
	week = week >> uint(first) & 0x7f // bit 0 is now the weekday of day 1
	byWeekday := (week | week<<7 | week<<14 | week<<21 | week<<28) << 1 & inMonth
	if e.eitherDay() {
		return (e.dom.bits | byWeekday) & inMonth
	}
	return e.dom.bits & byWeekday
}

// nextWall is the first matching wall-clock time at or after wall, both in seconds counted as
// if the zone were UTC; ok is false when there is none up to the end of MaxYear.
func (e *entry) nextWall(wall int64) (next int64, ok bool) {
	minuteOfWall := ceilDiv(wall, 60)
	day, minute := floorDiv(minuteOfWall, 1440), int(floorMod(minuteOfWall, 1440))
	year, month, dom := civil(day)
	if minute, ok := e.nextInDay(minute); ok && e.days(year, month)>>uint(dom)&1 == 1 {
		return day*86400 + int64(minute)*60, true
	}
	first, ok := e.nextInDay(0)
	if !ok {
		return 0, false
	}
	for dom++; year <= MaxYear; dom = 1 {
		if later := e.days(year, month) >> uint(dom) << uint(dom); later != 0 {
			d := bits.TrailingZeros64(later)
			return daysFromCivil(year, month, d)*86400 + int64(first)*60, true
		}
		if month++; month > 12 {
			year, month = year+1, 1
		}
	}
	return 0, false
}

// nextInDay is the first matching minute of the day at or after the given one.
func (e *entry) nextInDay(minute int) (int, bool) {
	hour, min := minute/60, minute%60
	if e.hour.has(hour) {
		if later := e.minute.bits >> uint(min); later != 0 {
			return hour*60 + min + bits.TrailingZeros64(later), true
		}
	}
	later := e.hour.bits >> uint(hour+1)
	if later == 0 {
		return 0, false
	}
	return (hour+1+bits.TrailingZeros64(later))*60 + bits.TrailingZeros64(e.minute.bits), true
}

// matchesWall tells whether the wall-clock time is one the entry names.
func (e *entry) matchesWall(wall int64) bool {
	next, ok := e.nextWall(wall)
	return ok && next == wall
}
