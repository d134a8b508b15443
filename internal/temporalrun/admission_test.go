package temporalrun_test

import (
	"context"
	"errors"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
	"github.com/activity-core/activity-core/internal/testkit"
)

const hourly = `{"name": "hourly", "enabled": true, "trigger_type": "cron", "trigger_config": {"cron_expression": "0 * * * *"},
	"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "At ${run.time}"}}]}]}`

var nominal = time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)

// fire starts a cron run as a schedule does: with the nominal time in the workflow ID only, and
// no search attributes.
func (r *rig) fire(def core.StoredDefinition, at time.Time, policy enumspb.WorkflowIdReusePolicy) temporalrun.Result {
	r.Helper()
	run, err := r.client.ExecuteWorkflow(r.Context(), client.StartWorkflowOptions{
		ID:                    core.CronWorkflowBase(def.ID) + "-" + core.FormatNominal(at),
		TaskQueue:             core.TaskQueue,
		WorkflowIDReusePolicy: policy,
	}, core.WorkflowType, core.RunInput{ActivityID: def.ID, Cause: core.Cause{Kind: core.CauseCron}})
	if err != nil {
		r.Fatalf("start: %v", err)
	}
	var result temporalrun.Result
	if err := run.Get(r.Context(), &result); err != nil {
		r.Fatalf("run: %v", err)
	}
	return result
}

const (
	allow  = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	reject = enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
)

func TestACronRunTakesItsNominalTimeFromTheWorkflowID(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(hourly)
	result := r.fire(def, nominal, reject)
	if result.Status != core.RunSucceeded {
		t.Fatalf("result: %+v", result)
	}
	if tasks := r.tasks(result.RunID); len(tasks) != 1 || tasks[0].Title != "At 2026-03-01T06:00:00Z" {
		t.Errorf("tasks: %+v", tasks)
	}
	if e := r.entry(def, core.CronCause(nominal)); e.Verdict != core.VerdictFired || e.RunID != result.RunID {
		t.Errorf("ledger: %+v", e)
	}
}

func TestASecondExecutionOfTheSameCauseIsDeduplicated(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(hourly)
	first := r.fire(def, nominal, allow)
	second := r.fire(def, nominal, allow) // as a backfill does, or Temporal after it forgot the ID
	if second.Verdict != core.VerdictDeduplicated || second.Status != "" {
		t.Fatalf("second execution: %+v", second)
	}
	if n := len(r.tasks(first.RunID)); n != 1 {
		t.Errorf("%d tasks", n)
	}
	run, err := r.store.Run(t.Context(), first.RunID)
	if err != nil || run.Status != core.RunSucceeded {
		t.Errorf("the run was touched: %+v, %v", run, err)
	}
}

// skipAll gives every slot the verdict skipped.
type skipAll struct{}

func (skipAll) Decide(_ context.Context, def core.StoredDefinition, at, _ time.Time) (*core.Settlement, error) {
	return &core.Settlement{ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version,
		Cause: core.CronCause(at), Verdict: core.VerdictSkipped, Reason: "misfire"}, nil
}

func TestTheMisfirePolicyIsAskedBeforeAdmission(t *testing.T) {
	r := newRig(t)
	r.work(func(c *temporalrun.Config) { c.Slots = skipAll{} })
	def := r.define(hourly)
	result := r.fire(def, nominal, reject)
	if result.Verdict != core.VerdictSkipped || result.Reason != "misfire" {
		t.Fatalf("result: %+v", result)
	}
	if e := r.entry(def, core.CronCause(nominal)); e.Verdict != core.VerdictSkipped {
		t.Errorf("ledger: %+v", e)
	}
	if _, err := r.store.Run(t.Context(), result.RunID); !core.IsCode(err, core.CodeNotFound) {
		t.Errorf("there is a run: %v", err)
	}
}

func TestASlotThatPassesWhilePausedGetsThatVerdictAndAManualRunStillRuns(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(hourly)
	if _, err := r.store.SetPaused(t.Context(), def.ID, &core.Pause{By: "test", At: time.Now()}, "test", time.Now()); err != nil {
		t.Fatal(err)
	}
	if result := r.fire(def, nominal, reject); result.Verdict != core.VerdictPaused {
		t.Errorf("slot: %+v", result)
	}
	if run := r.run(def); run.Status != core.RunSucceeded {
		t.Errorf("manual run: %+v", run)
	}
}

