package slots_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// The edges of the rules in docs/misfire.md, each at the instant or in the state at which the
// rule changes its answer.

// inWorld is a world with one definition that fires each minute, at 10:00:30.
func inWorld(t *testing.T, policy core.MisfirePolicy, change func(*core.Definition)) (*world, core.Definition) {
	t.Helper()
	w := newWorld(t, "10:00:30")
	d := minutely(policy)
	if change != nil {
		change(&d)
	}
	w.save(d)
	return w, d
}

func (w *world) out(from, to string) {
	w.Helper()
	w.must(w.store.RecordOutage(w.Context(), core.Outage{From: at(from), To: at(to), What: slots.BeatTemporal}))
}

// reason is that of the verdict on a slot.
func (w *world) reason(id, slot string) string {
	w.Helper()
	e, err := w.store.LedgerEntry(w.Context(), id, core.CronCause(at(slot)).Key())
	w.must(err)
	return e.Reason
}

func (w *world) wantReason(id, slot, part string) {
	w.Helper()
	if got := w.reason(id, slot); !strings.Contains(got, part) {
		w.Errorf("%s: reason %q, want %q in it", slot, got, part)
	}
}

func (w *world) wantTick(started, waiting int) {
	w.Helper()
	if r := w.tick(); r.Started != started || r.Waiting != waiting {
		w.Errorf("the tick started %d and left %d waiting, want %d and %d", r.Started, r.Waiting, started, waiting)
	}
}

// admission: Policy.Decide.

func TestAdmissionAtTheEdgeOfTheGrace(t *testing.T) {
	jitter := func(d *core.Definition) { d.TriggerConfig.Jitter = core.Duration(20 * time.Second) }
	for _, c := range []struct {
		name    string
		change  func(*core.Definition)
		ended   string
		verdict string
	}{
		{"at the end of the grace it runs", nil, "10:07:00", "fired"},
		{"after it it is missed", nil, "10:07:01", "skipped"},
		{"jitter counts on top", jitter, "10:07:20", "fired"},
		{"and no more than that", jitter, "10:07:21", "skipped"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := inWorld(t, core.MisfireSkip, c.change)
			w.out("10:05:30", c.ended)
			w.nothingUntil("10:08:30") // how long it waits for a worker after the outage does not matter
			w.native(d.ID, at("10:06"))
			w.wantVerdicts(d.ID, span{"10:06", "10:06", c.verdict})
		})
	}
}

func TestAdmissionOfASlotWhoseGraceAnOutageCutShort(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.out("10:06:30", "10:10:10") // it could have started for half a minute
	w.nothingUntil("10:10:20")
	w.native(d.ID, at("10:06"))
	w.wantVerdicts(d.ID, span{"10:06", "10:06", "skipped"})
	w.wantReason(d.ID, "10:06", "missed in an outage")
}

func TestAdmissionAtTheEdgeOfTheCatchupWindow(t *testing.T) {
	five := func(d *core.Definition) {
		d.TriggerConfig.CatchupWindow = core.Duration(5 * time.Minute)
	}
	for ended, verdict := range map[string]string{"10:11:00": "fired", "10:11:01": "skipped"} {
		w, d := inWorld(t, core.MisfireCatchup, five)
		w.out("10:05:30", ended)
		w.nothingUntil("10:30") // how long it waits for the runs before it does not matter
		w.native(d.ID, at("10:06"))
		w.wantVerdicts(d.ID, span{"10:06", "10:06", verdict})
	}
}

func TestAdmissionOfASlotInAPause(t *testing.T) {
	for name, pausedAt := range map[string]string{"that began before it": "10:05:40", "that began at the very slot": "10:06"} {
		t.Run(name, func(t *testing.T) {
			w, d := inWorld(t, core.MisfireSkip, nil)
			w.nothingUntil(pausedAt)
			w.pause(d.ID, &core.Pause{By: "alice", Reason: "holiday"})
			w.nothingUntil("10:06:01")
			w.native(d.ID, at("10:06"))
			w.wantVerdicts(d.ID, span{"10:06", "10:06", "paused"})
			w.wantReason(d.ID, "10:06", "by alice: holiday")
			e, err := w.store.LedgerEntry(t.Context(), d.ID, core.CronCause(at("10:06")).Key())
			if w.must(err); e.DefinitionVersion != 1 {
				t.Errorf("decided about version %d, want 1", e.DefinitionVersion)
			}
		})
	}
}

// judgement: what the watchdog says of slots that nobody started.

