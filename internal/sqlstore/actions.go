package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"time"

	core "github.com/activity-core/activity-core"
)

func scanAction(r scanner) (core.ActionRecord, error) {
	var rec core.ActionRecord
	var planned, result string
	var res core.ActionResult
	err := r.Scan(&res.Seq, &planned, &rec.Status, &res.Attempts, &res.Outcome, &result, &res.Error, timeInto{&res.FinishedAt})
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal([]byte(planned), &rec.PlannedAction); err != nil {
		return rec, fmt.Errorf("planned action %d: %w", res.Seq, err)
	}
	if rec.Status != core.ActionPending || res.Attempts > 0 {
		res.Status = rec.Status
		if result != "" {
			res.Result = json.RawMessage(result)
		}
		rec.Result = &res
	}
	return rec, nil
}

// Actions lists a run's actions with Seq in [from, to), ascending.
func (s *Store) Actions(ctx context.Context, runID string, from, to int) ([]core.ActionRecord, error) {
	out, err := list(ctx, s.engine.Reader(), scanAction,
		`SELECT seq, planned, status, attempts, outcome, result, error, finished_at FROM actions
		WHERE run_id = $1 AND seq >= $2 AND seq < $3 ORDER BY seq`, clean(runID), from, to)
	return out, s.translate("list actions", err)
}

// checkResults refuses results that belong to no action, or twice to one.
func checkResults(results []core.ActionResult, actions int, final bool) error {
	seen := make(map[int]bool, len(results))
	for _, r := range results {
		if r.Seq < 0 || r.Seq >= actions {
			return core.InvalidField("results.seq", r.Seq, "the plan has %d actions, counted from 0", actions)
		}
		if seen[r.Seq] {
			return core.InvalidField("results.seq", r.Seq, "is given twice")
		}
		seen[r.Seq] = true
		switch r.Status {
		case core.ActionSucceeded, core.ActionFailed, core.ActionSkipped:
		case core.ActionPending:
			if final {
				return core.InvalidField("results.status", string(r.Status), "must be final")
			}
		default:
			return core.InvalidField("results.status", clean(string(r.Status)), "must be pending, succeeded, failed or skipped")
		}
		if len(r.Result) > 0 && !json.Valid(r.Result) {
			return core.InvalidField("results.result", r.Seq, "must be JSON")
		}
	}
	return nil
}

// RecordActions stores results, and the tasks they made, of actions that have no final result yet.
func (s *Store) RecordActions(ctx context.Context, runID string, results []core.ActionResult, tasks []core.TaskWrite) error {
	if len(results) == 0 && len(tasks) == 0 {
		return nil
	}
	return s.write(ctx, "record actions", func(ctx context.Context, q Querier) error {
		// The run's row is the lock: two workers with results of one run follow one another.
		run, err := findRun(ctx, q, runID, s.dialect.ForUpdate)
		if err != nil {
			return err
		}
		if err := checkResults(results, run.Actions.Total, false); err != nil {
			return err
		}
		open, err := openActions(ctx, q, run.RunID, results)
		if err != nil {
			return err
		}
		fresh := make(map[int]core.ActionResult, len(results))
		given := make(map[int]bool, len(results))
		for _, r := range results {
			given[r.Seq] = true
			if open[r.Seq] {
				fresh[r.Seq] = r
			}
		}
		var writes []core.TaskWrite
		for _, w := range tasks {
			if !given[w.Seq] {
				return core.InvalidField("tasks.seq", w.Seq, "has no result: a task is stored with the result of its action")
			}
			if open[w.Seq] {
				writes = append(writes, w)
			}
		}
		if err := s.writeTasks(ctx, q, run, writes, fresh); err != nil {
			return err
		}
		return s.updateActions(ctx, q, run.RunID, fresh)
	})
}

// openActions returns which of the results' actions have no final result.
func openActions(ctx context.Context, q Querier, runID string, results []core.ActionResult) (map[int]bool, error) {
	open := make(map[int]bool, len(results))
	for len(results) > 0 {
		part := results[:min(len(results), inChunk)]
		results = results[len(part):]
		seqs := make([]int, len(part))
		for i, r := range part {
			seqs[i] = r.Seq
		}
		var b statement
		b.add(`SELECT seq FROM actions WHERE run_id = ? AND status = 'pending' AND seq IN `, runID)
		in(&b, seqs)
		found, err := list(ctx, q, value[int], b.String(), b.args...)
		if err != nil {
			return nil, err
		}
		for _, seq := range found {
			open[seq] = true
		}
	}
	return open, nil
}

