package slots_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// mortal starts runs in a world until it dies, right before the start that follows: the slot is
// in the ledger by then.
type mortal struct {
	*world
	starts int // before it dies
}

var errDied = errors.New("the process died")

func (m *mortal) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	if m.starts == 0 {
		return core.StartOutcome{}, errDied
	}
	m.starts--
	return m.world.StartRun(ctx, id, cause)
}

// dieAfter lets a replica tick and die at its start number n+1.
func (w *world) dieAfter(n int) {
	w.Helper()
	victim := slots.NewWatchdog(slots.Config{Record: w.store, Starter: &mortal{w, n}, Scheduler: w, Now: func() time.Time { return w.clock }, MakeUpTime: 2 * time.Second})
	if _, err := victim.Tick(w.Context()); !errors.Is(err, errDied) {
		w.Fatalf("the replica was to die: %v", err)
	}
}

func TestAMakeUpThatWasRecordedAndNotStartedIsStartedByAnotherReplicaInOrder(t *testing.T) {
	for policy, deaths := range map[core.MisfirePolicy][]int{
		core.MisfireCatchup: {0, 1, 6, 11}, core.MisfireCompress: {0},
	} {
		for _, n := range deaths {
			t.Run(fmt.Sprintf("%s after %d starts", policy, n), func(t *testing.T) {
				w := newWorld(t, "10:00:30")
				d := minutely(policy)
				w.save(d)
				w.until("10:05:10", d)
				w.nothingUntil("10:18:20")
				if policy == core.MisfireCatchup {
					w.recover()
				} else { // no outage is recorded, the schedule is there: the make-up is elected
					w.next = at("10:18")
				}
				w.native(d.ID, at("10:18")) // within its grace
				w.dieAfter(n)
				w.until("10:22", d) // natives go on meanwhile
				w.settle()
				made := map[core.MisfirePolicy][]string{core.MisfireCatchup: minutesBetween("10:06", "10:17"), core.MisfireCompress: {"10:17"}}
				if got := w.firedBetween("10:06", "10:17"); !slices.Equal(got, made[policy]) {
					t.Errorf("made up %v, want %v", got, made[policy])
				}
				w.wantComplete("10:01", "10:20:30")
			})
		}
	}
}

func TestASlotThatAScheduleWriteRecordedAndDidNotStartIsStarted(t *testing.T) {
	eachPolicy(t, func(t *testing.T, w *world, d core.Definition) {
		w.until("10:05:10", d)
		w.nothingUntil("10:06:00")
		victim := slots.NewWatchdog(slots.Config{Record: w.store, Starter: &mortal{world: w}, Scheduler: w, Now: func() time.Time { return w.clock }})
		after, err := victim.BeforeWrite(t.Context(), d.ID)
		w.must(err)
		if err := after(t.Context()); !errors.Is(err, errDied) {
			t.Fatalf("the replica was to die: %v", err)
		}
		w.until("10:09", d)
		w.settle()
		w.wantVerdicts(d.ID, span{"10:01", "10:08", "fired"})
	})
}

func TestALostStartIsNotTakenFromAReplicaThatIsAboutToMakeIt(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.nothingUntil("10:03:10")
	w.recover()
	w.dieAfter(0)
	w.clock = w.clock.Add(29 * time.Second)
	if r := w.tick(); r.Started != 0 || len(w.fired) != 0 {
		t.Errorf("%v started after 29 s, %+v", w.fired, r)
	}
	w.clock = w.clock.Add(2 * time.Second)
	w.settle()
	if got, want := w.firedBetween("10:01", "10:02"), []string{"10:01", "10:02"}; !slices.Equal(got, want) {
		t.Errorf("made up %v, want %v", got, want)
	}
}

func TestAMakeUpWhoseConfirmationWasLostIsNotStartedAgain(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.nothingUntil("10:02:10")
	w.recover()
	w.dieAfter(0)
	w.executions[core.WorkflowID(d.ID, core.CronCause(at("10:01")))] = core.SlotOpen // it waits for a worker
	w.clock = w.clock.Add(time.Minute)
	w.tick()
	if len(w.fired) != 0 {
		t.Errorf("%v started although the execution exists", w.fired)
	}
	w.wantVerdicts(d.ID, span{"10:01", "10:01", "started"})
}

func TestAMakeUpOfADefinitionDeletedMeanwhileIsSkipped(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.nothingUntil("10:03:10")
	w.recover()
	w.dieAfter(1)
	w.delete(d)
	w.clock = w.clock.Add(time.Minute)
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:01", "fired"}, span{"10:02", "10:03", "skipped"})
	w.wantComplete("10:01", "10:03:10")
}

func TestALostStartIsNoOpenRunThatASlotWouldOverlapWith(t *testing.T) {
	w := newWorld(t, "10:00:30")
	d := minutely(core.MisfireSkip)
	w.save(d)
	w.nothingUntil("10:01:00")
	victim := slots.NewWatchdog(slots.Config{Record: w.store, Starter: &mortal{world: w}, Scheduler: w, Now: func() time.Time { return w.clock }})
	after, err := victim.BeforeWrite(t.Context(), d.ID)
	w.must(err)
	if err := after(t.Context()); !errors.Is(err, errDied) {
		t.Fatalf("the replica was to die: %v", err)
	}
	w.nothingUntil("10:02:00")
	after, err = w.watchdog.BeforeWrite(t.Context(), d.ID)
	w.must(err)
	w.must(after(t.Context()))
	if got := w.firedBetween("10:01", "10:02"); !slices.Equal(got, []string{"10:02"}) {
		t.Errorf("started %v, want 10:02, which nothing overlaps", got)
	}
	w.settle()
	w.wantVerdicts(d.ID, span{"10:01", "10:02", "fired"})
}
