package temporalrun_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/document"
)

// example saves a definition of examples/, changed by the test.
func (r *rig) example(file string, change func(*core.Definition)) core.StoredDefinition {
	r.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", file))
	if err != nil {
		r.Fatal(err)
	}
	docs, err := document.Parse(file, text, document.YAML)
	if err != nil || len(docs) != 1 {
		r.Fatalf("%s: %d documents, %v", file, len(docs), err)
	}
	def := docs[0].Definition
	if change != nil {
		change(&def)
	}
	def.ID = core.DefinitionID(def.Name)
	saved, err := r.store.ApplyChanges(r.Context(), []core.DefinitionChange{{Definition: def, ExpectVersion: core.AnyVersion}}, "test", time.Now())
	if err != nil {
		r.Fatalf("save %s: %v", file, err)
	}
	return saved[0]
}

// outcomes counts what became of a run's actions.
func (r *rig) outcomes(run core.Run) map[string]int {
	r.Helper()
	n := map[string]int{}
	for _, a := range r.actions(run.RunID) {
		if a.Result != nil {
			n[a.Result.Outcome]++
		}
	}
	return n
}

// allTasks lists every task of a definition.
func (r *rig) allTasks(def core.StoredDefinition, status ...core.TaskStatus) []core.Task {
	r.Helper()
	var all []core.Task
	p := core.PageRequest{Limit: 1000}
	for {
		page, err := r.store.Tasks(r.Context(), core.TaskFilter{ActivityID: def.ID, Status: status}, p)
		if err != nil {
			r.Fatal(err)
		}
		all = append(all, page.Items...)
		if p.Cursor = page.NextCursor; p.Cursor == "" {
			return all
		}
	}
}

// The repositories of examples/context are real ones: 423.
func TestTheWeeklyExampleOpensOneTaskPerRepositoryAndNoneWhileItWaits(t *testing.T) {
	r := newRig(t)
	r.dir = filepath.Join("..", "..", "examples", "context")
	r.work()
	def := r.example("weekly-sbom.yaml", nil)

	first := r.wait(r.trigger(def, "week-1"))
	if first.Status != core.RunSucceeded || first.Items != 423 || r.outcomes(first)["created"] != 423 {
		t.Fatalf("first week: %+v, %v", first, r.outcomes(first))
	}
	second := r.wait(r.trigger(def, "week-2"))
	if got := r.outcomes(second); second.Status != core.RunSucceeded || got["exists"] != 423 || len(r.tasks(second.RunID)) != 0 {
		t.Fatalf("second week: %+v, %v", second, got)
	}

	// Some are done, some given up, one is being worked on.
	closed := map[string]bool{}
	for i, status := range []core.TaskStatus{core.TaskDone, core.TaskDone, core.TaskCanceled, core.TaskInProgress} {
		task := r.tasks(first.RunID)[i]
		if _, err := r.store.PatchTask(t.Context(), task.TaskID, core.TaskPatch{Status: &status}, time.Now()); err != nil {
			t.Fatal(err)
		}
		closed[task.UniqueKey] = !status.Active()
	}
	third := r.wait(r.trigger(def, "week-3"))
	if got := r.outcomes(third); got["created"] != 3 || got["exists"] != 420 {
		t.Fatalf("third week: %v", got)
	}
	for _, task := range r.tasks(third.RunID) {
		if !closed[task.UniqueKey] {
			t.Errorf("%s was opened again although it waits", task.UniqueKey)
		}
	}
	if n := len(r.allTasks(def, core.TaskOpen, core.TaskInProgress)); n != 423 {
		t.Errorf("%d tasks wait", n)
	}
}

func TestIfOpenSaysWhatBecomesOfTheTaskThatWaits(t *testing.T) {
	for ifOpen, want := range map[core.IfOpen]struct {
		outcome, title string
		comments       []string
	}{
		core.IfOpenSkip:    {"exists", "week-1", nil},
		core.IfOpenUpdate:  {"updated", "week-2", nil},
		core.IfOpenComment: {"commented", "week-1", []string{"seen again: week-2"}},
	} {
		t.Run(string(ifOpen), func(t *testing.T) {
			r := newRig(t)
			if err := os.WriteFile(filepath.Join(r.dir, "repos.json"), []byte(`[{"full_name": "a/b", "owner": "a"}]`), 0o600); err != nil {
				t.Fatal(err)
			}
			r.work()
			def := r.example("weekly-sbom.yaml", func(d *core.Definition) {
				with := d.Rules[0].Actions[0].With
				with["if_open"], with["title"], with["comment"] = string(ifOpen), "${inputs.week}", "seen again: ${inputs.week}"
			})
			week := func(name string) core.Run {
				cause := core.ManualCause(name)
				r.record(def, cause, nil, `{"week": "`+name+`"}`)
				if _, err := r.starter.StartRun(t.Context(), def.ID, cause); err != nil {
					t.Fatal(err)
				}
				return r.wait(core.WorkflowID(def.ID, cause))
			}
			week("week-1")
			again := week("week-2")
			if got := r.outcomes(again); got[want.outcome] != 1 {
				t.Fatalf("outcomes %v", got)
			}
			tasks := r.allTasks(def)
			if len(tasks) != 1 || tasks[0].Title != want.title || tasks[0].Status != core.TaskOpen {
				t.Fatalf("tasks %+v", tasks)
			}
			task, err := r.store.Task(t.Context(), tasks[0].TaskID)
			if err != nil {
				t.Fatal(err)
			}
			var comments []string
			for _, c := range task.Comments {
				comments = append(comments, c.Text)
				if c.RunID != again.RunID {
					t.Errorf("the comment is of run %s, not %s", c.RunID, again.RunID)
				}
			}
			if !slices.Equal(comments, want.comments) {
				t.Errorf("comments %q", comments)
			}
		})
	}
}

// Without unique_key the rule itself can leave out what has its task: the tasks of a definition
// are context.
func TestOpenTasksAsContextKeepARuleFromOpeningThemAgain(t *testing.T) {
	r := newRig(t)
	r.work()
	def := r.define(`{"name": "by-context", "enabled": true, "context": {"open": {"tasks": {}}, "repos": {"static": ["a", "b", "c"]}},
		"rules": [{"name": "r", "for_each": "context.repos.filter(x, !context.open.exists(t, t.item_key == x))", "as": "repo", "item_key": "repo",
			"actions": [{"type": "create_task", "with": {"title": "${repo}"}}]}]}`)
	first := r.wait(r.trigger(def, "1"))
	second := r.wait(r.trigger(def, "2"))
	done := core.TaskDone
	if _, err := r.store.PatchTask(t.Context(), r.tasks(first.RunID)[0].TaskID, core.TaskPatch{Status: &done}, time.Now()); err != nil {
		t.Fatal(err)
	}
	third := r.wait(r.trigger(def, "3"))
	if first.Items != 3 || second.Items != 0 || third.Items != 1 {
		t.Errorf("items %d, %d, %d", first.Items, second.Items, third.Items)
	}
}
