package activitycore

import (
	"encoding/json"
	"slices"
	"time"
)

// RunStatus is the state of a run. Transitions are drawn in docs/states.md and
// enforced by [RunStatus.CanBecome].
type RunStatus string

// The run statuses. The last four are final.
const (
	RunPending   RunStatus = "pending"   // cause recorded, not yet admitted
	RunRunning   RunStatus = "running"   // admitted: claimed by one workflow execution
	RunSucceeded RunStatus = "succeeded" // every action succeeded (or there was none)
	RunPartial   RunStatus = "partial"   // some actions failed, some succeeded
	RunFailed    RunStatus = "failed"    // no plan could be made, or every action failed
	RunCanceled  RunStatus = "canceled"  // stopped on request; the actions say what was done
)

// RunStatuses lists every status.
func RunStatuses() []RunStatus {
	return []RunStatus{RunPending, RunRunning, RunSucceeded, RunPartial, RunFailed, RunCanceled}
}

// Final reports whether no further transition is possible.
func (s RunStatus) Final() bool {
	switch s {
	case RunSucceeded, RunPartial, RunFailed, RunCanceled:
		return true
	}
	return false
}

// CanBecome reports whether a run in status s may go to next.
func (s RunStatus) CanBecome(next RunStatus) bool {
	switch s {
	case RunPending:
		return next == RunRunning || next == RunFailed || next == RunCanceled
	case RunRunning:
		return next.Final()
	}
	return false
}

// ActionCounts are the actions of a run by outcome.
type ActionCounts struct {
	Total     int `json:"total"`
	Succeeded int `json:"succeeded"`
	Failed    int `json:"failed"`
}

// Outcome derives a run's final status from its actions: succeeded when none
// failed, failed when all did, partial otherwise.
func (c ActionCounts) Outcome() RunStatus {
	switch {
	case c.Failed == 0 && c.Succeeded == c.Total:
		return RunSucceeded
	case c.Succeeded == 0:
		return RunFailed
	default:
		return RunPartial
	}
}

