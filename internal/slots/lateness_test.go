package slots_test

import (
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// What counts as late and what as missed, and how far back a missed slot is still wanted,
// whatever kept it from starting and however long the runs take that come before it.

// workOff lets the runs that are open end two minutes later, again and again, with a tick after
// each.
func (w *world) workOff(ticks int) {
	w.Helper()
	for range ticks {
		w.withoutScheduleUntil(w.clock.Add(2 * time.Minute).Format("15:04:05"))
		w.endRuns()
		w.tick()
	}
}

func TestABacklogThatIsWorkedOffSlowlyDoesNotPushItselfOutOfTheWindow(t *testing.T) {
	twelve := func(d *core.Definition) {
		d.TriggerConfig.CatchupWindow = core.Duration(12 * time.Minute)
	}
	t.Run("started by Temporal, one at a time", func(t *testing.T) {
		w, d := inWorld(t, core.MisfireCatchup, twelve)
		w.until("10:05:10", d)
		w.nothingUntil("10:17:20")
		w.recover()
		for clock := at("10:17:25"); len(w.fired) < 5+12 && clock.Before(at("10:45")); clock = clock.Add(2 * time.Minute) { // BUFFER_ALL
			w.withoutScheduleUntil(clock.Format("15:04:05"))
			slot := at("10:06").Add(clock.Sub(at("10:17:25")) / 2)
			w.native(d.ID, slot)
		}
		if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:06", "10:17"); !slices.Equal(got, want) {
			t.Errorf("ran %v, want %v", got, want)
		}
	})
	t.Run("made up after an outage", func(t *testing.T) {
		w, d := inWorld(t, core.MisfireCatchup, twelve)
		w.until("10:05:10", d)
		w.nothingUntil("10:17:20")
		w.recover()
		w.slow = true
		w.tick()
		w.workOff(14)
		if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:06", "10:17"); !slices.Equal(got, want) {
			t.Errorf("ran %v, want %v", got, want)
		}
	})
	t.Run("made up while the schedule is missing", func(t *testing.T) {
		w, d := inWorld(t, core.MisfireCatchup, func(d *core.Definition) {
			d.TriggerConfig.CatchupWindow = core.Duration(5 * time.Minute)
		})
		w.until("10:05:10", d)
		w.withoutScheduleUntil("10:07:10")
		w.slow = true
		w.tick()
		for range 26 {
			w.withoutScheduleUntil(w.clock.Add(time.Minute).Format("15:04:05"))
			if w.clock.Minute()%2 == 0 {
				w.endRuns()
			}
			w.tick()
		}
		if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:06", "10:17"); !slices.Equal(got, want) {
			t.Errorf("ran %v, want %v", got, want)
		}
	})
}

func TestALaterOutageCountsForTheWindow(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, func(d *core.Definition) {
		d.TriggerConfig.CatchupWindow = core.Duration(12 * time.Minute)
	})
	w.until("10:05:10", d)
	w.nothingUntil("10:10:20")
	w.recover()
	w.slow = true
	w.tick()
	w.workOff(1) // 10:06 and 10:07 have begun
	w.clock = w.clock.Add(15 * time.Minute)
	w.recover()
	w.endRuns()
	w.tick()
	w.workOff(10)
	// At the end of the first outage 10:09 was 1m20s late: with the second it is outside. 10:10 was
	// within its grace, and not missed.
	if got, want := w.firedBetween("10:06", "10:10"), []string{"10:06", "10:07", "10:10"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantReason(d.ID, "10:09", "window: 16m2")
}

