package simulate_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
)

// oracle is the table of docs/misfire.md in its own words, for runs that take no time: it knows
// nothing of package misfire, which simulate and the engine share. The slots are minutes; the
// outages do not touch.
type oracle struct {
	policy        string
	grace, window time.Duration
	outages       []simulate.Outage
}

func (o oracle) verdict(slot time.Time) string {
	for _, out := range o.outages {
		if slot.Before(out.From) || !slot.Before(out.To) {
			continue
		}
		late := out.To.Sub(slot)
		last := out.To.Add(-time.Nanosecond).Truncate(time.Minute)
		switch {
		case o.policy == "compress" && slot.Before(last):
			return "compressed into " + last.Format("15:04")
		case late <= o.grace:
			return "fired"
		case o.policy == "compress", o.policy == "catchup" && late <= o.window:
			return "made-up"
		}
		return "skipped"
	}
	return "fired"
}

func TestEveryVerdictIsTheOracles(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		o := oracle{
			policy: rapid.SampledFrom([]string{"skip", "catchup", "compress"}).Draw(rt, "policy"),
			grace:  time.Duration(rapid.IntRange(5, 20*60).Draw(rt, "grace")) * time.Second,
			window: time.Duration(rapid.IntRange(1, 90).Draw(rt, "window")) * time.Minute,
		}
		at := clockAt(0, 30)
		for range rapid.IntRange(1, 4).Draw(rt, "outages") {
			from := at.Add(time.Duration(rapid.IntRange(1, 40*60).Draw(rt, "after")) * time.Second)
			to := from.Add(time.Duration(rapid.IntRange(16, 90*60).Draw(rt, "length")) * time.Second)
			o.outages = append(o.outages, simulate.Outage{From: from, To: to})
			at = to.Add(time.Second)
		}
		spec, err := cronspec.Parse([]string{"* * * * *"}, "UTC")
		if err != nil {
			rt.Fatal(err)
		}
		terms := misfire.Terms{Rule: misfire.RuleOf(core.MisfirePolicy(o.policy)), Grace: o.grace, Window: o.window}
		r := run(t, simulate.Input{From: clockAt(0, 0), To: clockAt(10, 0), Outages: o.outages, Jobs: []simulate.Job{{Name: "a", Spec: spec, Terms: terms}}})
		if want := 600; len(r.Slots) != want {
			rt.Fatalf("want %d slots, got %d", want, len(r.Slots))
		}
		for _, s := range r.Slots {
			got := string(s.Outcome)
			if !s.Into.IsZero() {
				got += " into " + s.Into.Format("15:04")
			}
			want := o.verdict(s.Nominal)
			seen[fmt.Sprint(o.policy, " ", s.Outcome)]++
			if got != want {
				rt.Fatalf("%s, grace %s, window %s, outages %v: %s: want %s, got %s (%s)", o.policy, o.grace, o.window, o.outages, s.Nominal.Format("15:04"), want, got, s.Reason)
			}
		}
	})
	for _, kind := range []string{"skip skipped", "skip fired", "catchup made-up", "catchup skipped", "compress compressed", "compress made-up"} {
		if seen[kind] == 0 {
			t.Errorf("want slots that are %s, got none: the test shows little", kind)
		}
	}
}
