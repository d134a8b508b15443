package slots_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

var policies = []core.MisfirePolicy{core.MisfireSkip, core.MisfireCatchup, core.MisfireCompress}

// nativeAfter is which of the twelve missed slots 10:06 to 10:17 Temporal itself starts after
// an outage, by overlap policy.
var nativeAfter = map[core.MisfirePolicy][]string{
	core.MisfireSkip:     {"10:06"},
	core.MisfireCompress: {"10:06", "10:07"},
	core.MisfireCatchup:  minutesBetween("10:06", "10:17"),
}

// wantAfterTwelveMissed is promise 4 of the design for the slots 10:06 to 10:17.
func wantAfterTwelveMissed(w *world, d core.Definition) {
	w.Helper()
	spans := map[core.MisfirePolicy][]span{
		core.MisfireSkip:     {{"10:01", "10:05", "fired"}, {"10:06", "10:17", "skipped"}, {"10:18", "10:20", "fired"}},
		core.MisfireCatchup:  {{"10:01", "10:20", "fired"}},
		core.MisfireCompress: {{"10:01", "10:05", "fired"}, {"10:06", "10:16", "compressed into 10:17"}, {"10:17", "10:20", "fired"}},
	}
	ran := map[core.MisfirePolicy][]string{
		core.MisfireSkip:     nil,
		core.MisfireCatchup:  minutesBetween("10:06", "10:17"),
		core.MisfireCompress: {"10:17"},
	}
	policy := d.TriggerConfig.MisfirePolicy
	w.wantVerdicts(d.ID, spans[policy]...)
	if got := w.firedBetween("10:06", "10:17"); !slices.Equal(got, ran[policy]) {
		w.Errorf("made up %v, want %v", got, ran[policy])
	}
	w.wantComplete("10:01", "10:20:30")
}

// briefGrace is shorter than the time from the last missed slot to the end of the outages here,
// so that all are missed.
const briefGrace = core.Duration(10 * time.Second)

func eachPolicy(t *testing.T, test func(t *testing.T, w *world, d core.Definition)) {
	t.Helper()
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			w := newWorld(t, "10:00:30")
			d := minutely(policy)
			d.TriggerConfig.MisfireGrace = briefGrace
			w.save(d)
			w.must(w.beat.Start(t.Context()))
			w.must(w.beat.Stop(t.Context()))
			test(t, w, d)
		})
	}
}

func TestOutageOfEverything(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:17:20")
		w.recover()
		for _, slot := range nativeAfter[d.TriggerConfig.MisfirePolicy] {
			w.native(d.ID, at(slot))
		}
		w.until("10:22", d)
		w.settle()
		wantAfterTwelveMissed(w, d)
	})
}

func TestOutageWhoseEndARunNoticesBeforeTheHeartbeat(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:17:20")
		for _, slot := range nativeAfter[d.TriggerConfig.MisfirePolicy] {
			w.native(d.ID, at(slot))
		}
		w.until("10:22", d)
		w.settle()
		wantAfterTwelveMissed(w, d)
	})
}

func TestScheduleDeletedByHand(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.withoutScheduleUntil("10:17:20")
		w.until("10:22", d)
		w.settle()
		wantAfterTwelveMissed(w, d)
	})
}

func TestScheduleMissingWhileTheProcessLives(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		for clock := at("10:05:20"); clock.Before(at("10:17:20")); clock = clock.Add(10 * time.Second) {
			w.withoutScheduleUntil(clock.Format("15:04:05"))
			w.tick() // the watchdog sees each slot go by
		}
		w.next = at("10:18") // reconciliation mends the schedule
		w.until("10:22", d)
		w.next = at("10:23")
		w.settle()
		wantAfterTwelveMissed(w, d)
	})
}

func TestScheduleMendedWhileItsLatestSlotIsWithinTheGrace(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		for clock := at("10:05:20"); clock.Before(at("10:17:20")); clock = clock.Add(10 * time.Second) {
			w.withoutScheduleUntil(clock.Format("15:04:05"))
			w.tick()
		}
		w.next = at("10:18") // mended, and 10:17 is neither started nor judged yet
		w.tick()
		w.until("10:18:10", d)
		w.next = at("10:19")
		w.tick()
		w.until("10:22", d)
		w.next = at("10:23")
		w.settle()
		wantAfterTwelveMissed(w, d)
	})
}

func TestCompressDoesNotWaitForEverForAMissingSchedule(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCompress)
	d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
	w.save(d)
	w.until("10:05:10", d)
	for clock := at("10:06:10"); clock.Before(at("12:30")); clock = clock.Add(time.Minute) {
		w.withoutScheduleUntil(clock.Format("15:04:05"))
		w.tick()
	}
	if got, want := w.firedBetween("10:06", "12:30"), []string{"11:04", "12:04"}; !slices.Equal(got, want) {
		t.Errorf("made up %v, want %v: one an hour", got, want)
	}
}

