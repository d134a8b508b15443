package sqlstore

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
)

const taskColumns = `task_id, run_id, activity_id, rule, item_key, action_key, unique_key, title, description, labels,
	priority, assignee, status, created_at, updated_at`

// taskRow is a task whose comments are not read yet.
type taskRow struct {
	core.Task
	comments int
}

func scanTask(r scanner) (taskRow, error) {
	var t taskRow
	var labels string
	err := r.Scan(&t.TaskID, &t.RunID, &t.ActivityID, &t.Rule, &t.ItemKey, &t.ActionKey, &t.UniqueKey, &t.Title, &t.Description,
		&labels, &t.Priority, &t.Assignee, &t.Status, timeInto{&t.CreatedAt}, timeInto{&t.UpdatedAt}, &t.comments)
	if err == nil {
		t.Labels, err = decodeList(labels)
	}
	return t, err
}

// encodeList writes a list of strings as JSON; "" for an empty one.
func encodeList(l []string) string {
	if len(l) == 0 {
		return ""
	}
	cleaned := make([]string, len(l))
	for i, s := range l {
		cleaned[i] = clean(s)
	}
	b, _ := json.Marshal(cleaned) // strings always can be
	return string(b)
}

func decodeList(s string) (l []string, err error) {
	if s != "" {
		err = json.Unmarshal([]byte(s), &l)
	}
	return l, err
}

// maxComments is how many comments of a task are read: the newest.
const maxComments = 100

// withComments reads the comments of the tasks that have some.
func withComments(ctx context.Context, q Querier, rows []taskRow) ([]core.Task, error) {
	out := make([]core.Task, len(rows))
	index := map[string]int{}
	var ids []string
	for i, r := range rows {
		out[i] = r.Task
		if r.comments > 0 {
			index[r.TaskID] = i
			ids = append(ids, r.TaskID)
		}
	}
	type comment struct {
		task string
		core.TaskComment
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), inChunk)]
		ids = ids[len(part):]
		var b statement
		b.add(`SELECT task_id, run_id, body, created_at FROM (
			SELECT task_id, run_id, body, created_at, action_key,
				ROW_NUMBER() OVER (PARTITION BY task_id ORDER BY created_at DESC, action_key DESC) AS age
			FROM task_comments WHERE task_id IN `)
		in(&b, part)
		b.add(`) AS aged WHERE age <= ? ORDER BY task_id, created_at, action_key`, maxComments)
		found, err := list(ctx, q, func(r scanner) (c comment, err error) {
			err = r.Scan(&c.task, &c.RunID, &c.Text, timeInto{&c.At})
			return c, err
		}, b.String(), b.args...)
		if err != nil {
			return nil, err
		}
		for _, c := range found {
			t := &out[index[c.task]]
			t.Comments = append(t.Comments, c.TaskComment)
		}
	}
	return out, nil
}

// Task finds a task, with its newest 100 comments.
func (s *Store) Task(ctx context.Context, taskID string) (core.Task, error) {
	t, err := findTask(ctx, s.engine.Reader(), taskID, "")
	return t, s.translate("find task", err)
}

func findTask(ctx context.Context, q Querier, taskID, lock string) (core.Task, error) {
	t, found, err := one(ctx, q, scanTask, `SELECT `+taskColumns+`, comments FROM tasks WHERE task_id = $1`+lock, clean(taskID))
	if err != nil {
		return t.Task, err
	}
	if !found {
		return t.Task, core.NotFound("task", clean(taskID))
	}
	all, err := withComments(ctx, q, []taskRow{t})
	if err != nil {
		return t.Task, err
	}
	return all[0], nil
}

// Tasks lists tasks, newest first.
func (s *Store) Tasks(ctx context.Context, f core.TaskFilter, p core.PageRequest) (core.Page[core.Task], error) {
	var none core.Page[core.Task]
	const step = "list tasks"
	tag := listTag("tasks", f)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	for _, st := range f.Status {
		if err := knownValue("status", st, core.TaskStatuses()); err != nil {
			return none, err
		}
	}
	l := taskListing(f, p.Limit)
	if after != nil {
		l.after = []any{after.time(), after.Keys[0]}
	}
	q := s.engine.Reader()
	rows, err := read(ctx, s, l, scanTask)
	if err != nil {
		return none, s.translate(step, err)
	}
	all, err := withComments(ctx, q, rows)
	if err != nil {
		return none, s.translate(step, err)
	}
	return closePage(tag, all, p.Limit, func(t core.Task) (time.Time, []string) {
		return t.CreatedAt, []string{t.TaskID}
	}), nil
}

// taskListing lists tasks, newest first. A run belongs to one definition, which so restricts no
// further.
func taskListing(f core.TaskFilter, limit int) *listing {
	l := &listing{table: "tasks", columns: taskColumns + `, comments`, order: []string{"created_at", "task_id"}, descending: true, limit: limit}
	if l.equal("run_id", f.RunID).equal("activity_id", f.ActivityID); f.RunID != "" {
		l.narrow = "run_id"
	}
	if len(f.Status) > 0 || len(l.fixed) > 0 {
		l.options = []option{optionOf("status", f.Status, core.TaskStatuses())}
	}
	return l
}

// PatchTask changes a task. Reopening one whose unique key another active task has is CodeConflict.
func (s *Store) PatchTask(ctx context.Context, taskID string, patch core.TaskPatch, at time.Time) (core.Task, error) {
	if patch.Status != nil {
		if err := knownValue("status", *patch.Status, core.TaskStatuses()); err != nil {
			return core.Task{}, err
		}
	}
	var out core.Task
	err := s.write(ctx, "change task", func(ctx context.Context, q Querier) error {
		t, err := findTask(ctx, q, taskID, s.dialect.ForUpdate)
		if err != nil {
			return err
		}
		out = t
		if patch.Status != nil {
			t.Status = *patch.Status
		}
		if patch.Assignee != nil {
			t.Assignee = clean(*patch.Assignee)
		}
		if patch.Priority != nil {
			t.Priority = clean(*patch.Priority)
		}
		if patch.Labels != nil {
			t.Labels, _ = decodeList(encodeList(*patch.Labels))
		}
		if t.Status == out.Status && t.Assignee == out.Assignee && t.Priority == out.Priority && slices.Equal(t.Labels, out.Labels) {
			return nil
		}
		if t.Status.Active() && !out.Status.Active() && t.UniqueKey != "" {
			other, taken, err := one(ctx, q, value[string], `SELECT task_id FROM tasks WHERE activity_id = $1 AND unique_key = $2
				AND status IN ('open', 'in_progress')`, t.ActivityID, t.UniqueKey)
			if err != nil {
				return err
			}
			if taken {
				return core.Errorf(core.CodeConflict,
					"task %s cannot be reopened: task %s is open with the same unique key %q", t.TaskID, other, t.UniqueKey)
			}
		}
		t.UpdatedAt = ts(at)
		out = t
		_, err = exec(ctx, q, `UPDATE tasks SET status = $1, assignee = $2, priority = $3, labels = $4, updated_at = $5 WHERE task_id = $6`,
			string(t.Status), t.Assignee, t.Priority, encodeList(t.Labels), t.UpdatedAt, t.TaskID)
		return err
	})
	return out, err
}
