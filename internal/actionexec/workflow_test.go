package actionexec_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/actionexec"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

func TestMain(m *testing.M) { os.Exit(devstacktest.Main(m)) }

// greet is a workflow of a user's own.
func greet(_ workflow.Context, in struct{ Name string }) (map[string]any, error) {
	if in.Name == "" {
		return nil, errors.New("nobody to greet")
	}
	return map[string]any{"text": "Hello " + in.Name}, nil
}

func TestAWorkflowOfTheUsersOwnIsStartedOnceAndWaitedFor(t *testing.T) {
	c := devstacktest.Temporal(t).Client(t)
	w := worker.New(c, "their-tq", worker.Options{})
	w.RegisterWorkflowWithOptions(greet, workflow.RegisterOptions{Name: "greet"})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	e := executor(t, func(cfg *actionexec.Config) { cfg.Workflows = actionexec.TemporalStarter{Client: c} })
	with := map[string]any{"workflow_type": "greet", "task_queue": "their-tq", "input": map[string]any{"Name": "Ada"}, "wait": true}
	v, res, err := perform(t, e, action(core.ActionStartWorkflow, with))
	if err != nil || res.Outcome != "completed" || v["workflow_id"] != key || v["already_started"] != false || v["result"].(map[string]any)["text"] != "Hello Ada" {
		t.Fatalf("%v %v, %v", res.Outcome, v, err)
	}
	again, _, err := perform(t, e, action(core.ActionStartWorkflow, with))
	if err != nil || again["already_started"] != true || again["run_id"] != v["run_id"] {
		t.Errorf("a repeat: %v, %v", again, err)
	}
	with["input"], with["workflow_id"] = map[string]any{"Name": ""}, "other"
	if _, _, err := perform(t, e, action(core.ActionStartWorkflow, with)); !core.IsCode(err, core.CodeInvalid) || !strings.Contains(core.MessageOf(err), "nobody to greet") {
		t.Errorf("a workflow that fails: %v", err)
	}
}

func TestAKeyTooLongForTemporalBecomesAHash(t *testing.T) {
	c := devstacktest.Temporal(t).Client(t)
	e := executor(t, func(cfg *actionexec.Config) { cfg.Workflows = actionexec.TemporalStarter{Client: c} })
	a := action(core.ActionStartWorkflow, map[string]any{"workflow_type": "greet", "task_queue": "their-tq"})
	a.Key = strings.Repeat("k", 300)
	v, res, err := perform(t, e, a)
	if err != nil || res.Outcome != "started" || !strings.HasPrefix(v["workflow_id"].(string), "sha256-") {
		t.Errorf("%v %v, %v", res.Outcome, v, err)
	}
}
