package sqlstore

import (
	"context"
	"fmt"
	"sort"
	"time"

	core "github.com/activity-core/activity-core"
)

const ledgerColumns = `activity_id, cause_key, kind, event_id, idempotency_key, slot_at, verdict, reason, into_key,
	make_up, definition_version, claimed_by, created_at, updated_at`

func scanLedger(r scanner) (core.LedgerEntry, error) {
	var e core.LedgerEntry
	var slot time.Time
	err := r.Scan(&e.ActivityID, &e.CauseKey, &e.Cause.Kind, &e.Cause.EventID, &e.Cause.IdempotencyKey, timeInto{&slot},
		&e.Verdict, &e.Reason, &e.Into, &e.MakeUp, &e.DefinitionVersion, &e.TemporalRunID, timeInto{&e.CreatedAt}, timeInto{&e.UpdatedAt})
	if e.Cause.Kind == core.CauseCron {
		e.Cause.NominalTime = &slot
	}
	return named(e), err
}

// named adds the IDs that follow from definition, cause and verdict: the ledger, kept for ever,
// does not hold them.
func named(e core.LedgerEntry) core.LedgerEntry {
	e.WorkflowID = core.WorkflowID(e.ActivityID, e.Cause)
	if e.Verdict.Runs() {
		e.RunID = core.RunID(e.WorkflowID)
	}
	if e.Into != "" {
		e.IntoRunID = core.RunID(core.WorkflowIDOfKey(e.ActivityID, e.Into))
	}
	return e
}

// ledgerRow are the values of ledgerColumns for a new row.
func ledgerRow(e core.LedgerEntry) []any {
	slot := e.CreatedAt
	if e.Cause.NominalTime != nil {
		slot = ts(*e.Cause.NominalTime)
	}
	return []any{e.ActivityID, e.CauseKey, string(e.Cause.Kind), e.Cause.EventID, e.Cause.IdempotencyKey, slot,
		string(e.Verdict), clean(e.Reason), e.Into, e.MakeUp, e.DefinitionVersion, e.TemporalRunID, e.CreatedAt, e.UpdatedAt}
}

// checkCause refuses causes that have no identity.
func checkCause(activityID string, c core.Cause) error {
	if !core.IsUUID(activityID) {
		return core.InvalidField("activity_id", clean(activityID), "must be a UUID in lower case")
	}
	switch {
	case c.Kind == core.CauseCron && c.NominalTime != nil:
		return nil
	case c.Kind == core.CauseEvent && c.EventID != "":
		return checkKey("cause.event_id", c.EventID)
	case c.Kind == core.CauseManual && c.IdempotencyKey != "":
		return checkKey("cause.idempotency_key", c.IdempotencyKey)
	}
	return core.InvalidField("cause", string(c.Kind),
		"must be cron with a nominal time, event with an event ID, or manual with an idempotency key")
}

// causeID identifies a ledger row.
type causeID struct{ activity, key string }

// newEntry is the row of a cause that has none.
func newEntry(activityID string, c core.Cause, v core.Verdict, version int64, at time.Time) core.LedgerEntry {
	switch c.Kind { // one kind of identity each, as it is stored
	case core.CauseCron:
		c = core.CronCause(*c.NominalTime)
	case core.CauseEvent:
		c = core.EventCause(c.EventID)
	case core.CauseManual:
		c = core.ManualCause(c.IdempotencyKey)
	}
	return named(core.LedgerEntry{ActivityID: activityID, CauseKey: c.Key(), Cause: c, Verdict: v,
		DefinitionVersion: version, CreatedAt: ts(at), UpdatedAt: ts(at)})
}

// RecordCauses writes pending rows, runs and events for causes that have no row.
func (s *Store) RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error) {
	return s.RecordMatches(ctx, recs, nil, at)
}

