package activitycore

import (
	"time"
)

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
	// RunID is the run of the cause. By the verdict it has one (see [Verdict.Runs]), pruned or not;
	// or it was settled and has one all the same, which ended before it began: of those a row read
	// by itself or in a list tells. Otherwise empty.
	RunID      string `json:"run_id,omitempty"`
	WorkflowID string `json:"workflow_id"`
	// TemporalRunID is the execution that holds the claim; empty before admission.
	TemporalRunID string    `json:"temporal_run_id,omitempty"`
	CreatedAt     time.Time `json:"created_at"`
	UpdatedAt     time.Time `json:"updated_at"`
}
