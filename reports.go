package activitycore

import (
	"encoding/json"
	"time"
)

// StartOutcome is what came of asking Temporal to start a run.
type StartOutcome struct {
	TemporalRunID string
	// AlreadyStarted is true if an execution with this workflow ID existed before, running or closed.
	AlreadyStarted bool
}

// PublishReceipt is JetStream's acknowledgement of an event.
type PublishReceipt struct {
	EventID string `json:"event_id"`
	// Sequence in the stream; that of the first copy if Duplicate.
	Sequence uint64 `json:"sequence"`
	// Duplicate: the stream's window already held this event ID.
	Duplicate bool `json:"duplicate"`
}

// EventListing is one stored event with what became of it.
type EventListing struct {
	Event
	Sequence  uint64    `json:"sequence"`
	StoredAt  time.Time `json:"stored_at"`
	MatchedBy []string  `json:"matched_by,omitempty"` // names of definitions with a ledger row for it
}

// DeadLetter is an event (or bytes that are none) that could not be routed.
type DeadLetter struct {
	ID         uint64          `json:"id"` // sequence in the dead-letter stream
	EventID    string          `json:"event_id,omitempty"`
	Type       string          `json:"type,omitempty"`
	Subject    string          `json:"subject"` // the original subject
	Reason     string          `json:"reason"`  // a word: malformed, too_large, start_failed, …
	Detail     string          `json:"detail"`
	Deliveries int             `json:"deliveries"`
	Sequence   uint64          `json:"sequence"` // original sequence in the event stream
	At         time.Time       `json:"at"`
	Headers    json.RawMessage `json:"headers,omitempty"`
	Data       []byte          `json:"data,omitempty"`
}

// FilterExplanation is one condition of a trigger held against one event.
type FilterExplanation struct {
	Path     string `json:"path"`     // "event_type", "filters.ref", "when"
	Operator string `json:"operator"` // equals, prefix, …
	Expected any    `json:"expected"`
	Actual   any    `json:"actual"`
	Present  bool   `json:"present"`
	OK       bool   `json:"ok"`
}

// EventExplanation says why a definition did or did not fire for an event.
type EventExplanation struct {
	ActivityID        string              `json:"activity_id"`
	ActivityName      string              `json:"activity_name"`
	DefinitionVersion int64               `json:"definition_version"`
	Matched           bool                `json:"matched"`
	Conditions        []FilterExplanation `json:"conditions"`
	// Verdict and RunID come from the ledger; empty if it has no row.
	Verdict Verdict `json:"verdict,omitempty"`
	RunID   string  `json:"run_id,omitempty"`
	// Summary is one sentence for people.
	Summary string `json:"summary"`
}

// DriftKind says how a schedule in Temporal differs from the record.
type DriftKind string

// The kinds of drift.
const (
	DriftMissing       DriftKind = "missing"        // wanted, not there
	DriftExtra         DriftKind = "extra"          // ours, not wanted
	DriftChanged       DriftKind = "changed"        // spec, policy or action differs
	DriftPausedOutside DriftKind = "paused_outside" // paused in Temporal, not by us: will be adopted
	DriftState         DriftKind = "state"          // should be paused and is not, or the reverse
)

// ScheduleDrift is one difference between record and Temporal.
type ScheduleDrift struct {
	ScheduleID   string    `json:"schedule_id"`
	ActivityID   string    `json:"activity_id"`
	ActivityName string    `json:"activity_name,omitempty"`
	Kind         DriftKind `json:"kind"`
	Detail       string    `json:"detail"`
	// Action taken, or that would be taken: create, update, pause, unpause, delete, adopt.
	Action string `json:"action"`
	// Error if the action failed.
	Error string `json:"error,omitempty"`
}

// SyncOptions steer a reconciliation.
type SyncOptions struct {
	DryRun bool
	// AllowMassDelete overrides the guard against deleting more than the configured share at once.
	AllowMassDelete bool
	// Full describes every schedule rather than a rotating sample, to find edits made by hand.
	Full bool
}

// SyncReport is what a reconciliation saw and did.
type SyncReport struct {
	DryRun   bool            `json:"dry_run"`
	Wanted   int             `json:"wanted"`   // schedules the record asks for
	Observed int             `json:"observed"` // schedules of ours that Temporal listed
	InSync   int             `json:"in_sync"`
	Drift    []ScheduleDrift `json:"drift"`
	Writes   int             `json:"writes"`
	Calls    map[string]int  `json:"calls"` // Temporal calls by kind
	Seconds  float64         `json:"seconds"`
	// Blocked explains why deletions were held back, or is empty.
	Blocked string `json:"blocked,omitempty"`
}
