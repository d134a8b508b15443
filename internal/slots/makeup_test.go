package slots_test

import (
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// Make-ups, and those whose start was lost; and what a write of the schedule starts.

func TestMakeUpsRunOneAtATime(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.until("10:02:10", d)
	w.nothingUntil("10:06:10")
	w.slow = true
	w.wantTick(1, 2)
	w.wantTick(0, 2) // 10:03 goes on
	w.endRuns()
	w.wantTick(1, 1)
	w.endRuns()
	w.slow = false
	w.settle()
	if got, want := w.firedBetween("10:03", "10:05"), minutesBetween("10:03", "10:05"); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantComplete("10:01", "10:05:10")
}

func TestAMakeUpWaitsForARunOnTimeThatIsOpen(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:03:10")
	w.slow = true
	w.native(d.ID, at("10:03"))
	w.wantTick(0, 2)
	w.endRuns()
	w.slow = false
	w.wantTick(2, 0)
}

func TestAMakeUpWaitsForOneThatWaitsForAWorker(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:01:10")
	w.elect(d.ID, "10:01")
	w.must(w.store.ConfirmStarts(t.Context(), []core.Start{{ActivityID: d.ID, CauseKey: core.CronCause(at("10:01")).Key()}}, w.clock))
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:01")))] = core.SlotOpen
	w.nothingUntil("10:03:10")
	w.tick()
	if len(w.fired) != 0 {
		t.Errorf("%v ran before 10:01, which is started and waits for a worker", w.fired)
	}
}

func TestLostMakeUpsAreStartedByTimeAndCountedOnce(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:04:10")
	w.elect(d.ID, "10:03") // the record knows it longer than the other
	w.clock = w.clock.Add(time.Second)
	w.elect(d.ID, "10:01")
	_, err := w.store.RecordCauses(t.Context(), []core.CauseRecord{{
		ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Cause: core.EventCause("e"), Event: &core.Event{EventID: "e", Type: "t", Source: "s", Time: w.clock},
	}}, w.clock)
	w.must(err) // another kind of cause, which is the sweeper's
	w.clock = w.clock.Add(40 * time.Second)
	w.wantTick(3, 0)
	if got, want := w.firedBetween("10:01", "10:04"), minutesBetween("10:01", "10:03"); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}

func TestALostMakeUpAloneMovesNoMark(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:01:05")
	w.elect(d.ID, "10:01")
	w.nothingUntil("10:01:40") // the grace of 10:01 goes on
	w.wantTick(1, 0)
	w.nothingUntil("10:05:10")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:04", "fired"})
	w.wantComplete("10:01", "10:04:30")
}

func TestALostMakeUpIsNotStartedBeforeASlotThatTemporalMayStillStart(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:04:10")
	w.elect(d.ID, "10:03")
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:02")))] = core.SlotOpen
	w.clock = w.clock.Add(40 * time.Second)
	w.wantTick(1, 1)
	if got := w.firedBetween("10:01", "10:04"); !slices.Equal(got, []string{"10:01"}) {
		t.Errorf("ran %v, want 10:01: 10:02 comes before 10:03", got)
	}
}

func TestASlotThatIsSettledWhileAReplicaIsAboutToStartItCountsAsNotStarted(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:02:10", d)
	w.nothingUntil("10:05:20")
	w.recover()
	w.withoutScheduleUntil("10:06:30")
	stale := &lateRecord{Record: w.store, beforeSettle: func() { w.native(d.ID, at("10:05")) }}
	late := slots.NewWatchdog(slots.Config{Record: stale, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock }})
	r, err := late.Tick(t.Context())
	if w.must(err); r.Started != 0 {
		t.Errorf("%d counted as started, want none: Temporal was quicker", r.Started)
	}
	w.wantVerdicts(d.ID, span{"10:03", "10:04", "compressed into 10:05"}, span{"10:05", "10:05", "fired"})
}

func TestAnOpenRunHidesBehindMakeUpsThatWereLost(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.nothingUntil("10:01:10")
	w.elect(d.ID, "10:01")
	w.nothingUntil("10:02:05")
	w.elect(d.ID, "10:02") // lost by the time of the question
	w.nothingUntil("10:02:50")
	w.must(w.store.ConfirmStarts(t.Context(), []core.Start{{ActivityID: d.ID, CauseKey: core.CronCause(at("10:01")).Key()}}, w.clock))
	w.nothingUntil("10:03:00")
	after, err := w.watchdog.BeforeWrite(t.Context(), d.ID)
	w.must(err)
	w.must(after(t.Context()))
	if len(w.fired) != 0 {
		t.Errorf("%v ran beside 10:01", w.fired)
	}
}