// RecordMatches is RecordCauses and Settle in one transaction.
func (s *Store) RecordMatches(ctx context.Context, recs []core.CauseRecord, settlements []core.Settlement, at time.Time) (out []core.CauseState, err error) {
	record, err := s.recording(recs, at)
	if err != nil {
		return nil, err
	}
	settle, err := s.settling(settlements, at)
	if err != nil {
		return nil, err
	}
	claims, err := claimsOf(recs, settlements, at)
	if err != nil || len(recs)+len(settlements) == 0 {
		return nil, err
	}
	err = s.write(ctx, "record causes", func(ctx context.Context, q Querier) error {
		conflicts, err := claims.settle(ctx, s, q)
		if err != nil {
			return err
		}
		if out, err = record(ctx, q, conflicts[:len(recs)]); err != nil {
			return err
		}
		entries, err := settle(ctx, q, conflicts[len(recs):])
		for i, e := range entries {
			out = append(out, core.CauseState{Entry: e, Conflict: conflicts[len(recs)+i]})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// recordFunc writes records, without those that have a conflict.
type recordFunc func(context.Context, Querier, []*core.EventConflict) ([]core.CauseState, error)

// recording checks records and returns what writes them.
func (s *Store) recording(recs []core.CauseRecord, at time.Time) (recordFunc, error) {
	entries := make([]core.LedgerEntry, len(recs))
	for i, r := range recs {
		if err := checkCause(r.ActivityID, r.Cause); err != nil {
			return nil, err
		}
		if err := checkKey("activity_name", r.ActivityName); err != nil {
			return nil, err
		}
		entries[i] = newEntry(r.ActivityID, r.Cause, core.VerdictPending, r.DefinitionVersion, at)
		entries[i].MakeUp = r.MakeUp
	}
	return func(ctx context.Context, q Querier, conflicts []*core.EventConflict) ([]core.CauseState, error) {
		first, order := inOrder(entries, conflicts)
		rows := make(map[causeID]core.LedgerEntry, len(order))
		err := s.insert(ctx, q, `INSERT INTO ledger (`+ledgerColumns+`)`,
			`ON CONFLICT (activity_id, cause_key) DO NOTHING RETURNING activity_id, cause_key`, len(order),
			func(i int) []any { return ledgerRow(entries[order[i]]) },
			func(r scanner) error {
				var id causeID
				err := r.Scan(&id.activity, &id.key)
				if err == nil {
					rows[id] = entries[first[id]]
				}
				return err
			})
		if err != nil {
			return nil, err
		}
		var created []int
		var missing []causeID
		for _, i := range order {
			id := idOf(entries[i])
			if _, made := rows[id]; made {
				created = append(created, i)
			} else {
				missing = append(missing, id)
			}
		}
		err = s.insert(ctx, q, `INSERT INTO runs (`+newRunColumns+`)`, `ON CONFLICT (run_id) DO NOTHING`, len(created),
			func(i int) []any { return pendingRunRow(recs[created[i]], entries[created[i]]) }, nil)
		if err != nil {
			return nil, err
		}
		for _, i := range created {
			if err := s.appendAudit(ctx, q, recs[i].Audit...); err != nil {
				return nil, err
			}
		}
		if err := findEntries(ctx, q, missing, rows); err != nil {
			return nil, err
		}
		out := make([]core.CauseState, len(recs))
		inserted := map[causeID]bool{}
		for _, i := range created {
			inserted[idOf(entries[i])] = true
		}
		for i := range recs {
			if conflicts[i] != nil {
				out[i].Conflict = conflicts[i]
				continue
			}
			id := idOf(entries[i])
			out[i] = core.CauseState{Entry: rows[id], Inserted: inserted[id] && first[id] == i}
		}
		return out, nil
	}, nil
}

func idOf(e core.LedgerEntry) causeID { return causeID{e.ActivityID, e.CauseKey} }

// inOrder returns which entry makes the row, where a cause comes twice the first, and those by
// key, so that two routers that record the same causes wait for each other in one order.
// Entries with a conflict make none.
func inOrder(entries []core.LedgerEntry, conflicts []*core.EventConflict) (first map[causeID]int, order []int) {
	first, order = map[causeID]int{}, make([]int, 0, len(entries))
	for i, e := range entries {
		if conflicts != nil && conflicts[i] != nil {
			continue
		}
		if _, twice := first[idOf(e)]; !twice {
			first[idOf(e)] = i
			order = append(order, i)
		}
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := &entries[order[i]], &entries[order[j]]
		return a.ActivityID < b.ActivityID || a.ActivityID == b.ActivityID && a.CauseKey < b.CauseKey
	})
	return first, order
}

// findEntries reads rows by key into found; each must exist.
func findEntries(ctx context.Context, q Querier, ids []causeID, found map[causeID]core.LedgerEntry) error {
	for len(ids) > 0 {
		part := ids[:min(len(ids), inChunk)]
		ids = ids[len(part):]
		var activities, keys []string
		wanted := make(map[causeID]bool, len(part))
		seen := map[string]bool{}
		for _, id := range part {
			wanted[id] = true
			keys = append(keys, id.key)
			if !seen[id.activity] {
				seen[id.activity] = true
				activities = append(activities, id.activity)
			}
		}
		var b statement
		b.add(`SELECT ` + ledgerColumns + ` FROM ledger WHERE activity_id IN `)
		in(&b, activities)
		b.add(` AND cause_key IN `)
		in(&b, keys)
		rows, err := list(ctx, q, scanLedger, b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, e := range rows {
			if id := (causeID{e.ActivityID, e.CauseKey}); wanted[id] {
				found[id] = e
				delete(wanted, id)
			}
		}
		for id := range wanted {
			return fmt.Errorf("ledger row %s %s vanished", id.activity, id.key)
		}
	}
	return nil
}

// ConfirmStarts turns pending rows into started ones. A started row whose claim
// is free is touched, so that the sweeper, which takes the oldest first, comes to all.
func (s *Store) ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error {
	if len(starts) == 0 {
		return nil
	}
	starts = append([]core.Start(nil), starts...)
	sort.Slice(starts, func(i, j int) bool {
		return starts[i].ActivityID < starts[j].ActivityID ||
			starts[i].ActivityID == starts[j].ActivityID && starts[i].CauseKey < starts[j].CauseKey
	})
	return s.write(ctx, "confirm starts", func(ctx context.Context, q Querier) error {
		for _, st := range starts {
			if _, err := exec(ctx, q, `UPDATE ledger SET verdict = 'started', updated_at = $1
				WHERE activity_id = $2 AND cause_key = $3 AND verdict IN ('pending', 'started') AND claimed_by = ''`,
				ts(at), clean(st.ActivityID), clean(st.CauseKey)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Settle gives slots and matches without a run their verdict.
func (s *Store) Settle(ctx context.Context, settlements []core.Settlement, at time.Time) (out []core.LedgerEntry, err error) {
	settle, err := s.settling(settlements, at)
	if err != nil || len(settlements) == 0 {
		return nil, err
	}
	err = s.write(ctx, "settle slots", func(ctx context.Context, q Querier) (err error) {
		out, err = settle(ctx, q, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// settleFunc writes settlements, without those that have a conflict: their entries are empty.
type settleFunc func(context.Context, Querier, []*core.EventConflict) ([]core.LedgerEntry, error)

// settling checks settlements and returns what writes them.
func (s *Store) settling(settlements []core.Settlement, at time.Time) (settleFunc, error) {
	entries := make([]core.LedgerEntry, len(settlements))
	for i, x := range settlements {
		e, err := settledEntry(x, at)
		if err != nil {
			return nil, err
		}
		entries[i] = e
	}
	return func(ctx context.Context, q Querier, conflicts []*core.EventConflict) ([]core.LedgerEntry, error) {
		_, order := inOrder(entries, conflicts) // of a cause that comes twice the first decides, as it would in two calls
		rows := make(map[causeID]core.LedgerEntry, len(order))
		var settled []core.LedgerEntry
		err := s.insert(ctx, q, `INSERT INTO ledger (`+ledgerColumns+`)`, settleConflict+` AND ledger.verdict = 'pending' RETURNING `+ledgerColumns,
			len(order), func(i int) []any { return ledgerRow(entries[order[i]]) },
			func(r scanner) error {
				e, err := scanLedger(r)
				rows[idOf(e)] = e
				settled = append(settled, e)
				return err
			})
		if err != nil {
			return nil, err
		}
		if err := cancelPendingRuns(ctx, q, settled, ts(at)); err != nil {
			return nil, err
		}
		var missing []causeID
		for _, i := range order {
			id := idOf(entries[i])
			if _, done := rows[id]; !done {
				missing = append(missing, id)
			}
		}
		if err := findEntries(ctx, q, missing, rows); err != nil {
			return nil, err
		}
		out := make([]core.LedgerEntry, len(entries))
		for i, e := range entries {
			if conflicts == nil || conflicts[i] == nil {
				out[i] = rows[idOf(e)]
			}
		}
		return out, nil
	}, nil
}

// settleConflict settles a row whose claim is free; a condition on its verdict follows.
const settleConflict = `ON CONFLICT (activity_id, cause_key) DO UPDATE SET verdict = excluded.verdict, reason = excluded.reason,
	into_key = excluded.into_key, updated_at = excluded.updated_at WHERE ledger.claimed_by = ''`

func settledEntry(x core.Settlement, at time.Time) (core.LedgerEntry, error) {
	if err := checkCause(x.ActivityID, x.Cause); err != nil {
		return core.LedgerEntry{}, err
	}
	known := false
	for _, v := range core.Verdicts() {
		known = known || v == x.Verdict
	}
	if !known || !x.Verdict.Terminal() || x.Verdict == core.VerdictFired {
		return core.LedgerEntry{}, core.InvalidField("verdict", string(x.Verdict),
			"must be a terminal verdict other than fired: only admission makes a run")
	}
	if err := checkKey("into", x.Into); err != nil {
		return core.LedgerEntry{}, err
	}
	e := newEntry(x.ActivityID, x.Cause, x.Verdict, x.DefinitionVersion, at)
	e.Reason, e.Into = x.Reason, x.Into
	return e, nil
}

// cancelPendingRuns ends the runs that were announced for causes that will not run.
func cancelPendingRuns(ctx context.Context, q Querier, settled []core.LedgerEntry, at time.Time) error {
	for len(settled) > 0 {
		part := settled[:min(len(settled), inChunk)]
		settled = settled[len(part):]
		var ids []string
		for _, e := range part {
			ids = append(ids, core.RunID(e.WorkflowID))
		}
		var b statement
		b.add(`UPDATE runs SET status = 'canceled', error = ?, finished_at = ? WHERE status = 'pending' AND run_id IN `,
			"not run: the ledger gives the reason", at)
		in(&b, ids)
		if _, err := exec(ctx, q, b.String(), b.args...); err != nil {
			return err
		}
	}
	return nil
}
