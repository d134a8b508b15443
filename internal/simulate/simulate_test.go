package simulate_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
)

var start = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

func clockAt(hour, minute int) time.Time {
	return start.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func job(t testing.TB, name, expr string, policy core.MisfirePolicy, runTime time.Duration) simulate.Job {
	t.Helper()
	spec, err := cronspec.Parse([]string{expr}, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	return simulate.Job{Name: name, Spec: spec, Terms: misfire.Terms{Rule: misfire.RuleOf(policy)}, RunTime: runTime}
}

func graceful(j simulate.Job, grace time.Duration) simulate.Job {
	j.Grace = grace
	return j
}

func run(t testing.TB, in simulate.Input) *simulate.Result {
	t.Helper()
	in.All, in.Limit = true, 10_000
	result, err := simulate.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// story tells each slot as "nominal outcome start".
func story(r *simulate.Result) []string {
	var out []string
	for _, s := range r.Slots {
		line := s.Nominal.Format("15:04") + " " + string(s.Outcome)
		if !s.Start.IsZero() {
			line += " " + s.Start.Format("15:04")
		}
		if !s.Into.IsZero() {
			line += " into " + s.Into.Format("15:04")
		}
		if s.Overlaps {
			line += " beside another"
		}
		out = append(out, line)
	}
	return out
}

func TestAnOutageIsTreatedByThePolicy(t *testing.T) {
	outage := []simulate.Outage{{From: clockAt(1, 0), To: clockAt(2, 45)}} // 01:00, 01:30, 02:00 and 02:30 are missed
	cases := []struct {
		name string
		job  simulate.Job
		want []string
	}{
		{"skip", job(t, "a", "*/30 * * * *", core.MisfireSkip, 0),
			[]string{"00:30 fired 00:30", "01:00 skipped", "01:30 skipped", "02:00 skipped", "02:30 skipped", "03:00 fired 03:00"}},
		{"compress", job(t, "a", "*/30 * * * *", core.MisfireCompress, 0),
			[]string{"00:30 fired 00:30", "01:00 compressed into 02:30", "01:30 compressed into 02:30", "02:00 compressed into 02:30", "02:30 made-up 02:45", "03:00 fired 03:00"}},
		{"catchup, one at a time, and the schedule waits", job(t, "a", "*/30 * * * *", core.MisfireCatchup, 10*time.Minute),
			[]string{"00:30 fired 00:30", "01:00 made-up 02:45", "01:30 made-up 02:55", "02:00 made-up 03:05", "02:30 made-up 03:15", "03:00 fired 03:25"}},
		{"compress, whose make-up the schedule does not know of", job(t, "a", "*/30 * * * *", core.MisfireCompress, 20*time.Minute),
			[]string{"00:30 fired 00:30", "01:00 compressed into 02:30", "01:30 compressed into 02:30", "02:00 compressed into 02:30", "02:30 made-up 02:45", "03:00 fired 03:00 beside another"}},
		{"skip, with a time that is only late", graceful(job(t, "a", "*/30 * * * *", core.MisfireSkip, 0), 15*time.Minute),
			[]string{"00:30 fired 00:30", "01:00 skipped", "01:30 skipped", "02:00 skipped", "02:30 fired 02:45", "03:00 fired 03:00"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := run(t, simulate.Input{Jobs: []simulate.Job{c.job}, From: clockAt(0, 30), To: clockAt(3, 30), Outages: outage})
			if got := story(r); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestOverlapsAreTreatedByThePolicy(t *testing.T) {
	cases := []struct {
		policy core.MisfirePolicy
		want   []string
	}{
		{core.MisfireSkip, []string{"00:00 fired 00:00", "00:10 skipped", "00:20 skipped", "00:30 fired 00:30", "00:40 skipped", "00:50 skipped"}},
		{core.MisfireCompress, []string{"23:50 fired 00:10", "00:00 compressed into 23:50", "00:10 fired 00:35", "00:20 compressed into 00:10",
			"00:30 compressed into 00:10", "00:40 fired 01:00", "00:50 compressed into 00:40"}},
		{core.MisfireCatchup, []string{"00:00 fired 00:00", "00:10 fired 00:25", "00:20 fired 00:50", "00:30 fired 01:15", "00:40 fired 01:40", "00:50 fired 02:05"}},
	}
	for _, c := range cases {
		r := run(t, simulate.Input{Jobs: []simulate.Job{job(t, "a", "*/10 * * * *", c.policy, 25*time.Minute)}, From: clockAt(0, 0), To: clockAt(1, 0)})
		if got := story(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.policy, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestAnOutageBeyondTheWindowIsDecidedAsAWhole(t *testing.T) {
	r := run(t, simulate.Input{Jobs: []simulate.Job{job(t, "a", "0 * * * *", core.MisfireCompress, 0)}, From: clockAt(0, 0), To: clockAt(3, 0),
		Outages: []simulate.Outage{{From: clockAt(1, 30), To: clockAt(5, 30)}, {From: clockAt(0, 30), To: clockAt(1, 30)}}})
	want := []string{"00:00 fired 00:00", "01:00 compressed into 05:00", "02:00 compressed into 05:00"}
	if got := story(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheBusiestMinutesAndTheChartShowTheLoad(t *testing.T) {
	r := run(t, simulate.Input{From: clockAt(0, 0), To: clockAt(4, 0), Jobs: []simulate.Job{
		job(t, "hourly", "0 * * * *", core.MisfireSkip, 0),
		job(t, "at-two", "0 2 * * *", core.MisfireSkip, 0),
		job(t, "half-past", "30 2 * * *", core.MisfireSkip, 0),
	}})
	busiest := r.Busiest(2)
	if len(busiest) != 2 || busiest[0].Starts != 2 || !busiest[0].At.Equal(clockAt(2, 0)) || !slices.Equal(busiest[0].Jobs, []string{"at-two", "hourly"}) ||
		!busiest[1].At.Equal(clockAt(0, 0)) {
		t.Errorf("busiest minutes are %+v", busiest)
	}
	want := "2026-05-04 00:00Z 1 ███▌\n2026-05-04 01:00Z 1 ███▌\n" +
		"2026-05-04 02:00Z 3 ██████████ 2/min\n2026-05-04 03:00Z 1 ███▌\n"
	if got := r.Load.Chart(4, 36); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if r.Load.Starts != 6 || r.Load.Peak.Starts != 2 || !r.Load.Peak.At.Equal(clockAt(2, 0)) || r.Load.Busy() != 5 || len(r.Load.Minutes()) != 5 {
		t.Errorf("the load is %d starts in %v with its peak at %v", r.Load.Starts, r.Load.Minutes(), r.Load.Peak)
	}
}

func TestTheChartFitsItsColumns(t *testing.T) {
	for _, hours := range []int{1, 24, 24 * 365} {
		r := run(t, simulate.Input{From: start, To: start.Add(time.Duration(hours) * time.Hour), Jobs: []simulate.Job{
			job(t, "a", "* * * * *", core.MisfireSkip, 0), job(t, "b", "0 * * * *", core.MisfireSkip, 0)}})
		lines := strings.Split(strings.TrimSpace(r.Load.Chart(24, 80)), "\n")
		if len(lines) > 24 || len(lines) < 10 {
			t.Errorf("%d hours take %d lines", hours, len(lines))
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%d hours: %d columns: %s", hours, n, line)
			}
		}
	}
}

func TestWhatBeganBeforeTheWindowReachesIntoIt(t *testing.T) {
	outage := []simulate.Outage{{From: clockAt(1, 5), To: clockAt(3, 50)}} // 02:00 and 03:00 are missed
	jobs := []simulate.Job{job(t, "a", "0 * * * *", core.MisfireCatchup, 20*time.Minute)}
	r := run(t, simulate.Input{Jobs: jobs, From: clockAt(4, 5), To: clockAt(6, 0), Outages: outage})
	want := []string{"03:00 made-up 04:10", "04:00 fired 04:30", "05:00 fired 05:00"}
	if got := story(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := r.Summaries[0]; s.Expected != 1 || s.Carried != 2 || s.Fired != 2 || s.MadeUp != 1 || r.Load.Starts != 3 {
		t.Errorf("the summary is %+v with a load of %d", s, r.Load.Starts)
	}
}

func TestWhichRunsFireDoesNotDependOnTheWindow(t *testing.T) {
	jobs := []simulate.Job{job(t, "a", "0 * * * *", core.MisfireSkip, 90*time.Minute)}
	whole := story(run(t, simulate.Input{Jobs: jobs, From: clockAt(0, 0), To: clockAt(24, 0)}))
	for h := range 24 {
		if got := story(run(t, simulate.Input{Jobs: jobs, From: clockAt(h, 0), To: clockAt(24, 0)})); !slices.Equal(got, whole[h:]) {
			t.Errorf("from %02d:00: got %q, want %q", h, got, whole[h:])
		}
	}
}

func TestJitterSpreadsTheLoad(t *testing.T) {
	var jobs []simulate.Job
	for i := range 100 {
		j := job(t, fmt.Sprint(i), "0 * * * *", core.MisfireSkip, 0)
		j.Jitter, j.Seed = 30*time.Minute, simulate.JitterSeed("", j.Name)
		jobs = append(jobs, j)
	}
	r := run(t, simulate.Input{Jobs: jobs, From: clockAt(0, 0), To: clockAt(2, 0)})
	if r.Load.Starts != 200 || r.Load.Busy() < 50 || r.Load.Busy() > 60 || r.Load.Peak.Starts > 15 {
		t.Errorf("%d starts in %d minutes, at most %d in one", r.Load.Starts, r.Load.Busy(), r.Load.Peak.Starts)
	}
	if busiest := r.Busiest(1)[0]; len(busiest.Jobs) != r.Load.Peak.Starts {
		t.Errorf("the busiest minute has %d starts and %d jobs", r.Load.Peak.Starts, len(busiest.Jobs))
	}
	for _, s := range r.Slots {
		if late := s.Start.Sub(s.Nominal); late < 0 || late >= 30*time.Minute || s.Cause != "" {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheBusiestMinutesNameTheSameJobsHoweverTheyAreFound(t *testing.T) {
	in := simulate.Input{From: clockAt(0, 10), To: clockAt(6, 0)}
	for i, expr := range []string{"*/7 * * * *", "0 * * * *", "30 2 * * *"} {
		j := job(t, fmt.Sprint(i), expr, core.MisfireCatchup, 0)
		j.Jitter, j.Seed = 5*time.Minute, j.Name
		in.Jobs = append(in.Jobs, j)
	}
	quick := run(t, in).Busiest(20)
	in.Outages = []simulate.Outage{{From: clockAt(9, 0), To: clockAt(10, 0)}} // changes nothing, and has everything played again
	if slow := run(t, in).Busiest(20); !reflect.DeepEqual(quick, slow) {
		t.Errorf("got\n%v\nwant\n%v", quick, slow)
	}
}

func TestTheListIsTheEarliestOfWhatIsWorthTelling(t *testing.T) {
	in := simulate.Input{From: clockAt(0, 0), To: clockAt(24, 0), Limit: 3, Outages: []simulate.Outage{{From: clockAt(1, 0), To: clockAt(23, 0)}},
		Jobs: []simulate.Job{job(t, "b", "* * * * *", core.MisfireSkip, 0), job(t, "a", "* * * * *", core.MisfireSkip, 0)}}
	r, err := simulate.Run(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := story(r), []string{"01:00 skipped", "01:00 skipped", "01:01 skipped"}; !slices.Equal(got, want) || r.Slots[0].Job != "a" || r.Slots[1].Job != "b" {
		t.Errorf("got %q, want %q", got, want)
	}
	if r.Omitted != 2*22*60-3 {
		t.Errorf("%d are left out", r.Omitted)
	}
}

func TestClockChangesAreTold(t *testing.T) {
	var jobs []simulate.Job
	for _, expr := range []string{"30 2 * * *", "30 * * * *"} {
		spec, err := cronspec.Parse([]string{expr}, "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, simulate.Job{Name: expr, Spec: spec})
	}
	r, err := simulate.Run(simulate.Input{Jobs: jobs, Limit: 100,
		From: time.Date(2026, 10, 24, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 10, 27, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Slots) != 1 || r.Slots[0].Job != "30 2 * * *" || r.Slots[0].Local != "2026-10-25T02:30:00+02:00" || !strings.Contains(r.Slots[0].Note, "happens twice") {
		t.Errorf("listed are %+v", r.Slots)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	every := job(t, "a", "* * * * *", core.MisfireSkip, 0)
	for name, in := range map[string]simulate.Input{
		"empty window":    {Jobs: []simulate.Job{every}, From: start, To: start},
		"backward outage": {From: start, To: clockAt(1, 0), Outages: []simulate.Outage{{From: clockAt(2, 0), To: clockAt(1, 0)}}},
		"too long":        {Jobs: []simulate.Job{every}, From: start, To: start.AddDate(11, 0, 0)},
	} {
		if _, err := simulate.Run(in); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func TestEverySlotHasOneOutcome(t *testing.T) {
	zones := cronspectest.Zones()
	rapid.Check(t, func(rt *rapid.T) {
		in := simulate.Input{From: start, To: start.Add(time.Duration(rapid.IntRange(1, 48).Draw(rt, "hours")) * time.Hour)}
		for _, name := range []string{"a", "b"} {
			spec, err := cronspec.Parse([]string{cronspectest.Expression(rt)}, rapid.SampledFrom(zones).Draw(rt, "zone"))
			if err != nil {
				rt.Fatal(err)
			}
			in.Jobs = append(in.Jobs, simulate.Job{Name: name, Spec: spec,
				Terms: misfire.Terms{Rule: misfire.RuleOf(rapid.SampledFrom(misfire.Policies()).Draw(rt, "policy")),
					Window: time.Duration(rapid.IntRange(0, 300).Draw(rt, "window")) * time.Minute,
					Grace:  time.Duration(rapid.IntRange(0, 30).Draw(rt, "grace")) * time.Minute,
					Jitter: time.Duration(rapid.IntRange(0, 30).Draw(rt, "jitter")) * time.Minute},
				Seed:    name,
				RunTime: time.Duration(rapid.IntRange(0, 90).Draw(rt, "run time")) * time.Minute})
		}
		for range rapid.IntRange(0, 3).Draw(rt, "outages") {
			from := start.Add(time.Duration(rapid.IntRange(-60, 3000).Draw(rt, "from")) * time.Minute)
			in.Outages = append(in.Outages, simulate.Outage{From: from, To: from.Add(time.Duration(rapid.IntRange(1, 600).Draw(rt, "length")) * time.Minute)})
		}
		in.All, in.Limit = true, 100_000
		r, err := simulate.Run(in)
		if err != nil {
			rt.Fatal(err)
		}
		inWindow := 0
		for i, j := range in.Jobs {
			var nominal []time.Time
			for _, s := range r.Slots {
				if s.Job != j.Name {
					continue
				}
				if !s.Nominal.Before(in.From) {
					nominal = append(nominal, s.Nominal)
				}
				starts := s.Outcome == simulate.Fired || s.Outcome == simulate.MadeUp
				if starts == s.Start.IsZero() || starts && s.Start.Before(s.Nominal) {
					rt.Fatalf("%+v starts at %s", s, s.Start)
				}
				if starts && !s.Start.Before(in.From) && s.Start.Before(in.To) {
					inWindow++
				}
				for _, o := range in.Outages {
					if starts && !s.Start.Before(o.From) && s.Start.Before(o.To) {
						rt.Fatalf("%+v starts inside the outage %s to %s", s, o.From, o.To)
					}
				}
			}
			if want := slices.Collect(j.Spec.Between(in.From, in.To)); !slices.EqualFunc(nominal, want, time.Time.Equal) {
				rt.Fatalf("%s: slots %v, want %v", j.Name, nominal, want)
			}
			sum := r.Summaries[i]
			if sum.Fired+sum.MadeUp+sum.Skipped+sum.Compressed != sum.Expected+sum.Carried || sum.Expected != len(nominal) {
				rt.Fatalf("the summary does not add up: %+v", sum)
			}
		}
		if r.Load.Starts != inWindow {
			rt.Fatalf("the load counts %d starts, and %d are listed", r.Load.Starts, inWindow)
		}
	})
}
