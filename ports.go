package activitycore

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The ports of the record. Both stores implement all of them and pass one
// conformance suite (internal/storetest). Consumers name only the ones they call.
//
// All methods are safe for concurrent use by several processes. They return
// [*Error] values: CodeNotFound, CodeConflict, CodePreconditionFailed where said,
// CodeUnavailable when the database does not answer. Times are UTC with microsecond precision.

// Actor says who made a change, for versions, pauses and the audit trail.
type Actor string

// PageRequest asks for one page of a list. Lists are ordered newest first unless said otherwise.
type PageRequest struct {
	// Limit, 1 to 1,000.
	Limit int
	// Cursor is the NextCursor of the page before; "" for the first.
	// A cursor that was not made by this list is CodeInvalid.
	Cursor string
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// NextCursor is "" on the last page.
	NextCursor string
}

// DefinitionChange is one element of an atomic apply.
type DefinitionChange struct {
	// Delete removes the definition with Definition.ID; otherwise it is created or updated.
	Delete     bool
	Definition Definition
	// ExpectVersion is the current version the caller saw: 0 means it must not
	// exist (or, with AnyVersion, whatever it is). A mismatch is CodePreconditionFailed.
	ExpectVersion int64
}

// AnyVersion as an expected version means that the caller does not care.
const AnyVersion int64 = -1

// DefinitionFilter restricts a list of definitions; zero fields do not.
type DefinitionFilter struct {
	TriggerType TriggerType
	Enabled     *bool
	Paused      *bool
	// NamePrefix matches the start of the name.
	NamePrefix string
}

// DefinitionReader reads live definitions and their versions.
type DefinitionReader interface {
	// Definition finds a live definition by ID or name.
	Definition(ctx context.Context, idOrName string) (StoredDefinition, error)
	// DefinitionsNamed finds those of the names that live definitions have, in no particular order.
	DefinitionsNamed(ctx context.Context, names []string) ([]StoredDefinition, error)
	// DefinitionAny finds it by ID even if it is a tombstone.
	DefinitionAny(ctx context.Context, id string) (StoredDefinition, error)
	// DefinitionID returns the ID of the definition that an ID or name means, also of one that is
	// deleted, however long ago: of several that had the name the live one, else the one that was
	// deleted last.
	DefinitionID(ctx context.Context, idOrName string) (string, error)
	// DefinitionNames returns the names of live definitions, ascending, at most limit.
	DefinitionNames(ctx context.Context, limit int) ([]string, error)
	// DefinitionVersion returns the document as it was at a version, also of deleted definitions.
	DefinitionVersion(ctx context.Context, id string, version int64) (StoredDefinition, error)
	// Definitions lists live definitions by name, ascending.
	Definitions(ctx context.Context, f DefinitionFilter, p PageRequest) (Page[StoredDefinition], error)
	// Versions lists a definition's versions, newest first.
	Versions(ctx context.Context, id string, p PageRequest) (Page[StoredDefinition], error)
}

// DefinitionWriter changes definitions. Every write increases the catalogue's revision by one
// (an apply by one in all), in the same transaction.
type DefinitionWriter interface {
	// ApplyChanges carries out all changes or none. Creating a live name or ID again is
	// CodeConflict. An update whose document equals the stored one changes nothing and keeps the
	// version. A created name that has a tombstone revives it with the next version. Enabling,
	// disabling and deleting open and close holds (see Hold). Each change that changes something
	// has its entry in the audit trail, definition.create, .update or .delete, in the same
	// transaction. Result i belongs to change i.
	ApplyChanges(ctx context.Context, changes []DefinitionChange, by Actor, at time.Time) ([]StoredDefinition, error)
	// SetPaused pauses (p not nil) or resumes (nil). Pausing a paused definition keeps the first
	// pause and is no error; it opens or closes a hold. What changes something has its entry in the
	// audit trail by the actor, definition.pause or .resume, in the same transaction.
	SetPaused(ctx context.Context, id string, p *Pause, by Actor, at time.Time) (StoredDefinition, error)
	// PurgeTombstone removes a deleted definition's row (not its ledger, runs or versions) once its
	// schedule is gone. It does nothing if the row has been revived since.
	PurgeTombstone(ctx context.Context, id string, version int64) error
}

