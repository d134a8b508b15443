package sqlstore

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
)

// PruneRuns deletes up to limit runs that finished before a time, oldest
// first, with their actions, their tasks that are done or canceled, and their events if no other
// run refers to them. The ledger keeps its rows: a cause never runs twice. It
// returns how many runs went; fewer than limit means that none is left.
func (s *Store) PruneRuns(ctx context.Context, before time.Time, limit int) (int, error) {
	if limit < 1 || limit > 10_000 {
		return 0, core.InvalidField("limit", limit, "must be 1 to 10,000")
	}
	pruned := 0
	for pruned < limit { // in short transactions, so that nobody waits long
		n, err := s.pruneChunk(ctx, before, min(limit-pruned, inChunk))
		pruned += n
		if err != nil || n == 0 {
			return pruned, err
		}
	}
	return pruned, nil
}

type prunable struct{ runID, eventID string }

func (s *Store) pruneChunk(ctx context.Context, before time.Time, limit int) (int, error) {
	pruned := 0
	err := s.write(ctx, "prune runs", func(ctx context.Context, q Querier) error {
		rows, err := list(ctx, q, func(r scanner) (p prunable, err error) {
			err = r.Scan(&p.runID, &p.eventID)
			return p, err
		}, `SELECT run_id, event_id FROM runs WHERE finished_at < $1 ORDER BY finished_at, run_id LIMIT $2`+s.dialect.ForUpdate,
			ts(before), limit)
		pruned = len(rows)
		if err != nil || pruned == 0 {
			return err
		}
		var runs, events []string
		for _, r := range rows {
			runs = append(runs, r.runID)
			if r.eventID != "" {
				events = append(events, r.eventID)
			}
		}
		closed := ` AND status IN ('done', 'canceled')`
		for _, d := range []struct {
			before, after string
			ids           []string
			args          []any
		}{
			{`DELETE FROM task_comments WHERE task_id IN (SELECT task_id FROM tasks WHERE run_id IN `, closed + `)`, runs, nil},
			{`DELETE FROM tasks WHERE run_id IN `, closed, runs, nil},
			{`DELETE FROM actions WHERE run_id IN `, ``, runs, nil},
			{`DELETE FROM runs WHERE run_id IN `, ``, runs, nil},
			{`DELETE FROM events WHERE event_id IN `, ` AND created_at < ? AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.event_id = events.event_id)`,
				events, []any{ts(before)}},
		} {
			if len(d.ids) == 0 {
				continue
			}
			var b statement
			b.add(d.before)
			in(&b, d.ids)
			b.add(d.after, d.args...)
			if _, err := exec(ctx, q, b.String(), b.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return pruned, nil
}

// PruneAnswers forgets answers to idempotent requests that are older than a time, and returns
// how many.
func (s *Store) PruneAnswers(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := s.write(ctx, "prune answers", func(ctx context.Context, q Querier) (err error) {
		n, err = exec(ctx, q, `DELETE FROM idempotency WHERE created_at < $1`, ts(before))
		return err
	})
	return int(n), err
}
