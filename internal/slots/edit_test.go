package slots_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

func TestEditDuringAnOutageKeepsTheOldSpecUntilTheEdit(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:10:30")
		edited := d
		edited.TriggerConfig.CronExpression = core.StringList{"*/5 * * * *"}
		w.save(edited) // the schedule in Temporal cannot be written: it is out
		w.nothingUntil("10:21:10")
		w.recover()
		w.until("10:26:30", edited)
		w.settle()
		// Missed: each minute 10:06 to 10:10 by the old version, 10:15 and 10:20 by the new one.
		missed := append(minutesBetween("10:06", "10:10"), "10:15", "10:20")
		want := map[core.MisfirePolicy][]string{
			core.MisfireSkip: nil, core.MisfireCatchup: missed, core.MisfireCompress: {"10:20"},
		}
		if got := w.firedBetween("10:06", "10:20"); !slices.Equal(got, want[d.TriggerConfig.MisfirePolicy]) {
			w.Errorf("made up %v, want %v", got, want[d.TriggerConfig.MisfirePolicy])
		}
		if got := len(w.verdicts(d.ID, "10:06", "10:21")); got != len(missed) {
			w.Errorf("%d rows for %d expected slots: %v", got, len(missed), w.verdicts(d.ID, "10:06", "10:21"))
		}
		w.wantComplete("10:01", "10:25")
	})
}

// Temporal comes back with the schedule of the version before the edit, and works through its
// backlog.
func TestAScheduleOfAnOlderVersionStartsNothingThatTheDefinitionNoLongerNames(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:10:30")
		edited := d
		edited.TriggerConfig.CronExpression = core.StringList{"*/5 * * * *"}
		w.save(edited)
		w.nothingUntil("10:21:10")
		w.recover()
		for _, slot := range minutesBetween("10:06", "10:21") {
			w.native(d.ID, at(slot))
		}
		w.until("10:26:30", edited)
		w.settle()
		missed := append(minutesBetween("10:06", "10:10"), "10:15", "10:20")
		want := map[core.MisfirePolicy][]string{
			core.MisfireSkip: nil, core.MisfireCatchup: missed, core.MisfireCompress: {"10:20"},
		}
		if got := w.firedBetween("10:06", "10:24"); !slices.Equal(got, want[d.TriggerConfig.MisfirePolicy]) {
			w.Errorf("ran %v, want %v", got, want[d.TriggerConfig.MisfirePolicy])
		}
		e, err := w.store.LedgerEntry(t.Context(), d.ID, core.CronCause(at("10:21")).Key())
		w.must(err)
		if e.Verdict != core.VerdictSkipped || !strings.Contains(e.Reason, "no version of the definition names") {
			t.Errorf("10:21: %s, %q; want skipped because no version names it", e.Verdict, e.Reason)
		}
		w.wantComplete("10:01", "10:25")
	})
}

// The slots before the edit keep their verdicts, also if no process of now has ever seen the
// definition as one that fires by cron.
func TestTurningIntoAnEventDefinitionDuringAnOutageLeavesNoSlotWithoutAVerdict(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.settle()
		w.nothingUntil("10:08:30")
		turned := d
		turned.TriggerType, turned.TriggerConfig = core.TriggerEvent, core.TriggerConfig{EventType: core.StringList{"x"}}
		w.save(turned)
		w.nothingUntil("10:12")
		w.recover()
		w.settle()
		w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:08", "skipped"})
		w.wantComplete("10:01", "10:12")
		w.save(d) // and back
		w.until("10:16", d)
		w.settle()
		w.wantVerdicts(d.ID, span{"10:13", "10:14", "fired"})
		w.wantComplete("10:01", "10:14:30")
	})
}

func TestABackfillOfATimeThatNoOldVersionNamesRuns(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	d.TriggerConfig.CronExpression = core.StringList{"*/5 * * * *"}
	w.save(d)
	w.until("10:10:30", d)
	d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
	row := w.save(d)
	filler := &slots.Backfiller{Record: w.store, Starter: w, Now: func() time.Time { return w.clock }, Sleep: func(ctx context.Context, d time.Duration) error {
		w.clock = w.clock.Add(d)
		return ctx.Err()
	}}
	_, err := filler.Backfill(t.Context(), row, slots.NewBackfill(at("10:01"), at("10:09")))
	w.must(err)
	if got, want := w.firedBetween("10:01", "10:09"), []string{"10:05", "10:02", "10:04", "10:06", "10:08"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantComplete("10:01", "10:10") // what was asked for by hand is no fault of the ledger
}

func TestEditAsASlotFallsDueStartsIt(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		// 10:06 is due and not yet started when the schedule is replaced, which makes Temporal
		// forget it.
		w.nothingUntil("10:06:00")
		edited := d
		edited.TriggerConfig.CronExpression = core.StringList{"30 * * * *"}
		w.clock = w.clock.Add(200 * time.Millisecond)
		w.save(edited)
		after, err := w.watchdog.BeforeWrite(t.Context(), d.ID)
		w.must(err)
		w.must(after(t.Context()))
		w.must(after(t.Context())) // repeated after a crash: no second run
		w.wantVerdicts(d.ID, span{"10:01", "10:06", "fired"})
		w.until("10:33", edited)
		w.settle()
		w.wantComplete("10:01", "10:31")
	})
}

func TestASlotBetweenSavingAndTheNewScheduleIsStarted(t *testing.T) {
	w := newWorld(t, "10:04:59")
	d := minutely(core.MisfireSkip)
	w.clock = w.clock.Add(900 * time.Millisecond)
	w.save(d)
	after, err := w.watchdog.BeforeWrite(t.Context(), d.ID)
	w.must(err)
	w.clock = w.clock.Add(300 * time.Millisecond) // Temporal's schedule begins at 10:05:00.2
	w.must(after(t.Context()))
	w.wantVerdicts(d.ID, span{"10:05", "10:05", "fired"})
}
