package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
)

// The outcomes of a create_task action.
const (
	outcomeCreated   = "created"
	outcomeExists    = "exists"
	outcomeUpdated   = "updated"
	outcomeCommented = "commented"
)

// maxTaskRaces bounds how often a task write starts over because the active
// task it lost to was closed in between.
const maxTaskRaces = 8

// writeTasks creates tasks, or treats the active ones with the same unique key
// as IfOpen says, and completes the results of their actions.
func (s *Store) writeTasks(ctx context.Context, q Querier, run core.Run, writes []core.TaskWrite, results map[int]core.ActionResult) error {
	if len(writes) == 0 {
		return nil
	}
	writes = append([]core.TaskWrite(nil), writes...)
	for i := range writes {
		w := &writes[i]
		if _, ok := results[w.Seq]; !ok {
			return core.InvalidField("tasks.seq", w.Seq, "has no result: a task is stored with the result of its action")
		}
		if err := completeTask(&w.Task, run, results[w.Seq].FinishedAt); err != nil {
			return err
		}
	}
	created, err := s.insertTasks(ctx, q, writes)
	if err != nil {
		return err
	}
	for _, w := range writes {
		id, outcome := w.Task.TaskID, outcomeCreated
		if !created[id] {
			if id, outcome, err = s.writeExisting(ctx, q, w); err != nil {
				return err
			}
		}
		created[w.Task.TaskID] = false // a second write of the same action finds the task
		r := results[w.Seq]
		r.Outcome = outcome
		if r.Result, err = json.Marshal(map[string]string{"task_id": id}); err != nil {
			return err
		}
		results[w.Seq] = r
	}
	return nil
}

// completeTask fills in what follows from the run and checks the keys.
func completeTask(t *core.Task, run core.Run, at time.Time) error {
	if err := checkKey("tasks.action_key", t.ActionKey); err != nil {
		return err
	}
	if err := checkKey("tasks.unique_key", t.UniqueKey); err != nil {
		return err
	}
	if t.ActionKey == "" {
		return core.InvalidField("tasks.action_key", "", "must name the action that creates the task")
	}
	t.TaskID, t.RunID, t.ActivityID = core.TaskID(t.ActionKey), run.RunID, run.ActivityID
	if t.Status == "" {
		t.Status = core.TaskOpen
	}
	if t.CreatedAt.IsZero() {
		t.CreatedAt = at
	}
	if t.UpdatedAt.IsZero() {
		t.UpdatedAt = t.CreatedAt
	}
	return knownValue("status", t.Status, core.TaskStatuses())
}

// insertTasks creates the tasks that neither their action nor an active task
// with the same unique key stands against, and returns their IDs.
func (s *Store) insertTasks(ctx context.Context, q Querier, writes []core.TaskWrite) (map[string]bool, error) {
	created := make(map[string]bool, len(writes))
	err := s.insert(ctx, q, `INSERT INTO tasks (`+taskColumns+`)`, `ON CONFLICT DO NOTHING RETURNING task_id`, len(writes),
		func(i int) []any {
			t := &writes[i].Task
			return []any{t.TaskID, t.RunID, t.ActivityID, clean(t.Rule), clean(t.ItemKey), t.ActionKey, t.UniqueKey,
				clean(t.Title), clean(t.Description), encodeList(t.Labels), clean(t.Priority), clean(t.Assignee),
				string(t.Status), ts(t.CreatedAt), ts(t.UpdatedAt)}
		},
		func(r scanner) error {
			var id string
			err := r.Scan(&id)
			created[id] = true
			return err
		})
	return created, err
}

// writeExisting handles a task write that found its action's task or an active one with its
// unique key.
func (s *Store) writeExisting(ctx context.Context, q Querier, w core.TaskWrite) (taskID, outcome string, err error) {
	for range maxTaskRaces {
		if _, own, err := one(ctx, q, value[string], `SELECT task_id FROM tasks WHERE task_id = $1`, w.Task.TaskID); err != nil || own {
			return w.Task.TaskID, outcomeExists, err
		}
		open, found, err := one(ctx, q, value[string], `SELECT task_id FROM tasks WHERE activity_id = $1 AND unique_key = $2
			AND unique_key <> '' AND status IN ('open', 'in_progress')`+s.dialect.ForUpdate, w.Task.ActivityID, w.Task.UniqueKey)
		if err != nil {
			return "", "", err
		}
		if found {
			outcome, err := s.touchTask(ctx, q, open, w)
			return open, outcome, err
		}
		// Closed in between: now it may be created.
		created, err := s.insertTasks(ctx, q, []core.TaskWrite{w})
		if err != nil || created[w.Task.TaskID] {
			return w.Task.TaskID, outcomeCreated, err
		}
	}
	return "", "", core.Errorf(core.CodeUnavailable,
		"the task with unique key %q was opened and closed while it was written; try again later", w.Task.UniqueKey)
}

// touchTask does to an active task what IfOpen says.
func (s *Store) touchTask(ctx context.Context, q Querier, taskID string, w core.TaskWrite) (outcome string, err error) {
	t := &w.Task
	switch w.IfOpen {
	case core.IfOpenUpdate:
		// Somebody may have taken the task: an assignee is replaced by one, not by nobody.
		_, err := exec(ctx, q, `UPDATE tasks SET title = $1, description = $2, labels = $3, priority = $4,
			assignee = CASE WHEN $5 = '' THEN assignee ELSE $5 END, updated_at = $6 WHERE task_id = $7`,
			clean(t.Title), clean(t.Description), encodeList(t.Labels), clean(t.Priority), clean(t.Assignee), ts(t.UpdatedAt), taskID)
		return outcomeUpdated, err
	case core.IfOpenComment:
		n, err := exec(ctx, q, `INSERT INTO task_comments (task_id, action_key, run_id, body, created_at) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (task_id, action_key) DO NOTHING`, taskID, t.ActionKey, t.RunID, clean(w.Comment), ts(t.UpdatedAt))
		if err != nil || n == 0 {
			return outcomeCommented, err
		}
		_, err = exec(ctx, q, `UPDATE tasks SET comments = comments + 1, updated_at = $1 WHERE task_id = $2`, ts(t.UpdatedAt), taskID)
		return outcomeCommented, err
	case core.IfOpenSkip, "":
		return outcomeExists, nil
	}
	return "", core.InvalidField("if_open", clean(string(w.IfOpen)), "must be skip, update or comment")
}
