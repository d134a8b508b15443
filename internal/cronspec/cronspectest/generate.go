// Package cronspectest makes random cron expressions, zones and windows for the property tests
// of cronspec and of what it compiles to. It must not be imported outside tests.
package cronspectest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// Long tells whether the long variants of the tests were asked for with ACTIVITY_CORE_LONG=1.
func Long() bool { return os.Getenv("ACTIVITY_CORE_LONG") == "1" }

// First and Last bound the instants that the property tests look at.
var (
	First = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	Last  = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
)

// Zones are all the zones.
func Zones() []string { return slices.Collect(zonedata.Current().Zones()) }

// Expression draws an expression of any shape the parser accepts, leaning towards the hours in
// which clocks change.
func Expression(t *rapid.T) string {
	if rapid.IntRange(0, 19).Draw(t, "macro") == 0 {
		return rapid.SampledFrom([]string{"@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually"}).Draw(t, "name")
	}
	for {
		text := strings.Join([]string{
			Field(t, "minute", 0, 59, 0, 30),
			hourField(t),
			Field(t, "day-of-month", 1, 31, 1, 31),
			Field(t, "month", 1, 12, 3, 11),
			Field(t, "day-of-week", 0, 7, 0, 7),
		}, " ")
		if _, err := cronspec.Parse([]string{text}, ""); err == nil {
			return text // only impossible dates are refused
		}
	}
}

func hourField(t *rapid.T) string {
	if rapid.Bool().Draw(t, "near a change") {
		return fmt.Sprint(rapid.SampledFrom([]string{"0", "1", "2", "3", "22", "23", "0-3", "1-3", "*", "*/2", "0-23", "23,0,1", "*/3", "2,3", "1,2"}).Draw(t, "hour"))
	}
	return Field(t, "hour", 0, 23, 0, 4)
}

// Field draws one field: "*", a step, a value, a range, a range with a step, or a list of these.
func Field(t *rapid.T, name string, lo, hi, likelyLo, likelyHi int) string {
	item := func() string {
		value := func(a, b int) int { return rapid.IntRange(a, b).Draw(t, name) }
		switch rapid.IntRange(0, 5).Draw(t, name+" shape") {
		case 0:
			return fmt.Sprintf("*/%d", value(1, min(hi, 30)))
		case 1:
			return fmt.Sprint(value(lo, hi))
		case 2:
			return fmt.Sprint(value(likelyLo, likelyHi))
		case 3:
			a := value(lo, hi)
			return fmt.Sprintf("%d-%d", a, value(a, hi))
		case 4:
			a := value(lo, hi)
			return fmt.Sprintf("%d-%d/%d", a, value(a, hi), value(1, max(1, hi/3)))
		default:
			return fmt.Sprintf("%d", value(likelyLo, likelyHi))
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, name+" kind") {
	case 0, 1, 2, 3, 4:
		return "*"
	case 5:
		return item() + "," + item()
	case 6:
		return item() + "," + item() + "," + item()
	}
	return item()
}

// Changes are the instants in [First, Last) at which the zone moves its clocks.
func Changes(loc *time.Location) []time.Time {
	var out []time.Time
	for t := First; ; {
		_, end := t.In(loc).ZoneBounds()
		if !end.IsZero() && !end.After(t) {
			end = t.Add(24 * time.Hour) // package time loses a leap year's last day beyond the zone's table
		}
		if end.IsZero() || !end.Before(Last) {
			return out
		}
		_, before := end.Add(-time.Second).Zone()
		if _, after := end.Zone(); before != after {
			out = append(out, end)
		}
		t = end
	}
}