// Catalogue tells what changed since a revision, for indexes kept in memory.
type Catalogue interface {
	// Head is the catalogue's revision, which grows with every committed change, and, with it, the
	// token of an earlier revision: random, given to it when it was committed. "" if there was no
	// such revision, or it is long ago. A token that changes means that the record was restored
	// from a backup taken before that revision, whatever the revision is now.
	Head(ctx context.Context, known int64) (revision int64, token string, err error)
	// ChangesSince returns rows, tombstones included, whose revision is greater than since, by
	// revision ascending, and the revision they bring the reader to. At most limit rows (all rows
	// of one revision are returned together).
	ChangesSince(ctx context.Context, since int64, limit int) ([]StoredDefinition, int64, error)
}

// ScheduleMark notes how far a schedule follows.
type ScheduleMark struct {
	ActivityID string
	// Revision is that of the row with which the schedule agrees.
	Revision int64
	// Error says why it does not; then Revision means nothing.
	Error string
	Code  Code
}

// BehindFilter restricts what [ScheduleBook.SchedulesBehind] counts and lists.
type BehindFilter struct {
	// After and UpTo restrict the revisions of rows to (After, UpTo]; UpTo 0 is no bound.
	After, UpTo int64
	// Failing lists only those with an error, Open only those that are not refused; all are
	// counted.
	Failing, Open bool
	// Limit bounds the list, at least 1.
	Limit int
}

