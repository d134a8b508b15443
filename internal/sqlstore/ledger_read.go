package sqlstore

import (
	"context"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// LedgerEntry finds one row.
func (s *Store) LedgerEntry(ctx context.Context, activityID, causeKey string) (core.LedgerEntry, error) {
	e, found, err := one(ctx, s.engine.Reader(), scanLedger,
		`SELECT `+ledgerColumns+` FROM ledger WHERE activity_id = $1 AND cause_key = $2`, clean(activityID), clean(causeKey))
	if err != nil {
		return e, s.translate("find ledger row", err)
	}
	if !found {
		return e, core.NotFound("ledger row", clean(activityID+":"+causeKey))
	}
	rows := []core.LedgerEntry{e}
	err = s.nameEnded(ctx, rows)
	return rows[0], s.translate("find the run of a ledger row", err)
}

// nameEnded names the runs that ended before they began: a settled cause has one if it was
// recorded first, which a slot that was never to be made up was not.
func (s *Store) nameEnded(ctx context.Context, entries []core.LedgerEntry) error {
	at := map[string]int{}
	var ids []string
	for i, e := range entries {
		if e.Verdict.Runs() || e.Cause.Kind == core.CauseCron && !e.MakeUp {
			continue
		}
		id := core.RunID(e.WorkflowID)
		at[id] = i
		ids = append(ids, id)
	}
	for len(ids) > 0 {
		part := ids[:min(len(ids), inChunk)]
		ids = ids[len(part):]
		var b statement
		b.add(`SELECT run_id FROM runs WHERE run_id IN `)
		in(&b, part)
		found, err := list(ctx, s.engine.Reader(), value[string], b.String(), b.args...)
		if err != nil {
			return err
		}
		for _, id := range found {
			entries[at[id]].RunID = id
		}
	}
	return nil
}

// LedgerEntries lists rows, newest first: by nominal time for cron, creation
// otherwise, which is what the filter's window is about, too.
func (s *Store) LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error) {
	var none core.Page[core.LedgerEntry]
	tag := listTag("ledger", f)
	after, err := openPage(tag, 2, p)
	if err != nil {
		return none, err
	}
	l := ledgerListing(f, p.Limit)
	if after != nil {
		l.after = []any{after.time(), after.Keys[0], after.Keys[1]}
	}
	rows, err := read(ctx, s, l, scanLedger)
	if err == nil {
		err = s.nameEnded(ctx, rows)
	}
	if err != nil {
		return none, s.translate("list ledger rows", err)
	}
	return closePage(tag, rows, p.Limit, func(e core.LedgerEntry) (time.Time, []string) {
		slot := e.CreatedAt
		if e.Cause.NominalTime != nil {
			slot = *e.Cause.NominalTime
		}
		return slot, []string{e.ActivityID, e.CauseKey}
	}), nil
}

// ledgerListing lists rows, newest first. The rows of an event are few enough to look through.
func ledgerListing(f core.LedgerFilter, limit int) *listing {
	l := &listing{table: "ledger", columns: ledgerColumns, order: []string{"slot_at", "activity_id", "cause_key"}, descending: true, limit: limit}
	l.equal("activity_id", f.ActivityID).ofEvent(f.EventID).between(f.Since, f.Until)
	if f.EventID == "" && (f.Verdict != "" || f.Kind != "") {
		l.options = []option{optionOf("verdict", oneOf(f.Verdict), core.Verdicts()), optionOf("kind", oneOf(f.Kind), kinds())}
		return l
	}
	return l.equal("verdict", string(f.Verdict)).equal("kind", string(f.Kind))
}

// ofAnEvent restricts ledger rows to those that an event made: only they name it. The databases
// must be told, for the index has no others.
const ofAnEvent = `ledger.event_id <> ''`

const matchColumns = `SELECT ledger.event_id, COALESCE(definitions.name, ledger.activity_id)
	FROM ledger LEFT JOIN definitions ON definitions.id = ledger.activity_id AND NOT definitions.purged WHERE ` + ofAnEvent

type eventMatch struct{ event, name string }

func scanMatch(r scanner) (m eventMatch, err error) {
	err = r.Scan(&m.event, &m.name)
	return m, err
}