// Run is one firing of a definition.
type Run struct {
	RunID             string       `json:"run_id"`
	ActivityID        string       `json:"activity_id"`
	ActivityName      string       `json:"activity_name"`
	DefinitionVersion int64        `json:"definition_version"`
	Cause             Cause        `json:"cause"`
	WorkflowID        string       `json:"workflow_id"`
	TemporalRunID     string       `json:"temporal_run_id,omitempty"`
	Status            RunStatus    `json:"status"`
	Items             int          `json:"items"`
	Actions           ActionCounts `json:"actions"`
	// Error is safe to show; empty unless the run failed.
	Error      string     `json:"error,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	StartedAt  *time.Time `json:"started_at,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

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

// Plan is what a firing decided to do: made once, stored once, carried out from
// the record. Its actions are in order; Seq counts them from 0.
type Plan struct {
	Items   int             `json:"items"`
	Rules   []RuleTrace     `json:"rules"`
	Actions []PlannedAction `json:"actions"`
	// Cost is what its evaluations cost together, in units; 0 in plans that older versions stored.
	Cost int64 `json:"cost,omitempty"`
}

// RuleTrace explains one rule of a plan.
type RuleTrace struct {
	Rule string `json:"rule"`
	// When is the value of the rule's condition.
	When bool `json:"when"`
	// Items is how many items for_each gave; 1 for a rule without for_each that applied.
	Items int `json:"items"`
	// Actions is how many actions the rule planned.
	Actions int `json:"actions"`
	// Failed is how many of them could not be made; each has its Error.
	Failed int `json:"failed,omitempty"`
	// Cost is what the rule's evaluations cost, in units.
	Cost int64 `json:"cost,omitempty"`
	// Note says why nothing came of the rule, or is empty.
	Note string `json:"note,omitempty"`
}

// PlannedAction is one action of a plan with its parameters resolved.
type PlannedAction struct {
	Seq         int        `json:"seq"`
	Rule        string     `json:"rule"`
	ItemKey     string     `json:"item_key"`
	ItemIndex   int        `json:"item_index"`
	ActionIndex int        `json:"action_index"`
	Key         string     `json:"key"`
	Type        ActionType `json:"type"`
	Name        string     `json:"name,omitempty"`
	// With holds the resolved parameters. Where Deferred is set, strings in it may
	// still refer to steps.<name> and are resolved when the action is carried out.
	With map[string]any `json:"with"`
	// Deferred is true if With still contains ${…} over steps. Scope then holds
	// the values the remaining expressions need besides steps.
	Deferred bool           `json:"deferred,omitempty"`
	Scope    map[string]any `json:"scope,omitempty"`
	Retry    *RetryPolicy   `json:"retry,omitempty"`
	Timeout  Duration       `json:"timeout,omitempty"`
	OnError  OnError        `json:"on_error,omitempty"`
	// Error says why the parameters could not be made; With is empty then, and the action fails
	// when its turn comes. Safe to show.
	Error string `json:"error,omitempty"`
}

// ActionStatus is the state of one planned action.
type ActionStatus string

// The action statuses.
const (
	ActionPending   ActionStatus = "pending"
	ActionSucceeded ActionStatus = "succeeded"
	ActionFailed    ActionStatus = "failed"
	// ActionSkipped: an earlier action of the item failed with on_error: stop, or the run was canceled.
	ActionSkipped ActionStatus = "skipped"
)

// ActionResult is what became of one planned action.
type ActionResult struct {
	Seq      int          `json:"seq"`
	Status   ActionStatus `json:"status"`
	Attempts int          `json:"attempts"`
	// Outcome is a word for metrics and people: created, updated, exists, delivered, published, started, …
	Outcome string `json:"outcome,omitempty"`
	// Result is JSON that later actions see as steps.<name>; captured within a limit.
	Result json.RawMessage `json:"result,omitempty"`
	// Error is safe to show.
	Error      string    `json:"error,omitempty"`
	FinishedAt time.Time `json:"finished_at"`
}

// ActionRecord is a planned action with its result so far.
type ActionRecord struct {
	PlannedAction
	Status ActionStatus  `json:"status"`
	Result *ActionResult `json:"result,omitempty"`
}

// Event is the envelope of everything that arrives over NATS or HTTP.
type Event struct {
	EventID string          `json:"event_id"`
	Type    string          `json:"type"`
	Source  string          `json:"source,omitempty"`
	Subject string          `json:"subject,omitempty"`
	Time    time.Time       `json:"time"`
	Payload json.RawMessage `json:"payload"`
	// AlsoTypes are further types the event matches as (github.release.published
	// for github.release); set by ingest.
	AlsoTypes []string `json:"also_types,omitempty"`
	// Hops counts how many runs lie between the event's origin and it; publish_event
	// adds one and refuses above [MaxHops].
	Hops int `json:"hops,omitempty"`
	// Chain names the definitions whose runs lie between the origin and the event, oldest first, at most
	// [MaxHops]. It is shorter than Hops where an older version published one of them.
	Chain []string `json:"chain,omitempty"`
	// Extensions are CloudEvents' extension attributes: text, numbers and booleans by names of small letters and digits.
	Extensions Extensions `json:"extensions,omitempty"`
}

// Follow puts an event that a run of a definition publishes behind the event that caused the run, nil for none. It reports
// false, and changes nothing, at the end of the longest chain allowed.
func (e *Event) Follow(cause *Event, activityID string) bool {
	var before Event
	if cause != nil {
		before = *cause
	}
	if before.Hops >= MaxHops {
		return false
	}
	e.Hops = before.Hops + 1
	e.Chain = append(slices.Clone(before.Chain), activityID)
	return true
}

// CausedBy reports whether a run of the definition caused the event, directly or through runs of others.
func (e *Event) CausedBy(activityID string) bool { return slices.Contains(e.Chain, activityID) }

// MaxHops bounds chains of runs that publish events that start runs.
const MaxHops = 16

// Verdict is the terminal state of an expected slot or match in the ledger, or
// one of the two states before it.
type Verdict string

// The verdicts. Pending and started precede a terminal one.
const (
	VerdictPending      Verdict = "pending"      // recorded, start not confirmed
	VerdictStarted      Verdict = "started"      // start confirmed, run not admitted yet
	VerdictFired        Verdict = "fired"        // admitted: the one run of this cause
	VerdictSkipped      Verdict = "skipped"      // by policy; Reason says misfire, overlap, window …
	VerdictCompressed   Verdict = "compressed"   // into the slot named by Into
	VerdictPaused       Verdict = "paused"       // passed while paused or disabled
	VerdictDeduplicated Verdict = "deduplicated" // the same cause already had its run
	VerdictThrottled    Verdict = "throttled"
	VerdictLost         Verdict = "lost" // nothing can be said of it any more
)

// Terminal reports whether the verdict is final.
func (v Verdict) Terminal() bool { return v != VerdictPending && v != VerdictStarted && v != "" }

// Runs reports whether a cause with the verdict has its run, or is about to have it.
func (v Verdict) Runs() bool { return v == VerdictFired || v == VerdictStarted || v == VerdictPending }

// Verdicts lists every verdict.
func Verdicts() []Verdict {
	return []Verdict{VerdictPending, VerdictStarted, VerdictFired, VerdictSkipped, VerdictCompressed,
		VerdictPaused, VerdictDeduplicated, VerdictThrottled, VerdictLost}
}

// LedgerEntry is one row of the run ledger: one (definition, cause), for ever.
type LedgerEntry struct {
	ActivityID string `json:"activity_id"`
	// CauseKey is [Cause.Key].
	CauseKey string  `json:"cause_key"`
	Cause    Cause   `json:"cause"`
	Verdict  Verdict `json:"verdict"`
	Reason   string  `json:"reason,omitempty"`
	// Into is the cause key of the run that a compressed slot went into, IntoRunID its ID.
	Into      string `json:"into,omitempty"`
	IntoRunID string `json:"into_run_id,omitempty"`
	// MakeUp is true if we, not Temporal's scheduler, start this slot.
	MakeUp            bool  `json:"make_up,omitempty"`
	DefinitionVersion int64 `json:"definition_version"`
	// RunID is the run of the cause. By the verdict it has one (see [Verdict.Runs]), pruned or not; or it was settled and has one all the
	// same, which ended before it began: of those a row read by itself or in a list tells. Otherwise empty.
	RunID      string `json:"run_id,omitempty"`
	WorkflowID string `json:"workflow_id"`
	// TemporalRunID is the execution that holds the claim; empty before admission.
	TemporalRunID string    `json:"temporal_run_id,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}

// Outage is an interval during which slots could not be carried out.
type Outage struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// What was out: process, temporal, worker.
	What string `json:"what"`
}

// ZoneRules are the rules of a time zone by which slots are named from an instant on, until those that follow.
type ZoneRules struct {
	Zone  string
	Since time.Time
	// Release is the release of the time zone database that the rules were taken from.
	Release string
	// Data is the zone's file in the format of RFC 9636.
	Data []byte
}

// Hold is an interval during which a definition was paused or disabled; Until is nil while it lasts.
type Hold struct {
	ActivityID string     `json:"activity_id"`
	From       time.Time  `json:"from"`
	Until      *time.Time `json:"until,omitempty"`
	Kind       string     `json:"kind"` // paused | disabled | deleted
	By         string     `json:"by,omitempty"`
	Reason     string     `json:"reason,omitempty"`
}
