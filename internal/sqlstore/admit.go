package sqlstore

import (
	"context"

	core "github.com/activity-core/activity-core"
)

// Admit claims a cause for one execution. The ledger's row decides, in one
// statement; the run follows it in the same transaction.
func (s *Store) Admit(ctx context.Context, c core.Claim) (core.Admission, error) {
	if err := checkCause(c.ActivityID, c.Cause); err != nil {
		return core.Admission{}, err
	}
	if want := core.WorkflowID(c.ActivityID, c.Cause); c.WorkflowID != want {
		return core.Admission{}, core.InvalidField("workflow_id", clean(c.WorkflowID), "must be %s, that of the cause", want)
	}
	if err := checkKey("temporal_run_id", c.TemporalRunID); err != nil {
		return core.Admission{}, err
	}
	if c.TemporalRunID == "" {
		return core.Admission{}, core.InvalidField("temporal_run_id", "", "must name the execution that claims the cause")
	}
	if err := checkKey("activity_name", c.ActivityName); err != nil {
		return core.Admission{}, err
	}
	entry := newEntry(c.ActivityID, c.Cause, core.VerdictFired, c.DefinitionVersion, c.At)
	entry.TemporalRunID = c.TemporalRunID
	if c.Settle != nil {
		x := *c.Settle
		x.ActivityID, x.Cause, x.DefinitionVersion = c.ActivityID, c.Cause, c.DefinitionVersion
		var err error
		if entry, err = settledEntry(x, c.At); err != nil {
			return core.Admission{}, err
		}
	}
	var out core.Admission
	err := s.write(ctx, "admit run", func(ctx context.Context, q Querier) error {
		out = core.Admission{}
		if c.Settle != nil {
			return s.admitSettled(ctx, q, c, entry, &out)
		}
		return s.admitRun(ctx, q, c, entry, &out)
	})
	if err != nil {
		return core.Admission{}, err
	}
	return out, nil
}

// admitRun takes the claim if it is free, and makes the run running.
func (s *Store) admitRun(ctx context.Context, q Querier, c core.Claim, entry core.LedgerEntry, out *core.Admission) error {
	won, err := s.claimRow(ctx, q, c, entry, out)
	if err != nil {
		return err
	}
	if !won {
		return s.readmit(ctx, q, c, entry, out)
	}
	row := pendingRunRow(core.CauseRecord{ActivityName: c.ActivityName}, out.Entry)
	var b statement
	b.add(`INSERT INTO runs (` + newRunColumns + `, temporal_run_id, started_at) VALUES (`)
	for _, v := range append(row, c.TemporalRunID, ts(c.At)) {
		if len(b.args) > 0 {
			b.WriteByte(',')
		}
		b.WriteString(b.arg(v))
	}
	b.add(`) ON CONFLICT (run_id) DO UPDATE SET status = 'running', temporal_run_id = excluded.temporal_run_id,
		started_at = excluded.started_at WHERE runs.status = 'pending' RETURNING ` + requestColumns)
	b.args[newRunStatus] = string(core.RunRunning)
	rr, found, err := one(ctx, q, scanRequest, b.String(), b.args...)
	if err != nil {
		return err
	}
	if !found {
		return core.Errorf(core.CodeConflict, "run %s has ended already", out.Entry.RunID)
	}
	return s.admitted(ctx, q, rr, out)
}

// claimRow takes the cause's row for the execution, and makes one for a cause that need not be
// recorded before. won is false where the cause is decided, or nobody recorded it.
func (s *Store) claimRow(ctx context.Context, q Querier, c core.Claim, entry core.LedgerEntry, out *core.Admission) (won bool, err error) {
	if c.Recorded {
		out.Entry, won, err = one(ctx, q, scanLedger, `UPDATE ledger SET verdict = 'fired', claimed_by = $1, updated_at = $2
			WHERE activity_id = $3 AND cause_key = $4 AND claimed_by = '' AND verdict IN ('pending', 'started') RETURNING `+ledgerColumns,
			c.TemporalRunID, ts(c.At), c.ActivityID, entry.CauseKey)
		if err != nil || won {
			return won, err
		}
		_, recorded, err := one(ctx, q, value[string], `SELECT verdict FROM ledger WHERE activity_id = $1 AND cause_key = $2`, c.ActivityID, entry.CauseKey)
		if err == nil && !recorded {
			err = core.Errorf(core.CodeNotFound,
				"no one recorded the cause %s of activity %s; somebody started its workflow by hand, or the record is older than its start", entry.CauseKey, c.ActivityID)
		}
		return false, err
	}
	err = s.insert(ctx, q, `INSERT INTO ledger (`+ledgerColumns+`)`, `ON CONFLICT (activity_id, cause_key) DO UPDATE
		SET verdict = 'fired', claimed_by = excluded.claimed_by, updated_at = excluded.updated_at
		WHERE ledger.claimed_by = '' AND ledger.verdict IN ('pending', 'started') RETURNING `+ledgerColumns,
		1, func(int) []any { return ledgerRow(entry) },
		func(r scanner) (err error) {
			won = true
			out.Entry, err = scanLedger(r)
			return err
		})
	return won, err
}

// readmit answers a claim on a cause that is decided: yes to the execution that holds it.
func (s *Store) readmit(ctx context.Context, q Querier, c core.Claim, entry core.LedgerEntry, out *core.Admission) error {
	id := causeID{c.ActivityID, entry.CauseKey}
	rows := map[causeID]core.LedgerEntry{}
	if err := findEntries(ctx, q, []causeID{id}, rows); err != nil {
		return err
	}
	out.Entry = rows[id]
	rr, found, err := one(ctx, q, scanRequest, `SELECT `+requestColumns+` FROM runs WHERE run_id = $1`, core.RunID(c.WorkflowID))
	if err != nil {
		return err
	}
	if out.Entry.TemporalRunID != c.TemporalRunID {
		out.Run = rr.run
		return nil
	}
	if !found {
		return core.Errorf(core.CodeConflict, "run %s ended and was pruned", out.Entry.RunID)
	}
	return s.admitted(ctx, q, rr, out)
}

func (s *Store) admitted(ctx context.Context, q Querier, rr runRequest, out *core.Admission) error {
	out.Admitted, out.Run, out.Inputs = true, rr.run, rr.inputs
	if rr.eventID == "" {
		return nil
	}
	ev, found, err := one(ctx, q, scanEvent, `SELECT `+eventColumns+` FROM events WHERE event_id = $1`, rr.eventID)
	if err == nil && found {
		out.Event = &ev.Event
	}
	return err
}

// admitSettled gives a free slot the verdict of the misfire policy.
func (s *Store) admitSettled(ctx context.Context, q Querier, c core.Claim, entry core.LedgerEntry, out *core.Admission) error {
	won := false
	err := s.insert(ctx, q, `INSERT INTO ledger (`+ledgerColumns+`)`,
		settleConflict+` AND ledger.verdict IN ('pending', 'started') RETURNING `+ledgerColumns,
		1, func(int) []any { return ledgerRow(entry) },
		func(r scanner) (err error) {
			won = true
			out.Entry, err = scanLedger(r)
			return err
		})
	if err != nil {
		return err
	}
	if !won {
		return s.readmit(ctx, q, c, entry, out)
	}
	if err := cancelPendingRuns(ctx, q, []core.LedgerEntry{out.Entry}, ts(c.At)); err != nil {
		return err
	}
	rr, _, err := one(ctx, q, scanRequest, `SELECT `+requestColumns+` FROM runs WHERE run_id = $1`, core.RunID(c.WorkflowID))
	out.Run = rr.run
	return err
}
