package ruleeval_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

var trapCondition = regexp.MustCompile(`for every (?:second week|\d+ days) write "([^"]*)".* when: "([^"]*)"$`)

// A run at midnight in London is on another day of UTC in summer than in winter: counted in
// seconds of UTC, every second week became one week or three at each clock change, and a week
// of working days was cut on Thursdays.
func TestTheRemedyOfATrapKeepsItsPeriodOverClockChanges(t *testing.T) {
	for _, c := range []struct {
		expression, zone string
		days             int // of the period
	}{
		{"0 0 */3 * *", "Europe/London", 3},
		{"30 0 */2 * *", "Europe/Lisbon", 2},
		{"0 12 */3 * *", "Pacific/Auckland", 3},
		{"0 0 */3 * *", "UTC", 3},
		{"0 0 */3 * *", "", 3},
		{"0 0 */2 * 4", "Europe/London", 14},
		{"0 19 */2 * 3", "America/New_York", 14},
		{"0 9 */2 * 1-5", "UTC", 14},
		{"0 9 */2 * 1-5", "Europe/Berlin", 14},
	} {
		traps := cronspec.Traps(c.expression, c.zone)
		if len(traps) != 1 {
			t.Fatalf("%s %s: got %d traps, want 1", c.expression, c.zone, len(traps))
		}
		m := trapCondition.FindStringSubmatch(traps[0].Remedy)
		if m == nil {
			t.Fatalf("%s %s: no condition in %q", c.expression, c.zone, traps[0].Remedy)
		}
		expression := m[1]
		if expression == "*" {
			words := strings.Fields(c.expression)
			words[2] = "*"
			expression = strings.Join(words, " ")
		}
		checkPeriod(t, expression, m[2], c.zone, c.days)
	}
}

// checkPeriod follows a remedy through two years: it runs on all days of every period of the
// zone's calendar or of every second week from Monday to Sunday, and on no other.
func checkPeriod(t *testing.T, expression, when, zone string, days int) {
	t.Helper()
	spec, err := cronspec.Parse([]string{expression}, zone)
	if err != nil {
		t.Fatal(err)
	}
	program, err := ruleeval.Compile(task("x", func(d *core.Definition) { d.Rules[0].When = when }))
	if err != nil {
		t.Fatalf("%s: %v", when, err)
	}
	var got, want []string
	for at := range spec.Between(time.Date(2026, 1, 2, 0, 0, 0, 0, spec.Location()), time.Date(2028, 1, 2, 0, 0, 0, 0, spec.Location())) {
		in := input("", nil)
		in.Run.Time = at
		plan, err := program.Plan(context.Background(), in)
		if err != nil {
			t.Fatalf("%s at %s: %v", when, at, err)
		}
		local := at.In(spec.Location())
		if len(plan.Actions) > 0 {
			got = append(got, local.Format(time.DateOnly))
		}
		number := int(time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC).Unix() / 86400)
		if days == 14 && (number+3)/7%2 == 0 || days != 14 && number%days == 0 {
			want = append(want, local.Format(time.DateOnly))
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q in %q with %s runs on\n%v, want\n%v", expression, zone, when, got, want)
	}
}
