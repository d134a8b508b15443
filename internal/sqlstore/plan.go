package sqlstore

import (
	"context"
	"encoding/json"
	"time"

	core "github.com/activity-core/activity-core"
)

// planHead is a plan without its actions, as it is stored.
type planHead struct {
	Items int              `json:"items"`
	Rules []core.RuleTrace `json:"rules"`
	Cost  int64            `json:"cost,omitempty"`
}

// encodedPlan is a plan in the form of its rows, checked.
type encodedPlan struct {
	head    string
	actions []string
}

func encodePlan(p core.Plan) (encodedPlan, error) {
	var e encodedPlan
	var err error
	if e.head, err = encodeJSON(planHead{p.Items, p.Rules, p.Cost}); err != nil {
		return e, core.Wrap(core.CodeInvalid, err, "the plan cannot be written as JSON")
	}
	e.actions = make([]string, len(p.Actions))
	for i, a := range p.Actions {
		if a.Seq != i {
			return e, core.InvalidField("plan.actions.seq", a.Seq, "must count the actions from 0; expected %d", i)
		}
		if e.actions[i], err = encodeJSON(a); err != nil {
			return e, core.Wrap(core.CodeInvalid, err, "action %d of the plan cannot be written as JSON", i)
		}
	}
	return e, nil
}

func decodePlan(head string) (core.Plan, error) {
	var h planHead
	err := json.Unmarshal([]byte(head), &h)
	return core.Plan{Items: h.Items, Rules: h.Rules, Cost: h.Cost}, err
}

// storedPlan returns the plan of a run, if it has one, and the number of its actions.
func storedPlan(ctx context.Context, q Querier, runID string) (p core.Plan, actions int, found bool, err error) {
	type row struct {
		head  *string
		total int
	}
	r, exists, err := one(ctx, q, func(r scanner) (v row, err error) {
		err = r.Scan(&v.head, &v.total)
		return v, err
	}, `SELECT plan, actions_total FROM runs WHERE run_id = $1`, clean(runID))
	if err != nil {
		return p, 0, false, err
	}
	if !exists {
		return p, 0, false, core.NotFound("run", clean(runID))
	}
	if r.head == nil {
		return p, 0, false, nil
	}
	p, err = decodePlan(*r.head)
	return p, r.total, true, err
}

// Plan returns a run's stored plan without its actions.
func (s *Store) Plan(ctx context.Context, runID string) (core.Plan, error) {
	p, _, found, err := storedPlan(ctx, s.engine.Reader(), runID)
	if err == nil && !found {
		err = core.NotFound("plan of run", clean(runID))
	}
	return p, s.translate("find plan", err)
}

// SavePlan stores a run's plan if it has none.
func (s *Store) SavePlan(ctx context.Context, runID string, p core.Plan) (core.Plan, int, error) {
	enc, err := encodePlan(p)
	if err != nil {
		return core.Plan{}, 0, err
	}
	var out core.Plan
	var total int
	err = s.write(ctx, "save plan", func(ctx context.Context, q Querier) error {
		n, err := exec(ctx, q, `UPDATE runs SET plan = $1, items = $2, actions_total = $3
			WHERE run_id = $4 AND plan IS NULL AND status = 'running'`, enc.head, p.Items, len(p.Actions), clean(runID))
		if err != nil {
			return err
		}
		if n == 0 {
			var found bool
			if out, total, found, err = storedPlan(ctx, q, runID); err != nil || found {
				return err
			}
			return s.notRunning(ctx, q, runID)
		}
		out, total = core.Plan{Items: p.Items, Rules: p.Rules, Cost: p.Cost}, len(p.Actions)
		return s.insertActions(ctx, q, runID, enc, nil)
	})
	return out, total, err
}

// notRunning explains why a run takes no plan.
func (s *Store) notRunning(ctx context.Context, q Querier, runID string) error {
	run, err := findRun(ctx, q, runID, "")
	if err != nil {
		return err
	}
	return core.Errorf(core.CodeConflict, "run %s is %s: only a running run is given a plan", runID, run.Status)
}

