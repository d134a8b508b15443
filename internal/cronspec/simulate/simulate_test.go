package simulate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/cronspec/cronspectest"
	"github.com/activity-core/activity-core/internal/cronspec/simulate"
)

var start = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

func clockAt(hour, minute int) time.Time {
	return start.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
}

func job(t testing.TB, name, expr string, policy cronspec.Policy, runTime time.Duration) simulate.Job {
	t.Helper()
	spec, err := cronspec.Parse([]string{expr}, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	return simulate.Job{Name: name, Spec: spec, Policy: policy, RunTime: runTime}
}

func run(t testing.TB, in simulate.Input) *simulate.Result {
	t.Helper()
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
		{"skip", job(t, "a", "*/30 * * * *", cronspec.PolicySkip, 0),
			[]string{"00:30 fired 00:30", "01:00 skipped", "01:30 skipped", "02:00 skipped", "02:30 skipped", "03:00 fired 03:00"}},
		{"compress", job(t, "a", "*/30 * * * *", cronspec.PolicyCompress, 0),
			[]string{"00:30 fired 00:30", "01:00 compressed", "01:30 compressed", "02:00 compressed", "02:30 made-up 02:45", "03:00 fired 03:00"}},
		{"catchup, one at a time, beside the schedule", job(t, "a", "*/30 * * * *", cronspec.PolicyCatchup, 10*time.Minute),
			[]string{"00:30 fired 00:30", "01:00 made-up 02:45", "01:30 made-up 02:55", "02:00 made-up 03:05 beside another", "02:30 made-up 03:15", "03:00 fired 03:00 beside another"}},
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
		policy cronspec.Policy
		want   []string
	}{
		{cronspec.PolicySkip, []string{"00:00 fired 00:00", "00:10 overlapped", "00:20 overlapped", "00:30 fired 00:30", "00:40 overlapped", "00:50 overlapped"}},
		{cronspec.PolicyCompress, []string{"00:00 fired 00:00", "00:10 fired 00:25", "00:20 overlapped", "00:30 fired 00:50", "00:40 overlapped", "00:50 fired 01:15"}},
		{cronspec.PolicyCatchup, []string{"00:00 fired 00:00", "00:10 fired 00:25", "00:20 fired 00:50", "00:30 fired 01:15", "00:40 fired 01:40", "00:50 fired 02:05"}},
	}
	for _, c := range cases {
		r := run(t, simulate.Input{Jobs: []simulate.Job{job(t, "a", "*/10 * * * *", c.policy, 25*time.Minute)}, From: clockAt(0, 0), To: clockAt(1, 0)})
		if got := story(r); !slices.Equal(got, c.want) {
			t.Errorf("%s: got\n%s\nwant\n%s", c.policy, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestAnOutageBeyondTheWindowIsDecidedAsAWhole(t *testing.T) {
	r := run(t, simulate.Input{Jobs: []simulate.Job{job(t, "a", "0 * * * *", cronspec.PolicyCompress, 0)}, From: clockAt(0, 0), To: clockAt(3, 0),
		Outages: []simulate.Outage{{From: clockAt(1, 30), To: clockAt(5, 30)}, {From: clockAt(0, 30), To: clockAt(1, 30)}}})
	want := []string{"00:00 fired 00:00", "01:00 compressed", "02:00 compressed"}
	if got := story(r); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheBusiestMinutesAndTheChartShowTheLoad(t *testing.T) {
	r := run(t, simulate.Input{From: clockAt(0, 0), To: clockAt(4, 0), Jobs: []simulate.Job{
		job(t, "hourly", "0 * * * *", cronspec.PolicySkip, 0),
		job(t, "at-two", "0 2 * * *", cronspec.PolicySkip, 0),
		job(t, "half-past", "30 2 * * *", cronspec.PolicySkip, 0),
	}})
	busiest := r.Busiest(2)
	if len(busiest) != 2 || busiest[0].Starts != 2 || !busiest[0].At.Equal(clockAt(2, 0)) || !slices.Equal(busiest[0].Jobs, []string{"at-two", "hourly"}) ||
		!busiest[1].At.Equal(clockAt(0, 0)) {
		t.Errorf("busiest minutes are %+v", busiest)
	}
	want := "2026-05-04 00:00 1 █▌ (peak 1/min)\n2026-05-04 01:00 1 █▌ (peak 1/min)\n" +
		"2026-05-04 02:00 3 ████ (peak 2/min)\n2026-05-04 03:00 1 █▌ (peak 1/min)\n"
	if got := r.Chart(4, 4); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestBadInputIsRefused(t *testing.T) {
	every := job(t, "a", "* * * * *", cronspec.PolicySkip, 0)
	for name, in := range map[string]simulate.Input{
		"empty window":    {Jobs: []simulate.Job{every}, From: start, To: start},
		"backward outage": {From: start, To: clockAt(1, 0), Outages: []simulate.Outage{{From: clockAt(2, 0), To: clockAt(1, 0)}}},
		"too many slots":  {Jobs: []simulate.Job{every}, From: start, To: start.AddDate(3, 0, 0)},
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
				Policy:        rapid.SampledFrom([]cronspec.Policy{cronspec.PolicySkip, cronspec.PolicyCatchup, cronspec.PolicyCompress}).Draw(rt, "policy"),
				CatchupWindow: time.Duration(rapid.IntRange(0, 300).Draw(rt, "window")) * time.Minute,
				RunTime:       time.Duration(rapid.IntRange(0, 90).Draw(rt, "run time")) * time.Minute})
		}
		for range rapid.IntRange(0, 3).Draw(rt, "outages") {
			from := start.Add(time.Duration(rapid.IntRange(-60, 3000).Draw(rt, "from")) * time.Minute)
			in.Outages = append(in.Outages, simulate.Outage{From: from, To: from.Add(time.Duration(rapid.IntRange(1, 600).Draw(rt, "length")) * time.Minute)})
		}
		r, err := simulate.Run(in)
		if err != nil {
			rt.Fatal(err)
		}
		for i, j := range in.Jobs {
			var nominal []time.Time
			for _, s := range r.Slots {
				if s.Job != j.Name {
					continue
				}
				nominal = append(nominal, s.Nominal)
				starts := s.Outcome == simulate.Fired || s.Outcome == simulate.MadeUp
				if starts == s.Start.IsZero() || starts && s.Start.Before(s.Nominal) {
					rt.Fatalf("%+v starts at %s", s, s.Start)
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
			if sum.Fired+sum.MadeUp+sum.Skipped+sum.Compressed+sum.Overlapped != sum.Expected || sum.Expected != len(nominal) {
				rt.Fatalf("the summary does not add up: %+v", sum)
			}
		}
	})
}
