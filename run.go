package activitycore

import (
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
	case RunPending, RunRunning:
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
	case RunSucceeded, RunPartial, RunFailed, RunCanceled: // final
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

// RunInput is the argument of RunActivityWorkflow, kept small: everything else
// is read from the record at admission. A schedule's action carries cause.kind
// cron without a nominal time, which the workflow reads from its own workflow
// ID, so that a make-up run started by us is the same as a native firing.
type RunInput struct {
	ActivityID string `json:"activity_id"`
	Cause      Cause  `json:"cause"`
}
