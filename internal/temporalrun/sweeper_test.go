package temporalrun_test

import (
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// sweeper is one for which everything recorded is old.
func (r *rig) sweeper() *temporalrun.Sweeper {
	return temporalrun.NewSweeper(temporalrun.SweeperConfig{Starter: r.starter, Record: r.store,
		Now: func() time.Time { return time.Now().Add(time.Hour) }})
}

func (r *rig) sweep() int {
	r.Helper()
	n, err := r.sweeper().Sweep(r.Context())
	if err != nil {
		r.Fatalf("sweep: %v", err)
	}
	return n
}

func TestACauseWhoseStartWasLostIsStartedByTheSweeper(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(oneTask)
	cause := core.ManualCause("lost")
	r.record(def, cause, nil, "") // and then the process dies
	if n := r.sweep(); n != 1 {
		t.Fatalf("%d causes started", n)
	}
	if run := r.wait(core.WorkflowID(def.ID, cause)); run.Status != core.RunSucceeded {
		t.Errorf("run: %+v", run)
	}
	if n := r.sweep(); n != 0 {
		t.Errorf("%d causes started again", n)
	}
}

func TestAStartThatWasNotConfirmedIsConfirmedAndNotRepeated(t *testing.T) {
	r := newRig(t)
	def := r.define(oneTask)
	r.trigger(def, "k") // no worker: not admitted
	if n := r.sweep(); n != 0 {
		t.Errorf("%d causes started", n)
	}
	if e := r.entry(def, core.ManualCause("k")); e.Verdict != core.VerdictStarted {
		t.Errorf("ledger: %+v", e)
	}
}

func TestSeveralReplicasMaySweepAtOnce(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(oneTask)
	const n = 20
	for i := range n {
		r.record(def, core.ManualCause(string(rune('a'+i))), nil, "")
	}
	started := make(chan int, 3)
	for range 3 {
		go func() {
			m, err := r.sweeper().Sweep(t.Context())
			if err != nil {
				t.Error(err)
			}
			started <- m
		}()
	}
	if sum := <-started + <-started + <-started; sum != n {
		t.Errorf("%d starts for %d causes", sum, n)
	}
}

func TestARunWhoseWorkflowWasTerminatedIsClosed(t *testing.T) {
	r := newRig(t)
	def := r.define(oneTask)
	unbegun := r.trigger(def, "unbegun")
	stuck := r.trigger(def, "stuck")
	desc, err := r.client.DescribeWorkflowExecution(t.Context(), stuck, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Admit(t.Context(), core.Claim{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version,
		Cause: core.ManualCause("stuck"), WorkflowID: stuck, TemporalRunID: desc.WorkflowExecutionInfo.FirstRunId, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{unbegun, stuck} {
		if err := r.client.TerminateWorkflow(t.Context(), id, "", "by hand"); err != nil {
			t.Fatal(err)
		}
	}
	r.sweep()
	for _, id := range []string{unbegun, stuck} {
		run, err := r.store.RunByWorkflowID(t.Context(), id)
		if err != nil || run.Status != core.RunFailed || run.Error == "" {
			t.Errorf("%s: %+v, %v", id, run, err)
		}
	}
	if e := r.entry(def, core.ManualCause("unbegun")); !e.Verdict.Terminal() {
		t.Errorf("ledger: %+v", e)
	}
}

func TestTheSweeperClosesACronRunEndedBeforeItBeganAndLeavesTheStartOfOthersToTheirOrder(t *testing.T) {
	r := newRig(t)
	def := r.define(oneTask)
	nominal := time.Now().Add(-time.Hour).Truncate(time.Minute)
	ended, unstarted := core.CronCause(nominal), core.CronCause(nominal.Add(time.Minute))
	r.record(def, ended, nil, "")
	r.record(def, unstarted, nil, "")
	if _, err := r.starter.StartRun(t.Context(), def.ID, ended); err != nil {
		t.Fatal(err)
	}
	if err := r.client.TerminateWorkflow(t.Context(), core.WorkflowID(def.ID, ended), "", "by hand"); err != nil {
		t.Fatal(err)
	}
	if n := r.sweep(); n != 0 {
		t.Errorf("%d cron causes started by the sweeper", n)
	}
	run, err := r.store.RunByWorkflowID(t.Context(), core.WorkflowID(def.ID, ended))
	if err != nil || run.Status != core.RunFailed || run.Error == "" {
		t.Errorf("ended before it began: %+v, %v", run, err)
	}
	if e := r.entry(def, unstarted); e.Verdict != core.VerdictPending {
		t.Errorf("not started: %+v", e)
	}
}
