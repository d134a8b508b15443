package temporalrun_test

import (
	"fmt"
	"testing"

	core "github.com/activity-core/activity-core"
)

const oneTask = `{"name": "one-task", "enabled": true, "rules": [{"name": "r", "actions": [{"type": "create_task", "with": {"title": "Do it"}}]}]}`

func TestARunWithOneTaskSucceedsAndLeavesTheTask(t *testing.T) {
	r := newRig(t)
	r.work()
	run := r.run(r.define(oneTask))
	if run.Status != core.RunSucceeded || run.Actions.Succeeded != 1 || run.Actions.Total != 1 {
		t.Fatalf("run: %+v", run)
	}
	tasks := r.tasks(run.RunID)
	if len(tasks) != 1 || tasks[0].Title != "Do it" || tasks[0].Status != core.TaskOpen {
		t.Fatalf("tasks: %+v", tasks)
	}
	if len(run.TemporalRunID) == 0 || run.StartedAt == nil || run.FinishedAt == nil {
		t.Errorf("the run does not say when and by which execution: %+v", run)
	}
}

func TestTheSameCauseTwiceIsOneRun(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(oneTask)
	run := r.wait(r.trigger(def, "k"))
	if state := r.record(def, core.ManualCause("k"), nil, ""); state.Inserted {
		t.Error("the ledger took the cause twice")
	}
	again, err := r.starter.StartRun(t.Context(), def.ID, core.ManualCause("k"))
	if err != nil || !again.AlreadyStarted {
		t.Fatalf("second start: %+v, %v", again, err)
	}
	if n := len(r.tasks(run.RunID)); n != 1 {
		t.Errorf("%d tasks", n)
	}
}

func TestARunOverManyItemsWritesATaskForEach(t *testing.T) {
	for _, n := range []int{3, 450} { // in one transaction, and by batches
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := newRig(t)
			r.work()
			run := r.run(r.define(fmt.Sprintf(`{"name": "many", "enabled": true, "context": {"n": {"static": %s}},
				"rules": [{"name": "r", "for_each": "context.n", "as": "i", "item_key": "i.k", "actions": [{"type": "create_task", "with": {"title": "Item ${i.k}"}}]}]}`, items(n))))
			if run.Status != core.RunSucceeded || run.Items != n || run.Actions.Succeeded != n {
				t.Fatalf("run: %+v", run)
			}
			seen := map[string]bool{}
			for _, task := range r.tasks(run.RunID) {
				seen[task.Title] = true
			}
			if len(seen) != n {
				t.Errorf("%d distinct titles", len(seen))
			}
		})
	}
}

// items is a JSON list of n objects with a key k.
func items(n int) string {
	list := "["
	for i := range n {
		if i > 0 {
			list += ","
		}
		list += fmt.Sprintf(`{"k": "k%d"}`, i)
	}
	return list + "]"
}
