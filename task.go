package activitycore

import (
	"time"
)

// TaskStatus is the state of a task.
type TaskStatus string

// The task statuses. Any may follow any: people reopen tasks.
const (
	TaskOpen       TaskStatus = "open"
	TaskInProgress TaskStatus = "in_progress"
	TaskDone       TaskStatus = "done"
	TaskCanceled   TaskStatus = "canceled"
)

// TaskStatuses lists every status.
func TaskStatuses() []TaskStatus {
	return []TaskStatus{TaskOpen, TaskInProgress, TaskDone, TaskCanceled}
}

// Active reports whether the task still waits for somebody: open or in progress.
func (s TaskStatus) Active() bool { return s == TaskOpen || s == TaskInProgress }

// Task is a piece of work for a person, created by a create_task action.
type Task struct {
	TaskID     string `json:"task_id"`
	RunID      string `json:"run_id"`
	ActivityID string `json:"activity_id"`
	Rule       string `json:"rule"`
	ItemKey    string `json:"item_key"`
	// ActionKey is the idempotency key of the action that created it; unique.
	ActionKey string `json:"action_key"`
	// UniqueKey, if not empty, allows one active task per (activity, unique key).
	UniqueKey   string     `json:"unique_key,omitempty"`
	Title       string     `json:"title"`
	Description string     `json:"description,omitempty"`
	Labels      []string   `json:"labels,omitempty"`
	Priority    string     `json:"priority"`
	Assignee    string     `json:"assignee,omitempty"`
	Status      TaskStatus `json:"status"`
	// Comments are appended by if_open: comment, newest last.
	Comments  []TaskComment `json:"comments,omitempty"`
	CreatedAt time.Time     `json:"created_at"`
	UpdatedAt time.Time     `json:"updated_at"`
}

// TaskComment is a note that a later run left on an open task.
type TaskComment struct {
	RunID string    `json:"run_id"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// IfOpen says what a create_task with a unique_key does when an active task
// with that key exists.
type IfOpen string

// The IfOpen values.
const (
	IfOpenSkip    IfOpen = "skip"
	IfOpenUpdate  IfOpen = "update"
	IfOpenComment IfOpen = "comment"
)
