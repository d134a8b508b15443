package temporalrun_test

import (
	"encoding/json"
	"sort"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
)

// runEvent records and starts the run of an event and returns it finished.
func (r *rig) runEvent(def core.StoredDefinition, event *core.Event) core.Run {
	r.Helper()
	cause := core.EventCause(event.EventID)
	r.record(def, cause, event, "")
	if _, err := r.starter.StartRun(r.Context(), def.ID, cause); err != nil {
		r.Fatalf("start run: %v", err)
	}
	return r.wait(core.WorkflowID(def.ID, cause))
}

func commits(id string, messages ...string) *core.Event {
	type commit struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	}
	list := []commit{}
	for i, m := range messages {
		list = append(list, commit{string(rune('a' + i)), m})
	}
	payload, _ := json.Marshal(map[string]any{"commits": list})
	return &core.Event{EventID: id, Type: "test.event", Time: time.Now().UTC(), Payload: payload}
}

const (
	eachCommit  = `"for_each": "payload.commits", "as": "c", "item_key": "c.id"`
	commitTask  = `{"type": "create_task", "with": {"title": "Review: ${c.message}"}}`
	auditCommit = `{"name": "audit", "actions": [{"type": "create_task", "with": {"title": "Audit"}}]}`
)

func TestPoisonItemFailsAloneInARun(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	call := `{"type": "http_request", "with": {"url": "` + s.URL + `/${c.id}"}}`
	for name, rules := range map[string]string{
		"tasks only":       auditCommit + `, {"name": "review", ` + eachCommit + `, "actions": [` + commitTask + `]}`,
		"carried out":      auditCommit + `, {"name": "review", ` + eachCommit + `, "actions": [` + commitTask + `, ` + call + `]}`,
		"the call is last": auditCommit + `, {"name": "review", ` + eachCommit + `, "actions": [` + call + `, ` + commitTask + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			def := r.define(`{"name": "review-` + strings.ReplaceAll(name, " ", "-") + `", "enabled": true, "rules": [` + rules + `]}`)
			run := r.runEvent(def, commits(strings.ReplaceAll(name, " ", "-"), "fix typo", "update\n\nSigned-off-by: A", "add test"))
			if run.Status != core.RunPartial || run.Actions.Failed != 1 || run.Items != 4 {
				t.Fatalf("run %+v, want partial with one failed action of 4 items", run)
			}
			if titles := r.titles(run.RunID); strings.Join(titles, "|") != "Audit|Review: add test|Review: fix typo" {
				t.Errorf("tasks %q, want those of the good items and of the other rule", titles)
			}
			for _, a := range r.actions(run.RunID) {
				bad := a.ItemKey == "b" && a.Type == core.ActionCreateTask
				switch {
				case bad && (a.Status != core.ActionFailed || a.Result.Attempts != 0 || !strings.Contains(a.Result.Error, `${c.message.split('\n')[0]}`)):
					t.Errorf("the bad action is %s: %+v, want failed with its remedy and no attempt", a.Status, a.Result)
				case !bad && a.Status != core.ActionSucceeded && name != "carried out":
					t.Errorf("action %s is %s: %+v", a.Key, a.Status, a.Result)
				case name == "carried out" && a.ItemKey == "b" && a.Type == core.ActionHTTPRequest && a.Status != core.ActionSkipped:
					t.Errorf("the call after the bad action is %s, want it skipped", a.Status)
				}
			}
		})
	}
}

func TestARunOfPoisonItemsOnlyFailsAndSaysWhy(t *testing.T) {
	r := newRig(t)
	r.work()
	s := newSink(t)
	for name, actions := range map[string]string{
		"tasks": commitTask,
		"calls": commitTask + `, {"type": "http_request", "with": {"url": "` + s.URL + `/${c.message}/.."}}`,
	} {
		def := r.define(`{"name": "all-` + name + `", "enabled": true, "rules": [{"name": "review", ` + eachCommit + `, "actions": [` + actions + `]}]}`)
		run := r.runEvent(def, commits("all-"+name, "a\nb", "c\nd"))
		want := `no action succeeded; the first that failed: rule "review", item 0 (key "a")`
		if run.Status != core.RunFailed || run.Actions.Failed != 2 || !strings.Contains(run.Error, want) {
			t.Errorf("%s: run %+v, want failed with 2 failed actions and the error %q", name, run, want)
		}
	}
}

func TestPoisonItemInAStoredPlanIsNotMadeAnew(t *testing.T) {
	r := newRig(t)
	def := r.define(`{"name": "stored", "enabled": true, "rules": [` + auditCommit + `]}`)
	event := commits("stored")
	cause := core.EventCause(event.EventID)
	r.record(def, cause, event, "")
	workflowID := core.WorkflowID(def.ID, cause)
	plan := core.Plan{Items: 2, Actions: []core.PlannedAction{
		{Seq: 0, Rule: "r", ItemIndex: 0, Key: workflowID + "/r/#0/0", Type: core.ActionCreateTask, With: map[string]any{}, Error: "has no title"},
		{Seq: 1, Rule: "r", ItemKey: "b", ItemIndex: 1, Key: workflowID + "/r/b/0", Type: core.ActionCreateTask, With: map[string]any{"title": "kept"}},
	}}
	started, err := r.starter.StartRun(t.Context(), def.ID, cause)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := r.client.DescribeWorkflowExecution(t.Context(), workflowID, "")
	if err != nil {
		t.Fatalf("describe %+v: %v", started, err)
	}
	if _, err := r.store.Admit(t.Context(), core.Claim{ActivityID: def.ID, Cause: cause, WorkflowID: workflowID, DefinitionVersion: def.Version,
		TemporalRunID: desc.WorkflowExecutionInfo.FirstRunId, ActivityName: def.Name, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.store.SavePlan(t.Context(), core.RunID(workflowID), plan); err != nil {
		t.Fatal(err)
	}
	r.work()
	run := r.wait(workflowID)
	actions := r.actions(run.RunID)
	if run.Status != core.RunPartial || actions[0].Result.Error != "has no title" || actions[1].Status != core.ActionSucceeded {
		t.Errorf("run %+v with %+v, want the stored plan carried out: its first action failed, its second done", run, actions)
	}
}

// titles are those of a run's tasks, sorted.
func (r *rig) titles(runID string) []string {
	r.Helper()
	var titles []string
	for _, task := range r.tasks(runID) {
		titles = append(titles, task.Title)
	}
	sort.Strings(titles)
	return titles
}
