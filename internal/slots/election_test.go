package slots_test

import (
	"context"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// TestReplicasThatSeeDifferentGapsCompressThemIntoOneRun lets a second watchdog, two minutes
// later, decide from what it saw before the first one wrote.
func TestReplicasThatSeeDifferentGapsCompressThemIntoOneRun(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCompress)
	d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
	w.save(d)
	w.until("10:05:10", d)
	w.replace()
	w.nothingUntil("10:13:10") // no outage recorded: each replica sees as many missing slots as its clock says
	w.next = at("10:16")       // the schedule is there, so the gap is over
	stale := &lateRecord{Record: w.store}
	second := slots.NewWatchdog(slots.Config{Record: stale, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock.Add(2 * time.Minute) }})
	stale.beforeCauses = func() { w.tick() } // the first replica does everything just before the second writes
	if _, err := second.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.firedBetween("10:06", "10:15"); len(got) != 1 {
		t.Errorf("ran %v, want one for all", got)
	}
	w.nothingUntil("10:15:05")
	w.wantComplete("10:01", "10:13:30")
}

// staleWorld has slots 10:04 to 10:10, every two minutes, missed under compress with no outage
// recorded, and a replica that looks two minutes later than the others: it alone sees that
// 10:10 is missing, too.
func staleWorld(t *testing.T) (w *world, d core.Definition, stale *lateRecord, late *slots.Watchdog) {
	t.Helper()
	w = newWorld(t, "10:00:30")
	d = minutely(core.MisfireCompress)
	d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
	w.save(d)
	w.until("10:03:10", d)
	w.nothingUntil("10:09:10")
	w.next = at("10:12") // the schedule is there, so the gap is over
	stale = &lateRecord{Record: w.store}
	late = slots.NewWatchdog(slots.Config{Record: stale, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock.Add(2 * time.Minute) }})
	return w, d, stale, late
}

// elect records a slot as a make-up, as a replica does that is about to start it.
func (w *world) elect(id, slot string) {
	w.Helper()
	_, err := w.store.RecordCauses(w.Context(), []core.CauseRecord{{
		ActivityID: id, ActivityName: "elected", DefinitionVersion: 1, Cause: core.CronCause(at(slot)), MakeUp: true,
	}}, w.clock)
	w.must(err)
}

// compressInto settles a slot as compressed into another.
func (w *world) compressInto(id, slot, into string) {
	w.Helper()
	_, err := w.store.Settle(w.Context(), []core.Settlement{{
		ActivityID: id, ActivityName: "elected", DefinitionVersion: 1, Cause: core.CronCause(at(slot)),
		Verdict: core.VerdictCompressed, Into: core.CronCause(at(into)).Key(), Reason: "missed",
	}}, w.clock)
	w.must(err)
}

func TestARivalThatBeginsWhileItIsVotedOutStandsForAll(t *testing.T) {
	for name, begin := range map[string]func(w *world, id string){
		"it runs": func(w *world, id string) { w.native(id, at("10:08")) },
		"it waits for a worker": func(w *world, id string) {
			w.must(w.store.ConfirmStarts(w.Context(), []core.Start{{ActivityID: id, CauseKey: core.CronCause(at("10:08")).Key()}}, w.clock))
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, d, stale, late := staleWorld(t)
			stale.beforeCauses = func() { w.elect(d.ID, "10:08") }
			stale.beforeSettle = func() { begin(w, d.ID) }
			_, err := late.Tick(t.Context())
			w.must(err)
			if got := w.firedBetween("10:10", "10:10"); len(got) > 0 {
				t.Errorf("ran %v beside 10:08, which had begun", got)
			}
			for _, slot := range []string{"10:04", "10:06", "10:10"} {
				w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:08"})
			}
		})
	}
}

func TestARivalThatIsStartedAndWaitsForAWorkerStandsForAll(t *testing.T) {
	w, d, stale, late := staleWorld(t)
	stale.beforeCauses = func() {
		w.elect(d.ID, "10:08")
		w.must(w.store.ConfirmStarts(t.Context(), []core.Start{{ActivityID: d.ID, CauseKey: core.CronCause(at("10:08")).Key()}}, w.clock))
	}
	_, err := late.Tick(t.Context())
	w.must(err)
	if got := w.firedBetween("10:04", "10:10"); len(got) != 0 {
		t.Errorf("ran %v beside 10:08, which is started", got)
	}
	for _, slot := range []string{"10:04", "10:06", "10:10"} {
		w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:08"})
	}
}

func TestAReplicaWhoseChoiceWasVotedOutJoinsTheChosenRun(t *testing.T) {
	w, d, stale, late := staleWorld(t)
	stale.beforeCauses = func() { // another one saw 10:12, too, and died before it settled the rest
		w.elect(d.ID, "10:10")
		w.elect(d.ID, "10:12")
		w.compressInto(d.ID, "10:10", "10:12")
	}
	_, err := late.Tick(t.Context())
	w.must(err)
	for _, slot := range []string{"10:04", "10:06", "10:08", "10:10"} {
		w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:12"})
	}
	w.wantVerdicts(d.ID, span{"10:12", "10:12", "pending"})
}

