package cronspec_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
)

func TestNotesExplainWhatAClockChangeDoes(t *testing.T) {
	cases := []struct {
		zone, expr, after string
		want              []string // local time | note
	}{
		{"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z", []string{
			"2026-03-29T03:30:00+02:00|02:30 does not exist (clocks go forward 1 h); runs at 03:30", "2026-03-30T02:30:00+02:00|"}},
		{"Europe/Berlin", "30 2 * * *", "2026-10-24T12:00:00Z", []string{
			"2026-10-25T02:30:00+02:00|02:30 happens twice (clocks go back); runs once, the first time", "2026-10-26T02:30:00+01:00|"}},
		{"Europe/Berlin", "0 * * * *", "2026-10-24T23:30:00Z", []string{
			"2026-10-25T02:00:00+02:00|first 02:00 of the day (clocks are about to go back); runs again in the repeat",
			"2026-10-25T02:00:00+01:00|second 02:00 of the day (clocks went back 1 h); the hours repeat and so does the run",
			"2026-10-25T03:00:00+01:00|"}},
		{"Australia/Lord_Howe", "15 2 * * *", "2026-10-03T12:00:00Z", []string{
			"2026-10-04T02:45:00+11:00|02:15 does not exist (clocks go forward 30 min); runs at 02:45"}},
		{"Europe/Berlin", "30 2,3 * * *", "2026-03-28T12:00:00Z", []string{
			"2026-03-29T03:30:00+02:00|02:30 does not exist (clocks go forward 1 h); falls on 03:30, due anyway: runs once for both",
			"2026-03-30T02:30:00+02:00|"}},
		{"Europe/Berlin", "0 */2 * * *", "2026-03-28T22:30:00Z", []string{
			"2026-03-29T00:00:00+01:00|",
			"2026-03-29T04:00:00+02:00|02:00 did not exist (clocks went forward 1 h); with * as hour nothing replaces it",
			"2026-03-29T06:00:00+02:00|"}},
		{"Europe/Berlin", "0 */2 * * *", "2026-10-24T23:30:00Z", []string{
			"2026-10-25T02:00:00+02:00|first 02:00 of the day (clocks are about to go back); runs again in the repeat",
			"2026-10-25T02:00:00+01:00|second 02:00 of the day (clocks went back 1 h); the hours repeat and so does the run",
			"2026-10-25T04:00:00+01:00|"}},
		{"Europe/Berlin", "*/15 * * * *", "2026-03-29T00:50:00Z", []string{
			"2026-03-29T03:00:00+02:00|02:00 to 02:45 did not exist (clocks went forward 1 h); with * as hour nothing replaces it",
			"2026-03-29T03:15:00+02:00|"}},
		{"America/Santiago", "0 * * * *", "2026-09-06T03:30:00Z", []string{
			"2026-09-06T01:00:00-03:00|00:00 did not exist (clocks went forward 1 h); with * as hour nothing replaces it"}},
		{"UTC", "30 2 * * *", "2026-03-28T12:00:00Z", []string{"2026-03-29T02:30:00Z|"}},
	}
	for _, c := range cases {
		for i, fire := range mustParse(t, c.zone, c.expr).Fires(at(t, c.after), len(c.want)) {
			if got := fire.Local + "|" + fire.Note; got != c.want[i] {
				t.Errorf("%s in %s:\ngot  %s\nwant %s", c.expr, c.zone, got, c.want[i])
			}
		}
	}
}

// docs/cron.md promises a note at each instant that a clock change touches: what names a
// skipped time is explained where it runs instead, or at the next run where nothing stands in
// for it; and what names a repeated time, wherever it runs.
func TestEveryTimeThatAClockChangeTouchesIsExplained(t *testing.T) {
	zones := cronspectest.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		text := cronspectest.Expression(rt)
		zone := rapid.SampledFrom(zones).Draw(rt, "zone")
		spec, walls := mustParse(t, zone, text), mustParse(t, "UTC", text) // in UTC it lists what it names
		hour := strings.Fields(walls.Expressions()[0])[1]
		for _, at := range cronspectest.Changes(spec.Location()) {
			if period := 48 * time.Hour; at.Before(cronspectest.First.Add(period)) {
				continue
			}
			_, before := at.Add(-time.Second).In(spec.Location()).Zone()
			_, after := at.In(spec.Location()).Zone()
			from, to := at.Add(time.Duration(before)*time.Second), at.Add(time.Duration(after)*time.Second)
			for wall := range walls.Between(from, to) { // skipped
				runs := wall.Add(-time.Duration(before) * time.Second)
				if strings.HasPrefix(hour, "*") {
					next, ok := spec.Next(at.Add(-time.Second))
					if !ok || next.Sub(at) >= 48*time.Hour {
						break
					}
					runs = next
				}
				note := spec.Describe(runs).Note
				if strings.HasPrefix(hour, "*") && !strings.Contains(note, "did not exist") || !strings.HasPrefix(hour, "*") && !strings.Contains(note, wall.Format("15:04")+" does not exist") {
					rt.Fatalf("%s skips %s; the note at %s is %q", spec, wall.Format("2006-01-02 15:04"), runs.In(spec.Location()), note)
				}
				if strings.HasPrefix(hour, "*") {
					break // one note for all of them
				}
			}
			for wall := range walls.Between(to, from) { // shown twice
				first := wall.Add(-time.Duration(before) * time.Second)
				second := wall.Add(-time.Duration(after) * time.Second)
				if note := spec.Describe(first).Note; !strings.Contains(note, "twice") && !strings.Contains(note, "first") {
					rt.Fatalf("%s shows %s twice; the note at the first is %q", spec, wall.Format("2006-01-02 15:04"), note)
				}
				if note := spec.Describe(second).Note; strings.HasPrefix(hour, "*") && !strings.Contains(note, "second") {
					rt.Fatalf("%s shows %s twice; the note at the second is %q", spec, wall.Format("2006-01-02 15:04"), note)
				}
			}
		}
	})
}

// What docs/cron.md says of a step in the hour field, and of fixed times in its place.
func TestAStepInTheHourFieldFollowsTheClockAndFixedTimesDoNot(t *testing.T) {
	local := func(expr, from, to string) string {
		var out []string
		spec := mustParse(t, "Europe/Berlin", expr)
		for when := range spec.Between(at(t, from), at(t, to)) {
			out = append(out, when.In(spec.Location()).Format("15:04"))
		}
		return strings.Join(out, " ")
	}
	for _, c := range []struct{ expr, from, to, want string }{
		{"0 */2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T07:00:00+02:00", "00:00 04:00 06:00"},
		{"0 */2 * * *", "2026-10-25T00:00:00+02:00", "2026-10-25T07:00:00+01:00", "00:00 02:00 02:00 04:00 06:00"},
		{"0 0-22/2 * * *", "2026-03-29T00:00:00+01:00", "2026-03-29T07:00:00+02:00", "00:00 03:00 04:00 06:00"},
		{"0 0-22/2 * * *", "2026-10-25T00:00:00+02:00", "2026-10-25T07:00:00+01:00", "00:00 02:00 04:00 06:00"},
	} {
		if got := local(c.expr, c.from, c.to); got != c.want {
			t.Errorf("%s from %s fires at %s, want %s", c.expr, c.from, got, c.want)
		}
	}
}