// ScheduleBehind is a definition, perhaps deleted, whose schedule does not follow yet.
type ScheduleBehind struct {
	ActivityID   string `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	Revision     int64  `json:"-"`
	Error        string `json:"error,omitempty"`
	Code         Code   `json:"code,omitempty"`
}

// SchedulesBehind says which schedules do not follow yet.
type SchedulesBehind struct {
	Total int
	// Failing counts those of them that could not be written, for whatever reason; Refused those
	// for which trying again cannot help.
	Failing, Refused int
	// Items are by revision, newest first.
	Items []ScheduleBehind
}

// ScheduleBook keeps which schedules in Temporal follow the record: a change of a cron
// definition is behind in the transaction that makes it, and reconciliation marks what it has
// done. What never had a schedule follows at once. Marks change no revision.
type ScheduleBook interface {
	// MarkSchedules notes that schedules agree with a revision, or why not. Marks move forward,
	// never back.
	MarkSchedules(ctx context.Context, marks []ScheduleMark) error
	// HoldUpSchedules notes an error for every schedule that is behind: Temporal does not answer.
	HoldUpSchedules(ctx context.Context, code Code, message string) error
	SchedulesBehind(ctx context.Context, f BehindFilter) (SchedulesBehind, error)
}

// CauseRecord asks the ledger to record a cause before its run is started.
type CauseRecord struct {
	ActivityID        string
	ActivityName      string
	DefinitionVersion int64
	Cause             Cause
	// Inputs are those of a manual trigger, JSON, or nil.
	Inputs json.RawMessage
	// Event is kept once per event ID; nil for cron and manual causes without one.
	Event *Event
	// StreamSeq is the event's sequence in the stream, or 0.
	StreamSeq uint64
	// MakeUp: see LedgerEntry.
	MakeUp bool
	// Audit is added to the trail in the same transaction, if this record makes the row.
	Audit []AuditEntry
}

// CauseState is the ledger's answer: the row as it is, and whether this call made it.
type CauseState struct {
	Entry    LedgerEntry
	Inserted bool
	// Conflict, if not nil, says that the event is another than the one kept under its event_id.
	// Then nothing was written, and Entry is empty.
	Conflict *EventConflict
}

// EventConflict says that an event has the event_id of another one, which is kept.
type EventConflict struct {
	EventID string
	// Differs names the fields that differ: type, source, subject, payload, extensions.
	Differs []string
	// KeptSequence is that of the kept event in the stream; 0 if it came with a trigger.
	KeptSequence uint64
}

// Fault says it to whoever sent the event; its code is CodeConflict.
func (c *EventConflict) Fault() *Error {
	where := "recorded by a trigger"
	if c.KeptSequence > 0 {
		where = fmt.Sprintf("stored at sequence %d", c.KeptSequence)
	}
	fault := InvalidField("event_id", c.EventID, "is that of another event, %s with another %s; give each event an ID of its own, and send the same content when you repeat one",
		where, strings.Join(c.Differs, ", "))
	fault.Code = CodeConflict
	return fault
}

// Start confirms that an execution for a cause exists.
type Start struct {
	ActivityID, CauseKey string
}

// Settlement gives a slot or match without a run its terminal verdict.
type Settlement struct {
	ActivityID        string
	ActivityName      string
	DefinitionVersion int64
	Cause             Cause
	Verdict           Verdict // terminal, not fired
	Reason            string
	Into              string
	// Event, if not nil, is compared by RecordMatches with the one kept under its event_id. It is
	// not kept.
	Event *Event
}

// Claim is a run's admission request: this execution wants to be the one run of its cause.
type Claim struct {
	ActivityID    string
	Cause         Cause
	WorkflowID    string
	TemporalRunID string
	// Definition pins the version for causes that have no row yet (cron).
	DefinitionVersion int64
	ActivityName      string
	// Recorded asks for a cause that somebody recorded before: without a row it is CodeNotFound,
	// and nothing is written.
	Recorded bool
	// Settle, if not nil, is the verdict the misfire policy gives this slot instead of running.
	// It applies only where no execution holds the claim yet.
	Settle *Settlement
	At     time.Time
}

// Admission is the ledger's answer to a claim.
type Admission struct {
	// Admitted: this execution holds the claim (also when it asked before).
	Admitted bool
	Entry    LedgerEntry
	Run      Run
	// Inputs and Event as recorded with the cause.
	Inputs json.RawMessage
	Event  *Event
}

// LedgerFilter restricts a list of ledger rows; zero fields do not.
type LedgerFilter struct {
	ActivityID   string
	EventID      string
	Kind         CauseKind
	Verdict      Verdict
	Since, Until time.Time // by nominal time for cron, creation otherwise; [Since, Until)
}

// Ledger is the record of causes: one row per (definition, cause), for ever.
type Ledger interface {
	// RecordCauses writes rows with verdict pending for causes that have none, their runs (status
	// pending) and events, in one transaction. The answers are in the order of the records. A
	// record whose event is another than the one kept under its event_id is not written and says
	// so; the others are.
	RecordCauses(ctx context.Context, recs []CauseRecord, at time.Time) ([]CauseState, error)
	// RecordMatches is RecordCauses and Settle in one transaction: what a batch of events comes to.
	// The answers are those of the records, then those of the settlements, of which Inserted is
	// never said.
	RecordMatches(ctx context.Context, recs []CauseRecord, s []Settlement, at time.Time) ([]CauseState, error)
	// ConfirmStarts turns pending rows into started ones; others stay as they are.
	ConfirmStarts(ctx context.Context, starts []Start, at time.Time) error
	// Admit claims a cause for one execution, once: it writes the row if there is none, sets the
	// claim if it is free and the row not terminal, and makes the run running, all in one
	// transaction.
	Admit(ctx context.Context, c Claim) (Admission, error)
	// Settle writes terminal verdicts where there is no row, or a pending one whose claim is free;
	// other rows stay. It returns the rows as they are now.
	Settle(ctx context.Context, s []Settlement, at time.Time) ([]LedgerEntry, error)
	// PendingCauses lists rows in verdict pending or started, without claim, older than before;
	// oldest first.
	PendingCauses(ctx context.Context, before time.Time, limit int) ([]CauseRecord, error)
	// LedgerEntry finds one row.
	LedgerEntry(ctx context.Context, activityID, causeKey string) (LedgerEntry, error)
	// LedgerEntries lists rows, newest first.
	LedgerEntries(ctx context.Context, f LedgerFilter, p PageRequest) (Page[LedgerEntry], error)
	// EventMatches returns the names of the definitions, or the IDs of purged ones, that have a row
	// for each of the events: of each event at most limit, the first that were recorded.
	EventMatches(ctx context.Context, eventIDs []string, limit int) (map[string]EventMatches, error)
	// CronKeys returns the cause keys of a definition's cron rows with nominal time in [from, to),
	// ascending.
	CronKeys(ctx context.Context, activityID string, from, to time.Time) ([]string, error)
}

// RunFilter restricts a list of runs; zero fields do not.
type RunFilter struct {
	ActivityID   string
	Status       RunStatus
	Kind         CauseKind
	EventID      string
	Since, Until time.Time // by creation
}

// RunReader reads runs.
type RunReader interface {
	Run(ctx context.Context, runID string) (Run, error)
	RunByWorkflowID(ctx context.Context, workflowID string) (Run, error)
	Runs(ctx context.Context, f RunFilter, p PageRequest) (Page[Run], error)
	// Plan returns a run's stored plan without its actions.
	Plan(ctx context.Context, runID string) (Plan, error)
	// Actions lists a run's actions with Seq in [from, to), ascending.
	Actions(ctx context.Context, runID string, from, to int) ([]ActionRecord, error)
	// LatestRun returns the newest finished run of a definition with one of the statuses (any final
	// one if none is given); CodeNotFound if there is none.
	LatestRun(ctx context.Context, activityID string, statuses []RunStatus) (Run, error)
	// EventOfRun returns the event and the manual inputs recorded with a run's cause; nil where
	// there is none.
	RunRequest(ctx context.Context, runID string) (inputs json.RawMessage, event *Event, err error)
}

// RunWriter moves a run forward.
type RunWriter interface {
	// SavePlan stores a run's plan if it has none, and returns the stored one (without its actions)
	// and how many actions it has: the plan is written once.
	SavePlan(ctx context.Context, runID string, p Plan) (Plan, int, error)
	// RecordActions stores results of actions and creates or updates the tasks they made, in one
	// transaction. A result for an action that already has a final one is ignored, with its task.
	RecordActions(ctx context.Context, runID string, results []ActionResult, tasks []TaskWrite) error
	// FinishRun gives the run its final status, once: derived from its actions' results unless
	// status is given (failed, canceled). Pending actions become skipped. The finished run is
	// returned; finishing again returns it unchanged.
	FinishRun(ctx context.Context, runID string, status RunStatus, errMessage string, at time.Time) (Run, error)
	// ExecuteSmall is the short cut for a run whose actions only write tasks: SavePlan,
	// RecordActions and FinishRun in one transaction. If the run has a plan already it changes
	// nothing and returns stored = false.
	ExecuteSmall(ctx context.Context, runID string, p Plan, results []ActionResult, tasks []TaskWrite, at time.Time) (run Run, stored bool, err error)
}

// TaskWrite creates a task, or treats an active task with the same unique key as IfOpen says.
type TaskWrite struct {
	// Seq is the action's; the store completes its result's Outcome (created, exists, updated,
	// commented) and Result ({"task_id": …}).
	Seq    int
	Task   Task
	IfOpen IfOpen
	// Comment is the text for IfOpenComment.
	Comment string
}

// TaskFilter restricts a list of tasks; zero fields do not.
type TaskFilter struct {
	ActivityID string
	RunID      string
	Status     []TaskStatus
}

// TaskPatch changes a task; nil fields stay.
type TaskPatch struct {
	Status   *TaskStatus `json:"status,omitempty"`
	Assignee *string     `json:"assignee,omitempty"`
	Priority *string     `json:"priority,omitempty"`
	Labels   *[]string   `json:"labels,omitempty"`
}

// Tasks is the task list.
type Tasks interface {
	Task(ctx context.Context, taskID string) (Task, error)
	Tasks(ctx context.Context, f TaskFilter, p PageRequest) (Page[Task], error)
	PatchTask(ctx context.Context, taskID string, patch TaskPatch, at time.Time) (Task, error)
}

// SlotBook keeps how far each cron definition's slots have been accounted for,
// and when the system was out.
type SlotBook interface {
	// AccountedUntil returns the instants up to which slots have verdicts, by definition ID;
	// definitions without one are absent: none of their slots since CreatedAt is known to have one.
	// A definition that is created again has at least the time of its first creation.
	AccountedUntil(ctx context.Context, activityIDs []string) (map[string]time.Time, error)
	// Tombstones lists the definitions that were deleted after a time and not created anew, by
	// deletion ascending, purged ones included: their last slots may still need a verdict.
	Tombstones(ctx context.Context, after time.Time) ([]StoredDefinition, error)
	// Advance moves marks forward, never back.
	Advance(ctx context.Context, marks map[string]time.Time) error
	// Beat records that what ("temporal", "worker", "process") by instance is alive at t. It
	// returns the previous beat of what by any instance, zero if none.
	Beat(ctx context.Context, what, instance string, t time.Time) (previous time.Time, err error)
	// RecordOutage stores an interval; overlapping intervals of the same kind are merged.
	RecordOutage(ctx context.Context, o Outage) error
	// Outages lists intervals that overlap [from, to), oldest first.
	Outages(ctx context.Context, from, to time.Time) ([]Outage, error)
	// Holds lists a definition's holds that overlap [from, to), oldest first.
	Holds(ctx context.Context, activityID string, from, to time.Time) ([]Hold, error)
	// ZoneRules lists the rules that a zone, or every zone if it is "", has had, by zone and then
	// oldest first. Before its first, and if it has none, a zone goes by the release of the
	// versions of the program that kept no such list.
	ZoneRules(ctx context.Context, zone string) ([]ZoneRules, error)
	// AdoptZoneRules adds rules, all or none. Those with the data that the zone's latest have are
	// left out; those that would begin before the latest begin right after them.
	AdoptZoneRules(ctx context.Context, rules []ZoneRules) error
}

// EventRecord is an event that matched at least one definition, as kept in the store.
type EventRecord struct {
	Event     Event
	StreamSeq uint64
	At        time.Time
	// NoExtensions: kept by a version that kept no extensions, so that it is not known which there
	// were.
	NoExtensions bool
}

// Events reads the events kept with causes.
type Events interface {
	Event(ctx context.Context, eventID string) (EventRecord, error)
	EventList(ctx context.Context, eventType string, p PageRequest) (Page[EventRecord], error)
	// EventTypes returns different types of kept events, in any order, at most limit.
	EventTypes(ctx context.Context, limit int) ([]string, error)
}

// Idempotency keeps answers to requests that carried an Idempotency-Key.
type Idempotency interface {
	// Remember returns the answer stored for (scope, key), or stores this one. A stored answer with
	// another request hash is CodeConflict: the key was used for a different request.
	Remember(ctx context.Context, scope, key, requestHash string, answer []byte, at time.Time) (stored []byte, existed bool, err error)
	// Recall only looks.
	Recall(ctx context.Context, scope, key, requestHash string) (stored []byte, existed bool, err error)
}

// AuditEntry records one change made through the API.
type AuditEntry struct {
	At     time.Time       `json:"at"`
	By     Actor           `json:"by"`
	Action string          `json:"action"`
	Object string          `json:"object"`
	Detail json.RawMessage `json:"detail,omitempty"`
}

// Audit is the trail of changes, append-only.
type Audit interface {
	AppendAudit(ctx context.Context, e AuditEntry) error
	AuditEntries(ctx context.Context, object string, p PageRequest) (Page[AuditEntry], error)
}

// SealedSecret is a secret as the store holds it: encrypted, with the hosts it may be sent to.
type SealedSecret struct {
	Name      string
	Sealed    []byte
	Hosts     []string
	UpdatedAt time.Time
}

// SecretBox keeps sealed secrets. It never sees a clear one.
type SecretBox interface {
	// PutSecret keeps or replaces a secret, with an audit entry secret.set, which has the hosts.
	PutSecret(ctx context.Context, s SealedSecret, by Actor) error
	Secret(ctx context.Context, name string) (SealedSecret, error)
	Secrets(ctx context.Context) ([]SealedSecret, error)
	// DeleteSecret removes a secret, with an audit entry secret.delete; CodeNotFound if there is
	// none.
	DeleteSecret(ctx context.Context, name string, by Actor, at time.Time) error
}

// Pruning removes what need not be kept for ever. The ledger's keys stay: a cause never runs twice.
type Pruning interface {
	// PruneRuns deletes up to limit (1 to 10,000) runs that finished before a time, with what
	// belongs to them, and returns how many; fewer than limit means that none is left.
	PruneRuns(ctx context.Context, before time.Time, limit int) (int, error)
	// PruneAnswers forgets answers kept by [Idempotency] that are older than a time, and returns
	// how many.
	PruneAnswers(ctx context.Context, before time.Time) (int, error)
}

// Store is everything a store implements. Only the composition root and the
// conformance suite ask for all of it.
type Store interface {
	DefinitionReader
	DefinitionWriter
	Catalogue
	ScheduleBook
	ScheduleObservations
	Ledger
	RunReader
	RunWriter
	Tasks
	SlotBook
	Events
	Idempotency
	Audit
	SecretBox
	Pruning
	// Ping says whether the database answers.
	Ping(ctx context.Context) error
	Close() error
}
