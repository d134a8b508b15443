// Package wire holds the JSON bodies of the REST API that are not domain types
// themselves, shared by the server and the Go client. It has no behaviour.
package wire

import (
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
)

// Page is the answer of every list.
type Page[T any] struct {
	Items []T `json:"items"`
	// NextCursor asks for the next page; absent on the last one.
	NextCursor string `json:"next_cursor,omitempty"`
}

// Definition is a stored definition: the document plus what the record adds.
type Definition struct {
	core.Definition
	Version   int64       `json:"version"`
	CreatedAt time.Time   `json:"created_at"`
	UpdatedAt time.Time   `json:"updated_at"`
	Paused    *core.Pause `json:"paused,omitempty"`
	// SchedulePending: the change is committed, its schedule in Temporal follows in the background.
	SchedulePending bool `json:"schedule_pending,omitempty"`
	// NextFire is when a cron definition fires next; none if it is held.
	NextFire *time.Time `json:"next_fire,omitempty" doc:"when it fires next; absent while it is held"`
	// Held says why it does not fire (paused, disabled), and WouldFire when it would otherwise.
	Held      string     `json:"held,omitempty" doc:"why it does not fire: paused, disabled or both"`
	WouldFire *time.Time `json:"would_fire,omitempty" doc:"when it would fire next if it were not held"`
	// Warnings are about what was written and is hardly meant; in answers to writes only.
	Warnings []core.Warning `json:"warnings,omitempty"`
}

// definitionExtras are Definition's own fields, without the promoted methods of the document.
type definitionExtras struct {
	Version         int64          `json:"version"`
	CreatedAt       time.Time      `json:"created_at"`
	UpdatedAt       time.Time      `json:"updated_at"`
	Paused          *core.Pause    `json:"paused,omitempty"`
	SchedulePending bool           `json:"schedule_pending,omitempty"`
	NextFire        *time.Time     `json:"next_fire,omitempty"`
	Held            string         `json:"held,omitempty"`
	WouldFire       *time.Time     `json:"would_fire,omitempty"`
	Warnings        []core.Warning `json:"warnings,omitempty"`
}

// UnmarshalJSON reads both parts; the document's own method would otherwise hide the extras.
func (d *Definition) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, &d.Definition); err != nil {
		return err
	}
	var x definitionExtras
	if err := json.Unmarshal(data, &x); err != nil {
		return err
	}
	d.Version, d.CreatedAt, d.UpdatedAt, d.Paused, d.SchedulePending = x.Version, x.CreatedAt, x.UpdatedAt, x.Paused, x.SchedulePending
	d.NextFire, d.Held, d.WouldFire = x.NextFire, x.Held, x.WouldFire
	d.Warnings = x.Warnings
	return nil
}

// Trigger is the body of POST …/trigger.
type Trigger struct {
	Inputs json.RawMessage `json:"inputs,omitempty"`
	// Event is an envelope or a CloudEvent; time defaults to now.
	Event json.RawMessage `json:"event,omitempty"`
}

// Triggered is the answer of trigger and rerun.
type Triggered struct {
	RunID      string `json:"run_id"`
	WorkflowID string `json:"workflow_id"`
	// Existed: the idempotency key had been used; nothing new was started.
	Existed bool `json:"existed"`
}

// PauseRequest is the body of POST …/pause.
type PauseRequest struct {
	Reason string `json:"reason,omitempty"`
}

// Definitions is the body of POST /plan and /apply.
type Definitions struct {
	Definitions []json.RawMessage `json:"definitions" doc:"documents of definitions, docs/definitions.md"`
	Prune       bool              `json:"prune,omitempty" doc:"delete the definitions that are not among them"`
}

// Event is the envelope that POST /events takes, as docs/events.md has it. It describes;
// internal/envelope reads.
type Event struct {
	EventID    string          `json:"event_id" minLength:"1" maxLength:"256" doc:"the event's identity, whatever its source: the same ID twice is the same event"`
	Type       string          `json:"type" minLength:"1" maxLength:"200" doc:"what definitions name in event_type"`
	Source     string          `json:"source,omitempty" maxLength:"2048"`
	Subject    string          `json:"subject,omitempty" maxLength:"2048"`
	Time       time.Time       `json:"time,omitzero" doc:"RFC 3339; default: when it is published"`
	Payload    json.RawMessage `json:"payload" doc:"kept as it was sent"`
	AlsoTypes  []string        `json:"also_types,omitempty" maxItems:"16" doc:"further types that it answers to"`
	Extensions map[string]any  `json:"extensions,omitempty" doc:"extension attributes of CloudEvents"`
}

// DryRun is the body of POST /dry-run. Definition is a document, or the name of a stored
// definition as a JSON string.
type DryRun struct {
	Definition json.RawMessage `json:"definition"`
	// Event is an envelope or a CloudEvent; time defaults to now.
	Event   json.RawMessage            `json:"event,omitempty"`
	At      *string                    `json:"at,omitempty" doc:"when it fires: RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now; default now"`
	Inputs  json.RawMessage            `json:"inputs,omitempty"`
	Context map[string]json.RawMessage `json:"context,omitempty"`
}

// TailHeartbeat is how often GET /events/tail says something, if only that it is there. A
// reader that hears nothing for three of them has lost the connection.
const TailHeartbeat = 15 * time.Second

// Explain is the body of POST /events/explain: an event that need not have been published.
type Explain struct {
	// Event is an envelope or a CloudEvent; time defaults to now.
	Event json.RawMessage `json:"event"`
	// Definition is an ID or name; empty: all definitions.
	Definition string `json:"definition,omitempty"`
}

