package slots_test

import (
	"context"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

func TestPause(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.pause(d.ID, &core.Pause{By: "alice", Reason: "holiday"})
		w.native(d.ID, at("10:05")) // a run that Temporal had started before: it exists, and stays the only one
		w.nothingUntil("10:06")
		w.native(d.ID, at("10:06")) // one that slipped through before the schedule was paused
		w.nothingUntil("10:17:20")
		w.pause(d.ID, nil)
		w.recover()
		w.until("10:22", d)
		w.settle()
		// Time while paused is not missed, whatever the policy, and whatever else was out
		// meanwhile.
		w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:17", "paused"}, span{"10:18", "10:20", "fired"})
		w.wantComplete("10:01", "10:20:30")
	})
}

func TestAPauseMadeInTemporalHoldsFromTheTimeAtWhichItBegan(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		w.until("10:05:20", d)
		w.pausedOutside = true
		for range 20 { // reconciliation comes once in a while
			w.withoutScheduleUntil(w.clock.Add(10 * time.Second).Format("15:04:05"))
			if r := w.tick(); r.Started != 0 || len(r.Settled) != 0 {
				t.Fatalf("at %s slots of a pause were judged: %+v", w.clock.Format("15:04:05"), r)
			}
		}
		_, err := w.store.SetPaused(t.Context(), d.ID, &core.Pause{By: "temporal", At: at("10:05:01")}, "test", w.clock)
		w.must(err)
		w.pausedOutside = false
		w.withoutScheduleUntil("10:10:10")
		w.pause(d.ID, nil)
		w.until("10:14", d)
		w.settle()
		w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:10", "paused"}, span{"10:11", "10:12", "fired"})
		w.wantComplete("10:01", "10:12:30")
	})
}

// adoptsAsItIsAsked lets the pause be adopted between the reading of the definition's holds and
// the question to the schedule.
type adoptsAsItIsAsked struct {
	*world
	id string
}

func (a adoptsAsItIsAsked) Backlog(ctx context.Context, _ string) (int64, time.Time, error) {
	_, err := a.store.SetPaused(ctx, a.id, &core.Pause{By: "temporal", At: at("10:05:01")}, "test", a.clock)
	return 0, time.Time{}, err
}

func TestAPauseThatIsAdoptedWhileItsSlotsAreJudgedHoldsThem(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		w.until("10:05:20", d)
		w.withoutScheduleUntil("10:08:30")
		watchdog := slots.NewWatchdog(slots.Config{Record: w.store, Starter: w, Scheduler: adoptsAsItIsAsked{w, d.ID}, Now: func() time.Time { return w.clock }})
		_, err := watchdog.Tick(t.Context())
		w.must(err)
		w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:07", "paused"})
	})
}

func TestDisabling(t *testing.T) {
	eachPolicy(t, func(_ *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		off := d
		off.Enabled = false
		w.save(off)
		w.nothingUntil("10:17:20")
		w.save(d)
		w.recover()
		w.until("10:22", d)
		w.settle()
		w.wantVerdicts(d.ID, span{"10:01", "10:05", "fired"}, span{"10:06", "10:17", "paused"}, span{"10:18", "10:20", "fired"})
		w.wantComplete("10:01", "10:20:30")
	})
}

func TestAPauseDoesNotStopTheMakeUpsOfWhatWasMissedBeforeIt(t *testing.T) {
	w, d := inWorld(t, core.MisfireCatchup, nil)
	w.until("10:05:10", d)
	w.nothingUntil("10:12:20")
	w.recover()
	w.slow = true
	w.tick()
	w.nothingUntil("10:12:30")
	w.pause(d.ID, &core.Pause{By: "alice"})
	w.endRuns()
	w.tick()
	w.endRuns()
	w.tick()
	if got, want := w.firedBetween("10:06", "10:12"), minutesBetween("10:06", "10:08"); !slices.Equal(got, want) {
		t.Errorf("ran %v while paused, want %v: one at a time", got, want)
	}
	d.TriggerConfig.MisfirePolicy = core.MisfireSkip // enough of it
	w.save(d)
	w.endRuns()
	w.tick()
	w.wantVerdicts(d.ID, span{"10:01", "10:08", "fired"}, span{"10:09", "10:11", "skipped"})
	w.nothingUntil("10:20")
	w.settle()
	w.wantVerdicts(d.ID, span{"10:13", "10:18", "paused"})
}
