package activitycore

import (
	"encoding/json"
	"time"
)

// StartOutcome is what came of asking Temporal to start a run.
type StartOutcome struct {
	TemporalRunID string
	// AlreadyStarted is true if an execution with this workflow ID existed before, running or
	// closed.
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
	// MatchedMore is how many more there are: a list names up to 100 of each event, events show up
	// to 1,000.
	MatchedMore int `json:"matched_more,omitempty"`
	// Conflicts are other events that came with its event_id; only of an event that was asked for
	// by its ID.
	Conflicts []ConflictingEvent `json:"conflicts,omitempty"`
}

// EventMatches are the definitions with a ledger row for an event: names, ascending, and how
// many more there are.
type EventMatches struct {
	Names []string
	More  int
}

// ConflictingEvent is an event that became a dead letter because its event_id is that of
// another one.
type ConflictingEvent struct {
	Event
	// DeadLetter is the ID of its letter, Sequence its own in the event stream.
	DeadLetter uint64    `json:"dead_letter"`
	Sequence   uint64    `json:"sequence"`
	At         time.Time `json:"at"` // when it became a dead letter
	// Differs names the fields in which it differs: type, source, subject, payload, extensions.
	Differs []string `json:"differs"`
	// DataGone: its data is nowhere any more; of what it said only the ID is known.
	DataGone bool `json:"data_gone,omitempty"`
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

// ReplayRequest asks which stored events a definition would have fired for.
type ReplayRequest struct {
	// Definition is a document, valid and with its ID; it need not be stored for a dry run.
	Definition Definition
	// From and Until restrict when the stream stored the event: [From, Until). A zero Until means
	// now.
	From, Until time.Time
	// FromSequence begins at this sequence of the stream, whatever From says; 0 begins at From.
	FromSequence uint64
	// DryRun only tells. Without it, the runs of matching events that have no ledger row are
	// started.
	DryRun bool
	// Limit and MaxEvents end the replay after so many matches, or events looked at; 0 means no
	// limit.
	Limit, MaxEvents int
}

// ReplayMatch is one stored event that matches.
type ReplayMatch struct {
	EventID  string    `json:"event_id"`
	Type     string    `json:"type"`
	Sequence uint64    `json:"sequence"`
	StoredAt time.Time `json:"stored_at"`
	// Verdict is that of the ledger row that exists, or empty: then it is (or would be) started.
	Verdict Verdict `json:"verdict,omitempty"`
	// RunID is the run that exists, was started, or would be; empty if the verdict is that there is
	// none.
	RunID   string `json:"run_id,omitempty"`
	Started bool   `json:"started"`
	// Repeated tells, in a dry run, that an event before it has the same ID: its run is the one
	// that would be started.
	Repeated bool `json:"repeated,omitempty"`
	// Error says why when could not be evaluated, or that the event has the event_id of another
	// one; such an event starts nothing.
	Error string `json:"error,omitempty"`
}

// ReplayReport sums a replay up.
type ReplayReport struct {
	Events    int `json:"events"`    // looked at
	Malformed int `json:"malformed"` // of them, no events
	Matched   int `json:"matched"`
	InLedger  int `json:"in_ledger"` // matched and accounted for before
	WouldRun  int `json:"would_run"` // runs that would start (dry run)
	Repeated  int `json:"repeated"`  // matched, and an event before has the same ID and would start the run (dry run)
	Started   int `json:"started"`   // runs started
	Failed    int `json:"failed"`    // when could not be evaluated, or the event has the event_id of another one
	// NextSequence is where to go on if Limit or MaxEvents ended the replay; 0: everything was
	// looked at.
	NextSequence uint64 `json:"next_sequence,omitempty"`
}

// Add joins the report of the part that follows.
func (r *ReplayReport) Add(next ReplayReport) {
	r.Events += next.Events
	r.Malformed += next.Malformed
	r.Matched += next.Matched
	r.InLedger += next.InLedger
	r.WouldRun += next.WouldRun
	r.Repeated += next.Repeated
	r.Started += next.Started
	r.Failed += next.Failed
	r.NextSequence = next.NextSequence
}

// FilterExplanation is one condition of a trigger held against one event.
type FilterExplanation struct {
	Path     string `json:"path"`     // "event_type", "filters.ref", "filters.$or", "filters.$or[0].ref", "when"; "filters" says that all hold, but not together
	Operator string `json:"operator"` // equals, prefix, …; "$or" and "together" have no actual value
	Expected any    `json:"expected"`
	Actual   any    `json:"actual"`
	Present  bool   `json:"present"`
	OK       bool   `json:"ok"`
	// Note says what the other fields cannot, such as that the path leads to an object; usually
	// empty.
	Note string `json:"note,omitempty"`
}

// EventExplanation says why a definition did or did not fire for an event.
type EventExplanation struct {
	ActivityID        string              `json:"activity_id"`
	ActivityName      string              `json:"activity_name"`
	DefinitionVersion int64               `json:"definition_version"`
	Matched           bool                `json:"matched"`
	Conditions        []FilterExplanation `json:"conditions"`
	// Verdict and RunID come from the ledger; empty if it has no row, RunID also if the verdict is
	// that there is none.
	Verdict Verdict `json:"verdict,omitempty"`
	RunID   string  `json:"run_id,omitempty"`
	// Error says why the definition cannot be used; no event starts it then.
	Error string `json:"error,omitempty"`
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
	// Mended is true if the action was carried out.
	Mended bool `json:"mended,omitempty"`
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

// ZoneDataState is which release of the time zone database a process goes by.
type ZoneDataState struct {
	// Release is IANA's name of it, such as 2026f.
	Release string `json:"release"`
	// Source is "built in", or the path that timezone_data names.
	Source string `json:"source"`
	// Date is the day of the release, YYYY-MM-DD; empty where nothing tells.
	Date string `json:"date,omitempty"`
	// AgeDays is how many days ago that was.
	AgeDays int `json:"age_days"`
	// Old says that there have probably been newer releases for a while.
	Old bool `json:"old"`
	// BuiltIn is the release that the program carries.
	BuiltIn string `json:"built_in"`
	// Followed is how many zones go by rules that the record has from a newer release.
	Followed int `json:"followed,omitempty"`
	// Problem says why the files of timezone_data, which have changed, are not used; empty
	// otherwise.
	Problem string `json:"problem,omitempty"`
}