// The last of twelve slots is 20 seconds late when the outage ends: with a grace of a minute it
// is late, not missed.
func TestASlotWithinItsGraceAtTheEndOfAnOutageRunsWhateverWasOut(t *testing.T) {
	want := map[core.MisfirePolicy][]string{
		core.MisfireSkip: {"10:17"}, core.MisfireCompress: {"10:17"}, core.MisfireCatchup: minutesBetween("10:06", "10:17"),
	}
	for _, policy := range policies {
		for name, happen := range map[string]func(w *world, d core.Definition){
			"everything": func(w *world, d core.Definition) {
				w.nothingUntil("10:17:20")
				w.recover()
				for _, slot := range nativeAfter[policy] { // Temporal's overlap policy drops the others
					w.native(d.ID, at(slot))
				}
			},
			"everything, and Temporal starts the last one": func(w *world, d core.Definition) {
				w.nothingUntil("10:17:20")
				w.recover()
				for _, slot := range nativeAfter[policy] {
					w.native(d.ID, at(slot))
				}
				if policy != core.MisfireCatchup {
					w.native(d.ID, at("10:17"))
				}
			},
			"the workers, and the runs begin a minute after they are back": func(w *world, d core.Definition) {
				w.out("10:05:10", "10:17:20")
				w.withoutScheduleUntil("10:18:40")
				for _, slot := range minutesBetween("10:06", "10:17") {
					w.native(d.ID, at(slot))
				}
			},
			"the schedule": func(w *world, d core.Definition) {
				w.withoutScheduleUntil("10:17:20")
				after, err := w.watchdog.BeforeWrite(w.Context(), d.ID)
				w.must(err)
				w.must(after(w.Context()))
			},
		} {
			t.Run(string(policy)+"/"+name, func(t *testing.T) {
				w, d := inWorld(t, policy, nil)
				w.must(w.beat.Beat(t.Context()))
				w.until("10:05:10", d)
				happen(w, d)
				w.next = at("10:18")
				w.tick()
				if w.clock.Before(at("10:18")) {
					w.until("10:19:30", d)
				}
				w.next = at("10:20")
				w.settle()
				if got := w.firedBetween("10:06", "10:17"); !slices.Equal(got, want[policy]) {
					t.Errorf("ran %v, want %v", got, want[policy])
				}
				w.wantComplete("10:01", "10:17:20")
			})
		}
	}
}

// A run that waits for a worker from the end of one outage into the next is late; one whose
// grace ended in an outage is missed.
func TestALaterOutageDoesNotMakeALateSlotMissed(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, nil)
	w.out("10:01:10", "10:04:20")
	w.out("10:05:30", "10:20:20")
	w.nothingUntil("10:20:30")
	for _, slot := range minutesBetween("10:02", "10:06") {
		w.native(d.ID, at(slot))
	}
	if got, want := w.firedBetween("10:02", "10:06"), []string{"10:04"}; !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
	w.wantReason(d.ID, "10:05", "missed in an outage (temporal) from 2026-03-03T10:05:30Z")
}

func TestUnderCompressOneRunsHoweverManyAreWithinTheirGrace(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, func(d *core.Definition) {
		d.TriggerConfig.MisfireGrace = core.Duration(10 * time.Minute)
	})
	w.until("10:12:10", d)
	w.nothingUntil("10:17:20")
	w.recover()
	w.native(d.ID, at("10:13"))
	w.native(d.ID, at("10:14"))
	w.settle()
	w.wantVerdicts(d.ID, span{"10:13", "10:16", "compressed into 10:17"}, span{"10:17", "10:17", "fired"})
}

// 10:05 could fire between the outages; both lie within the grace of all slots.
func TestUnderCompressASlotIsThatOfTheFirstOutageWithinItsGrace(t *testing.T) {
	w, d := inWorld(t, core.MisfireCompress, func(d *core.Definition) {
		d.TriggerConfig.MisfireGrace = core.Duration(20 * time.Minute)
	})
	w.out("10:01:10", "10:04:20")
	w.out("10:06:10", "10:12:20")
	w.nothingUntil("10:12:20")
	w.native(d.ID, at("10:02"))
	w.settle()
	w.wantVerdicts(d.ID, span{"10:02", "10:03", "compressed into 10:04"}, span{"10:04", "10:04", "fired"}, span{"10:05", "10:11", "compressed into 10:12"}, span{"10:12", "10:12", "fired"})
	for _, slot := range []string{"10:02", "10:03"} { // found by admission, and by the watchdog
		w.wantReason(d.ID, slot, "from 2026-03-03T10:01:10Z")
	}
}

func TestUnderSkipEachSlotWithinItsGraceRunsOneAtATime(t *testing.T) {
	w, d := inWorld(t, core.MisfireSkip, func(d *core.Definition) {
		d.TriggerConfig.MisfireGrace = core.Duration(3 * time.Minute)
	})
	w.until("10:05:10", d)
	w.nothingUntil("10:17:20")
	w.recover()
	w.native(d.ID, at("10:06"))
	w.slow = true
	w.tick()
	for _, open := range []int{1, 1, 1, 0} {
		if len(w.open) != open {
			t.Errorf("%d runs are open, want %d", len(w.open), open)
		}
		w.endRuns()
		w.tick()
	}
	if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:15", "10:17"); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}

func TestALongGraceDoesNotDelayWhatAnOutageMade(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, func(d *core.Definition) {
		d.TriggerConfig.MisfireGrace = core.Duration(24 * time.Hour)
	})
	w.until("10:05:10", d)
	w.nothingUntil("10:17:20")
	w.recover()
	w.nothingUntil("10:17:30")
	w.settle()
	if got, want := w.firedBetween("10:06", "10:17"), minutesBetween("10:06", "10:17"); !slices.Equal(got, want) {
		t.Errorf("ran %v, want %v", got, want)
	}
}
