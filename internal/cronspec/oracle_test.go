package cronspec_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
)

// The oracle knows nothing of the implementation: it reads expressions with its own few lines,
// asks package time for the wall clock of every single minute, and watches that clock jump.

type oracleExpr struct {
	minute, hour, dom, month, dow [64]bool
	domStar, dowStar, wild        bool
}

func oracleParse(text string) oracleExpr {
	text = map[string]string{"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0",
		"@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *"}[text] + text
	if i := strings.Index(text, "@"); i >= 0 {
		text = text[:i]
	}
	f := strings.Split(text, " ")
	e := oracleExpr{domStar: f[2][0] == '*', dowStar: f[4][0] == '*', wild: f[1][0] == '*'}
	for i, set := range []*[64]bool{&e.minute, &e.hour, &e.dom, &e.month, &e.dow} {
		top := []int{59, 23, 31, 12, 7}[i]
		bottom := []int{0, 0, 1, 1, 0}[i]
		for item := range strings.SplitSeq(f[i], ",") {
			span, stepText, _ := strings.Cut(item, "/")
			step := 1
			if stepText != "" {
				step, _ = strconv.Atoi(stepText)
			}
			lo, hi := bottom, top
			if span != "*" {
				a, b, ranged := strings.Cut(span, "-")
				lo, _ = strconv.Atoi(a)
				if hi = lo; ranged {
					hi, _ = strconv.Atoi(b)
				}
			}
			for v := range 64 {
				set[v] = set[v] || v >= lo && v <= hi && (v-lo)%step == 0
			}
		}
	}
	e.dow[0] = e.dow[0] || e.dow[7]
	allHours := true
	for h := range 24 {
		allHours = allHours && e.hour[h]
	}
	e.wild = e.wild || allHours // the one documented addition to Vixie's rule
	return e
}

func (e *oracleExpr) matches(wall time.Time) bool {
	if !e.minute[wall.Minute()] || !e.hour[wall.Hour()] || !e.month[int(wall.Month())] {
		return false
	}
	dom, dow := e.dom[wall.Day()], e.dow[int(wall.Weekday())]
	if e.domStar || e.dowStar {
		return dom && dow
	}
	return dom || dow
}

// wallMinute is what a clock on the wall shows: the same reading in UTC, so that readings can
// be compared.
func wallMinute(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), 0, 0, time.UTC)
}