func TestTheRunsOfTwoGapsThatOneTickElectsDoNotWaitForEachOther(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:02:10", d)
	w.withoutScheduleUntil("10:04:30")
	w.until("10:05:30", d)
	w.withoutScheduleUntil("10:07:30")
	w.next = at("10:08")
	w.until("10:09:30", d)
	w.next = at("10:10")
	w.wantTick(2, 0)
	w.wantVerdicts(d.ID, span{"10:03", "10:03", "compressed into 10:04"}, span{"10:04", "10:05", "fired"},
		span{"10:06", "10:06", "compressed into 10:07"}, span{"10:07", "10:08", "fired"})
	if got, want := w.firedBetween("10:03", "10:07"), []string{"10:05", "10:04", "10:07"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}

func TestALostMakeUpIsStartedBeforeASlotThatTemporalMayStillStart(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:04:10")
	w.elect(d.ID, "10:01")
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:02")))] = core.SlotOpen
	w.clock = w.clock.Add(40 * time.Second)
	w.wantTick(1, 2)
	if got := w.firedBetween("10:01", "10:04"); !slices.Equal(got, []string{"10:01"}) {
		t.Errorf("ran %v, want 10:01", got)
	}
}

func TestAMakeUpOfADeletedDefinitionThatHasItsExecutionIsLeftToAdmission(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:02:10")
	w.elect(d.ID, "10:01")
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:01")))] = core.SlotOpen
	w.delete(d)
	w.nothingUntil("10:04")
	w.tick()
	w.wantVerdicts(d.ID, span{"10:01", "10:01", "pending"}, span{"10:02", "10:02", "skipped"})
}

func TestNoMakeUpOfADeletedDefinitionIsStarted(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:03:10")
	w.elect(d.ID, "10:02")
	w.delete(d)
	w.nothingUntil("10:05")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:03", "skipped"})
}

func TestATickWhoseTimeForMakeUpsIsOverGoesOnInTheNext(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.nothingUntil("10:04:10")
	short := slots.NewWatchdog(slots.Config{Record: w.store, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock }, MakeUpTime: time.Nanosecond})
	for i := range 3 {
		r, err := short.Tick(t.Context())
		if w.must(err); r.Started != 1 || r.Waiting != 2-i {
			t.Errorf("tick %d: %+v, want one started", i, r)
		}
	}
	w.wantVerdicts(d.ID, span{"10:01", "10:03", "fired"})
}

// the writes of a schedule: BeforeWrite.

// rescued plays a write of the schedule at a time and lists the slots that were started after it.
func (w *world) rescued(id, clock string) []string {
	w.Helper()
	w.nothingUntil(clock)
	after, err := w.watchdog.BeforeWrite(w.Context(), id)
	w.must(err)
	if after != nil {
		w.must(after(w.Context()))
	}
	return w.firedBetween("10:00", "10:59")
}

func TestWhatAWriteOfTheScheduleStarts(t *testing.T) {
	everyTwo := func(w *world, d core.Definition) {
		d.TriggerConfig.CronExpression = core.StringList{"*/2 * * * *"}
		w.save(d)
	}
	for _, c := range []struct {
		name   string
		policy core.MisfirePolicy
		happen func(w *world, d core.Definition)
		clock  string
		want   []string
	}{
		{"a slot that falls due at the very moment", core.MisfireSkip, nil, "10:01", []string{"10:01"}},
		{"a slot at the end of its grace, and one due now", core.MisfireSkip, nil, "10:02", []string{"10:01", "10:02"}},
		{"a slot at the end of its grace alone", core.MisfireSkip, everyTwo, "10:03", []string{"10:02"}},
		{"a slot that falls due at the very moment alone", core.MisfireSkip, everyTwo, "10:02", []string{"10:02"}},
		{"not one beyond its grace", core.MisfireSkip, nil, "10:02:30", []string{"10:02"}},
		{"nothing where nothing was due", core.MisfireSkip, nil, "10:00:59", nil},
		{"nothing that has an execution", core.MisfireSkip, func(w *world, d core.Definition) {
			w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:01")))] = core.SlotOpen
		}, "10:01:10", nil},
		{"nothing of a definition that is deleted", core.MisfireSkip, func(w *world, d core.Definition) {
			w.nothingUntil("10:01:05")
			w.delete(d)
		}, "10:01:10", nil},
		{"nothing that was due in a pause", core.MisfireSkip, func(w *world, d core.Definition) {
			w.pause(d.ID, &core.Pause{By: "alice"})
			w.nothingUntil("10:01:05")
			w.pause(d.ID, nil)
		}, "10:01:10", nil},
		{"under skip nothing beside an open run", core.MisfireSkip, func(w *world, d core.Definition) {
			w.slow = true
			w.until("10:01:05", d)
		}, "10:02:10", []string{"10:01"}},
		{"under catchup every slot, as Temporal would have buffered it", core.MisfireCatchup, func(w *world, d core.Definition) {
			w.slow = true
			w.until("10:01:05", d)
		}, "10:02:10", []string{"10:01", "10:02"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := inWorld(t, c.policy, nil)
			if c.happen != nil {
				c.happen(w, d)
			}
			if got := w.rescued(d.ID, c.clock); !slices.Equal(got, c.want) {
				t.Errorf("started %v, want %v", got, c.want)
			}
			if rows := w.verdicts(d.ID, "10:00", "10:59"); len(rows) != len(c.want) {
				t.Errorf("the ledger has %v, want a row for each start alone", rows)
			}
		})
	}
}

func TestTheCheckCountsDefinitionsThatHadATimeline(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	r, err := slots.NewChecker(w.store).Check(t.Context(), d.ID, at("09:00"), at("10:00"))
	if w.must(err); r.Definitions != 0 || r.Expected != 0 {
		t.Errorf("before it was saved: %+v", r)
	}
	r, err = slots.NewChecker(w.store).Check(t.Context(), d.ID, at("10:01"), at("10:02"))
	if w.must(err); r.Definitions != 1 || len(r.Missing) != 1 || r.Missing[0].Version != 1 {
		t.Errorf("after: %+v", r)
	}
}
