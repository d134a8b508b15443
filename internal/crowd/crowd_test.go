//go:build !slim

package crowd_test

import (
	"context"
	"os"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/crowd"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/sqlite"
	"github.com/activity-core/activity-core/internal/sqlstore"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

// world is a record, a Temporal namespace, and what keeps the two in step.
type world struct {
	testing.TB
	store     *sqlstore.Store
	client    client.Client
	runs      *temporalrun.Starter
	schedules *temporalschedule.Reconciler
}

func newWorld(t testing.TB) world {
	t.Helper()
	ns := devstacktest.Temporal(t)
	store, err := sqlite.Open(t.Context(), sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := ns.Client(t)
	return world{TB: t, store: store, client: c, runs: temporalrun.NewStarter(c),
		schedules: temporalschedule.New(temporalschedule.Config{Service: c.WorkflowService(), Namespace: ns.Name, Store: store})}
}

func (w world) apply(defs ...core.Definition) {
	w.Helper()
	var changes []core.DefinitionChange
	for _, d := range defs {
		changes = append(changes, core.DefinitionChange{Definition: d})
	}
	if _, err := w.store.ApplyChanges(w.Context(), changes, "test", time.Now()); err != nil {
		w.Fatal(err)
	}
}

func (w world) sync() {
	w.Helper()
	if _, err := w.schedules.Sync(w.Context(), core.SyncOptions{}); err != nil {
		w.Fatal(err)
	}
}

// at runs the starter with a clock that shows a second after the instant.
func (w world) at(instant time.Time, size int) crowd.Report {
	w.Helper()
	s := crowd.New(crowd.Config{Record: w.store, Runs: w.runs, Schedules: w.schedules, Size: size, Now: func() time.Time { return instant.Add(time.Second) }})
	report, err := s.Instant(w.Context(), instant)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

func (w world) state(name string, instant time.Time) core.SlotState {
	w.Helper()
	state, err := w.schedules.SlotState(w.Context(), core.DefinitionID(name), instant)
	if err != nil {
		w.Fatal(err)
	}
	return state
}

func TestACrowdIsStartedOnceAndWhatItsScheduleKnowsBetterIsLeftToIt(t *testing.T) {
	w := newWorld(t)
	noon := time.Now().UTC().Truncate(24 * time.Hour).Add(36 * time.Hour) // due natively long after this test
	plain := []core.Definition{daily("a", noon), daily("b", noon), daily("c", noon)}
	waits, spread, paused, pausedInTemporal, other := daily("waits", noon), daily("spread", noon), daily("paused", noon), daily("paused-in-temporal", noon), daily("other", noon.Add(time.Minute))
	waits.TriggerConfig.MisfirePolicy = core.MisfireCompress
	spread.TriggerConfig.Jitter = core.Duration(time.Minute)
	w.apply(append(plain, waits, spread, paused, pausedInTemporal, other)...)
	if _, err := w.store.SetPaused(t.Context(), paused.ID, &core.Pause{By: "ann", At: time.Now()}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	w.sync()
	handle := w.client.ScheduleClient().GetHandle(t.Context(), core.ScheduleID(pausedInTemporal.ID))
	if err := handle.Pause(t.Context(), client.SchedulePauseOptions{Note: "hands off"}); err != nil {
		t.Fatal(err)
	}
	for firing := map[string]bool{pausedInTemporal.ID: true}; firing[pausedInTemporal.ID]; { // the listing follows a moment later
		var err error
		if firing, err = w.schedules.Firing(t.Context()); err != nil {
			t.Fatal(err)
		}
	}

	if r := w.at(noon, 7); r.Started != 0 {
		t.Fatalf("6 due are no crowd of 7: %+v", r)
	}
	if r := w.at(noon, 6); r != (crowd.Report{Due: 6, Started: 3, Left: 3}) {
		t.Fatalf("got %+v", r)
	}
	for _, name := range []string{"a", "b", "c"} {
		if got := w.state(name, noon); got != core.SlotOpen {
			t.Errorf("slot of %s is %s", name, got)
		}
	}
	for _, name := range []string{"waits", "spread", "paused", "paused-in-temporal", "other"} {
		if got := w.state(name, noon); got != core.SlotAbsent {
			t.Errorf("slot of %s is %s, its schedule is to start it", name, got)
		}
	}
	if r := w.at(noon, 6); r != (crowd.Report{Due: 6, Found: 3, Left: 3}) {
		t.Fatalf("a second replica: %+v", r)
	}
}

// policy lets every slot run.
type policy struct{}

func (policy) Decide(context.Context, core.StoredDefinition, time.Time, time.Time) (*core.Settlement, error) {
	return nil, nil //nolint:nilnil // as the interface says
}

func TestASlotThatMeetsAnOpenRunOfItsDefinitionIsSkipped(t *testing.T) {
	w := newWorld(t)
	noon := time.Now().UTC().Truncate(time.Minute)
	for _, name := range []string{"open", "ended", "made-up", "waits"} {
		d := daily(name, noon)
		if name == "waits" {
			d.TriggerConfig.MisfirePolicy = core.MisfireCompress
		}
		w.apply(d)
		cause := core.CronCause(noon)
		if name == "made-up" {
			rec := core.CauseRecord{ActivityID: d.ID, ActivityName: name, DefinitionVersion: 1, Cause: cause, MakeUp: true}
			if _, err := w.store.RecordCauses(t.Context(), []core.CauseRecord{rec}, noon); err != nil {
				t.Fatal(err)
			}
		}
		out, err := w.runs.StartRun(t.Context(), d.ID, cause)
		if err != nil {
			t.Fatal(err)
		}
		if adm, err := w.store.Admit(t.Context(), core.Claim{ActivityID: d.ID, ActivityName: name, DefinitionVersion: 1, Cause: cause,
			WorkflowID: core.WorkflowID(d.ID, cause), TemporalRunID: out.TemporalRunID, At: noon}); err != nil || !adm.Admitted {
			t.Fatalf("%+v, %v", adm, err)
		}
		if name == "ended" {
			if err := w.client.TerminateWorkflow(t.Context(), core.WorkflowID(d.ID, cause), "", "test"); err != nil {
				t.Fatal(err)
			}
		}
		def, err := w.store.Definition(t.Context(), d.ID)
		if err != nil {
			t.Fatal(err)
		}
		overlap := crowd.Overlap{Policy: policy{}, Record: w.store, Executions: w.schedules}
		verdict, err := overlap.Decide(t.Context(), def, noon.Add(time.Minute), noon.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if skipped := verdict != nil && verdict.Verdict == core.VerdictSkipped; skipped != (name == "open") {
			t.Errorf("%s: verdict %+v", name, verdict)
		}
		if verdict, err = overlap.Decide(t.Context(), def, noon, noon); err != nil || verdict != nil {
			t.Errorf("%s: a run overlaps itself: %+v, %v", name, verdict, err)
		}
	}
}

// The classic scheduler finds the execution of a slot that was started here, starts nothing,
// and goes on with the next slot.
func TestAScheduleGoesOnAfterASlotThatWasStartedForIt(t *testing.T) {
	if os.Getenv("ACTIVITY_CORE_LONG") != "1" {
		t.Skip("takes two minutes: set ACTIVITY_CORE_LONG=1")
	}
	w := newWorld(t)
	for _, name := range []string{"a", "b"} {
		d := daily(name, time.Now())
		d.TriggerConfig.CronExpression = core.StringList{"* * * * *"}
		w.apply(d)
	}
	w.sync()
	first := time.Now().UTC().Truncate(time.Minute).Add(time.Minute)
	s := crowd.New(crowd.Config{Record: w.store, Runs: w.runs, Schedules: w.schedules, Size: 2})
	if r, err := s.Instant(t.Context(), first); err != nil || r.Started+r.Found != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, name := range []string{"a", "b"} {
		for deadline := first.Add(3 * time.Minute); w.state(name, first.Add(time.Minute)) != core.SlotOpen; time.Sleep(time.Second) {
			if time.Now().After(deadline) {
				t.Fatalf("%s never fired again", name)
			}
		}
	}
}

func TestAStarterStopsAtOnceAndAlsoWhenItNeverStarted(t *testing.T) {
	w := newWorld(t)
	s := crowd.New(crowd.Config{Record: w.store, Runs: w.runs, Schedules: w.schedules})
	for _, step := range []func(context.Context) error{s.Stop, s.Start, s.Start, s.Stop, s.Stop} {
		if err := step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
