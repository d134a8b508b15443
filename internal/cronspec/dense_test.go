package cronspec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// dense is a list of n different expressions with many minutes in the hours in which clocks change.
func dense(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%d-59 0-3 %d-31 * %d", i%40, i%25+1, i%6))
	}
	return list
}

func TestWhatCannotBeCompiledInSomeMonthIsRefusedAtOnce(t *testing.T) {
	spec := mustParse(t, "Europe/Berlin", dense(50)...)
	if _, err := spec.CompileAt(at(t, "2026-10-10T00:00:00Z")); err == nil {
		t.Fatal("the example compiles in October: take a denser one")
	}
	err := spec.Compiles()
	var refusal *cronspec.ParseError
	if !errors.As(err, &refusal) || refusal.Field != cronspec.FieldExpression {
		t.Fatalf("got %v, want a refusal", err)
	}
	for _, part := range []string{"Europe/Berlin", "2026", "split them", "timezone: UTC"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	for _, ok := range []struct {
		zone string
		list []string
	}{
		{"UTC", dense(50)}, {"Asia/Kolkata", dense(50)}, {"Europe/Berlin", dense(20)}, {"Africa/Casablanca", []string{"* 0-4 1-30 * 0"}},
		{"Africa/Casablanca", []string{"* * * * *"}}, {"America/Santiago", []string{"*/5 * * * 1-5", "30 23 * * 6"}},
	} {
		if err := mustParse(t, ok.zone, ok.list...).Compiles(); err != nil {
			t.Errorf("%s: %v", ok.zone, err)
		}
	}
}

// What Compiles accepts compiles at the beginning and at the end of any month.
func TestWhatCompilesDoesSoInAnyMonth(t *testing.T) {
	minutes := []string{"*", "0-59/2", "1-59/2", "1-58", "*/3", "7-53", "0,30", "10-40"}
	hours := []string{"0-3", "1-4", "2", "1,2,3", "0-23/2", "1-23", "0-22", "*"}
	days := []string{"*", "1-30", "2-31", "20-31", "*/2"}
	weekdays := []string{"*", "0", "1-5", "0,6", "6"}
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		from := func(name string, list []string) string { return rapid.SampledFrom(list).Draw(rt, name) }
		zone := from("zone", []string{"Europe/Berlin", "Africa/Casablanca", "America/Santiago", "Africa/El_Aaiun", "Asia/Gaza", "Australia/Lord_Howe", "America/St_Johns"})
		var list []string
		for range rapid.IntRange(1, 6).Draw(rt, "expressions") {
			list = append(list, from("minute", minutes)+" "+from("hour", hours)+" "+from("day", days)+" * "+from("weekday", weekdays))
		}
		spec := mustParse(t, zone, list...)
		if spec.Compiles() != nil {
			return
		}
		accepted++
		year := rapid.IntRange(2026, 2038).Draw(rt, "year")
		for _, month := range rapid.SliceOfNDistinct(rapid.IntRange(1, 12), 2, 2, rapid.ID).Draw(rt, "months") {
			for _, day := range []int{1, 28} {
				now := time.Date(year, time.Month(month), day, 12, 0, 0, 0, time.UTC)
				if _, err := spec.CompileAt(now); err != nil {
					rt.Fatalf("accepted, and at %s: %v", now, err)
				}
			}
		}
	})
	if accepted == 0 {
		t.Error("nothing was accepted")
	}
}

// The planner of internal/temporalschedule remembers for a month what was compiled, and
// replicas are started on any day of it.
func TestCompileAtGivesOneResultInAnyMonth(t *testing.T) {
	for _, c := range []struct {
		zone string
		list []string
	}{{"Europe/Berlin", dense(32)}, {"Europe/Berlin", []string{"* 1-2 * * *"}}, {"Africa/Casablanca", []string{"* 1-3 * * *"}}} {
		spec := mustParse(t, c.zone, c.list...)
		hash := func(day time.Time) string {
			ts, err := spec.CompileAt(day)
			if err != nil {
				t.Fatal(err)
			}
			if !ts.ValidUntil.IsZero() && ts.ValidUntil.Before(day.AddDate(0, 1, 0)) {
				t.Errorf("compiled on %s it is exact until %s only", day, ts.ValidUntil)
			}
			return ts.Hash()
		}
		for month := range 12 {
			first := time.Date(2026, time.Month(7+month), 1, 0, 0, 0, 0, time.UTC)
			if last := first.AddDate(0, 1, 0).Add(-time.Second); hash(first) != hash(last) {
				t.Errorf("%d expressions in %s compile differently on %s and %s", len(c.list), c.zone, first, last)
			}
		}
	}
}

func BenchmarkCompiles(b *testing.B) {
	for _, c := range append(benchmarkSpecs, struct{ name, zone, expr string }{"casablanca", "Africa/Casablanca", "* 0-4 1-30 * 0"}) {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				if err := mustParse(b, c.zone, c.expr).Compiles(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, n := range []int{20, 50} {
		b.Run(fmt.Sprintf("dense-%d", n), func(b *testing.B) {
			for b.Loop() {
				_ = mustParse(b, "Europe/Berlin", dense(n)...).Compiles()
			}
		})
	}
}
