package sqlstore

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	core "github.com/activity-core/activity-core"
)

const runColumns = `run_id, activity_id, activity_name, kind, nominal_time, event_id, idempotency_key, definition_version,
	workflow_id, temporal_run_id, status, items, actions_total, actions_succeeded, actions_failed, error, created_at, started_at, finished_at`

// requestColumns are runColumns and what the cause brought with it.
const requestColumns = runColumns + `, inputs`

// runRequest is a run with what was recorded for it.
type runRequest struct {
	run     core.Run
	inputs  json.RawMessage
	eventID string
}

func scanRunInto(r scanner, more ...any) (run core.Run, eventID string, err error) {
	dest := []any{&run.RunID, &run.ActivityID, &run.ActivityName, &run.Cause.Kind, timePtrInto{&run.Cause.NominalTime},
		&eventID, &run.Cause.IdempotencyKey, &run.DefinitionVersion, &run.WorkflowID, &run.TemporalRunID, &run.Status,
		&run.Items, &run.Actions.Total, &run.Actions.Succeeded, &run.Actions.Failed, &run.Error,
		timeInto{&run.CreatedAt}, timePtrInto{&run.StartedAt}, timePtrInto{&run.FinishedAt}}
	err = r.Scan(append(dest, more...)...)
	if run.Cause.Kind == core.CauseEvent {
		run.Cause.EventID = eventID
	}
	return run, eventID, err
}

func scanRun(r scanner) (core.Run, error) {
	run, _, err := scanRunInto(r)
	return run, err
}

func scanRequest(r scanner) (runRequest, error) {
	var rr runRequest
	var inputs []byte
	var err error
	rr.run, rr.eventID, err = scanRunInto(r, &inputs)
	if len(inputs) > 0 {
		rr.inputs = inputs
	}
	return rr, err
}

// newRunColumns are those of a pending run; newRunStatus is the index of its status.
const newRunColumns = `run_id, activity_id, activity_name, cause_key, kind, nominal_time, event_id, idempotency_key,
	definition_version, workflow_id, status, inputs, created_at`

const newRunStatus = 10

func pendingRunRow(rec core.CauseRecord, e core.LedgerEntry) []any {
	eventID := e.Cause.EventID
	if rec.Event != nil {
		eventID = rec.Event.EventID
	}
	var inputs any
	if len(rec.Inputs) > 0 {
		inputs = []byte(rec.Inputs)
	}
	return []any{e.RunID, e.ActivityID, rec.ActivityName, e.CauseKey, string(e.Cause.Kind), tsOrNull(e.Cause.NominalTime), eventID,
		e.Cause.IdempotencyKey, e.DefinitionVersion, e.WorkflowID, string(core.RunPending), inputs, e.CreatedAt}
}

// findRun reads a run; lock is "" or the dialect's FOR UPDATE.
func findRun(ctx context.Context, q Querier, runID, lock string) (core.Run, error) {
	r, found, err := one(ctx, q, scanRun, `SELECT `+runColumns+` FROM runs WHERE run_id = $1`+lock, clean(runID))
	if err == nil && !found {
		err = core.NotFound("run", clean(runID))
	}
	return r, err
}

// Run finds a run.
func (s *Store) Run(ctx context.Context, runID string) (core.Run, error) {
	r, err := findRun(ctx, s.engine.Reader(), runID, "")
	return r, s.translate("find run", err)
}

// RunByWorkflowID finds the run of a workflow ID.
func (s *Store) RunByWorkflowID(ctx context.Context, workflowID string) (core.Run, error) {
	r, err := s.Run(ctx, core.RunID(workflowID))
	if core.IsCode(err, core.CodeNotFound) {
		err = core.NotFound("run with workflow ID", clean(workflowID))
	}
	return r, err
}

// Runs lists runs, newest first.
func (s *Store) Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error) {
	var none core.Page[core.Run]
	tag := listTag("runs", f)
	after, err := openPage(tag, 1, p)
	if err != nil {
		return none, err
	}
	if f.Status != "" {
		if err := knownValue("status", f.Status, core.RunStatuses()); err != nil {
			return none, err
		}
	}
	l := runListing(f, oneOf(f.Status), p.Limit)
	if after != nil {
		l.after = []any{after.time(), after.Keys[0]}
	}
	rows, err := read(ctx, s, l, scanRun)
	if err != nil {
		return none, s.translate("list runs", err)
	}
	return closePage(tag, rows, p.Limit, func(r core.Run) (time.Time, []string) {
		return r.CreatedAt, []string{r.RunID}
	}), nil
}

// runListing lists runs, newest first. The runs of an event are few enough to look through.
func runListing(f core.RunFilter, statuses []core.RunStatus, limit int) *listing {
	l := &listing{table: "runs", columns: runColumns, order: []string{"created_at", "run_id"}, descending: true, limit: limit}
	l.equal("activity_id", f.ActivityID).ofEvent(f.EventID).between(f.Since, f.Until)
	if f.EventID == "" && (len(statuses) > 0 || f.Kind != "") {
		l.options = []option{optionOf("status", statuses, core.RunStatuses()), optionOf("kind", oneOf(f.Kind), kinds())}
		return l
	}
	if len(statuses) > 0 {
		l.options = append(l.options, optionOf("status", statuses, core.RunStatuses()))
	}
	return l.equal("kind", string(f.Kind))
}

// knownValue refuses a value that is none of the known.
func knownValue[T ~string](location string, v T, known []T) error {
	if slices.Contains(known, v) {
		return nil
	}
	return core.InvalidField(location, clean(string(v)), "must be one of %v", known)
}

// LatestRun returns the newest finished run of a definition.
func (s *Store) LatestRun(ctx context.Context, activityID string, statuses []core.RunStatus) (core.Run, error) {
	var final []core.RunStatus
	for _, st := range core.RunStatuses() {
		if st.Final() {
			final = append(final, st)
		}
	}
	if len(statuses) == 0 {
		statuses = final
	}
	for _, st := range statuses {
		if err := knownValue("status", st, final); err != nil {
			return core.Run{}, err
		}
	}
	rows, err := read(ctx, s, runListing(core.RunFilter{ActivityID: activityID}, statuses, 0), scanRun)
	if err != nil {
		return core.Run{}, s.translate("find latest run", err)
	}
	if len(rows) == 0 {
		return core.Run{}, core.NotFound("finished run of activity definition", clean(activityID))
	}
	return rows[0], nil
}

// RunRequest returns the inputs and the event recorded with a run's cause.
func (s *Store) RunRequest(ctx context.Context, runID string) (json.RawMessage, *core.Event, error) {
	const step = "find run"
	q := s.engine.Reader()
	rr, found, err := one(ctx, q, scanRequest, `SELECT `+requestColumns+` FROM runs WHERE run_id = $1`, clean(runID))
	if err != nil {
		return nil, nil, s.translate(step, err)
	}
	if !found {
		return nil, nil, core.NotFound("run", clean(runID))
	}
	if rr.eventID == "" {
		return rr.inputs, nil, nil
	}
	ev, found, err := one(ctx, q, scanEvent, `SELECT `+eventColumns+` FROM events WHERE event_id = $1`, rr.eventID)
	if err != nil || !found {
		return rr.inputs, nil, s.translate(step, err)
	}
	return rr.inputs, &ev.Event, nil
}