func TestARunKeepsTheVersionItsCauseWasRecordedWith(t *testing.T) {
	r := newRig(t)
	old := r.define(oneTask)
	cause := core.ManualCause("k")
	r.record(old, cause, nil, "")
	changed := r.define(`{"name": "one-task", "enabled": true, "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "Changed"}}]}]}`)
	if changed.Version == old.Version {
		t.Fatal("the definition did not change")
	}
	r.work()
	if _, err := r.starter.StartRun(t.Context(), old.ID, cause); err != nil {
		t.Fatal(err)
	}
	run := r.wait(core.WorkflowID(old.ID, cause))
	if tasks := r.tasks(run.RunID); run.DefinitionVersion != old.Version || len(tasks) != 1 || tasks[0].Title != "Do it" {
		t.Errorf("run %+v with tasks %+v", run, tasks)
	}
}

func TestEventAndInputsReachTheRules(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(`{"name": "evented", "enabled": true, "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {
		"title": "${payload.n} ${has(inputs.who) ? inputs.who : 'nobody'}"}}]}]}`)
	event := &core.Event{EventID: "e-1", Type: "test.event", Time: nominal, Payload: []byte(`{"n": 12000000}`)}
	cause := core.EventCause("e-1")
	r.record(def, cause, event, "")
	manual := core.ManualCause("m")
	r.record(def, manual, event, `{"who": "Ada"}`)
	for cause, want := range map[string]string{cause.Key(): "12000000 nobody", manual.Key(): "12000000 Ada"} {
		c := core.EventCause("e-1")
		if cause == manual.Key() {
			c = manual
		}
		if _, err := r.starter.StartRun(t.Context(), def.ID, c); err != nil {
			t.Fatal(err)
		}
		run := r.wait(core.WorkflowID(def.ID, c))
		if tasks := r.tasks(run.RunID); len(tasks) != 1 || tasks[0].Title != want {
			t.Errorf("%s: run %+v, tasks %+v", cause, run, tasks)
		}
	}
}

func TestAFailedRunFailsItsWorkflowWithAMessageThatIsSafeToShow(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(`{"name": "broken", "enabled": true, "context": {"x": {"file": "missing.json"}},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`)
	id := r.trigger(def, "k")
	run := r.wait(id)
	if run.Status != core.RunFailed || run.Error == "" {
		t.Fatalf("run: %+v", run)
	}
	err := r.client.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != temporalrun.RunFailedError || !app.NonRetryable() || app.Message() != run.Error {
		t.Errorf("workflow ended with %v, the run with %q", err, run.Error)
	}
}

func TestRunsAreFoundByTheirSearchAttributes(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(hourly)
	r.fire(def, nominal, reject) // started without any
	r.wait(r.trigger(def, "k"))
	found := func(query string) (n int) {
		list, err := r.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: r.ns.Name, Query: query})
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return len(list.Executions)
	}
	mine := `activity_id = "` + def.ID + `"`
	for query, want := range map[string]int{
		mine:                                    2,
		mine + ` AND activity_trigger = "cron"`: 1,
		mine + ` AND activity_trigger = "manual"`:                    1,
		mine + ` AND activity_outcome = "succeeded"`:                 2,
		`activity_id = "` + core.DefinitionID("somebody-else") + `"`: 0,
	} {
		testkit.Eventually(t, query, func() bool { return found(query) == want })
	}
}

func TestSearchAttributesCanBeUsedOnceEnsured(t *testing.T) {
	r := newRig(t)
	name := r.ns.Name + "-plain"
	ns, err := client.NewNamespaceClient(client.Options{HostPort: r.ns.HostPort})
	if err != nil {
		t.Fatal(err)
	}
	defer ns.Close()
	if err := ns.Register(t.Context(), &workflowservice.RegisterNamespaceRequest{Namespace: name, WorkflowExecutionRetentionPeriod: retention()}); err != nil {
		t.Fatal(err)
	}
	c, err := client.NewClientFromExisting(r.client, client.Options{Namespace: name})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the namespace is known", func() bool {
		_, err := c.CheckHealth(t.Context(), nil)
		_, listErr := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Namespace: name})
		return err == nil && listErr == nil
	})
	for range 2 { // the second time there is nothing to do
		if err := temporalrun.EnsureSearchAttributes(t.Context(), c, name); err != nil {
			t.Fatal(err)
		}
	}
	starter := temporalrun.NewStarter(c)
	if _, err := starter.StartRun(t.Context(), core.DefinitionID("x"), core.ManualCause("k")); err != nil {
		t.Errorf("a start with them: %v", err)
	}
}