func TestASlotWhoseExecutionIsOpenIsWaitedForAndJudgedLater(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.until("10:02:10", d)
	w.nothingUntil("10:06:10")
	key := core.WorkflowID(d.ID, core.CronCause(at("10:04")))
	w.executions[key] = core.SlotOpen // no worker has taken it yet
	w.wantTick(1, 2)                  // 10:03; 10:04 and 10:05 keep their order
	w.wantTick(0, 2)
	delete(w.executions, key) // terminated by hand, and pruned
	w.settle()
	if got, want := w.firedBetween("10:03", "10:05"), minutesBetween("10:03", "10:05"); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantComplete("10:01", "10:05:10")
}

func TestASlotInTheBufferOfTheScheduleIsWaitedFor(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.until("10:02:10", d)
	w.nothingUntil("10:04:10")
	w.buffered = 1
	w.wantTick(0, 1)
	w.buffered = 0
	w.settle()
	w.wantVerdicts(d.ID, span{"10:03", "10:03", "skipped"})
	e, err := w.store.LedgerEntry(t.Context(), d.ID, core.CronCause(at("10:03")).Key())
	if w.must(err); e.DefinitionVersion != 1 {
		t.Errorf("decided about version %d, want 1", e.DefinitionVersion)
	}
}

func TestJudgementAtTheEdgeOfTheCatchupWindow(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, func(d *core.Definition) {
		d.TriggerConfig.CatchupWindow = core.Duration(5 * time.Minute)
	})
	w.until("10:02:10", d)
	w.out("10:02:10", "10:09")
	w.nothingUntil("10:09:10")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:03", "10:03", "skipped"}, span{"10:04", "10:08", "fired"})
}

func TestAnOverlapIsToldFromAnOutage(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, func(d *core.Definition) { d.TriggerConfig.MisfireGrace = briefGrace })
	w.until("10:04:30", d)
	w.slow = true
	w.until("10:05:10", d)
	w.nothingUntil("10:08")
	w.endRuns() // the run of 10:05, at the very moment of 10:08
	w.nothingUntil("10:10:30")
	w.out("10:06:30", "10:07:20")
	w.settle()
	for slot, why := range map[string]string{
		"10:06": "overlap", // the outage began later
		"10:07": "misfire: missed in an outage",
		"10:08": "misfire: missed: Temporal did not start it", // nothing was open at it any more
		"10:09": "misfire: missed: Temporal did not start it",
	} {
		w.wantReason(d.ID, slot, why)
	}
}

func TestARunThatBeganAfterASlotDidNotOverlapWithIt(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.until("10:04:30", d)
	w.withoutScheduleUntil("10:07:30")
	w.slow = true
	w.native(d.ID, at("10:05")) // late under load
	w.withoutScheduleUntil("10:09:30")
	w.settle()
	w.wantReason(d.ID, "10:06", "misfire")
	w.wantReason(d.ID, "10:07", "misfire")
	w.wantReason(d.ID, "10:08", "overlap")
}

func TestAMakeUpThatBeganAfterASlotDidNotOverlapWithItThoughItWasRecordedBefore(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.withoutScheduleUntil("10:01:10")
	w.elect(d.ID, "10:01") // by a write of the schedule whose process died
	w.withoutScheduleUntil("10:03:10")
	w.slow = true
	w.tick()
	w.wantReason(d.ID, "10:02", "misfire")
}

func TestCompressStartsTheLatestSlotOfAnOutageAsItEnds(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:05:10", d)
	w.nothingUntil("10:08:20")
	w.recover()
	w.nothingUntil("10:08:30")
	w.wantTick(1, 0)
	w.wantVerdicts(d.ID, span{"10:06", "10:07", "compressed into 10:08"}, span{"10:08", "10:08", "fired"})
}

func TestASlotWhoseGraceAnOutageCutShortIsPartOfTheOutage(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:05:10", d)
	w.nothingUntil("10:12:30") // 10:06 was late; then came the outage, and then the schedule was gone
	w.out("10:06:30", "10:08:10")
	w.next = at("10:12")
	w.native(d.ID, at("10:12"))
	w.settle()
	w.wantVerdicts(d.ID, span{"10:06", "10:07", "compressed into 10:08"}, span{"10:08", "10:08", "fired"},
		span{"10:09", "10:10", "compressed into 10:11"}, span{"10:11", "10:12", "fired"})
}

func TestASlotThatWasPausedDoesNotPartAGap(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:02:10", d)
	w.withoutScheduleUntil("10:04:30")
	w.pause(d.ID, &core.Pause{By: "alice"})
	w.withoutScheduleUntil("10:05:30")
	w.pause(d.ID, nil)
	w.withoutScheduleUntil("10:07:30")
	w.next = at("10:08")
	w.until("10:09:30", d)
	w.next = at("10:10")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:03", "10:04", "compressed into 10:07"}, span{"10:05", "10:05", "paused"},
		span{"10:06", "10:06", "compressed into 10:07"}, span{"10:07", "10:08", "fired"})
}

