// Package temporalproof shows, with the Temporal server's own schedule code, that Temporal
// fires at exactly the instants that cronspec lists. It holds tests only, apart from cronspec's
// own so that those need not link the server.
package temporalproof_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/server/service/worker/scheduler"
	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func unlimited() int { return 0 }

// server evaluates a compiled spec as Temporal does, once it is what we send.
type server struct{ spec *scheduler.CompiledSpec }

func newServer(t testing.TB, builder *scheduler.SpecBuilder, ts cronspec.TemporalSpec) server {
	t.Helper()
	compiled, err := builder.NewCompiledSpec(temporalschedule.ScheduleSpec(ts))
	if err != nil {
		t.Fatalf("Temporal refuses the compiled spec: %v\n%+v", err, ts)
	}
	return server{compiled}
}

func (s server) next(t testing.TB, after time.Time) time.Time {
	t.Helper()
	result, err := s.spec.GetNextTime("", after)
	if err != nil {
		t.Fatal(err)
	}
	return result.Nominal
}

// compare walks both lists over [from, to) and reports how many instants it saw.
func compare(t testing.TB, s *cronspec.Spec, ts cronspec.TemporalSpec, temporal server, from, to time.Time) int {
	t.Helper()
	n := 0
	cursor := from.Add(-time.Second)
	for want := range s.Between(from, to) {
		got := temporal.next(t, cursor)
		if !got.Equal(want) {
			t.Fatalf("%s\nafter %s Temporal fires at %s\ncronspec lists            %s\n%s", s, cursor.In(s.Location()),
				got.In(s.Location()), want.In(s.Location()), describe(ts))
		}
		cursor = got
		n++
	}
	if got := temporal.next(t, cursor); !got.IsZero() && got.Before(to) {
		t.Fatalf("%s\nafter %s Temporal fires at %s\ncronspec lists nothing before %s\n%s", s, cursor.In(s.Location()),
			got.In(s.Location()), to.In(s.Location()), describe(ts))
	}
	return n
}

func describe(ts cronspec.TemporalSpec) string {
	out := fmt.Sprintf("valid until %s, %d calendars, %d intervals\n", ts.ValidUntil, len(ts.Calendars), len(ts.Intervals))
	for _, c := range ts.Calendars {
		out += fmt.Sprintf("  %+v\n", c)
	}
	for _, iv := range ts.Intervals {
		if once, ok := iv.Once(); ok {
			out += fmt.Sprintf("  once %s\n", once)
		} else {
			out += fmt.Sprintf("  every %s offset %s\n", iv.Every, iv.Offset)
		}
	}
	return out
}

// exactUntil is the end of what the compiled spec promises, within the years under test.
func exactUntil(ts cronspec.TemporalSpec) time.Time {
	if ts.ValidUntil.IsZero() || ts.ValidUntil.After(cronspectest.Last) {
		return cronspectest.Last
	}
	return ts.ValidUntil
}

func TestTemporalFiresAtExactlyTheListedInstants(t *testing.T) {
	builder := scheduler.NewSpecBuilder(unlimited, unlimited)
	zones := cronspectest.Zones()
	perZone := 1
	if cronspectest.Long() {
		perZone = 60
	}
	var expressions, pairs, instants, refused, forever, pieces atomic.Int64
	var largest atomic.Int64
	for part := range 2 {
		t.Run(fmt.Sprintf("part %d", part), func(t *testing.T) {
			t.Parallel()
			for i, zone := range zones {
				if i%2 != part {
					continue
				}
				for range perZone {
					// One rapid example per call, so that each zone gets its share whatever the
					// number of checks.
					example(t, func(rt *rapid.T) {
						var list []string
						for range rapid.SampledFrom([]int{1, 1, 1, 2, 3}).Draw(rt, "how many") {
							list = append(list, cronspectest.Expression(rt))
						}
						s, err := cronspec.Parse(list, zone)
						if err != nil {
							t.Fatal(err)
						}
						year := rapid.IntRange(2020, 2032).Draw(rt, "year")
						from := time.Date(year, time.Month(rapid.IntRange(1, 12).Draw(rt, "month")), 1, 0, 0, 0, 0, time.UTC)
						ts, err := s.Compile(from, from.AddDate(3, 0, 0))
						if err != nil {
							refused.Add(1)
							return
						}
						expressions.Add(int64(len(list)))
						pairs.Add(1)
						if ts.ValidUntil.IsZero() {
							forever.Add(1)
						}
						n := int64(len(ts.Calendars) + len(ts.Intervals))
						pieces.Add(n)
						for old := largest.Load(); n > old && !largest.CompareAndSwap(old, n); old = largest.Load() {
						}
						instants.Add(int64(proveSpec(t, builder, s, ts, from, rapid.Uint64().Draw(rt, "seed"))))
					})
				}
			}
		})
	}
	t.Cleanup(func() {
		// A compiler that refused everything would never be wrong. Up to three random expressions
		// at once, each of any shape, may be too dense around the changes of a zone; one in a
		// hundred is more than that takes.
		if tried := pairs.Load() + refused.Load(); int(tried) != len(zones)*perZone || 100*refused.Load() > tried {
			t.Errorf("%d of %d specs were refused, more than 1 %%, or not all %d were tried", refused.Load(), tried, len(zones)*perZone)
		}
		t.Logf("%d zones, %d specs (%d expressions), %d instants compared, %d refused as too dense, 0 mismatches; "+
			"%d specs exact for good, %.1f pieces on average, %d at most", len(zones), pairs.Load(), expressions.Load(), instants.Load(),
			refused.Load(), forever.Load(), float64(pieces.Load())/float64(max(1, pairs.Load())), largest.Load())
	})
}