func (s *Store) updateActions(ctx context.Context, q Querier, runID string, results map[int]core.ActionResult) error {
	seqs := make([]int, 0, len(results))
	var succeeded, failed int
	for seq, r := range results {
		seqs = append(seqs, seq)
		switch r.Status {
		case core.ActionSucceeded:
			succeeded++
		case core.ActionFailed:
			failed++
		case core.ActionPending, core.ActionSkipped:
		}
	}
	sort.Ints(seqs)
	for _, seq := range seqs {
		r := results[seq]
		if _, err := exec(ctx, q, `UPDATE actions SET status = $1, attempts = $2, outcome = $3, result = $4, error = $5, finished_at = $6
			WHERE run_id = $7 AND seq = $8`, string(r.Status), r.Attempts, clean(r.Outcome), clean(string(r.Result)), clean(r.Error),
			resultTime(r), runID, seq); err != nil {
			return err
		}
	}
	if succeeded+failed == 0 {
		return nil
	}
	_, err := exec(ctx, q, `UPDATE runs SET actions_succeeded = actions_succeeded + $1, actions_failed = actions_failed + $2 WHERE run_id = $3`,
		succeeded, failed, runID)
	return err
}

// FinishRun gives a run its final status, once.
func (s *Store) FinishRun(ctx context.Context, runID string, status core.RunStatus, errMessage string, at time.Time) (core.Run, error) {
	if status != "" && status != core.RunFailed && status != core.RunCanceled {
		return core.Run{}, core.InvalidField("status", clean(string(status)),
			"must be failed, canceled or empty: the others follow from the actions")
	}
	var out core.Run
	err := s.write(ctx, "finish run", func(ctx context.Context, q Querier) error {
		run, err := findRun(ctx, q, runID, "")
		if err != nil {
			return err
		}
		if run.Status == core.RunPending { // the ledger's row comes before the run's, as in Admit
			if err := s.endPending(ctx, q, run, status, errMessage, at); err != nil {
				return err
			}
		}
		if run, err = findRun(ctx, q, runID, s.dialect.ForUpdate); err != nil {
			return err
		}
		out = run
		if run.Status.Final() {
			return nil
		}
		return s.finish(ctx, q, &out, status, errMessage, ts(at))
	})
	if err != nil {
		return core.Run{}, err
	}
	return out, nil
}

// endPending settles the cause of a run that ends before it was admitted, so
// that nothing starts it again. It does nothing if an execution holds the claim.
func (s *Store) endPending(ctx context.Context, q Querier, run core.Run, status core.RunStatus, reason string, at time.Time) error {
	verdict := core.VerdictSkipped
	switch status { //nolint:exhaustive // finish refuses the others
	case core.RunCanceled:
		reason = "canceled before it was admitted"
	case core.RunFailed:
		verdict = core.VerdictLost
	default:
		return nil
	}
	_, err := exec(ctx, q, `UPDATE ledger SET verdict = $1, reason = $2, updated_at = $3
		WHERE activity_id = $4 AND cause_key = $5 AND claimed_by = '' AND verdict IN ('pending', 'started')`,
		string(verdict), clean(reason), ts(at), run.ActivityID, run.Cause.Key())
	return err
}

func (s *Store) finish(ctx context.Context, q Querier, run *core.Run, status core.RunStatus, errMessage string, at time.Time) error {
	if status == "" {
		if _, _, planned, err := storedPlan(ctx, q, run.RunID); err != nil {
			return err
		} else if !planned {
			return core.Errorf(core.CodeConflict, "run %s has no plan, so no outcome; give the status failed or canceled", run.RunID)
		}
	}
	if _, err := exec(ctx, q, `UPDATE actions SET status = 'skipped', finished_at = $1 WHERE run_id = $2 AND status = 'pending'`,
		at, run.RunID); err != nil {
		return err
	}
	if status == "" {
		status = run.Actions.Outcome()
		if status == core.RunFailed && errMessage == "" {
			first, _, err := one(ctx, q, value[string], `SELECT error FROM actions WHERE run_id = $1 AND status = 'failed' ORDER BY seq LIMIT 1`, run.RunID)
			if err != nil {
				return err
			}
			errMessage = allFailed(first)
		}
	}
	if !run.Status.CanBecome(status) {
		return core.Errorf(core.CodeConflict, "run %s is %s and cannot become %s", run.RunID, run.Status, status)
	}
	run.Status, run.Error, run.FinishedAt = status, clean(errMessage), &at
	_, err := exec(ctx, q, `UPDATE runs SET status = $1, error = $2, finished_at = $3 WHERE run_id = $4`,
		string(status), run.Error, at, run.RunID)
	return err
}