func TestASlotThatWasLostPartsAGap(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:02:10", d)
	w.withoutScheduleUntil("10:06:30")
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:05")))] = core.SlotClosed
	w.next = at("10:07")
	w.until("10:08:30", d)
	w.next = at("10:09")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:03", "10:03", "compressed into 10:04"}, span{"10:04", "10:04", "fired"},
		span{"10:05", "10:05", "lost"}, span{"10:06", "10:07", "fired"})
}

// The schedule is lost, and mended; then an outage begins, of whose slots the schedule starts
// the first two.
func TestAGapThatGoesOnInAnOutageGetsOneRun(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, nil)
	w.until("10:05:10", d)
	w.withoutScheduleUntil("10:08:20")
	w.nothingUntil("10:12:20")
	w.recover()
	for _, slot := range []string{"10:09", "10:10"} {
		w.native(d.ID, at(slot))
	}
	w.until("10:15", d)
	w.settle()
	w.wantVerdicts(d.ID, span{"10:06", "10:11", "compressed into 10:12"}, span{"10:12", "10:15", "fired"})
}

func TestCompressWaitsTenMinutesForASlotAfterTheLatest(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, func(d *core.Definition) {
		d.TriggerConfig.CronExpression = core.StringList{"*/30 * * * *"}
	})
	w.withoutScheduleUntil("10:40:00")
	w.wantTick(0, 1)
	w.withoutScheduleUntil("10:40:01")
	w.wantTick(1, 0)
	w.wantVerdicts(d.ID, span{"10:30", "10:30", "fired"})
}

// TestAGapThatIsLongerThanATick: three slots a tick, so that the end of the gap has to be
// looked for.
func TestAGapThatIsLongerThanATick(t *testing.T) {
	for _, c := range []struct {
		name   string
		happen func(w *world, d core.Definition) // from 10:02:10 on
		want   []span
	}{
		{"to its end", func(w *world, d core.Definition) {
			w.withoutScheduleUntil("10:12:30")
		}, []span{{"10:03", "10:11", "compressed into 10:12"}, {"10:12", "10:13", "fired"}}},
		{"with a pause in it", func(w *world, d core.Definition) {
			w.withoutScheduleUntil("10:08:30")
			w.pause(d.ID, &core.Pause{By: "alice"})
			w.withoutScheduleUntil("10:09:30")
			w.pause(d.ID, nil)
			w.withoutScheduleUntil("10:12:30")
		}, []span{{"10:03", "10:08", "compressed into 10:12"}, {"10:09", "10:09", "paused"}, {"10:10", "10:11", "compressed into 10:12"}, {"10:12", "10:14", "fired"}}},
		{"and another one after a run", func(w *world, d core.Definition) {
			w.withoutScheduleUntil("10:09:30")
			w.until("10:10:30", d)
			w.withoutScheduleUntil("10:12:30")
		}, []span{{"10:03", "10:08", "compressed into 10:09"}, {"10:09", "10:10", "fired"}, {"10:11", "10:11", "compressed into 10:12"}, {"10:12", "10:14", "fired"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, d := inWorld(t, core.MisfireCompress, nil)
			w.until("10:02:10", d)
			c.happen(w, d)
			w.next = w.clock.Truncate(time.Minute).Add(time.Minute)
			end := at(c.want[len(c.want)-1].to).Add(90 * time.Second)
			w.until(end.Format("15:04:05"), d)
			w.next = end.Truncate(time.Minute).Add(time.Minute)
			w.watchdog = slots.NewWatchdog(slots.Config{Record: w.store, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock }, MaxSlots: 3})
			w.settle()
			w.wantVerdicts(d.ID, c.want...)
			w.wantComplete("10:01", end.Add(-time.Minute).Format("15:04:05"))
		})
	}
}

func TestAScheduleIsBelievedAsLongAsARunIsOpenThatItsSlotsWaitFor(t *testing.T) {
	for name, open := range map[string]func(w *world, d core.Definition){
		"a run that goes on": func(w *world, d core.Definition) {
			w.slow = true
			w.until("10:01:10", d)
			w.withoutScheduleUntil("10:13:10")
		},
		"a run that is about to be started": func(w *world, d core.Definition) {
			w.until("10:01:10", d)
			w.withoutScheduleUntil("10:13:10")
			w.elect(d.ID, "10:12")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, d := inWorld(t, core.MisfireSkip, nil)
			w.next = at("10:02")
			open(w, d)
			if r := w.tick(); len(r.Settled) > 0 || r.Waiting == 0 {
				t.Errorf("10:02 was judged although it waits for a run: %+v", r)
			}
		})
	}
}
