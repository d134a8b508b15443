package cronspec_test

import (
	"testing"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
)

var benchmarkSpecs = []struct{ name, zone, expr string }{
	{"weekly", "Europe/Berlin", "0 6 * * 1"},
	{"every-minute", "Europe/Berlin", "* * * * *"},
	{"in-the-gap", "Europe/Berlin", "30 2 * * *"},
	{"workday-hours", "America/New_York", "*/10 0-6 * * 1-5"},
	{"leap-day", "Africa/Casablanca", "0 12 29 2 *"},
	{"leap-sunday", "Africa/Casablanca", "0 12 29 2 */7"},
}

func BenchmarkParse(b *testing.B) {
	var parser cronspec.Parser
	for b.Loop() {
		if _, err := parser.Parse([]string{"*/10 0-6 * * 1-5"}, "Europe/Berlin"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNext(b *testing.B) {
	for _, c := range benchmarkSpecs {
		b.Run(c.name, func(b *testing.B) {
			s := mustParse(b, c.zone, c.expr)
			when := cronspectest.First
			for b.Loop() {
				next, ok := s.Next(when)
				if when = next; !ok {
					when = cronspectest.First
				}
			}
		})
	}
}

func BenchmarkBetweenOneDayByTheMinute(b *testing.B) {
	s := mustParse(b, "Europe/Berlin", "* * * * *")
	for b.Loop() {
		n := 0
		for range s.Between(cronspectest.First, cronspectest.First.AddDate(0, 0, 1)) {
			n++
		}
		if n != 1440 {
			b.Fatal(n)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, c := range benchmarkSpecs {
		b.Run(c.name, func(b *testing.B) {
			s := mustParse(b, c.zone, c.expr)
			for b.Loop() {
				ts, err := s.CompileAt(cronspectest.First)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(len(ts.Calendars)+len(ts.Intervals)), "pieces")
			}
		})
	}
}