// insertActions writes a plan's actions; result gives the outcome of those that are carried out
// already.
func (s *Store) insertActions(ctx context.Context, q Querier, runID string, enc encodedPlan, results map[int]core.ActionResult) error {
	return s.insert(ctx, q, `INSERT INTO actions (run_id, seq, planned, status, attempts, outcome, result, error, finished_at)`, ``,
		len(enc.actions), func(i int) []any {
			r, done := results[i]
			if !done {
				status := core.ActionPending
				if results != nil { // all that will ever happen has
					status = core.ActionSkipped
				}
				return []any{runID, i, enc.actions[i], string(status), 0, "", "", "", nil}
			}
			return []any{runID, i, enc.actions[i], string(r.Status), r.Attempts, clean(r.Outcome), clean(string(r.Result)), clean(r.Error), resultTime(r)}
		}, nil)
}

func resultTime(r core.ActionResult) any {
	if r.FinishedAt.IsZero() {
		return nil
	}
	return ts(r.FinishedAt)
}

// ExecuteSmall plans, carries out and finishes a run whose actions only write tasks.
func (s *Store) ExecuteSmall(ctx context.Context, runID string, p core.Plan, results []core.ActionResult, tasks []core.TaskWrite, at time.Time) (core.Run, bool, error) {
	enc, err := encodePlan(p)
	if err != nil {
		return core.Run{}, false, err
	}
	if err := checkResults(results, len(p.Actions), true); err != nil {
		return core.Run{}, false, err
	}
	counts, why := outcomeOf(results)
	counts.Total = len(p.Actions)
	var run core.Run
	var saved bool
	err = s.write(ctx, "execute run", func(ctx context.Context, q Querier) error {
		saved = false
		var err error
		run, saved, err = one(ctx, q, scanRun, `UPDATE runs SET plan = $1, items = $2, actions_total = $3, actions_succeeded = $4,
			actions_failed = $5, status = $6, finished_at = $7, error = $8
			WHERE run_id = $9 AND plan IS NULL AND status = 'running' RETURNING `+runColumns,
			enc.head, p.Items, counts.Total, counts.Succeeded, counts.Failed, string(counts.Outcome()), ts(at), why, clean(runID))
		if err != nil {
			return err
		}
		if !saved {
			_, _, planned, err := storedPlan(ctx, q, runID)
			if err != nil {
				return err
			}
			if !planned {
				return s.notRunning(ctx, q, runID)
			}
			run, err = findRun(ctx, q, runID, "")
			return err
		}
		bySeq := make(map[int]core.ActionResult, len(results))
		for _, r := range results {
			bySeq[r.Seq] = r
		}
		if err := s.writeTasks(ctx, q, run, tasks, bySeq); err != nil {
			return err
		}
		return s.insertActions(ctx, q, run.RunID, enc, bySeq)
	})
	if err != nil {
		return core.Run{}, false, err
	}
	return run, saved, nil
}

// outcomeOf counts results, and says why the run failed if every action did.
func outcomeOf(results []core.ActionResult) (counts core.ActionCounts, why string) {
	first := len(results)
	for i, r := range results {
		switch r.Status {
		case core.ActionSucceeded:
			counts.Succeeded++
		case core.ActionFailed:
			counts.Failed++
			if first == len(results) || r.Seq < results[first].Seq {
				first = i
			}
		case core.ActionPending, core.ActionSkipped:
		}
	}
	if counts.Failed > 0 && counts.Succeeded == 0 {
		why = allFailed(results[first].Error)
	}
	return counts, why
}

// allFailed is the error of a run whose actions failed, by the error of the first.
func allFailed(first string) string {
	if first == "" {
		return "no action succeeded"
	}
	return clean("no action succeeded; the first that failed: " + first)
}
