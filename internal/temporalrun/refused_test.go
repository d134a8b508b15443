package temporalrun_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalrun"
)

// byHand starts a workflow on our task queue past every use case, as a workflow of somebody
// else could, and returns how it ended.
func (r *rig) byHand(id, workflowType string, args ...any) error {
	r.Helper()
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	run, err := r.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: core.TaskQueue}, workflowType, args...)
	if err != nil {
		r.Fatalf("start %s: %v", id, err)
	}
	return run.Get(ctx, nil)
}

func TestAnExecutionThatNobodyAskedForIsRefused(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(`{"name": "clocked", "enabled": true, "trigger_type": "cron", "trigger_config": {"cron_expression": "0 0 1 * *"},
		"rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "t"}}]}]}`)
	now := time.Now()
	slot := func(at time.Time) core.Cause { return core.CronCause(at) }
	for name, c := range map[string]struct {
		cause core.Cause
		want  string // "": it runs
	}{
		"a slot of next month":      {slot(now.AddDate(0, 1, 0)), "is not due yet"},
		"a slot in two minutes":     {slot(now.Add(2 * time.Minute)), "is not due yet"},
		"a slot of a clock ahead":   {slot(now.Add(20 * time.Second)), ""},
		"a slot that is due":        {slot(now.Add(-time.Second)), ""},
		"an event nobody recorded":  {core.EventCause("forged"), "no one recorded the cause"},
		"a trigger nobody recorded": {core.ManualCause("forged"), "no one recorded the cause"},
	} {
		err := r.byHand(core.WorkflowID(def.ID, c.cause), core.WorkflowType, temporalrun.Input{RunInput: core.RunInput{ActivityID: def.ID, Cause: c.cause}})
		_, read := r.store.LedgerEntry(t.Context(), def.ID, c.cause.Key())
		if c.want == "" {
			if err != nil || read != nil {
				t.Errorf("%s: %v, ledger %v, want it to run", name, err, read)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s ends with %v, want %q", name, err, c.want)
		}
		if !core.IsCode(read, core.CodeNotFound) {
			t.Errorf("%s has a row in the ledger (%v), want none", name, read)
		}
	}
}

func TestAWorkflowOfUnknownTypeEnds(t *testing.T) {
	r := newRig(t)
	r.work()
	err := r.byHand("stray", "NobodysWorkflow", map[string]any{"a": 1}, 2)
	if err == nil || !strings.Contains(err.Error(), `activity-core has no workflow of type "NobodysWorkflow"`) {
		t.Errorf("it ends with %v, want an error that names the type", err)
	}
}