// oracle walks [from, to) minute by minute, starting early enough to know which readings are
// repetitions.
func oracle(expressions []string, loc *time.Location, from, to time.Time) []time.Time {
	var parsed []oracleExpr
	for _, text := range expressions {
		parsed = append(parsed, oracleParse(text))
	}
	fires := map[int64]bool{}
	warmUp := from.Add(-50 * time.Hour)
	highest := wallMinute(warmUp.In(loc)).Add(-time.Minute) // the latest reading shown so far
	for t := warmUp; t.Before(to); t = t.Add(time.Minute) {
		wall := wallMinute(t.In(loc))
		repeated := !wall.After(highest)
		for i := range parsed {
			e := &parsed[i]
			if e.matches(wall) && (e.wild || !repeated) {
				fires[t.Unix()] = true
			}
			if e.wild || repeated {
				continue
			}
			// A reading that was jumped over fires as long after the jump as it lies after the last
			// reading before it.
			late := t
			for skipped := highest.Add(time.Minute); skipped.Before(wall); skipped = skipped.Add(time.Minute) {
				if e.matches(skipped) {
					fires[late.Unix()] = true
				}
				late = late.Add(time.Minute)
			}
		}
		if !repeated {
			highest = wall
		}
	}
	var out []time.Time
	for unix := range fires {
		if t := time.Unix(unix, 0).UTC(); !t.Before(from) && t.Before(to) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// windows are stretches of 2020 to 2035 to walk: around clock changes, where there are any, and
// elsewhere.
func windows(loc *time.Location, random *rand.Rand, n int) [][2]time.Time {
	changes := cronspectest.Changes(loc)
	var out [][2]time.Time
	for i := range n {
		start := cronspectest.First.Add(time.Duration(random.Int64N(int64(cronspectest.Last.Sub(cronspectest.First)))))
		days := 1 + random.IntN(4)
		if len(changes) > 0 && i%4 != 3 {
			start, days = changes[random.IntN(len(changes))].Add(-time.Duration(random.IntN(36*60))*time.Minute), 3
		}
		start = start.Truncate(time.Minute)
		out = append(out, [2]time.Time{start, start.AddDate(0, 0, days)})
	}
	return out
}

func TestEveryZoneAgreesWithAMinuteByMinuteWalk(t *testing.T) {
	perZone, windowsEach := 2, 2
	if cronspectest.Long() {
		perZone, windowsEach = 40, 12
	}
	var pairs, expressions, walked, instants atomic.Int64
	zones := cronspectest.Zones()
	t.Run("all", func(t *testing.T) {
		for part := range 2 {
			t.Run(fmt.Sprintf("part %d", part), func(t *testing.T) {
				t.Parallel()
				for i := part; i < len(zones); i += 2 {
					for range perZone {
						seed := int(rand.Uint32())
						rapid.Custom(func(rt *rapid.T) struct{} {
							list := []string{cronspectest.Expression(rt)}
							if rapid.IntRange(0, 3).Draw(rt, "more") == 0 {
								list = append(list, cronspectest.Expression(rt))
							}
							s := mustParse(t, zones[i], list...)
							random := rand.New(rand.NewPCG(uint64(seed), 2))
							for _, w := range windows(s.Location(), random, windowsEach) {
								want := oracle(list, s.Location(), w[0], w[1])
								got := slices.Collect(s.Between(w[0], w[1]))
								if !slices.EqualFunc(got, want, time.Time.Equal) {
									t.Fatalf("%q in %s (seed %d) over %s to %s:\ngot  %s\nwant %s", list, zones[i], seed, w[0], w[1], brief(got, want), brief(want, got))
								}
								walked.Add(int64(w[1].Sub(w[0]) / time.Minute))
								instants.Add(int64(len(want)))
							}
							pairs.Add(1)
							expressions.Add(int64(len(list)))
							return struct{}{}
						}).Example(seed)
					}
				}
			})
		}
	})
	if !t.Failed() {
		t.Logf("%d zones, %d specs (%d expressions), %d minutes walked, %d instants compared, 0 mismatches",
			len(zones), pairs.Load(), expressions.Load(), walked.Load(), instants.Load())
	}
}

// brief shows the elements of a that b lacks.
func brief(a, b []time.Time) string {
	var only []string
	for _, t := range a {
		if !slices.ContainsFunc(b, t.Equal) && len(only) < 10 {
			only = append(only, t.Format(time.RFC3339))
		}
	}
	return fmt.Sprintf("%d instants, of which the other lacks %v", len(a), only)
}

func TestAWholeYearAgreesWithAMinuteByMinuteWalk(t *testing.T) {
	if testing.Short() {
		t.Skip("walks half a million minutes a zone")
	}
	zones := []string{"Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"}
	if os.Getenv("ACTIVITY_CORE_LONG") == "1" {
		zones = append(zones, "Europe/London", "Australia/Sydney", "America/St_Johns", "Asia/Kolkata", "Africa/Casablanca", "Antarctica/Troll", "America/Nuuk", "Africa/Cairo", "America/Havana", "Asia/Almaty")
	}
	list := []string{"*/30 */2 * * *", "15,45 0-3 * * 1-6", "0 12 29 2 *"}
	for _, zone := range zones {
		s := mustParse(t, zone, list...)
		from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		want := oracle(list, s.Location(), from, from.AddDate(1, 0, 0))
		got := slices.Collect(s.Between(from, from.AddDate(1, 0, 0)))
		if !slices.EqualFunc(got, want, time.Time.Equal) {
			t.Errorf("%s: got %s\nwant %s", zone, brief(got, want), brief(want, got))
		}
	}
}

func TestNextAndPrevAgreeWithBetween(t *testing.T) {
	zones := cronspectest.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		s := mustParse(t, rapid.SampledFrom(zones).Draw(rt, "zone"), cronspectest.Expression(rt))
		from := cronspectest.First.Add(time.Duration(rapid.Int64Range(0, int64(cronspectest.Last.Sub(cronspectest.First))).Draw(rt, "from")))
		next, ok := s.Next(from)
		if !ok {
			return
		}
		if !next.After(from) {
			rt.Fatalf("Next(%s) = %s is not after it", from, next)
		}
		if first := slices.Collect(s.Between(from.Add(1), next.Add(1))); len(first) != 1 || !first[0].Equal(next) {
			rt.Fatalf("%s: Next(%s) = %s but Between lists %v", s, from, next, first)
		}
		prev, ok := s.Prev(next.Add(1))
		if !ok || !prev.Equal(next) {
			rt.Fatalf("%s: Prev just after %s = %s", s, next, prev)
		}
		if prev, ok = s.Prev(next); ok {
			if !prev.Before(next) || prev.After(from) {
				rt.Fatalf("%s: Prev(%s) = %s, with no instant between %s and it", s, next, prev, from)
			}
			if following, _ := s.Next(prev); !following.Equal(next) {
				rt.Fatalf("%s: %s is followed by %s, not %s", s, prev, following, next)
			}
		}
	})
}