// EventMatches returns the names of the definitions that have a row for each of the events: two
// queries for a page of events, and one more for each event that has more than limit.
func (s *Store) EventMatches(ctx context.Context, eventIDs []string, limit int) (map[string]core.EventMatches, error) {
	out := make(map[string]core.EventMatches, len(eventIDs))
	if limit < 1 {
		return nil, core.InvalidField("limit", limit, "must be at least 1")
	}
	for part := range slices.Chunk(eventIDs, inChunk) {
		if err := s.matchesOf(ctx, part, limit, out); err != nil {
			return nil, s.translate("find what events matched", err)
		}
	}
	return out, nil
}

func (s *Store) matchesOf(ctx context.Context, events []string, limit int, out map[string]core.EventMatches) error {
	type count struct {
		event string
		n     int
	}
	var b statement
	b.add(`SELECT ledger.event_id, count(*) FROM ledger WHERE ` + ofAnEvent + ` AND ledger.event_id IN `)
	in(&b, events)
	b.add(` GROUP BY ledger.event_id`)
	counts, err := list(ctx, s.engine.Reader(), func(r scanner) (c count, err error) {
		err = r.Scan(&c.event, &c.n)
		return c, err
	}, b.String(), b.args...)
	if err != nil {
		return err
	}
	var few []string
	var found []eventMatch
	for _, c := range counts {
		if c.n <= limit {
			few = append(few, c.event)
			continue
		}
		some, err := list(ctx, s.engine.Reader(), scanMatch, matchColumns+` AND ledger.event_id = $1 ORDER BY ledger.slot_at, ledger.activity_id, ledger.cause_key LIMIT $2`, c.event, limit)
		if err != nil {
			return err
		}
		out[c.event] = core.EventMatches{More: c.n - len(some)}
		found = append(found, some...)
	}
	if len(few) > 0 {
		var b statement
		b.add(matchColumns + ` AND ledger.event_id IN `)
		in(&b, few)
		all, err := list(ctx, s.engine.Reader(), scanMatch, b.String(), b.args...)
		if err != nil {
			return err
		}
		found = append(found, all...)
	}
	slices.SortFunc(found, func(a, b eventMatch) int { return strings.Compare(a.name, b.name) })
	for _, m := range found {
		of := out[m.event]
		of.Names = append(of.Names, m.name)
		out[m.event] = of
	}
	return nil
}

// PendingCauses lists rows that were recorded or started before a time and
// have no claim yet, oldest first, with all that starting them again needs.
func (s *Store) PendingCauses(ctx context.Context, before time.Time, limit int) ([]core.CauseRecord, error) {
	if limit < 1 {
		return nil, core.InvalidField("limit", limit, "must be at least 1")
	}
	const step = "list pending causes"
	q := s.engine.Reader()
	rows, err := list(ctx, q, scanLedger, `SELECT `+ledgerColumns+` FROM ledger
		WHERE verdict IN ('pending', 'started') AND claimed_by = '' AND updated_at < $1
		ORDER BY updated_at, activity_id, cause_key LIMIT $2`, ts(before), limit)
	if err != nil {
		return nil, s.translate(step, err)
	}
	out := make([]core.CauseRecord, 0, len(rows))
	for _, e := range rows {
		rr, found, err := one(ctx, q, scanRequest, `SELECT `+requestColumns+` FROM runs WHERE run_id = $1`, e.RunID)
		if err != nil {
			return nil, s.translate(step, err)
		}
		if !found || rr.run.Status != core.RunPending {
			continue // admitted or ended since
		}
		c := core.CauseRecord{ActivityID: e.ActivityID, ActivityName: rr.run.ActivityName,
			DefinitionVersion: e.DefinitionVersion, Cause: e.Cause, Inputs: rr.inputs, MakeUp: e.MakeUp}
		if rr.eventID != "" {
			ev, found, err := one(ctx, q, scanEvent, `SELECT `+eventColumns+` FROM events WHERE event_id = $1`, rr.eventID)
			if err != nil {
				return nil, s.translate(step, err)
			}
			if found {
				c.Event, c.StreamSeq = &ev.Event, ev.StreamSeq
			}
		}
		out = append(out, c)
	}
	return out, nil
}

// CronKeys returns the cause keys of a definition's cron rows with nominal time in [from, to),
// ascending.
func (s *Store) CronKeys(ctx context.Context, activityID string, from, to time.Time) ([]string, error) {
	keys, err := list(ctx, s.engine.Reader(), value[string], `SELECT cause_key FROM ledger
		WHERE activity_id = $1 AND slot_at >= $2 AND slot_at < $3 AND kind = 'cron' ORDER BY slot_at, cause_key`,
		clean(activityID), ts(from), ts(to))
	return keys, s.translate("list cron keys", err)
}
