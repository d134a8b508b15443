package slots_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// tenMinutely fires each ten minutes of the clock in Berlin: at 10:00, 10:10 and so on of UTC,
// until Berlin's clocks move by 45 minutes.
func tenMinutely(policy core.MisfirePolicy) core.Definition {
	d := minutely(policy)
	d.TriggerConfig.CronExpression, d.TriggerConfig.Timezone = core.StringList{"*/10 * * * *"}, "Europe/Berlin"
	return d
}

// newRules gives Berlin the clocks of Kathmandu in record and process, from the world's present
// on: it fires at 10:05, 10:15 and so on.
func (w *world) newRules() {
	w.Helper()
	kathmandu, _ := zonedata.BuiltIn().Data("Asia/Kathmandu")
	w.must(w.store.AdoptZoneRules(w.Context(), []core.ZoneRules{{Zone: "Europe/Berlin", Since: w.clock, Release: "2027a", Data: kathmandu}}))
	release, err := zonedata.BuiltIn().With(map[string][]byte{"Europe/Berlin": kathmandu})
	w.must(err)
	zonedata.Use(release)
	w.Cleanup(func() { zonedata.Use(nil) })
}

func TestSlotsOfThePastKeepTheRulesOfTheirZone(t *testing.T) {
	for _, policy := range []core.MisfirePolicy{core.MisfireSkip, core.MisfireCatchup, core.MisfireCompress} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t, "10:00:30")
			d := tenMinutely(policy)
			w.save(d)
			w.until("10:27", d)
			w.newRules()
			w.until("10:50", d)
			w.settle()
			if got, want := w.firedBetween("10:00", "10:50"), []string{"10:10", "10:20", "10:35", "10:45"}; !slices.Equal(got, want) {
				t.Errorf("ran %v, want %v", got, want)
			}
			w.wantComplete("10:01", "10:49")
		})
	}
}

func TestRulesThatChangeDuringAnOutageDecideFromThenOn(t *testing.T) {
	for policy, want := range map[core.MisfirePolicy][]string{
		core.MisfireSkip: nil, core.MisfireCatchup: {"10:10", "10:20", "10:35", "10:45"}, core.MisfireCompress: {"10:45"},
	} {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t, "10:00:30")
			d := tenMinutely(policy)
			w.save(d)
			w.until("10:05", d)
			w.nothingUntil("10:27")
			w.newRules() // the schedule in Temporal cannot be written: it is out
			w.nothingUntil("10:52")
			w.recover()
			w.until("10:53:30", d)
			w.settle()
			if got := w.firedBetween("10:00", "10:53"); !slices.Equal(got, want) {
				t.Errorf("ran %v, want %v", got, want)
			}
			w.wantComplete("10:01", "10:52")
		})
	}
}

// What Temporal still starts by the old rules runs if it was due before the new ones, and does
// not if it was due after.
func TestAScheduleWithTheOldRulesOfAZoneStartsOnlyWhatWasDueBefore(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := tenMinutely(core.MisfireSkip)
	w.save(d)
	w.until("10:15", d)
	w.nothingUntil("10:20:20")
	w.newRules()
	w.native(d.ID, at("10:20")) // late, and named by the rules of its time
	w.clock = at("10:30")
	w.native(d.ID, at("10:30")) // by the old rules, after the new ones
	if got, want := w.firedBetween("10:00", "10:31"), []string{"10:10", "10:20"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	e, err := w.store.LedgerEntry(t.Context(), d.ID, core.CronCause(at("10:30")).Key())
	w.must(err)
	if e.Verdict != core.VerdictSkipped || !strings.Contains(e.Reason, "no version of the definition names") {
		t.Errorf("10:30: %s, %q; want skipped because nothing names it", e.Verdict, e.Reason)
	}
}

// A schedule is rewritten because the rules of its zone have changed, as a slot by the old ones
// is due and not started.
func TestASlotThatIsDueAsNewRulesOfItsZoneReachTheScheduleIsStarted(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := tenMinutely(core.MisfireSkip)
	w.save(d)
	w.until("10:15", d)
	w.nothingUntil("10:20:00")
	w.clock = w.clock.Add(200 * time.Millisecond)
	w.newRules()
	after, err := w.watchdog.BeforeWrite(t.Context(), d.ID)
	w.must(err)
	w.must(after(t.Context()))
	w.until("10:40", d)
	w.settle()
	if got, want := w.firedBetween("10:00", "10:39"), []string{"10:10", "10:20", "10:25", "10:35"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantComplete("10:01", "10:39")
}

// The new rules name no time between the last look and the end of the grace; the old ones did.
func TestASlotThatOnlyTheOldRulesNameIsNotPassedOver(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := tenMinutely(core.MisfireCatchup)
	d.TriggerConfig.CronExpression = core.StringList{"20 * * * *"} // 10:20 by the old rules, 10:35 by the new ones
	w.save(d)
	w.until("10:18", d)
	w.settle()
	w.nothingUntil("10:21") // nobody starts 10:20
	w.newRules()
	w.clock = at("10:24")
	w.recover()
	w.settle()
	if got, want := w.firedBetween("10:00", "10:30"), []string{"10:20"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantComplete("10:01", "10:22")
}

func TestABackfillNamesTimesByTheRulesOfTheirDay(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := tenMinutely(core.MisfireSkip)
	row := w.save(d)
	w.until("10:15", d)
	w.nothingUntil("10:27")
	w.newRules()
	w.clock = at("10:50")
	filler := &slots.Backfiller{Record: w.store, Starter: w, Now: func() time.Time { return w.clock }, Sleep: func(ctx context.Context, d time.Duration) error {
		w.clock = w.clock.Add(d)
		return ctx.Err()
	}}
	_, err := filler.Backfill(t.Context(), row, slots.NewBackfill(at("10:01"), at("10:49")))
	w.must(err)
	if got, want := w.firedBetween("10:00", "10:49"), []string{"10:10", "10:20", "10:35", "10:45"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}