// EventReplay is the body of POST /events/replay.
type EventReplay struct {
	// Definition is a document, or the name of a stored definition as a JSON string.
	Definition json.RawMessage `json:"definition"`
	// From and Until are RFC 3339 times, or durations back from now; Until defaults to now.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	// FromSequence goes on where an answer's next_sequence says, in place of From.
	FromSequence uint64 `json:"from_sequence,omitempty"`
	DryRun       bool   `json:"dry_run,omitempty"`
	// Limit bounds the matches of one answer: 1 to 1000, default 1000.
	Limit int `json:"limit,omitempty"`
}

// EventReplayed is the answer of POST /events/replay.
type EventReplayed struct {
	core.ReplayReport
	// Until is the time that until meant, or now: repeat it with next_sequence, so that all parts
	// end there.
	Until   time.Time          `json:"until"`
	Matches []core.ReplayMatch `json:"matches"`
}

// DeadLettersOf is the body of POST /dead-letters/replay and /dead-letters/drop: which dead
// letters. One of its fields is needed.
type DeadLettersOf struct {
	Reason string `json:"reason,omitempty"`
	Type   string `json:"type,omitempty"`
	All    bool   `json:"all,omitempty"`
}

// DeadLettersDone says how many dead letters were replayed or dropped.
type DeadLettersDone struct {
	Done int `json:"done"`
}

// Published is the answer of POST /events, one element an event.
type Published struct {
	Items []core.PublishReceipt `json:"items"`
}

// Sync is the body of POST /sync.
type Sync struct {
	DryRun          bool `json:"dry_run,omitempty"`
	AllowMassDelete bool `json:"allow_mass_delete,omitempty"`
	Full            bool `json:"full,omitempty"`
}

// LedgerCheck is the answer of GET /ledger/check.
type LedgerCheck struct {
	// OK is true if nothing is missing and nothing unexpected ran.
	OK   bool      `json:"ok"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Expected slots and matches, and how many have a terminal verdict.
	Expected  int                  `json:"expected"`
	Accounted int                  `json:"accounted"`
	Verdicts  map[core.Verdict]int `json:"verdicts"`
	// Waiting are slots within their grace and causes on their way, too early to miss a verdict of.
	Waiting int `json:"waiting"`
	// Missing are expected causes without a terminal verdict: MissingCount of them, of which at
	// most 1,000 without a row and 1,000 whose verdict is not final are listed.
	Missing      []LedgerGap `json:"missing"`
	MissingCount int         `json:"missing_count"`
	// Unexpected are cron causes that ran although no version of their definition names the time,
	// and that nobody asked for by hand: UnexpectedCount of them, of which at most 1,000 are
	// listed.
	Unexpected      []LedgerGap `json:"unexpected"`
	UnexpectedCount int         `json:"unexpected_count"`
}

// LedgerGap is one cause in which ledger and expectation differ.
type LedgerGap struct {
	ActivityID   string `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CauseKey     string `json:"cause_key"`
	Detail       string `json:"detail"`
}

// SchedulesPending is the answer of GET /schedules/pending.
type SchedulesPending struct {
	Pending int `json:"pending"`
	// Failing counts those of them that could not be written, Refused those for which trying again
	// cannot help.
	Failing int `json:"failing"`
	Refused int `json:"refused"`
	// Items are some of those that fail, the latest changes first.
	Items []core.ScheduleBehind `json:"items"`
}

// Schedules is the answer of GET /schedules.
type Schedules struct {
	Items      []core.ScheduleState `json:"items"`
	NextCursor string               `json:"next_cursor,omitempty"`
	// Observation is what the latest comparison with Temporal saw; absent if there was none yet.
	Observation *Observation `json:"observation,omitempty"`
	// Failed is a later attempt that came to no comparison.
	Failed *core.FailedObservation `json:"failed,omitempty"`
	// Note says what to do where there is no observation.
	Note string `json:"note,omitempty"`
}

// Observation is what a comparison of all schedules saw, and how long ago.
type Observation struct {
	core.ScheduleObservation
	AgeSeconds float64 `json:"age_seconds"`
}

// Ready is the answer of GET /readyz.
type Ready struct {
	Ready  bool              `json:"ready"`
	Checks map[string]string `json:"checks"`
	// Background says how far work is that goes on behind: being ready does not wait for it.
	Background map[string]string `json:"background,omitempty"`
}

// Problem is the body of every error: RFC 9457, with the code and the fields at fault.
type Problem struct {
	Type      string            `json:"type" doc:"about:blank"`
	Title     string            `json:"title" doc:"the status's name"`
	Status    int               `json:"status"`
	Detail    string            `json:"detail" doc:"a sentence that is safe to show"`
	Code      core.Code         `json:"code" doc:"what programs go by"`
	RequestID string            `json:"request_id" doc:"the X-Request-Id of the answer; in the log of a failure"`
	Errors    []core.FieldError `json:"errors" doc:"each fault with its place; empty where no field is at fault"`
}

// System is what a process says of itself.
type System struct {
	Version  string             `json:"version"`
	ZoneData core.ZoneDataState `json:"zone_data"`
}

// ZoneDataPlan is a release of the time zone database to compare with the one in force.
type ZoneDataPlan struct {
	Release string `json:"release" doc:"name of the release, such as 2026f"`
	// Zones are files in the format of RFC 9636 by zone.
	Zones map[string][]byte `json:"zones" doc:"files of zones in the format of RFC 9636, in base64"`
}
