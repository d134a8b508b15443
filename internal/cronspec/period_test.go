package cronspec

import (
	"slices"
	"testing"
	"time"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// Periods follow on each other without a gap and without an overlap, or instants would be lost
// or listed twice; and the offset of each holds from its first second to its last.
func TestPeriodsOfEveryZoneTileTheTime(t *testing.T) {
	from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Unix(), time.Date(2041, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	for zone := range zonedata.Current().Zones() {
		loc, err := LoadZone(zone)
		if err != nil {
			t.Fatal(err)
		}
		offset := func(unix int64) int64 {
			_, seconds := time.Unix(unix, 0).In(loc).Zone()
			return int64(seconds)
		}
		for p := periodAt(loc, from); p.end < to; {
			next := periodAt(loc, p.end)
			if next.start != p.end || next.offset != offset(next.start) || next.before != p.offset || p.offset != offset(p.end-1) {
				t.Errorf("%s: %+v follows on %+v", zone, next, p)
				break
			}
			for _, at := range []int64{p.end - 1, (max(p.start, from) + p.end) / 2} {
				if again := periodAt(loc, at); again != p && (again.offset != p.offset || again.start < p.start) {
					t.Errorf("%s: %s is in %+v, which is in %+v", zone, time.Unix(at, 0).UTC(), again, p)
				}
			}
			p = next
		}
	}
}

// Found by comparing with Temporal's own code: 2022-11-29 had a second 2 o'clock, which no
// clock showed.
func TestAZoneWhoseRuleBeginsBeforeItsLastChange(t *testing.T) {
	spec, err := Parse([]string{"0 2 * * *", "30 23 29 11 *"}, "America/Ciudad_Juarez")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"2022-11-28T02:00:00-06:00", "2022-11-29T02:00:00-06:00", "2022-11-29T23:30:00-06:00", "2022-11-30T02:00:00-07:00", "2022-12-01T02:00:00-07:00"}
	for i, f := range spec.Fires(time.Date(2022, 11, 28, 0, 0, 0, 0, time.UTC), len(want)) {
		if f.Local != want[i] {
			t.Errorf("fires at %s, want %s", f.Local, want[i])
		}
	}
}

func TestClockChangesAreThoseThatClocksShow(t *testing.T) {
	for _, c := range []struct {
		zone, from, to string
		want           []ClockChange
	}{
		{"Europe/Berlin", "2024-03-31T01:00:00Z", "2024-10-27T01:00:01Z", []ClockChange{
			{time.Date(2024, 3, 31, 1, 0, 0, 0, time.UTC), time.Hour, 2 * time.Hour},
			{time.Date(2024, 10, 27, 1, 0, 0, 0, time.UTC), 2 * time.Hour, time.Hour},
		}},
		{"Europe/Berlin", "2024-03-31T01:00:01Z", "2024-10-27T01:00:00Z", nil},
		{"Europe/Berlin", "2024-12-30T00:00:00Z", "2025-01-03T00:00:00Z", nil}, // a leap year's last day
		{"America/Ciudad_Juarez", "2022-10-01T00:00:00Z", "2023-01-01T00:00:00Z", []ClockChange{ // on 30 October its name alone changed
			{time.Date(2022, 11, 30, 6, 0, 0, 0, time.UTC), -6 * time.Hour, -7 * time.Hour},
		}},
		{"UTC", "2000-01-01T00:00:00Z", "2050-01-01T00:00:00Z", nil},
	} {
		spec, err := Parse([]string{"0 2 * * *"}, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		from, errFrom := time.Parse(time.RFC3339, c.from)
		to, errTo := time.Parse(time.RFC3339, c.to)
		if errFrom != nil || errTo != nil {
			t.Fatal(errFrom, errTo)
		}
		if got := spec.ClockChanges(from, to); !slices.Equal(got, c.want) {
			t.Errorf("%s, %s to %s: %v, want %v", c.zone, c.from, c.to, got, c.want)
		}
	}
}