func TestRecordRestoredFromABackup(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.until("10:02:10", d)
	// What Temporal ran while the record was a later one: it has the executions, the record knows
	// nothing.
	for _, slot := range []string{"10:03", "10:04"} {
		w.executions[core.WorkflowID(d.ID, core.CronCause(at(slot)))] = core.SlotClosed
	}
	w.nothingUntil("10:06:10")
	w.recover()
	w.until("10:10", d)
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:02", "fired"}, span{"10:03", "10:04", "lost"}, span{"10:05", "10:08", "fired"})
	w.wantComplete("10:01", "10:08:30")
}

func TestBeingLateUnderLoadNeverSkipsARun(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		// The process lives, Temporal is busy: 10:06 comes three minutes late, through the
		// schedule's backlog.
		w.next = at("10:06")
		w.withoutScheduleUntil("10:09:00")
		if r := w.tick(); len(r.Settled) != 0 || r.Started != 0 || r.Waiting == 0 {
			w.Errorf("a slot that the schedule still holds was judged: %+v", r)
		}
		w.native(d.ID, at("10:06"))
		w.wantVerdicts(d.ID, span{"10:01", "10:06", "fired"})
	})
}

func TestAScheduleThatOnlyPromisesIsNotBelievedForEver(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.until("10:05:10", d)
	w.next = at("10:06") // it died, and its description says that all is well
	w.withoutScheduleUntil("10:17:10")
	w.tick()
	if got := w.firedBetween("10:06", "10:17"); !slices.Equal(got, []string{"10:06", "10:07"}) {
		w.Errorf("started %v, want those that have waited for more than ten minutes", got)
	}
}

func TestCatchupLeavesOutWhatIsOutsideTheWindow(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	d.TriggerConfig.CatchupWindow = core.Duration(5 * time.Minute)
	w.save(d)
	w.until("10:05:10", d)
	w.nothingUntil("10:17:20")
	w.recover()
	w.native(d.ID, at("10:06")) // Temporal's own window is generous: admission refuses
	w.until("10:18:30", d)
	w.settle()
	if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:13", "10:17"); !slices.Equal(got, want) {
		t.Errorf("made up %v, want %v", got, want)
	}
	page, err := w.store.LedgerEntries(t.Context(), core.LedgerFilter{ActivityID: d.ID, Since: at("10:06"), Until: at("10:13")}, core.PageRequest{Limit: 100})
	w.must(err)
	for _, e := range page.Items {
		if e.Verdict != core.VerdictSkipped || !strings.Contains(e.Reason, "window") {
			t.Errorf("%s: %s, %q; want skipped because of the window", e.CauseKey, e.Verdict, e.Reason)
		}
	}
	w.wantComplete("10:01", "10:17:20")
}

func TestWithinTheGraceASlotInAnOutageStillRuns(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	w.save(d)
	w.until("10:05:10", d)
	w.nothingUntil("10:06:40")
	w.recover()
	w.native(d.ID, at("10:06"))
	w.wantVerdicts(d.ID, span{"10:01", "10:06", "fired"})
}

func TestOverlapIsSettledAsSuch(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	w.save(d)
	w.until("10:04:30", d)
	w.slow = true
	w.until("10:05:10", d) // the run of 10:05 goes on until 10:08:30; Temporal skips 10:06 to 10:08
	w.withoutScheduleUntil("10:08:30")
	w.endRuns()
	w.slow = false
	w.until("10:12", d)
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:08", "skipped"}, span{"10:09", "10:10", "fired"})
	e, err := w.store.LedgerEntry(t.Context(), d.ID, core.CronCause(at("10:07")).Key())
	w.must(err)
	if !strings.Contains(e.Reason, "overlap") {
		t.Errorf("reason %q, want overlap", e.Reason)
	}
}

func TestOverlapUnderCompressGoesIntoTheRunThatFollows(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCompress)
	w.save(d)
	w.until("10:04:30", d)
	w.slow = true
	w.until("10:05:10", d)
	w.withoutScheduleUntil("10:08:30")
	w.endRuns()
	w.slow = false
	w.native(d.ID, at("10:06")) // the one that Temporal buffered
	w.until("10:12", d)
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:06", "fired"}, span{"10:07", "10:08", "compressed into 10:06"}, span{"10:09", "10:10", "fired"})
}

func TestADeletedDefinitionIsAccountedForUntilItsDeletion(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.until("10:05:10", d)
	w.nothingUntil("10:08:30")
	w.delete(d)
	w.nothingUntil("10:20")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:08", "skipped"})
}