func TestTheRestOfAGapJoinsTheRunThatItsElectedSlotWasCompressedInto(t *testing.T) {
	w, d, _, late := staleWorld(t)
	w.elect(d.ID, "10:08")
	w.elect(d.ID, "10:10")
	w.compressInto(d.ID, "10:08", "10:10") // and both replicas died
	w.clock = w.clock.Add(time.Minute)
	for range 3 {
		_, err := late.Tick(t.Context())
		w.must(err)
	}
	if got := w.firedBetween("10:04", "10:10"); !slices.Equal(got, []string{"10:10"}) {
		t.Errorf("ran %v, want 10:10 alone", got)
	}
	for _, slot := range []string{"10:04", "10:06", "10:08"} {
		w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:10"})
	}
}

func TestAnElectionLooksNoFurtherThanTheGap(t *testing.T) {
	for verdict, between := range map[string]func(w *world, id string){
		"a run on time": func(w *world, id string) {
			clock := w.clock
			w.clock = at("10:10")
			w.native(id, at("10:10"))
			w.clock = clock
		},
		"a verdict of its own": func(w *world, id string) {
			_, err := w.store.Settle(w.Context(), []core.Settlement{{
				ActivityID: id, ActivityName: "d", DefinitionVersion: 1, Cause: core.CronCause(at("10:10")), Verdict: core.VerdictLost, Reason: "restored",
			}}, w.clock)
			w.must(err)
		},
	} {
		t.Run(verdict, func(t *testing.T) {
			w, d, stale, late := staleWorld(t)
			stale.beforeCauses = func() { w.elect(d.ID, "10:12") } // of the gap that follows
			between(w, d.ID)
			_, err := late.Tick(t.Context())
			w.must(err)
			w.wantVerdicts(d.ID, span{"10:12", "10:12", "pending"})
			for _, slot := range []string{"10:04", "10:06"} {
				w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:08"})
			}
		})
	}
}

func TestAnElectionLooksBeyondSlotsOfTheSameGap(t *testing.T) {
	for verdict, between := range map[string]func(w *world, id string){
		"compressed": func(w *world, id string) { w.compressInto(id, "10:10", "10:12") },
		"paused": func(w *world, id string) {
			_, err := w.store.Settle(w.Context(), []core.Settlement{{
				ActivityID: id, ActivityName: "d", DefinitionVersion: 1, Cause: core.CronCause(at("10:10")), Verdict: core.VerdictPaused, Reason: "paused",
			}}, w.clock)
			w.must(err)
		},
	} {
		t.Run(verdict, func(t *testing.T) {
			w, d, stale, late := staleWorld(t)
			stale.beforeCauses = func() { w.elect(d.ID, "10:12") }
			between(w, d.ID)
			_, err := late.Tick(t.Context())
			w.must(err)
			for _, slot := range []string{"10:04", "10:06", "10:08"} {
				w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:12"})
			}
		})
	}
}

func TestARunOnTimeThatAStaleReplicaMissedStandsForNothing(t *testing.T) {
	w, d, stale, late := staleWorld(t)
	stale.beforeCauses = func() {
		clock := w.clock
		w.clock = at("10:06")
		w.native(d.ID, at("10:06"))
		w.clock = clock
		w.elect(d.ID, "10:12")
	}
	_, err := late.Tick(t.Context())
	w.must(err)
	w.wantVerdicts(d.ID, span{"10:06", "10:06", "fired"})
	for _, slot := range []string{"10:04", "10:08", "10:10"} {
		w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:12"})
	}
}

func TestAnElectionFindsARivalHoweverMuchHasHappenedSince(t *testing.T) {
	w, d, stale, late := staleWorld(t)
	stale.beforeCauses = func() { w.elect(d.ID, "10:12") }
	since := make([]core.Settlement, 0, 1100)
	for i := range cap(since) {
		since = append(since, core.Settlement{
			ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Verdict: core.VerdictLost, Reason: "restored",
			Cause: core.CronCause(at("11:00").Add(time.Duration(i) * 2 * time.Minute)),
		})
	}
	_, err := w.store.Settle(t.Context(), since, w.clock)
	w.must(err)
	_, err = late.Tick(t.Context())
	w.must(err)
	for _, slot := range []string{"10:04", "10:06", "10:08", "10:10"} {
		w.wantVerdicts(d.ID, span{slot, slot, "compressed into 10:12"})
	}
}

// lateRecord runs something before the first cause is recorded, and before the first verdict is.
type lateRecord struct {
	slots.Record
	beforeCauses, beforeSettle func()
}

func (l *lateRecord) RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error) {
	if before := l.beforeCauses; before != nil {
		l.beforeCauses = nil
		before()
	}
	return l.Record.RecordCauses(ctx, recs, at)
}

func (l *lateRecord) Settle(ctx context.Context, s []core.Settlement, at time.Time) ([]core.LedgerEntry, error) {
	if before := l.beforeSettle; before != nil {
		l.beforeSettle = nil
		before()
	}
	return l.Record.Settle(ctx, s, at)
}
