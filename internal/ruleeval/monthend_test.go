package ruleeval_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// dayForm is what another scheduler understands, and the days of a month that it means.
type dayForm struct {
	dayOfMonth, dayOfWeek string
	means                 func(day time.Time) bool // midnight UTC of the day
}

func lastOf(day time.Time) time.Time {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC)
}

func isWeekend(day time.Time) bool {
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

// nearestWorkingDay is the day of the month that Quartz's nW means.
func nearestWorkingDay(month time.Time, n int) int {
	last := lastOf(month).Day()
	if n > last {
		return 0
	}
	switch day := time.Date(month.Year(), month.Month(), n, 0, 0, 0, 0, time.UTC); day.Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

func dayForms(rt *rapid.T) dayForm {
	n := rapid.IntRange(1, 31).Draw(rt, "n")
	weekday := time.Weekday(rapid.IntRange(0, 6).Draw(rt, "weekday"))
	name := strings.ToUpper(weekday.String()[:3])
	nth := func(day time.Time) int { return (day.Day()-1)/7 + 1 }
	switch rapid.IntRange(0, 7).Draw(rt, "form") {
	case 0:
		return dayForm{"L", "*", func(d time.Time) bool { return d.Equal(lastOf(d)) }}
	case 1:
		before := n%27 + 1
		return dayForm{fmt.Sprintf("L-%d", before), "*", func(d time.Time) bool { return d.Day() == lastOf(d).Day()-before }}
	case 2:
		return dayForm{"LW", "*", func(d time.Time) bool {
			last := lastOf(d)
			for isWeekend(last) {
				last = last.AddDate(0, 0, -1)
			}
			return d.Equal(last)
		}}
	case 3:
		return dayForm{fmt.Sprintf("%dW", n), "*", func(d time.Time) bool { return d.Day() == nearestWorkingDay(d, n) }}
	case 4:
		return dayForm{"*", fmt.Sprintf("%s#%d", name, n%5+1), func(d time.Time) bool { return d.Weekday() == weekday && nth(d) == n%5+1 }}
	case 5:
		return dayForm{"*", fmt.Sprintf("%dL", weekday), func(d time.Time) bool { return d.Weekday() == weekday && d.AddDate(0, 0, 7).Month() != d.Month() }}
	case 6:
		return dayForm{fmt.Sprintf("%d,L", n), "*", func(d time.Time) bool { return d.Day() == n || d.Equal(lastOf(d)) }}
	}
	return dayForm{"*", fmt.Sprintf("%s#1,TUE#%d,5L", name, n%5+1), func(d time.Time) bool {
		return d.Weekday() == weekday && nth(d) == 1 || d.Weekday() == time.Tuesday && nth(d) == n%5+1 ||
			d.Weekday() == time.Friday && d.AddDate(0, 0, 7).Month() != d.Month()
	}}
}

// month-end: with the expression and the condition of the remedy a definition runs on the days
// that were meant, over years in which days have 22 to 26 hours.
func TestTheConditionOfARemedyKeepsTheDaysThatWereMeant(t *testing.T) {
	zones := []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Antarctica/Troll", "Africa/Casablanca", "Asia/Tokyo", "Asia/Beirut", "UTC"}
	hours := []string{"0", "1", "2", "6", "12", "23", "0,12", "9-17", "*/6", "*"}
	rapid.Check(t, func(rt *rapid.T) {
		form := dayForms(rt)
		zone, hour := rapid.SampledFrom(zones).Draw(rt, "zone"), rapid.SampledFrom(hours).Draw(rt, "hour")
		text := fmt.Sprintf("%d %s %s * %s", rapid.SampledFrom([]int{0, 30, 59}).Draw(rt, "minute"), hour, form.dayOfMonth, form.dayOfWeek)
		year := rapid.IntRange(2020, 2035).Draw(rt, "year")
		checkDays(rt, text, zone, year, form.means)
	})
}

func TestTheConditionsThatCameToMindWereWrong(t *testing.T) {
	secondTuesday := func(d time.Time) bool { return d.Weekday() == time.Tuesday && d.Day() >= 8 && d.Day() <= 14 }
	for year := 2020; year <= 2035; year++ {
		checkDays(t, "0 0 L * *", "Europe/Berlin", year, func(d time.Time) bool { return d.Equal(lastOf(d)) })
		checkDays(t, "0 6 * * 2#2", "Europe/Berlin", year, secondTuesday)
	}
}

// checkDays follows the remedy of a refused expression through a year and compares its days
// with those that were meant.
func checkDays(t rapid.TB, text, zone string, year int, means func(time.Time) bool) {
	_, err := cronspec.Parse([]string{text}, zone)
	var refusal *cronspec.ParseError
	if !errors.As(err, &refusal) || refusal.Remedy == nil || refusal.Remedy.When == "" || !refusal.Remedy.Same {
		t.Fatalf("%q: %v, want a remedy with a condition that means the same", text, err)
	}
	if !strings.Contains(refusal.Hint, refusal.Remedy.When) {
		t.Fatalf("%q: the message %q lacks the condition %q", text, refusal, refusal.Remedy.When)
	}
	if strings.Contains(refusal.Remedy.When, ": ") || strings.Contains(refusal.Remedy.When, " #") {
		t.Fatalf("%q: the condition %q cannot stand in YAML without quotes", text, refusal.Remedy.When)
	}
	spec, err := cronspec.Parse(refusal.Remedy.Expressions, zone)
	if err != nil {
		t.Fatalf("%q: the remedy %s is refused: %v", text, refusal.Remedy, err)
	}
	program, err := ruleeval.Compile(task("x", func(d *core.Definition) { d.Rules[0].When = refusal.Remedy.When }))
	if err != nil {
		t.Fatalf("%q: the condition of %s: %v", text, refusal.Remedy, err)
	}
	var got, want []string
	for at := range spec.Between(time.Date(year, 1, 2, 0, 0, 0, 0, spec.Location()), time.Date(year+1, 1, 2, 0, 0, 0, 0, spec.Location())) {
		in := input("", nil)
		in.Run.Time = at
		plan, err := program.Plan(context.Background(), in)
		if err != nil {
			t.Fatalf("%s at %s: %v", refusal.Remedy, at, err)
		}
		if date := at.In(spec.Location()).Format(time.DateOnly); len(plan.Actions) > 0 && !slices.Contains(got, date) {
			got = append(got, date)
		}
	}
	for day := time.Date(year, 1, 2, 0, 0, 0, 0, time.UTC); day.Before(time.Date(year+1, 1, 2, 0, 0, 0, 0, time.UTC)); day = day.AddDate(0, 0, 1) {
		if means(day) {
			want = append(want, day.Format(time.DateOnly))
		}
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q in %s, %d: with %s it runs on\n%v, want\n%v", text, zone, year, refusal.Remedy, got, want)
	}
}