func TestADefinitionThatIsCreatedAgainMakesNothingUpOfWhatItMissedBeforeItsDeletion(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.settle()
		w.nothingUntil("10:08:30")
		w.delete(d)
		w.nothingUntil("10:10:30")
		w.save(d)
		w.nothingUntil("10:14:10")
		w.recover()
		w.until("10:18", d)
		w.settle()
		of := map[core.MisfirePolicy]string{
			core.MisfireSkip: "skipped", core.MisfireCatchup: "fired", core.MisfireCompress: "compressed into 10:14",
		}
		w.wantVerdicts(d.ID, span{"10:06", "10:08", "skipped"})
		w.wantVerdicts(d.ID, span{"10:11", "10:13", of[d.TriggerConfig.MisfirePolicy]}, span{"10:14", "10:16", "fired"})
		w.wantComplete("10:01", "10:16:30")
	})
}

// The watchdogs died before they had saved how far the definition is accounted for: nothing but
// its versions tells when it began.
func TestADefinitionThatIsCreatedAgainBeforeAnyWatchdogSawItLeavesNoSlotWithoutAVerdict(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:02:10", d)
		w.nothingUntil("10:04:30")
		w.delete(d)
		w.nothingUntil("10:06:30")
		w.save(d)
		w.nothingUntil("10:08:30")
		w.delete(d)
		w.nothingUntil("10:10:30")
		w.save(d)
		w.recover()
		w.until("10:14", d)
		w.settle()
		w.wantVerdicts(d.ID, span{"10:01", "10:02", "fired"}, span{"10:03", "10:04", "skipped"}, span{"10:07", "10:08", "skipped"}, span{"10:11", "10:12", "fired"})
		w.wantComplete("10:01", "10:12:30")
	})
}

// Its schedule is deleted and its tombstone purged at once; then the worker restarts before its
// next tick.
func TestADeletedDefinitionWhoseScheduleIsGoneIsStillAccountedFor(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	row := w.save(d)
	w.until("10:05:10", d)
	w.nothingUntil("10:08:30")
	w.delete(d)
	w.must(w.store.PurgeTombstone(t.Context(), d.ID, row.Version))
	w.nothingUntil("10:20")
	check := func(id string) slots.CheckReport {
		r, err := slots.NewChecker(w.store).Check(t.Context(), id, at("10:00"), at("10:20"))
		w.must(err)
		return r
	}
	for _, id := range []string{"", d.ID} {
		if r := check(id); r.OK() || r.Expected != 8 || r.MissingCount != 3 || r.Missing[0].ActivityName != d.Name {
			t.Errorf("definition %q before the watchdog came: %+v, want 3 of 8 missing", id, r)
		}
	}
	w.replace()
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:08", "skipped"})
	for _, id := range []string{"", d.ID} {
		if r := check(id); !r.OK() || r.Expected != 8 || r.Accounted != 8 {
			t.Errorf("definition %q after it: %+v, want 8 accounted for", id, r)
		}
	}
	if r, err := slots.NewChecker(w.store).Check(t.Context(), d.ID, at("10:10"), at("10:20")); err != nil || r.Expected != 0 {
		t.Errorf("after its deletion: %+v, %v; want nothing expected", r, err)
	}
	if _, err := slots.NewChecker(w.store).Check(t.Context(), core.DefinitionID("unheard-of"), at("10:10"), at("10:20")); !core.IsCode(err, core.CodeNotFound) {
		t.Errorf("a definition that never was: %v, want not found", err)
	}
}

func TestTwoReplicasMakeUpEachSlotOnce(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:17:20")
		w.recover()
		w.until("10:22", d)
		second := w.newWatchdog()
		for range 20 {
			w.tick()
			if _, err := second.Tick(w.Context()); err != nil {
				w.Fatal(err)
			}
		}
		wantAfterTwelveMissed(w, d)
	})
}

func TestAGapOfADayIsWorkedOffInBoundedTicks(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCompress)
	w.save(d)
	w.until("10:01:10", d)
	w.clock = at("10:01:10").Add(24 * time.Hour)
	w.replace()                     // without recording the outage: the hardest case for "exactly one"
	w.next = w.clock.Add(time.Hour) // the schedule is there
	w.native(d.ID, at("10:01").Add(24*time.Hour))
	for range 60 {
		w.tick()
		w.clock = w.clock.Add(10 * time.Second)
	}
	var late int
	for _, f := range w.fired {
		if f.After(at("10:01")) && f.Before(at("09:59").Add(24*time.Hour)) {
			late++
		}
	}
	if late != 0 {
		t.Errorf("%d slots of the day ran beside the latest", late)
	}
	report := map[core.Verdict]int{}
	for page := (core.PageRequest{Limit: 1000}); ; {
		entries, err := w.store.LedgerEntries(t.Context(), core.LedgerFilter{ActivityID: d.ID, Since: at("10:02"), Until: at("10:00").Add(24 * time.Hour)}, page)
		w.must(err)
		for _, e := range entries.Items {
			report[e.Verdict]++
		}
		if page.Cursor = entries.NextCursor; page.Cursor == "" {
			break
		}
	}
	if report[core.VerdictCompressed] != 24*60-2 || len(report) != 1 {
		t.Errorf("verdicts %v, want 1438 compressed", report)
	}
}
