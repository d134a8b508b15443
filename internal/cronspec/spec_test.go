package cronspec_test

import (
	"slices"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/cronspec"
)

func mustParse(t testing.TB, zone string, expressions ...string) *cronspec.Spec {
	t.Helper()
	s, err := cronspec.Parse(expressions, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// localTimes lists the fires of one interval as wall-clock times with their offset.
func localTimes(t testing.TB, s *cronspec.Spec, from, to string) []string {
	t.Helper()
	var out []string
	for when := range s.Between(at(t, from), at(t, to)) {
		out = append(out, when.In(s.Location()).Format("02T15:04-07:00"))
	}
	return out
}

func TestClockChangesFollowTheDocumentedRule(t *testing.T) {
	cases := []struct {
		name, zone string
		expr       []string
		from, to   string
		want       []string
	}{
		{"Berlin spring: a fixed time in the gap runs once, an hour later", "Europe/Berlin", []string{"30 2 * * *"},
			"2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z", []string{"29T03:30+02:00", "30T02:30+02:00"}},
		{"Berlin spring: each of several fixed times in the gap runs once", "Europe/Berlin", []string{"*/20 2 * * *"},
			"2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", []string{"29T03:00+02:00", "29T03:20+02:00", "29T03:40+02:00"}},
		{"Berlin spring: a moved time that meets another runs once for both", "Europe/Berlin", []string{"30 2,3 * * *"},
			"2026-03-29T00:00:00Z", "2026-03-29T12:00:00Z", []string{"29T03:30+02:00"}},
		{"Berlin autumn: a fixed time that happens twice runs the first time", "Europe/Berlin", []string{"30 2 * * *"},
			"2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", []string{"25T02:30+02:00", "26T02:30+01:00"}},
		{"Berlin autumn: hourly loses nothing", "Europe/Berlin", []string{"0 * * * *"},
			"2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z", []string{"25T01:00+02:00", "25T02:00+02:00", "25T02:00+01:00", "25T03:00+01:00"}},
		{"Berlin spring: hourly goes on by elapsed time", "Europe/Berlin", []string{"0 * * * *"},
			"2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z", []string{"29T01:00+01:00", "29T03:00+02:00", "29T04:00+02:00"}},
		{"London autumn", "Europe/London", []string{"*/30 * * * *"},
			"2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z", []string{"25T01:00+01:00", "25T01:30+01:00", "25T01:00+00:00", "25T01:30+00:00"}},
		{"Sydney autumn", "Australia/Sydney", []string{"15 2 * * *", "0 * * * *"},
			"2026-04-04T15:00:00Z", "2026-04-04T18:00:00Z", []string{"05T02:00+11:00", "05T02:15+11:00", "05T02:00+10:00", "05T03:00+10:00"}},
		{"Lord Howe spring moves half an hour", "Australia/Lord_Howe", []string{"15 2 * * *"},
			"2026-10-03T12:00:00Z", "2026-10-04T12:00:00Z", []string{"04T02:45+11:00"}},
		{"Lord Howe autumn repeats half an hour", "Australia/Lord_Howe", []string{"*/15 * * * *"},
			"2026-04-04T14:30:00Z", "2026-04-04T15:45:00Z", []string{"05T01:30+11:00", "05T01:45+11:00", "05T01:30+10:30", "05T01:45+10:30", "05T02:00+10:30"}},
		{"Newfoundland spring", "America/St_Johns", []string{"0 2 * * *"},
			"2026-03-08T00:00:00Z", "2026-03-09T00:00:00Z", []string{"08T03:00-02:30"}},
		{"Newfoundland autumn", "America/St_Johns", []string{"30 1 * * *"},
			"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", []string{"01T01:30-02:30"}},
		{"Kolkata never changes", "Asia/Kolkata", []string{"30 2 * * *"},
			"2026-03-28T12:00:00Z", "2026-03-30T00:00:00Z", []string{"29T02:30+05:30", "30T02:30+05:30"}},
		{"Santiago spring has no midnight", "America/Santiago", []string{"@daily"},
			"2026-09-05T00:00:00Z", "2026-09-08T00:00:00Z", []string{"05T00:00-04:00", "06T01:00-03:00", "07T00:00-03:00"}},
		{"Santiago autumn repeats the hour before midnight", "America/Santiago", []string{"30 23 * * *"},
			"2026-04-04T12:00:00Z", "2026-04-06T12:00:00Z", []string{"04T23:30-03:00", "05T23:30-04:00"}},
		{"Casablanca before Ramadan", "Africa/Casablanca", []string{"30 2 * * *"},
			"2026-02-14T12:00:00Z", "2026-02-16T12:00:00Z", []string{"15T02:30+01:00", "16T02:30+00:00"}},
		{"Casablanca after Ramadan", "Africa/Casablanca", []string{"30 2 * * *"},
			"2026-03-21T12:00:00Z", "2026-03-23T12:00:00Z", []string{"22T03:30+01:00", "23T02:30+01:00"}},
		{"Apia skipped a whole day", "Pacific/Apia", []string{"0 6 * * *"},
			"2011-12-29T00:00:00Z", "2011-12-31T12:00:00Z", []string{"29T06:00-10:00", "31T06:00+14:00"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := localTimes(t, mustParse(t, c.zone, c.expr...), c.from, c.to)
			if !slices.Equal(got, c.want) {
				t.Errorf("%v in %s fires at\n%q\nwant\n%q", c.expr, c.zone, got, c.want)
			}
		})
	}
}