// example runs one random example of a property.
func example(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	generator := rapid.Custom(func(rt *rapid.T) struct{} { property(rt); return struct{}{} })
	generator.Example(int(rand.Uint32()))
}

// proveSpec compares around every clock change that the spec is exact for, over a random
// stretch in between, and from random starting points, since Temporal's search depends on where
// it starts.
func proveSpec(t testing.TB, builder *scheduler.SpecBuilder, s *cronspec.Spec, ts cronspec.TemporalSpec, from time.Time, seed uint64) int {
	t.Helper()
	temporal := newServer(t, builder, ts)
	until := exactUntil(ts)
	if until.After(from.AddDate(4, 0, 0)) {
		until = from.AddDate(4, 0, 0)
	}
	random := rand.New(rand.NewPCG(seed, 1))
	n := 0
	stretch := func(a, b time.Time) {
		if a.Before(from) {
			a = from
		}
		if b.After(until) {
			b = until
		}
		if a.Before(b) {
			n += compare(t, s, ts, temporal, a, b)
		}
	}
	for _, change := range cronspectest.Changes(s.Location()) {
		if change.Before(from) || !change.Before(until) {
			continue
		}
		stretch(change.Add(-26*time.Hour), change.Add(26*time.Hour))
		for range 40 {
			after := change.Add(time.Duration(random.IntN(8*3600)-4*3600) * time.Second)
			if want, ok := s.Next(after); ok && after.After(from) && want.Before(until) {
				if got := temporal.next(t, after); !got.Equal(want) {
					t.Fatalf("%s\nasked after %s Temporal fires at %s\ncronspec lists %s\n%s", s, after.In(s.Location()),
						got.In(s.Location()), want.In(s.Location()), describe(ts))
				}
				n++
			}
		}
	}
	start := from.Add(time.Duration(random.Int64N(int64(max(1, until.Sub(from))))))
	stretch(start.Truncate(time.Minute), start.Truncate(time.Minute).Add(24*time.Hour))
	if fires := slices.Collect(limit(s, from, until, 2000)); len(fires) < 2000 {
		stretch(from, until) // rare enough to be walked whole
	}
	return n
}

func limit(s *cronspec.Spec, from, to time.Time, n int) func(func(time.Time) bool) {
	return func(yield func(time.Time) bool) {
		for t := range s.Between(from, to) {
			if n--; n < 0 || !yield(t) {
				return
			}
		}
	}
}

// The zones and shapes in which Temporal's calendars are known to part from the wall clock,
// without chance.
func TestKnownTrapsAreCompiledExactly(t *testing.T) {
	zones := []string{"Europe/Berlin", "Europe/London", "Australia/Sydney", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kolkata",
		"America/Santiago", "Africa/Casablanca", "America/New_York", "Antarctica/Troll", "America/Nuuk", "America/Havana", "Africa/Cairo",
		"Asia/Beirut", "Atlantic/Azores", "Pacific/Chatham", "Asia/Tehran", "Asia/Almaty", "America/Asuncion", "Europe/Dublin"}
	expressions := []string{"0 * * * *", "*/30 * * * *", "7,19 * * * *", "* * * * *", "30 2 * * *", "0 1 * * *", "0 0-23 * * *", "0 */2 * * *",
		"*/15 0-3 * * 0,6", "0 6 * * 0", "0 6 * * 6", "0 6 * * 5", "@daily", "30 23 * * *", "0 22-23 * * 6", "0 0 1 * *", "15 1,2,3 25-31 * 0",
		"0 * * * 1-5", "30 */4 */2 * 0", "0 3 29 3,9,10 *", "59 1 * * *"}
	from := time.Date(2021, 7, 1, 0, 0, 0, 0, time.UTC)
	builder := scheduler.NewSpecBuilder(unlimited, unlimited)
	n := 0
	for _, zone := range zones {
		for _, text := range expressions {
			s, err := cronspec.Parse([]string{text}, zone)
			if err != nil {
				t.Fatal(err)
			}
			ts, err := s.Compile(from, from.AddDate(3, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			n += proveSpec(t, builder, s, ts, from, 7)
		}
	}
	t.Logf("%d zones × %d expressions, %d instants compared, 0 mismatches", len(zones), len(expressions), n)
}

// What the plain calendar does shows that the repairs are needed, and that this test would
// notice if they were not made.
func TestAPlainCalendarIsNotExact(t *testing.T) {
	builder := scheduler.NewSpecBuilder(unlimited, unlimited)
	for _, c := range []struct{ zone, expr, from string }{
		{"Europe/Berlin", "0 * * * *", "2026-10-24T20:00:00Z"},
		{"Europe/Berlin", "30 2 * * *", "2026-03-28T12:00:00Z"},
		{"Europe/Berlin", "0 1 * * *", "2026-10-24T12:00:00Z"},
		{"America/Santiago", "0 6 * * 0", "2026-09-05T12:00:00Z"},
	} {
		compiled, err := builder.NewCompiledSpec(&schedulepb.ScheduleSpec{CronString: []string{c.expr}, TimezoneName: c.zone})
		if err != nil {
			t.Fatal(err)
		}
		s, err := cronspec.Parse([]string{c.expr}, c.zone)
		if err != nil {
			t.Fatal(err)
		}
		when, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		same := true
		plain := server{compiled}
		for want := range s.Between(when, when.Add(60*time.Hour)) {
			got := plain.next(t, when)
			same = same && got.Equal(want)
			when = got
		}
		if same {
			t.Errorf("Temporal reads %q in %s as the wall clock does: the repair may no longer be needed", c.expr, c.zone)
		}
	}
}
