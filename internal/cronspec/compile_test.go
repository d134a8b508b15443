package cronspec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
)

func TestWhatNoClockChangeTouchesIsOneCalendarForGood(t *testing.T) {
	for _, c := range []struct{ zone, expr string }{
		{"Europe/Berlin", "0 6 * * 1"}, {"UTC", "30 2 * * *"}, {"Asia/Kolkata", "30 2 1 * *"}, {"Europe/Berlin", "30 2 * * 1"},
		{"America/New_York", "*/10 9-17 * * 1-5"},
	} {
		ts, err := mustParse(t, c.zone, c.expr).CompileAt(at(t, "2026-11-23T00:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		if len(ts.Calendars) != 1 || len(ts.Intervals) != 0 || !ts.ValidUntil.IsZero() || ts.TimeZone != c.zone {
			t.Errorf("%s in %s compiles to %+v", c.expr, c.zone, ts)
		}
	}
}

func TestEveryHourIsAnIntervalInEveryZoneOfWholeHours(t *testing.T) {
	for _, c := range []struct {
		zone string
		expr []string
		want string
	}{
		{"Europe/Berlin", []string{"@hourly"}, "[{1h0m0s 0s}]"},
		{"Europe/Berlin", []string{"*/5 * * * *"}, "[{5m0s 0s}]"},
		{"Europe/Berlin", []string{"*/10 * * * *", "5-55/10 * * * *"}, "[{5m0s 0s}]"},
		{"Asia/Kolkata", []string{"@hourly"}, "[{1h0m0s 30m0s}]"},
		{"Australia/Lord_Howe", []string{"*/30 * * * *"}, "[{30m0s 0s}]"},
		{"Europe/Berlin", []string{"7,20 * * * *"}, "[{1h0m0s 7m0s} {1h0m0s 20m0s}]"},
	} {
		ts, err := mustParse(t, c.zone, c.expr...).CompileAt(at(t, "2026-11-23T00:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(ts.Intervals); got != c.want || len(ts.Calendars) != 0 || !ts.ValidUntil.IsZero() {
			t.Errorf("%s in %s compiles to %+v", c.expr, c.zone, ts)
		}
	}
}

func TestACompiledSpecStaysTheSameUntilItsWindowMoves(t *testing.T) {
	s := mustParse(t, "Europe/Berlin", "30 2 * * *")
	hash := func(day string) string {
		ts, err := s.CompileAt(at(t, day+"T00:00:00Z"))
		if err != nil {
			t.Fatal(err)
		}
		if ts.ValidUntil.Before(at(t, day+"T00:00:00Z").AddDate(2, 0, 0)) {
			t.Errorf("compiled on %s it is exact until %s only", day, ts.ValidUntil)
		}
		return ts.Hash()
	}
	if hash("2026-07-01") != hash("2027-06-30") {
		t.Error("the hash changes within the year")
	}
	if hash("2026-06-30") == hash("2026-07-01") {
		t.Error("the hash does not change when the window moves")
	}
}

func TestTooDenseSpecsGetAShorterHorizonOrAnErrorWithARemedy(t *testing.T) {
	sundays := mustParse(t, "Europe/Berlin", "* * * * 0", "* 3-4 * * *")
	for month := range 24 {
		now := time.Date(2026, time.Month(7+month), 15, 0, 0, 0, 0, time.UTC)
		ts, err := sundays.CompileAt(now)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ts.Calendars) + len(ts.Intervals); n > cronspec.MaxPieces {
			t.Errorf("%d pieces", n)
		}
		if !ts.ValidUntil.After(now.AddDate(0, 1, 0)) {
			t.Errorf("compiled on %s it is exact until %s only", now, ts.ValidUntil)
		}
	}
	var list []string
	for i := range cronspec.MaxExpressions {
		list = append(list, fmt.Sprintf("%d-59 0-3 %d-31 * %d", i%40, i%25+1, i%6))
	}
	_, err := mustParse(t, "Europe/Berlin", list...).Compile(at(t, "2026-10-01T00:00:00Z"), at(t, "2027-10-01T00:00:00Z"))
	if err == nil || !strings.Contains(err.Error(), "UTC") {
		t.Errorf("a spec that does not fit gives %v", err)
	}
	if _, err = sundays.Compile(at(t, "2027-10-01T00:00:00Z"), at(t, "2026-10-01T00:00:00Z")); err == nil {
		t.Error("a backward window was accepted")
	}
	if _, err = sundays.Compile(at(t, "1999-10-01T00:00:00Z"), at(t, "2026-10-01T00:00:00Z")); err == nil {
		t.Error("a window before Temporal's calendars was accepted")
	}
}

func TestCompiledPiecesKeepTemporalsLimits(t *testing.T) {
	zones := cronspectest.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		s := mustParse(t, rapid.SampledFrom(zones).Draw(rt, "zone"), cronspectest.Expression(rt), cronspectest.Expression(rt))
		ts, err := s.CompileAt(cronspectest.First.AddDate(rapid.IntRange(0, 15).Draw(rt, "years"), rapid.IntRange(0, 11).Draw(rt, "months"), 0))
		if err != nil {
			return // too dense; the table above shows that this needs unusual lists
		}
		if n := len(ts.Calendars) + len(ts.Intervals); n == 0 || n > cronspec.MaxPieces {
			rt.Fatalf("%s has %d pieces", s, n)
		}
		for _, c := range ts.Calendars {
			if len(c.Comment) > 200 {
				rt.Fatalf("comment of %d bytes", len(c.Comment))
			}
		}
		for _, iv := range ts.Intervals {
			once, ok := iv.Once()
			switch {
			case ok && (ts.ValidUntil.IsZero() || ts.ValidUntil.Unix() > 2*once.Unix()):
				rt.Fatalf("%s: the instant %s comes back before %s", s, once, ts.ValidUntil)
			case !ok && (iv.Every < time.Minute || iv.Offset >= iv.Every):
				rt.Fatalf("%s: interval %+v", s, iv)
			}
			if ok {
				if next, _ := s.Next(once.Add(-time.Second)); !next.Equal(once) {
					rt.Fatalf("%s does not fire at its single instant %s", s, once)
				}
			}
		}
	})
}

func TestAZoneWhoseChangesEndStillHasAnEndOfValidity(t *testing.T) {
	// Almaty's clocks went back an hour for good on 1 March 2024.
	ts, err := mustParse(t, "Asia/Almaty", "30 23 * * *").Compile(at(t, "2023-07-01T00:00:00Z"), at(t, "2026-07-01T00:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	if len(ts.Intervals) == 0 || ts.ValidUntil.IsZero() || ts.ValidUntil.Year() < 2070 {
		t.Errorf("compiled to %d intervals, exact until %s", len(ts.Intervals), ts.ValidUntil)
	}
}
